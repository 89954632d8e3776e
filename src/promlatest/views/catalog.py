"""What any endpoint exposes, a row for each metric family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import attrs

from promlatest._datapoint import DataPoint, family_of
from promlatest._interfaces import Queryable
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import Matcher
from promlatest.views._json import Row
from promlatest.views.cells import Cell
from promlatest.views.sheet import Column, Sheet
from promlatest.views.units import count, unit_of


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


def points_of(q: Queryable, metric: str) -> list[DataPoint]:
    """The points of a metric of whatever name: an endpoint may expose one that reads like
    a selector, which `query` refuses."""
    return q.match((Matcher(METRIC_NAME, "=", metric),))


def catalog(q: Queryable) -> list[MetricRow]:
    """A row for each family that has series, sorted by name. Linear in the series."""
    known = q.metrics()
    sizes: Counter[str] = Counter()
    for metric in q.label_values("__name__"):
        sizes[family_of(metric, known)] += len(points_of(q, metric))
    return [
        MetricRow(name, each.type, each.unit, sizes[name], each.help)
        for name, each in sorted(known.items())
    ]


_COLUMNS: Final[tuple[Column[MetricRow], ...]] = (
    Column("metric", lambda row: Cell(row.name), lambda row: row.name, "left",
           least=30, most=64, pinned=True, rising=True),
    Column("type", lambda row: Cell(row.type, "dim" if row.type == "unknown" else ""),
           lambda row: row.type, "left", least=9, rising=True),
    Column("series", lambda row: Cell(count(row.series)), lambda row: row.series, least=6),
    Column("unit", lambda row: Cell(_unit(row)), lambda row: _unit(row),
           "left", least=7, rising=True, optional=True),
    Column("help", lambda row: Cell(row.help, "dim"), None, "left", most=200, prose=True,
           optional=True),
)  # fmt: skip


def _unit(row: MetricRow) -> str:
    return row.unit or unit_of(row.name)


def catalog_columns() -> tuple[Column[MetricRow], ...]:
    """What stays the same of a family."""
    return _COLUMNS


def catalog_sheet(rows: Iterable[MetricRow]) -> Sheet[MetricRow]:
    """A row for each family."""
    return Sheet(_COLUMNS, {row.name: row for row in rows}, "metrics")
