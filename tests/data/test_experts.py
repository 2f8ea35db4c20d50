"""Folders of experts: who has a mask of which image."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile

from napari_deepflash2.config import DataConfig
from napari_deepflash2.data import find_expert_masks, read_expert_masks
from napari_deepflash2.errors import InputError


@pytest.fixture
def make(tmp_path):
    def write(**experts):
        """One sub-folder per expert with files of these names."""
        for expert, names in experts.items():
            (tmp_path / expert).mkdir(exist_ok=True)
            for name in names:
                (tmp_path / expert / name).write_bytes(b"x")
        return tmp_path

    return write


@pytest.fixture
def write(tmp_path):
    def write(masks):
        """Write masks given by "expert/name"."""
        for name, mask in masks.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / name, mask)
        return find_expert_masks(tmp_path)

    return write


def refusal(call, *args):
    with pytest.raises(InputError) as caught:
        call(*args)
    return caught.value


def test_experts_and_images_come_sorted(make):
    folder = make(expert2=["b.tif", "a.tif"], expert1=["a.tif", "b.tif"])
    found = find_expert_masks(folder)
    assert found.experts == ("expert1", "expert2")
    assert list(found.masks) == ["a.tif", "b.tif"]
    assert found.masks["a.tif"] == {
        "expert1": folder / "expert1" / "a.tif",
        "expert2": folder / "expert2" / "a.tif",
    }
    assert not found.notes


def test_numbers_in_names_count_as_numbers(make):
    names = ["img10.tif", "img2.tif"]
    found = find_expert_masks(make(expert10=names, expert2=names, expert1=names))
    assert found.experts == ("expert1", "expert2", "expert10")
    assert list(found.masks) == ["img2.tif", "img10.tif"]


def test_d9_missing_masks_are_noted(make, caplog):
    caplog.set_level("INFO", logger="napari_deepflash2")
    found = find_expert_masks(make(expert1=["a.tif", "b.tif", "c.tif"], expert2=["b.tif"]))
    assert list(found.masks["a.tif"]) == ["expert1"]
    assert list(found.masks["b.tif"]) == ["expert1", "expert2"]
    assert [note.code for note in found.notes] == ["no-mask"]
    assert "expert2 has no mask of 2 images: a.tif, c.tif" in str(found.notes[0])
    assert "expert2 has no mask" in caplog.text


def test_d10_one_image_may_have_other_extensions(make):
    found = find_expert_masks(make(expert1=["a.tif"], expert2=["a.png"]))
    assert list(found.masks) == ["a.tif"]
    assert found.masks["a.tif"]["expert2"].name == "a.png"


def test_d11_experts_with_one_name_are_refused(make):
    error = refusal(
        find_expert_masks, make(**{"expert 1": ["a.tif"], "Expert  1": ["a.tif"], "x": ["a.tif"]})
    )
    assert [problem.code for problem in error.problems] == ["same-expert"]
    assert "'Expert  1' and 'expert 1'" in str(error)


@pytest.mark.parametrize("name", ["images", "est_GT", "GT"])
def test_folders_that_are_no_experts_are_refused_by_name(make, name):
    error = refusal(find_expert_masks, make(**{"expert1": ["a.tif"], name: ["a.tif"]}))
    assert error.problems[0].code == "not-an-expert"
    assert error.problems[0].where.endswith(name)


def test_a4_two_masks_of_one_name_are_refused(make):
    error = refusal(find_expert_masks, make(expert1=["a.tif", "a.png"], expert2=["b.tif", "b.png"]))
    assert [problem.code for problem in error.problems] == ["same-name", "same-name"]


def test_a14_a_folder_without_experts_is_refused(tmp_path):
    assert refusal(find_expert_masks, tmp_path).problems[0].code == "no-experts"
    assert refusal(find_expert_masks, tmp_path / "gone").problems[0].code == "bad-folder"


def test_empty_expert_and_irregular_file_are_refused_together(make):
    folder = make(expert1=["a.tif"], expert2=[], expert3=["a.tif"])
    os.mkfifo(folder / "expert3" / "b.tif")
    error = refusal(find_expert_masks, folder)
    assert [problem.code for problem in error.problems] == ["no-images", "not-a-file"]


def test_a11_a12_hidden_folders_and_loops_are_no_experts(make):
    folder = make(expert1=["a.tif"], **{".ipynb_checkpoints": ["a.tif"], "__MACOSX": ["a.tif"]})
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert find_expert_masks(folder).experts == ("expert1",)


def test_linked_expert_folders_are_followed(make, tmp_path_factory):
    folder = make(expert1=["a.tif"])
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "expert1").symlink_to(folder / "expert1", target_is_directory=True)
    assert find_expert_masks(elsewhere).experts == ("expert1",)


def test_masks_of_all_experts_are_understood_as_one_set(write):
    full = np.full((8, 8), 255, np.uint8)
    half = np.where(np.arange(8) < 4, 255, 0)[np.newaxis].repeat(8, 0).astype(np.uint8)
    read = read_expert_masks(write({"e1/a.tif": full, "e2/a.tif": half, "e2/b.tif": half * 0}), DataConfig())
    assert read.classes == (0, 255)
    np.testing.assert_array_equal(read.masks["a.tif"]["e1"], full)
    np.testing.assert_array_equal(read.masks["a.tif"]["e2"], half)
    assert list(read.masks["b.tif"]) == ["e2"]


def test_touching_instances_become_whole_foreground(write):
    objects = np.repeat(np.arange(12), 10)[np.newaxis].repeat(10, 0).astype(np.uint16)
    read = read_expert_masks(write({"e1/a.tif": objects, "e2/a.tif": objects[:, ::-1].copy()}), DataConfig())
    assert read.classes == (0, 1)
    np.testing.assert_array_equal(read.masks["a.tif"]["e1"], objects > 0)


def test_d10_shapes_that_differ_are_refused_for_every_image(write):
    mask = np.eye(8, 12, dtype=np.uint8)
    found = write(
        {f"e{i}/{name}.tif": mask for i in (1, 2, 3) for name in "abc"}
        | {"e2/a.tif": mask.T.copy(), "e3/c.tif": mask[:-1]}
    )
    error = refusal(read_expert_masks, found, DataConfig())
    assert [problem.code for problem in error.problems] == ["shape-mismatch"] * 2
    assert "e2" in error.problems[0].where
    assert "12 x 8, other experts' masks of a.tif are 8 x 12; it looks transposed" in error.problems[0].found
    assert "7 x 12" in error.problems[1].found
    assert "transposed" not in error.problems[1].found


def test_unreadable_masks_are_refused_all_at_once(make):
    error = refusal(
        read_expert_masks, find_expert_masks(make(e1=["a.tif", "b.tif"], e2=["a.tif"])), DataConfig()
    )
    assert [problem.code for problem in error.problems] == ["unreadable"] * 3


def test_d12_copied_masks_are_noted(write):
    mask = np.eye(8, dtype=np.uint8)
    read = read_expert_masks(
        write({"e1/a.tif": mask, "e2/a.tif": mask, "e3/a.tif": mask.T[::-1].copy()}), DataConfig()
    )
    assert "2 of 3 masks are identical" in str(
        [note for note in read.notes if note.code == "identical-masks"]
    )


@pytest.mark.parametrize("name", ["cfos_wue1", "cfos_mue", "cfos_inns1", "gaba_wue2"])
def test_real_experts(shared_data, tmp_path, name):
    for expert in (shared_data / "multi_expert" / name).glob("expert*"):
        (tmp_path / expert.name).symlink_to(expert, target_is_directory=True)
    found = find_expert_masks(tmp_path)
    assert len(found.experts) == len(list(tmp_path.iterdir()))
    images = {path.name for path in (shared_data / "multi_expert" / name / "est_GT").iterdir()}
    assert set(found.masks) == images
    first = dict(list(found.masks.items())[:2])
    read = read_expert_masks(type(found)(found.experts, first), DataConfig())
    assert read.classes == (0, 255)
