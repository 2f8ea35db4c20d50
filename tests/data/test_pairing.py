"""Pairing by name: without doubt, or refused with the files listed."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_deepflash2.data import image_id, pair_images_and_masks
from napari_deepflash2.data.pairing import pair_names
from napari_deepflash2.errors import InputError

IMAGES, MASKS = Path("images"), Path("masks")


def pair(images, masks):
    """Pair names, shown as names."""
    pairing = pair_names([IMAGES / name for name in images], [MASKS / name for name in masks])
    return [(image.name, mask.name) for image, mask in pairing.pairs], pairing


def refusal(images, masks):
    with pytest.raises(InputError) as caught:
        pair(images, masks)
    return caught.value


def folders(tmp_path, images, masks):
    for folder, names in (("images", images), ("masks", masks)):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_bytes(b"x")
    return tmp_path / "images", tmp_path / "masks"


@pytest.mark.parametrize(
    ("mask", "suffix"),
    [("0001_mask.png", "_mask"), ("0001.png", ""), ("0001.tif", ""), ("0001_Mask.ome.tif", "_mask")],
)
def test_the_two_conventions(mask, suffix):
    pairs, pairing = pair(["0001.tif", "0002.tif"], [mask, mask.replace("0001", "0002")])
    assert pairs == [("0001.tif", mask), ("0002.tif", mask.replace("0001", "0002"))]
    assert pairing.suffix == suffix


def test_pairs_come_sorted_by_id_from_folders(tmp_path):
    images, masks = folders(tmp_path, ["b.tif", "a.png", "c.ome.tif"], ["c_m.png", "a_m.tif", "b_m.png"])
    found = pair_images_and_masks(str(images), masks)
    assert found == [
        (images / "a.png", masks / "a_m.tif"),
        (images / "b.tif", masks / "b_m.png"),
        (images / "c.ome.tif", masks / "c_m.png"),
    ]


def test_a1_images_without_mask_are_refused_all_at_once():
    error = refusal([f"{i}.tif" for i in range(6)], [f"{i}_mask.png" for i in range(4)])
    assert [Path(problem.where).name for problem in error.problems] == ["4.tif", "5.tif"]
    assert {problem.code for problem in error.problems} == {"unpaired-image"}
    assert "4_mask" in error.problems[0].found
    assert all(problem.remedy for problem in error.problems)


def test_a1_no_image_has_a_mask():
    error = refusal(["a.tif", "b.tif"], ["x.png", "y.png"])
    assert "none of the 2 images has a mask" in str(error)
    assert "x.png" in str(error)


def test_a2_masks_without_image_are_noted_and_logged(tmp_path, caplog):
    images, masks = folders(tmp_path, ["1.tif", "2.tif"], ["1_m.png", "2_m.png", "3_m.png", "4_m.png"])
    assert len(pair_images_and_masks(images, masks)) == 2
    assert "2 masks belong to no image: 3_m.png, 4_m.png" in caplog.text


def test_a3_prefix_names_are_never_confused():
    images = [f"{i}.tif" for i in (1, *range(10, 20))]
    masks = [f"{i}_mask.png" for i in (1, *range(10, 20))]
    expected = sorted(zip(images, masks, strict=True))
    for seed in range(20):
        random.Random(seed).shuffle(images)
        random.Random(seed + 100).shuffle(masks)
        assert pair(images, masks)[0] == expected


def test_a3_image_1_alone_does_not_take_the_mask_of_10():
    assert pair(["1.tif"], ["10_mask.png", "1_mask.png"])[0] == [("1.tif", "1_mask.png")]
    assert refusal(["1.tif"], ["10_mask.png"]).problems[0].code == "unpaired-image"
    assert refusal(["1.tif", "2.tif"], ["10_mask.png", "2_mask.png"]).problems[0].where.endswith("1.tif")


def test_a3_names_that_continue_others():
    assert pair(["a.tif", "a_b.tif"], ["a_b.png", "a_b_b.png"])[0] == [
        ("a.tif", "a_b.png"),
        ("a_b.tif", "a_b_b.png"),
    ]


def test_a3_two_kinds_of_masks_are_refused_with_examples():
    error = refusal(["1.tif", "2.tif"], ["1_mask.png", "2_mask.png", "1_seg.png", "2_seg.png"])
    assert error.problems[0].code == "ambiguous-suffix"
    assert "1_mask.png, 2_mask.png" in str(error)
    assert "1_seg.png, 2_seg.png" in str(error)
    assert refusal(["1.tif", "2.tif"], ["1_mask.png", "2_seg.png"]).problems[0].code == "ambiguous-suffix"


def test_a4_same_name_with_two_extensions_is_refused_with_both():
    error = refusal(["a.tif", "a.png", "b.tif", "c.tif", "c.ome.tif"], ["a.png", "b.png", "c.png"])
    assert [problem.code for problem in error.problems] == ["same-name", "same-name"]
    assert "a.tif, a.png" in str(error)
    assert "c.tif, c.ome.tif" in str(error)
    error = refusal(["a.tif", "b.tif"], ["a_m.png", "a_m.tif", "b_m.png"])
    assert error.problems[0].code == "several-masks"
    assert "a_m.png, a_m.tif" in str(error)


def test_a5_sub_folders_are_not_paired(tmp_path, caplog):
    images, masks = folders(tmp_path, ["a.tif"], ["a.png"])
    (images / "plate2").mkdir()
    (images / "plate2" / "a.tif").write_bytes(b"x")
    assert pair_images_and_masks(images, masks) == [(images / "a.tif", masks / "a.png")]
    assert "1 sub-folders left out: plate2" in caplog.text


def test_a6_dots_in_names_belong_to_the_id():
    images = ["plate1.wellA.tif", "plate1.wellB.tif"]
    pairs, _ = pair(images, ["plate1.wellB_mask.png", "plate1.wellA_mask.png"])
    assert pairs == [
        ("plate1.wellA.tif", "plate1.wellA_mask.png"),
        ("plate1.wellB.tif", "plate1.wellB_mask.png"),
    ]
    assert image_id(images[0]) == "plate1.wellA"
    assert image_id("a.b.ome.tiff") == "a.b"
    assert image_id("a.ome.png") == "a.ome"


def test_a7_unicode_forms_are_one_name():
    composed, decomposed = "Zürich", unicodedata.normalize("NFD", "Zürich")
    assert composed != decomposed
    assert pair([f"{decomposed}.tif"], [f"{composed}_mask.png"])[0] == [
        (f"{decomposed}.tif", f"{composed}_mask.png")
    ]
    assert image_id(f"{decomposed}.tif") == composed
    assert "Unicode form aside" in str(refusal([f"{composed}.tif", f"{decomposed}.tif"], ["x.png"]))


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "it's",
        'say "x"',
        "a#1",
        "100%",
        "two\nlines",
        "-rf",
        "x" * 200,
        "🔬",
        "ملف",
        "a&b;c",
        "=1+1",
        "a[1]",
        "{0}",
    ],
)
def test_a8_odd_names_are_paired_unchanged(tmp_path, name):
    images, masks = folders(tmp_path, [f"{name}.tif", "other.tif"], [f"{name}_mask.png", "other_mask.png"])
    found = dict(pair_images_and_masks(images, masks))
    assert found[images / f"{name}.tif"] == masks / f"{name}_mask.png"
    assert image_id(images / f"{name}.tif") == name


def test_a8_a_newline_in_a_name_stays_on_one_line():
    error = refusal(["two\nlines.tif", "b.tif"], ["b_mask.png"])
    assert len(str(error).splitlines()) == 1


def test_a9_case_of_extension_and_name_does_not_matter():
    assert pair(["A1.TIF", "b.Tif"], ["a1_Mask.PNG", "B_mask.png"])[0] == [
        ("A1.TIF", "a1_Mask.PNG"),
        ("b.Tif", "B_mask.png"),
    ]


def test_a9_names_that_collide_on_some_disks_are_refused():
    error = refusal(["Cell.tif", "cell.tif"], ["cell.png"])
    assert error.problems[0].code == "same-name"
    assert "Cell.tif, cell.tif" in str(error)
    assert "letter case" in str(error)


def test_a14_problems_of_both_folders_come_together(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError) as caught:
        pair_images_and_masks(tmp_path / "images", tmp_path / "nowhere")
    assert [problem.code for problem in caught.value.problems] == ["no-images", "bad-folder"]


def test_c15_one_folder_for_both_is_refused(tmp_path):
    images, _ = folders(tmp_path, ["a.tif", "a_mask.tif"], [])
    with pytest.raises(InputError, match="images and masks alike"):
        pair_images_and_masks(images, tmp_path / "masks" / ".." / "images")


IDS = st.lists(
    st.text(alphabet="ab1 0._-Éß\n", min_size=1, max_size=6).filter(lambda name: not name.startswith(".")),
    min_size=1,
    max_size=8,
    unique_by=lambda name: unicodedata.normalize("NFC", name).casefold(),
)
SUFFIXES = st.sampled_from(["", "_mask", "-gt", ".label", " copy"])


@given(ids=IDS, suffix=SUFFIXES, data=st.data())
@example(ids=["1", "10", "100"], suffix="_mask", data=None)
def test_pairing_is_total_injective_and_independent_of_order(ids, suffix, data):
    images = [IMAGES / f"{name}.tif" for name in ids]
    masks = [MASKS / f"{name}{suffix}.png" for name in ids]
    orders = [masks, masks[::-1]] if data is None else [data.draw(st.permutations(masks)) for _ in range(2)]
    first, second = (attempt(images, order) for order in orders)
    assert first == second
    # In doubt is, for instance, one image `a` with the masks `a` and `a_mask`; never a wrong pair.
    assert first in (("ambiguous-suffix",), tuple(sorted(zip(images, masks, strict=True), key=by_id)))


def by_id(pair):
    return image_id(pair[0])


def attempt(images, masks):
    try:
        return pair_names(images, masks).pairs
    except InputError as error:
        return tuple(problem.code for problem in error.problems)
