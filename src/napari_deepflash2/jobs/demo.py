"""The whole work on sample data: experts, consensus, ensemble, prediction, tables and one picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tifffile

from ..config import Configuration
from ..errors import InputError
from ..files import write_text, written_aside
from ..progress import ProgressCallback, ignore_progress
from ..sample_data import SampleSet, demo_samples
from .consensus import ConsensusReport, make_consensus
from .folders import claim_output
from .overview import draw_overview
from .predict import PredictionReport, predict_folder

if TYPE_CHECKING:
    from ..ensemble import Ensemble

SETTINGS = {"training": {"models": 2, "iterations": 300, "tile_size": 128, "batch_size": 4}}
TRAINING_FIELDS = 6
_SUMMARY = "summary.txt"


@dataclass(frozen=True)
class DemoFolders:
    """Where the demo keeps what.

    Attributes
    ----------
    out : Path
        The folder of the whole demo.
    """

    out: Path

    @property
    def ensemble(self) -> Path:
        """The trained ensemble."""
        return self.out / "ensemble"

    @property
    def predictions(self) -> Path:
        """Labels, uncertainty and table of the test images."""
        return self.out / "predictions"

    def images(self, part: str) -> Path:
        """Images of the part ``training`` or ``test``."""
        return self.out / part / "images"

    def experts(self, part: str) -> Path:
        """One sub-folder of masks per expert."""
        return self.out / part / "experts"

    def consensus(self, part: str) -> Path:
        """Consensus masks of the experts, with ``experts.csv``."""
        return self.out / part / "consensus"


@dataclass(frozen=True)
class DemoReport:
    """What the demo did.

    Attributes
    ----------
    folders : DemoFolders
        Where everything is.
    text : str
        The figures, to be printed; also in ``summary.txt``.
    """

    folders: DemoFolders
    text: str


def run_demo(
    out: Path | str, progress: ProgressCallback = ignore_progress, random_state: int = 0
) -> DemoReport:
    """Run the whole work on sample data, or read back what an earlier run of it found.

    Parameters
    ----------
    out : path
        Folder to write to; a finished demo in it is shown again, an unfinished one is gone on with.
    progress : ProgressCallback
        Called at every step of every part.
    random_state : int
        Seed of the sample data.

    Raises
    ------
    InputError
        Where `out` holds something else.
    """
    from ..ensemble import train_ensemble

    out = Path(out)
    if (out / _SUMMARY).is_file():
        text = (out / _SUMMARY).read_text(encoding="utf-8")
        return DemoReport(DemoFolders(out), f"{text}\n(from an earlier run: delete {out} to run again)")
    folders = DemoFolders(claim_output(_own_or_empty(out)))
    samples = demo_samples(random_state)
    _write_samples(samples, folders)
    for part in ("test", "training"):
        report = make_consensus(folders.experts(part), folders.consensus(part), progress=progress)
    ensemble = train_ensemble(
        folders.images("training"),
        folders.consensus("training"),
        folders.ensemble,
        Configuration.of(SETTINGS),
        progress,
        resume=folders.ensemble.exists(),
    )
    predictions = predict_folder(
        folders.images("test"),
        folders.ensemble,
        folders.predictions,
        folders.consensus("test"),
        progress=progress,
    )
    draw_overview(folders, out / "overview.png")
    text = _summary(samples, report, ensemble, predictions, folders)
    write_text(out / _SUMMARY, text)
    return DemoReport(folders, text)


def _own_or_empty(out: Path) -> Path:
    ours = {"training", "test", "ensemble", "predictions", "overview.png"}
    if out.is_dir() and not ours.issuperset(entry.name for entry in out.iterdir()):
        raise InputError.one(
            out, "is not empty and holds no demo", "Choose another folder with --out.", "foreign-folder"
        )
    return out


def _write_samples(samples: SampleSet, folders: DemoFolders) -> None:
    for number, (name, cells, experts) in enumerate(
        zip(samples.ids, samples.cells, samples.experts, strict=True)
    ):
        part = "training" if number < TRAINING_FIELDS else "test"
        _write_tiff(folders.images(part) / f"{name}.tif", cells.image)
        for expert in experts:
            _write_tiff(folders.experts(part) / expert.profile.name / f"{name}.tif", expert.mask)


def _write_tiff(path: Path, data: object) -> None:
    with written_aside(path) as aside:
        tifffile.imwrite(aside, data, compression="zlib")


def _summary(
    samples: SampleSet,
    consensus: ConsensusReport,
    ensemble: Ensemble,
    predictions: PredictionReport,
    folders: DemoFolders,
) -> str:
    experts = consensus.experts.groupby("expert", sort=False)[["dice", "sensitivity", "specificity"]].mean()
    folds = [f"  fold {fold}: {value:.3f}" for fold, value in ensemble.held_out_dice.items()]
    test = predictions.table.set_index("image")[["score", "dice"]]
    return "\n".join(
        [
            f"Sample data: {samples.source}.",
            "",
            f"Experts against their consensus (STAPLE, mean over {TRAINING_FIELDS} training images):",
            experts.to_string(float_format="{:.3f}".format),
            "",
            "Held-out Dice, against the consensus:",
            *folds,
            f"  ensemble, on {len(test)} test images: {test['dice'].mean():.3f}",
            "",
            "Test images (score: mean uncertainty over the predicted foreground):",
            test.to_string(float_format="{:.3f}".format),
            "",
            f"Everything is in {folders.out.resolve()}:",
            "  overview.png                        image, experts, consensus, prediction, uncertainty",
            "  training/consensus, test/consensus  consensus masks, experts.csv",
            "  ensemble                            the models, ensemble.json, history.csv, out_of_fold.csv",
            "  predictions                         labels, uncertainty, report.html, predictions.csv",
        ]
    )
