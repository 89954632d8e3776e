"""What a caller gave: of the kind that was expected, or an error that says so."""

from __future__ import annotations

from typing import TypeVar

from promlatest.exceptions import UsageError

T = TypeVar("T")


def checked(value: T, kinds: type | tuple[type, ...], expected: str) -> T:
    """The value, if it is of one of these kinds; a bool is no number.

    Args:
        value: what was given.
        kinds: as `isinstance` takes them.
        expected: in words, behind "expected".

    Raises:
        UsageError: it is not; the message says what was expected and what came.
    """
    if isinstance(value, kinds) and not isinstance(value, bool):
        return value
    raise UsageError(f"expected {expected}, not {value!r:.80}")
