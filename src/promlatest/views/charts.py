"""Charts with axes: a line of values over time, and a heat map of a histogram.

Both are drawn from the left, oldest first, and have what their axes stand for in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import isfinite
from typing import Final

from promlatest._histogram import Histogram
from promlatest.exceptions import UsageError
from promlatest.views.cells import Cell, Line, line
from promlatest.views.text import cells, pad, shorten
from promlatest.views.units import distinct, duration, unit_of

Words = Callable[[float | None], str]

_SHADES: Final = " ░▒▓█"
_BRAILLE: Final = 0x2800
# The dots of a braille character, by column and row.
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def chart_lines(
    values: Sequence[float | None],
    ages: Sequence[float],
    width: int,
    height: int,
    words: Words,
) -> list[Line]:
    """Values over time as a line from zero, with both axes.

    Args:
        values: the newest last; None: not known, which is a gap.
        ages: how many seconds before the newest each was.
        width: in cells; no line is wider.
        height: in lines, the time axis included; 4 or more.
        words: how a value is written.
    """
    known = [value for value in values if value is not None and isfinite(value)]
    if not known:
        return [line(Cell("nothing is known yet", "dim"))]
    low, high = min(0.0, *known), max(0.0, *known)
    if high / 2 == low / 2:  # no room between halves, with which `_dot` reckons
        high = low + 1.0
    rows = max(height - 2, 2)
    scale = _scale(low, high, rows, words)
    left = max(map(cells, scale))
    room = max(width - left - 2, 2)
    dots = _plotted(values, ages, (low, high), room, rows)
    drawn = [
        line(Cell(f"{pad(text, left, 'right')} ┤", "dim"), Cell(row, "bar"))
        for text, row in zip(scale, dots, strict=True)
    ]
    return [*drawn, *_time_axis(ages[0] if ages else 0.0, left, room)]


def _scale(low: float, high: float, rows: int, words: Words) -> list[str]:
    """What the top, the middle and the bottom stand for."""
    marks = {0: high, rows // 2: low / 2 + high / 2, rows - 1: low}
    return [words(marks[row]) if row in marks else "" for row in range(rows)]


def _plotted(
    values: Sequence[float | None],
    ages: Sequence[float],
    ends: tuple[float, float],
    room: int,
    rows: int,
) -> list[str]:
    oldest = ages[0] or 1.0
    points = [
        None
        if value is None or not isfinite(value)
        else _dot(value, age / oldest, ends, room, rows)
        for value, age in zip(values, ages, strict=True)
    ]
    grid = [[0] * room for _ in range(rows)]
    for x, y in _joined(points):
        grid[y // 4][x // 2] |= _DOTS[x % 2][y % 4]
    return ["".join(chr(_BRAILLE + dots) if dots else " " for dots in row) for row in grid]


def _dot(
    value: float, back: float, ends: tuple[float, float], room: int, rows: int
) -> tuple[int, int]:
    low, high = ends
    up = (value / 2 - low / 2) / (high / 2 - low / 2)  # halves: a range may be infinite
    return round((1 - back) * (room * 2 - 1)), round((1 - up) * (rows * 4 - 1))


def _joined(points: Sequence[tuple[int, int] | None]) -> Iterator[tuple[int, int]]:
    """The dots of a line through points; a gap stays one."""
    for point in points:
        if point is not None:
            yield point
    for before, now in pairwise(points):
        if before is None or now is None:
            continue
        steps = max(abs(now[0] - before[0]), abs(now[1] - before[1]), 1)
        for step in range(1, steps):
            part = step / steps
            yield (
                round(before[0] + (now[0] - before[0]) * part),
                round(before[1] + (now[1] - before[1]) * part),
            )


def _time_axis(oldest: float, left: int, room: int) -> list[Line]:
    begin = f"-{duration(oldest, 2)}" if oldest else ""
    labels = begin + "now".rjust(max(room - cells(begin), 0))
    return [
        line(Cell(f"{' ' * left} └{'─' * room}", "dim")),
        line(Cell(f"{' ' * (left + 2)}{shorten(labels, room)}", "dim")),
    ]


# -- heat maps ------------------------------------------------------------------------


def heat_lines(
    histograms: Sequence[Histogram | None], ages: Sequence[float], width: int
) -> list[Line]:
    """When a histogram's observations came, and how large they were: a column for each
    time from one scrape to the next, a row for each bucket, darker where more came.

    Args:
        histograms: at the scrapes, the newest last; None: it was not there.
        ages: how many seconds before the newest each was.
        width: in cells; no line is wider.
    """
    columns = [_came(*pair) for pair in pairwise(histograms)]
    newest = next((each for each in reversed(histograms) if each is not None), None)
    told = [column for column in columns if column is not None and any(column)]
    if newest is None or not told:
        return [line(Cell("nothing observed in this time", "dim"))]
    bounds = distinct(newest.bounds, unit_of(newest.labels.metric))
    left = max(map(cells, bounds))
    shown = columns[-max(width - left - 2, 1) :]
    most = max(max(column) for column in told)
    used = [at for at in range(len(bounds)) if any(column[at] for column in told)]
    rows = [
        line(
            Cell(f"{pad(bounds[at], left, 'right')} ┤", "dim"),
            Cell("".join(_shade(column, at, most) for column in shown), "bar"),
        )
        for at in range(used[-1], used[0] - 1, -1)
    ]
    oldest = ages[-len(shown) - 1] if len(ages) > len(shown) else ages[0]
    scale = line(Cell(f"{' ' * (left + 2)}█ {most:g} between two scrapes", "dim"))
    return [*rows, *_time_axis(oldest, left, max(len(shown), 12)), scale]


def _came(before: Histogram | None, now: Histogram | None) -> list[float] | None:
    """What came into each bucket from one scrape to the next; None: it is not known."""
    if before is None or now is None:
        return None
    try:
        return [bucket.count for bucket in now.since(before).bucket_counts]
    except UsageError:  # another version has other buckets
        return None


def _shade(column: Sequence[float] | None, at: int, most: float) -> str:
    if column is None or not column[at] > 0:
        return " "
    return _SHADES[max(1, round(column[at] / most * (len(_SHADES) - 1)))]
