"""Time to find and to go through the disputed regions of five experts at 4096 x 4096.

python benchmarks/disputes.py
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel

from napari_deepflash2 import Configuration
from napari_deepflash2.consensus.disputes import find_disputes
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.sample_data import make_cells, simulate_experts
from napari_deepflash2.viewer.adjudication import AdjudicationView, start
from napari_deepflash2.viewer.experts import take_annotations


def seconds(action: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = action(*arguments)
    return time.perf_counter() - begun, result


def main() -> None:
    cells = make_cells((4096, 4096), n_cells=600, random_state=1)
    experts = {one.profile.name: one.mask for one in simulate_experts(cells.truth, random_state=1)}
    taken, disputes = min((seconds(find_disputes, experts) for _ in range(3)), key=lambda run: run[0])
    print(f"find_disputes: {len(disputes)} regions in {taken:.2f} s")

    viewer = ViewerModel()
    viewer.add_image(cells.image)
    layers = [viewer.add_labels(mask, name=name) for name, mask in experts.items()]
    session = start(take_annotations(layers, None), Configuration(), 1, ignore_progress)
    taken, view = seconds(AdjudicationView, viewer, session)
    print(f"open: {taken:.2f} s")
    taken, _ = seconds(view.show_next_expert)
    print(f"napari's outlines of one expert: {taken:.2f} s")
    steps = []
    for number in range(100):
        begun = time.perf_counter()
        session.adjudication.decide(("all", "none", "consensus")[number % 3])
        session.adjudication.go_to_next_undecided()
        view.show_current()
        steps.append(time.perf_counter() - begun)
    median, slowest = np.median(steps) * 1000, max(steps) * 1000
    print(f"decide and jump, without drawing: {median:.0f} ms in the median, {slowest:.0f} ms at most")


if __name__ == "__main__":
    main()
