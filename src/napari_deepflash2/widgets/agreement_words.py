"""The agreement of experts in words."""

from __future__ import annotations

from ..viewer.experts import Comparison


def summary(comparison: Comparison) -> str:
    """Say kappa and alpha with what they mean, and who stands out."""
    figures = {
        "Fleiss' kappa": comparison.fleiss_kappa,
        "Krippendorff's alpha": comparison.krippendorff_alpha,
    }
    lines = [f"{name}: {_figure(value)}" for name, value in figures.items()]
    if comparison.outliers:
        lines.append(f"Stands out: {', '.join(comparison.outliers)}")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    from ..consensus import kappa_in_words

    return kappa_in_words(value) if value is None else f"{value:.3f} ({kappa_in_words(value)})"
