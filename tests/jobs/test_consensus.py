import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_deepflash2 import Configuration, InputError, estimate_consensus
from napari_deepflash2.jobs import make_consensus, make_object_consensus
from napari_deepflash2.progress import Cancelled, Progress


def test_one_mask_per_image_in_the_values_of_the_experts(folders: Path, tmp_path: Path) -> None:
    report = make_consensus(folders / "experts", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.tif", "2.tif", "3.tif", "experts.csv"]
    masks = [tifffile.imread(path) for path in sorted((folders / "experts").glob("*/1.tif"))]
    expected = estimate_consensus([(mask > 0).astype(int) for mask in masks]).labels
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "1.tif"), expected * 255)
    table = pd.read_csv(tmp_path / "experts.csv")
    assert set(table.columns) >= {"image", "expert", "dice", "sensitivity", "specificity"}
    assert len(table) == len(report.experts) == 9


def test_the_method_is_the_one_that_was_asked_for(folders: Path, tmp_path: Path) -> None:
    config = Configuration().replace("consensus", method="majority")
    make_consensus(folders / "experts", tmp_path, config)
    votes = sum(tifffile.imread(path) > 0 for path in (folders / "experts").glob("*/2.tif"))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "2.tif") > 0, votes >= 2)


def test_an_expert_may_lack_masks(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "experts", tmp_path / "experts")
    (tmp_path / "experts" / "expert2" / "3.tif").unlink()
    report = make_consensus(tmp_path / "experts", tmp_path / "out")
    assert report.experts.query("image == '3'")["expert"].tolist() == ["expert1", "expert3"]


def test_what_an_expert_did_not_judge_is_no_vote(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "experts", tmp_path / "experts")
    for path in (tmp_path / "experts" / "expert1").iterdir():
        mask = (tifffile.imread(path) > 0).astype(np.int8)
        tifffile.imwrite(path, np.full_like(mask, -1) if path.stem == "2" else mask)
    for path in (tmp_path / "experts").glob("expert[23]/*"):
        tifffile.imwrite(path, (tifffile.imread(path) > 0).astype(np.int8))
    config = Configuration().replace("data", ignore_label=-1).replace("consensus", method="union")
    make_consensus(tmp_path / "experts", tmp_path / "out", config)
    others = [tifffile.imread(path) > 0 for path in (folders / "experts").glob("expert[23]/2.tif")]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "2.tif"), others[0] | others[1])


def test_every_mask_that_cannot_be_read_is_named(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "experts", tmp_path / "experts")
    for expert in ("expert1", "expert3"):
        (tmp_path / "experts" / expert / "2.tif").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        make_consensus(tmp_path / "experts", tmp_path / "out")
    assert len(caught.value.problems) == 2
    assert all(str(Path(expert) / "2.tif") in str(caught.value) for expert in ("expert1", "expert3"))
    assert list((tmp_path / "out").iterdir()) == []


def test_masks_of_different_size_are_refused_by_file_and_size(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "experts", tmp_path / "experts")
    path = tmp_path / "experts" / "expert3" / "2.tif"
    tifffile.imwrite(path, tifffile.imread(path)[:-1])
    with pytest.raises(InputError, match=r"expert3.2\.tif: the mask is 47 x 64"):
        make_consensus(tmp_path / "experts", tmp_path / "out")


def test_results_never_go_among_the_inputs(folders: Path) -> None:
    with pytest.raises(InputError, match="lies inside"):
        make_consensus(folders / "experts", folders / "experts" / "consensus")


def test_progress_is_told_and_cancelling_ends_the_job(folders: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []

    def stop_after_two(progress: Progress) -> None:
        seen.append(progress)
        if progress.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        make_consensus(folders / "experts", tmp_path / "out", progress=stop_after_two)
    assert [(one.done, one.total) for one in seen] == [(1, 3), (2, 3)]
    assert not (tmp_path / "out" / "experts.csv").exists()


def test_notes_name_the_image_and_the_expert(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "experts", tmp_path / "experts")
    shutil.copy(tmp_path / "experts" / "expert1" / "2.tif", tmp_path / "experts" / "expert2" / "2.tif")
    notes = make_consensus(tmp_path / "experts", tmp_path / "out").notes
    assert any(note.where.startswith("2.tif") and "expert2" in str(note) for note in notes)


def test_pooling_gives_each_expert_one_performance_for_all_images(folders: Path, tmp_path: Path) -> None:
    table = make_consensus(folders / "experts", tmp_path, pooled=True).experts
    assert (table.groupby("expert")["sensitivity"].nunique() == 1).all()
    assert (table.groupby("expert")["dice"].nunique() > 1).any()


def test_the_soft_consensus_is_the_probability_of_foreground(folders: Path, tmp_path: Path) -> None:
    config = Configuration().replace("consensus", method="majority")
    make_consensus(folders / "experts", tmp_path, config, soft=True)
    votes = np.mean([tifffile.imread(path) > 0 for path in (folders / "experts").glob("*/2.tif")], axis=0)
    np.testing.assert_allclose(tifffile.imread(tmp_path / "soft" / "2.tif"), votes, atol=1e-6)


@pytest.fixture
def touching(tmp_path: Path) -> Path:
    """Three experts who drew two touching squares; the third drew one more that nobody else saw."""
    mask = np.zeros((40, 40), np.uint16)
    mask[5:15, 5:15] = 1
    mask[5:15, 15:25] = 2
    for expert in ("a", "b", "c"):
        (tmp_path / "experts" / expert).mkdir(parents=True)
        drawn = mask.copy()
        if expert == "c":
            drawn[28:34, 28:34] = 3
        tifffile.imwrite(tmp_path / "experts" / expert / "1.tif", drawn)
    return tmp_path / "experts"


def test_touching_objects_stay_apart_and_a_lonely_one_is_voted_out(touching: Path, tmp_path: Path) -> None:
    report = make_object_consensus(touching, tmp_path / "out")
    labels = tifffile.imread(tmp_path / "out" / "1.tif")
    np.testing.assert_array_equal(labels > 0, tifffile.imread(touching / "a" / "1.tif") > 0)
    assert labels[10, 10] != labels[10, 20]
    assert report.experts.set_index("expert").loc["c", "added"] == 1


def test_every_image_on_which_too_few_could_vote_is_named(touching: Path, tmp_path: Path) -> None:
    shutil.copy(touching / "a" / "1.tif", touching / "a" / "2.tif")
    shutil.copy(touching / "a" / "1.tif", touching / "b" / "3.tif")
    with pytest.raises(InputError) as caught:
        make_object_consensus(touching, tmp_path / "out", min_votes=2)
    assert [problem.where for problem in caught.value.problems] == ["2.tif, min_votes", "3.tif, min_votes"]
    assert list((tmp_path / "out").iterdir()) == []
