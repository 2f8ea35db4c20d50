import io
import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_deepflash2.config import Configuration
from napari_deepflash2.ensemble import RunFolder, automatic, load_ensemble, train_ensemble
from napari_deepflash2.ensemble.automatic import resolved
from napari_deepflash2.ensemble.initial_weights import InitialWeights
from napari_deepflash2.ensemble.manifest import Manifest
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.networks import build_network, find_pretrained
from napari_deepflash2.ensemble.training_set import TrainingSet
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
Settings = dict[str, Any]
CPU = torch.device("cpu")
FIRST = "unet_deepflash2_model-1.pth"


def _with(settings: Settings, **training: object) -> Settings:
    return {**settings, "training": {**settings["training"], **training}}


def _start(make_blobs: Blobs, settings: Settings, channels: int = 0) -> dict[str, torch.Tensor]:
    """The weights that the member of fold 1 starts from."""
    config = Configuration.of(settings)
    data = TrainingSet.of(*make_blobs(4, channels=channels), config.data)
    split = (np.array([0, 1, 2]), np.array([3]))
    initial = InitialWeights.of(config.training, data, [split])
    return Member(data, 1, split, config, CPU, initial=initial).network.state_dict()


def _refusal(make_blobs: Blobs, settings: Settings, channels: int = 0) -> InputError:
    with pytest.raises(InputError) as caught:
        _start(make_blobs, settings, channels)
    return caught.value


def _is_finished(folder: Path) -> bool:
    return Manifest.load(folder).is_complete


def test_a_member_goes_on_from_the_member_of_its_fold(
    trained: Path, tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    settings = _with(tiny, initial_weights=str(trained), learning_rate=1e-12, weight_decay=0)
    train_ensemble(*make_blobs(4), tmp_path / "e", settings)
    for number in (1, 2):
        name = f"unet_deepflash2_model-{number}.pth"
        before, after = (torch.load(folder / name, weights_only=True) for folder in (trained, tmp_path / "e"))
        assert all(torch.allclose(after[key], value, atol=1e-6) for key, value in before.items())


def test_the_manifest_says_what_the_members_started_from(
    trained: Path, tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    train_ensemble(*make_blobs(4), tmp_path / "e", _with(tiny, initial_weights=str(trained)))
    record = json.loads((tmp_path / "e" / "ensemble.json").read_text())["initial_weights"]
    assert record["source"] == str(trained)
    assert record["files"][FIRST] == sha256((trained / FIRST).read_bytes()).hexdigest()
    assert len(record["files"]) == 2
    assert record["seen"] == {}


def test_f15_going_on_from_a_model_that_saw_held_out_images_is_noted(
    trained: Path, tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    # Another seed deals the same images out to other folds.
    seen = {m.fold: set(m.training_images) for m in Manifest.load(trained).members}
    settings = _with(tiny, initial_weights=str(trained), random_state=3)
    ensemble = train_ensemble(*make_blobs(4), tmp_path / "e", settings)
    leaked = {m.fold: set(m.validation_images) & seen[m.fold] for m in ensemble.members}
    assert any(leaked.values())
    record = Manifest.load(tmp_path / "e").initial_weights
    assert record.seen == {fold: tuple(sorted(ids)) for fold, ids in leaked.items() if ids}
    notes = [note for note in ensemble.notes if note.code == "held-out-images-seen"]
    assert [note.where for note in notes] == [f"fold {fold}" for fold in sorted(record.seen)]
    assert "held-out Dice is too kind" in RunFolder(tmp_path / "e").events()[0]["notes"][-1]


def test_f5_an_ensemble_that_does_not_fit_is_refused_with_every_reason_before_it_is_read(
    trained: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    (trained / FIRST).write_bytes(b"damaged")
    settings = _with(tiny, initial_weights=str(trained), architecture="segresnet")
    error = _refusal(make_blobs, settings, channels=2)
    assert "its network: unet, here: segresnet" in str(error)
    assert "its channels: 1, here: 2" in str(error)
    assert len(error.problems) == 2


def test_f4_a_damaged_member_to_go_on_from_is_named(trained: Path, make_blobs: Blobs, tiny: Settings) -> None:
    data = bytearray((trained / FIRST).read_bytes())
    data[len(data) // 2] ^= 1
    (trained / FIRST).write_bytes(data)
    error = _refusal(make_blobs, _with(tiny, initial_weights=str(trained)))
    assert [(Path(p.where).name, p.code) for p in error.problems] == [(FIRST, "member-damaged")]


def test_f6_more_folds_than_members_are_refused(
    trained: Path, tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    settings = _with(tiny, initial_weights=str(trained), models=4)
    with pytest.raises(InputError, match=r"has no model for fold 3, 4\. Train at most 2 models"):
        train_ensemble(*make_blobs(4), tmp_path / "e", settings)


@pytest.mark.parametrize("kind", ["torch", "old torch", "safetensors"])
def test_all_weights_of_a_network_are_taken_from_a_file(
    kind: str, tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    weights = build_network("unet", 1, 2, 7).state_dict()
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=kind == "torch")
    found = _start(make_blobs, _with(tiny, initial_weights=str(path)))
    assert all(torch.equal(found[key], value) for key, value in weights.items())


def test_f5_a_file_of_other_channels_says_so_in_one_line(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    torch.save(build_network("unet", 1, 2).state_dict(), tmp_path / "w.pth")
    error = _refusal(make_blobs, _with(tiny, initial_weights=str(tmp_path / "w.pth")), channels=3)
    assert "is of other channels or classes" in str(error)
    assert "(16, 1, 3, 3), here it is (16, 3, 3, 3)" in str(error)
    assert len(str(error).splitlines()) == 1


def _saved(values: object, **how: object) -> bytes:
    stream = io.BytesIO()
    torch.save(values, stream, **how)
    return stream.getvalue()


class _Payload:
    """Makes a folder when it is unpickled by a loader that runs what it reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        import os

        return os.mkdir, (str(self._folder),)


@pytest.mark.parametrize("old", [False, True])
def test_f1_a_program_in_a_file_of_weights_never_runs(
    old: bool, tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    harm = tmp_path / "harm"
    (tmp_path / "w.pth").write_bytes(_saved(_Payload(harm), _use_new_zipfile_serialization=not old))
    error = _refusal(make_blobs, _with(tiny, initial_weights=str(tmp_path / "w.pth")))
    assert "could contain a program" in str(error)
    assert not harm.exists()


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_f2_torchscript_is_refused_with_how_to_export_its_weights(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), tmp_path / "w.pth")
    error = _refusal(make_blobs, _with(tiny, initial_weights=str(tmp_path / "w.pth")))
    assert "torch.save(network.state_dict(), 'weights.pth')" in str(error)


def test_f3_deepflash2_s_own_checkpoint_is_refused_with_how_to_export_its_weights(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    checkpoint = {"model": build_network("unet", 1, 2).state_dict(), "stats": (np.zeros(1), np.ones(1))}
    (tmp_path / "w.pth").write_bytes(_saved(checkpoint, _use_new_zipfile_serialization=False))
    error = _refusal(make_blobs, _with(tiny, initial_weights=str(tmp_path / "w.pth")))
    assert "torch.save(network.state_dict(), 'weights.pth')" in str(error)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_f9_weights_that_are_no_numbers_are_refused(
    value: float, suffix: str, tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    weights = build_network("unet", 1, 2).state_dict()
    next(iter(weights.values())).view(-1)[0] = value
    path = tmp_path / f"w{suffix}"
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    error = _refusal(make_blobs, _with(tiny, initial_weights=str(path)))
    assert [p.code for p in error.problems] == ["weights-not-finite"]


def test_f12_what_claims_more_than_it_holds_is_refused(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    huge = {key: torch.zeros(1).expand(10**9) for key in build_network("unet", 1, 2).state_dict()}
    header = json.dumps({"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}).encode()
    for name, data, code in (
        ("w.pth", _saved(huge), "weights-damaged"),
        ("w.safetensors", len(header).to_bytes(8, "little") + header + bytes(8), "weights-damaged"),
        ("w.safetensors", (2**60).to_bytes(8, "little") + header, "weights-damaged"),
        ("w.safetensors", b"", "weights-damaged"),
        ("w.pth", b"", "unsafe-weights"),
        ("w.pth", _saved([1, 2]), "weights-damaged"),
    ):
        (tmp_path / name).write_bytes(data)
        error = _refusal(make_blobs, _with(tiny, initial_weights=str(tmp_path / name)))
        assert [p.code for p in error.problems] == [code]


def test_what_is_not_there_is_said_with_the_words_there_are(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    error = _refusal(make_blobs, _with(tiny, initial_weights=str(tmp_path / "nothing")))
    assert 'or "random", "imagenet" or "auto"' in str(error)
    error = _refusal(make_blobs, _with(tiny, initial_weights="imagenet"))
    assert "ImageNet's weights for unet are not on this computer" in str(error)


def test_imagenet_is_taken_where_it_is_there_and_recorded(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    settings = _with(tiny, architecture="unet_efficientnet_lite0", models=1, iterations=1)
    train_ensemble(*make_blobs(2), tmp_path / "e", settings)
    manifest = Manifest.load(tmp_path / "e")
    path = find_pretrained("unet_efficientnet_lite0")
    assert path is not None
    assert manifest.configuration.training.initial_weights == "imagenet"
    assert manifest.initial_weights.files == {path.name: sha256(path.read_bytes()).hexdigest()}
    assert RunFolder(tmp_path / "e").events()[0]["notes"] == []


def test_without_the_weights_auto_starts_at_random_and_says_how_to_get_them(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automatic, "find_pretrained", lambda _: None)
    settings = _with(tiny, architecture="unet_efficientnet_lite0", models=1, iterations=1)
    ensemble = train_ensemble(*make_blobs(2), tmp_path / "e", settings)
    assert ensemble.config.training.initial_weights == "random"
    (note,) = RunFolder(tmp_path / "e").events()[0]["notes"]
    assert "pip install napari-deepflash2[pretrained]" in note


def test_settings_that_say_auto_are_decided_by_the_device_and_stay_when_resumed(trained: Path) -> None:
    auto = Configuration()
    assert (auto.training.architecture, auto.training.initial_weights) == ("auto", "auto")
    here = resolved(auto, CPU, None).training
    assert here.architecture in {"unet", "unet_efficientnet_lite0"}
    assert here.initial_weights in {"random", "imagenet"}
    before = resolved(auto, CPU, None)
    assert resolved(auto, torch.device("cuda"), before) == before
    following = auto.replace("training", initial_weights=str(trained))
    assert resolved(following, CPU, None).training.architecture == "unet"


def test_g14_initial_weights_that_changed_are_no_resumption(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, trained: Path
) -> None:
    def stop(progress: Progress) -> None:
        if progress.task == "fold 1" and progress.done == 2:
            raise Cancelled

    settings = _with(tiny, initial_weights=str(trained))
    with pytest.raises(Cancelled):
        train_ensemble(*make_blobs(4), tmp_path / "e", settings, stop)
    other = train_ensemble(*make_blobs(4), tmp_path / "other", tiny)
    shutil.rmtree(trained)
    shutil.copytree(other.folder, trained)
    with pytest.raises(InputError, match=r"SHA-256 of the initial weights unet_deepflash2_model-1\.pth was"):
        train_ensemble(*make_blobs(4), tmp_path / "e", settings, resume=True)


def test_a_run_that_goes_on_from_an_ensemble_resumes_to_the_bit(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, trained: Path
) -> None:
    def stop(progress: Progress) -> None:
        if progress.task == "fold 2" and progress.done == 2:
            raise Cancelled

    settings = _with(tiny, initial_weights=str(trained))
    train_ensemble(*make_blobs(4), tmp_path / "whole", settings)
    with pytest.raises(Cancelled):
        train_ensemble(*make_blobs(4), tmp_path / "parts", settings, stop)
    assert not _is_finished(tmp_path / "parts")
    train_ensemble(*make_blobs(4), tmp_path / "parts", settings, resume=True)
    for name in (FIRST, "unet_deepflash2_model-2.pth"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_load_ensemble_reads_what_started_from_weights(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, trained: Path
) -> None:
    train_ensemble(*make_blobs(4), tmp_path / "e", _with(tiny, initial_weights=str(trained)))
    assert load_ensemble(tmp_path / "e").notes == ()


def test_f11_weights_of_half_precision_are_taken_as_float32(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    weights = {key: value.bfloat16() for key, value in build_network("unet", 1, 2, 7).state_dict().items()}
    torch.save(weights, tmp_path / "w.pth")
    found = _start(make_blobs, _with(tiny, initial_weights=str(tmp_path / "w.pth")))
    assert all(value.dtype == torch.float32 for value in found.values())
    assert all(torch.equal(found[key], value.float()) for key, value in weights.items())
