"""Groups that are given, read or suggested."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepflash2.config import DataConfig, TrainingConfig
from napari_deepflash2.data.groups import groups_of_images, suggested_groups
from napari_deepflash2.data.planes import Plane
from napari_deepflash2.data.preparing import prepared, split_table
from napari_deepflash2.errors import InputError

IDS = ["0001", "0002", "plate1.wellA"]


def problems(ids, groups):
    with pytest.raises(InputError) as caught:
        groups_of_images(ids, groups)
    return {problem.code: problem for problem in caught.value.problems}


def written(tmp_path, text, encoding="utf-8"):
    (tmp_path / "groups.csv").write_bytes(text.encode(encoding))
    return tmp_path / "groups.csv"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path, separator, encoding):
    rows = ["Image,note,Group", "0002,x,ben", "plate1.wellA,,anna", "", "0001.tif,y, ben "]
    path = written(tmp_path, "\r\n".join(rows).replace(",", separator), encoding)
    assert groups_of_images(IDS, path) == ["ben", "ben", "anna"]
    assert groups_of_images(IDS, str(path)) == ["ben", "ben", "anna"]


def test_groups_may_be_listed_or_mapped():
    assert groups_of_images(IDS, [1, 1, "b"]) == ["1", "1", "b"]
    assert groups_of_images(IDS, {"0002": 2, "0001": 1, "plate1.wellA": 2}) == ["1", "2", "2"]


def test_everything_that_is_wrong_is_said_at_once(tmp_path):
    rows = ["image,group", "0001,a", "0001,b", "7,a", "plate1.wellA,"]
    found = problems([*IDS, "0007"], written(tmp_path, "\n".join(rows)))
    assert set(found) == {"unknown-image", "no-group", "two-groups", "empty-group"}
    assert found["unknown-image"].found.endswith(": 7")
    assert "leading zeros" in found["unknown-image"].remedy
    assert found["no-group"].found.endswith("for 0002, 0007")
    assert "0001 (a, b)" in found["two-groups"].found
    assert "plate1.wellA" in found["empty-group"].found


def test_as_many_groups_as_images_are_needed():
    assert "2 groups for 3 images" in problems(IDS, ["a", "b"])["bad-groups"].found


@pytest.mark.parametrize("text", ["", "image,group\n", "name,animal\n0001,a\n", "image,group\n\0,a\n"])
def test_what_is_no_table_of_groups_is_refused(tmp_path, text):
    found = problems(IDS, written(tmp_path, text))
    assert {"bad-groups", "unknown-image"} & set(found)


def test_a_missing_or_foreign_file_is_refused(tmp_path):
    assert "bad-groups" in problems(IDS, tmp_path / "nothing.csv")
    assert "bad-groups" in problems(IDS, written(tmp_path, "image,group\nä,b", "utf-16"))


@pytest.mark.parametrize(
    ("ids", "groups"),
    [
        (["animal3_01", "animal3_02", "animal4_01", "animal4_02"], "animal3 (2 images), animal4 (2 images)"),
        (["mouse-A_1", "mouse-A_2", "mouse-B_1", "mouse-B_2"], "mouse-A (2 images), mouse-B (2 images)"),
        (["a1 s1", "a1 s2", "b2 s1", "b2 s2", "b2 s3"], "a1 (2 images), b2 (3 images)"),
    ],
)
def test_g5_names_that_suggest_groups_are_noted(ids, groups):
    (note,) = suggested_groups(ids)
    assert groups in note.found
    assert "columns image and group" in note.remedy


@pytest.mark.parametrize(
    "ids",
    [
        ["img_01", "img_02", "img_03", "img_04"],
        ["wt_01", "wt_02", "ko_01", "ko_02"],
        ["0001", "0002", "0003", "0004"],
        ["animal3_01", "animal4_01", "animal5_01"],
        ["animal3_01", "animal3_02", "animal4_01", "animal4_02", "control"],
        ["animal3_01", "animal3_02"],
        [],
    ],
)
def test_g5_other_names_suggest_nothing(ids):
    assert suggested_groups(ids) == []


def planes(*names, slices=1, shape=(32, 32)):
    return [
        Plane(
            f"{name}_z{z:03}" if slices > 1 else name,
            name,
            np.zeros((*shape, 1), np.float32),
            np.eye(*shape, dtype=np.uint8),
            name,
        )
        for name in names
        for z in range(slices)
    ]


def test_groups_given_for_images_hold_for_all_their_slices():
    ready, _ = prepared(planes("a", "b", "c", slices=2), (0, 1), DataConfig(), {"a": 1, "b": 2, "c": 1})
    assert [plane.group for plane in ready] == ["1", "1", "2", "2", "1", "1"]


def test_slices_of_a_stack_are_one_group_unless_told_otherwise():
    stacks = planes("a", "b", slices=2)
    together, _ = prepared(stacks, (0, 1), DataConfig())
    apart, _ = prepared(stacks, (0, 1), DataConfig(stacks="images"))
    assert [plane.group for plane in together] == ["a", "a", "b", "b"]
    assert [plane.group for plane in apart] == ["a_z000", "a_z001", "b_z000", "b_z001"]


def test_g5_groups_are_suggested_only_where_none_were_given():
    images = planes("animal3_01", "animal3_02", "animal4_01", "animal4_02")
    codes = [
        [note.code for note in prepared(images, (0, 1), DataConfig(), g)[1]] for g in (None, [1, 1, 2, 2])
    ]
    assert codes == [["groups-suggested"], []]


def test_the_split_names_the_fold_that_holds_an_image_out():
    ready, _ = prepared(planes(*"abcdef"), (0, 1), DataConfig(), [1, 1, 2, 2, 3, 3])
    table, notes = split_table(ready, (0, 1), TrainingConfig())
    assert notes == []
    assert table["image"].tolist() == list("abcdef")
    folds = table.groupby("group")["fold"].agg(["nunique", "first"])
    assert (folds["nunique"] == 1).all()
    assert sorted(folds["first"]) == [1, 2, 3]


def test_images_that_no_model_holds_out_have_no_fold():
    table, _ = split_table(planes(*"abcd"), (0, 1), TrainingConfig(models=1))
    assert table["fold"].notna().sum() == 1
