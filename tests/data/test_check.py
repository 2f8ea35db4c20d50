"""The data check: all problems at once, a table of what is there, and the data to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_deepflash2.config import DataConfig
from napari_deepflash2.data import check_data, load_training_data, read_image
from napari_deepflash2.errors import InputError

COLUMNS = [
    "id",
    "image",
    "mask",
    "slices",
    "height",
    "width",
    "channels",
    "pixel_size",
    "dtype",
    "min",
    "max",
]
COLUMNS += ["classes", "foreground_share", "ignored_share", "objects", "n_findings", "findings", "what_to_do"]


def image(seed=0, shape=(32, 48), dtype="u1"):
    return np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)


def mask(seed=0, shape=(32, 48), value=255):
    """Three squares of foreground."""
    found = np.zeros(shape, np.uint8)
    for corner in range(3):
        found[..., 4:10, 4 + 12 * corner + seed % 5 :][..., :6] = value
    return found


class Folders:
    """Images and masks on disk, written by name."""

    def __init__(self, root: Path) -> None:
        self.images, self.masks = root / "images", root / "masks"
        for folder in (self.images, self.masks):
            folder.mkdir()

    def add(self, name: str, pixels: np.ndarray, labels: np.ndarray, **options: object) -> None:
        tifffile.imwrite(self.images / f"{name}.tif", pixels, **options)
        tifffile.imwrite(
            self.masks / f"{name}_mask.tif",
            labels,
            metadata=options.get("metadata", {}) if labels.ndim > 2 else {},
        )

    def check(self, **settings: object):
        return check_data(self.images, self.masks, DataConfig(**settings))

    def load(self, **settings: object):
        return load_training_data(self.images, self.masks, DataConfig(**settings))

    def problems(self, **settings: object):
        """Return the code of each problem by the name of its file."""
        with pytest.raises(InputError) as caught:
            self.check(**settings)
        return {Path(problem.where).name: problem for problem in caught.value.problems}


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path)


@pytest.fixture
def three(folders):
    for number in range(3):
        folders.add(f"{number}", image(number), mask(number))
    return folders


def codes(notes):
    return [note.code for note in notes]


def test_the_table_says_what_is_there(three):
    checked = three.check()
    assert list(checked.table.columns) == COLUMNS
    assert checked.table["id"].tolist() == ["0", "1", "2"]
    assert [path.name for pair in checked.pairs for path in pair][:2] == ["0.tif", "0_mask.tif"]
    row = checked.table.iloc[0]
    assert (row.image, row["mask"], row.slices, row.height, row.width) == ("0.tif", "0_mask.tif", 1, 32, 48)
    assert (row.channels, row["dtype"], row["min"], row["max"]) == (1, "uint8", image().min(), image().max())
    assert (row.classes, row.objects, row.findings) == ("0, 255", 3, "")
    assert row.foreground_share == pytest.approx(3 * 36 / (32 * 48))
    assert codes(checked.notes) == ["mask-kind"]


def test_training_data_are_float_images_and_class_labels(three):
    data = three.load()
    assert [plane.id for plane in data.planes] == [plane.group for plane in data.planes] == ["0", "1", "2"]
    assert data.classes == (0, 255)
    assert data.planes[1].image.dtype == np.float32
    np.testing.assert_array_equal(data.planes[1].image, image(1)[..., np.newaxis])
    np.testing.assert_array_equal(data.planes[1].labels, mask(1) > 0)


def test_slices_of_a_stack_are_one_group(folders):
    for name in "ab":
        folders.add(name, image(shape=(5, 32, 48)), mask(shape=(5, 32, 48)), metadata={"axes": "ZYX"})
    data = folders.load()
    assert [plane.id for plane in data.planes[:2]] == ["a_z000", "a_z001"]
    assert [plane.group for plane in data.planes] == ["a"] * 5 + ["b"] * 5
    assert data.planes[3].image.shape == (32, 48, 1)
    np.testing.assert_array_equal(data.planes[3].image[..., 0], image(shape=(5, 32, 48))[3])
    assert folders.check().table["slices"].tolist() == [5, 5]


def test_channels_lie_last(folders):
    pixels = image(shape=(2, 32, 48))
    for name in "ab":
        folders.add(name, pixels, mask(), metadata={"axes": "CYX"})
    np.testing.assert_array_equal(folders.load().planes[0].image, np.moveaxis(pixels, 0, -1))


def test_b9_unknown_pages_follow_the_setting(folders):
    for name in "ab":
        folders.add(name, image(shape=(2, 32, 48)), mask(), metadata=None)
    assert folders.problems()["a.tif"].code == "unknown-axes"
    assert folders.load(pages="channels").planes[0].image.shape == (32, 48, 2)


def test_every_problem_of_every_file_is_said_at_once(three):
    (three.images / "empty.tif").touch()
    tifffile.imwrite(three.masks / "empty_mask.tif", mask())
    tifffile.imwrite(three.images / "nan.tif", np.full((32, 48), np.nan))
    tifffile.imwrite(three.masks / "nan_mask.tif", mask().astype(np.float32) / 300)
    three.add("small", image(), mask()[:-1])
    three.add("grey", image(), image(7))
    found = three.problems()
    assert {name: problem.code for name, problem in found.items()} == {
        "empty.tif": "unreadable",
        "nan.tif": "not-finite",
        "nan_mask.tif": "fractions",
        "small_mask.tif": "shape-mismatch",
        "grey_mask.tif": "not-labels",
    }
    assert all(problem.remedy for problem in found.values())


def test_b13_twelve_bits_keep_their_values_and_mixed_types_are_noted(three):
    twelve = image(5, dtype="u2") * 20
    three.add("twelve", twelve, mask(4))
    np.testing.assert_array_equal(three.load().planes[3].image[..., 0], twelve)
    note = next(note for note in three.check().notes if note.code == "mixed-types")
    assert "3 uint8, 1 uint16" in note.found


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "f4"])
def test_b14_negative_intensities_stay_negative(folders, dtype):
    pixels = image().astype(dtype) - np.array(100, dtype)
    for name in "ab":
        folders.add(name, pixels, mask())
    np.testing.assert_array_equal(folders.load().planes[0].image[..., 0], pixels)


def test_b16_constant_image_is_a_finding(three):
    three.add("flat", np.full((32, 48), 7, np.uint8), mask(4))
    checked = three.check()
    assert "same value 7" in checked.table.set_index("id").findings["flat"]
    assert "constant" in codes(checked.notes)


def test_b19_orientation_of_one_of_a_pair_is_refused(three):
    tag = [(274, "H", 1, 6, True)]
    three.add("turned", image(4), mask(4), extratags=tag)
    problem = three.problems()["turned_mask.tif"]
    assert problem.code == "orientation-mismatch"
    tifffile.imwrite(three.masks / "turned_mask.tif", mask(4), extratags=tag)
    assert "orientation" in codes(three.check().notes)


@pytest.mark.parametrize("shape", [(1, 1), (1, 48), (3, 2)])
def test_b20_tiny_images_are_data(folders, shape):
    for name in "ab":
        folders.add(name, np.ones(shape, np.uint8), np.ones(shape, np.uint8))
    assert folders.load().planes[0].image.shape == (*shape, 1)


def test_b21_images_of_other_channels_are_refused_by_name(three):
    three.add("two", image(shape=(2, 32, 48)), mask(4), metadata={"axes": "CYX"})
    problem = three.problems()["two.tif"]
    assert problem.code == "channel-mismatch"
    assert "has 2 channels, other images have 1" in problem.found


def test_grey_saved_as_rgb_fits_rgb_and_grey_images(folders):
    grey = np.stack([image()] * 3, -1)
    folders.add("a", grey, mask(), photometric="rgb")
    folders.add("b", image(1), mask(1))
    assert {plane.image.shape for plane in folders.load().planes} == {(32, 48, 1)}
    folders.add("b", image(1, (32, 48, 3)), mask(1), photometric="rgb")
    loaded = folders.load()
    np.testing.assert_array_equal(loaded.planes[0].image, grey)
    assert "grey-spread" in codes(loaded.notes)


def test_true_grey_does_not_pass_for_rgb(folders):
    folders.add("a", image(), mask())
    folders.add("b", image(1, (32, 48, 3)), mask(1), photometric="rgb")
    assert folders.problems()["a.tif"].code == "channel-mismatch"


def test_c3_classes_can_be_named(folders):
    labels = mask(value=128)
    labels[20:, ::5] = 255
    for name in "ab":
        folders.add(name, image(), labels)
    assert "mask_classes" in folders.problems()["a_mask.tif"].remedy
    assert folders.load(mask_classes=[0, 128, 255]).classes == (0, 128, 255)


def test_c4_jpeg_masks_are_refused_by_name(three):
    # Named like the other masks; what matters is the content.
    soft = Image.fromarray(mask(4)).resize((96, 64)).resize((48, 32))
    tifffile.imwrite(three.images / "j.tif", image(5))
    soft.save(three.masks / "j_mask.jpg", quality=60)
    assert three.problems()["j_mask.jpg"].code == "not-labels"


def test_c10_shapes_that_differ_are_refused_with_both(three):
    three.add("turned", image(), mask().T.copy())
    three.add("cut", image(), mask()[:, 1:])
    found = three.problems()
    assert "48 x 32" in found["turned_mask.tif"].found
    assert "32 x 48" in found["turned_mask.tif"].found
    assert "looks transposed" in found["turned_mask.tif"].found
    assert "32 x 47" in found["cut_mask.tif"].found
    assert "transposed" not in found["cut_mask.tif"].found


def test_c12_all_masks_empty_is_refused(folders):
    for number in range(3):
        folders.add(f"{number}", image(number), np.zeros((32, 48), np.uint8))
    assert [problem.code for problem in folders.problems().values()] == ["no-foreground"]


def test_c14_a_stack_with_a_flat_mask_is_refused(folders):
    folders.add("a", image(shape=(5, 32, 48)), mask(shape=(5, 32, 48)), metadata={"axes": "ZYX"})
    tifffile.imwrite(folders.masks / "a_mask.tif", mask())
    assert "32 x 48 (YX)" in folders.problems()["a_mask.tif"].found


def test_c15_a_folder_of_images_as_masks_is_refused(folders):
    for number in range(3):
        folders.add(f"{number}", image(number), image(number))
    with pytest.raises(InputError) as caught:
        folders.check()
    same = [problem for problem in caught.value.problems if problem.code == "mask-is-image"]
    assert [Path(problem.where).name for problem in same] == [f"{number}_mask.tif" for number in range(3)]


def test_identical_images_are_noted(three):
    three.add("copy", image(0), mask(4))
    note = next(note for note in three.check().notes if note.code == "same-image")
    assert "0.tif, copy.tif" in note.found


def test_one_note_stands_for_what_many_files_share(folders):
    for number in range(6):
        folders.add(f"{number}", np.stack([image(number)] * 3, -1), mask(number), photometric="rgb")
    notes = [note for note in folders.check().notes if note.code == "grey-in-rgb"]
    assert len(notes) == 1
    assert "6 files (0.tif, 1.tif" in notes[0].where
    assert len(notes[0].names) == 6
    assert folders.check().table.findings.str.contains("three equal channels").all()


def test_instances_are_counted_and_kept_apart(folders):
    cells = np.kron(np.arange(24).reshape(4, 6), np.ones((8, 8), np.uint16)).astype(np.uint16)
    for name in "ab":
        folders.add(name, image(), cells)
    assert folders.check().table.objects.tolist() == [23, 23]
    data = folders.load()
    assert data.classes == (0, 1)
    assert 0.6 < data.planes[0].labels.mean() < 23 / 24


@pytest.mark.parametrize(
    ("name", "classes", "shape"),
    [
        ("dsb_fluo", (0, 1), (520, 696, 1)),
        ("dsb_he", (0, 1), (256, 320, 3)),
        ("multi_class/brain_2channel", (0, 1, 2), (1024, 1024, 2)),
    ],
)
def test_real_data_load(shared_data, name, classes, shape):
    data = load_training_data(shared_data / name / "images", shared_data / name / "masks", DataConfig())
    assert data.classes == classes
    assert data.planes[0].image.shape == shape


def test_real_stacks_load_slice_by_slice(shared_data, tmp_path):
    for folder, suffix in (("images", ""), ("masks", "_mask")):
        (tmp_path / folder).mkdir()
        for name in ("ovule", "stardist3d"):
            link = tmp_path / folder / f"{name}{suffix}.tif"
            link.symlink_to(shared_data / "stack3d" / f"{name}{suffix}.tif")
    data = load_training_data(tmp_path / "images", tmp_path / "masks", DataConfig())
    assert [plane.group for plane in data.planes] == ["ovule"] * 32 + ["stardist3d"] * 31
    assert data.planes[0].image.shape == (128, 128, 1)
    assert data.classes == (0, 1)


def test_a_row_has_what_was_found_about_its_files_and_what_to_do(three):
    three.add("copy", image(0), mask(4))
    three.add("empty", image(5), mask() * 0)
    rows = three.check().table.set_index("id")
    assert "2 images are identical" in rows.findings["0"]
    assert "2 images are identical" in rows.findings["copy"]
    assert rows.what_to_do["copy"].startswith("Keep one of them")
    assert "no foreground" in rows.findings["empty"]
    assert rows.findings["1"] == rows.what_to_do["1"] == ""


def test_the_table_of_classes_says_what_is_there_and_how_much(folders):
    labels = mask(value=1)
    labels[20:24, 4:10] = 2
    for number in range(3):
        folders.add(f"{number}", image(number), labels if number else mask(value=1))
    classes = folders.check(mask_kind="classes").classes.set_index("class")
    assert classes["images"].tolist() == [3, 3, 2]
    assert classes["objects"].isna().tolist() == [True, False, False]
    assert classes["objects"].tolist()[1:] == [9, 2]
    assert classes["share"].sum() == pytest.approx(1)
    assert classes["share"][2] == pytest.approx(2 * 24 / (3 * 32 * 48))


def test_c15_one_mask_for_many_images_is_a_finding_of_each(folders):
    for number in range(6):
        folders.add(f"{number}", image(number), mask(4 if number == 5 else 0))
    checked = folders.check()
    (note,) = [note for note in checked.notes if note.code == "identical-masks"]
    assert note.found.startswith("5 of 6 masks are identical")
    assert checked.table.findings.str.contains("identical").tolist() == [True] * 5 + [False]


def test_c13_a_class_that_one_group_alone_has_is_a_finding(folders):
    labels = mask(value=1)
    labels[20:24, 4:10] = 2
    for number in range(4):
        folders.add(f"{number}", image(number), labels if number < 2 else mask(number, value=1))
    config = DataConfig(mask_kind="classes")
    checked = check_data(folders.images, folders.masks, config, groups=["a", "a", "b", "b"])
    (note,) = [note for note in checked.notes if note.code == "rare-class"]
    assert "class 2 is in one group alone (a)" in note.found
    assert checked.table.findings.str.contains("one group alone").tolist() == [True, True, False, False]
    apart = check_data(folders.images, folders.masks, config)
    assert "rare-class" not in codes(apart.notes)


@pytest.mark.parametrize("channels", [1, 3])
def test_b4_rows_that_are_empty_to_the_end_are_a_finding(three, channels):
    shape = (32, 48) if channels == 1 else (32, 48, 3)
    whole = image(5, shape).astype(np.uint8) + 1
    torn = whole.copy()
    torn[25:] = 0
    border = torn.copy()
    border[:2] = 0
    found = {}
    for name, pixels in (("whole", whole), ("torn", torn), ("border", border)):
        path = three.images / f"{name}.tif"
        tifffile.imwrite(path, pixels, photometric="rgb" if channels == 3 else "minisblack")
        found[name] = codes(read_image(path).notes)
    assert found == {"whole": [], "torn": ["empty-end"], "border": []}


@pytest.mark.parametrize("pixels", [image(1, (128, 128)), np.add.outer(np.arange(128), np.arange(128))])
def test_b4_the_grey_end_of_a_torn_jpeg_is_a_finding(tmp_path, pixels):
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "a.jpg", quality=90)
    assert codes(read_image(tmp_path / "a.jpg").notes) == []
    content = (tmp_path / "a.jpg").read_bytes()
    whole = len(content) * 2 // 3
    (tmp_path / "a.jpg").write_bytes(content[:whole] + bytes(len(content) - whole - 2) + content[-2:])
    assert codes(read_image(tmp_path / "a.jpg").notes) == ["empty-end"]


def test_b4_planes_that_are_empty_to_the_end_are_a_finding(three):
    stack = image(5, (6, 32, 48)) + 1
    stack[3, 10:] = 0
    stack[4:] = 0
    tifffile.imwrite(three.images / "s.tif", stack.astype(np.uint8), metadata={"axes": "ZYX"})
    (note,) = read_image(three.images / "s.tif").notes
    assert "last 86 rows" in note.found


def test_settings_of_reading_hold_for_a_whole_set(folders):
    for number in range(2):
        pixels = image(number).astype(np.float32)
        pixels[0, 0] = np.nan
        folders.add(f"{number}", pixels, mask(number) / np.float32(300))
    found = {problem.code: problem for problem in folders.problems().values()}
    assert "'not_finite' to 'background'" in found["not-finite"].remedy
    assert "'mask_threshold'" in found["fractions"].remedy
    data = folders.load(mask_threshold=0.5, not_finite="background")
    np.testing.assert_array_equal(data.planes[0].labels, mask() > 0)
    assert data.planes[0].image[0, 0, 0] == image()[1:].min()
    read = {"mask_threshold": 0.5, "not_finite": "background"}
    assert folders.problems(**read, largest_pixels=100)["0.tif"].code == "oversized"


def test_c6_coloured_masks_are_read_by_a_table_of_colours(folders):
    red = np.zeros((32, 48, 3), np.uint8)
    red[mask() > 0] = (255, 0, 0)
    for name in "ab":
        folders.add(name, image(), mask())
        tifffile.imwrite(folders.masks / f"{name}_mask.tif", red, photometric="rgb")
    assert "'mask_colours'" in folders.problems()["a_mask.tif"].remedy
    data = folders.load(mask_colours={"#000000": 0, "#ff0000": 1})
    np.testing.assert_array_equal(data.planes[1].labels, mask() > 0)
