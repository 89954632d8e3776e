"""What a caller gave: of the kind that was expected, or an error that says so."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from math import inf
from numbers import Real
from typing import Any, Final, TypeVar

from promlatest.exceptions import UsageError

T = TypeVar("T")

NUMBER: Final = (float, int, Real)


def shown(value: object) -> str:
    """What was given, in at most 80 characters."""
    try:
        return f"{value!r:.80}"
    except ValueError:  # an int of more than 4,300 digits has no text
        return f"a {type(value).__name__} too long to show"


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
    came = f"something of type {type(value).__name__}" if secret else shown(value)
    raise UsageError(f"expected {expected}, not {came}")


def is_text(value: object) -> bool:
    """Whether it is a str that has bytes; a lone surrogate has none."""
    if not isinstance(value, str):
        return False
    with suppress(UnicodeEncodeError):
        return value.isascii() or bool(value.encode())
    return False


def checked_text(value: str, expected: str, *, secret: bool = False) -> str:
    """The value, if it is a text that has bytes.

    Raises:
        UsageError: it is none, or has a lone surrogate; the message says what was expected.
    """
    if not is_text(checked(value, str, expected, secret=secret)):
        came = "a lone surrogate" if secret else shown(value)
        raise UsageError(f"expected {expected} of valid UTF-8, not {came}")
    return value


def checked_function(value: T, expected: str) -> T:
    """The value, if it can be called.

    Raises:
        UsageError: it cannot; the message says what was expected and what came.
    """
    if callable(value):
        return value
    raise UsageError(f"expected {expected}, not {shown(value)}")


def checked_queryable(value: T) -> T:
    """The value, if questions can be asked of it: if it has `match`, for to ask the
    Protocol `Queryable` itself costs 10 µs.

    Raises:
        UsageError: they cannot.
    """
    if hasattr(value, "match"):
        return value
    raise UsageError(f"expected a store or a snapshot of one, not {shown(value)}")


def checked_seconds(
    name: str, value: float, *, least: float = 0, above: bool = False
) -> float:
    """A length of time, if it is one.

    Args:
        name: of the parameter.
        value: what was given.
        least: the shortest.
        above: whether it must be more than that.

    Raises:
        UsageError: it is no number, too short, endless or NaN.
    """
    is_number = isinstance(value, NUMBER) and not isinstance(value, bool)
    if is_number and least <= value < inf and (value > least or not above):
        return value
    expected = f"above {least:g}" if above else f"at least {least:g}"
    raise UsageError(f"{name}: expected seconds, {expected}, not {shown(value)}")


def checked_choice(name: str, value: T, choices: Any) -> T:
    """The value, if it is one of a `Literal`.

    Raises:
        UsageError: it is none of them.
    """
    if value in choices.__args__:  # `get_args` is 1 µs, of each matcher that is made
        return value
    expected = " or ".join(choices.__args__)
    raise UsageError(f"{name}: expected {expected}, not {shown(value)}")


def as_tuple(given: Iterable[T], what: str) -> tuple[T, ...]:
    """What was given as a tuple. No message shows any of it, since it may be secret.

    One text alone is refused: its letters would be taken for the things.

    Raises:
        UsageError: it is one text, or nothing to go through.
    """
    if isinstance(given, str):
        raise UsageError(f"expected a list of {what}, not one text")
    return tuple(checked(given, Iterable, f"a list of {what}", secret=True))
