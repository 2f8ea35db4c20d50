"""Where a job may write."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError


def claim_output(out: Path | str, *inputs: Path | str | None) -> Path:
    """Make the output folder and return its path.

    Raises
    ------
    InputError
        Where it is one of the input folders or lies inside one, where a later run would take the results
        for input; or where it cannot be made or written to.
    """
    out = Path(out)
    for folder in inputs:
        if folder is not None and out.resolve().is_relative_to(Path(folder).resolve()):
            raise InputError.one(
                out,
                f"the output folder is, or lies inside, the input folder {folder}",
                "Choose an output folder outside of it.",
                "output-in-input",
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".probe").touch()
        (out / ".probe").unlink()
    except OSError as error:
        raise InputError.one(
            out,
            f"cannot be written to ({error.strerror})",
            "Choose another output folder or make this one writable.",
            "output-not-writable",
        ) from error
    return out
