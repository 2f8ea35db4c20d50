"""The agreement of experts in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..viewer.experts import Comparison


def summary(comparison: Comparison) -> str:
    """Say kappa and alpha with what they mean, and who stands out."""
    agreement = comparison.agreement
    figures = {
        "Fleiss' kappa": agreement.fleiss_kappa,
        "Krippendorff's alpha": agreement.krippendorff_alpha,
    }
    lines = [f"{name}: {_figure(value)}" for name, value in figures.items()]
    return "\n".join([*lines, _who_stands_out(agreement.outliers)])


def leave_one_out_title(comparison: Comparison) -> str:
    """Say what the Dice with the others was averaged over, and so whether there is an interval."""
    images = len(comparison.agreement.patterns)
    if images == 1:
        return "Each expert against the consensus of the others"
    return (
        "Each expert against the consensus of the others: mean Dice with the 95 % bootstrap interval over "
        f"{images} images"
    )


def _who_stands_out(experts: Sequence[str]) -> str:
    if not experts:
        return "No expert stands out."
    names, verb = ", ".join(experts), "stands" if len(experts) == 1 else "stand"
    return f"{names} {verb} out: the median Dice with the others is less than half of the others'."


def _figure(value: float | None) -> str:
    from ..consensus import kappa_in_words

    return kappa_in_words(value) if value is None else f"{value:.3f} ({kappa_in_words(value)})"
