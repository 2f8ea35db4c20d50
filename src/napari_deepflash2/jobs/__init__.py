"""Whole jobs: folders in, folders out. The command line calls them, notebooks may."""

from __future__ import annotations

from .agreement import report_agreement
from .check import check_folders
from .consensus import ConsensusReport, make_consensus, make_object_consensus
from .demo import DemoReport, run_demo
from .predict import PredictionReport, predict_folder
from .review import review_ensemble

__all__ = [
    "ConsensusReport",
    "DemoReport",
    "PredictionReport",
    "check_folders",
    "make_consensus",
    "make_object_consensus",
    "predict_folder",
    "report_agreement",
    "review_ensemble",
    "run_demo",
]
