"""Kill a training again and again, resume it each time, and compare the end with an uninterrupted one.

    python benchmarks/kill_and_resume.py [--kills 20] [--seed 0] [--form folders|arrays|experts]

A small training (3 models, with a running mean of the weights) is killed with SIGKILL at random: while a step
is done, while a checkpoint is being written, in a validation, between two models, while held-out images are
predicted, while the run begins. Here it keeps a checkpoint after every step, so that it comes to an end
nevertheless. At the end every file of the two folders is compared bit for bit, but for times, the log of
events and the random name of the run. The exit status is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from napari_deepflash2.ensemble import RunFolder
from napari_deepflash2.sample_data import make_cells, simulate_experts

SETTINGS = {
    "training": {"iterations": 12, "tile_size": 32, "batch_size": 2, "models": 3, "ema": 0.9},
    "prediction": {"tile_size": 64, "test_time_augmentation": "none"},
}
CHILD = """
import json, sys
from pathlib import Path
import tifffile
from napari_deepflash2.ensemble import loop, train_ensemble
loop._SECONDS_BETWEEN_CHECKPOINTS = 0
root, out, form, settings = Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
images, masks, experts = root / "images", root / "masks", None
if form == "arrays":
    images, masks = ([tifffile.imread(path) for path in sorted(f.iterdir())] for f in (images, masks))
if form == "experts":
    masks, experts = None, root / "experts"
train_ensemble(images, masks, out, settings, experts=experts, resume=True)
"""
Moment = Callable[[RunFolder, int], bool]


def write_data(root: Path) -> None:
    """Six images of 64 x 64 pixels, their masks, and three experts' masks of them."""
    for number in range(6):
        image, truth = make_cells((64, 64), n_cells=5, random_state=number)
        experts = {
            expert.profile.name: expert.mask for expert in simulate_experts(truth, random_state=number)[:3]
        }
        files = {"images": image, "masks": (truth > 0).astype(np.uint8)}
        files |= {f"experts/{name}": mask.astype(np.uint8) for name, mask in experts.items()}
        for folder, array in files.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(root / folder / f"{number}.tif", array)


def has_begun(run: RunFolder, seen: int) -> bool:
    return run.owner() is not None


def is_saving(run: RunFolder, seen: int) -> bool:
    return any(run.path.glob("checkpoints/.writing-*"))


def has_task(*tasks: str) -> Moment:
    return lambda run, seen: any(event.get("task") in tasks for event in run.events(seen))


def has_model(run: RunFolder, seen: int) -> bool:
    """A model's file has just been written: between two of them."""
    return any(time.time() - path.stat().st_mtime < 0.3 for path in run.path.glob("*.pth"))


MOMENTS: dict[str, Moment] = {
    "at the start": has_begun,
    "between steps": has_task("fold 1", "fold 2", "fold 3"),
    "while a checkpoint is written": is_saving,
    "in a validation": has_task("validate"),
    "between two models": has_model,
    "while held-out images are predicted": has_task("out of fold"),
}


def killed(command: list[str], run: RunFolder, moment: Moment, chance: random.Random) -> bool:
    """Start the run, wait for the moment and a little more, and kill it; False where it had ended."""
    seen = len(run.events())
    with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        while process.poll() is None and not moment(run, seen):
            time.sleep(0.001)
        time.sleep(chance.choice([0, chance.uniform(0, 0.05), chance.uniform(0, 0.5)]))
        was_alive = process.poll() is None
        process.kill()
    return was_alive


def content(folder: Path) -> dict[str, object]:
    """All files of an ensemble but for what may differ."""
    found: dict[str, object] = {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    del found["events.jsonl"]
    found["ensemble.json"] = {**json.loads((folder / "ensemble.json").read_text()), "run": None}
    with (folder / "history.csv").open(newline="") as stream:
        found["history.csv"] = [{**row, "seconds": None} for row in csv.DictReader(stream)]
    return found


def main() -> int:
    """Kill, resume, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--form", choices=("folders", "arrays", "experts"), default="folders")
    arguments = parser.parse_args()
    chance, counts, ended = random.Random(arguments.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as root:
        whole, out = Path(root) / "whole", Path(root) / "killed"
        write_data(Path(root))
        command = [sys.executable, "-c", CHILD, root]
        more = [arguments.form, json.dumps(SETTINGS)]
        subprocess.run([*command, str(whole), *more], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)
        while counts.total() < arguments.kills:
            name = chance.choice([*MOMENTS])
            if killed([*command, str(out), *more], RunFolder(out), MOMENTS[name], chance):
                counts[name] += 1
                continue
            ended += 1
            if content(out) != content(whole):
                break
            # It came to its end: another one begins.
            out = out.with_name(f"killed-{ended + 1}")
        subprocess.run([*command, str(out), *more], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)
        found, expected = content(out), content(whole)
    differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    print("| killed | times |\n|---|---|")
    for name in MOMENTS:
        print(f"| {name} | {counts[name]} |")
    print(f"\n{counts.total()} kills; {ended + 1} runs of {len(expected)} files each came to their end.")
    print(f"Files that differ: {', '.join(differing) or 'none'}")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
