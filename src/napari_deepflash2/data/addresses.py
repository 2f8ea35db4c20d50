"""Images that lie elsewhere, under an address: what may go wrong on the way to them."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import InputError


def is_address(path: Path | str) -> bool:
    """Whether it is an address such as ``https://...`` or ``s3://...`` rather than a path."""
    return "://" in str(path)


def connection_errors() -> tuple[type[Exception], ...]:
    """Give what is raised where a server cannot be reached, refuses or falls silent."""
    # What speaks HTTP for fsspec has errors of its own, and is loaded only where an address was read.
    http = sys.modules.get("aiohttp")
    return (ConnectionError, TimeoutError, *((http.ClientError,) if http else ()))


def unreachable(address: str, error: Exception) -> InputError:
    """Make the refusal of an image whose server does not answer, or answers that it will not."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError.one(
        address,
        f"cannot be reached ({reason[:200]})",
        "Check the address and the connection, and that it may be read without a password; then try again.",
        "unreachable",
    )


def nothing_there(address: str) -> InputError:
    """Make the refusal of an address at which a server has no image."""
    return InputError.one(
        address,
        "holds no Zarr array and no OME-Zarr image",
        "Check the address: it is that of the folder with zarr.json, or .zattrs and .zgroup.",
        "nothing-there",
    )


def unknown_address(address: str, error: Exception) -> InputError:
    """Make the refusal of a kind of address that nothing installed can read."""
    return InputError.one(
        address,
        f"cannot be opened: {' '.join(str(error).split())[:200]}",
        "Give an http:// or https:// address, install what is asked for, or copy the image to a disk.",
        "unknown-address",
    )
