"""Fixtures for the docks: viewers, every dock of the manifest ready for use, no trace in the real home."""

import importlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from napari.components import ViewerModel
from qtpy.compat import isalive

import napari_deepflash2
from napari_deepflash2.config import Configuration
from napari_deepflash2.ensemble.manifest import Manifest
from napari_deepflash2.ensemble.preview import Preview
from napari_deepflash2.ensemble.run import EventLog, RunLock
from napari_deepflash2.viewer.run_sources import write_sources
from napari_deepflash2.viewer.session import session_of
from napari_deepflash2.viewer.training import TrainingRun
from napari_deepflash2.viewer.training_data import data_on_disk

PLUGIN = "napari-deepflash2"
UM = {"scale": (0.5, 0.5), "units": ("um", "um"), "axis_labels": ("y", "x")}
STACK = {
    "scale": (2, 0.5, 0.25),
    "translate": (1, 2, 3),
    "rotate": 20,
    "units": ("um", "um", "um"),
    "axis_labels": ("field", "y", "x"),
}
SECONDS = 120_000


def _docks():
    manifest = Path(napari_deepflash2.__file__).with_name("napari.yaml").read_text(encoding="utf-8")
    contributed = yaml.safe_load(manifest)["contributions"]
    python_names = {command["id"]: command["python_name"] for command in contributed["commands"]}
    return {widget["display_name"]: python_names[widget["command"]] for widget in contributed["widgets"]}


DOCKS = _docks()


@pytest.fixture(autouse=True)
def _state_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def real_viewer(make_napari_viewer_proxy):
    """A napari with a window, as plugins get it: what is private warns, and a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        viewer = make_napari_viewer_proxy()
    warnings.filterwarnings("error", category=FutureWarning, module="napari_deepflash2")
    return viewer


@pytest.fixture(scope="session")
def ensemble_folder(tmp_path_factory):
    """A tiny trained ensemble for images of one channel."""
    masks = [np.pad(np.ones((16, 16), np.uint8), 8) for _ in range(2)]
    return _ensemble(tmp_path_factory, masks, [mask * 100.0 for mask in masks])


@pytest.fixture(scope="session")
def colour_ensemble_folder(tmp_path_factory):
    """A tiny trained ensemble for images of three channels."""
    masks = [np.pad(np.ones((16, 16), np.uint8), 8) for _ in range(2)]
    return _ensemble(tmp_path_factory, masks, [mask[..., None] * np.full(3, 100.0) for mask in masks], 1)


def _ensemble(tmp_path_factory, masks, means, iterations=3):
    from napari_deepflash2.ensemble import train_ensemble

    folder = tmp_path_factory.mktemp("trained") / "ensemble"
    rng = np.random.default_rng(0)
    settings = {
        "training": {"models": 2, "iterations": iterations, "tile_size": 32, "batch_size": 2, "max_splits": 2}
    }
    train_ensemble([rng.normal(mean, 10) for mean in means], masks, folder, settings)
    return folder


@pytest.fixture
def annotated(viewer):
    """A viewer with an image and three experts who differ at the borders of a square."""
    fill(viewer, "plane")
    return viewer


def fill(viewer, kind, side=64):
    """Add an image, as `kind` says, and three experts who differ at the borders of a square; give the image.

    `kind` is one of ``plane``, ``stack`` (three planes, rotated), ``rgb``, ``multiscale`` and ``lazy`` (a
    stack of six planes, a dask chunk each); `side` is the height and width, the square half of it.
    """
    import dask.array as da

    n_planes = {"stack": 3, "lazy": 6}.get(kind)
    shape = (side, side) if n_planes is None else (n_planes, side, side)
    truth = np.zeros(shape, np.uint8)
    low, high = side // 4, 3 * side // 4
    truth[..., low:high, low:high] = 1
    data = np.random.default_rng(0).normal(truth * 100.0, 10).astype(np.float32)
    place, options = (UM, {}) if n_planes is None else (STACK, {})
    if kind == "rgb":
        data, options = np.stack([data.clip(0, 255).astype(np.uint8)] * 3, -1), {"rgb": True}
    elif kind == "multiscale":
        data, options = [data, data[::2, ::2]], {"multiscale": True}
    elif kind == "lazy":
        data, options = da.from_array(data, chunks=(1, side, side)), {"contrast_limits": (0, 100)}
    image = viewer.add_image(data, name="cells", **place, **options)
    for number, margin in enumerate((0, 2, 4), 1):
        mask = np.zeros_like(truth)
        mask[..., low - margin : high - margin, low:high] = 1
        viewer.add_labels(mask, name=f"expert {number}", **place)
    return image


class PretendedRun:
    """Writes to a run folder what a training would write, under this process's name."""

    def __init__(self, folder, taken):
        self.folder = folder
        (folder / "input").mkdir(parents=True)
        (folder / "input" / "job.json").write_text(json.dumps({"images": "a", "masks": "b"}))
        write_sources(taken, folder / "input")
        Manifest(
            run="r", members=(), planned=2, classes=(0, 1), channels=1, configuration=Configuration(),
            image_hashes={}, mask_hashes={}, value_ranges=((0.0, 1.0),), versions={}, environment={},
        ).save(folder)  # fmt: skip
        self._lock, self.log = RunLock(folder), EventLog(folder)
        self._lock.acquire()
        self.log.write("start", models=2, iterations=100, notes=["2 masks are empty"])

    def step(self, done, fold=1):
        self.log.write(
            "progress", task=f"fold {fold}", done=done, total=100, values={"fold": fold, "loss": 0.5}
        )

    def validates(self, iteration, fold=1, id_="0001_cells", shape=(48, 48)):
        self.log.write("epoch", fold=fold, iteration=iteration, loss=0.5, val_loss=0.6, val_dice=0.7)
        image = np.random.default_rng(iteration).random((*shape, 1)).astype(np.float32)
        mean = np.stack([1 - image[..., 0], image[..., 0]])
        Preview.of(id_, image, np.zeros(shape, np.uint8), mean).save(self.folder, fold, iteration)

    def ends(self, kind=None, **values):
        if kind:
            self.log.write(kind, **values)
        self._lock.release()


@pytest.fixture
def pretended_run():
    """The class of runs that only write what a run writes."""
    return PretendedRun


def _opened(viewer, name):
    window = getattr(viewer, "window", None)
    if window is not None:
        return window.add_plugin_dock_widget(PLUGIN, name)[1]
    module, name = DOCKS[name].split(":")
    dock = getattr(importlib.import_module(module), name)(viewer)
    _docks_opened.append(dock)
    return dock


_docks_opened = []


@pytest.fixture
def open_dock(qtbot):
    """Open a dock of this name; what is left of it is closed, in whatever state a test left it."""
    yield _opened
    while _docks_opened:
        dock = _docks_opened.pop()
        if isalive(dock):
            dock.close()
            dock.deleteLater()


class Work:
    """A dock with all that it needs, and its main button.

    Attributes
    ----------
    dock : Dock
    button : QPushButton
    """

    def __init__(self, qtbot, viewer, name, tmp_path, ensemble_folder):
        self.qtbot, self.viewer, self.name = qtbot, viewer, name
        self.tmp_path, self.runs = tmp_path, []
        session_of(viewer).use_ensemble(ensemble_folder)
        self.open()
        self.button = self._prepared()

    def open(self):
        """Open the dock, by napari where there is a window."""
        self.dock = _opened(self.viewer, self.name)

    def press(self):
        """Press the main button and wait for the end."""
        assert self.button.isEnabled(), self.button.toolTip()
        self.button.click()
        self.wait()

    def wait(self):
        """Wait until no job runs."""
        self.qtbot.waitUntil(lambda: not self.dock.is_busy, timeout=SECONDS)

    def make_again(self):
        """Bring the dock to where its button can be pressed once more."""
        if self.name == "Train ensemble":
            self.end_runs()
            self.dock.training.look()
            self.dock.training.out.value = self.tmp_path / f"ensemble{len(self.runs)}"
        elif self.name == "Adjudicate":
            self.dock.finish(self.tmp_path / "log.csv")
        elif self.name == "Blind annotation kit":
            self.dock.out.value = self.tmp_path / "kit2"

    def end_runs(self):
        """Let go of the run that is only pretended."""
        for run in self.runs:
            run.ends("stopped")
        self.runs = []

    def pretend(self, taken, folder, config, progress):
        """Start a training that only pretends."""
        data_on_disk(taken, self.tmp_path / "written", progress)
        run = PretendedRun(folder, taken)
        self.runs.append(run)
        run.step(10)
        image = next(iter(taken)).image
        plane = "".join("-000" for _ in image.grid.shape[:-2])
        run.validates(10, id_=f"0001_cells{plane}", shape=image.grid.shape[-2:])
        return TrainingRun(folder)

    def _prepared(self):
        match self.name:
            case "Compare annotations" | "Compare two Labels layers":
                return self.dock.compare_button
            case "Estimate ground truth":
                return self.dock.estimate_button
            case "Adjudicate":
                return self.dock.start_button
            case "Review training":
                return self.dock.open_button
            case "Predict":
                return self.dock.predict_button
            case "Train ensemble":
                chosen = [self.viewer.layers["cells"], self.viewer.layers["expert 1"]]
                self.viewer.layers.selection.clear()
                self.viewer.layers.selection.update(chosen)
                self.dock.pairs.add_button.click()
                self.dock.training.out.value = self.tmp_path / "ensemble"
                return self.dock.training.train_button
            case "Blind annotation kit":
                for number in range(2):
                    path = self.tmp_path / "images" / f"{number}.tif"
                    path.parent.mkdir(exist_ok=True)
                    tifffile.imwrite(path, np.full((16, 16), number, np.uint8))
                self.dock.images.value, self.dock.out.value = self.tmp_path / "images", self.tmp_path / "kit"
                self.dock.experts.value = "Ann, Bob"
                return self.dock.make_button
        raise AssertionError(f"a dock that no test knows: {self.name}")


@pytest.fixture
def docks():
    """Display name to ``module:class`` of every dock of the manifest."""
    return DOCKS


@pytest.fixture(params=list(DOCKS))
def dock_name(request):
    return request.param


@pytest.fixture
def start_work(qtbot, tmp_path, ensemble_folder, monkeypatch, open_dock):
    """Make `Work` of a viewer and the name of a dock; trainings only pretend, and errors are not shown."""
    for name in ("dock.show_error", "train_run.show_error", "train_run.show_info"):
        monkeypatch.setattr(f"napari_deepflash2.widgets.{name}", lambda text: None)
    works = []

    def start(viewer, name, folder=ensemble_folder):
        work = Work(qtbot, viewer, name, tmp_path, folder)
        monkeypatch.setattr("napari_deepflash2.widgets.train_run.start", work.pretend)
        works.append(work)
        return work

    yield start
    for work in works:
        work.end_runs()


@pytest.fixture(name="fill")
def _fill():
    return fill
