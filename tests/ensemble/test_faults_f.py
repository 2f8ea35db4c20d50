"""Faults of models that the tests of loading do not show."""

import io
import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from napari_deepflash2.ensemble import folder_checks, load_ensemble, train_ensemble
from napari_deepflash2.errors import InputError

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
FIRST, SECOND = "unet_deepflash2_model-1.pth", "unet_deepflash2_model-2.pth"


def _manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "ensemble.json").read_text())


def _replace_first(folder: Path, weights: dict[str, object]) -> None:
    """Write other weights, with a manifest that vouches for them."""
    stream = io.BytesIO()
    torch.save(weights, stream)
    (folder / FIRST).write_bytes(stream.getvalue())
    manifest = _manifest(folder)
    manifest["members"][0]["sha256"] = sha256(stream.getvalue()).hexdigest()
    (folder / "ensemble.json").write_text(json.dumps(manifest))


def _refused_with(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_ensemble(folder)
    return [problem.code for problem in caught.value.problems]


def test_f3_a_file_of_deepflash2_is_refused_with_the_reason(trained: Path) -> None:
    stats = np.array([0.5, 0.25])
    stream = io.BytesIO()
    torch.save({"model": {}, "stats": stats}, stream, _use_new_zipfile_serialization=False)
    (trained / FIRST).write_bytes(stream.getvalue())
    manifest = _manifest(trained)
    manifest["members"][0]["sha256"] = sha256(stream.getvalue()).hexdigest()
    (trained / "ensemble.json").write_text(json.dumps(manifest))
    assert _refused_with(trained) == ["unsafe-weights"]


def test_f7_members_are_known_by_the_manifest_and_not_by_the_order_of_their_names(
    tmp_path: Path, make_blobs: Blobs
) -> None:
    settings = {
        "training": {"iterations": 1, "tile_size": 32, "batch_size": 1, "max_splits": 11},
        "prediction": {"tile_size": 64, "test_time_augmentation": "none"},
    }
    train_ensemble(*make_blobs(11), tmp_path / "e", settings)
    ensemble = load_ensemble(tmp_path / "e")
    assert [member.fold for member in ensemble.members] == list(range(1, 12))
    assert all(f"model-{member.fold}.pth" in member.file for member in ensemble.members)
    assert len({member.validation_images for member in ensemble.members}) == 11


def test_f8_a_member_of_another_training_is_found_out(trained: Path, trained_once: Path) -> None:
    weights = torch.load(trained / FIRST, weights_only=True)
    other = trained.with_name("other")
    shutil.copytree(trained_once, other)
    _replace_first(
        other, {key: value + 1 if value.is_floating_point() else value for key, value in weights.items()}
    )
    shutil.copy(other / FIRST, trained / FIRST)
    assert _refused_with(trained) == ["member-damaged"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_f11_weights_of_another_precision_are_used(
    trained: Path, make_blobs: Blobs, dtype: torch.dtype
) -> None:
    image = make_blobs(1, seed=5)[0][0]
    expected = load_ensemble(trained).predict(image).probabilities
    weights = torch.load(trained / FIRST, weights_only=True)
    _replace_first(trained, {key: value.to(dtype) for key, value in weights.items()})
    found = load_ensemble(trained).predict(image).probabilities
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 0.05


def test_f12_a_tensor_that_only_looks_huge_is_refused_at_once(trained: Path) -> None:
    weights = torch.load(trained / FIRST, weights_only=True)
    name = next(iter(weights))
    _replace_first(trained, {**weights, name: torch.zeros(1).expand(10**12)})
    assert _refused_with(trained) == ["wrong-network"]


def test_f12_what_is_no_tensor_is_refused(trained: Path) -> None:
    weights = torch.load(trained / FIRST, weights_only=True)
    name = next(iter(weights))
    _replace_first(trained, {**weights, name: 3})
    assert _refused_with(trained) == ["wrong-network"]


def test_f14_a_name_that_is_a_formula_stays_text(
    tmp_path: Path, make_blobs: Blobs, tiny: dict[str, Any]
) -> None:
    for folder, arrays in zip(("images", "masks"), make_blobs(2), strict=True):
        (tmp_path / folder).mkdir()
        for name, array in zip(("=1+1", "@SUM(A1)"), arrays, strict=True):
            tifffile.imwrite(tmp_path / folder / f"{name}.tif", array)
    train_ensemble(tmp_path / "images", tmp_path / "masks", tmp_path / "e", tiny)
    for table in (tmp_path / "e").glob("*.csv"):
        cells = [cell.strip('"') for line in table.read_text().splitlines() for cell in line.split(",")]
        assert not [cell for cell in cells if cell.startswith(("=", "@"))], table.name
    assert set(_manifest(tmp_path / "e")["image_hashes"]) == {"=1+1", "@SUM(A1)"}


def test_f16_a_file_that_is_replaced_after_the_look_is_not_used(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promised = {member["file"]: member["sha256"] for member in _manifest(trained)["members"]}
    monkeypatch.setattr(folder_checks, "sha256_of", lambda path: promised[Path(path).name])
    shutil.copy(trained / SECOND, trained / FIRST)
    assert _refused_with(trained) == ["member-damaged"]
