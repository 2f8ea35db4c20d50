"""The configuration: one tree for the command line, the viewer and the API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError

from ..errors import InputError
from .consensus import ConsensusConfig
from .data import DataConfig
from .files import read_settings, write_settings
from .prediction import PredictionConfig
from .presets import PRESETS, governed
from .problems import problem_of
from .section import Section
from .student import StudentConfig
from .training import AugmentationConfig, TrainingConfig

__all__ = [
    "PRESETS",
    "AugmentationConfig",
    "Configuration",
    "ConsensusConfig",
    "DataConfig",
    "PredictionConfig",
    "Section",
    "StudentConfig",
    "TrainingConfig",
]


class Configuration(Section):
    """Everything that can be set, by part of the work."""

    data: DataConfig = Field(default_factory=DataConfig, description="How files become images and masks.")
    consensus: ConsensusConfig = Field(
        default_factory=ConsensusConfig, description="How several experts' masks become one."
    )
    training: TrainingConfig = Field(
        default_factory=TrainingConfig, description="How the ensemble is trained."
    )
    prediction: PredictionConfig = Field(
        default_factory=PredictionConfig, description="How an ensemble predicts an image."
    )
    student: StudentConfig = Field(
        default_factory=StudentConfig, description="How a preview network is distilled from an ensemble."
    )

    @classmethod
    def of(cls, config: Configuration | Mapping[str, Any] | Path | str | None) -> Configuration:
        """Take a configuration, a mapping, the path of a TOML or YAML file, or None for the defaults.

        Raises
        ------
        InputError
            Where the file cannot be read or a setting is unknown or out of its range; names each one.
        """
        if config is None:
            return cls()
        if isinstance(config, Configuration):
            return config
        if isinstance(config, str | Path):
            return cls.load(config)
        return cls._validated(config, "configuration")

    @classmethod
    def load(cls, path: Path | str) -> Configuration:
        """Read a TOML or YAML file; see `of` for the errors."""
        return cls._validated(read_settings(Path(path)), str(path))

    def save(self, path: Path | str) -> None:
        """Write a TOML or YAML file, by its extension, that `load` reads back to an equal configuration."""
        write_settings(Path(path), self.model_dump(mode="json", exclude_none=True))

    def replace(self, section: str, **values: Any) -> Self:
        """Copy with some settings of one section changed and validated."""
        tree = self.model_dump(mode="json")
        tree[section] |= values
        return self._validated(tree, "settings")

    def with_preset(self, name: str) -> Self:
        """Copy with the settings of a preset; what another preset would set goes back to its default.

        Raises
        ------
        InputError
            Where there is no preset of that name; lists those that there are.
        """
        if name not in PRESETS:
            known = ", ".join(f"{preset!r}" for preset in PRESETS)
            raise InputError.one(
                "preset", f"there is no {name!r}", f"Choose one of {known}.", "unknown-preset"
            )
        tree, default = self.model_dump(mode="json"), type(self)().model_dump(mode="json")
        for section, names in governed().items():
            chosen = PRESETS[name].settings.get(section, {})
            tree[section] |= {key: chosen.get(key, default[section][key]) for key in names}
        return self._validated(tree, "settings")

    @classmethod
    def _validated(cls, values: Mapping[str, Any], where: str) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError(problem_of(item, cls, where) for item in error.errors()) from error
