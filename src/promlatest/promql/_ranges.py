"""What is worked out of a series' samples over a range.

A *kernel* takes the times and values of one series, and where its range begins and ends
(ms), and gives a number or None. `over_each` asks it of every series. What a counter
or gauge moved needs less: the first and the last column, and those series alone that fell
in between (`moved`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise, repeat
from math import sqrt
from operator import lt, mul, sub
from typing import Any, Final, NamedTuple
from weakref import ref

from promlatest._interfaces import Values
from promlatest.promql._arithmetic import (
    greatest,
    least,
    mean,
    quantile,
    total,
    variance,
)
from promlatest.promql._values import Span, has_gaps

Kernel = Callable[[Sequence[int], Sequence[float], int, int], float | None]


def over_each(kernel: Kernel, span: Span, end: int) -> Values:
    """A kernel's answer for every series; None where it has no samples."""
    return [
        kernel(times, values, span.start, end) if values else None
        for times, values in each_series(span)
    ]


def each_series(span: Span) -> Iterator[tuple[Sequence[int], Sequence[float]]]:
    """The samples of each series in turn: their times and values, oldest first."""
    times, columns = span.times, span.columns
    if not columns:
        nothing: tuple[list[int], list[float]] = ([], [])
        yield from [nothing] * len(span.labels)
        return
    rows: Iterable[Any] = zip(*columns, strict=True)
    if not any(map(has_gaps, columns)):
        for row in rows:
            yield times, row
        return
    for row in rows:
        if None not in row:
            yield times, row
        else:
            there = [(t, v) for t, v in zip(times, row, strict=True) if v is not None]
            yield [t for t, _ in there], [v for _, v in there]


# -- what moved -----------------------------------------------------------------------


class Falls:
    """Which series fell, or were away, between two scrapes next to each other.

    A pair of columns is looked at once and remembered for as long as it is asked about and
    somebody holds it, so that a question asked after every scrape looks at one new pair.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], _Pair] = {}

    def __call__(self, columns: Sequence[Values]) -> set[int]:
        """The places of series that are not there throughout, or fell at some time."""
        known, seen = self._known, {}
        places: set[int] = set()
        for before, after in pairwise(columns):
            key = id(before), id(after)
            pair = known.get(key)
            if pair is None or pair.before() is not before or pair.after() is not after:
                pair = _Pair(_held(before), _held(after), _fallen(before, after))
            seen[key] = pair
            places.update(pair.places)
        self._known = seen
        return places


class _Pair(NamedTuple):
    """Two columns, which are not held, and the places that were found."""

    before: Callable[[], object]
    after: Callable[[], object]
    places: tuple[int, ...]


def _held(column: Values) -> Callable[[], object]:
    """What gives the column if there still is one; a list cannot tell."""
    return ref(column) if isinstance(column, array) else _nothing


def _nothing() -> None:
    return None


def _fallen(before: Values, after: Values) -> tuple[int, ...]:
    try:
        if not any(map(lt, after, before)):  # type: ignore[arg-type] # None raises
            return ()
    except TypeError:
        pass
    pairs = enumerate(zip(before, after, strict=True))
    return tuple(at for at, (a, b) in pairs if a is None or b is None or b < a)


def moved(span: Span, end: int, falls: Falls, *, counter: bool, rate: bool) -> Values:
    """`rate`, `increase` (of counters) and `delta` of every series of a span (Q-11).

    From the first to the last sample, extrapolated to the ends of the range where they
    are near; what a counter lost in a reset is added, and it is not taken below 0.
    """
    columns, times = span.columns, span.times
    if len(columns) < 2:
        return [None] * len(span.labels)
    special = falls(columns) if counter else _away(columns)
    first, last = _filled(columns[0]), _filled(columns[-1])
    changes = list(map(sub, last, first))
    factor, room = _extrapolation(times, span.start, end)
    kernel = _KERNELS[counter, rate]
    whole = factor / ((end - span.start) / 1000) if rate else factor
    results: list[float | None] = list(map(mul, changes, repeat(whole)))
    if counter:
        # One that began at 0 within the range is not extrapolated beyond that. Most are
        # told by one comparison, half the time; "not" is for a limit that is NaN.
        limit = max(changes) * room
        special |= {
            at
            for at, began in enumerate(first)
            if not began >= limit and 0 <= began < changes[at] * room
        }
    for place in special:
        there = [(t, v[place]) for t, v in zip(times, columns, strict=True)]
        alone = [(t, v) for t, v in there if v is not None]
        own = [t for t, _ in alone], [v for _, v in alone]
        results[place] = kernel(*own, span.start, end)
    return results


def _filled(column: Values) -> Sequence[float]:
    """The column with a number in its gaps, for series that are looked at alone."""
    if not has_gaps(column):
        return column  # type: ignore[return-value] # there is no None in it
    return [0.0 if value is None else value for value in column]


def _away(columns: Sequence[Values]) -> set[int]:
    gaps = [column for column in columns if has_gaps(column)]
    return {at for column in gaps for at, value in enumerate(column) if value is None}


def _extrapolation(times: Sequence[int], start: int, end: int) -> tuple[float, float]:
    """By what a change is multiplied to make up for the edges; and how much of it, times
    the change, is before the first sample."""
    sampled = (times[-1] - times[0]) / 1000
    before, after = _edges(times, start, end)
    return (sampled + before + after) / sampled, before / sampled


def _edges(times: Sequence[int], start: int, end: int) -> tuple[float, float]:
    """How many seconds to extrapolate before the first and behind the last sample: to
    the end of the range if that is near, else half of what is between two samples."""
    average = (times[-1] - times[0]) / 1000 / (len(times) - 1)
    before, after = (times[0] - start) / 1000, (end - times[-1]) / 1000
    threshold = average * 1.1
    return (
        average / 2 if before >= threshold else before,
        average / 2 if after >= threshold else after,
    )


def _movement(counter: bool, rate: bool) -> Kernel:
    """The same for one series with whatever samples it has."""

    def kernel(
        times: Sequence[int], values: Sequence[float], start: int, end: int
    ) -> float | None:
        if len(values) < 2 or times[-1] == times[0]:
            return None
        change = values[-1] - values[0]
        sampled = (times[-1] - times[0]) / 1000
        if counter:
            change += sum(a for a, b in pairwise(values) if b < a)
        before, after = _edges(times, start, end)
        if counter and change > 0 and values[0] >= 0:
            before = min(before, sampled * (values[0] / change))
        change *= (sampled + before + after) / sampled
        return change / ((end - start) / 1000) if rate else change

    return kernel


_KERNELS: Final[dict[tuple[bool, bool], Kernel]] = {
    (counter, rate): _movement(counter, rate)
    for counter in (True, False)
    for rate in (True, False)
}


# -- kernels --------------------------------------------------------------------------


def instant_rate(
    times: Sequence[int], values: Sequence[float], start: int, end: int
) -> float | None:
    if len(values) < 2 or times[-1] == times[-2]:
        return None
    before, last = values[-2:]
    change = last if last < before else last - before
    return change / ((times[-1] - times[-2]) / 1000)


def instant_delta(
    times: Sequence[int], values: Sequence[float], start: int, end: int
) -> float | None:
    if len(values) < 2 or times[-1] == times[-2]:
        return None
    return values[-1] - values[-2]


def changes(times: Sequence[int], values: Sequence[float], start: int, end: int) -> float:
    pairs = pairwise(values)
    return float(sum(a != b and not (a != a and b != b) for a, b in pairs))


def resets(times: Sequence[int], values: Sequence[float], start: int, end: int) -> float:
    return float(sum(b < a for a, b in pairwise(values)))


def of_values(function: Callable[[Sequence[float]], float]) -> Kernel:
    """A kernel that looks at the values alone."""
    return lambda times, values, start, end: function(values)


OVER_TIME: Final[dict[str, Kernel]] = {
    "avg_over_time": of_values(mean),
    "changes": changes,
    "count_over_time": of_values(lambda values: float(len(values))),
    "idelta": instant_delta,
    "irate": instant_rate,
    "last_over_time": of_values(lambda values: values[-1]),
    "max_over_time": of_values(greatest),
    "min_over_time": of_values(least),
    "present_over_time": of_values(lambda _: 1.0),
    "resets": resets,
    "stddev_over_time": of_values(lambda values: sqrt(variance(values))),
    "stdvar_over_time": of_values(variance),
    "sum_over_time": of_values(total),
}


def quantile_of(q: float) -> Kernel:
    return of_values(lambda values: quantile(q, values))


def slope(
    times: Sequence[int], values: Sequence[float], intercept: int
) -> tuple[float, float]:
    """The least squares line: its slope a second, and its value at a moment (ms)."""
    first = values[0]
    if all(value == first for value in values):
        return (
            (0.0, first) if abs(first) != float("inf") else (first - first, first - first)
        )
    x = [(time - intercept) / 1000 for time in times]
    count = len(x)
    sum_x, sum_y = total(x), total(values)
    sum_xy = total(a * b for a, b in zip(x, values, strict=True))
    covariance = sum_xy - sum_x * sum_y / count
    spread = total(a * a for a in x) - sum_x * sum_x / count
    result = covariance / spread
    return result, sum_y / count - result * sum_x / count


def derivative(
    times: Sequence[int], values: Sequence[float], start: int, end: int
) -> float | None:
    # Seen from the first sample, so that the numbers stay small.
    return slope(times, values, times[0])[0] if len(values) > 1 else None


def prediction(seconds: float, now: int) -> Kernel:
    def kernel(
        times: Sequence[int], values: Sequence[float], start: int, end: int
    ) -> float | None:
        if len(values) < 2:
            return None
        by_second, at_now = slope(times, values, now)
        return at_now + by_second * seconds

    return kernel
