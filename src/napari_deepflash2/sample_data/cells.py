"""Simulated fluorescence images of cells, with the truth that made them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_CAMERA_OFFSET = 100.0
_READ_NOISE = 4.0
_SMALL_ROUND, _LARGE_LONG = (8.0, 1.1), (14.0, 1.6)


class Cells(NamedTuple):
    """An image and its truth.

    Attributes
    ----------
    image : (Y, X) uint16 array
        Photons in counts of a 12-bit camera with an offset of 100.
    truth : (Y, X) uint16 array
        Instance labels; 0 is background, the cells in focus are 1 to n.
    """

    image: NDArray[np.uint16]
    truth: NDArray[np.uint16]


def make_cells(
    shape: tuple[int, int] = (256, 256), n_cells: int = 30, random_state: int | np.random.Generator = 0
) -> Cells:
    """Simulate a fluorescence image of cells of several sizes and shapes.

    Cells in focus are textured, wobbly ellipses; others out of focus add haze. Illumination is uneven,
    photons follow Poisson's law, and the camera adds an offset and Gaussian read noise.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels.
    n_cells : int
        Cells in focus to place; fewer where there is no room for more.
    random_state : int or numpy.random.Generator
        The same seed gives the same image.

    Returns
    -------
    Cells
        Image and instance labels.
    """
    rng = np.random.default_rng(random_state)
    truth = _place_cells(shape, n_cells, rng)
    photons = _glow(truth, rng) + _haze(shape, max(1, n_cells // 3), rng) + 12.0
    photons *= _illumination(shape, rng)
    counts = rng.poisson(photons) + rng.normal(_CAMERA_OFFSET, _READ_NOISE, shape)
    return Cells(np.clip(counts.round(), 0, 4095).astype(np.uint16), truth)


def smooth_noise(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian random field (Y, X) with mean 0, standard deviation 1 and a grain of `sigma` pixels."""
    field = ndimage.gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    return (field - field.mean()) / (field.std() + 1e-12)


def cell_outline(
    center: tuple[float, float], shape: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns inside a random wobbly ellipse around `center`, cut off at the image's border."""
    from skimage.draw import polygon

    radius, elongation = _SMALL_ROUND if rng.random() < 0.6 else _LARGE_LONG
    radius *= rng.uniform(0.8, 1.3)
    elongation *= rng.uniform(0.9, 1.3)
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    harmonics = np.arange(2, 6)
    wobble = rng.normal(0, 0.035, 4) @ np.cos(np.outer(harmonics, angle) + rng.uniform(0, 6.28, (4, 1)))
    along, across = radius * elongation**0.5 * (1 + wobble), radius / elongation**0.5 * (1 + wobble)
    turn = rng.uniform(0, np.pi)
    y = along * np.cos(angle) * np.sin(turn) + across * np.sin(angle) * np.cos(turn)
    x = along * np.cos(angle) * np.cos(turn) - across * np.sin(angle) * np.sin(turn)
    rows, columns = polygon(center[0] + y, center[1] + x, shape)
    return rows, columns


def _place_cells(shape: tuple[int, int], n_cells: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    truth = np.zeros(shape, np.uint16)
    placed = 0
    for _ in range(30 * n_cells):
        if placed == n_cells:
            break
        rows, columns = cell_outline((rng.uniform(0, shape[0]), rng.uniform(0, shape[1])), shape, rng)
        # Cells may touch but a newcomer that another one hides would leave a truth nobody could draw.
        if rows.size < 30 or np.any(truth[rows, columns]):
            continue
        placed += 1
        truth[rows, columns] = placed
    return truth


def _glow(truth: NDArray[np.uint16], rng: np.random.Generator) -> NDArray[np.float64]:
    brightness = np.concatenate([[0.0], rng.lognormal(np.log(150), 0.5, int(truth.max()))])
    texture = np.clip(1 + 0.25 * smooth_noise(truth.shape, 2.5, rng), 0.2, None)
    return ndimage.gaussian_filter(brightness[truth] * texture, 1.2)


def _haze(shape: tuple[int, int], n_cells: int, rng: np.random.Generator) -> NDArray[np.float64]:
    haze = np.zeros(shape)
    for _ in range(n_cells):
        rows, columns = cell_outline((rng.uniform(0, shape[0]), rng.uniform(0, shape[1])), shape, rng)
        haze[rows, columns] += rng.uniform(30, 90)
    return ndimage.gaussian_filter(haze, 9.0) + 0.3 * ndimage.gaussian_filter(haze, 30.0)


def _illumination(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    center_y, center_x = rng.uniform(-0.3, 0.3, 2)
    return np.asarray(1.0 - 0.25 * ((y - center_y) ** 2 + (x - center_x) ** 2) / 2)
