"""Tensors on disk: written aside, checked before they are opened, never able to run a program."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import InputError
from ..files import written_aside

if TYPE_CHECKING:
    from torch import Tensor, nn

_MOST_BYTES = 4 * 2**30
_TRAIN_AGAIN = (
    "Use only ensembles that napari-deepflash2 has trained; deepflash2's own files have to be trained again."
)
_SAVE_THE_STATE = (
    "Have its author save the tensors alone: torch.save(network.state_dict(), 'weights.pth'), or safetensors."
)


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> str:
    """Write a state dictionary; return the SHA-256 of the file."""
    data = to_bytes(dict(weights))
    with written_aside(path) as aside:
        aside.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def safetensors_of(weights: Mapping[str, Tensor]) -> bytes:
    """Put a state dictionary into the safetensors format, which cannot hold a program."""
    from safetensors.torch import save

    return save({name: value.detach().cpu().contiguous() for name, value in weights.items()})


def load_weights(path: Path, sha256: str, network: nn.Module) -> None:
    """Fill a network with the weights of a file that is exactly the one that was written.

    Parameters
    ----------
    path : path
        Made by `save_weights`, or with the suffix ``.safetensors`` of what `safetensors_of` gave.
    sha256 : str
        What the file must hash to.
    network : torch.nn.Module
        Of the same architecture, channels and classes.

    Raises
    ------
    InputError
        Where the file is missing, damaged or another one, could hold a program, does not fit the
        network, or holds values that are not finite.
    """
    data = read_checked(path, sha256)
    weights = _from_safetensors(data, path) if path.suffix == ".safetensors" else from_bytes(data, path)
    _check_fits(path, weights, network)
    network.load_state_dict(weights)


def read_weights_file(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read a file of weights that a user has chosen, of any network.

    Parameters
    ----------
    path : path
        A state dictionary that torch saved, in its present or its old format, or safetensors.

    Returns
    -------
    dict of str to Tensor
        By name.
    str
        The SHA-256 of the file.

    Raises
    ------
    InputError
        Where the file is missing, too large, damaged, could hold a program, holds other things than
        tensors, or values that are not finite.
    """
    if not path.is_file():
        _refuse(path, "is not there", "Choose a file of weights.", "weights-missing")
    if path.stat().st_size > _MOST_BYTES:
        _refuse(path, "is larger than 4 GiB", "Choose a file of weights.", "weights-damaged")
    data = path.read_bytes()
    values = _from_safetensors(data, path) if path.suffix == ".safetensors" else _from_any_torch(data, path)
    _check_tensors(path, values)
    return values, hashlib.sha256(data).hexdigest()


def fill_whole(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Give a network all of its weights, from a file that a user has chosen.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    weights : mapping of str to Tensor
        By the names that the network has for them.
    path : path
        Where they are from, for the error.

    Raises
    ------
    InputError
        Where a shape differs, because the file is of other channels or classes; names the first.
    """
    for key, own in network.state_dict().items():
        if weights[key].shape != own.shape:
            _refuse(
                path,
                f"is of other channels or classes: {key} has shape {tuple(weights[key].shape)}, "
                f"here it is {tuple(own.shape)}",
                "Choose weights that were learned from as many channels and classes.",
                "wrong-network",
            )
    network.load_state_dict(weights)


def read_checked(path: Path, sha256: str) -> bytes:
    """All bytes of a file, read once and compared with their hash, so that no swap comes between."""
    if not path.is_file() or path.is_symlink():
        _refuse(path, "is missing or is a link", "Copy the whole ensemble folder again.", "member-missing")
    if path.stat().st_size > _MOST_BYTES:
        _refuse(path, "is larger than 4 GiB", "Copy the whole ensemble folder again.", "member-damaged")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        _refuse(
            path,
            "is damaged or is not the file the ensemble was made with (its SHA-256 differs)",
            "Copy the whole ensemble folder again; never exchange or rename single members.",
            "member-damaged",
        )
    return data


def to_bytes(values: Mapping[str, Any]) -> bytes:
    """Tensors and plain values as torch's zip format; the same values give the same bytes."""
    import torch

    stream = io.BytesIO()
    torch.save(values, stream)
    return stream.getvalue()


def from_bytes(data: bytes, path: Path) -> dict[str, Any]:
    """Read what `to_bytes` made; `path` is only named in errors."""
    _check_container(data, path, _TRAIN_AGAIN)
    values = _opened(data, path, _TRAIN_AGAIN)
    if not isinstance(values, dict):
        _refuse(path, "holds no weights by name", "Train this ensemble again.", "member-damaged")
    return values


def _from_any_torch(data: bytes, path: Path) -> dict[str, Any]:
    if zipfile.is_zipfile(io.BytesIO(data)):
        _check_container(data, path, _SAVE_THE_STATE)
    return _opened(data, path, _SAVE_THE_STATE)


def _from_safetensors(data: bytes, path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except (SafetensorError, ValueError) as error:
        raise InputError.one(
            path, f"cannot be read as safetensors ({error})", _SAVE_THE_STATE, "weights-damaged"
        ) from error


def _opened(data: bytes, path: Path, remedy: str) -> Any:
    import torch

    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (
        UnpicklingError,
        RuntimeError,
        ValueError,
        KeyError,
        EOFError,
        AttributeError,
        TypeError,
    ) as error:
        raise InputError.one(
            path,
            "holds more than tensors and could contain a program, so it was not opened",
            remedy,
            "unsafe-weights",
        ) from error


def _check_container(data: bytes, path: Path, remedy: str) -> None:
    """Refuse old formats and compressed archives, which can unfold to any size."""
    try:
        records = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except zipfile.BadZipFile as error:
        raise InputError.one(
            path,
            "is not in torch's zip format and could contain a program, so it was not opened",
            remedy,
            "unsafe-weights",
        ) from error
    if any(record.compress_type != zipfile.ZIP_STORED for record in records):
        _refuse(path, "is compressed, as torch writes only programs", remedy, "unsafe-weights")


def _check_fits(path: Path, weights: Mapping[str, Any], network: nn.Module) -> None:
    import torch

    expected = network.state_dict()
    fits = weights.keys() == expected.keys() and all(
        isinstance(weights[key], torch.Tensor) and weights[key].shape == value.shape
        for key, value in expected.items()
    )
    if not fits:
        _refuse(
            path,
            "holds the weights of another network",
            "The manifest and its members do not belong together: copy the whole ensemble folder again.",
            "wrong-network",
        )
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        _refuse(
            path,
            "holds weights that are no finite numbers",
            "Train this ensemble again.",
            "weights-not-finite",
        )


def _check_tensors(path: Path, values: object) -> None:
    """Refuse what is no dictionary of finite tensors, before anything is made of it."""
    import torch

    if not isinstance(values, dict) or not all(isinstance(v, torch.Tensor) for v in values.values()):
        _refuse(path, "holds no tensors by name", _SAVE_THE_STATE, "weights-damaged")
    # A tensor may claim more values than it stores; none in a file of weights does.
    if any(v.numel() > v.untyped_storage().nbytes() for v in values.values()):
        _refuse(path, "holds tensors that repeat a value", _SAVE_THE_STATE, "weights-damaged")
    if not all(bool(torch.isfinite(value).all()) for value in values.values()):
        _refuse(
            path, "holds weights that are no finite numbers", "Choose another file.", "weights-not-finite"
        )


def _refuse(path: Path, found: str, remedy: str, code: str) -> NoReturn:
    raise InputError.one(path, found, remedy, code)
