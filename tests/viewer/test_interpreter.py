import os
import sys
from pathlib import Path

import pytest

from napari_deepflash2.errors import InputError
from napari_deepflash2.viewer.interpreter import python_executable


def test_a_bundle_whose_executable_is_napari_still_finds_its_python(monkeypatch):
    assert python_executable() == sys.executable
    monkeypatch.setattr(sys, "executable", os.devnull)
    assert "python" in Path(python_executable()).name
    monkeypatch.setattr(sys, "prefix", "/nowhere")
    monkeypatch.setattr(sys, "exec_prefix", "/nowhere")
    with pytest.raises(InputError, match="command line"):
        python_executable()
