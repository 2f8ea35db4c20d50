from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_deepflash2.ensemble.checkpoint import Checkpoints

State = dict[str, object]


def _state(number: int) -> State:
    return {"iteration": number, "network": {"weight": torch.full((50,), float(number))}}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path, 1)


def _latest(folder: Path) -> Path:
    return folder / "checkpoints" / "fold-1.checkpoint"


def test_the_latest_state_comes_back(checkpoints: Checkpoints) -> None:
    assert checkpoints.load() is None
    for number in (1, 2, 3):
        checkpoints.save(_state(number))
    state = checkpoints.load()
    assert state is not None
    assert state["iteration"] == 3
    assert torch.equal(state["network"]["weight"], torch.full((50,), 3.0))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _zero_the_tail(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


def _flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("spoil", [_truncate, _zero_the_tail, _flip_a_bit, Path.unlink])
def test_the_one_before_stands_in_for_a_damaged_one(
    checkpoints: Checkpoints, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    checkpoints.save(_state(1))
    checkpoints.save(_state(2))
    spoil(_latest(tmp_path))
    state = checkpoints.load()
    assert state is not None
    assert state["iteration"] == 1


def test_a_save_that_fails_leaves_the_old_state(
    checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints.save(_state(1))

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(OSError, match="No space"):
            checkpoints.save(_state(2))
    state = checkpoints.load()
    assert state is not None
    assert state["iteration"] == 1
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["fold-1.checkpoint"]


def test_removed_without_a_trace(checkpoints: Checkpoints, tmp_path: Path) -> None:
    checkpoints.save(_state(1))
    checkpoints.save(_state(2))
    checkpoints.remove()
    assert list(tmp_path.iterdir()) == []
    checkpoints.remove()
