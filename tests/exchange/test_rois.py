import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi, roiwrite

from napari_deepflash2 import InputError
from napari_deepflash2.data import find_expert_masks, read_labels
from napari_deepflash2.exchange import import_expert_rois, labels_of_rois, roi_files


def polygon(*points: tuple[float, float], name: str = "", **changes: object) -> ImagejRoi:
    """Outline through (x, y) points in ImageJ's coordinates, where pixel 0 reaches from 0 to 1."""
    roi = ImagejRoi.frompoints(np.array(points), name=name)
    roi.roitype = ROI_TYPE.POLYGON
    for key, value in changes.items():
        setattr(roi, key, value)
    return roi


def box(kind: ROI_TYPE, top: int, left: int, bottom: int, right: int, **changes: object) -> ImagejRoi:
    roi = ImagejRoi(roitype=kind, top=top, left=left, bottom=bottom, right=right, version=227)
    for key, value in changes.items():
        setattr(roi, key, value)
    return roi


def saved(tmp_path: Path, *rois: ImagejRoi) -> Path:
    path = tmp_path / ("one.roi" if len(rois) == 1 else "set.zip")
    with_names = {f"{number:04}.roi": roi.tobytes() for number, roi in enumerate(rois)}
    if len(rois) == 1:
        path.write_bytes(next(iter(with_names.values())))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in with_names.items():
                archive.writestr(name, data)
    return path


SQUARE = ((2, 1), (6, 1), (6, 4), (2, 4))


def picture(text: str) -> np.ndarray:
    return np.array([[int(c) for c in line] for line in text.split()])


@pytest.mark.parametrize("kind", [ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED])
def test_an_outline_holds_the_pixels_between_its_coordinates(tmp_path: Path, kind: ROI_TYPE) -> None:
    found = labels_of_rois(saved(tmp_path, polygon(*SQUARE, roitype=kind)), (6, 8))
    expected = np.zeros((6, 8), int)
    expected[1:4, 2:6] = 1
    np.testing.assert_array_equal(found.labels, expected)
    assert found.labels.dtype == np.uint16


def test_centres_on_a_diagonal_belong_to_one_of_two_triangles_and_to_the_right_one(tmp_path: Path) -> None:
    left = polygon((0, 0), (4, 4), (0, 4), name="left")
    right = polygon((0, 0), (4, 0), (4, 4), name="right")
    both = labels_of_rois(saved(tmp_path, left, right), (4, 4)).labels
    np.testing.assert_array_equal(both, picture("2222 1222 1122 1112"))
    alone = labels_of_rois(saved(tmp_path, left), (4, 4)).labels
    np.testing.assert_array_equal(alone, picture("0000 1000 1100 1110"))


def test_subpixel_outlines_go_by_the_centre_of_a_pixel(tmp_path: Path) -> None:
    roi = polygon((1.4, 1.4), (3.6, 1.4), (3.6, 2.6), (1.4, 2.6))
    assert roi.subpixel_coordinates is not None
    found = labels_of_rois(saved(tmp_path, roi), (4, 5)).labels
    np.testing.assert_array_equal(found, picture("00000 01110 01110 00000"))


def test_rectangles_and_ovals_fill_their_box(tmp_path: Path) -> None:
    rectangle = box(ROI_TYPE.RECT, 0, 0, 2, 3)
    oval = box(ROI_TYPE.OVAL, 3, 0, 7, 4)
    found = labels_of_rois(saved(tmp_path, rectangle, oval), (8, 5)).labels
    np.testing.assert_array_equal(found, picture("11100 11100 00000 02200 22220 22220 02200 00000"))


def test_a_large_oval_has_the_area_of_an_ellipse(tmp_path: Path) -> None:
    found = labels_of_rois(saved(tmp_path, box(ROI_TYPE.OVAL, 10, 20, 110, 220)), (200, 300))
    assert found.labels.sum() == pytest.approx(np.pi * 50 * 100, rel=2e-3)
    rows, columns = np.nonzero(found.labels)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 109, 20, 219)


def test_a_rectangle_between_pixels_goes_by_centres(tmp_path: Path) -> None:
    roi = box(
        ROI_TYPE.RECT,
        1,
        1,
        4,
        4,
        options=ROI_OPTIONS.SUB_PIXEL_RESOLUTION,
        xd=0.6,
        yd=1.0,
        widthd=2.0,
        heightd=1.4,
    )
    found = labels_of_rois(saved(tmp_path, roi), (4, 4)).labels
    np.testing.assert_array_equal(found, picture("0000 0110 0000 0000"))


def composite(*paths: list[tuple[float, float]]) -> ImagejRoi:
    numbers: list[float] = []
    for points in paths:
        for operation, (x, y) in zip([0, 1, 1, 1], points, strict=False):
            numbers += [operation, x, y]
        numbers.append(4)
    coordinates = np.array(numbers, np.float32)
    return ImagejRoi(
        roitype=ROI_TYPE.RECT, version=227, bottom=8, right=8,
        multi_coordinates=coordinates, shape_roi_size=coordinates.size,
    )  # fmt: skip


def test_composites_have_their_holes_and_parts(tmp_path: Path) -> None:
    def square(low: int, high: int, x: int = 0) -> list[tuple[float, float]]:
        return [(x + low, low), (x + high, low), (x + high, high), (x + low, high)]

    roi = composite(square(0, 4), square(1, 3), square(0, 2, 6))
    found = labels_of_rois(saved(tmp_path, roi), (5, 9)).labels
    np.testing.assert_array_equal(found, picture("111100110 100100110 100100000 111100000 000000000"))


def test_where_regions_overlap_the_smaller_has_the_pixel_and_of_equal_ones_the_later(tmp_path: Path) -> None:
    large, small = box(ROI_TYPE.RECT, 0, 0, 6, 6, name="cell"), box(ROI_TYPE.RECT, 2, 2, 4, 4, name="nucleus")
    shifted = box(ROI_TYPE.RECT, 3, 3, 5, 5, name="twin")
    for rois in ([large, small, shifted], [small, shifted, large]):
        found = labels_of_rois(saved(tmp_path, *rois), (6, 6))
        assert set(found.names.values()) == {"cell", "nucleus", "twin"}
        number = {name: label for label, name in found.names.items()}
        assert (found.labels == number["nucleus"]).sum() == 3
        assert (found.labels == number["twin"]).sum() == 4
        assert found.labels[0, 0] == number["cell"]


def test_a_region_under_its_double_is_noted(tmp_path: Path) -> None:
    found = labels_of_rois(saved(tmp_path, polygon(*SQUARE, name="a"), polygon(*SQUARE, name="b")), (6, 8))
    assert found.names == {2: "b"}
    assert [(note.code, "a" in note.found) for note in found.notes] == [("covered", True)]


def test_what_has_no_area_is_left_out_with_a_note_and_numbers_stay(tmp_path: Path) -> None:
    line = ImagejRoi(roitype=ROI_TYPE.LINE, x1=0, y1=0, x2=5, y2=5, version=227, name="scale")
    point = ImagejRoi.frompoints([(1, 1)], name="point")
    point.roitype = ROI_TYPE.POINT
    found = labels_of_rois(saved(tmp_path, line, point, polygon(*SQUARE)), (6, 8))
    assert list(found.names) == [3]
    assert [note.code for note in found.notes] == ["no-area", "no-area"]
    with pytest.raises(InputError, match="no region with an area"):
        labels_of_rois(saved(tmp_path, line), (6, 8))


def test_a_region_that_reaches_beyond_the_image_is_cut_with_a_note(tmp_path: Path) -> None:
    found = labels_of_rois(saved(tmp_path, polygon((5, 4), (12, 4), (12, 9), (5, 9), name="edge")), (6, 8))
    assert found.labels.sum() == 6
    assert [note.code for note in found.notes] == ["cut-at-border"]


def test_all_regions_outside_of_the_image_are_named(tmp_path: Path) -> None:
    path = saved(
        tmp_path, *(polygon((x, 1), (x + 3, 1), (x + 3, 3), (x, 3), name=f"at {x}") for x in (1, 20, 40))
    )
    with pytest.raises(InputError) as caught:
        labels_of_rois(path, (6, 8))
    assert [problem.code for problem in caught.value.problems] == ["outside-image"] * 2
    assert "at 20" in str(caught.value)
    assert "at 40" in str(caught.value)


def test_in_a_stack_regions_lie_in_the_plane_of_their_position(tmp_path: Path) -> None:
    rois = polygon(*SQUARE, position=2), polygon(*SQUARE, z_position=3, position=7)
    labels = labels_of_rois(saved(tmp_path, *rois), (3, 6, 8)).labels
    assert [np.unique(plane).tolist() for plane in labels] == [[0], [0, 1], [0, 2]]
    with pytest.raises(InputError) as caught:
        labels_of_rois(saved(tmp_path, polygon(*SQUARE), polygon(*SQUARE, position=9)), (3, 6, 8))
    assert [problem.code for problem in caught.value.problems] == ["no-plane"] * 2


def test_a_region_between_the_centres_of_pixels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="centre of no pixel"):
        labels_of_rois(saved(tmp_path, polygon((1.6, 1.6), (2.4, 1.6), (2.4, 2.4))), (6, 8))


def test_what_is_drawn_in_another_way_is_refused_not_approximated(tmp_path: Path) -> None:
    rounded = box(ROI_TYPE.RECT, 0, 0, 5, 5, rounded_rect_arc_size=3)
    curve = composite([(0, 0), (4, 0), (4, 4)])
    curve.multi_coordinates[3] = 2
    far = polygon((1, 1), (3, 1), (3, 3))
    far.subpixel_coordinates = np.array([(1, 1), (np.nan, 1), (3, 3)], np.float32)
    far.options = ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    with pytest.raises(InputError) as caught:
        labels_of_rois(saved(tmp_path, rounded, curve, far), (6, 8))
    assert [problem.code for problem in caught.value.problems] == ["bad-outline"] * 3


def test_huge_coordinates_take_no_more_memory_than_the_image(tmp_path: Path) -> None:
    roi = polygon((0.0, 0.0), (1e6, 0.0), (1e6, 1e6), (0.5, 1e6))
    found = labels_of_rois(saved(tmp_path, roi), (6, 8))
    assert found.labels[0, -1] == 1


@pytest.mark.parametrize("subtype", [ROI_SUBTYPE.ELLIPSE, ROI_SUBTYPE.ROTATED_RECT])
def test_rotated_shapes_are_read_by_the_outline_that_imagej_stores(
    tmp_path: Path, subtype: ROI_SUBTYPE
) -> None:
    diamond = polygon((4, 0), (8, 4), (4, 8), (0, 4), roitype=ROI_TYPE.FREEHAND, subtype=subtype)
    assert labels_of_rois(saved(tmp_path, diamond), (8, 8)).labels.sum() == 32


def test_files_that_are_no_rois_are_refused_by_name(tmp_path: Path) -> None:
    for name, data in {"text.roi": b"hello", "short.zip": b"PK\3\4rubbish", "empty.roi": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=name):
            labels_of_rois(tmp_path / name, (6, 8))
    with pytest.raises(InputError, match="cannot be read"):
        labels_of_rois(tmp_path / "none.roi", (6, 8))
    with pytest.raises(InputError, match="4 axes"):
        labels_of_rois(tmp_path / "none.roi", (1, 1, 6, 8))


def test_every_damaged_region_of_a_set_is_named(tmp_path: Path) -> None:
    good = polygon(*SQUARE).tobytes()
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("good.roi", good)
        archive.writestr("half.roi", good[:70])
        archive.writestr("notes.txt", b"not a roi")
        archive.writestr("__MACOSX/._good.roi", b"junk of a Mac")
    with pytest.raises(InputError) as caught:
        labels_of_rois(tmp_path / "set.zip", (6, 8))
    assert [problem.where.split(", ")[1] for problem in caught.value.problems] == ["half.roi", "notes.txt"]


def test_any_flipped_byte_is_read_or_refused(tmp_path: Path) -> None:
    good = bytearray(polygon(*SQUARE, name="cell").tobytes())
    for place in range(len(good)):
        for value in (0, 127, 255):
            data = good.copy()
            data[place] = value
            (tmp_path / "one.roi").write_bytes(data)
            with suppress(InputError):
                labels_of_rois(tmp_path / "one.roi", (6, 8))


def test_zip_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.roi", bytes(roi_files.MOST_BYTES_OF_ONE + 1))
    with pytest.raises(InputError, match="no drawing needs"):
        labels_of_rois(tmp_path / "bomb.zip", (6, 8))
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.roi", polygon(*SQUARE).tobytes())
    monkeypatch.setattr(roi_files, "MOST_ROIS", 2)
    with pytest.raises(InputError, match="no drawing needs"):
        labels_of_rois(tmp_path / "many.zip", (6, 8))


def test_a_stored_size_that_lies_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lie.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.roi", bytes(5000))
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 5000), struct.pack("<I", 50)))
    with pytest.raises(InputError, match=r"lie\.zip"):
        labels_of_rois(path, (6, 8))


@pytest.fixture
def laboratory(tmp_path: Path) -> Path:
    """Two images, and the ROI sets of two experts."""
    for name in ("a.tif", "b.ome.tif"):
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, np.zeros((20, 30), np.uint8))
    for expert, names in {"ann": ("A.zip", "b.zip"), "bob": ("a.zip",)}.items():
        for name in names:
            path = tmp_path / "rois" / expert / name
            path.parent.mkdir(parents=True, exist_ok=True)
            roiwrite(path, [polygon(*SQUARE, name="one"), polygon((10, 10), (15, 10), (15, 15), name="two")])
    return tmp_path


def test_the_sets_of_all_experts_become_an_experts_folder(laboratory: Path) -> None:
    seen = []
    done = import_expert_rois(laboratory / "rois", laboratory / "images", laboratory / "masks", seen.append)
    found = find_expert_masks(done.out)
    assert found.experts == ("ann", "bob")
    assert {name: sorted(paths) for name, paths in done.masks.items()} == {
        "a.tif": ["ann", "bob"], "b.ome.tif": ["ann"],
    }  # fmt: skip
    mask = read_labels(done.masks["a.tif"]["bob"])
    assert (mask.data.shape, np.unique(mask.data).tolist()) == ((20, 30), [0, 1, 2])
    assert [note.where for note in done.notes if note.code == "no-set"] == ["bob"]
    assert (seen[-1].done, seen[-1].total) == (3, 3)


def test_all_that_is_wrong_with_the_sets_is_said_and_nothing_written(laboratory: Path) -> None:
    (laboratory / "rois" / "bob" / "a.roi").write_bytes(polygon(*SQUARE).tobytes())
    (laboratory / "rois" / "bob" / "zzz.roi").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        import_expert_rois(laboratory / "rois", laboratory / "images", laboratory / "masks")
    assert sorted(problem.code for problem in caught.value.problems) == ["no-image", "two-sets"]
    (laboratory / "rois" / "bob" / "a.roi").unlink()
    (laboratory / "rois" / "bob" / "zzz.roi").unlink()
    for path in (laboratory / "rois").glob("*/[aA].zip"):
        path.write_bytes(b"PK")
    with pytest.raises(InputError) as caught:
        import_expert_rois(laboratory / "rois", laboratory / "images", laboratory / "masks")
    assert [problem.code for problem in caught.value.problems] == ["bad-zip"] * 2
    assert not (laboratory / "masks").exists()


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="holds no ROI set"):
        import_expert_rois(tmp_path, tmp_path, tmp_path / "out")
