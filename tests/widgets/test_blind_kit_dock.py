from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deepflash2.widgets.blind_kit import BlindAnnotation

SECONDS = 60_000


@pytest.fixture
def dock(qtbot, viewer):
    dock = BlindAnnotation(viewer)
    qtbot.addWidget(dock)
    return dock


@pytest.fixture
def images(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for name in ("treated_1", "control_1", "control_2"):
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", rng.integers(0, 255, (16, 16), np.uint8))
    return tmp_path / "images"


def _wait(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)


def _made(qtbot, dock, images: Path) -> Path:
    dock.images.value, dock.out.value = images, images.parent / "kit"
    dock.experts.value = "Ann, Bob"
    dock.repeats.value = 0.3
    dock.make_button.click()
    _wait(qtbot, dock)
    return images.parent / "kit"


def _annotate(kit: Path, returned: Path) -> None:
    for path in kit.glob("*/**/image_*.tif"):
        target = returned / path.relative_to(kit).parts[0] / "masks" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(target, (tifffile.imread(path) > 128).astype(np.uint8))


def test_buttons_say_what_is_missing(dock, images):
    assert not dock.make_button.isEnabled()
    assert "Images, Kit folder" in dock.make_button.toolTip()
    dock.images.value, dock.out.value = images, images.parent / "kit"
    assert "Name the experts" in dock.make_button.toolTip()
    dock.experts.value = " , Ann"
    assert dock.make_button.isEnabled()
    assert not dock.read_button.isEnabled()


def test_a_kit_goes_out_and_comes_back(qtbot, dock, images):
    kit = _made(qtbot, dock, images)
    assert {"Ann.zip", "Bob.zip", "key.json"} <= {path.name for path in kit.iterdir()}
    assert "2 packages" in dock.message.text()
    assert Path(dock.kit.value) == kit
    _annotate(kit, images.parent / "returned")
    dock.returned.value, dock.masks.value = images.parent / "returned", images.parent / "experts"
    dock.read_button.click()
    _wait(qtbot, dock)
    names = sorted(path.name for path in (images.parent / "experts" / "Ann").iterdir())
    assert names == ["control_1.tif", "control_2.tif", "treated_1.tif"]
    assert not dock.own_error.isHidden()
    assert dock.own_error.model().cells.rows == (("1.000",), ("1.000",))


def test_what_came_back_wrong_is_said_and_nothing_is_written(qtbot, dock, images):
    kit = _made(qtbot, dock, images)
    returned = images.parent / "returned"
    _annotate(kit, returned)
    (returned / "Ann" / "masks" / "image_002.tif").unlink()
    dock.returned.value, dock.masks.value = returned, images.parent / "experts"
    dock.read_button.click()
    _wait(qtbot, dock)
    assert "image_002" in dock.message.text()
    assert not (images.parent / "experts").exists()
