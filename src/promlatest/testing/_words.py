"""The words of failures: numbers, sequences and lists, as a person reads them. Pure."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import groupby, islice
from typing import Final

from promlatest._datapoint import SUFFIXES, DataPoint
from promlatest._matching.floats import format_float
from promlatest._matching.near import close_names
from promlatest.testing._errors import Observation

_LINES: Final = 24  # of a sequence; a page of a terminal
_SHOWN: Final = 10  # of a list
# Among more names only those beside it in their order are compared: 50,000 take 1 s.
_COMPARED: Final = 2_000
_ENDINGS: Final = tuple(
    sorted({suffix for each in SUFFIXES.values() for suffix in each} - {""})
)
_DIGITS: Final = re.compile(r"\d+")


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


def many(count: int, what: str) -> str:
    """A number of things.

    >>> many(1, "sample"), many(20_000, "sample")
    ('1 sample', '20000 samples')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def series_lines(points: Sequence[DataPoint], most: int = _SHOWN) -> list[str]:
    """The first points as an exposition has them, and how many more there are.

    >>> from promlatest import Labels
    >>> series_lines([DataPoint(Labels(__name__="depth", queue="a"), 0, 3.0)])
    ['depth{queue="a"} 3']
    """
    lines = [f"{each.labels.series()} {number(each.value)}" for each in points[:most]]
    return [*lines, *_more(len(points) - most)]


def shortened(lines: Iterable[str], most: int = _SHOWN) -> list[str]:
    """The first lines, and how many more there are."""
    rest = iter(lines)
    return [*islice(rest, most), *_more(sum(1 for _ in rest))]


def _more(count: int) -> list[str]:
    return [f"… and {count} more"] if count > 0 else []


def listed(names: Iterable[str], most: int = _SHOWN) -> str:
    """Names in one line."""
    return ", ".join(shortened(names, most)) or "none"


def fits_any(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text fits one of the patterns, which are those of the shell."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)


# What may have been meant


def closest(name: str, names: Collection[str], most: int = 3) -> list[str]:
    """The names that were probably meant, the closest first.

    >>> closest("jobs", {"jobs_total", "mails_total"}), closest("jobs_totl", {"jobs_total"})
    (['jobs_total'], ['jobs_total'])
    """
    ordered = _beside(name, sorted(names))
    near = [each for each in ordered if is_near(name, each)]
    return list(dict.fromkeys([*close_names(name, ordered, most, 0.6), *near]))[:most]


def _beside(name: str, ordered: list[str]) -> list[str]:
    at = bisect(ordered, name)
    return ordered[max(0, at - _COMPARED // 2) : at + _COMPARED // 2]


def is_near(name: str, other: str) -> bool:
    """Whether a metric's name stands so near another one that it may be meant for it:
    but for what ends names (`_total` and the like), the case of letters, or a slip.

    >>> is_near("jobs", "jobs_total"), is_near("Jobs_total", "jobs_total")
    (True, True)
    >>> is_near("jobs_totl", "jobs_total"), is_near("mails_total", "jobs_total")
    (True, False)
    """
    if name == other:
        return False
    one, two = _stem(name), _stem(other)
    return one == two or is_slip(one, two) or is_slip(name, other)


def _stem(name: str) -> str:
    while name.endswith(_ENDINGS):  # of all at once: there may be 50,000 names
        shorter = next(name.removesuffix(each) for each in _ENDINGS if name.endswith(each))
        if not shorter:
            break
        name = shorter
    return name.casefold()


def is_slip(text: str, other: str) -> bool:
    """Whether a text is another but for case, or one or two slips of the finger: a
    letter too many, too few, wrong, or two swapped.

    Short texts are allowed fewer slips, and numbers none: 500 is not meant for 200.

    >>> is_slip("takn", "taken"), is_slip("500", "200"), is_slip("a", "b")
    (True, False, False)
    """
    if text == other or abs(len(text) - len(other)) > 2:
        return False
    one, two = text.casefold(), other.casefold()
    if _DIGITS.findall(one) != _DIGITS.findall(two):
        return False
    shorter = min(len(one), len(two))
    return _within(one, two, 0 if shorter < 3 else 1 if shorter < 6 else 2)


def _within(one: str, two: str, edits: int) -> bool:
    """Whether so many edits make one text of the other."""
    if abs(len(one) - len(two)) > edits:
        return False
    at = next(
        (i for i, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]),
        None,
    )
    if at is None:  # one begins with the other, and is no more than so many longer
        return True
    if not edits:
        return False
    one, two, left = one[at:], two[at:], edits - 1
    swapped = one[:2] == two[1::-1]
    return (
        _within(one[1:], two[1:], left)
        or _within(one[1:], two, left)
        or _within(one, two[1:], left)
        or (swapped and _within(one[2:], two[2:], left))
    )


# What was observed


def sequence(observations: Sequence[Observation]) -> list[str]:
    """What was observed, a line each; equal ones that follow each other are one line."""
    lines = list(_runs(observations))
    if len(lines) > _LINES:
        half = _LINES // 2
        left_out = f"   … {len(lines) - 2 * half} lines left out"
        lines = [*lines[:half], left_out, *lines[-half:]]
    return lines


def _runs(observations: Sequence[Observation]) -> Iterator[str]:
    for words, group in groupby(observations, _shown):
        run = list(group)
        times = f", {len(run)} times until {run[-1].at:.3f} s" if len(run) > 1 else ""
        yield f"{run[0].at:8.3f} s  {words}{times}"


def _shown(seen: Observation) -> str:
    return (
        f"scrape failed: {seen.error}" if seen.error else seen.words or number(seen.value)
    )
