import subprocess
import sys

import pytest

import napari_deepflash2

HEAVY = ("torch", "monai", "qtpy", "napari", "pandas", "sklearn", "skimage", "matplotlib")


def loaded_after(code: str) -> set[str]:
    script = f"import sys; {code}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import napari_deepflash2") == set()


def test_configuration_and_errors_load_nothing_heavy() -> None:
    assert loaded_after("import napari_deepflash2 as d; d.Configuration(); d.InputError") == set()


@pytest.mark.parametrize(
    "room", ["consensus", "data", "ensemble", "exchange", "jobs", "objects", "prediction", "sample_data"]
)
def test_the_science_loads_neither_napari_nor_qt(room: str) -> None:
    code = (
        "import importlib, pkgutil; "
        f"room = importlib.import_module('napari_deepflash2.{room}'); "
        "[importlib.import_module(f'{room.__name__}.{m.name}') for m in pkgutil.iter_modules(room.__path__)]"
    )
    assert not {"napari", "qtpy"} & loaded_after(code)


def test_the_consensus_needs_no_torch() -> None:
    code = (
        "import numpy as np, napari_deepflash2 as d; d.estimate_consensus([np.eye(3, dtype=int)] * 2).labels"
    )
    assert "torch" not in loaded_after(code)


@pytest.mark.parametrize("name", napari_deepflash2.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(napari_deepflash2, name)
    assert name == "__version__" or value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'consensuss'"):
        napari_deepflash2.consensuss  # noqa: B018
