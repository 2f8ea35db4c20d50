"""Small sets of images, each with the masks of several experts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cells import Cells, make_cells
from .experts import SimulatedExpert, simulate_experts
from .nuclei import load_nuclei, nuclei_are_installed


@dataclass(frozen=True)
class SampleSet:
    """Images, truth and experts, in the same order.

    Attributes
    ----------
    source : str
        One sentence on where the images come from.
    ids : tuple of str
        Names of the images.
    cells : tuple of Cells
        Images and instance labels.
    experts : tuple of list of SimulatedExpert
        For every image what each expert drew.
    """

    source: str
    ids: tuple[str, ...]
    cells: tuple[Cells, ...]
    experts: tuple[list[SimulatedExpert], ...]


def nuclei_fields(rows: int, columns: int) -> tuple[Cells, ...]:
    """Cut the real nuclei into `rows` x `columns` fields that share no pixel."""
    nuclei = load_nuclei()
    height, width = nuclei.image.shape[0] // rows, nuclei.image.shape[1] // columns
    return tuple(
        Cells(*(plane[y : y + height, x : x + width] for plane in nuclei))
        for y in range(0, rows * height, height)
        for x in range(0, columns * width, width)
    )


def simulated_fields(count: int, shape: tuple[int, int], random_state: int) -> tuple[Cells, ...]:
    """Simulate `count` fields of cells, as densely sown whatever their shape."""
    n_cells = max(1, shape[0] * shape[1] // 1800)
    return tuple(make_cells(shape, n_cells, rng) for rng in np.random.default_rng(random_state).spawn(count))


def demo_samples(random_state: int = 0) -> SampleSet:
    """Eight fields with five experts: real nuclei where installed, else simulated cells."""
    if nuclei_are_installed():
        source = "real nuclei (stardist's sample image, cut into 8 fields), experts simulated"
        return annotated(source, nuclei_fields(4, 2), random_state)
    source = "simulated cells and experts (install the extra 'samples' for real nuclei)"
    return annotated(source, simulated_fields(8, (128, 256), random_state), random_state)


def annotated(source: str, cells: tuple[Cells, ...], random_state: int) -> SampleSet:
    """Let the default experts annotate each of the fields."""
    generators = np.random.default_rng(random_state).spawn(len(cells))
    experts = tuple(
        simulate_experts(one.truth, random_state=rng) for one, rng in zip(cells, generators, strict=True)
    )
    return SampleSet(source, tuple(f"{number:04d}" for number in range(1, len(cells) + 1)), cells, experts)
