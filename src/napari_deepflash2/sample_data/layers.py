"""Sample data as napari layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .sets import SampleSet, annotated, nuclei_fields, simulated_fields

LayerData = tuple[Any, dict[str, Any], str]

_AXES = ("field", "y", "x")


def nuclei_sample() -> list[LayerData]:
    """Four fields of real nuclei, (4, 256, 256), with the masks of five simulated experts."""
    return _as_layers(
        annotated("real nuclei", nuclei_fields(2, 2), 0), "nuclei", {"units": ("pixel", "pixel", "pixel")}
    )


def cells_sample() -> list[LayerData]:
    """Four fields of simulated cells, (4, 256, 256), with the masks of five simulated experts."""
    spatial = {"scale": (1.0, 0.5, 0.5), "units": ("pixel", "um", "um")}
    return _as_layers(annotated("simulated cells", simulated_fields(4, (256, 256), 0), 0), "cells", spatial)


def _as_layers(samples: SampleSet, name: str, spatial: dict[str, Any]) -> list[LayerData]:
    spatial = {"axis_labels": _AXES, **spatial}
    image = np.stack([one.image for one in samples.cells])
    truth = np.stack([one.truth for one in samples.cells])
    layers: list[LayerData] = [
        (image, {"name": name, "colormap": "gray", **spatial}, "image"),
        (truth, {"name": f"{name} truth", "visible": False, **spatial}, "labels"),
    ]
    for of_one_expert in zip(*samples.experts, strict=True):
        masks = np.stack([expert.mask for expert in of_one_expert])
        layers.append((masks, {"name": of_one_expert[0].profile.name, "opacity": 0.5, **spatial}, "labels"))
    return layers
