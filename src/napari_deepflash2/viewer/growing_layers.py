"""Layers that grow while they are predicted: a worker fills their arrays, the main thread draws them.

The worker writes into the arrays of the layers and touches no layer; the main thread calls `look`, which
makes the layers and draws what is new, and `settle` once the worker has ended. What an earlier run has
predicted of the same image with the same settings stays.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from .colours import class_colormap, veil
from .frames import Frame, Maps
from .known import Figures, with_more
from .placing import TAG, Output, checksum, role_of, show
from .reading import Snapshot
from .regions import Target

if TYPE_CHECKING:
    from ..prediction import Moments, Prediction
    from ..prediction.canvas import Region

LABELS, UNCERTAINTY, UNLIKE, PROBABILITIES = "prediction", "uncertainty", "ood_map", "probabilities"
# Maps of a prediction that are layers of their own where they were asked for.
ASKED_FOR = ("epistemic", "entropy", "mutual_information")
UNLIKE_LIMITS = (0.0, 4.0)
# What names of layers say that no ensemble has predicted.
PREVIEW = "preview by one network"
# A layer is drawn again after this many times the time that it took, so that napari has time for its user.
_REST = 5


@dataclass(frozen=True)
class _Earlier:
    """A layer of an earlier run, with what it held when the new one began."""

    layer: Layer
    data: NDArray[Any]
    tag: Mapping[str, Any]
    is_untouched: bool = False


class GrowingLayers:
    """The layers of one run.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where they are.
    image : Snapshot
        What is predicted.
    target : Target
        Which part of it.
    wanted : sequence of str
        Maps beside labels and uncertainty: some of `ASKED_FOR`, ``"probabilities"`` and ``"ood_map"``.
    prefix : str
        What roles begin with; empty, but for predictions that are no ensemble's.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        image: Snapshot,
        target: Target,
        wanted: Sequence[str] = (UNLIKE,),
        prefix: str = "",
    ) -> None:
        self._viewer, self.image, self.target, self._wanted, self._prefix = (
            viewer,
            image,
            target,
            wanted,
            prefix,
        )
        self._earlier = {role: self._find(role) for role in self._roles_there()}
        self._layers: dict[str, Layer] = {}
        self._written: dict[str, int] = {}
        self._classes: tuple[int, ...] = ()
        self._key = ""
        self._told = self._drawn = 0
        self._next_draw = 0.0
        self.maps: Maps | None = None
        self.known: tuple[Figures, ...] = ()
        self.has_replaced = False

    # What follows is for the worker.

    def begin(self, classes: tuple[int, ...], key: str, knows_likeness: bool) -> None:
        """Get ready for a prediction.

        Parameters
        ----------
        classes : tuple of int
            Values that the labels may hold, the background first.
        key : str
            The same where results belong together.
        knows_likeness : bool
            Whether there will be a map of what is unlike the training images.
        """
        self._classes, self._key = classes, key
        # napari compiles how it colours labels at the first use: seconds that its window would stand still.
        class_colormap(classes).map(np.zeros((1, 1), np.min_scalar_type(max(classes))))
        if not knows_likeness:
            self._wanted = [role for role in self._wanted if role != UNLIKE]

    def take(self, index: tuple[int, ...], region: Region, moments: Moments) -> None:
        """Write what is known of a region of a plane; NaN is not known."""
        from ..prediction import Prediction

        found = Prediction.from_moments(moments, self._classes, self.image.name)
        self._write(index, region, found, ~np.isnan(found.uncertainty))
        self._told += 1

    def finish(self, index: tuple[int, ...], found: Prediction) -> None:
        """Write the final prediction of the target's region of a plane, with its figures."""
        region = self.target.region
        maps = self._write(index, region, found, True)
        if found.ood_map is not None and UNLIKE in self._wanted:
            maps.write(UNLIKE, index, region, found.ood_map)
        self.known = with_more(self.known, Figures.of(index, region, self._plane, found))
        self._told += 1

    def interrupt(self, index: tuple[int, ...]) -> None:
        """Note how much is known of a plane that was not predicted to its end."""
        if self.maps is None:
            return
        where = self.maps.frame.where(index, self.target.region)
        share = float(np.isfinite(self.maps.on_grid(UNCERTAINTY)[where]).mean())
        if 0 < share < 1:
            whole = self.target.region.shape == self._plane
            self.known = with_more(self.known, Figures(index, self.target.region, whole, share))

    def seal(self) -> None:
        """Note what all arrays hold, so that a later run knows what a user has painted on."""
        if self.maps is not None:
            self._written = {role: checksum(array) for role, array in self.maps.arrays.items()}

    @property
    def has_begun(self) -> bool:
        """Whether anything was predicted."""
        return self.maps is not None

    # What follows is for the main thread.

    def look(self) -> None:
        """Make layers that are not there yet, and draw what has grown, but not too often."""
        maps, told = self.maps, self._told
        if maps is None or told == self._drawn or time.monotonic() < self._next_draw:
            return
        missing = [role for role in _order(maps.arrays) if role not in self._layers]
        if missing:
            # One at a time: napari takes a while to make the controls of a layer.
            self._layers[missing[0]] = self._place(maps, missing[0])
            return
        began = time.monotonic()
        for layer in self._there().values():
            layer.refresh(extent=False, thumbnail=False, highlight=False)
        self._drawn = told
        now = time.monotonic()
        self._next_draw = now + _REST * (now - began)

    def settle(self) -> tuple[str, ...]:
        """Draw the end, and note in each layer what a later run has to know; give the names of lost ones."""
        while self.maps is not None and self._drawn != self._told:
            self._next_draw = 0
            self.look()
        for role, layer in self._there().items():
            layer.metadata[TAG] = self._tag(role)
            layer.refresh(extent=False)
        return tuple(layer.name for layer in self._layers.values() if layer not in self._viewer.layers)

    def _write(
        self,
        index: tuple[int, ...],
        region: Region,
        found: Prediction,
        known: NDArray[np.bool_] | bool,
    ) -> Maps:
        values = self._values(found)
        maps = self.maps or self._made(values)
        for role, array in values.items():
            maps.write(role, index, region, array, known)
        self.maps = maps
        return maps

    def _values(self, found: Prediction) -> dict[str, NDArray[Any]]:
        asked = {role: getattr(found, role) for role in ASKED_FOR if role in self._wanted}
        values = {LABELS: found.labels, UNCERTAINTY: found.uncertainty, **asked}
        if PROBABILITIES in self._wanted:
            values |= dict(zip(probability_roles(self._classes), found.probabilities[1:], strict=True))
        return values

    def _made(self, values: Mapping[str, NDArray[Any]]) -> Maps:
        """Make arrays, or go on with those of earlier layers where the results belong together."""
        self._earlier = {role: _looked_at(one) for role, one in self._earlier.items()}
        frame = Frame.of(self.image, self.target)
        kept = {role: one for role, one in self._earlier.items() if self._goes_on(one)}
        maps = Maps(self.image, frame, {})
        if {LABELS, UNCERTAINTY} <= kept.keys():
            self.known = tuple(kept[LABELS].tag["known"])
            earlier = Maps(
                self.image, kept[LABELS].tag["frame"], {role: one.data for role, one in kept.items()}
            )
            maps = self._merged(earlier, frame)
        else:
            self.has_replaced = any(one.is_untouched for one in self._earlier.values())
        unlike = {UNLIKE: np.dtype(np.float32)} if UNLIKE in self._wanted else {}
        for role, dtype in ({role: array.dtype for role, array in values.items()} | unlike).items():
            if role not in maps.arrays:
                maps.add(role, dtype)
        return maps

    def _merged(self, earlier: Maps, frame: Frame) -> Maps:
        together = earlier.frame.union(frame)
        if together == earlier.frame:
            return earlier
        maps = Maps(self.image, together, {})
        maps.copy_from(earlier)
        return maps

    def _goes_on(self, earlier: _Earlier) -> bool:
        labels = self._earlier.get(LABELS)
        frame = earlier.tag.get("frame")
        return (
            earlier.is_untouched
            and earlier.tag.get("key") == self._key
            and labels is not None
            and frame == labels.tag.get("frame")
        )

    @property
    def _plane(self) -> tuple[int, int]:
        height, width = self.image.grid.shape[-2:]
        return height, width

    def _place(self, maps: Maps, role: str) -> Layer:
        earlier = self._earlier.get(role)
        layer = None
        if earlier is not None and earlier.layer in self._viewer.layers:
            layer = earlier.layer if earlier.is_untouched else None
            if layer is None:
                # Painted on since: it is the user's from now on.
                earlier.layer.metadata.pop(TAG, None)
            elif layer.ndim != maps.arrays[role].ndim:
                self._viewer.layers.remove(layer)
                layer = None
        output = _output(self.image.name, role, maps.arrays[role], self._classes, self._prefix)
        return show(self._viewer, output, maps.spatial, self._tag(role), layer)

    def _tag(self, role: str) -> dict[str, Any]:
        frame = None if self.maps is None else self.maps.frame
        return {
            "role": f"{self._prefix}{role}",
            "sources": [self.image.uid],
            "written": self._written.get(role),
            "key": self._key,
            "frame": frame,
            "known": self.known,
        }

    def _there(self) -> dict[str, Layer]:
        return {role: layer for role, layer in self._layers.items() if layer in self._viewer.layers}

    def _roles_there(self) -> list[str]:
        ours = [role_of(layer) for layer in self._viewer.layers if self._is_of_image(layer)]
        known = (LABELS, UNCERTAINTY, UNLIKE, PROBABILITIES, *ASKED_FOR)
        return [
            role[len(self._prefix) :]
            for role in ours
            if role and role.startswith(self._prefix) and role[len(self._prefix) :].startswith(known)
        ]

    def _find(self, role: str) -> _Earlier:
        layer = next(
            layer
            for layer in self._viewer.layers
            if role_of(layer) == f"{self._prefix}{role}" and self._is_of_image(layer)
        )
        return _Earlier(layer, layer.data, dict(layer.metadata[TAG]))

    def _is_of_image(self, layer: Layer) -> bool:
        return isinstance(layer, (Image, Labels)) and self.image.uid in layer.metadata.get(TAG, {}).get(
            "sources", ()
        )


def probability_roles(classes: Sequence[int]) -> list[str]:
    """Name the maps of the foreground classes' probabilities: one name where there is one class."""
    foreground = classes[1:]
    return [PROBABILITIES] if len(foreground) == 1 else [f"{PROBABILITIES} {value}" for value in foreground]


def _looked_at(earlier: _Earlier) -> _Earlier:
    untouched = earlier.tag.get("written") == checksum(earlier.data)
    return _Earlier(earlier.layer, earlier.data, earlier.tag, untouched)


def _order(roles: Mapping[str, Any]) -> list[str]:
    """Put the labels on top of all, and what is seldom looked at below."""
    return sorted(roles, key=lambda role: (role == LABELS, role == UNCERTAINTY))


def _output(name: str, role: str, data: NDArray[Any], classes: tuple[int, ...], prefix: str) -> Output:
    role, what = f"{prefix}{role}", role
    name = f"{name} {PREVIEW}:" if prefix else name
    if what == LABELS:
        appearance: dict[str, Any] = {"opacity": 0.5, "colormap": class_colormap(classes)}
        return Output("labels", role, f"{name} prediction", data, appearance)
    if what == UNLIKE:
        # On a scale of its own: the spread among the cells of training images.
        limits, colours, words = (
            UNLIKE_LIMITS,
            veil("magenta", ends_in_black=False),
            "unlike the training (above 0)",
        )
    else:
        words = f"{what.replace('_', ' ')} (0 to 1)"
        limits, colours = (0, 1), veil("viridis" if what.startswith(PROBABILITIES) else "inferno")
    appearance = {"colormap": colours, "contrast_limits": limits, "blending": "translucent_no_depth"}
    if what not in (UNCERTAINTY, UNLIKE):
        appearance["visible"] = False
    return Output("image", role, f"{name} {words}", data, appearance)
