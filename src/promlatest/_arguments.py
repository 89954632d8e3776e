"""What a caller gave: of the kind that was expected, or an error that says so."""

from __future__ import annotations

from typing import TypeVar

from promlatest.exceptions import UsageError

T = TypeVar("T")


def checked(
    value: T, kinds: type | tuple[type, ...], expected: str, *, secret: bool = False
) -> T:
    """The value, if it is of one of these kinds; a bool is no number.

    Args:
        value: what was given.
        kinds: as `isinstance` takes them.
        expected: in words, behind "expected".
        secret: whether not the value is shown, but its type.

    Raises:
        UsageError: it is not; the message says what was expected and what came.
    """
    if isinstance(value, kinds) and (kinds is bool or not isinstance(value, bool)):
        return value
    came = f"something of type {type(value).__name__}" if secret else f"{value!r:.80}"
    raise UsageError(f"expected {expected}, not {came}")
