"""Experts in, ground truth out: consensus of masks and agreement of experts."""

from .estimate import estimate_consensus
from .maps import agreement_map, disagreement_map
from .overlap import dice, iou
from .result import Consensus

__all__ = ["Consensus", "agreement_map", "dice", "disagreement_map", "estimate_consensus", "iou"]
