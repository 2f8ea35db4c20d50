"""Settings that belong together, by what they are good for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """Some settings under one name.

    Attributes
    ----------
    purpose : str
        When to choose it, in one sentence.
    settings : mapping
        Values by section and name, where they differ from the defaults.
    """

    purpose: str
    settings: Mapping[str, Mapping[str, Any]]


PRESETS = {
    "quick look": Preset(
        "Two models after a hundred steps, within two minutes: do images and masks make sense?",
        {
            "training": {"models": 2, "iterations": 100},
            "prediction": {"test_time_augmentation": "none"},
        },
    ),
    "standard": Preset("The defaults: five models, good enough to work with.", {}),
    "publish": Preset(
        "Five models that train three times as long and predict each tile in eight views.",
        {
            "training": {"models": 5, "iterations": 3000},
            "prediction": {"test_time_augmentation": "dihedral", "overlap": 0.5},
        },
    ),
}


def governed() -> dict[str, set[str]]:
    """Names of the settings that any preset sets, by section: choosing another resets them."""
    names: dict[str, set[str]] = {}
    for preset in PRESETS.values():
        for section, values in preset.settings.items():
            names.setdefault(section, set()).update(values)
    return names
