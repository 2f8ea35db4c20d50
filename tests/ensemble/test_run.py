import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from napari_deepflash2.ensemble.run import EventLog, RunFolder, RunLock, _own_identity
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Progress


def _owner(**changes: object) -> str:
    return json.dumps({**_own_identity(), **changes})


def _dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_events_are_read_as_they_come(tmp_path: Path) -> None:
    run, log = RunFolder(tmp_path), EventLog(tmp_path)
    assert run.events() == []
    log.write("start", models=2)
    log.write("progress", done=1)
    assert [event["kind"] for event in run.events()] == ["start", "progress"]
    log.write("finished")
    assert [event["kind"] for event in run.events(since=2)] == ["finished"]
    assert run.events(since=3) == []


def test_half_a_line_waits_and_a_later_run_does_not_glue_to_it(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.write("start")
    with (tmp_path / "events.jsonl").open("a") as stream:
        stream.write('{"kind": "prog')
    assert len(RunFolder(tmp_path).events()) == 1
    EventLog(tmp_path).write("start", resumed=True)
    assert [event.get("resumed") for event in RunFolder(tmp_path).events()] == [None, True]


def test_a_stop_can_be_asked_for_before_the_run_has_begun(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "later")
    assert not run.stop_is_requested()
    run.request_stop()
    assert run.stop_is_requested()


def test_a_held_folder_is_alive_and_refused_with_its_owner(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    assert not RunFolder(tmp_path).is_alive()
    lock.acquire()
    assert RunFolder(tmp_path).is_alive()
    with pytest.raises(InputError, match=f"process {os.getpid()} on {socket.gethostname()}, started 20"):
        RunLock(tmp_path).acquire()
    lock.release()
    RunLock(tmp_path).acquire()


def test_nobody_owns_what_lies_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "ensemble"):
        assert RunFolder(path).owner() is None
        assert not RunFolder(path).is_alive()


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(_owner(pid=_dead_pid()))
    assert not RunFolder(tmp_path).is_alive()
    RunLock(tmp_path).acquire()
    assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_process_number_that_was_given_again_is_not_the_owner(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(_owner(process_started=-12345.0))
    assert not RunFolder(tmp_path).is_alive()
    RunLock(tmp_path).acquire()


@pytest.mark.parametrize("content", [_owner(host="elsewhere"), "", "no json"])
def test_an_owner_that_cannot_be_looked_at_counts_as_alive(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    assert RunFolder(tmp_path).is_alive()
    with pytest.raises(InputError, match="another run writes to this folder"):
        RunLock(tmp_path).acquire()


def test_g16_a_clock_that_is_put_forward_makes_no_run_look_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunLock(tmp_path).acquire()
    create_time, boot_time = psutil.Process.create_time, psutil.boot_time
    if psutil.LINUX:
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: create_time(self) + 3600)
        monkeypatch.setattr(psutil, "boot_time", lambda: boot_time() + 3600)
    monkeypatch.setattr("time.time", lambda: 2**31 + 3600)
    assert RunFolder(tmp_path).is_alive()


def test_a_lock_is_taken_on_a_disk_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", no_links)
    RunLock(tmp_path).acquire()
    with pytest.raises(InputError, match="another run writes to this folder"):
        RunLock(tmp_path).acquire()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_who_lost_the_lock_does_not_take_it_from_the_new_owner(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    (tmp_path / "lock").write_text(_owner(pid=1))
    lock.release()
    assert RunFolder(tmp_path).owner()["pid"] == 1


def test_steps_that_follow_each_other_closely_are_thinned_out(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    for task in ("fold 1", "validate"):
        for done in range(1, 101):
            log.write_progress(Progress(task, done, 100))
    kept = [(event["task"], event["done"]) for event in RunFolder(tmp_path).events()]
    assert {("fold 1", 1), ("fold 1", 100), ("validate", 1), ("validate", 100)} <= set(kept)
    assert len(kept) < 50


@pytest.mark.parametrize("is_stale", [True, False])
def test_of_several_that_race_for_a_folder_one_wins(tmp_path: Path, is_stale: bool) -> None:
    racer = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from napari_deepflash2.ensemble.run import RunLock\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "RunLock(Path(sys.argv[1])).acquire()\n"
        "time.sleep(2)\n"
    )
    if is_stale:
        (tmp_path / "lock").write_text(_owner(pid=_dead_pid()))
    start = str(time.time() + 2)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", racer, str(tmp_path), start], stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    said = sorted(process.communicate()[1] for process in racers)
    assert said[0] == ""
    assert all("another run writes to this folder" in words for words in said[1:])


def test_watching_needs_no_torch() -> None:
    code = "import sys, napari_deepflash2.ensemble.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
