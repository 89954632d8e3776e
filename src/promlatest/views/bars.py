"""A histogram as horizontal bars that never spill.

A row for each bucket: its bound in a unit that a person reads, its own observations, their
share, a bar, and the quantiles that lie in it. Empty buckets at both ends are folded away,
and what is wrong with the histogram is said in words.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, zip_longest
from math import inf, isfinite, isnan
from typing import Final

import attrs

from promlatest._histogram import Histogram
from promlatest.views.cells import Cell, Line, clip, flow, line, prose, width_of
from promlatest.views.text import cells, pad
from promlatest.views.units import FORMATS, count, distinct, percent, unit_of

QUANTILES: Final = (0.5, 0.9, 0.99)

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_FULL: Final = "█"
_ABOVE: Final = "above"  # what is beyond the last bound, where there is no +Inf bucket


@attrs.frozen
class BarRow:
    """One bucket as it is drawn, or several empty ones folded into one.

    Attributes:
        bound: its upper bound, in a unit that a person reads.
        count: its own observations; negative or NaN only in a broken histogram.
        share: of all observations, from 0 to 1.
        scale: of the largest share, from 0 to 1: how long its bar is.
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
    (rows,) = paired_rows([histogram], unit)
    return rows if any(row.count for row in rows) else []


def paired_rows(
    histograms: Sequence[Histogram], unit: str | None = None
) -> list[list[BarRow]]:
    """The buckets of histograms with the same bounds, to stand beside each other.

    They are folded alike, and their bars are on one scale: the largest share of all.
    """
    if unit is None:
        unit = unit_of(histograms[0].labels.metric)
    made = [_shared([*_bucket_rows(h, unit), *_beyond(h)]) for h in histograms]
    longest = max(map(len, made))
    made = [[*rows, *[BarRow(_ABOVE, 0)] * (longest - len(rows))] for rows in made]
    most = max((row.share for rows in made for row in rows), default=0.0)
    scaled = [[_scaled(row, most) for row in rows] for rows in made]
    filled = [
        at
        for at, beside in enumerate(zip(*scaled, strict=True))
        if any(row.count or row.quantiles for row in beside)
    ]
    return [_folded(rows, filled) for rows in scaled]


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


def _shared(rows: list[BarRow]) -> list[BarRow]:
    """The rows with what share of all observations each holds."""
    total = sum(row.count for row in rows if isfinite(row.count) and row.count > 0)
    return [
        attrs.evolve(row, share=row.count / total)
        if isfinite(row.count) and row.count > 0
        else row
        for row in rows
    ]


def _scaled(row: BarRow, most: float) -> BarRow:
    return attrs.evolve(row, scale=row.share / most) if row.share else row


def _folded(rows: list[BarRow], filled: Sequence[int]) -> list[BarRow]:
    """The rows, with the empty ones at either end as one each."""
    if not filled:
        return list(_one(rows))
    first, last = filled[0], filled[-1]
    return [*_one(rows[:first]), *rows[first : last + 1], *_one(rows[last + 1 :])]


def _one(empty: Sequence[BarRow]) -> Iterator[BarRow]:
    if empty:
        yield BarRow(empty[-1].bound, 0, folded=len(empty))


def bar_lines(histogram: Histogram, width: int, *, unit: str | None = None) -> list[Line]:
    """A histogram in lines, none wider than `width`: bars, figures, what is wrong.

    Args:
        histogram: which one.
        width: of the terminal, 40 or more.
        unit: of its bounds, a key of `units.FORMATS`; None: as its name says.
    """
    if unit is None:
        unit = unit_of(histogram.labels.metric)
    rows = bar_rows(histogram, unit)
    return [
        *(_drawn(rows, width) if rows else _nothing(histogram, width)),
        *flow(_figures(histogram, unit, bool(rows)), width, "   "),
        *_problems(histogram, width),
    ]


def _nothing(histogram: Histogram, width: int) -> list[Line]:
    buckets = len(histogram.bounds)
    return prose(f"nothing observed yet in {buckets} bucket{'s' * (buckets != 1)}", width)


def _drawn(rows: Sequence[BarRow], width: int) -> Iterator[Line]:
    bounds = max(cells(row.bound) for row in rows)
    (bars,) = _beside_bounds([rows], width - bounds - 2)
    for row, bar in zip(rows, bars, strict=True):
        yield clip(line(f"{pad(row.bound, bounds, 'right')}  ", *bar), width)


def _beside_bounds(columns: Sequence[Sequence[BarRow]], width: int) -> list[list[Line]]:
    """What stands beside the bounds, of each histogram: counts, shares, bars, quantiles,
    with as much room for bars in each."""
    every = [row for rows in columns for row in rows]
    counts = max(cells(count(row.count)) for row in every)
    marks = max(cells(_marked(row)) for row in every)
    room = width - (counts + 2 + 6 + 2) - (marks + 1 if marks else 0)
    return [[_beside(row, counts, room) for row in rows] for rows in columns]


def _beside(row: BarRow, counts: int, room: int) -> Line:
    if row.folded:
        return line(_empty(row))
    share = pad(percent(row.share), 6, "right")
    figures = f"{pad(count(row.count), counts, 'right')}  {share}"
    drawn = [Cell("  "), Cell(_bar(row.scale, room), "bar")] if row.scale > 0 else []
    marked = [Cell(" "), Cell(_marked(row), "mark")] if row.quantiles else []
    return line(figures, *drawn, *marked)


def paired_lines(
    titles: Sequence[Line], histograms: Sequence[Histogram], width: int
) -> list[Line]:
    """Histograms with the same bounds bucket beside bucket, each under its title.

    The bounds stand once, at the left; bars are on one scale, so that equal shares are
    equally long.
    """
    unit = unit_of(histograms[0].labels.metric)
    made = paired_rows(histograms, unit)
    bounds = max(cells(row.bound) for row in made[0])
    each = (width - bounds - 2 * len(made)) // len(made)
    columns = [
        [title, *bars, *flow(_figures(histogram, unit, bool(histogram.count)), each)]
        for title, bars, histogram in zip(
            titles, _beside_bounds(made, each), histograms, strict=True
        )
    ]
    lefts: list[Line] = [(), *(line(pad(row.bound, bounds, "right")) for row in made[0])]
    rows = zip_longest(lefts, *columns, fillvalue=())
    return [_joined(left or line(" " * bounds), parts, each) for left, *parts in rows]


def _joined(made: Line, parts: Sequence[Line], width: int) -> Line:
    """What stands behind a line, beside each other, as wide each."""
    for part in (clip(each, width) for each in parts):
        made = (*made, Cell("  "), *part, Cell(" " * (width - width_of(part))))
    return made


def _empty(row: BarRow) -> str:
    return "empty" if row.folded == 1 else f"{row.folded} buckets up to here are empty"


def _marked(row: BarRow) -> str:
    """The quantiles of a row, the letter once: `p50`, `p50·90·99`."""
    names = "·".join(f"{q * 100:g}" for q in row.quantiles)
    return f"p{names}" if names else ""


def _bar(scale: float, room: int) -> str:
    """A bar of at most `room` cells; what holds something is never without any."""
    if scale <= 0 or room < 1:
        return ""
    whole, part = divmod(max(round(scale * room * 8), 1), 8)
    return _FULL * whole + _EIGHTHS[part].strip()


def _figures(histogram: Histogram, unit: str, observed: bool) -> Iterator[Line]:
    read = FORMATS[unit]
    yield line(f"count {count(histogram.count)}")
    yield line(f"sum {read(histogram.sum, 3)}")
    if observed:
        yield line(f"mean {read(histogram.mean, 3)}")
    for q in QUANTILES if observed else ():
        yield line(f"p{q * 100:g} {quantile_text(histogram, q, unit)}")


def quantile_text(histogram: Histogram, q: float, unit: str) -> str:
    """An estimated quantile; "≥" where it lies above the highest finite bound.

    Prometheus gives that bound then, and a person should know that it is not more than
    a lower limit.
    """
    at = _marks(histogram).get(q)
    beyond = at is not None and histogram.bounds[at] == inf
    return ("≥" if beyond else "") + FORMATS[unit](histogram.quantile(q), 3)


def _problems(histogram: Histogram, width: int) -> Iterator[Line]:
    for problem in histogram.problems:
        yield from prose(f"problem: {problem}", width)
