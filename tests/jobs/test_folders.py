import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from napari_deepflash2 import InputError
from napari_deepflash2.jobs.folders import claim_output


def test_the_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    out = claim_output(tmp_path / "a" / "b", tmp_path / "images", None)
    assert list(out.iterdir()) == []


def test_a_link_into_the_inputs_is_seen_through(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "images")
    with pytest.raises(InputError, match="lies inside"):
        claim_output(tmp_path / "link", tmp_path / "images")


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="cannot be written to"):
        claim_output(tmp_path / "out")


@pytest.mark.skipif(sys.platform != "linux", reason="drops its rights as Linux does it")
def test_a_folder_without_the_right_to_write_is_said() -> None:
    # As root, who may write anywhere, the refusal could not be seen.
    code = (
        "import os, sys\n"
        "from napari_deepflash2.errors import InputError\n"
        "from napari_deepflash2.jobs.folders import claim_output\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: claim_output(sys.argv[1])\n"
        "except InputError as error: print(error.problems[0].code)"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        out = Path(folder) / "out"
        done = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True)
        Path(folder).chmod(0o755)
    assert done.stdout.strip() == "output-not-writable", done.stderr
