"""What a training was computed with."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def versions() -> dict[str, str]:
    """Versions of this package, of Python and of the libraries whose change may change the weights."""
    packages = ("napari-deepflash2", "torch", "monai", "numpy", "scikit-learn")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def environment(device: torch.device) -> dict[str, str | int]:
    """Device, number of threads and machine type: the same seed gives the same bits on the same of these."""
    import torch

    return {"device": str(device), "threads": torch.get_num_threads(), "machine": platform.machine()}
