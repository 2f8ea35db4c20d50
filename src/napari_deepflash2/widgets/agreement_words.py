"""Coefficients of agreement in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..consensus import Agreement

# Landis and Koch, Biometrics 33:159 (1977), table 1.
WORDS = ((0.8, "almost perfect"), (0.6, "substantial"), (0.4, "moderate"), (0.2, "fair"), (0.0, "slight"))


def in_a_word(coefficient: float | None) -> str:
    """Say what a kappa or alpha means after Landis and Koch (1977)."""
    if coefficient is None:
        return "not known"
    return next((word for least, word in WORDS if coefficient > least), "no better than chance")


def summary(agreement: Agreement) -> str:
    """Kappa and alpha with what they mean."""
    figures = {
        "Fleiss' kappa": agreement.fleiss_kappa,
        "Krippendorff's alpha": agreement.krippendorff_alpha,
    }
    return "\n".join(f"{name}: {_figure(value)}{in_a_word(value)}" for name, value in figures.items())


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}, "
