"""The configuration: one tree for the command line, the viewer and the API."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError

from ..errors import InputError, Problem
from ..files import write_text
from .consensus import ConsensusConfig
from .data import DataConfig
from .prediction import PredictionConfig
from .section import Section
from .training import AugmentationConfig, TrainingConfig

__all__ = [
    "AugmentationConfig",
    "Configuration",
    "ConsensusConfig",
    "DataConfig",
    "PredictionConfig",
    "Section",
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

    @classmethod
    def of(cls, config: Configuration | Mapping[str, Any] | Path | str | None) -> Configuration:
        """Take a configuration, a mapping, the path of a TOML file, or None for the defaults.

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
        """Read a TOML file; see `of` for the errors."""
        try:
            values = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError.one(
                path, f"cannot be read as a TOML file ({error})", "Mend or replace the file.", "bad-config"
            ) from error
        return cls._validated(values, str(path))

    def save(self, path: Path | str) -> None:
        """Write a TOML file that `load` reads back to an equal configuration."""
        import tomli_w

        write_text(path, tomli_w.dumps(self.model_dump(mode="json", exclude_none=True)))

    def replace(self, section: str, **values: Any) -> Self:
        """Copy with some settings of one section changed and validated."""
        tree = self.model_dump(mode="json")
        tree[section] |= values
        return self._validated(tree, "settings")

    @classmethod
    def _validated(cls, values: Mapping[str, Any], where: str) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError(
                Problem(
                    f"{where}, {'.'.join(str(part) for part in item['loc'])}",
                    f"{item['msg']} (found {item['input']!r})",
                    "Correct this setting.",
                    "bad-setting",
                )
                for item in error.errors()
            ) from error
