"""Settings of the consensus."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import Section


class ConsensusConfig(Section):
    """How several experts' masks become one."""

    method: Literal["staple", "majority"] = Field(
        "staple",
        description="STAPLE weighs each expert by the sensitivity and specificity it estimates; majority "
        "vote counts every expert alike.",
    )
    undecided_label: int = Field(
        0, ge=0, description="Label of pixels on which a majority vote ends in a tie."
    )
    max_iterations: int = Field(1000, ge=1, description="Most rounds of expectation-maximisation.")
    tolerance: float = Field(
        1e-7, gt=0, description="STAPLE has converged when no performance figure changes by more than this."
    )
