"""Errors that a user can mend: which file, what was wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input, or worth a note, in words a user can act on.

    Attributes
    ----------
    where : str
        The file, folder, layer or setting, as the user knows it.
    found : str
        What was found there, and where it helps what was expected.
    remedy : str
        What to do about it.
    code : str
        Short stable name of the kind of problem, such as ``"unpaired-image"``.
    names : tuple of str
        What is concerned, by path or ID, where `where` is a whole set.
    """

    where: str
    found: str
    remedy: str
    code: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line, whatever characters the file name holds."""
        return printable(f"{self.where}: {self.found}. {self.remedy}")


class InputError(ValueError):
    """Input that a user can mend; every other exception is a bug.

    Parameters
    ----------
    problems : iterable of Problem
        Everything that is wrong, all at once.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def one(cls, where: object, found: str, remedy: str, code: str) -> InputError:
        """Make the error for a single problem."""
        return cls([Problem(str(where), found, remedy, code)])


def raise_if_any(problems: Iterable[Problem]) -> None:
    """Raise one `InputError` that lists all problems; do nothing when there are none."""
    problems = list(problems)
    if problems:
        raise InputError(problems)


def printable(text: str) -> str:
    """Write characters that cannot be shown, such as line breaks and what turns the direction, as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def listed(names: Sequence[object], most: int = 10) -> str:
    """Names for a message: the first ones, and how many more."""
    shown = ", ".join(str(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
