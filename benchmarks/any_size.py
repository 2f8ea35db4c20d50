"""Prediction of OME-Zarr images larger than memory: peak memory, time for three sizes, killed and resumed.

    python benchmarks/any_size.py [--size 32768] [--folder DIR] [--tile-size 512]

Simulated cells are laid out to images of a quarter and a half of the size, and of the size; a small U-Net
of the registry with one member, hardly trained, predicts them in one view. Every prediction is a process of
its own, from its start to its end; its peak memory is what the system says of it then, and above is
what is beyond the loaded program and networks. On a machine that others use too, the seconds of its
processors tell more than those on the clock. The largest image is predicted again in a process that is
killed (SIGKILL) once half of its blocks are done, and then resumed; the results are compared byte by byte.
DIR, a temporary folder by default, needs 20 bytes a pixel.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr

from napari_deepflash2 import load_ensemble, train_ensemble
from napari_deepflash2.jobs import predict_folder
from napari_deepflash2.jobs.predict_large import UNFINISHED
from napari_deepflash2.prediction.blocks import blocks_of
from napari_deepflash2.sample_data import make_cells

PART = 1024


@dataclass(frozen=True)
class Run:
    """One process: seconds on the clock and of its processors, peak memory in MB and what of it is above.

    All but the first are 0 if it was killed.
    """

    seconds: float
    cpu_seconds: float
    memory: float
    above: float


def trained(folder: Path, tile_size: int) -> Path:
    cells = [make_cells((128, 128), n_cells=8, random_state=i) for i in range(2)]
    training = {"architecture": "unet", "models": 1, "iterations": 20, "tile_size": 64}
    prediction = {"tile_size": tile_size, "test_time_augmentation": "none"}
    settings = {"training": training, "prediction": prediction}
    train_ensemble([image for image, _ in cells], [mask > 0 for _, mask in cells], folder, settings)
    return folder


def image_of(folder: Path, size: int) -> Path:
    path = folder / f"image-{size}.zarr"
    part, _ = make_cells((PART, PART), n_cells=600, random_state=0)
    group = zarr.create_group(str(path), overwrite=True)
    array = group.create_array("0", shape=(size, size), chunks=(PART, PART), dtype=part.dtype)
    for y in range(0, size, PART):
        # Every row of chunks is another one, so that a chunk in the wrong place would be seen.
        row = np.roll(part, y // PART * 37, axis=(0, 1))
        for x in range(0, size, PART):
            array[y : y + PART, x : x + PART] = row[: size - y, : size - x]
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 0.5]}]}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    return path


def predicted(image: Path, ensemble: Path, out: Path, kill_at: int | None = None) -> Run:
    """Predict in a process of its own; kill it once so many blocks are done."""
    command = [sys.executable, __file__, "--child", *map(str, (image, ensemble, out))]
    record = out / UNFINISHED / image.stem / "blocks.jsonl"
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while kill_at and child.poll() is None:
        if record.exists() and record.read_bytes().count(b'"first"') >= kill_at:
            child.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    said, _ = child.communicate()
    figures = map(float, said.split()[-3:] if child.returncode == 0 else "000")
    return Run(time.perf_counter() - start, *figures)


def child(image: str, ensemble: str, out: str) -> None:
    load_ensemble(ensemble)
    loaded = of_status("VmRSS")
    predict_folder(image, ensemble, out)
    memory = of_status("VmHWM")
    print(time.process_time(), memory, memory - loaded)


def of_status(name: str) -> float:
    """Read memory of this process in MB: now (VmRSS) or at most so far (VmHWM)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) / 1024


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(str(path.relative_to(folder)).encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=32768)
    parser.add_argument("--tile-size", type=int, default=512)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        compare(Path(temporary), options.size, options.tile_size)


def compare(folder: Path, size: int, tile_size: int) -> None:
    ensemble = trained(folder / "ensemble", tile_size)
    print("| image | megapixels | s | s a megapixel | CPU s | CPU s a megapixel | peak memory, MB | above |")
    print("|---|---|---|---|---|---|---|---|")
    for side in (size // 4, size // 2, size):
        image = image_of(folder, side)
        out = folder / f"out-{side}"
        run, pixels = predicted(image, ensemble, out), side**2 / 1e6
        seconds, cpu = run.seconds, run.cpu_seconds
        print(
            f"| {side}² | {pixels:.0f} | {seconds:.0f} | {seconds / pixels:.3f} | {cpu:.0f} | "
            f"{cpu / pixels:.3f} | {run.memory:.0f} | {run.above:.0f} |",
            flush=True,
        )
    again = folder / "out-killed"
    rows = -(-size // PART) * len(blocks_of((size, size), 4, PART))
    killed = predicted(image, ensemble, again, kill_at=max(1, rows // 2))
    resumed = predicted(image, ensemble, again)
    same = all(digest(out / kind) == digest(again / kind) for kind in ("labels", "uncertainty"))
    print(
        f"\n{size}² killed after {killed.seconds:.0f} s, resumed for {resumed.seconds:.0f} s with at most "
        f"{resumed.memory:.0f} MB; the same bytes as in one go: {'yes' if same else 'NO'}"
    )


if __name__ == "__main__":
    main()
