"""A histogram as horizontal bars that never spill.

A row for each bucket: its bound in a unit that a person reads, its own observations, their
share, a bar, and the quantiles that lie in it. Empty buckets at both ends are folded away,
and what is wrong with the histogram is said in words.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf, isfinite, isnan
from typing import Final

import attrs

from promlatest._histogram import Histogram
from promlatest.views.text import cells, escaped, fold, pad, shorten, to_ascii
from promlatest.views.units import FORMATS, count, distinct, percent, unit_of

QUANTILES: Final = (0.5, 0.9, 0.99)

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_FULL: Final = "█"
_ASCII: Final = "#"
_ABOVE: Final = "above"  # what is beyond the last bound, where there is no +Inf bucket


@attrs.frozen
class BarRow:
    """One bucket as it is drawn, or several empty ones folded into one.

    Attributes:
        bound: its upper bound, in a unit that a person reads.
        count: its own observations; negative or NaN only in a broken histogram.
        share: of all observations, from 0 to 1.
        scale: of the largest bucket, from 0 to 1: how long its bar is.
        quantiles: those that lie in it.
        folded: how many empty buckets the row stands for, up to `bound`; 0: it is one.
    """

    bound: str
    count: float
    share: float = 0.0
    scale: float = 0.0
    quantiles: tuple[float, ...] = ()
    folded: int = 0


def bar_rows(histogram: Histogram, unit: str | None = None) -> list[BarRow]:
    """The buckets to draw, lowest first; none if nothing was observed.

    Args:
        histogram: which one.
        unit: of its bounds, a key of `units.FORMATS`; None: as its name says.
    """
    if unit is None:
        unit = unit_of(histogram.labels.metric)
    rows = [*_bucket_rows(histogram, unit), *_beyond(histogram)]
    if not any(row.count for row in rows):
        return []
    most = max((abs(row.count) for row in rows if isfinite(row.count)), default=0)
    total = sum(row.count for row in rows if isfinite(row.count) and row.count > 0)
    return _folded([_scaled(row, most, total) for row in rows])


def _bucket_rows(histogram: Histogram, unit: str) -> Iterator[BarRow]:
    marks = _marks(histogram)
    bounds = distinct(histogram.bounds, unit)
    for at, (bound, bucket) in enumerate(zip(bounds, histogram.bucket_counts, strict=True)):
        quantiles = tuple(q for q in QUANTILES if marks.get(q) == at)
        yield BarRow(bound, bucket.count, quantiles=quantiles)


def _beyond(histogram: Histogram) -> Iterator[BarRow]:
    """What the count tells of observations above all buckets (H-6)."""
    if not histogram.bounds or histogram.bounds[-1] != inf:
        missing = histogram.count - max(histogram.cumulative, default=0)
        if missing > 0:
            yield BarRow(_ABOVE, missing)


def _marks(histogram: Histogram) -> dict[float, int]:
    """The bucket in which each quantile lies, as `Histogram.quantile` finds it (H-2)."""
    if not histogram.cumulative or isnan(histogram.quantile(0.5)):
        return {}
    counts = list(accumulate(histogram.cumulative, max))
    top = len(counts) - 1
    return {q: bisect_left(counts, q * counts[-1], 0, top) for q in QUANTILES}


def _scaled(row: BarRow, most: float, total: float) -> BarRow:
    if not isfinite(row.count) or row.count <= 0:
        return row
    return attrs.evolve(row, share=row.count / total, scale=row.count / most)


def _folded(rows: list[BarRow]) -> list[BarRow]:
    """The rows, with the empty ones at either end as one each."""
    filled = [at for at, row in enumerate(rows) if row.count or row.quantiles]
    first, last = filled[0], filled[-1]
    return [*_one(rows[:first]), *rows[first : last + 1], *_one(rows[last + 1 :])]


def _one(empty: Sequence[BarRow]) -> Iterator[BarRow]:
    if empty:
        yield BarRow(empty[-1].bound, 0, folded=len(empty))


def bar_lines(
    histogram: Histogram, width: int, *, unit: str | None = None, ascii_only: bool = False
) -> list[str]:
    """A histogram in lines, none wider than `width`: bars, figures, what is wrong.

    Args:
        histogram: which one.
        width: of the terminal, 40 or more.
        unit: of its bounds, a key of `units.FORMATS`; None: as its name says.
        ascii_only: for a terminal that has no other characters.
    """
    if unit is None:
        unit = unit_of(histogram.labels.metric)
    rows = bar_rows(histogram, unit)
    lines = [
        *(_drawn(rows, width, ascii_only) if rows else _nothing(histogram, width)),
        *fold(_figures(histogram, unit, bool(rows)), width, "   "),
        *_problems(histogram, width),
    ]
    return [to_ascii(line) for line in lines] if ascii_only else lines


def _nothing(histogram: Histogram, width: int) -> Iterator[str]:
    buckets = len(histogram.bounds)
    plural = "" if buckets == 1 else "s"
    yield from fold(f"nothing observed yet in {buckets} bucket{plural}".split(), width)


def _drawn(rows: Sequence[BarRow], width: int, ascii_only: bool) -> Iterator[str]:
    bounds = max(cells(row.bound) for row in rows)
    counts = max(cells(count(row.count)) for row in rows)
    marks = max(cells(_marked(row)) for row in rows)
    room = width - (bounds + 2 + counts + 2 + 6 + 2) - (marks + 1 if marks else 0)
    for row in rows:
        if row.folded:
            yield shorten(f"{pad(row.bound, bounds, 'right')}  {_empty(row)}", width)
            continue
        figures = (
            pad(row.bound, bounds, "right"),
            pad(count(row.count), counts, "right"),
            pad(percent(row.share), 6, "right"),
            f"{_bar(row.scale, room, ascii_only)} {_marked(row)}",
        )
        yield shorten("  ".join(figures).rstrip(), width)


def _empty(row: BarRow) -> str:
    return "empty" if row.folded == 1 else f"{row.folded} buckets up to here are empty"


def _marked(row: BarRow) -> str:
    """The quantiles of a row, the letter once: `p50`, `p50·90·99`."""
    names = "·".join(f"{q * 100:g}" for q in row.quantiles)
    return f"p{names}" if names else ""


def _bar(scale: float, room: int, ascii_only: bool) -> str:
    """A bar of at most `room` cells; what holds something is never without any."""
    if scale <= 0 or room < 1:
        return ""
    if ascii_only:
        return _ASCII * max(round(scale * room), 1)
    whole, part = divmod(max(round(scale * room * 8), 1), 8)
    return _FULL * whole + _EIGHTHS[part].strip()


def _figures(histogram: Histogram, unit: str, observed: bool) -> Iterator[str]:
    read = FORMATS[unit]
    yield f"count {count(histogram.count)}"
    yield f"sum {read(histogram.sum, 3)}"
    if observed:
        yield f"mean {read(histogram.mean, 3)}"
    for q in QUANTILES if observed else ():
        yield f"p{q * 100:g} {quantile_text(histogram, q, unit)}"


def quantile_text(histogram: Histogram, q: float, unit: str) -> str:
    """An estimated quantile; "≥" where it lies above the highest finite bound.

    Prometheus gives that bound then, and a person should know that it is not more than
    a lower limit.
    """
    at = _marks(histogram).get(q)
    beyond = at is not None and histogram.bounds[at] == inf
    return ("≥" if beyond else "") + FORMATS[unit](histogram.quantile(q), 3)


def _problems(histogram: Histogram, width: int) -> Iterator[str]:
    for problem in histogram.problems:
        yield from fold(["problem:", *escaped(problem).split()], width)
