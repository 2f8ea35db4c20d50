import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deepflash2.cli import main


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "napari_deepflash2", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def status(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return left.value.code or 0


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(
        name in done.stdout
        for name in (
            "demo",
            "consensus",
            "agreement",
            "check",
            "train",
            "review",
            "predict",
            "blind-kit",
            "import",
        )
    )


def test_help_of_a_command_says_what_the_settings_say(capsys: pytest.CaptureFixture[str]) -> None:
    from napari_deepflash2.config import TrainingConfig

    assert status("train", "--help") == 0
    help_text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert TrainingConfig.model_fields["iterations"].description in help_text


def test_the_three_jobs_one_after_the_other(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[training]\ntile_size = 32\nbatch_size = 2\n[prediction]\ntest_time_augmentation = "none"\n'
    )
    images, ensemble = folders / "images", tmp_path / "ensemble"
    assert status("consensus", folders / "experts", "--out", tmp_path / "consensus") == 0
    assert "sensitivity" in capsys.readouterr().out
    assert status("check", "--images", images, "--masks", tmp_path / "consensus") == 0
    assert "3 pairs" in capsys.readouterr().out
    training = ("--iterations", 2, "--models", 2, "--config", config, "--out", ensemble)
    assert status("train", "--images", images, "--masks", tmp_path / "consensus", *training) == 0
    said = capsys.readouterr().out
    assert re.search(r"2 models of \d+ iterations \(\d+ epochs\): about \d+ seconds? here, and up to", said)
    assert "fold 2: held-out Dice" in said
    prediction = ("--ensemble", ensemble, "--out", tmp_path / "out", "--masks", folders / "masks")
    assert status("predict", "--images", images, *prediction) == 0
    assert "dice" in capsys.readouterr().out
    assert len(list((tmp_path / "out" / "labels").iterdir())) == 3
    assert len(list(ensemble.glob("unet_deepflash2_model-*.pth"))) == 2


def test_experts_can_be_trained_from_directly(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[training]\ntarget = "soft"\ntile_size = 32\nbatch_size = 2\n[consensus]\nmethod = "majority"\n'
    )
    data = ("--images", folders / "images", "--experts", folders / "experts", "--config", config)
    training = ("--iterations", 1, "--models", 1, "--out", tmp_path / "ensemble")
    assert status("train", *data, *training) == 0
    assert "fold 1: held-out Dice" in capsys.readouterr().out
    both = (*data, "--masks", folders / "masks")
    assert status("train", *both, "--out", tmp_path / "other") == 2
    assert "masks and experts: both are given" in capsys.readouterr().err


def test_a_learning_rate_is_suggested_and_its_curve_written(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("training: {tile_size: 32, batch_size: 1}")
    data = ("--images", folders / "images", "--masks", folders / "masks")
    options = ("--config", tmp_path / "config.yaml", "--out", tmp_path / "found")
    assert status("find-learning-rate", *data, *options) == 0
    assert re.search(r"learning_rate = \d\.\de-0\d", capsys.readouterr().out)
    assert {path.name for path in (tmp_path / "found").iterdir()} == {
        "learning_rate.csv",
        "learning_rate.png",
    }


def test_groups_are_kept_together_and_the_split_is_shown(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "groups.csv").write_text("image,group\n1,anna\n2,ben\n3,anna\n")
    data = ("--images", folders / "images", "--masks", folders / "masks", "--groups", tmp_path / "groups.csv")
    assert status("check", *data) == 0
    shown = capsys.readouterr().out.splitlines()
    split = [line.split() for line in shown[shown.index("Fold in which each image is held out") + 2 :]]
    assert [row[:2] for row in split] == [["1", "anna"], ["2", "ben"], ["3", "anna"]]
    assert split[0][2] == split[2][2] != split[1][2]
    (tmp_path / "groups.csv").write_text("image,group\n1,anna\n2,ben\n")
    assert status("train", *data, "--out", tmp_path / "e") == 2
    assert "no group for 3" in capsys.readouterr().err


def test_input_that_a_user_can_mend_gives_status_2_a_line_each_and_no_traceback(
    folders: Path, tmp_path: Path
) -> None:
    shutil.copytree(folders / "experts", tmp_path / "experts")
    for expert in ("expert1", "expert2"):
        (tmp_path / "experts" / expert / "1.tif").write_bytes(b"II*\0")
    done = run("consensus", tmp_path / "experts", "--out", tmp_path / "out")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "1.tif" in line]
    assert len(lines) == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("train", "--images", "a"), ("consensus",), ("predikt",), ("consensus", "no_such_folder", "--out", "x")],
)
def test_a_wrong_call_gives_status_2(arguments: tuple[str, ...], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert status(*arguments) == 2


@pytest.mark.parametrize("option", [("--method", "mean"), ("--undecided", "-1")])
def test_a_setting_out_of_range_is_named(folders: Path, tmp_path: Path, option, capsys) -> None:
    assert status("consensus", folders / "experts", "--out", tmp_path / "out", *option) == 2
    assert "consensus." in capsys.readouterr().err


def test_a_bug_shows_its_traceback_and_gives_status_1(folders: Path, tmp_path: Path) -> None:
    code = (
        "import sys, napari_deepflash2.jobs.consensus\n"
        "napari_deepflash2.jobs.consensus.find_expert_masks = lambda _: 1 / 0\n"
        f"from napari_deepflash2.cli import main; main(['consensus', {str(folders / 'experts')!r}, "
        f"'--out', {str(tmp_path / 'out')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_undecided_pixels_get_the_label_that_was_asked_for(tmp_path: Path) -> None:
    for expert, value in (("a", 1), ("b", 0)):
        (tmp_path / "experts" / expert).mkdir(parents=True)
        mask = np.full((8, 8), value, np.uint8)
        mask[:4] = 1
        tifffile.imwrite(tmp_path / "experts" / expert / "1.tif", mask)
    out = tmp_path / "out"
    assert (
        status("consensus", tmp_path / "experts", "--out", out, "--method", "majority", "--undecided", 7) == 0
    )
    labels = tifffile.imread(out / "1.tif")
    assert set(np.unique(labels[4:])) == {7}
    assert set(np.unique(labels[:4])) == {1}


def test_agreement_is_told_and_written(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("agreement", folders / "experts", "--out", tmp_path) == 0
    told = capsys.readouterr().out
    assert "Fleiss' kappa: 0." in told
    assert "expert3" in told
    assert {"agreement.xlsx", "pairwise_dice.csv", "leave_one_out.png"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_notes_are_told_once(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "experts", tmp_path / "experts")
    (tmp_path / "experts" / "expert1" / "3.tif").unlink()
    done = run("consensus", tmp_path / "experts", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr.count("expert1 has no mask of 1 images: 3.tif") == 1


def test_a_blind_kit_goes_out_and_comes_back(folders: Path, tmp_path: Path, capsys) -> None:
    kit, returned = tmp_path / "kit", tmp_path / "returned"
    experts = ("--expert", "Ann", "--expert", "Bob", "--repeats", 1)
    assert status("blind-kit", "make", "--images", folders / "images", "--out", kit, *experts) == 0
    assert "2 packages" in capsys.readouterr().out
    for expert in ("Ann", "Bob"):
        for path in sorted((kit / expert).rglob("image_*.tif")):
            target = returned / expert / "masks" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            image = tifffile.imread(path)
            tifffile.imwrite(target, (image > image.mean()).astype("uint8"))
    assert status("blind-kit", "read", kit, returned, "--out", tmp_path / "experts") == 0
    assert "1.000" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "experts" / "Ann").iterdir()) == [
        "1.tif",
        "2.tif",
        "3.tif",
    ]


def test_roi_sets_become_masks(folders: Path, tmp_path: Path) -> None:
    from roifile import ImagejRoi

    (tmp_path / "rois" / "Ann").mkdir(parents=True)
    square = np.array([[4, 5], [24, 5], [24, 15], [4, 15]])
    ImagejRoi.frompoints(square).tofile(tmp_path / "rois" / "Ann" / "1.roi")
    out = tmp_path / "experts"
    assert status("import", "rois", tmp_path / "rois", "--images", folders / "images", "--out", out) == 0
    mask = tifffile.imread(out / "Ann" / "1.tif")
    assert mask.shape == (48, 64)
    assert mask[10, 10] == 1
    assert np.count_nonzero(mask) == 200


def test_h6_some_refused_images_are_told_and_have_an_exit_status_of_their_own(
    folders: Path, tiny_ensemble: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folders / "images", tmp_path / "images")
    (tmp_path / "images" / "2.tif").write_bytes(b"")
    arguments = ("--images", tmp_path / "images", "--ensemble", tiny_ensemble, "--out", tmp_path / "out")
    assert status("predict", *arguments) == 3
    said = capsys.readouterr()
    (refused,) = [line for line in said.err.splitlines() if "the file is empty" in line]
    assert "2.tif" in refused
    assert "predictions.xlsx are in" in said.out


def test_several_images_and_lists_are_predicted_at_once(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_text(f"image\n{folders / 'images' / '3.tif'}\n")
    given = ("--images", folders / "images" / "1.tif", "--images", tmp_path / "list.csv")
    assert status("predict", *given, "--ensemble", tiny_ensemble, "--out", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out" / "labels").iterdir()) == ["1.tif", "3.tif"]
    assert (tmp_path / "out" / "report.html").exists()


def test_what_is_noted_of_many_images_is_said_once(
    tiny_ensemble: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    for number in range(5):
        tifffile.imwrite(tmp_path / "images" / f"{number}.tif", np.full((32, 32 + number), 9, np.uint8))
    arguments = ("--images", tmp_path / "images", "--ensemble", tiny_ensemble, "--out", tmp_path / "out")
    assert status("predict", *arguments) == 0
    (note,) = [line for line in capsys.readouterr().err.splitlines() if "channel 1 is 9 everywhere" in line]
    assert "5 files (0.tif, 1.tif" in note


def test_maps_are_asked_for_without_losing_the_settings_of_the_ensemble(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    given = ("--images", folders / "images" / "1.tif", "--ensemble", tiny_ensemble, "--out", tmp_path / "out")
    assert status("predict", *given, "--epistemic", "--probabilities", "--objects") == 0
    for kind in ("epistemic", "probabilities", "objects"):
        assert (tmp_path / "out" / kind / "1.tif").exists()
    assert not (tmp_path / "out" / "entropy").exists()
    used = json.loads((tmp_path / "out" / ".prediction.json").read_text())["prediction"]
    assert (used["tile_size"], used["test_time_augmentation"]) == (32, "none")


def test_one_channel_of_colour_images_is_predicted_by_an_ensemble_of_one(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    grey = tifffile.imread(folders / "images" / "1.tif")
    colours = np.stack([np.zeros_like(grey), grey, grey.max() - grey], -1)
    tifffile.imwrite(tmp_path / "1.tif", colours, photometric="rgb")
    for image, out, more in (
        (folders / "images" / "1.tif", "grey", ()),
        (tmp_path / "1.tif", "green", ("--channels", "1")),
    ):
        given = ("--images", image, "--ensemble", tiny_ensemble, "--out", tmp_path / out)
        assert status("predict", *given, *more) == 0
    one, other = (tifffile.imread(tmp_path / out / "uncertainty" / "1.tif") for out in ("grey", "green"))
    np.testing.assert_array_equal(one, other)
