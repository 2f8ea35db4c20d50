"""Files of other programs: what ImageJ and Fiji draw."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .expert_rois import ImportedRois, import_expert_rois
    from .rois import RoiLabels, labels_of_rois

_HOMES = {
    "ImportedRois": "expert_rois",
    "import_expert_rois": "expert_rois",
    "RoiLabels": "rois",
    "labels_of_rois": "rois",
}

__all__ = ["ImportedRois", "RoiLabels", "import_expert_rois", "labels_of_rois"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
