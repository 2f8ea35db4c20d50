"""Trustworthy segmentation of ambiguous microscopy images: consensus, ensembles, uncertainty.

The names below are the public interface. They are loaded on first use, so that importing the package
costs next to nothing and brings in neither torch nor MONAI nor Qt.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("napari-deepflash2")
except PackageNotFoundError:
    __version__ = "unknown"

_HOMES = {
    "estimate_consensus": "consensus",
    "measure_agreement": "consensus",
    "pair_images_and_masks": "data",
    "split_folds": "data",
    "epochs_for": "data",
    "train_ensemble": "ensemble",
    "estimate_run": "ensemble",
    "find_learning_rate": "ensemble",
    "load_ensemble": "ensemble",
    "distil_student": "ensemble",
    "load_review": "ensemble",
    "find_objects": "objects",
    "measure_hesitation": "prediction",
    "make_cells": "sample_data",
    "simulate_experts": "sample_data",
    "load_nuclei": "sample_data",
    "Configuration": "config",
    "InputError": "errors",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
