"""The parameters of a request: what they must be, and how Prometheus says that they
are not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeVar

from promlatest._arguments import as_tuple, checked, shown
from promlatest._matching.floats import parse_float
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import parse_selector
from promlatest._units import parse_duration
from promlatest.exceptions import UsageError

__all__ = ["Params", "read_duration", "read_time"]

T = TypeVar("T")

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_MOST_SECONDS: Final = 9_223_372_036  # Go's durations count nanoseconds in 64 bits


class Params:
    """The parameters by name; one may stand several times.

    Args:
        given: pairs, or a mapping of a text or several to each name.
    """

    def __init__(
        self, given: Mapping[str, str | Sequence[str]] | Iterable[tuple[str, str]] = ()
    ) -> None:
        self._given: dict[str, list[str]] = {}
        pairs = given.items() if isinstance(given, Mapping) else as_tuple(given, "pairs")
        for pair in pairs:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise UsageError(f"expected a name and a value, not {shown(pair)}")
            name, value = pair
            values = value if isinstance(value, tuple | list) else (value,)
            for each in (name, *values):
                checked(each, str, "parameters as texts")
            self._given.setdefault(name, []).extend(values)

    def __repr__(self) -> str:
        return repr(self._given)

    def text(self, name: str, default: str = "") -> str:
        """The first of this name."""
        given = self._given.get(name)
        return given[0] if given else default

    def texts(self, name: str) -> list[str]:
        """All of this name."""
        return self._given.get(name, [])

    def read(self, name: str, reader: Callable[[str], T], default: T) -> T:
        """The first of this name, read; the default if it is not there or empty.

        Raises:
            UsageError: it cannot be read; the words name it.
        """
        text = self.text(name)
        return _named(name, reader, text) if text else default

    def required(self, name: str, reader: Callable[[str], T]) -> T:
        """The first of this name, read.

        Raises:
            UsageError: it is not there, or cannot be read.
        """
        return _named(name, reader, self.text(name))

    def limit(self) -> int:
        """How many are wanted at the most; 0 for all."""
        return self.read("limit", _read_count, 0)

    def matchers(self) -> list[tuple[Matcher, ...]]:
        """The selectors of `match[]`, each read.

        Raises:
            UsageError: one of them cannot be read.
        """
        return [_named("match[]", parse_selector, each) for each in self.texts("match[]")]


def _named(name: str, reader: Callable[[str], T], text: str) -> T:
    try:
        return reader(text)
    except UsageError as error:
        raise UsageError(f'invalid parameter "{name}": {error}') from error


def _read_count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"expected a number from 0 on, not {text[:40]!r}")
    return int(text[:18])


def read_time(text: str) -> int:
    """A time in milliseconds, of seconds or of RFC 3339.

    >>> read_time("4"), read_time("1435781451.781"), read_time("2015-07-01T20:10:51.781Z")
    (4000, 1435781451781, 1435781451781)
    """
    try:
        seconds = parse_float(text)
        if math.isfinite(seconds) and abs(seconds) < 1e13:
            return round(seconds * 1000)
        moment = None
    except ValueError:
        moment = _read_rfc3339(text)
    if moment is None:
        raise UsageError(f'cannot parse "{text[:60]}" to a valid timestamp')
    return round(moment.timestamp() * 1000)


def _read_rfc3339(text: str) -> datetime | None:
    if not _RFC3339.fullmatch(text):  # Python reads other forms of ISO 8601, too
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def read_duration(text: str) -> float:
    """A duration in seconds, of seconds or of `1h30m`.

    >>> read_duration("15"), read_duration("1m30s"), read_duration("0.5")
    (15.0, 90.0, 0.5)
    """
    for read in (parse_float, parse_duration):
        with suppress(ValueError, UsageError):
            seconds = read(text)
            if abs(seconds) <= _MOST_SECONDS:
                return seconds
    raise UsageError(f'cannot parse "{text[:60]}" to a valid duration')
