"""What a network sees in an image: its deepest map and simple statistics, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..data.normalisation import FloatImage, Normalisation, Standardisation
from .canvas import Canvas, GridWeights, Region
from .passes import Predictor
from .sources import InMemory, tiles_of
from .tiling import TileGrid

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

# Side of a cell in pixels: some nuclei or one large cell.
CELL = 64

# Of the tiles that are read at once.
_PIXELS = 2**22
_PROBE = 64
# No network of the registry halves a tile more often than five times; smaller maps are pooled ones.
_SMALLEST_SIDE = _PROBE // 32
_SCALES = (1, 2, 4)
# In standard deviations of an image: what is flatter than this is flat.
_LEAST = 0.01
_SKEWEST = 5.0


@dataclass(frozen=True)
class CellGrid:
    """How cells lie on an image.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the image, in pixels.
    tiles : TileGrid
        Tiles that are seen one by one.
    cells : (int, int)
        Rows and columns of cells in a tile.
    """

    shape: tuple[int, int]
    tiles: TileGrid
    cells: tuple[int, int]

    @classmethod
    def cover(cls, shape: tuple[int, int], tile_size: int) -> CellGrid:
        """Cover an image by tiles without overlap and these by cells of about 64 pixels."""
        tiles = TileGrid.cover(shape, tile_size, 0)
        height, width = (max(1, round(side / CELL)) for side in tiles.shape)
        return cls(shape, tiles, (height, width))

    @property
    def strips(self) -> list[tuple[tuple[int, int], ...]]:
        """Starts of tiles that lie side by side, as many as are read at once; all, in their order."""
        side_by_side: dict[int, list[tuple[int, int]]] = {}
        for y, x in self.tiles.starts:
            side_by_side.setdefault(y, []).append((y, x))
        most = max(1, _PIXELS // (self.tiles.shape[0] * self.tiles.shape[1]))
        return [
            tuple(row[first : first + most])
            for row in side_by_side.values()
            for first in range(0, len(row), most)
        ]

    def map_of(self, values: NDArray[np.floating], region: Region | None = None) -> NDArray[np.float32]:
        """Paint one value a cell over a region of the image, (N,) to (Y, X) float32; by default over all."""
        region = region or Region(0, self.shape[0], 0, self.shape[1])
        height, width = self.tiles.shape
        canvas = Canvas((1,), region, GridWeights(self.tiles, self.shape, "flat"))
        of_cells = values.astype(np.float32).reshape(-1, *self.cells)
        for (y, x), cells in zip(self.tiles.starts, of_cells, strict=True):
            if region.touches(Region(y, y + height, x, x + width)):
                canvas.add([(y, x)], self._painted(cells))
        return canvas.averages()[0][0]

    def _painted(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """Paint the cells of a tile, as (1, 1, height, width)."""
        height, width = self.tiles.shape
        rows = np.arange(height) * self.cells[0] // height
        columns = np.arange(width) * self.cells[1] // width
        return cells[np.newaxis, np.newaxis, rows[:, np.newaxis], columns]


class Encoder:
    """Describes images as one network sees them.

    Parameters
    ----------
    predictor : Predictor
        The network, in float32.
    channels : int
        Of its images.
    tile_size : int
        Side of a tile at most, in pixels.
    device : torch.device
        Where the network is.
    """

    def __init__(self, predictor: Predictor, channels: int, tile_size: int, device: torch.device) -> None:
        self._predictor, self._tile_size, self._device = predictor, tile_size, device
        self._layer = predictor.network.get_submodule(deepest_layer(predictor.network, channels, device))

    def grid(self, shape: tuple[int, int]) -> CellGrid:
        """Cells of an image of that height and width."""
        return CellGrid.cover(shape, self._tile_size)

    @property
    def normalisation(self) -> Normalisation:
        """How the network's images are standardised."""
        return self._predictor.normalisation

    def describe(self, image: FloatImage) -> NDArray[np.float32]:
        """Describe each cell of an image.

        Parameters
        ----------
        image : ndarray of float32, shape (Y, X, C)
            Intensities as stored.

        Returns
        -------
        ndarray of float32, shape (N, D)
            Cells tile by tile and row by row, as `CellGrid` has them; see `describe_tile`.
        """
        source, look = InMemory(image), self.normalisation.for_image(image)
        grid = self.grid(source.shape)
        return np.concatenate(
            [
                self.describe_tile(tile, look, grid.cells)
                for strip in grid.strips
                for tile in tiles_of(source, strip, grid.tiles.shape)
            ]
        )

    def describe_tile(
        self, tile: NDArray[np.float32], look: Standardisation, cells: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Describe each cell of a tile.

        Parameters
        ----------
        tile : ndarray of float32, shape (C, height, width)
            Intensities as stored.
        look : Standardisation
            How the image that it is from is standardised.
        cells : (int, int)
            Rows and columns of cells.

        Returns
        -------
        ndarray of float32, shape (N, D)
            Row by row: mean of each channel of the deepest map, then of each channel of the image,
            standardised: mean, logarithm of the deviation, skewness, and logarithm of the mean difference
            of neighbours on three scales.
        """
        import torch
        from torch.nn.functional import adaptive_avg_pool2d

        standardised = look.apply(np.moveaxis(tile, 0, -1))
        with torch.inference_mode():
            seen = torch.from_numpy(standardised[np.newaxis]).to(self._device)
            maps = [adaptive_avg_pool2d(self._deepest(seen), cells), _statistics(seen, cells)]
            return torch.cat(maps, 1)[0].flatten(1).T.cpu().numpy()

    def _deepest(self, tile: Tensor) -> Tensor:
        found: list[Tensor] = []

        def stop(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> NoReturn:
            found.append(output)
            raise _Reached

        hook = self._layer.register_forward_hook(stop)
        try:
            self._predictor.network(tile)
        except _Reached:
            pass
        finally:
            hook.remove()
        return found[0].float()


class _Reached(Exception):
    """The layer has run; what follows it is not needed."""


def deepest_layer(network: nn.Module, channels: int, device: torch.device) -> str:
    """Find the last layer that gives the smallest map, with as many channels as any of that size.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (N, C, Y, X) to logits.
    channels : int
        Channels C.
    device : torch.device
        Where it is.

    Returns
    -------
    str
        Name of the layer in the network.
    """
    import torch

    seen: list[tuple[int, int, str]] = []

    def keep(name: str, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and min(output.shape[2:]) >= _SMALLEST_SIDE:
            seen.append((output.shape[2] * output.shape[3], -output.shape[1], name))

    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: keep(name, output))
        for name, layer in network.named_modules()
        if name
    ]
    with torch.inference_mode():
        network(torch.zeros(1, channels, _PROBE, _PROBE, device=device))
    for hook in hooks:
        hook.remove()
    smallest = min(seen)[:2]
    return [name for *size, name in seen if tuple(size) == smallest][-1]


def statistics_of(channels: int) -> int:
    """Count the statistics that end the description of a cell."""
    return (3 + len(_SCALES)) * channels


def _statistics(tile: Tensor, cells: tuple[int, int]) -> Tensor:
    """Measure cells of a standardised tile (1, C, Y, X); gives (1, 6 C, rows, columns)."""
    import torch
    from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

    def pooled(values: Tensor) -> Tensor:
        return adaptive_avg_pool2d(values, cells)

    mean = pooled(tile)
    variance = (pooled(tile**2) - mean**2).clamp(min=0)
    deviation = variance.sqrt() + _LEAST
    third = pooled(tile**3) - 3 * mean * variance - mean**3
    found = [mean, deviation.log(), (third / deviation**3).clamp(-_SKEWEST, _SKEWEST)]
    for scale in _SCALES:
        smaller = avg_pool2d(tile, scale) if scale > 1 else tile
        steps = smaller.diff(dim=3)[..., :-1, :].abs() + smaller.diff(dim=2)[..., :-1].abs()
        found.append((pooled(steps) + _LEAST).log())
    return torch.cat(found, 1)
