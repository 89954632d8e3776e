"""The families of any endpoint as a table."""

from __future__ import annotations

from collections.abc import Iterable

from promlatest.tui.model.cells import Cell
from promlatest.tui.model.sheet import Column, Sheet
from promlatest.views.catalog import MetricRow
from promlatest.views.units import count, unit_of

_COLUMNS: tuple[Column[MetricRow], ...] = (
    Column("metric", lambda row: Cell(row.name), lambda row: row.name, "left",
           least=30, most=64, pinned=True, rising=True),
    Column("type", lambda row: Cell(row.type, "dim" if row.type == "unknown" else ""),
           lambda row: row.type, "left", least=9, rising=True),
    Column("series", lambda row: Cell(count(row.series)), lambda row: row.series, least=6),
    Column("unit", lambda row: Cell(_unit(row)), lambda row: _unit(row), "left", least=7,
           rising=True),
    Column("help", lambda row: Cell(row.help, "dim"), None, "left", most=200, prose=True),
)  # fmt: skip


def _unit(row: MetricRow) -> str:
    return row.unit or unit_of(row.name)


def metrics_sheet(rows: Iterable[MetricRow]) -> Sheet[MetricRow]:
    """A row for each family."""
    return Sheet(_COLUMNS, {row.name: row for row in rows}, "metrics")
