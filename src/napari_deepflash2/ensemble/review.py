"""The review of a training: what models say of images they never saw, as tables and maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.pixel_size import PixelSize
from ..errors import InputError, Problem, listed
from ..prediction import Hesitation, Reliability
from ..tables import write_csv
from .manifest import Manifest
from .out_of_fold_files import OF_EXPERTS, OutOfFoldFolder, Record, Row
from .spots import spot_table

if TYPE_CHECKING:
    import pandas as pd

IMAGES, RELIABILITY = "out_of_fold.csv", "reliability.csv"
LABEL_CHECK, AGAINST_EXPERTS = "label_check.csv", "against_experts.csv"
HESITATION, HESITATION_CURVE = "hesitation.csv", "hesitation_curve.csv"
HESITATION_REGIONS = "hesitation_regions.csv"


@dataclass(frozen=True, eq=False)
class Review:
    """What is known of the training images from the models that never saw them.

    What is not known is ``pandas.NA`` in a table. Maps are read when asked for.

    Attributes
    ----------
    folder : path
        The ensemble's.
    classes : tuple of int
        The L values of the masks, the background first.
    groups : mapping of str to str
        Group of each training image, or of each block of a large one, by ID.
    folds : mapping of str to int
        The fold in which it is left out; images that never are have none.
    pixel_sizes : mapping of str to (float, float)
        Height and width of its pixels in micrometres, where they are known.
    records : mapping of str to Record
        Of each image that has one, by the name of its maps.
    """

    folder: Path
    classes: tuple[int, ...]
    groups: Mapping[str, str]
    folds: Mapping[str, int]
    pixel_sizes: Mapping[str, PixelSize]
    records: Mapping[str, Record]

    @cached_property
    def images(self) -> pd.DataFrame:
        """One row a training image, in their order.

        ``image``, ``fold`` and ``group``, the scores of `score_labels` (``dice``, ``ap_50``, ``ap``, with
        several classes each by class), ``score`` (mean uncertainty over the predicted foreground) and
        ``contradiction`` (share of the foreground on which model and mask differ). Figures are NA where no
        finished model left the image out, ``fold`` where none ever will.
        """
        import pandas as pd

        rows = {row.image: row for record in self.records.values() for row in record.rows}
        scores = max((list(row.scores) for row in rows.values()), key=len)
        figures = [*scores, "score", "contradiction"]
        table = pd.DataFrame(
            [
                {"image": id_, "fold": self.folds.get(id_), "group": group, **_figures(rows.get(id_))}
                for id_, group in self.groups.items()
            ],
            columns=["image", "fold", "group", *figures],
        )
        return table.astype({"fold": "Int64"} | dict.fromkeys(figures, "Float64"))

    @cached_property
    def reliabilities(self) -> dict[str, Reliability]:
        """Over all images: of ``"prediction"``, the class that is predicted, and of each foreground class."""
        found: dict[str, Reliability] = {}
        for record in self.records.values():
            for name, bins in record.reliability.items():
                own = Reliability.of_bins(bins)
                found[name] = found[name] + own if name in found else own
        return found

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """The tables of `reliabilities`, one below the other, with ``of`` in front."""
        import pandas as pd

        return pd.concat([one.table.assign(of=name) for name, one in self.reliabilities.items()])[
            ["of", "low", "high", "count", "confidence", "accuracy"]
        ].reset_index(drop=True)

    @cached_property
    def label_check(self) -> pd.DataFrame:
        """One row a region where model and mask contradict, those that weigh most first.

        ``image`` (the name of its maps), ``y`` and ``x`` (a pixel of it near its middle), ``top``, ``left``,
        ``bottom``, ``right`` (bounding box, the last two excluded), ``area`` and ``weight`` in pixels,
        ``margin`` (their quotient, the certainty of the model), ``mask`` and ``model`` (the class that
        either gives, by its value).
        """
        found = (
            (name, one, (self.classes[one.mask], self.classes[one.model]))
            for name, record in self.records.items()
            for one in record.regions
        )
        return spot_table(found, ("mask", "model"))

    @cached_property
    def against_experts(self) -> pd.DataFrame | None:
        """One row an image that two experts or more have annotated; None where there is none.

        ``image``; ``dice`` of the model with the consensus of all experts but one, mean over who is left
        out; ``lowest``, ``ceiling`` (mean) and ``highest`` Dice of an expert with the consensus of the
        others; ``place`` of the model: below, within or above the experts; ``consensus``, the model's Dice
        with the consensus of all; and the Dice of each expert.
        """
        import pandas as pd

        found = {name: record.against_experts for name, record in self.records.items()}
        rows = [
            {
                "image": name,
                "dice": one.model,
                "lowest": one.lowest,
                "ceiling": one.ceiling,
                "highest": one.highest,
                "place": one.place,
                "consensus": one.consensus,
                **{f"expert {expert}": dice for expert, dice in one.experts.items()},
            }
            for name, one in found.items()
            if one is not None
        ]
        return pd.DataFrame(rows) if rows else None

    @cached_property
    def hesitation(self) -> Hesitation | None:
        """The models' uncertainty against the disagreement of experts, over all images; None without any."""
        found = self._hesitations
        return sum(found.values(), Hesitation({})) if found else None

    @cached_property
    def hesitation_images(self) -> pd.DataFrame | None:
        """One row an image that two experts or more have annotated; None where there is none.

        ``image``; ``auroc``, how well uncertainty finds the pixels on which experts disagree among those
        that an expert or the model marked; ``auroc_whole``, the same among all pixels; ``disagreement``,
        the share of the marked pixels on which they disagree. NA where a figure is not defined.
        """
        import pandas as pd

        if not self._hesitations:
            return None
        figures = ["auroc", "auroc_whole", "disagreement"]
        rows = [
            {"image": name, **{figure: getattr(one, figure) for figure in figures}}
            for name, one in self._hesitations.items()
        ]
        return pd.DataFrame(rows).astype(dict.fromkeys(figures, "Float64"))

    @cached_property
    def hesitation_regions(self) -> pd.DataFrame:
        """One row a region where experts disagree and the model is sure, or the other way round.

        The columns are those of `label_check`, those first that weigh most, with ``undecided`` (``experts``
        or ``model``) in place of the last two; ``margin`` is how far the two are apart, 0.5 to 1.
        """
        found = (
            (name, one, (one.undecided,))
            for name, record in self.records.items()
            if record.hesitation is not None
            for one in record.hesitation.regions
        )
        return spot_table(found, ("undecided",))

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What is worth knowing before the figures are believed."""
        missing = self.images["image"][self.images["score"].isna()].tolist()
        if not missing:
            return ()
        return (
            Problem(
                str(self.folder),
                f"{len(missing)} of {len(self.images)} images were left out by no finished model: "
                f"{listed(missing)}",
                "Resume the training, or train as many models as there are splits, to have them all.",
                "not-left-out",
            ),
        )

    def name_of(self, image: str) -> str:
        """Give the name of the maps that show a training image, or a block of one."""
        rows = ((name, row) for name, record in self.records.items() for row in record.rows)
        return next(name for name, row in rows if row.image == image)

    def pixel_size_of(self, name: str) -> PixelSize | None:
        """Height and width of a pixel of these maps in micrometres; None where it is not known."""
        return self.pixel_sizes.get(self.records[name].rows[0].image)

    def image(self, name: str) -> NDArray[Any]:
        """Intensities as stored, (Y, X) or (Y, X, C)."""
        pixels = self._files.read_map("images", name)
        return pixels if pixels.ndim == 2 else np.moveaxis(pixels, 0, -1)

    def mask(self, name: str) -> NDArray[np.uint8]:
        """Classes that the models learned from, 0 to L - 1, `IGNORE` where nobody judged, (Y, X)."""
        return self._files.read_map("masks", name)

    def labels(self, name: str) -> NDArray[np.uint8]:
        """Classes that are predicted, 0 to L - 1, `IGNORE` where no model could, (Y, X)."""
        return self._files.read_map("labels", name)

    def uncertainty(self, name: str) -> NDArray[np.float32]:
        """Uncertainty in [0, 1], on the scale of all predictions, NaN where there is none, (Y, X)."""
        return self._files.read_map("uncertainty", name)

    def disagreement(self, name: str) -> NDArray[np.float32] | None:
        """Experts' disagreement on the scale of the uncertainty, NaN where fewer than two judged, (Y, X).

        None where the image has no two experts. See `disagreement_of_experts`.
        """
        if self.records[name].hesitation is None:
            return None
        return self._files.read_map(OF_EXPERTS, name)

    def probabilities(self, name: str) -> NDArray[np.float16]:
        """Probability of each class, NaN where there is none, (L, Y, X)."""
        return self._files.read_map("probabilities", name)

    def save_tables(self) -> list[Path]:
        """Write the tables into the ensemble's folder."""
        tables = {IMAGES: self.images, RELIABILITY: self.reliability, LABEL_CHECK: self.label_check}
        if self.against_experts is not None:
            tables[AGAINST_EXPERTS] = self.against_experts
        if self.hesitation is not None and self.hesitation_images is not None:
            tables[HESITATION] = self.hesitation_images
            tables[HESITATION_CURVE] = self.hesitation.curve
            tables[HESITATION_REGIONS] = self.hesitation_regions
        for name, table in tables.items():
            write_csv(table, self.folder / name)
        return [self.folder / name for name in tables]

    @cached_property
    def _hesitations(self) -> dict[str, Hesitation]:
        return {
            name: Hesitation.of_rows(record.hesitation.rows)
            for name, record in self.records.items()
            if record.hesitation is not None
        }

    @property
    def _files(self) -> OutOfFoldFolder:
        return OutOfFoldFolder(self.folder)


def load_review(folder: Path | str) -> Review:
    """Load what training has found out about its own images.

    Parameters
    ----------
    folder : path
        An ensemble's folder; the training need not be complete.

    Raises
    ------
    InputError
        Where there is no ensemble, or it was trained by a version that did not predict its own images.
    """
    folder = Path(folder)
    manifest = Manifest.load(folder)
    files = OutOfFoldFolder(folder)
    found = {name: record for name in files.names() if (record := files.read_record(name)) is not None}
    if not found:
        raise InputError.one(
            folder,
            "holds no predictions of its training images",
            "Resume the training with the same data: they are made as soon as a model is finished.",
            "no-review",
        )
    return Review(folder, manifest.classes, manifest.groups, manifest.folds, manifest.pixel_sizes, found)


def _figures(row: Row | None) -> dict[str, float | None]:
    if row is None:
        return {}
    return {**row.scores, "score": row.score, "contradiction": row.contradiction}
