"""Simulated experts, whose skill is known because it was given to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from ..config import Section
from .cells import cell_outline, smooth_noise


class ExpertProfile(Section):
    """How an expert draws.

    Notes
    -----
    The first five traits are habits of people; the last two are errors made pixel by pixel and
    independently, as the model behind STAPLE assumes, for tests against known figures.
    """

    name: str = Field(description="The expert's name.")
    boundary_bias: float = Field(0.0, description="Outlines lie this many pixels too far out; negative: in.")
    boundary_wobble: float = Field(0.0, ge=0, description="Standard deviation of the outline, in pixels.")
    missed: float = Field(0.0, ge=0, le=1, description="Share of the objects that the expert overlooks.")
    invented: float = Field(0.0, ge=0, description="Objects drawn where there are none, per true object.")
    pixel_sensitivity: float = Field(1.0, ge=0, le=1, description="Share of foreground pixels kept.")
    pixel_specificity: float = Field(1.0, ge=0, le=1, description="Share of background pixels kept.")


DEFAULT_PROFILES = (
    ExpertProfile(name="expert1", boundary_wobble=0.6, missed=0.02),
    ExpertProfile(name="expert2", boundary_bias=1.2, boundary_wobble=0.8, missed=0.03, invented=0.03),
    ExpertProfile(name="expert3", boundary_bias=-1.2, boundary_wobble=0.8, missed=0.08),
    ExpertProfile(name="expert4", boundary_bias=0.4, boundary_wobble=1.0, missed=0.05, invented=0.08),
    ExpertProfile(name="expert5", boundary_bias=-0.4, boundary_wobble=1.2, missed=0.25, invented=0.05),
)


@dataclass(frozen=True)
class SimulatedExpert:
    """What a simulated expert drew, and how good it is.

    Attributes
    ----------
    profile : ExpertProfile
        The traits that made it.
    instances : (Y, X) uint16 array
        Instance labels; an object keeps the number it has in the truth, invented ones follow.
    sensitivity, specificity : float or None
        Measured against the truth, pixel by pixel; None where the truth has no such pixel.
    missed_objects : tuple of int
        Numbers of the true objects that the expert overlooked.
    """

    profile: ExpertProfile
    instances: NDArray[np.uint16]
    sensitivity: float | None
    specificity: float | None
    missed_objects: tuple[int, ...]

    @property
    def mask(self) -> NDArray[np.uint8]:
        """Foreground 1, background 0; (Y, X) uint8."""
        return (self.instances > 0).astype(np.uint8)


def simulate_experts(
    truth: NDArray[np.integer],
    profiles: Sequence[ExpertProfile] = DEFAULT_PROFILES,
    random_state: int | np.random.Generator = 0,
) -> list[SimulatedExpert]:
    """Let simulated experts annotate an image whose truth is known.

    Parameters
    ----------
    truth : (Y, X) integer array
        Instance labels, 0 is background.
    profiles : sequence of ExpertProfile
        One for each expert; five of mixed skill by default.
    random_state : int or numpy.random.Generator
        The same seed gives the same masks.

    Returns
    -------
    list of SimulatedExpert
        In the order of `profiles`.
    """
    rng = np.random.default_rng(random_state)
    return [
        _annotate(np.asarray(truth), profile, expert_rng)
        for profile, expert_rng in zip(profiles, rng.spawn(len(profiles)), strict=True)
    ]


def _annotate(
    truth: NDArray[np.integer], profile: ExpertProfile, rng: np.random.Generator
) -> SimulatedExpert:
    objects = np.unique(truth[truth > 0])
    missed = objects[rng.random(objects.size) < profile.missed]
    instances = np.where(np.isin(truth, missed), 0, truth).astype(np.uint16)
    instances = _redraw_outlines(instances, profile, rng)
    _invent(instances, truth, round(profile.invented * objects.size), rng)
    instances = _flip_pixels(instances, truth, profile, rng)
    drawn, true = instances > 0, truth > 0
    return SimulatedExpert(
        profile,
        instances,
        float(drawn[true].mean()) if true.any() else None,
        float(1 - drawn[~true].mean()) if not true.all() else None,
        tuple(int(number) for number in missed),
    )


def _redraw_outlines(
    instances: NDArray[np.uint16], profile: ExpertProfile, rng: np.random.Generator
) -> NDArray[np.uint16]:
    if not instances.any() or (profile.boundary_bias == 0 and profile.boundary_wobble == 0):
        return instances
    outside, nearest = ndimage.distance_transform_edt(instances == 0, return_indices=True)
    inside = ndimage.distance_transform_edt(instances > 0)
    # Half a pixel each: the outline lies between the last pixel inside and the first outside.
    distance = np.where(instances > 0, 0.5 - inside, outside - 0.5)
    limit = profile.boundary_bias + profile.boundary_wobble * smooth_noise(instances.shape, 4.0, rng)
    return np.where(distance < limit, instances[tuple(nearest)], 0).astype(np.uint16)


def _invent(
    instances: NDArray[np.uint16], truth: NDArray[np.integer], count: int, rng: np.random.Generator
) -> None:
    number = int(truth.max(initial=0))
    for _ in range(count):
        center = rng.uniform(0, truth.shape[0]), rng.uniform(0, truth.shape[1])
        rows, columns = cell_outline(center, truth.shape, rng)
        free = (truth[rows, columns] == 0) & (instances[rows, columns] == 0)
        number += 1
        instances[rows[free], columns[free]] = number


def _flip_pixels(
    instances: NDArray[np.uint16],
    truth: NDArray[np.integer],
    profile: ExpertProfile,
    rng: np.random.Generator,
) -> NDArray[np.uint16]:
    if profile.pixel_sensitivity == 1 and profile.pixel_specificity == 1:
        return instances
    draw = rng.random(truth.shape)
    kept = np.where((truth > 0) & (draw >= profile.pixel_sensitivity), 0, instances)
    false_object = int(instances.max(initial=0)) + 1
    wrong = (truth == 0) & (draw >= profile.pixel_specificity)
    return np.where(wrong, false_object, kept).astype(np.uint16)
