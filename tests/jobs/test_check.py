"""The data check as files."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_deepflash2 import InputError
from napari_deepflash2.config import DataConfig
from napari_deepflash2.consensus import estimate_consensus
from napari_deepflash2.data import check_data, read_labels
from napari_deepflash2.jobs import check_folders
from napari_deepflash2.jobs.check import contact_sheet, pair_titles, pictures_of


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Three pairs: one with a stack, one whose mask is empty, one with an odd name."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    square = np.zeros((40, 60), np.uint8)
    square[10:20, 10:20] = 1
    pixels = np.random.default_rng(0).integers(0, 99, (3, 40, 60), np.uint8)
    for name, image, mask in (
        ("a", pixels, np.stack([square * 0, square, square * 0])),
        ("b", pixels[1], square * 0),
        ("=cmd() $x_1$ 核", pixels[2], square),
    ):
        options = {"metadata": {"axes": "ZYX"[-image.ndim :]}, "photometric": "minisblack"}
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", image, **options)
        tifffile.imwrite(tmp_path / "masks" / f"{name}.tif", mask, **options)
    return tmp_path


def test_tables_and_pictures_are_written(odd: Path) -> None:
    found = check_folders(odd / "images", odd / "masks", odd / "out")
    assert sorted(path.name for path in (odd / "out").iterdir()) == [
        "check.csv",
        "classes.csv",
        "pairs.png",
        "split.csv",
    ]
    table = pd.read_csv(odd / "out" / "check.csv")
    assert table["id"].tolist() == ["'=cmd() $x_1$ 核", "a", "b"]
    assert "no foreground" in table["findings"][2]
    assert table["what_to_do"][2]
    split = pd.read_csv(odd / "out" / "split.csv")
    assert split.columns.tolist() == ["image", "group", "fold"]
    assert len(split) == 5
    assert Image.open(odd / "out" / "pairs.png").size[0] == 1200
    assert pair_titles(found)[1:] == ["a", "b (1 finding)"]


def test_the_picture_of_a_stack_is_its_fullest_plane(odd: Path) -> None:
    picture = pictures_of(check_data(odd / "images", odd / "masks", DataConfig()))[1]
    assert picture.shape == (40, 60, 3)
    assert (picture[10, 10] != picture[10, 10, 0]).any()


def test_more_than_thirty_pairs_make_several_sheets(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for number in range(31):
            values = np.random.default_rng(number).integers(0, 2, (8, 8)).astype(np.uint8)
            tifffile.imwrite(tmp_path / folder / f"{number}.tif", values)
    check_folders(tmp_path / "images", tmp_path / "masks", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["pairs-1.png", "pairs-2.png"]


def test_a_sheet_has_a_title_for_each_picture() -> None:
    figure = contact_sheet([np.zeros((4, 6, 3), np.uint8)] * 7, [*"abcdef", "long" * 20])
    titles = [axes.get_title() for axes in figure.axes if axes.get_images()]
    assert titles[:6] == list("abcdef")
    assert len(titles[6]) <= 36
    assert len(figure.axes) == 10


def test_nothing_is_written_where_something_is_wrong(odd: Path) -> None:
    tifffile.imwrite(odd / "masks" / "b.tif", np.zeros((3, 3), np.uint8))
    with pytest.raises(InputError, match="the mask is 3 x 3"):
        check_folders(odd / "images", odd / "masks", odd / "out")
    assert list((odd / "out").iterdir()) == []


def test_results_are_not_written_among_the_inputs(odd: Path) -> None:
    with pytest.raises(InputError, match="lies inside"):
        check_folders(odd / "images", odd / "masks", odd / "masks" / "check")


def test_experts_are_checked_by_their_consensus(folders: Path) -> None:
    found = check_folders(folders / "images", experts_dir=folders / "experts")
    experts = sorted(path for path in (folders / "experts").iterdir() if path.is_dir())
    assert found.table["experts"].tolist() == [len(experts)] * len(found.table)
    for (_, mask), share in zip(found.pairs, found.table["foreground_share"], strict=True):
        masks = [read_labels(expert / mask.name).data for expert in experts]
        assert share == pytest.approx(np.mean(estimate_consensus(masks).labels != 0))
    assert len(found.split) == len(found.table)


def test_experts_who_lack_a_mask_are_counted_and_named(folders: Path, tmp_path: Path) -> None:
    experts = Path(shutil.copytree(folders / "experts", tmp_path / "experts"))
    first = sorted(experts.iterdir())[0]
    sorted(first.iterdir())[1].unlink()
    found = check_folders(folders / "images", experts_dir=experts)
    assert found.table["experts"].tolist()[1] == found.table["experts"][0] - 1
    assert any(f"expert {first.name} has no mask of 1 images" in note.found for note in found.notes)


@pytest.mark.parametrize("given", [(), ("masks", "experts")])
def test_either_masks_or_experts_are_needed(folders: Path, given: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="masks and experts"):
        check_folders(folders / "images", **{f"{name}_dir": folders / name for name in given})
