"""A reviewed image in the viewer, and the way to what is contradicted there."""

from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble import load_review, train_ensemble
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer.pairs import make_pair
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.review import (
    IMAGE,
    MARK,
    MASK,
    MODEL,
    UNCERTAINTY,
    Region,
    ReviewView,
)
from napari_deepflash2.viewer.review_maps import ReviewMaps, open_review, read_maps
from napari_deepflash2.viewer.run_sources import write_sources
from napari_deepflash2.viewer.training_data import take_pairs

SETTINGS = {
    "training": {"architecture": "unet", "iterations": 2, "tile_size": 32, "batch_size": 1, "max_splits": 2},
    "data": {"pixel_size": 0.5},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An ensemble of two images of half a micrometre a pixel."""
    root = tmp_path_factory.mktemp("reviewed")
    rng = np.random.default_rng(0)
    for name, size in (("first", 40), ("second", 56)):
        mask = np.zeros((40, size), np.uint8)
        mask[10:30, 10:30] = 255
        for kind, values in (("images", rng.normal(100 + mask, 20).clip(0)), ("masks", mask)):
            path = root / kind / f"{name}.tif"
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(path, values.astype(np.uint16 if kind == "images" else np.uint8))
    train_ensemble(root / "images", root / "masks", root / "ensemble", SETTINGS)
    return root / "ensemble"


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def view(viewer, folder):
    return ReviewView(viewer, load_review(folder))


def _roles(viewer):
    return {role_of(layer): layer for layer in viewer.layers if role_of(layer)}


def _maps(name="made up", shape=(60, 80), **changed):
    """Maps in which the model misses a square of 10 pixels."""
    mask, labels = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    mask[20:30, 40:50] = 1
    uncertainty = np.zeros(shape, np.float32)
    return ReviewMaps(
        **{"name": name, "image": np.zeros(shape, np.uint8), "mask": mask, "labels": labels}
        | {"uncertainty": uncertainty}
        | changed
    )


MISSED = Region("made up", 25, 45, 20, 40, 30, 50)


def test_an_image_is_shown_with_mask_prediction_and_uncertainty_at_its_size(viewer, view, folder):
    review = open_review(folder, ignore_progress)
    maps = read_maps(review, "first", ignore_progress)
    view.show(maps)
    found = _roles(viewer)
    assert [role_of(layer) for layer in viewer.layers] == [IMAGE, UNCERTAINTY, MODEL, MASK]
    np.testing.assert_array_equal(found[IMAGE].data, review.image("first"))
    np.testing.assert_array_equal(found[MASK].data, np.where(review.mask("first"), 255, 0))
    np.testing.assert_array_equal(found[MODEL].data, np.where(review.labels("first"), 255, 0))
    np.testing.assert_array_equal(found[UNCERTAINTY].data, review.uncertainty("first"))
    assert found[UNCERTAINTY].contrast_limits == [0, 1]
    assert not found[UNCERTAINTY].visible
    for layer in found.values():
        assert tuple(layer.scale) == (0.5, 0.5)
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    assert view.shown == "first"


def test_the_next_image_takes_the_layers_of_the_one_before(viewer, view, folder):
    own = viewer.add_labels(np.zeros((9, 9), int), name=MASK)
    review = load_review(folder)
    view.show(read_maps(review, "first", ignore_progress))
    before = list(viewer.layers)
    view.show(read_maps(review, "second", ignore_progress))
    assert list(viewer.layers) == before
    assert _roles(viewer)[MASK].data.shape == (40, 56)
    assert own.data.shape == (9, 9)
    low, high = _roles(viewer)[IMAGE].contrast_limits
    assert low < high <= review.image("second").max()


def test_a_mask_that_was_painted_on_is_the_users_from_then_on(viewer, view, folder):
    review = load_review(folder)
    view.show(read_maps(review, "first", ignore_progress))
    mask = _roles(viewer)[MASK]
    mask.paint((5, 5), 255)
    painted = mask.data.copy()
    view.show(read_maps(review, "second", ignore_progress))
    np.testing.assert_array_equal(mask.data, painted)
    assert role_of(mask) is None


def test_what_nobody_judged_is_no_class(viewer, view):
    view.show(_maps(mask=np.full((60, 80), IGNORE, np.uint8)))
    assert set(np.unique(_roles(viewer)[MASK].data)).isdisjoint({0, 255})


@pytest.mark.parametrize(
    ("shape", "roles"),
    [((60, 80, 3), [IMAGE]), ((60, 80, 2), [f"{IMAGE}, channel 1", f"{IMAGE}, channel 2"])],
)
def test_colours_and_channels_are_told_apart(viewer, view, shape, roles):
    view.show(_maps())
    view.show(_maps(image=np.random.default_rng(0).random(shape).astype(np.float32)))
    assert [role_of(layer) for layer in viewer.layers] == [*roles, UNCERTAINTY, MODEL, MASK]
    assert viewer.dims.ndim == 2


def test_the_camera_goes_to_a_region_which_is_marked(viewer, view):
    view.show(_maps())
    zoom = viewer.scene.camera.zoom
    view.go_to(MISSED)
    assert tuple(viewer.scene.camera.center[-2:]) == (24.5, 44.5)
    assert viewer.scene.camera.zoom > zoom
    mark = _roles(viewer)[MARK]
    assert mark.data.shape == (12, 12)
    assert tuple(mark.translate) == (19, 39)
    # A frame around the region and nothing in it.
    assert mark.data.sum() == 12 * 12 - 10 * 10
    view.unmark()
    assert MARK not in _roles(viewer)


def test_a_region_of_a_scaled_image_is_found_where_it_is(viewer, folder):
    view = ReviewView(viewer, load_review(folder))
    maps = read_maps(load_review(folder), "first", ignore_progress)
    view.show(maps)
    view.go_to(Region("first", 15, 15, 10, 12, 20, 18))
    assert tuple(viewer.scene.camera.center[-2:]) == (14.5 * 0.5, 14.5 * 0.5)
    assert tuple(_roles(viewer)[MARK].translate) == (9 * 0.5, 11 * 0.5)


def test_only_pieces_that_touch_the_pixel_are_marked(viewer, view):
    maps = _maps()
    maps.mask[20:30, 44:46] = 0
    view.show(maps)
    view.go_to(Region("made up", 25, 42, 20, 40, 30, 50))
    mark = _roles(viewer)[MARK].data
    assert mark[:, 7:].sum() == 0


def test_a_region_of_another_image_is_left_alone(viewer, view):
    view.show(_maps("another"))
    view.go_to(MISSED)
    assert MARK not in _roles(viewer)


def test_when_its_layers_are_gone_nothing_is_shown(viewer, view):
    view.show(_maps())
    viewer.layers.clear()
    assert view.shown is None
    view.go_to(MISSED)
    assert len(viewer.layers) == 0


def test_maps_lie_over_the_layer_that_was_trained_on(viewer, tmp_path):
    scale = {"scale": (2, 0.5, 0.5), "translate": (0, 5, 3), "units": ("um",) * 3}
    stack = viewer.add_image(np.zeros((4, 60, 80)), name="cells", **scale)
    mask = viewer.add_labels(np.ones((4, 60, 80), int), name="mine", **scale)
    write_sources(take_pairs([make_pair(stack, mask)]), tmp_path / "input")
    view = ReviewView(viewer, SimpleNamespace(folder=tmp_path, classes=(0, 1)))
    view.show(_maps("0001_cells-003"))
    assert viewer.dims.current_step[0] == 3
    found = _roles(viewer)
    assert set(found) == {UNCERTAINTY, MODEL, MASK}
    for layer in found.values():
        assert layer.data.shape == (1, 60, 80)
        np.testing.assert_allclose(layer.extent.world, [[6, 5, 3], [6, 34.5, 42.5]])
    view.go_to(Region("0001_cells-003", 25, 45, 20, 40, 30, 50))
    assert tuple(viewer.scene.camera.center[-2:]) == (5 + 24.5 / 2, 3 + 44.5 / 2)
    assert tuple(_roles(viewer)[MARK].translate) == (6, 5 + 19 / 2, 3 + 39 / 2)
    assert viewer.dims.current_step[0] == 3
    view.show(_maps("0001_cells-001"))
    assert viewer.dims.current_step[0] == 1
    assert len(viewer.layers) == 5
    viewer.layers.remove(stack)
    view.show(_maps("0001_cells-001"))
    assert IMAGE in _roles(viewer)
