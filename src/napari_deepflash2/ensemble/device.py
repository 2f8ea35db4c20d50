"""The device to compute on, and random numbers that leave others' alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor


def choose_device() -> torch.device:
    """Choose the first of CUDA, Apple's MPS and the processor that there is."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def on_device(array: NDArray[np.generic], device: torch.device) -> Tensor:
    """Bring an array to a device; to an NVIDIA card without waiting until it is there."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


@contextmanager
def seeded(*seed: int) -> Iterator[None]:
    """Seed torch's generators inside the block; outside it they go on as if nothing had been.

    Parameters
    ----------
    *seed : int
        What names this use, such as the random state, the fold and the iteration.
    """
    import numpy as np
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1))
        yield


def best_precision(device: torch.device) -> str:
    """Choose the precision that is fastest on a device without costing accuracy.

    Returns
    -------
    str
        A value of `TrainingConfig.precision`: bfloat16 where the device has instructions for it, float16
        on older NVIDIA cards, else float32.
    """
    import torch

    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if device.type == "cpu" and _computes_bfloat16():
        return "bfloat16"
    return "float32"


def _computes_bfloat16() -> bool:
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch says that an allocation failed, on whatever device."""
    import torch

    words = ("DefaultCPUAllocator", "MPS backend out of memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def is_device_failure(error: RuntimeError) -> bool:
    """Whether an error of torch says that a graphics card does not work any more in this process."""
    import torch

    return isinstance(error, torch.AcceleratorError)


def empty_cache(device: torch.device) -> None:
    """Give back memory that torch holds for later."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on a device; Apple's GPUs share them with the processor."""
    import psutil
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
