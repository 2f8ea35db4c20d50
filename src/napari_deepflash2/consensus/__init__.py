"""Experts in, ground truth out: consensus of masks and agreement of experts."""

from .agreement import Agreement
from .chance import kappa_in_words
from .estimate import estimate_consensus
from .images import estimate_consensus_of_images
from .maps import agreement_map, disagreement_map
from .measure import measure_agreement, measure_agreement_of_images
from .objects import ObjectConsensus, estimate_object_consensus
from .overlap import dice, iou
from .report import save_agreement
from .result import Consensus

__all__ = [
    "Agreement",
    "Consensus",
    "ObjectConsensus",
    "agreement_map",
    "dice",
    "disagreement_map",
    "estimate_consensus",
    "estimate_consensus_of_images",
    "estimate_object_consensus",
    "iou",
    "kappa_in_words",
    "measure_agreement",
    "measure_agreement_of_images",
    "save_agreement",
]
