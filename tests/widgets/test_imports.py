import subprocess
import sys

import pytest

HEAVY = {"torch", "monai", "sklearn", "pandas", "pyqtgraph", "matplotlib.pyplot"}
PROGRAM = """
import sys
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
before = set(sys.modules)
application = QApplication([])
from {module} import {name}
{name}(ViewerModel())
print(*sorted(({heavy!r} & set(sys.modules)) - before))
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("compare", "CompareAnnotations"),
        ("ground_truth", "EstimateGroundTruth"),
        ("train", "TrainEnsemble"),
        ("predict", "Predict"),
        ("review", "ReviewTraining"),
        ("adjudicate", "Adjudicate"),
        ("compare_two", "CompareTwo"),
        ("blind_kit", "BlindAnnotation"),
    ],
)
def test_opening_a_dock_loads_nothing_heavy(module, name):
    program = PROGRAM.format(module=f"napari_deepflash2.widgets.{module}", name=name, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
