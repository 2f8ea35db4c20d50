"""Disks that are full, cannot be written or vanish: what was saved stays, and the words say what to do."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deepflash2.config import Configuration
from napari_deepflash2.ensemble import RunFolder, train_ensemble
from napari_deepflash2.ensemble.checkpoint import Checkpoints
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
Settings = dict[str, Any]


@pytest.fixture
def settings(tiny: Settings) -> Settings:
    return {**tiny, "training": {**tiny["training"], "models": 1}}


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a small disk; skipped, and said so, where that is forbidden."""
    mounted: list[Path] = []

    def mount(megabytes: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        if (
            shutil.which("mount") is None
            or subprocess.run(command, capture_output=True, check=False).returncode
        ):
            pytest.skip("mounting a disk is forbidden here, so a really full or read-only one was not tried")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def _do_at(step: int, action: Callable[[], object]) -> Callable[[Progress], None]:
    def act(progress: Progress) -> None:
        if (progress.task, progress.done) == ("fold 1", step):
            action()

    return act


def _stop() -> None:
    raise Cancelled


def test_g10_a_disk_that_is_really_full_keeps_the_last_checkpoint_and_the_run_goes_on_with_room(
    mount: Callable[[int], Path], tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    out = mount(120) / "e"
    filler = out.parent / "filler"
    room = os.statvfs(out.parent)

    def fill() -> None:
        filler.write_bytes(bytes(int(room.f_bavail * room.f_frsize * 0.999) - _size_of(out) - 2**16))

    with pytest.raises(
        InputError,
        match=r"no space left on its disk \([\d.]+ MiB are free, a checkpoint takes [\d.]+\).*resume",
    ):
        train_ensemble(*make_blobs(3), out, settings, _do_at(2, fill))
    assert Checkpoints(out, 1).load() is not None
    assert not RunFolder(out).is_alive()
    filler.unlink()
    ensemble = train_ensemble(*make_blobs(3), out, settings, resume=True)
    expected = train_ensemble(*make_blobs(3), tmp_path / "whole", settings)
    assert [one.sha256 for one in ensemble.members] == [one.sha256 for one in expected.members]


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_g11_a_disk_that_becomes_read_only_is_said(
    mount: Callable[[int], Path], make_blobs: Blobs, settings: Settings
) -> None:
    out = mount(120) / "e"

    def close() -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(out.parent)], check=True)

    with pytest.raises(InputError, match=r"cannot be written any more \(Read-only file system\)"):
        train_ensemble(*make_blobs(3), out, settings, _do_at(2, close))


def test_g11_a_disk_that_is_read_only_is_said_before_anything_runs(
    mount: Callable[[int], Path], make_blobs: Blobs, settings: Settings
) -> None:
    folder = mount(1)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(InputError, match=r"cannot be written \(Read-only file system\)"):
        train_ensemble(*make_blobs(3), folder / "e", settings)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EIO, errno.EACCES])
def test_g11_a_disk_that_fails_while_it_is_written_is_said(
    tmp_path: Path, make_blobs: Blobs, settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Checkpoints, "save", fail)
    with pytest.raises(InputError, match=rf"cannot be written any more \({os.strerror(code)}\)"):
        train_ensemble(*make_blobs(3), tmp_path / "e", settings)
    assert "cannot be written" in RunFolder(tmp_path / "e").events()[-1]["message"]


def test_g11_a_folder_that_vanishes_is_said_and_not_made_again(
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    out = tmp_path / "e"
    with pytest.raises(InputError, match="has vanished"):
        train_ensemble(*make_blobs(3), out, settings, _do_at(2, lambda: shutil.rmtree(out)))
    assert not out.exists()


def test_a_lock_that_somebody_deletes_ends_the_run(
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    out = tmp_path / "e"
    with pytest.raises(InputError, match="the lock in it"):
        train_ensemble(*make_blobs(3), out, settings, _do_at(2, lambda: (out / "lock").unlink()))
    assert RunFolder(out).events()[-1]["kind"] == "failed"


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _zero_the_tail(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, size // 2)
    os.truncate(path, size)


@pytest.mark.parametrize("spoil", [_truncate, _zero_the_tail])
def test_g8_after_a_power_loss_the_checkpoint_before_takes_over_to_the_bit(
    tmp_path: Path, make_blobs: Blobs, settings: Settings, spoil: Callable[[Path], None]
) -> None:
    out = tmp_path / "e"
    with pytest.raises(Cancelled):
        train_ensemble(*make_blobs(3), out, settings, _do_at(3, _stop))
    spoil(out / "checkpoints" / "fold-1.checkpoint")
    with (out / "events.jsonl").open("ab") as stream:
        stream.write(bytes(100))
    ensemble = train_ensemble(*make_blobs(3), out, settings, resume=True)
    expected = train_ensemble(*make_blobs(3), tmp_path / "whole", settings)
    assert [one.sha256 for one in ensemble.members] == [one.sha256 for one in expected.members]
    assert RunFolder(out).events()[-1]["kind"] == "finished"


def test_g20_no_folder_for_temporary_files_is_needed(
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    images, masks = make_blobs(2)
    np.savez(tmp_path / "data.npz", images=images, masks=masks)
    Configuration.of(settings).save(tmp_path / "settings.yaml")
    code = (
        "import sys, numpy as np\n"
        "from napari_deepflash2.ensemble import train_ensemble\n"
        "data = np.load(sys.argv[1])\n"
        "train_ensemble(list(data['images']), list(data['masks']), sys.argv[2], sys.argv[3])\n"
    )
    paths = map(str, (tmp_path / "data.npz", tmp_path / "e", tmp_path / "settings.yaml"))
    nowhere = str(tmp_path / "nowhere")
    environment = {**os.environ, "TMPDIR": nowhere, "TEMP": nowhere, "TMP": nowhere}
    subprocess.run([sys.executable, "-c", code, *paths], env=environment, check=True)
