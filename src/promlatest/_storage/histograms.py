"""The histograms of one source at one moment, by rows whose places are known.

Which rows make up a histogram, in which order of bounds, changes only when the series
do. So `assemble` is asked once, with the number of each row in place of its value; what
comes back says where every count stands, and is kept with the layout of the buckets.
From then on a histogram is three picks out of columns: 3 µs, where assembling it from
points takes 25 (`benchmarks/bench_histogram.py`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from math import isnan, nan
from typing import Final

import attrs

from promlatest._datapoint import DataPoint
from promlatest._histogram import Histogram, assemble
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher
from promlatest._rows import picker
from promlatest._storage.table import AnyTable, Layout, Table

_SUFFIXES: Final = ("_bucket", "_sum", "_count", "_gsum", "_gcount")


def histograms_of(
    tables: Mapping[str, AnyTable], metric: str, matchers: tuple[Matcher, ...]
) -> list[Histogram]:
    """The histograms of a metric whose series fulfil the matchers, sorted by labels.

    Args:
        tables: of one source, by metric.
        metric: the family's name, without `_bucket`.
        matchers: conditions on labels; a name's are looked at, too.
    """
    found = [table for suffix in _SUFFIXES if (table := tables.get(metric + suffix))]
    found = [table for table in found if _is_named(table.layout, matchers)]
    frozen = _of_one_moment(found)
    if frozen is not None:
        places = _places(frozen, metric, matchers)
        if places is not None:
            return _filled(places, frozen)
    points = [
        point for table in found for point in table.points(table.layout.select(matchers))
    ]
    return assemble(points, metric)


def _is_named(layout: Layout, matchers: tuple[Matcher, ...]) -> bool:
    named = (matcher for matcher in matchers if matcher.name == METRIC_NAME)
    return all(matcher.matches(layout.metric) for matcher in named)


def _of_one_moment(tables: Sequence[AnyTable]) -> list[Table] | None:
    """The tables, if each has a single timestamp and all have the same."""
    frozen = [table for table in tables if isinstance(table, Table) and table.times is None]
    if len(frozen) < len(tables) or len({table.timestamp for table in frozen}) != 1:
        return None
    return frozen


@attrs.frozen(eq=False)
class _Places:
    """Where the parts of one histogram stand, in all columns put together.

    Attributes:
        labels: of the histogram.
        bounds: of its buckets.
        take: picks the counts of its buckets, in the order of the bounds.
        count: the place of the count; None without one.
        sum: the place of the sum; None without one.
    """

    labels: Labels
    bounds: tuple[float, ...]
    take: Callable[[Sequence[float]], tuple[float, ...]]
    count: int | None
    sum: int | None


def _places(
    tables: Sequence[Table], metric: str, matchers: tuple[Matcher, ...]
) -> list[_Places] | None:
    """Where everything stands; None where a histogram has something to be said about,
    which is said of each anew."""
    series = tuple(table.layout.series for table in tables)
    kept = tables[0].layout.histograms
    known = kept.get((metric, matchers))
    if known is None or known[0] != series:
        known = kept[metric, matchers] = (series, _found_places(tables, metric, matchers))
    places: list[_Places] | None = known[1]
    return places


def _found_places(
    tables: Sequence[Table], metric: str, matchers: tuple[Matcher, ...]
) -> list[_Places] | None:
    numbered: list[DataPoint] = []
    start = 0
    for table in tables:
        selection = table.layout.select(matchers)
        for row, labels in zip(selection.rows, selection.labels, strict=True):
            numbered.append(DataPoint(labels, 0, float(start + row)))
        start += table.layout.size
    assembled = assemble(numbered, metric)
    if any(histogram.noted or not histogram.bounds for histogram in assembled):
        return None
    return [
        _Places(
            histogram.labels,
            histogram.bounds,
            picker(tuple(map(int, histogram.cumulative))),
            _place(histogram.count),
            _place(histogram.sum),
        )
        for histogram in assembled
    ]


def _place(number: float) -> int | None:
    return None if isnan(number) else int(number)


def _filled(places: Sequence[_Places], tables: Sequence[Table]) -> list[Histogram]:
    column = array("d")
    for table in tables:
        column.extend(table.values)
    timestamp = tables[0].timestamp
    return [
        Histogram(
            each.labels,
            each.bounds,
            each.take(column),
            nan if each.count is None else column[each.count],
            nan if each.sum is None else column[each.sum],
            timestamp,
        )
        for each in places
    ]
