"""A model of a finished training, placed among experts."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepflash2.consensus import dice
from napari_deepflash2.ensemble import load_review, train_ensemble
from napari_deepflash2.ensemble.review_experts import add_experts
from napari_deepflash2.errors import InputError

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory, make_blobs: Blobs) -> Path:
    folder = tmp_path_factory.mktemp("reviewed") / "ensemble"
    images, masks = make_blobs(3)
    settings = {"training": {"iterations": 4, "tile_size": 32, "batch_size": 2}}
    train_ensemble(images, masks, folder, settings)
    return folder


@pytest.fixture
def experts(tmp_path: Path, make_blobs: Blobs) -> Path:
    """Three experts, the third of whom draws two pixels to the right; 0 and 255."""
    for number, mask in enumerate(make_blobs(3)[1], start=1):
        for expert, shift in (("ann", 0), ("bob", 0), ("cleo", 2)):
            path = tmp_path / "experts" / expert / f"{number:04}_mask.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, np.roll(mask, shift, axis=1) * np.uint8(255))
    return tmp_path / "experts"


def test_experts_are_measured_on_the_others_and_the_model_is_placed(trained: Path, experts: Path) -> None:
    review = add_experts(trained, experts)
    table = review.against_experts
    assert table is not None
    assert list(table["image"]) == ["0001", "0002", "0003"]
    for row in table.to_dict("records"):
        mask = review.mask(row["image"])
        # The consensus of ann and bob is their mask, which cleo is measured on.
        assert row["expert cleo"] == pytest.approx(dice(np.roll(mask, 2, axis=1), mask))
        assert row["lowest"] == min(row[f"expert {name}"] for name in ("ann", "bob", "cleo"))
        assert row["consensus"] == pytest.approx(dice(review.labels(row["image"]), mask))
        assert (row["place"] == "below") == (row["dice"] < row["lowest"])
    stored = load_review(trained).against_experts
    assert stored is not None
    assert stored.equals(table)


def test_images_that_nobody_else_annotated_have_no_comparison(trained: Path, experts: Path) -> None:
    for expert in ("ann", "bob"):
        (experts / expert / "0002_mask.tif").unlink()
    (experts / "cleo" / "0003_mask.tif").unlink()
    table = add_experts(trained, experts).against_experts
    assert table is not None
    assert list(table["image"]) == ["0001", "0003"]
    assert np.isnan(table.set_index("image")["expert cleo"]["0003"])


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda p: tifffile.imwrite(p / "bob" / "0002_mask.tif", np.ones((48, 40), np.uint8)), "0002_mask"),
        (lambda p: [q.rename(q.with_name(f"x{q.name}")) for q in p.glob("*/*.tif")], "none of the images"),
        (lambda p: [tifffile.imwrite(q, _three_classes()) for q in p.glob("*/*.tif")], "no classes of this"),
    ],
)
def test_masks_that_do_not_fit_are_refused(
    trained: Path, experts: Path, spoil: Callable[[Path], Any], named: str
) -> None:
    spoil(experts)
    with pytest.raises(InputError, match=named):
        add_experts(trained, experts)
    assert load_review(trained).against_experts is None


def _three_classes() -> np.ndarray:
    mask = np.zeros((48, 48), np.uint8)
    mask[:20, :20], mask[30:, 30:] = 1, 2
    return mask


def test_masks_of_another_size_are_refused_before_anything_is_compared(trained: Path, experts: Path) -> None:
    for path in experts.glob("*/0001_mask.tif"):
        tifffile.imwrite(path, np.eye(30, dtype=np.uint8) * 255)
    with pytest.raises(InputError, match=r"0001 by ann.*\(30, 30\)"):
        add_experts(trained, experts)


def test_planes_of_a_stack_are_found_in_the_stack_of_masks(tmp_path: Path, make_blobs: Blobs) -> None:
    images, masks = make_blobs(4)
    axes = {"metadata": {"axes": "ZYX"}}
    for name, planes in (("one", slice(0, 2)), ("two", slice(2, 4))):
        for folder, values in (
            ("images", images),
            ("masks", masks),
            ("experts/ann", masks),
            ("experts/bob", masks),
        ):
            path = tmp_path / folder / f"{name}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, np.stack(values[planes]), photometric="minisblack", **axes)
    settings = {"training": {"iterations": 1, "tile_size": 32, "batch_size": 1}}
    train_ensemble(tmp_path / "images", tmp_path / "masks", tmp_path / "e", settings)
    table = add_experts(tmp_path / "e", tmp_path / "experts").against_experts
    assert table is not None
    assert list(table["image"]) == ["one_z000", "one_z001", "two_z000", "two_z001"]
    assert (table["lowest"] == 1).all()
    review = load_review(tmp_path / "e")
    assert table["consensus"].tolist() == pytest.approx(review.images["dice"].tolist())


def test_masks_are_brought_to_the_pixel_size_of_the_training(tmp_path: Path, make_blobs: Blobs) -> None:
    images, masks = make_blobs(2, size=96)
    for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
        for folder, values in (("images", image), ("masks", mask), ("x/ann", mask), ("x/bob", mask)):
            path = tmp_path / folder / f"{number}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, values)
    settings = {
        "data": {"pixel_size": 0.5, "target_pixel_size": 1.0},
        "training": {"architecture": "unet", "iterations": 1, "tile_size": 32, "batch_size": 1},
    }
    train_ensemble(tmp_path / "images", tmp_path / "masks", tmp_path / "e", settings)
    review = add_experts(tmp_path / "e", tmp_path / "x")
    assert review.mask("0").shape == (48, 48)
    assert review.pixel_size_of("0") == (1.0, 1.0)
    assert review.against_experts is not None
    assert (review.against_experts["lowest"] == 1).all()


def test_their_disagreement_is_held_against_the_uncertainty(trained: Path, experts: Path) -> None:
    (experts / "ann" / "0002_mask.tif").unlink()
    (experts / "bob" / "0002_mask.tif").unlink()
    review = add_experts(trained, experts)
    assert review.hesitation_images is not None
    assert review.hesitation_images["image"].tolist() == ["0001", "0003"]
    mask, found = review.mask("0001"), review.disagreement("0001")
    differs = mask != np.roll(mask, 2, axis=1)
    # One of three: the variance of the votes as a share of the largest.
    np.testing.assert_allclose(found, np.where(differs, 4 * 2 / 9, 0), atol=1e-6)
    assert review.hesitation is not None
    shares = review.hesitation.curve["share"].tolist()
    assert shares == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-6)


def test_the_command_prints_and_draws_it(
    trained: Path, experts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from napari_deepflash2.cli import main

    with pytest.raises(SystemExit) as left:
        main(["review", "--ensemble", str(trained), "--experts", str(experts)])
    assert not left.value.code
    shown = capsys.readouterr().out
    assert "Model against experts" in shown
    assert "Of 3 images the model is" in shown
    assert "Among the pixels that an expert or the model marked, the model hesitates" in shown
    assert (trained / "hesitation.csv").is_file()
    assert (trained / "hesitation.png").stat().st_size
    assert (trained / "against_experts.csv").is_file()
    assert (trained / "against_experts.png").stat().st_size
    shutil.rmtree(experts)
    assert load_review(trained).against_experts is not None
