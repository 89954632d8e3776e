"""Patterns of the shell, for names that a test leaves out or lets pass."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from promlatest.exceptions import UsageError

__all__ = ["fits_any", "listed_texts"]


def listed_texts(option: str, given: Iterable[str]) -> tuple[str, ...]:
    """The texts of an option, if it is a list of them.

    One text alone is refused: its letters would be taken for the texts, and a ``*`` among
    them lets everything pass.

    Raises:
        UsageError: it is one text.
    """
    if isinstance(given, str):
        raise UsageError(f"{option} is a list of texts, not {given!r}")
    return tuple(given)


def fits_any(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text fits one of the patterns."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)
