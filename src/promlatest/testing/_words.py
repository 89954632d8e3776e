"""The words of failures: numbers, sequences and lists, as a person reads them. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from promlatest._datapoint import DataPoint
from promlatest._matching.floats import format_float
from promlatest.testing._errors import Observation

_LINES: Final = 24  # of a sequence; a page of a terminal
_SHOWN: Final = 10  # of a list


def number(value: float | None) -> str:
    """A value as one would write it; None is a series that is not there.

    >>> number(1048576.0), number(0.1), number(None)
    ('1048576', '0.1', 'missing')
    """
    if value is None:
        return "missing"
    whole = value == value and abs(value) < 1e15 and value == int(value)
    return str(int(value)) if whole else format_float(value)


def seconds(value: float) -> str:
    """A length of time in seconds.

    >>> seconds(5.0), seconds(0.25)
    ('5 s', '0.25 s')
    """
    return f"{value:.3f}".rstrip("0").rstrip(".") + " s"


def series_line(point: DataPoint) -> str:
    """A point as an exposition has it.

    >>> from promlatest import Labels
    >>> series_line(DataPoint(Labels(__name__="depth", queue="a"), 0, 3.0))
    'depth{queue="a"} 3'
    """
    return f"{point.labels.series()} {number(point.value)}"


def shortened(lines: Iterable[str], most: int = _SHOWN) -> list[str]:
    """The first lines, and how many more there are."""
    every = list(lines)
    more = len(every) - most
    return every if more <= 0 else [*every[:most], f"… and {more} more"]


def listed(names: Iterable[str], most: int = _SHOWN) -> str:
    """Names in one line."""
    return ", ".join(shortened(names, most)) or "none"


def closest(name: str, names: Collection[str], most: int = 3) -> list[str]:
    """The names that were probably meant, the closest first.

    >>> closest("jobs", {"jobs_total", "mails_total"}), closest("jobs_totl", {"jobs_total"})
    (['jobs_total'], ['jobs_total'])
    """
    ordered = sorted(names)
    longer = [each for each in ordered if name and each.startswith(f"{name}_")]
    alike = difflib.get_close_matches(name, ordered, most, 0.6)
    return list(dict.fromkeys([*alike, *longer]))[:most]


def is_slip(name: str, other: str) -> bool:
    """Whether a name is another with one slip of the finger: a letter too many, too
    few, wrong, or two swapped.

    >>> is_slip("jobs_totl", "jobs_total"), is_slip("jobs_total", "mails_total")
    (True, False)
    """
    if name == other or abs(len(name) - len(other)) > 1:
        return False
    if len(name) > len(other):
        name, other = other, name
    at = next((i for i, letter in enumerate(name) if letter != other[i]), len(name))
    rest, others = name[at:], other[at:]
    swapped = others[1:2] + others[:1] + others[2:]
    return others[1:] in (rest, rest[1:]) or rest == swapped


def sequence(observations: Sequence[Observation]) -> list[str]:
    """What was observed, a line each; equal ones that follow each other are one line."""
    lines = list(_runs(observations))
    if len(lines) > _LINES:
        half = _LINES // 2
        left_out = f"   … {len(lines) - 2 * half} lines left out"
        lines = [*lines[:half], left_out, *lines[-half:]]
    return lines


def _runs(observations: Sequence[Observation]) -> Iterator[str]:
    for (value, error), group in groupby(observations, _shown):
        run = list(group)
        words = f"scrape failed: {error}" if error else value
        times = f", {len(run)} times until {run[-1].at:.3f} s" if len(run) > 1 else ""
        yield f"{run[0].at:8.3f} s  {words}{times}"


def _shown(observation: Observation) -> tuple[str, str]:
    return number(observation.value), observation.error
