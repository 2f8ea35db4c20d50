from dataclasses import replace

import dask.array
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_deepflash2.data import find_expert_masks, pair_images_and_masks, read_image, read_labels
from napari_deepflash2.data.groups import read_groups
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer.pair_groups import with_groups
from napari_deepflash2.viewer.pairs import (
    FolderPair,
    Taking,
    make_pair,
    pair_by_name,
    pair_folders,
    pair_selected,
    pair_with_experts,
)
from napari_deepflash2.viewer.placing import Output, place
from napari_deepflash2.viewer.training_data import DataOnDisk, data_on_disk, row_of_file, take_pairs

UM = {"scale": (0.5, 0.25), "units": ("um", "um")}


@pytest.fixture
def viewer():
    return ViewerModel()


def _written(pairs, folder):
    data = data_on_disk(take_pairs(pairs), folder, ignore_progress)
    return pair_images_and_masks(data.images, data.masks)


def _layers(viewer, image_names, mask_names):
    images = [viewer.add_image(np.zeros((32, 32)), name=name) for name in image_names]
    masks = [viewer.add_labels(np.zeros((32, 32), int), name=name) for name in mask_names]
    return images, masks


def test_selected_layers_pair_by_name_whatever_their_order(viewer):
    images, masks = _layers(viewer, ["image 1", "image 2"], ["mask 2", "mask 1"])
    viewer.layers.selection = set(images + masks)
    assert [(p.image, p.masks[0]) for p in pair_selected(viewer)] == list(
        zip(images, masks[::-1], strict=True)
    )


def test_selected_layers_whose_names_do_not_tell_are_refused(viewer):
    images, masks = _layers(viewer, ["a", "b"], ["truth", "a mask"])
    viewer.layers.selection = set(images + masks)
    with pytest.raises(InputError, match=r'(?s)Image layers "b".*Labels layers "truth".*one Image'):
        pair_selected(viewer)


def test_all_layers_pair_by_name_and_results_of_ours_are_left_out(viewer):
    images, masks = _layers(viewer, ["a", "b", "c"], ["b mask", "a mask", "odd"])
    place(viewer, Output("labels", "prediction", "a prediction", np.ones((32, 32), int)), ("x",), {})
    pairs, left = pair_by_name(viewer)
    assert [(p.image, p.masks[0]) for p in pairs] == [(images[0], masks[1]), (images[1], masks[0])]
    assert [note.where for note in left] == ['Image layers "c"', 'Labels layers "odd"']
    viewer.layers.selection = {images[2], masks[2]}
    assert len(pair_selected(viewer)) == 1


def test_names_that_fit_nothing_are_refused(viewer):
    _layers(viewer, ["a"], ["b"])
    with pytest.raises(InputError, match="none of 1 Image layers"):
        pair_by_name(viewer)


def _pyramid(viewer, dtype=float, **spatial):
    levels = [np.random.default_rng(0).random((65, 96)).astype(dtype)]
    levels.append(levels[0][::2, ::2])
    return levels, viewer.add_image(levels, multiscale=True, name="slide", **spatial)


@pytest.mark.parametrize("shift", [0, 0.5])
def test_a_mask_that_was_drawn_on_a_coarser_level_is_learned_there(viewer, tmp_path, shift):
    spatial = {"units": ("um", "um")}
    levels, slide = _pyramid(viewer, scale=(0.5, 0.25), translate=(10, 20), **spatial)
    place_of_level = {"scale": (1, 0.5), "translate": (10 + shift * 0.5, 20 + shift * 0.25)}
    mask = viewer.add_labels(np.ones((33, 48), int), name="mask", **place_of_level, **spatial)
    with pytest.raises(InputError, match="65 × 96 and 33 × 48"):
        make_pair(slide, mask)
    pair = make_pair(slide, mask, Taking(level=1))
    taken = pair.taken()
    np.testing.assert_array_equal(taken.image.whole(), levels[1])
    assert taken.image.grid.spatial["scale"] == pytest.approx((0.5 * 65 / 33, 0.5))
    [(path, _)] = _written([pair], tmp_path)
    with tifffile.TiffFile(path) as tif:
        x = tif.pages[0].tags["XResolution"].value
    assert x[0] / x[1] == pytest.approx(1 / 0.5e-4)
    with pytest.raises(InputError, match="no level 2"):
        make_pair(slide, mask, Taking(level=2))


def test_a_mask_of_another_place_is_refused_at_every_level(viewer):
    _, slide = _pyramid(viewer)
    mask = viewer.add_labels(np.ones((33, 48), int), scale=(2, 2), translate=(0, 3))
    with pytest.raises(InputError, match="differ in translate"):
        make_pair(slide, mask, Taking(level=1))


def test_a_multiscale_mask_is_taken_at_the_level_of_its_image(viewer):
    levels, slide = _pyramid(viewer)
    masks = [(level > 0.5).astype(np.uint8) for level in levels]
    pair = make_pair(slide, viewer.add_labels(masks, multiscale=True), Taking(level=1))
    np.testing.assert_array_equal(pair.taken().masks[0].whole(), masks[1])
    assert pair.shape == (33, 48)


def test_images_of_one_level_are_taken_as_they_are_beside_multiscale_ones(viewer):
    image, mask = viewer.add_image(np.zeros((32, 32))), viewer.add_labels(np.zeros((32, 32), int))
    assert make_pair(image, mask, Taking(level=1)).how.level == 0


def test_a_lazy_image_is_not_loaded_when_it_is_paired_and_taken(viewer, tmp_path):
    computed = []

    def plane(block_info=None):
        computed.append(block_info[None]["chunk-location"][0])
        return np.full((1, 32, 40), computed[-1], np.float32)

    lazy = dask.array.map_blocks(plane, chunks=((1,) * 3, (32,), (40,)), dtype=np.float32)
    image = viewer.add_image(lazy, contrast_limits=(0, 3))
    mask = viewer.add_labels(np.ones((3, 32, 40), int))
    computed.clear()
    taken = take_pairs([make_pair(image, mask)])
    assert not computed
    data_on_disk(taken, tmp_path, ignore_progress)
    assert sorted(computed) == [0, 1, 2]


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
    assert make_pair(image, mask).how.one_specimen is expected
    assert make_pair(image, mask, Taking(one_specimen=not expected)).how.one_specimen is not expected


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
    [(image_path, mask_path)] = _written([make_pair(image, mask, Taking(one_specimen=True))], tmp_path)
    assert read_image(image_path).axes == read_labels(mask_path).axes == "ZYX"
    np.testing.assert_array_equal(read_image(image_path).data, image.data)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_colours_and_channels_are_written_last(viewer, tmp_path, dtype):
    colours = (np.random.default_rng(0).random((32, 40, 3)) * 255).astype(dtype)
    rgb = viewer.add_image(colours, rgb=True)
    apart = viewer.add_image(np.moveaxis(colours, -1, 0), rgb=False)
    mask = viewer.add_labels(np.ones((32, 40), int))
    pairs = _written([make_pair(rgb, mask), make_pair(apart, mask, Taking(channel_axis=0))], tmp_path)
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


def _groups(pairs, folder):
    data = data_on_disk(take_pairs(pairs), folder, ignore_progress)
    return None if data.groups is None else read_groups(data.groups)


def test_groups_are_written_for_every_image_once_one_is_given(viewer, tmp_path):
    planes = viewer.add_image(np.zeros((2, 32, 40)), name="planes")
    mask = viewer.add_labels(np.ones((2, 32, 40), int))
    apart, stack = make_pair(planes, mask), make_pair(planes, mask, Taking(one_specimen=True))
    assert _groups([apart, stack], tmp_path / "none") is None
    found = _groups([replace(apart, group="=mouse, 1"), stack], tmp_path / "some")
    assert found == [
        ("0001_planes-000", "=mouse, 1"),
        ("0001_planes-001", "=mouse, 1"),
        ("0002_planes", "0002_planes"),
    ]
    assert [row_of_file(name) for name, _ in found] == [0, 0, 1]
    assert row_of_file("cells_0001_a.tif") is None


@pytest.fixture
def folder_pair(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in (1, 2, 3):
        for name in ("images", "masks"):
            tifffile.imwrite(tmp_path / name / f"m{number}.tif", np.full((32, 40), number % 2, np.uint8))
    return pair_folders(tmp_path / "images", tmp_path / "masks")


def test_a_single_folder_is_trained_on_where_it_is_and_only_its_groups_are_written(folder_pair, tmp_path):
    data = data_on_disk([folder_pair], tmp_path / "input", ignore_progress)
    assert (data.images, data.masks, data.groups) == (folder_pair.images, folder_pair.masks, None)
    grouped = replace(folder_pair, groups=(("m1", "A"), ("m2", "A")))
    assert _groups([grouped], tmp_path / "input") == [("m1", "A"), ("m2", "A"), ("m3", "m3")]
    assert DataOnDisk.of(data.paths()) == data
    assert data.options()[:2] == ["--images", str(folder_pair.images)]


def test_a_table_names_the_groups_of_layers_and_files(viewer, folder_pair, tmp_path):
    image = viewer.add_image(np.zeros((32, 40)), name="Slide 1.tif")
    pair = make_pair(image, viewer.add_labels(np.ones((32, 40), int)))
    table = tmp_path / "groups.csv"
    table.write_text("image;group\nslide 1;mouse A\nM2.tif;mouse A\nm3;mouse B\nx;mouse C\n")
    found, [note] = with_groups([pair, folder_pair], table)
    assert found[0].group == "mouse A"
    assert found[1].groups == (("m2", "mouse A"), ("m3", "mouse B"))
    assert "not here: x" in note.found
    table.write_text("image,group\nx,A\n")
    with pytest.raises(InputError, match="names none of the images"):
        with_groups([pair, folder_pair], table)


def test_the_masks_of_experts_are_taken_under_their_names(viewer, tmp_path):
    image = viewer.add_image(np.zeros((32, 40)), name="cells")
    masks = [
        viewer.add_labels(np.full((32, 40), n), name=name)
        for n, name in enumerate(("Ann", "cells Bob B", "Cem [1]"), 1)
    ]
    elsewhere = viewer.add_labels(np.ones((8, 8), int), name="other")
    pair = pair_with_experts(image, [*masks, elsewhere])
    assert (pair.masks, pair.has_experts) == (tuple(masks), True)
    data = data_on_disk(take_pairs([pair]), tmp_path, ignore_progress)
    assert data.masks is None
    found = find_expert_masks(data.experts)
    assert found.experts == ("Ann", "Bob_B", "Cem")
    [of_image] = found.masks.values()
    assert [int(read_labels(path).data[0, 0]) for path in of_image.values()] == [1, 2, 3]
    assert {path.stem for path in of_image.values()} == {path.stem for path in data.images.iterdir()}


def test_experts_that_are_too_few_or_have_one_name_are_refused(viewer):
    image = viewer.add_image(np.zeros((32, 40)), name="cells")
    masks = [viewer.add_labels(np.ones((32, 40), int), name=name) for name in ("Ann", "Ann [1]")]
    with pytest.raises(InputError, match="at least two experts"):
        pair_with_experts(image, masks[:1])
    with pytest.raises(InputError, match=r'"Ann", "Ann .1."'):
        pair_with_experts(image, masks)
    masks[1].name = "Bob"
    both = [pair_with_experts(image, masks), make_pair(image, masks[0])]
    with pytest.raises(InputError, match="rows 2: hold a single mask"):
        take_pairs(both)


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
