"""The histograms of one source at one moment, by the places of their parts.

Which places make up a histogram, in which order of bounds, changes only when the series
do. So `assemble` is asked once, with the place of each series in place of its value; what
comes back says where every count stands, and is kept with the layout. From then on a
histogram is one pick out of the vector: 2 µs, where assembling it from points takes 25
(`benchmarks/bench_histogram.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan, nan
from typing import Any

import attrs

from promlatest._assemble import ROLES, assemble
from promlatest._datapoint import DataPoint
from promlatest._histogram import Histogram
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher, keyword_matcher
from promlatest._samples import picker
from promlatest._storage.layout import Layout
from promlatest._storage.plan import Plan, plan_of
from promlatest._storage.scrape import Scrape


@attrs.frozen(eq=False)
class _PartPlaces:
    """Where the parts of one histogram stand in the vector.

    Attributes:
        labels: of the histogram.
        bounds: of its buckets.
        take: picks the counts of its buckets, in the order of the bounds.
        count: the place of the count; None without one.
        sum: the place of the sum; None without one.
        places: all of them.
    """

    labels: Labels
    bounds: tuple[float, ...]
    take: Callable[[Sequence[float]], tuple[float, ...]]
    count: int | None
    sum: int | None
    places: tuple[int, ...]


def series_plan(metric: str, matchers: tuple[Matcher, ...]) -> Plan:
    """The plan for all series that a histogram can be made of."""
    names = frozenset(metric + suffix for suffix in ROLES)
    return plan_of((keyword_matcher(METRIC_NAME, names), *matchers))


def histograms_of(scrape: Scrape, metric: str, plan: Plan) -> list[Histogram]:
    """The histograms of a metric at one moment, sorted by labels.

    Args:
        scrape: of one source.
        metric: the family's name, without `_bucket`.
        plan: of `series_plan`.
    """
    layout = scrape.layout
    key = (metric, plan.matchers)
    kept = layout.histograms.get(key)
    if kept is None:
        kept = (_found(layout, metric, plan),)
        weight = sum(len(parts.bounds) for parts in kept[0] or ())
        layout.histograms.keep(key, kept, weight + 1)
    parts: list[_PartPlaces] | None = kept[0]
    if parts is None or scrape.patch or not _of_one_moment(scrape, parts):
        return assemble(scrape.points(scrape.layout.select(plan)), metric)
    return _filled(parts, scrape)


def _of_one_moment(scrape: Scrape, parts: Sequence[_PartPlaces]) -> bool:
    times = scrape.times
    return times is None or all(
        len({times[place] for place in each.places}) == 1 for each in parts
    )


def _found(layout: Layout, metric: str, plan: Plan) -> list[_PartPlaces] | None:
    """Where everything stands; None where a histogram has something to be said about,
    which is said of each anew."""
    selection = layout.select(plan)
    pairs = zip(selection.labels, selection.places, strict=True)
    assembled = assemble([DataPoint(labels, 0, float(at)) for labels, at in pairs], metric)
    if any(histogram._noted or not histogram.bounds for histogram in assembled):
        return None
    return [_parts(histogram) for histogram in assembled]


def _parts(histogram: Histogram) -> _PartPlaces:
    buckets = tuple(map(int, histogram.cumulative))
    count, total = _place(histogram.count), _place(histogram.sum)
    others = tuple(place for place in (count, total) if place is not None)
    return _PartPlaces(
        histogram.labels,
        histogram.bounds,
        picker(buckets),
        count,
        total,
        (*buckets, *others),
    )


def _place(number: float) -> int | None:
    return None if isnan(number) else int(number)


def _filled(parts: Sequence[_PartPlaces], scrape: Scrape) -> list[Histogram]:
    values, times = scrape.values, scrape.times
    made: list[Any] = [
        Histogram(
            each.labels,
            each.bounds,
            each.take(values),
            nan if each.count is None else values[each.count],
            nan if each.sum is None else values[each.sum],
            scrape.timestamp if times is None else times[each.places[0]],
        )
        for each in parts
    ]
    return made
