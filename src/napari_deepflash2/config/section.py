"""What every part of the configuration has in common."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Precision = Literal["auto", "float32", "bfloat16", "float16"]


class Section(BaseModel):
    """A frozen part of the configuration that refuses names it does not know.

    The fields of a section are the one source of names, defaults, ranges and help: the command line's
    options, the widgets' forms and the reference page are made from them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)
