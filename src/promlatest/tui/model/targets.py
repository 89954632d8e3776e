"""All targets as a table."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from promlatest.exceptions import EndpointError
from promlatest.tui.model.health import ago, state_cell
from promlatest.tui.model.watch import View
from promlatest.views.cells import Cell, Line, line, prose
from promlatest.views.operator import controller_names
from promlatest.views.sheet import Column, RowKey, Sheet
from promlatest.views.text import UNKNOWN, escaped
from promlatest.views.units import count, duration, size


@attrs.frozen(eq=False)
class TargetRow:
    """One target among the others."""

    number: int
    view: View
    now: int
    shown: bool


_COLUMNS: tuple[Column[TargetRow], ...] = (
    Column("#", lambda row: Cell(f"{'*' if row.shown else ' '}{row.number}"),
           lambda row: row.number, least=3, pinned=True, rising=True),
    Column("target", lambda row: Cell(row.view.name), lambda row: row.view.name, "left",
           least=24, most=48, pinned=True, rising=True),
    Column("state", lambda row: state_cell(row.view), lambda row: _state(row.view),
           "left", least=12, pinned=True, rising=True),
    Column("last good", lambda row: Cell(_age(row)), lambda row: _seconds_ago(row),
           least=9, rising=True),
    Column("took", lambda row: Cell(duration(row.view.took)), lambda row: row.view.took,
           least=7),
    Column("series", lambda row: Cell(_series(row)), lambda row: len(row.view.state),
           least=6),
    Column("controllers", lambda row: Cell(_controllers(row)), None),
    Column("memory", lambda row: Cell(size(_last(row, "memory"))),
           lambda row: _last(row, "memory"), least=8),
    Column("restarts", lambda row: Cell(count(row.view.restarts)),
           lambda row: row.view.restarts),
    Column("why", lambda row: Cell(_why(row.view), "bad"), None, "left", most=200,
           prose=True),
)  # fmt: skip


def targets_sheet(views: Sequence[View], shown: str, now: int) -> Sheet[TargetRow]:
    """A row for each target, in the order in which they were given."""
    rows: dict[RowKey, TargetRow] = {
        view.name: TargetRow(number, view, now, view.name == shown)
        for number, view in enumerate(views, 1)
    }
    return Sheet(_COLUMNS, rows, "targets")


def _state(view: View) -> str:
    return "down" if view.error is not None else "up" if view.known else "connecting"


def _age(row: TargetRow) -> str:
    return f"{ago(row.now - row.view.timestamp)} ago" if row.view.known else UNKNOWN


def _seconds_ago(row: TargetRow) -> float | None:
    return (row.now - row.view.timestamp) / 1000 if row.view.known else None


def _series(row: TargetRow) -> str:
    return count(len(row.view.state)) if row.view.known else UNKNOWN


def _controllers(row: TargetRow) -> str:
    return count(len(controller_names(row.view.state))) if row.view.operator else UNKNOWN


def _last(row: TargetRow, name: str) -> float | None:
    return next(iter(row.view.figures.values(name)[-1:]), None)


def target_lines(row: TargetRow | None, width: int) -> list[Line]:
    """The whole name of a target, and why it is down."""
    if row is None:
        return []
    why = _why(row.view)
    named = line(Cell(escaped(row.view.name), "head"))
    return [named, *(prose(why, width, "bad") if why else ())]


def _why(view: View) -> str:
    if view.error is None:
        return ""
    message = view.error.message if isinstance(view.error, EndpointError) else view.error
    return str(message).splitlines()[0]
