"""Settings of the consensus."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .section import Section

Probability = Annotated[float, Field(ge=0, le=1)]
Label = Annotated[int, Field(ge=0)]


class ConsensusConfig(Section):
    """How several experts' masks become one."""

    method: Literal["staple", "majority", "weighted", "union", "intersection", "at_least"] = Field(
        "staple",
        description="STAPLE weighs each expert by the sensitivity and specificity it estimates; majority "
        "vote counts every expert alike, weighted vote by the weights given; union, intersection and "
        "at_least mark what one, all or a given number of experts marked.",
    )
    undecided_label: Label = Field(
        0, description="Label of pixels on which two labels are equally likely, or have equally many votes."
    )
    ignore_label: Label | None = Field(
        None,
        description="Label by which an expert says that a pixel was not judged; it is no vote. Pixels "
        "that nobody judged keep it.",
    )
    classes: tuple[Label, ...] | None = Field(
        None,
        description="The labels that masks may hold; those that they do hold when not given. Give them "
        "where all images of a set must have the same probability channels.",
    )
    weights: dict[str, Annotated[float, Field(ge=0)]] | None = Field(
        None, description="Weight of each expert's vote, by name; for the weighted vote only."
    )
    min_votes: int = Field(
        2, ge=1, description="Experts who must have marked a pixel with the same label; for at_least only."
    )
    prior: dict[Label, Probability] | None = Field(
        None,
        description="Share of the pixels that each label takes, for STAPLE; the share of the votes, over "
        "all experts, when not given.",
    )
    initial_performance: Annotated[float, Field(gt=0, lt=1)] | dict[str, Probability] = Field(
        0.99999,
        description="Probability of an expert naming the right label with which STAPLE starts: one number "
        "or one for each expert by name.",
    )
    max_iterations: int = Field(10_000, ge=1, description="Most rounds of expectation-maximisation.")
    tolerance: float = Field(
        1e-7, gt=0, description="STAPLE has converged when no performance figure changes by more than this."
    )
    require_convergence: bool = Field(
        True,
        description="Whether STAPLE refuses to give a result when its figures still move after the most "
        "rounds allowed, or gives the result with a note.",
    )

    @model_validator(mode="after")
    def _weights_where_needed(self) -> Self:
        if (self.method == "weighted") != (self.weights is not None):
            raise ValueError("weights belong to the weighted vote, and it needs them")
        return self

    @model_validator(mode="after")
    def _prior_sums_to_one(self) -> Self:
        if self.prior is not None and abs(sum(self.prior.values()) - 1) > 1e-6:
            raise ValueError("the prior must sum to 1 over the labels")
        return self
