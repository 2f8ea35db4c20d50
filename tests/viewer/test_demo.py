from pathlib import Path

import numpy as np
import tifffile
from napari.components import ViewerModel

from napari_deepflash2.jobs.demo import DemoFolders
from napari_deepflash2.viewer.demo import show_demo


def finished_demo(out: Path) -> DemoFolders:
    folders = DemoFolders(out)
    rng = np.random.default_rng(0)
    places = {
        folders.images("test"): np.uint16,
        folders.experts("test") / "expert1": np.uint8,
        folders.experts("test") / "expert2": np.uint8,
        folders.consensus("test"): np.uint8,
        folders.predictions / "labels": np.uint8,
        folders.predictions / "uncertainty": np.float32,
    }
    for folder, dtype in places.items():
        folder.mkdir(parents=True)
        for name in ("0007.tif", "0008.tif"):
            tifffile.imwrite(folder / name, rng.integers(0, 2, (16, 32)).astype(dtype))
    (folders.consensus("test") / "experts.csv").touch()
    return folders


def test_a_finished_demo_is_shown_whole(tmp_path: Path) -> None:
    viewer = ViewerModel()
    folders = finished_demo(tmp_path)
    show_demo(folders, viewer)
    names = ["image", "uncertainty (0 to 1)", "expert1", "expert2", "consensus", "prediction"]
    assert [layer.name for layer in viewer.layers] == names
    assert {layer.data.shape for layer in viewer.layers} == {(2, 16, 32)}
    assert {layer.axis_labels for layer in viewer.layers} == {("field", "y", "x")}
    stored = tifffile.imread(folders.predictions / "labels" / "0008.tif")
    np.testing.assert_array_equal(viewer.layers["prediction"].data[1], stored)
    assert viewer.layers["uncertainty (0 to 1)"].contrast_limits == [0, 1]


def test_experts_are_outlines_in_colours_of_their_own(tmp_path: Path) -> None:
    viewer = ViewerModel()
    show_demo(finished_demo(tmp_path), viewer)
    first, second = viewer.layers["expert1"], viewer.layers["expert2"]
    assert first.contour > 0
    assert np.any(first.get_color(1) != second.get_color(1))
