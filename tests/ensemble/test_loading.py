import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_deepflash2.config import PredictionConfig
from napari_deepflash2.data.pair_resampling import resampled_image
from napari_deepflash2.data.resampling import resized
from napari_deepflash2.ensemble import load_ensemble
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
FIRST, SECOND = "unet_deepflash2_model-1.pth", "unet_deepflash2_model-2.pth"


def _edit(folder: Path, **changes: Any) -> None:
    path = folder / "ensemble.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _replace_member(folder: Path, data: bytes) -> None:
    """Put other bytes under the first member's name, with a manifest that vouches for them."""
    (folder / FIRST).write_bytes(data)
    members = json.loads((folder / "ensemble.json").read_text())["members"]
    members[0]["sha256"] = sha256(data).hexdigest()
    _edit(folder, members=members)


def _saved(values: object, **how: object) -> bytes:
    stream = io.BytesIO()
    torch.save(values, stream, **how)
    return stream.getvalue()


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / FIRST, weights_only=True)


def _refused(folder: Path) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        load_ensemble(folder)
    return [(Path(problem.where).name, problem.code) for problem in caught.value.problems]


def test_a_folder_may_be_renamed(trained: Path, trained_once: Path, make_blobs: Blobs) -> None:
    image = make_blobs(1, seed=5)[0][0]
    one, other = (load_ensemble(folder).predict(image) for folder in (trained, trained_once))
    assert np.array_equal(one.probabilities, other.probabilities)


def test_all_missing_and_damaged_members_are_listed_at_once(trained: Path) -> None:
    (trained / FIRST).unlink()
    (trained / SECOND).write_bytes((trained / SECOND).read_bytes()[:-1])
    assert _refused(trained) == [(FIRST, "member-missing"), (SECOND, "member-damaged")]


def test_a_renamed_member_is_recognised(trained: Path) -> None:
    (trained / SECOND).rename(trained / "unet_deepflash2_model-10.pth")
    with pytest.raises(InputError, match=r"Rename unet_deepflash2_model-10\.pth back"):
        load_ensemble(trained)


def test_exchanged_members_are_found_out(trained: Path) -> None:
    (trained / FIRST).rename(trained / "aside")
    (trained / SECOND).rename(trained / FIRST)
    (trained / "aside").rename(trained / SECOND)
    assert _refused(trained) == [(FIRST, "member-damaged"), (SECOND, "member-damaged")]


def test_a_surplus_member_is_found_out(trained: Path) -> None:
    shutil.copy(trained / FIRST, trained / "unet_deepflash2_model-3.pth")
    assert _refused(trained) == [("unet_deepflash2_model-3.pth", "member-surplus")]


def test_any_flipped_bit_is_found_out(trained: Path) -> None:
    whole = (trained / FIRST).read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 20):
        data = bytearray(whole)
        data[place] ^= 1 << int(place % 8)
        (trained / FIRST).write_bytes(data)
        assert _refused(trained) == [(FIRST, "member-damaged")]


def test_a_zeroed_tail_is_found_out(trained: Path) -> None:
    data = (trained / FIRST).read_bytes()
    (trained / FIRST).write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert _refused(trained) == [(FIRST, "member-damaged")]


class _Payload:
    """Makes a folder when it is unpickled by a loader that runs what it reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self._folder),)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_program_in_a_member_never_runs(trained: Path, tmp_path: Path, legacy: bool) -> None:
    harm = tmp_path / "harm"
    _replace_member(trained, _saved(_Payload(harm), _use_new_zipfile_serialization=not legacy))
    assert _refused(trained) == [(FIRST, "unsafe-weights")]
    assert not harm.exists()
    torch.load(trained / FIRST, weights_only=False)
    assert harm.exists(), "the payload works, so its absence above means something"


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_torchscript_is_refused(trained: Path) -> None:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), stream)
    _replace_member(trained, stream.getvalue())
    assert _refused(trained) == [(FIRST, "unsafe-weights")]


def test_a_compressed_archive_is_refused(trained: Path) -> None:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(trained / FIRST) as source,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for record in source.infolist():
            target.writestr(record.filename, source.read(record))
    _replace_member(trained, stream.getvalue())
    assert _refused(trained) == [(FIRST, "unsafe-weights")]


@pytest.mark.parametrize("data", [b"", b"not weights", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_weights_file_is_refused(trained: Path, data: bytes) -> None:
    _replace_member(trained, data)
    assert _refused(trained) == [(FIRST, "unsafe-weights")]


def test_weights_of_another_network_are_refused_in_one_line(trained: Path) -> None:
    _replace_member(trained, _saved({"weight": torch.zeros(3)}))
    assert _refused(trained) == [(FIRST, "wrong-network")]
    huge = {key: torch.zeros(1).expand(10**9) for key in _weights(trained)}
    _replace_member(trained, _saved(huge))
    assert _refused(trained) == [(FIRST, "wrong-network")]
    _replace_member(trained, _saved([1, 2]))
    assert _refused(trained) == [(FIRST, "member-damaged")]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(trained: Path, value: float) -> None:
    weights = _weights(trained)
    weights[next(iter(weights))].view(-1)[0] = value
    _replace_member(trained, _saved(weights))
    assert _refused(trained) == [(FIRST, "weights-not-finite")]


@pytest.mark.parametrize(
    "name",
    [
        "../outside.pth",
        "/etc/passwd",
        "C:\\weights.pth",
        "sub/model.pth",
        "..",
        "a.pth\n",
        "model.pkl",
        ".pth",
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(trained: Path, name: str) -> None:
    members = json.loads((trained / "ensemble.json").read_text())["members"]
    shutil.copy(trained / FIRST, trained.parent / "outside.pth")
    _edit(trained, members=[{**members[0], "file": name}, members[1]])
    assert _refused(trained) == [("ensemble.json", "bad-manifest")]


def test_a_link_is_not_followed(trained: Path) -> None:
    (trained / FIRST).rename(trained.parent / "elsewhere.pth")
    (trained / FIRST).symlink_to(trained.parent / "elsewhere.pth")
    assert _refused(trained) == [(FIRST, "member-missing")]


def test_a_newer_schema_is_refused_with_what_to_do(trained: Path) -> None:
    _edit(trained, schema_version=3, members={"all": "new"})
    with pytest.raises(InputError, match=r"schema version 3, this program reads up to 2\. Install a newer"):
        load_ensemble(trained)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": "one"},
        {"schema_version": 0},
        {"unknown": 1},
        {"classes": [0]},
        {"channels": 0},
        {"channels": 10**9},
        {"members": "none"},
        {"configuration": {"training": {"learning_rate": float("nan")}}},
    ],
)
def test_a_manifest_with_wrong_values_is_refused(trained: Path, changes: dict[str, Any]) -> None:
    _edit(trained, **changes)
    assert _refused(trained) == [("ensemble.json", "bad-manifest")]


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", "[" * 100_000, '"' + "x" * 2**24 + '"'])
def test_a_manifest_that_is_none_is_refused(trained: Path, text: str) -> None:
    (trained / "ensemble.json").write_text(text)
    assert _refused(trained) == [("ensemble.json", "bad-manifest")]


def test_a_folder_without_manifest_or_members_is_refused(trained: Path, tmp_path: Path) -> None:
    assert _refused(tmp_path / "nowhere") == [("ensemble.json", "no-manifest")]
    _edit(trained, members=[])
    assert _refused(trained) == [("renamed", "nothing-trained")]


def test_other_channels_are_refused_before_anything_runs(trained: Path) -> None:
    seen: list[Progress] = []
    with pytest.raises(InputError, match=r"cell\.tif: has 3 channels, the ensemble was trained on 1"):
        load_ensemble(trained).predict(np.zeros((40, 40, 3)), progress=seen.append, name="cell.tif")
    assert seen == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (33, 2), (130, 47), (48, 48, 1)])
def test_any_size_is_predicted(trained: Path, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 255, shape)
    prediction = load_ensemble(trained).predict(image, PredictionConfig(tile_size=64))
    assert prediction.labels.shape == prediction.uncertainty.shape == shape[:2]
    assert prediction.probabilities.shape == (2, *shape[:2])
    assert prediction.probabilities.dtype == prediction.uncertainty.dtype == np.float32
    assert np.allclose(prediction.probabilities.sum(0), 1, atol=1e-6)
    assert 0 <= prediction.uncertainty.min() <= prediction.uncertainty.max() <= 1
    assert 0 <= prediction.score <= 1


def test_a_constant_image_is_predicted_and_noted(trained: Path) -> None:
    prediction = load_ensemble(trained).predict(np.full((64, 64), 7))
    assert np.isfinite(prediction.probabilities).all()
    assert "other-intensities" in {note.code for note in prediction.notes}


def test_an_image_with_no_numbers_is_refused(trained: Path) -> None:
    image = np.zeros((40, 40))
    image[3, 4] = np.inf
    with pytest.raises(InputError, match=r"1 values that are no finite number, the first at \(3, 4\)"):
        load_ensemble(trained).predict(image)


def test_training_images_and_other_intensities_are_noted(trained: Path, make_blobs: Blobs) -> None:
    ensemble = load_ensemble(trained)
    seen = make_blobs(4)[0][2]
    new = make_blobs(1, seed=11)[0][0]
    codes = [{n.code for n in ensemble.predict(image).notes} for image in (seen, new, new * 100.0)]
    assert "was-trained-on" in codes[0]
    assert codes[1] == set()
    assert codes[2] == {"other-intensities"}


def test_predicting_can_be_cancelled(trained: Path) -> None:
    def cancel(progress: Progress) -> None:
        if progress.done:
            raise Cancelled

    with pytest.raises(Cancelled):
        load_ensemble(trained).predict(np.zeros((300, 300)), PredictionConfig(tile_size=32), cancel)


def test_a_prediction_is_repeatable(trained: Path, make_blobs: Blobs) -> None:
    image = make_blobs(1, size=100, seed=3)[0][0]
    one, other = (load_ensemble(trained).predict(image) for _ in range(2))
    assert np.array_equal(one.probabilities, other.probabilities)
    assert np.array_equal(one.uncertainty, other.uncertainty)


def test_an_image_can_be_predicted_larger_or_smaller_than_it_is(trained: Path, make_blobs: Blobs) -> None:
    ensemble = load_ensemble(trained)
    image = make_blobs(1, seed=5)[0][0][:40]
    config = PredictionConfig(precision="float32", tile_size=96, scale=2)
    found = ensemble.predict(image, config)
    by_hand = resampled_image(image[..., None], (80, 96))
    plain = config.model_copy(update={"scale": 1.0})
    expected = resized(ensemble.predict(by_hand, plain).probabilities, (40, 48))
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    assert found.labels.shape == (40, 48)
    assert not {note.code for note in found.notes} & {"resampled"}
