"""Patterns of the shell, for names that a test leaves out or lets pass."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def fits_any(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text fits one of the patterns."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)
