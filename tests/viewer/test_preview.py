import json

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2.config import Configuration
from napari_deepflash2.data.planes import Region
from napari_deepflash2.ensemble.manifest import Manifest
from napari_deepflash2.ensemble.preview import Preview
from napari_deepflash2.viewer.pairs import FolderPair, Taking, make_pair
from napari_deepflash2.viewer.preview import PreviewReader, go_to, hide_preview, show_preview
from napari_deepflash2.viewer.run_sources import write_sources
from napari_deepflash2.viewer.training_data import take_pairs

UM = {"units": ("um", "um")}
PREVIEWS = ["training preview uncertainty (0 to 1)", "training preview"]


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def folder(tmp_path):
    Manifest(
        run="r", members=(), planned=1, classes=(0, 7), channels=1, configuration=Configuration(),
        image_hashes={}, mask_hashes={}, value_ranges=((0.0, 1.0),), versions={}, environment={},
    ).save(tmp_path)  # fmt: skip
    return tmp_path


def _run_writes(folder, id_, shape=(48, 64), fold=1, iteration=10, region=None):
    image = np.random.default_rng(iteration).random((*shape, 1)).astype(np.float32)
    mean = np.stack([1 - image[..., 0], image[..., 0]])
    Preview.of(id_, image, np.zeros(shape, np.uint8), mean, region).save(folder, fold, iteration)
    return mean.argmax(0)


def _shown(viewer, folder):
    return show_preview(viewer, PreviewReader(folder).news(), folder)


def test_a_preview_is_read_once_and_the_newest_first(folder):
    reader = PreviewReader(folder)
    assert reader.news() is None
    _run_writes(folder, "0001_a", fold=1)
    assert reader.news().fold == 1
    assert reader.news() is None
    _run_writes(folder, "0001_a", fold=2, iteration=20)
    assert (reader.news().iteration, reader.news()) == (20, None)


@pytest.mark.parametrize("damage", ["cut", "gone", "other shape", "pickle"])
def test_a_preview_that_cannot_be_read_is_waited_for(folder, damage):
    _run_writes(folder, "0001_a")
    path = folder / "preview" / "fold-1.npz"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "gone":
        path.unlink()
    elif damage == "pickle":
        np.savez(path, image=np.array([{}]), labels=np.array([{}]), uncertainty=np.array([{}]))
    else:
        about = json.loads(path.with_suffix(".json").read_text())
        about["region"]["height"] = 3
        path.with_suffix(".json").write_text(json.dumps(about))
    reader = PreviewReader(folder)
    assert reader.news() is None
    _run_writes(folder, "0001_a")
    assert reader.news() is not None


def test_a_preview_lies_over_its_layer_and_is_updated_in_place(viewer, folder):
    image = viewer.add_image(np.zeros((48, 64)), name="cells", scale=(0.5, 0.25), translate=(3, 4), **UM)
    mask = viewer.add_labels(np.ones((48, 64), int), scale=(0.5, 0.25), translate=(3, 4), **UM)
    write_sources(take_pairs([make_pair(image, mask)]), folder / "input")
    labels = _run_writes(folder, "0001_cells")
    layers, name = _shown(viewer, folder)
    assert ([layer.name for layer in layers], name) == (PREVIEWS, "cells")
    assert [layer.visible for layer in layers] == [False, True]
    assert layers[1].contour
    np.testing.assert_array_equal(layers[1].data, labels * 7)
    for layer in layers:
        np.testing.assert_allclose(layer.extent.world, image.extent.world)
        assert layer.units == image.units
    layers[0].visible, layers[1].contour = True, 0
    labels = _run_writes(folder, "0001_cells", iteration=30)
    assert _shown(viewer, folder)[0] == layers
    np.testing.assert_array_equal(layers[1].data, labels * 7)
    assert (layers[0].visible, layers[1].contour) == (True, 0)
    assert len(viewer.layers) == 4


def test_a_block_of_a_plane_of_a_stack_lies_where_it_was_cut(viewer, folder):
    stack = viewer.add_image(np.zeros((4, 96, 128)), name="stack", scale=(2, 1, 1), translate=(0, 5, 0))
    mask = viewer.add_labels(np.ones((4, 96, 128), int), scale=(2, 1, 1), translate=(0, 5, 0))
    step = viewer.dims.current_step
    for how, id_ in ((Taking(one_specimen=True), "0001_stack_z003"), (Taking(), "0001_stack-003")):
        write_sources(take_pairs([make_pair(stack, mask, how)]), folder / "input")
        _run_writes(folder, f"{id_}_block2", (40, 50), region=Region(id_, 30, 60, (96, 128)))
        layers, name = _shown(viewer, folder)
        assert name == "stack, plane 3"
        assert layers[1].data.shape == (1, 40, 50)
        assert layers[1].translate == pytest.approx((6, 35, 60))
    assert (viewer.dims.ndim, viewer.dims.current_step) == (3, step)
    go_to(viewer, layers)
    assert viewer.dims.current_step[0] == 3


def test_an_image_that_was_resampled_is_drawn_at_its_size(viewer, folder):
    image = viewer.add_image(np.zeros((96, 128)), name="cells", scale=(0.5, 0.5), **UM)
    mask = viewer.add_labels(np.ones((96, 128), int), scale=(0.5, 0.5), **UM)
    write_sources(take_pairs([make_pair(image, mask)]), folder / "input")
    _run_writes(folder, "0001_cells")
    layers, _ = _shown(viewer, folder)
    np.testing.assert_allclose(_borders(layers[1]), _borders(image))


def _borders(layer):
    """Where the first pixel begins and the last ends: the extent is that of their centres."""
    half = np.asarray(layer.scale) / 2
    return np.add(layer.extent.world, [-half, half])


def test_without_its_layer_the_preview_brings_the_image(viewer, folder):
    image = viewer.add_image(np.zeros((3, 48, 64)), name="cells", scale=(1, 0.5, 0.5), units=("um",) * 3)
    mask = viewer.add_labels(np.ones((3, 48, 64), int), scale=(1, 0.5, 0.5), units=("um",) * 3)
    write_sources(take_pairs([make_pair(image, mask)]), folder / "input")
    _run_writes(folder, "0001_cells-001")
    assert len(_shown(viewer, folder)[0]) == 2
    viewer.layers.clear()
    layers, _ = _shown(viewer, folder)
    assert [layer.name for layer in layers] == ["training preview image", *PREVIEWS]
    assert layers[0].scale == pytest.approx((0.5, 0.5))
    assert str(layers[0].units[0]) == "micrometer"
    # The same layer opened again in another napari.
    again = viewer.add_image(np.zeros((3, 48, 64)), name="cells", scale=(1, 0.5, 0.5), units=("um",) * 3)
    layers, _ = _shown(viewer, folder)
    assert [layer.name for layer in viewer.layers] == ["cells", *PREVIEWS]
    assert layers[1].ndim == again.ndim
    hide_preview(viewer)
    assert list(viewer.layers) == [again]


def test_images_of_folders_are_shown_with_the_preview(viewer, folder):
    write_sources([FolderPair(folder, folder, 2)], folder / "input")
    _run_writes(folder, "img 7")
    assert len(_shown(viewer, folder)[0]) == 3


def test_a_preview_that_was_painted_on_is_left_to_the_user(viewer, folder):
    write_sources([FolderPair(folder, folder, 2)], folder / "input")
    _run_writes(folder, "a")
    layers, _ = _shown(viewer, folder)
    layers[-1].data[:5, :5] = 3
    _run_writes(folder, "a", iteration=20)
    assert _shown(viewer, folder)[0][-1] is not layers[-1]
    assert (layers[-1].data[:5, :5] == 3).all()
    hide_preview(viewer)
    assert list(viewer.layers) == [layers[-1]]
