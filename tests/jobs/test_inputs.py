from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deepflash2 import InputError
from napari_deepflash2.jobs.inputs import find_inputs


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("plate 1/a.tif", "plate 1/b.tif", "plate 2/c.tif", "plate 2/a.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / name, np.zeros((8, 8), np.uint8))
    return tmp_path


def test_a_folder_an_image_and_several_of_both_are_found_each_once(images: Path) -> None:
    inputs, missing = find_inputs(
        [images / "plate 1", str(images / "plate 2" / "c.tif"), images / "plate 1" / "b.tif"]
    )
    assert [item.id for item in inputs] == ["a", "b", "c"]
    assert missing == []
    assert [item.id for item in find_inputs(str(images / "plate 1" / "b.tif"))[0]] == ["b"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "\ufeffplate 1/a.tif\n\nplate 2/c.tif\r\n"),
        ("list.csv", "stain;image\nDAPI;plate 1/a.tif\nGFP; plate 2/c.tif\n"),
    ],
)
def test_a_list_names_images_as_seen_from_its_own_folder(images: Path, name: str, text: str) -> None:
    (images / name).write_text(text, encoding="utf-8")
    inputs, missing = find_inputs(images / name)
    assert [item.path for item in inputs] == [images / "plate 1" / "a.tif", images / "plate 2" / "c.tif"]
    assert missing == []


def test_h6_what_is_missing_of_a_list_is_named_and_the_others_are_found(images: Path) -> None:
    (images / "list.txt").write_text("plate 1/a.tif\nplate 1/A2.tif\nplate 3/x.png\n")
    inputs, missing = find_inputs(images / "list.txt")
    assert [item.id for item in inputs] == ["a"]
    assert [problem.where for problem in missing] == [
        str(images / "plate 1/A2.tif"),
        str(images / "plate 3/x.png"),
    ]


def test_where_all_are_missing_each_is_named(images: Path) -> None:
    with pytest.raises(InputError) as error:
        find_inputs([images / "x.tif", images / "y.tif"])
    assert [problem.code for problem in error.value.problems] == ["missing-image"] * 2


def test_two_images_whose_results_would_have_one_name_are_refused(images: Path) -> None:
    with pytest.raises(InputError, match="results of the name a"):
        find_inputs([images / "plate 1", images / "plate 2"])


@pytest.mark.parametrize("text", [b"file\nplate 1/a.tif\n", b"", b"image\n\xff\n"])
def test_a_table_without_a_column_of_images_is_refused(images: Path, text: bytes) -> None:
    (images / "list.csv").write_bytes(text)
    with pytest.raises(InputError, match="cannot be read as a list of images"):
        find_inputs(images / "list.csv")


def test_a_list_of_nothing_is_refused(images: Path) -> None:
    (images / "list.txt").write_text("\n")
    with pytest.raises(InputError, match="none are given"):
        find_inputs(images / "list.txt")
