"""The families of an endpoint as a table: what each says, and how fast it moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from promlatest._interfaces import Queryable
from promlatest._matching.labels import METRIC_NAME
from promlatest.tui.model.series import change_mark, gained_cell, grows
from promlatest.tui.model.watch import View
from promlatest.views._counting import Count, Counters
from promlatest.views.catalog import MetricRow, catalog_columns, points_of
from promlatest.views.cells import Cell
from promlatest.views.controllers import rate_cell
from promlatest.views.sheet import Column, RowKey, Sheet
from promlatest.views.text import UNKNOWN
from promlatest.views.units import FORMATS, unit_of

_MOST: Final = 1000  # series; to add up more at every scrape costs more than it says


@attrs.frozen(eq=False)
class Told:
    """What the series of a family say together.

    Attributes:
        value: of its one series; else the sum; of a histogram, how many observations.
        speed: how fast a counter grew, or the count of a histogram; None: it is none.
        change: of the value, since the scrape before; None: not known.
        unit: of the value.
    """

    value: float | None = None
    speed: Count | None = None
    change: float | None = None
    unit: str = ""


class Families:
    """Looks up what families say, each when its row is drawn.

    Args:
        view: what is shown.
    """

    def __init__(self, view: View) -> None:
        self._view: Final = view
        self._now: Final = Counters(view.state, view.earlier, view.span or None)
        self._told: Final[dict[str, Told]] = {}

    def told(self, row: MetricRow) -> Told:
        """What a family says; nothing if it has very many series."""
        if row.name not in self._told:
            self._told[row.name] = self._look(row) if row.series <= _MOST else Told()
        return self._told[row.name]

    def _look(self, row: MetricRow) -> Told:
        metric, counted = summed_metric(row, self._view.state)
        unit = "" if metric.endswith("_count") else unit_of(row.name, row.unit)
        value = _sum(self._view.state, metric)
        before = self._view.past[-2].state if len(self._view.past) > 1 else None
        then = None if before is None else _sum(before, metric)
        change = None if value is None or then is None else value - then
        return Told(value, self._now.total(metric) if counted else None, change, unit)

    def rate(self, row: MetricRow) -> float | None:
        """How fast it grew in the window, or since the mark."""
        speed = self.told(row).speed
        return None if speed is None else speed.per_second

    def gained(self, row: MetricRow) -> float | None:
        """How it differs from what it was at the mark."""
        told, mark = self.told(row), self._view.mark
        if told.speed is not None:
            speed = told.speed.per_second
            return None if speed is None else speed * self._view.span
        if mark is None or told.value is None:
            return None
        then = _sum(mark.state, summed_metric(row, self._view.state)[0])
        return None if then is None else told.value - then


_SUMMED: Final = {
    "histogram": "_count", "summary": "_count", "gaugehistogram": "_gcount"
}  # fmt: skip


def summed_metric(row: MetricRow, state: Queryable) -> tuple[str, bool]:
    """Whose series are added up for a family, and whether they only ever grow."""
    suffix = _SUMMED.get(row.type)
    if suffix is None:
        names = state.label_values(METRIC_NAME)
        suffix = "" if row.name in names else "_total"
    metric = row.name + suffix
    return metric, grows(row.type, metric)


def _sum(state: Queryable, metric: str) -> float | None:
    points = points_of(state, metric)
    return sum(point.value for point in points) if points else None


def families_sheet(rows: Sequence[MetricRow], view: View) -> Sheet[MetricRow]:
    """A row for each family, with what it says now."""
    found = Families(view)

    def value(row: MetricRow) -> Cell:
        told = found.told(row)
        if told.value is None:
            return Cell(f"{UNKNOWN}  ", "dim")
        mark = " " if view.stale else change_mark(told.change)
        text = FORMATS[told.unit](told.value, 4)
        return Cell(f"{text} {mark}", "dim" if view.stale else "new" if mark != " " else "")

    def rate(row: MetricRow) -> Cell:
        told = found.told(row)
        return rate_cell(told.speed, unit=told.unit)

    def gained(row: MetricRow) -> Cell:
        return gained_cell(found.gained(row), found.told(row).unit)

    name, *others = catalog_columns()
    columns: list[Column[MetricRow]] = [
        name,
        Column("value or sum", value, lambda row: found.told(row).value, least=13,
               pinned=True),
        Column("rate", rate, found.rate, least=11),
    ]  # fmt: skip
    if view.mark is not None:  # which is what one looks for then, on any screen
        columns.insert(2, Column("since mark", gained, found.gained, least=11, pinned=True))
    keyed: Mapping[RowKey, MetricRow] = {row.name: row for row in rows}
    return Sheet((*columns, *others), keyed, "metrics")
