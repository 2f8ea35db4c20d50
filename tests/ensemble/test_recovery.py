import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_deepflash2.config import Configuration
from napari_deepflash2.ensemble import RunFolder, load_ensemble, member, train_ensemble
from napari_deepflash2.ensemble.device import is_out_of_memory
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.optimisation import Optimisation
from napari_deepflash2.ensemble.training_set import TrainingSet
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
Settings = dict[str, Any]
CPU = torch.device("cpu")


@pytest.fixture
def settings(tiny: Settings) -> Settings:
    return {**tiny, "training": {**tiny["training"], "iterations": 8, "models": 1, "max_splits": 3}}


@contextmanager
def _nan_at(iteration: int, times: int) -> Iterator[None]:
    """Spoil the weights before the step of that number, the first times that it comes."""
    step, left = Member.step, [times]

    def spoiled(self: Member) -> float:
        if self.iteration == iteration and left[0]:
            left[0] -= 1
            torch.nn.init.constant_(next(self.network.parameters()), float("nan"))
        return step(self)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Member, "step", spoiled)
        yield


def _notes(folder: Path) -> list[str]:
    return [event["text"] for event in RunFolder(folder).events() if event["kind"] == "note"]


def test_g1_a_loss_that_is_no_number_goes_back_at_half_the_learning_rate(
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    train_ensemble(*make_blobs(3), tmp_path / "plain", settings)
    with _nan_at(6, times=2):
        ensemble = train_ensemble(*make_blobs(3), tmp_path / "e", settings)
    first, second = _notes(tmp_path / "e")
    assert first.startswith("fold 1: the loss became nan at iteration 7, on tiles of 000")
    assert first.endswith("went back to iteration 6 and on with a learning rate divided by 2")
    assert second.endswith("divided by 4")
    rates = [
        [float(row.split(",")[6]) for row in (tmp_path / name / "history.csv").read_text().split()[1:]]
        for name in ("plain", "e")
    ]
    assert [a / b for a, b in zip(*rates, strict=True)] == pytest.approx([1, 1, 1, 1, 1, 1, 4, 4])
    assert [note.found for note in ensemble.notes] == [
        text.removeprefix("fold 1: ") for text in (first, second)
    ]
    assert 0 <= ensemble.held_out_dice[1] <= 1


def test_g1_before_any_validation_it_goes_back_to_the_beginning(
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    slow = {**settings, "training": {**settings["training"], "batch_size": 1}}
    with _nan_at(1, times=1):
        train_ensemble(*make_blobs(3), tmp_path / "e", slow)
    assert "went back to iteration 0" in _notes(tmp_path / "e")[0]


def test_g1_after_three_times_it_stops_names_the_images_and_keeps_the_best_weights(
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    with (
        _nan_at(6, times=100),
        pytest.raises(
            InputError, match=r"fold 1: the loss became nan at iteration 7, on tiles of 000\d.*3 times"
        ),
    ):
        train_ensemble(*make_blobs(3), tmp_path / "e", settings)
    assert len(_notes(tmp_path / "e")) == 3
    assert RunFolder(tmp_path / "e").events()[-1]["kind"] == "failed"
    ensemble = load_ensemble(tmp_path / "e")
    assert [one.finished for one in ensemble.members] == [False]
    assert np.isfinite(ensemble.predict(make_blobs(1)[0][0]).score)


@pytest.mark.parametrize("stop_at", [5, 7])
def test_g1_a_run_that_went_back_is_resumed_to_the_bit(
    tmp_path: Path, make_blobs: Blobs, settings: Settings, stop_at: int
) -> None:
    with _nan_at(6, times=1):
        train_ensemble(*make_blobs(3), tmp_path / "whole", settings)

    def stop(progress: Progress) -> None:
        if (progress.task, progress.done) == ("fold 1", stop_at):
            raise Cancelled

    with _nan_at(6, times=1):
        with pytest.raises(Cancelled):
            train_ensemble(*make_blobs(3), tmp_path / "e", settings, stop)
        train_ensemble(*make_blobs(3), tmp_path / "e", settings, resume=True)
    manifests = [json.loads((tmp_path / name / "ensemble.json").read_text()) for name in ("whole", "e")]
    assert manifests[0]["members"] == manifests[1]["members"]


def _member(make_blobs: Blobs, settings: Settings, **training: object) -> Member:
    config = Configuration.of(
        {**settings, "training": {**settings["training"], "precision": "float32", **training}}
    )
    data = TrainingSet.of(*make_blobs(3), config.data)
    return Member(data, 1, (np.array([0, 1]), np.array([2])), config, CPU)


@pytest.mark.parametrize("parts", [2, 3, 4])
@pytest.mark.parametrize("loss", ["cross_entropy_dice", "lovasz"])
def test_a_batch_in_parts_is_the_step_of_the_whole_batch(
    make_blobs: Blobs, settings: Settings, parts: int, loss: str
) -> None:
    whole, split = (_member(make_blobs, settings, batch_size=4, loss=loss, optimiser="sgd") for _ in range(2))
    split.parts = parts
    for _ in range(3):
        assert split.step() == pytest.approx(whole.step(), rel=1e-4)
    for a, b in zip(whole.network.parameters(), split.network.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@contextmanager
def _memory_for(tiles: int) -> Iterator[None]:
    """Fail like torch on a processor where more tiles are computed at once."""
    compute = Optimisation._logits

    def limited(self: Optimisation, images: torch.Tensor, seed: tuple[int, ...]) -> torch.Tensor:
        if len(images) > tiles:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: "
                "you tried to allocate 4000000000000 bytes."
            )
        return compute(self, images, seed)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Optimisation, "_logits", limited)
        yield


def test_g2_too_little_memory_halves_the_batch_and_says_so(
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    settings = {**settings, "training": {**settings["training"], "batch_size": 4, "precision": "float32"}}
    whole = train_ensemble(*make_blobs(3), tmp_path / "whole", settings)
    with _memory_for(1):
        ensemble = train_ensemble(*make_blobs(3), tmp_path / "e", settings)
    assert [text.split(": ", 2)[2] for text in _notes(tmp_path / "e")] == [
        f"each batch is computed in {parts} parts from now on, which learns the same and takes longer"
        for parts in (2, 4)
    ]
    assert ensemble.held_out_dice[1] == pytest.approx(whole.held_out_dice[1], abs=0.02)


def test_g2_memory_for_no_tile_at_all_is_refused_with_need_and_have(
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    with (
        _memory_for(0),
        pytest.raises(
            InputError, match=r"single tile: 4000000000000 bytes asked for, [\d.]+ GiB free on cpu"
        ),
    ):
        train_ensemble(*make_blobs(3), tmp_path / "e", settings)
    assert not RunFolder(tmp_path / "e").is_alive()


def test_g2_too_little_memory_to_validate_takes_fewer_tiles_at_once(
    tmp_path: Path, make_blobs: Blobs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate = member.validate
    asked = []

    def limited(*arguments: Any) -> Any:
        asked.append(arguments[4].batch_size)
        if asked[-1] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return validate(*arguments)

    monkeypatch.setattr(member, "validate", limited)
    train_ensemble(*make_blobs(3), tmp_path / "e", settings)
    assert asked[:3] == [4, 2, 1]
    assert asked.count(4) == 1
    assert len(_notes(tmp_path / "e")) == 2


def test_g17_a_graphics_card_that_fails_is_said_and_the_run_can_be_resumed(
    tmp_path: Path, make_blobs: Blobs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Member.step

    def fail(self: Member) -> float:
        if self.iteration == 5:
            raise torch.AcceleratorError("CUDA error: unspecified launch failure\nCompile with ...")
        return step(self)

    with monkeypatch.context() as patched:
        patched.setattr(Member, "step", fail)
        with pytest.raises(
            InputError, match=r"failed at iteration 6 \(CUDA error: unspecified launch failure\)"
        ):
            train_ensemble(*make_blobs(3), tmp_path / "e", settings)
    assert train_ensemble(*make_blobs(3), tmp_path / "e", settings, resume=True).members[0].finished


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1.00 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_only_errors_of_memory_are_taken_for_such(error: RuntimeError, is_memory: bool) -> None:
    assert is_out_of_memory(error) == is_memory


def test_torch_itself_fails_in_these_words() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert is_out_of_memory(caught.value)


def test_early_stopping_counts_validations_without_improvement(
    tmp_path: Path, make_blobs: Blobs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.5, 0.7, 0.6, 0.6, 0.9])

    def validate(*_: Any) -> member.Validation:
        return member.Validation(1.0, (next(scores),))

    monkeypatch.setattr(member, "validate", validate)
    stopping = {**settings, "training": {**settings["training"], "iterations": 30, "early_stopping": 2}}
    ensemble = train_ensemble(*make_blobs(3), tmp_path / "e", stopping)
    assert ensemble.held_out_dice == {1: 0.7}
    assert ensemble.members[0].finished
    assert next(scores) == 0.9
    (said,) = _notes(tmp_path / "e")
    assert said.startswith("fold 1: stopped early at iteration ")
    assert "2 validations brought nothing better than iteration " in said


def test_the_preview_is_the_last_prediction_of_a_held_out_image(
    make_blobs: Blobs, settings: Settings, tmp_path: Path
) -> None:
    ensemble = train_ensemble(*make_blobs(3), tmp_path / "e", settings)
    about = json.loads((tmp_path / "e" / "preview" / "fold-1.json").read_text())
    assert about["image"] in ensemble.members[0].validation_images
    assert about["iteration"] == 8
    assert about["region"] == {"y": 0, "x": 0, "height": 48, "width": 48}
    images, masks = make_blobs(3)
    with np.load(tmp_path / "e" / "preview" / "fold-1.npz", allow_pickle=False) as preview:
        number = int(about["image"]) - 1
        assert np.array_equal(preview["image"][..., 0], images[number])
        assert np.array_equal(preview["truth"], masks[number])
        assert preview["labels"].shape == preview["uncertainty"].shape == (48, 48)
        assert 0 <= preview["uncertainty"].min() <= preview["uncertainty"].max() <= 1


def test_of_a_large_image_the_middle_is_shown(make_blobs: Blobs, settings: Settings, tmp_path: Path) -> None:
    from napari_deepflash2.data.planes import Region
    from napari_deepflash2.ensemble.preview import Preview

    image = np.arange(600 * 530, dtype=np.float32).reshape(600, 530, 1)
    mean = np.full((2, 600, 530), 0.5, np.float32)
    preview = Preview.of("a", image, np.zeros((600, 530), np.uint8), mean)
    assert preview.corner == (44, 9)
    assert preview.image.shape == (512, 512, 1)
    assert preview.image[0, 0, 0] == image[44, 9, 0]
    preview.save(tmp_path, 3, 10)
    about = json.loads((tmp_path / "preview" / "fold-3.json").read_text())
    assert about["region"] == {"y": 44, "x": 9, "height": 512, "width": 512}
    assert about["whole"] == {"image": "a", "y": 44, "x": 9, "shape": [600, 530]}
    region = Region("all", 100, 200, (900, 800))
    of_block = Preview.of("all_block2", image, np.zeros((600, 530), np.uint8), mean, region)
    assert of_block.whole == Region("all", 144, 209, (900, 800))
