"""How long the preset "quick look" takes on a small set, beside what was told before, and how good it is.

    python benchmarks/quick_look.py FOLDER [--images 16]

FOLDER holds `images` and instance `masks`, as dsb_fluo of the 2018 Data Science Bowl. The whole command is
timed, from the start of Python to the review.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from napari_deepflash2.data import pair_images_and_masks


def main() -> None:
    """Copy the first images, train on them, print what the command said and what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=16)
    arguments = parser.parse_args()
    pairs = pair_images_and_masks(arguments.folder / "images", arguments.folder / "masks")[: arguments.images]
    with tempfile.TemporaryDirectory() as root:
        for part, files in zip(("images", "masks"), zip(*pairs, strict=True), strict=True):
            (Path(root) / part).mkdir()
            for file in files:
                shutil.copy(file, Path(root) / part)
        options = [("images", "images"), ("masks", "masks"), ("out", "ensemble")]
        named = [word for option, name in options for word in (f"--{option}", f"{root}/{name}")]
        command = [sys.executable, "-m", "napari_deepflash2", "train", *named, "--preset", "quick look"]
        began = time.perf_counter()
        subprocess.run(command, env={**os.environ, "TQDM_DISABLE": "1"}, check=True)
    seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{len(pairs)} images: {seconds:.0f} seconds, {used.ru_utime + used.ru_stime:.0f} of processor time"
    )


if __name__ == "__main__":
    main()
