"""From pixels to objects, and how well two sets of objects match."""

from .finding import ObjectMap, find_objects
from .quality import ObjectQuality, best_overlaps
from .scores import THRESHOLDS, average_precisions, class_objects, dice_of_classes, score_labels
from .traits import ObjectTraits, separate_objects

__all__ = [
    "THRESHOLDS",
    "ObjectMap",
    "ObjectQuality",
    "ObjectTraits",
    "average_precisions",
    "best_overlaps",
    "class_objects",
    "dice_of_classes",
    "find_objects",
    "score_labels",
    "separate_objects",
]
