"""From pixels to objects, and how well two sets of objects match."""

from .scores import THRESHOLDS, average_precisions, class_objects, dice_of_classes, score_labels

__all__ = ["THRESHOLDS", "average_precisions", "class_objects", "dice_of_classes", "score_labels"]
