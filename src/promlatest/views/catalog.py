"""What any endpoint exposes, a row for each metric family."""

from __future__ import annotations

from collections import Counter

import attrs

from promlatest._datapoint import family_of
from promlatest._interfaces import Queryable
from promlatest.views._json import Row

__all__ = ["MetricRow", "catalog"]


@attrs.frozen
class MetricRow(Row):
    """One metric family.

    Attributes:
        name: of the family, without `_bucket` and the like.
        type: "unknown" where none was given.
        unit: as OpenMetrics has it; else "".
        series: how many there are, all buckets, sums and counts included.
        help: what the endpoint says of it.
    """

    name: str
    type: str
    unit: str
    series: int
    help: str


def catalog(q: Queryable) -> list[MetricRow]:
    """A row for each family that has series, sorted by name. Linear in the series."""
    known = q.metrics()
    sizes: Counter[str] = Counter()
    for metric in q.label_values("__name__"):
        sizes[family_of(metric, known)] += len(q.query(metric))
    return [
        MetricRow(name, each.type, each.unit, sizes[name], each.help)
        for name, each in sorted(known.items())
    ]
