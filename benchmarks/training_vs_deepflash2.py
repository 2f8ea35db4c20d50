"""Training speed against deepflash2 0.3.0: tiles per second of the whole step, in one process, in turns.

    python benchmarks/training_vs_deepflash2.py [--tile-size 256] [--rounds 5] [--steps 2] [--threads 2]

Both train the very same network, a U-Net of segmentation_models_pytorch with a ResNet-34 encoder and random
weights, on the same images with the same batch and tile size, loss (cross-entropy and Dice) and augmentation
(flip, rotation, gamma; ours adds its zoom, contrast and brightness). A step is loader, forward, loss,
backward and optimiser. deepflash2 has its own loader, loss, Adam and fastai's loop, in float32, which is all
that it has on a processor; it takes part with loader processes, as it does by default, and without any, and
counts by the faster of the two. Ours takes part in float32 and, where the processor has instructions for it,
in bfloat16, as it does by default there. The contestants take turns, the table holds medians. Where other
programs run beside, the CPU seconds are the better measure; those of loader processes are not in them. At the
end the share outside forward and backward is shown for networks of our own registry, the small ones too, for
which a loader weighs most.

Both need one environment, which deepflash2's pins do not allow; so it is installed without them:

    python3.11 -m venv peer && . peer/bin/activate
    pip install torch==2.13.0
    pip install --no-deps torchvision==0.28.0 segmentation-models-pytorch==0.5.0 timm deepflash2==0.3.0
    pip install torch==2.13.0 "fastai==2.8.*" "zarr<3" "albumentations==2.*" opencv-python-headless imageio \
        pandas openpyxl scikit-image SimpleITK kornia "ipywidgets==8.*"
    pip install -c constraints.txt "zarr<3" monai pydantic tifffile imagecodecs roifile platformdirs tomli-w \
        psutil scikit-learn einops
    cat > peer/lib/python3.11/site-packages/sitecustomize.py <<END
    import importlib.util
    if importlib.util.find_spec("torch"):
        import torch
        _lib = torch.library.Library("torchvision", "DEF")
        _lib.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _lib.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    END
    PYTHONPATH=src OMP_WAIT_POLICY=passive python benchmarks/training_vs_deepflash2.py

The `sitecustomize.py` stands in for torchvision's compiled part, which this build of torch cannot load.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import torch
from deepflash2.config import Config
from deepflash2.learner import EnsembleLearner, _optim_dict
from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Learner

from augmentation import simulate, write
from napari_deepflash2.config import Configuration
from napari_deepflash2.ensemble.device import best_precision
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.memory import kept_memory
from napari_deepflash2.ensemble.networks import NETWORKS, NetworkEntry
from napari_deepflash2.ensemble.training_set import TrainingSet

CPU = torch.device("cpu")
ENCODER = "resnet34"


@dataclass(frozen=True)
class Step:
    """Seconds and CPU seconds of one step, and CPU seconds of its forward and backward pass."""

    wall: float
    cpu: float
    passes: float


# Makes that many steps.
Contestant = Callable[[int], list[Step]]


class Marks:
    """When the last forward pass began and the last backward pass ended."""

    began = ended = 0.0

    def __init__(self) -> None:
        backward = torch.Tensor.backward

        def marked(*args: object, **kwargs: object) -> None:
            backward(*args, **kwargs)
            self.ended = time.process_time()

        torch.Tensor.backward = marked

    def watch(self, network: torch.nn.Module) -> None:
        def mark(*_: object) -> None:
            self.began = time.process_time()

        network.register_forward_pre_hook(mark)

    def now(self) -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def step_since(self, start: tuple[float, float]) -> Step:
        wall, cpu = (now - then for now, then in zip(self.now(), start, strict=True))
        return Step(wall, cpu, self.ended - self.began)


class Clock(Callback):
    """Ends a fit after some batches and notes what each took, from the end of the one before."""

    order = 1000

    def __init__(self, marks: Marks) -> None:
        self.marks, self.steps, self.left, self.last = marks, [], 0, None

    def after_batch(self) -> None:
        if self.last is not None:
            self.steps.append(self.marks.step_since(self.last))
        self.last, self.left = self.marks.now(), self.left - 1
        if self.left < 0:
            raise CancelFitException


def network(channels: int, classes: int) -> torch.nn.Module:
    return smp.Unet(ENCODER, encoder_weights=None, in_channels=channels, classes=classes)


def ours(images: list[np.ndarray], masks: list[np.ndarray], marks: Marks, training: dict) -> Contestant:
    config = Configuration.model_validate({"training": training})
    data = TrainingSet.of(images, masks, config.data)
    split = (np.arange(len(images) - 1), np.arange(len(images) - 1, len(images)))
    member = Member(data, 1, split, config, CPU)
    marks.watch(member.network)

    def steps(n: int) -> list[Step]:
        with kept_memory():  # as a training has it
            one()
            return [one() for _ in range(n)]

    def one() -> Step:
        start = marks.now()
        member.step()
        return marks.step_since(start)

    return steps


def deepflash2s(
    folder: Path, marks: Marks, tile_size: int, batch_size: int, loaders: int | None
) -> Contestant:
    config = Config(
        encoder_name=ENCODER,
        encoder_weights=None,
        tile_shape=tile_size,
        batch_size=batch_size,
        mixed_precision_training=False,
        sample_mult=10_000,
    )
    options = {} if loaders is None else {"num_workers": loaders}
    with quiet():
        peer = EnsembleLearner("images", "masks", config=config, path=folder, dl_kwargs=options)
        batches = peer._get_dls(*peer.splits[1])
    model, clock = peer._create_model(), Clock(marks)
    marks.watch(model)
    learner = Learner(
        batches,
        model,
        wd=peer.weight_decay,
        loss_func=peer.loss_fn,
        opt_func=_optim_dict[peer.optim],
        cbs=clock,
    )

    def steps(n: int) -> list[Step]:
        # The first batch of a fit waits for its loaders to start, and does not count.
        clock.steps, clock.left, clock.last = [], n, None
        with quiet(), learner.no_bar(), learner.no_logging():
            learner.fit(1, peer.base_lr)
        return clock.steps

    return steps


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
        yield


def interleaved(contestants: dict[str, Contestant], rounds: int, steps: int) -> dict[str, list[Step]]:
    for take in contestants.values():
        take(1)
    taken: dict[str, list[Step]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, take in contestants.items():
            taken[name] += take(steps)
    return taken


def report(taken: dict[str, list[Step]], batch_size: int) -> None:
    wall = {name: statistics.median(step.wall for step in steps) for name, steps in taken.items()}
    peer = min((name for name in wall if name.startswith("deepflash2")), key=wall.__getitem__)
    print(
        "| contestant | s a step | tiles a second | ratio | CPU s a step | CPU ratio | outside both passes |"
    )
    print("|---|---|---|---|---|---|---|")
    cpu = {name: statistics.median(step.cpu for step in steps) for name, steps in taken.items()}
    for name, steps in taken.items():
        print(
            f"| {name} | {wall[name]:.2f} | {batch_size / wall[name]:.2f} | {wall[peer] / wall[name]:.2f} "
            f"| {cpu[name]:.2f} | {cpu[peer] / cpu[name]:.2f} | {outside(steps):.1%} |"
        )


def outside(steps: list[Step]) -> float:
    return statistics.median(1 - step.passes / step.cpu for step in steps)


def report_own(networks: dict[str, Contestant]) -> None:
    print("\n| our network | CPU s a step | outside both passes |\n|---|---|---|")
    for name, take in networks.items():
        steps = take(12)
        print(f"| {name} | {statistics.median(step.cpu for step in steps):.3f} | {outside(steps):.1%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tile-size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="steps of each contestant in a round")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--own", nargs="*", default=["unet", "flexible_unet_efficientnet-b0"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    NETWORKS["smp_unet"] = NetworkEntry("smp_unet", "To compare with deepflash2.", 24_430_242, 62, network)
    images, masks = simulate()
    sizes = {"tile_size": options.tile_size, "batch_size": options.batch_size}
    best, marks = best_precision(CPU), Marks()

    def own(architecture: str, precision: str) -> Contestant:
        return ours(images, masks, marks, {**sizes, "architecture": architecture, "precision": precision})

    with tempfile.TemporaryDirectory() as folder:
        write(images, masks, Path(folder))
        contestants = {
            "deepflash2, loader processes": deepflash2s(Path(folder), marks, **sizes, loaders=None),
            "deepflash2, none": deepflash2s(Path(folder), marks, **sizes, loaders=0),
            **{
                f"ours, {precision}": own("smp_unet", precision)
                for precision in dict.fromkeys(["float32", best])
            },
        }
        taken = interleaved(contestants, options.rounds, options.steps)
    report(taken, options.batch_size)
    report_own({name: own(name, best) for name in options.own})
    print(
        f"\n{options.batch_size} tiles of {options.tile_size}² a step, {options.threads} threads. "
        "deepflash2 runs patched: torchvision's missing operators are declared by a sitecustomize.py."
    )


if __name__ == "__main__":
    main()
