"""Real files as laboratories save them: read rightly, or refused with the reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_deepflash2.config import DataConfig
from napari_deepflash2.data import check_data, interpret_masks, list_images, read_image, read_labels
from napari_deepflash2.errors import InputError

NUCLEI = [f"dsb_one_nucleus_mask_{number}.png" for number in range(6)]

IMAGES = {
    "bubil_B12.png": ("YX", (811, 1024), "uint8", 2, 253, []),
    "bubil_m16_12bit_in_uint16.png": ("YX", (1030, 1300), "uint16", 498, 4095, []),
    "dsb_RGBA_image.png": ("YXC", (256, 320, 3), "uint8", 23, 241, ["alpha-left-out"]),
    "hela_uint16_offset_32768.tif": ("YX", (700, 1100), "uint16", 32978, 36863, []),
    "wue1_0076.png": ("YX", (1024, 1024), "uint8", 0, 255, []),
}

MASKS = {
    "bubil_seg_B12_bool1bit_gold.png": ((811, 1024), [0, 1]),
    "bubil_seg_B12_crowd_RGBA_other_size.png": ((811, 929), [0, 255]),
    "bubil_seg_B12_inverted_RGB.png": ((811, 1024), [0, 255]),
    "bubil_seg_m16.png": ((1030, 1300), [0, 255]),
    "hela_uint16_offset_32768_mask.tif": ((700, 1100), list(range(125))),
    "wue1_0076_cFOS_expert2_RGBmask.png": ((1024, 1024), [0, 255]),
    "wue2_1669_ignore.png": ((1024, 1024), [0, 255]),
} | dict.fromkeys(NUCLEI, ((256, 320), [0, 255]))

REFUSED = {"bubil_seg_B04_three_values.png": "unexpected-values"}


@pytest.fixture(scope="module")
def quirks(shared_data):
    return shared_data / "quirks"


def test_every_file_of_the_folder_is_covered(quirks):
    assert {path.name for path in list_images(quirks)} == set(IMAGES) | set(MASKS) | set(REFUSED)


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_read_rightly(quirks, name):
    axes, shape, dtype, low, high, notes = IMAGES[name]
    image = read_image(quirks / name)
    assert (image.axes, image.data.shape, str(image.data.dtype)) == (axes, shape, dtype)
    assert (image.data.min(), image.data.max()) == (low, high)
    assert [note.code for note in image.notes] == notes


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_read_rightly(quirks, name):
    shape, values = MASKS[name]
    labels = read_labels(quirks / name)
    assert (labels.axes, labels.data.shape) == ("YX", shape)
    assert np.unique(labels.data).tolist() == values


@pytest.mark.parametrize("name", REFUSED)
def test_masks_that_cannot_be_understood_are_refused_with_the_reason(quirks, name):
    with pytest.raises(InputError) as caught:
        interpret_masks([read_labels(quirks / name).data], [name])
    assert [problem.code for problem in caught.value.problems] == [REFUSED[name]]
    assert "24 (" in str(caught.value)
    assert "mask_classes" in str(caught.value)


@pytest.mark.parametrize("name", ["bubil_seg_B12_inverted_RGB.png", "bubil_seg_m16.png"])
def test_c16_inverted_masks_are_noted(quirks, name):
    found = interpret_masks([read_labels(quirks / name).data], [name])
    assert "inverted-mask" in [note.code for note in found.notes]


def test_one_inverted_mask_among_upright_ones_is_named(quirks):
    names = ["wue1_0076_cFOS_expert2_RGBmask.png", *NUCLEI, "bubil_seg_B12_inverted_RGB.png"]
    found = interpret_masks([read_labels(quirks / name).data for name in names], names)
    assert [note.where for note in found.notes if note.code == "inverted-mask"] == [names[-1]]


def test_computer_segmentation_is_instances(quirks):
    name = "hela_uint16_offset_32768_mask.tif"
    found = interpret_masks([read_labels(quirks / name).data], [name])
    assert (found.kind, found.classes) == ("instances", (0, 1))


def _pair(tmp_path: Path, image: Path, mask: Path) -> tuple[Path, Path]:
    for folder, path in (("images", image), ("masks", mask)):
        (tmp_path / folder).mkdir()
        shutil.copy(path, tmp_path / folder / f"a{path.suffix}")
    return tmp_path / "images", tmp_path / "masks"


def test_c10_mask_of_another_size_is_refused_with_both(quirks, tmp_path):
    mask = quirks / "bubil_seg_B12_crowd_RGBA_other_size.png"
    with pytest.raises(InputError, match=r"811 x 929.*811 x 1024"):
        check_data(*_pair(tmp_path, quirks / "bubil_B12.png", mask), DataConfig())


def test_coloured_image_as_mask_is_refused(quirks, tmp_path):
    image = quirks / "dsb_RGBA_image.png"
    with pytest.raises(InputError, match="coloured"):
        check_data(*_pair(tmp_path, image, image), DataConfig())


def test_camera_image_as_mask_is_refused(quirks, tmp_path):
    image = quirks / "hela_uint16_offset_32768.tif"
    with pytest.raises(InputError) as caught:
        check_data(*_pair(tmp_path, image, image), DataConfig())
    assert {problem.code for problem in caught.value.problems} == {"mask-is-image", "not-labels"}


def test_no_honest_file_is_refused(shared_data):
    folders = [folder for folder in shared_data.glob("**/") if folder.name in {"images", "stack3d", "quirks"}]
    paths = [path for folder in folders for path in list_images(folder)]
    assert len(paths) > 200
    for path in paths:
        assert read_image(path).data.size
