import time

import pytest

from napari_deepflash2 import cli
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, Progress, ignore_progress
from napari_deepflash2.viewer import child
from napari_deepflash2.viewer.child import run_child


def test_an_answer_comes_back():
    assert run_child(
        ["json.tool", "--compact"], "formatting", ignore_progress, '{"a": "\\u00b5"}'
    ).strip() == ('{"a":"\\u00b5"}')


def test_a_refusal_comes_back_in_the_words_of_the_command():
    assert child.REFUSED == cli.USAGE
    with pytest.raises(InputError, match=r"formatting: was refused: .*--nonsense"):
        run_child(["json.tool", "--nonsense"], "formatting", ignore_progress)


def test_a_crash_is_told_with_the_last_words():
    with pytest.raises(InputError, match=r"crashed .status 1.*Expecting property.*smaller tiles"):
        run_child(["json.tool"], "formatting", ignore_progress, "{")


def test_what_a_process_tells_of_its_steps_is_passed_on():
    tell = (
        "import time; from napari_deepflash2.progress import Progress; "
        "from napari_deepflash2.told_progress import tell_progress; "
        "tell_progress(Progress('cooking', 3, 7)); time.sleep(600)"
    )
    seen = []

    def stop(progress):
        seen.append(progress)
        if progress.total:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_child(["timeit", "-n", "1", tell], "starting", stop)
    assert seen[-1] == Progress("cooking", 3, 7)
    assert all(step == Progress("starting", 0, 0) for step in seen[:-1])


def test_a_stop_ends_the_process_and_passes():
    seen = []

    def stop(progress):
        seen.append(progress)
        if len(seen) == 3:
            raise Cancelled

    began = time.monotonic()
    with pytest.raises(Cancelled):
        run_child(["timeit", "-n", "1", "import time; time.sleep(600)"], "sleeping", stop)
    assert {(step.task, step.total) for step in seen} == {("sleeping", 0)}
    # It would have slept ten minutes.
    assert time.monotonic() - began < 300
