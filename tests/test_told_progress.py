from napari_deepflash2.cli_parts import Bars
from napari_deepflash2.progress import Progress
from napari_deepflash2.told_progress import VARIABLE, read_progress, tell_progress


def test_a_command_tells_its_steps_where_it_is_asked_to(tmp_path, monkeypatch):
    told = tmp_path / "progress.json"
    monkeypatch.setenv("TQDM_DISABLE", "1")
    with Bars() as bars:
        bars(Progress("reading", 1, 2))
        assert read_progress(told) is None
        monkeypatch.setenv(VARIABLE, str(told))
        bars(Progress("tiles", 3, 4, {"loss": 0.5}))
    assert read_progress(told) == Progress("tiles", 3, 4)


def test_what_is_half_written_is_not_taken(tmp_path, monkeypatch):
    told = tmp_path / "progress.json"
    monkeypatch.setenv(VARIABLE, str(told))
    tell_progress(Progress("µm", 3, 4))
    assert read_progress(told) == Progress("µm", 3, 4)
    told.write_bytes(told.read_bytes()[:-1])
    assert read_progress(told) is None
