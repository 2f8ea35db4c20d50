"""Sample data: simulated cells, simulated experts, and real nuclei from a package on PyPI."""

from __future__ import annotations

from .cells import make_cells
from .experts import ExpertProfile, SimulatedExpert, simulate_experts
from .layers import cells_sample, nuclei_sample
from .nuclei import load_nuclei
from .sets import SampleSet, demo_samples

__all__ = [
    "ExpertProfile",
    "SampleSet",
    "SimulatedExpert",
    "cells_sample",
    "demo_samples",
    "load_nuclei",
    "make_cells",
    "nuclei_sample",
    "simulate_experts",
]
