import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deepflash2.cli_signals import StopSignals
from napari_deepflash2.ensemble.run import RunFolder
from napari_deepflash2.progress import Cancelled

posix = pytest.mark.skipif(os.name == "nt", reason="Windows cannot send itself these signals")


def _send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_at_the_next_step_and_what_was_before_comes_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopSignals() as signals:
        signals.check()
        _send(number)
        with pytest.raises(Cancelled):
            signals.check()
    assert signal.getsignal(number) == before


@posix
def test_before_the_work_has_begun_a_signal_stops_at_once() -> None:
    with StopSignals(), pytest.raises(Cancelled):
        _send(signal.SIGTERM)


@posix
def test_a_hangup_that_was_ignored_still_is() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            _send(signal.SIGHUP)
            signals.check()
    finally:
        signal.signal(signal.SIGHUP, before)


@posix
def test_a_second_signal_ends_the_process_at_once() -> None:
    code = (
        "import os, signal\n"
        "from napari_deepflash2.cli_signals import StopSignals\n"
        "with StopSignals() as signals:\n"
        "    signals.check()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    while True: pass\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == -signal.SIGTERM


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "abc":
        mask = np.zeros((64, 64), np.uint8)
        mask[20:40, 10:30] = 1
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", rng.integers(0, 99, (64, 64)) + 99 * mask)
        tifffile.imwrite(tmp_path / "masks" / f"{name}.tif", mask)
    (tmp_path / "config.toml").write_text("[training]\niterations = 100000\ntile_size = 32\n")
    options = [("images", "images"), ("masks", "masks"), ("out", "ensemble"), ("config", "config.toml")]
    named = [part for option, name in options for part in (f"--{option}", str(tmp_path / name))]
    return [sys.executable, "-m", "napari_deepflash2", "train", *named]


def _wait_for(kind: str, out: Path, process: subprocess.Popen[bytes]) -> None:
    while kind not in {event["kind"] for event in RunFolder(out).events()}:
        assert process.poll() is None
        time.sleep(0.02)


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_g9_a_training_that_is_told_to_end_saves_and_exits_with_130(
    command: list[str], tmp_path: Path, processes: list[subprocess.Popen[bytes]], number: signal.Signals
) -> None:
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    processes.append(process)
    _wait_for("epoch", tmp_path / "ensemble", process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Stopped. What was finished is kept." in said
    run = RunFolder(tmp_path / "ensemble")
    assert run.events()[-1]["kind"] == "stopped"
    assert not run.is_alive()
    assert (tmp_path / "ensemble" / "checkpoints" / "fold-1.checkpoint").is_file()
