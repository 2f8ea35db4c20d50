import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_deepflash2.data import pair_images_and_masks, read_image, read_labels
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer.pairs import FolderPair, make_pair, pair_folders, pair_selected
from napari_deepflash2.viewer.training_data import take_pairs, write_training_data

UM = {"scale": (0.5, 0.25), "units": ("um", "um")}


@pytest.fixture
def viewer():
    return ViewerModel()


def _written(pairs, folder):
    images, masks = write_training_data(take_pairs(pairs), folder, ignore_progress)
    return pair_images_and_masks(images, masks)


def test_selected_layers_pair_in_their_order(viewer):
    images = [viewer.add_image(np.zeros((32, 32)), name=f"image {n}") for n in (1, 2)]
    masks = [viewer.add_labels(np.zeros((32, 32), int), name=f"mask {n}") for n in (1, 2)]
    viewer.layers.selection = set(images + masks)
    assert [(p.image, p.labels) for p in pair_selected(viewer)] == list(zip(images, masks, strict=True))


def test_what_cannot_be_paired_is_refused_with_what_to_do(viewer):
    image = viewer.add_image(np.zeros((32, 32)))
    viewer.layers.selection = {image}
    with pytest.raises(InputError, match=r"1 Image and 0 Labels layers are selected.*as many Labels"):
        pair_selected(viewer)
    other = viewer.add_labels(np.zeros((32, 33), int), name="other")
    viewer.layers.selection = {image, other}
    with pytest.raises(InputError, match=r'"other".*32 × 32 and 32 × 33'):
        pair_selected(viewer)


@pytest.mark.parametrize(("axis", "expected"), [("z", True), ("T", True), ("field", False), ("-3", False)])
def test_the_name_of_the_axis_says_whether_planes_belong_together(viewer, axis, expected):
    labels = (axis, "y", "x")
    image = viewer.add_image(np.zeros((3, 32, 32)), axis_labels=labels)
    mask = viewer.add_labels(np.zeros((3, 32, 32), int), axis_labels=labels)
    assert make_pair(image, mask).one_specimen is expected
    assert make_pair(image, mask, one_specimen=not expected).one_specimen is not expected


def test_planes_are_written_as_files_that_training_pairs_and_reads_back(viewer, tmp_path):
    rng = np.random.default_rng(0)
    image = viewer.add_image(rng.integers(0, 4000, (3, 32, 40)).astype(np.uint16), name="a/b <i>x</i>")
    mask = viewer.add_labels(rng.integers(0, 300, (3, 32, 40)))
    pairs = _written([make_pair(image, mask)], tmp_path)
    assert len(pairs) == 3
    for plane, (image_path, mask_path) in enumerate(pairs):
        np.testing.assert_array_equal(read_image(image_path).data, image.data[plane])
        np.testing.assert_array_equal(read_labels(mask_path).data, mask.data[plane])


def test_a_specimen_stays_one_stack(viewer, tmp_path):
    image = viewer.add_image(np.random.default_rng(0).random((3, 32, 40)).astype(np.float32))
    mask = viewer.add_labels(np.ones((3, 32, 40), int))
    [(image_path, mask_path)] = _written([make_pair(image, mask, one_specimen=True)], tmp_path)
    assert read_image(image_path).axes == read_labels(mask_path).axes == "ZYX"
    np.testing.assert_array_equal(read_image(image_path).data, image.data)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_colours_and_channels_are_written_last(viewer, tmp_path, dtype):
    colours = (np.random.default_rng(0).random((32, 40, 3)) * 255).astype(dtype)
    rgb = viewer.add_image(colours, rgb=True)
    apart = viewer.add_image(np.moveaxis(colours, -1, 0), rgb=False)
    mask = viewer.add_labels(np.ones((32, 40), int))
    pairs = _written([make_pair(rgb, mask), make_pair(apart, mask, channel_axis=0)], tmp_path)
    for image_path, _ in pairs:
        found = read_image(image_path)
        assert found.axes == "YXC"
        np.testing.assert_array_equal(found.data, colours)


def test_the_pixel_size_goes_with_the_file(viewer, tmp_path):
    image = viewer.add_image(np.zeros((32, 40)), **UM)
    mask = viewer.add_labels(np.ones((32, 40), int), **UM)
    [paths] = _written([make_pair(image, mask)], tmp_path)
    for path in paths:
        with tifffile.TiffFile(path) as tif:
            page = tif.pages[0]
            x, y = page.tags["XResolution"].value, page.tags["YResolution"].value
            assert page.tags["ResolutionUnit"].value.name == "CENTIMETER"
        assert x[0] / x[1] == pytest.approx(1 / 0.25e-4)
        assert y[0] / y[1] == pytest.approx(1 / 0.5e-4)


def test_layers_and_folders_train_together(viewer, tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in (1, 10):
        tifffile.imwrite(tmp_path / "images" / f"{number}.tif", np.full((32, 40), number, np.uint8))
        tifffile.imwrite(tmp_path / "masks" / f"{number}_mask.tif", np.full((32, 40), number % 2, np.uint8))
    folders = pair_folders(tmp_path / "images", tmp_path / "masks")
    assert folders == FolderPair(tmp_path / "images", tmp_path / "masks", 2)
    image = viewer.add_image(np.full((32, 40), 5.0))
    mask = viewer.add_labels(np.ones((32, 40), int))
    pairs = _written([make_pair(image, mask), folders], tmp_path / "out")
    found = {int(read_image(i).data[0, 0]): int(read_labels(m).data[0, 0]) for i, m in pairs}
    assert found == {5: 1, 1: 1, 10: 0}
