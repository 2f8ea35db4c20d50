"""Data on disk: reading, pairing, experts' folders, masks, the data check, folds and tiles.

The names below are loaded on first use, so that importing this package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .check import DataCheck, TrainingData, check_data, load_training_data
    from .expert_masks import ExpertMasks, read_expert_masks, read_expert_objects
    from .experts import ExpertFolder, find_expert_masks
    from .folders import image_id
    from .folds import epochs_for, split_folds
    from .masks import MaskSet, interpret_masks
    from .pairing import pair_images_and_masks
    from .reading import ImageFile, list_images, read_image, read_labels

_HOMES = {
    "DataCheck": "check",
    "TrainingData": "check",
    "check_data": "check",
    "load_training_data": "check",
    "ExpertFolder": "experts",
    "ExpertMasks": "expert_masks",
    "read_expert_masks": "expert_masks",
    "read_expert_objects": "expert_masks",
    "find_expert_masks": "experts",
    "image_id": "folders",
    "list_images": "folders",
    "epochs_for": "folds",
    "split_folds": "folds",
    "MaskSet": "masks",
    "interpret_masks": "masks",
    "pair_images_and_masks": "pairing",
    "ImageFile": "reading",
    "read_image": "reading",
    "read_labels": "reading",
}

__all__ = [
    "DataCheck",
    "ExpertFolder",
    "ExpertMasks",
    "ImageFile",
    "MaskSet",
    "TrainingData",
    "check_data",
    "epochs_for",
    "find_expert_masks",
    "image_id",
    "interpret_masks",
    "list_images",
    "load_training_data",
    "pair_images_and_masks",
    "read_expert_masks",
    "read_expert_objects",
    "read_image",
    "read_labels",
    "split_folds",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
