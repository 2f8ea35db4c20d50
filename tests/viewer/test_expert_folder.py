"""Folders of experts as layers: masks, stacks of masks and ImageJ ROI sets."""

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from roifile import ImagejRoi, roiwrite

from napari_deepflash2.config import DataConfig
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer.expert_folder import read_experts, show_experts
from napari_deepflash2.viewer.grids import grid_of
from napari_deepflash2.viewer.placing import is_annotation

UM = {"scale": (2.0, 0.5, 0.5), "units": ("um", "um", "um"), "axis_labels": ("field", "y", "x")}


def _mask(number, shape=(12, 10)):
    mask = np.zeros(shape, np.uint8)
    mask[1 : 3 + number, 2:5] = 1
    return mask


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def folder(tmp_path):
    """Three experts of four images each; names sort otherwise by text than by number."""
    for expert in (1, 2, 10):
        for image in (1, 2, 10, 11):
            path = tmp_path / "experts" / f"expert{expert}" / f"img{image}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, _mask(image % 7 + expert % 2))
    return tmp_path / "experts"


def _read(folder, layer=None):
    return read_experts(folder, None if layer is None else grid_of(layer), DataConfig(), ignore_progress)


def _rois(folder, *boxes):
    """Write a set of one box (top, left, bottom, right) each."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    corners = [
        [(left, top), (right, top), (right, bottom), (left, bottom)] for top, left, bottom, right in boxes
    ]
    roiwrite(folder, [ImagejRoi.frompoints(np.array(one, float)) for one in corners])
    return folder


def test_images_of_one_size_open_as_a_stack_in_natural_order(folder, viewer):
    found = _read(folder)
    names = found.to_open(None)
    assert names == ("img1.tif", "img2.tif", "img10.tif", "img11.tif")
    layers = show_experts(viewer, found, names, None)
    assert [layer.name for layer in layers] == ["expert1", "expert2", "expert10"]
    expected = [_mask(number % 7) for number in (1, 2, 10, 11)]
    np.testing.assert_array_equal(layers[1].data, expected)
    assert layers[0].axis_labels == ("image", "y", "x")
    assert all(layer.contour == 2 and is_annotation(layer) for layer in layers)
    assert len({tuple(layer.get_color(1)) for layer in layers}) == 3


def test_layers_lie_where_the_image_lies(folder, viewer):
    image = viewer.add_image(np.zeros((4, 12, 10)), **UM)
    found = _read(folder, image)
    layers = show_experts(viewer, found, found.to_open(image), image)
    for layer in layers:
        np.testing.assert_allclose(layer.extent.world, image.extent.world)
        assert (layer.units, layer.axis_labels) == (image.units, image.axis_labels)


def test_a_single_image_gets_the_masks_of_its_name_else_the_user_is_asked(folder, viewer):
    image = viewer.add_image(np.zeros((12, 10)), name="IMG10", scale=(3, 3))
    found = _read(folder, image)
    assert found.to_open(image) == ("img10.tif",)
    [layer, *_] = show_experts(viewer, found, ["img10.tif"], image)
    assert tuple(layer.scale) == (3, 3)
    image.name = "else"
    assert found.to_open(image) == ()
    short = viewer.add_image(np.zeros((3, 12, 10)))
    assert found.to_open(short) == ()


def test_images_of_different_sizes_are_asked_for_one_by_one(folder, viewer):
    for expert in (1, 2, 10):
        tifffile.imwrite(folder / f"expert{expert}" / "img2.tif", _mask(1, (20, 20)))
    found = _read(folder)
    assert found.to_open(None) == ()
    assert {layer.data.shape for layer in show_experts(viewer, found, ["img2.tif"], None)} == {(20, 20)}


def test_a_mask_that_is_missing_does_not_come_as_an_empty_one(folder, viewer):
    (folder / "expert2" / "img2.tif").unlink()
    found = _read(folder)
    names = found.to_open(None)
    assert names == ("img1.tif", "img10.tif", "img11.tif")
    assert "img2.tif" in found.left_out(names)[0].found
    assert [layer.name for layer in show_experts(viewer, found, ["img2.tif"], None)] == [
        "expert1",
        "expert10",
    ]


def test_opening_again_updates_what_was_not_painted_on(folder, viewer):
    found = _read(folder)
    names = found.to_open(None)
    first = show_experts(viewer, found, names, None)
    first[0].data[0, 0, 0] = 1
    again = show_experts(viewer, found, names, None)
    assert again[1:] == first[1:]
    assert again[0] is not first[0]
    assert first[0].data[0, 0, 0] == 1
    other = show_experts(viewer, found, names[:1], None)
    assert not set(other) & set(again)


def test_roi_sets_open_as_objects_on_the_image(tmp_path, viewer):
    image = viewer.add_image(np.zeros((12, 10, 3), np.uint8), rgb=True)
    for expert in (2, 10):
        _rois(tmp_path / f"expert{expert}" / "cells.zip", (1, 1, 4, 4), (6, 2, 6 + expert % 4, 8))
    found = _read(tmp_path, image)
    assert found.are_objects
    [two, ten] = show_experts(viewer, found, found.to_open(image), image)
    assert (two.name, ten.name) == ("expert2", "expert10")
    expected = np.zeros((12, 10), int)
    expected[1:4, 1:4] = 1
    expected[6:8, 2:8] = 2
    np.testing.assert_array_equal(two.data, expected)


def test_several_roi_sets_are_the_planes_of_the_stack(tmp_path, viewer):
    image = viewer.add_image(np.zeros((2, 12, 10)), **UM)
    for expert in ("a", "b"):
        _rois(tmp_path / expert / "field2.roi", (1, 1, 4, 4))
        _rois(tmp_path / expert / "field10.roi", (5, 5, 9, 9))
    found = _read(tmp_path, image)
    [one, _] = show_experts(viewer, found, found.to_open(image), image)
    assert one.data[0, 2, 2] == one.data[1, 6, 6] == 1
    assert one.data.sum() == 9 + 16


def test_roi_sets_without_an_image_or_outside_of_it_are_refused(tmp_path, viewer):
    for expert in ("a", "b"):
        _rois(tmp_path / expert / "cells.roi", (100, 100, 104, 104))
    with pytest.raises(InputError, match="choose it above"):
        _read(tmp_path)
    with pytest.raises(InputError) as caught:
        _read(tmp_path, viewer.add_image(np.zeros((12, 10))))
    assert len(caught.value.problems) == 2


def test_a_set_that_an_expert_lacks_is_noted(tmp_path, viewer):
    _rois(tmp_path / "a" / "one.roi", (1, 1, 4, 4))
    _rois(tmp_path / "b" / "two.roi", (1, 1, 4, 4))
    found = _read(tmp_path, viewer.add_image(np.zeros((12, 10))))
    assert [note.where for note in found.notes] == ["a", "b"]
