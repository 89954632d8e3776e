"""The controllers as a table, and one of them in full."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from promlatest._interfaces import Queryable
from promlatest.tui.model.cells import Cell, Tone, natural
from promlatest.tui.model.filters import NO_FILTER, Filter
from promlatest.tui.model.sheet import Column, Sheet
from promlatest.views.operator import ControllerRow, Count, Latency
from promlatest.views.text import UNKNOWN
from promlatest.views.units import count, duration, rate

# The results that controller-runtime knows, and what they are called in a head.
_RESULTS: Final = {
    "success": "ok",
    "error": "error",
    "requeue": "requeue",
    "requeue_after": "after",
}

_Of = Callable[[ControllerRow], Any]


def controllers_sheet(
    rows: Sequence[ControllerRow], filter_: Filter = NO_FILTER
) -> Sheet[ControllerRow]:
    """The table of the overview, the columns that say the most first."""
    shown = [row for row in rows if filter_.passes(row.name)]
    return Sheet(tuple(_columns(rows)), {row.name: row for row in shown}, "controllers")


def _columns(rows: Sequence[ControllerRow]) -> Iterator[Column[ControllerRow]]:
    yield Column(
        "controller",
        _name,
        lambda row: row.name,
        "left",
        least=12,
        most=32,
        pinned=True,
        rising=True,
    )
    yield Column("busy", _busy, lambda row: row.active, least=5)
    yield Column("depth", _depth, lambda row: row.depth, least=5)
    yield _rate("per s", "reconciles", _of("reconciles"))
    yield _rate("errors/s", "reconciles", _of("errors"), "bad")
    yield from _latency("reconcile time", "reconcile")
    yield from _latency("queue time", "queued")
    yield Column(
        "longest", _running("longest"), lambda row: row.longest, group="running", least=7
    )
    yield Column(
        "total", _running("unfinished"), lambda row: row.unfinished,
        group="running", least=7,
    )  # fmt: skip
    for result in _results(rows):
        tone: Tone = "bad" if result == "error" else ""
        yield _rate(_RESULTS.get(result, result), "results per s",
                    _result(result), tone)  # fmt: skip
    yield _rate("retries", "queue per s", _of("retries"))
    yield _rate("adds", "queue per s", _of("adds"))
    yield _total("errors", _of("errors"), "bad")
    yield _total("retries", _of("retries"))
    yield _total("panics", _of("panics"), "bad")
    yield _total("timeouts", _of("timeouts"), "bad")
    yield from _latency("work time", "work")


def _of(name: str) -> _Of:
    return lambda row: getattr(row, name)


def _result(name: str) -> _Of:
    return lambda row: row.results.get(name)


def _results(rows: Sequence[ControllerRow]) -> list[str]:
    return list(dict.fromkeys([*_RESULTS, *(name for row in rows for name in row.results)]))


def failing(row: ControllerRow) -> bool:
    """Whether errors are coming in now."""
    return bool(row.errors and row.errors.per_second)


def sign(row: ControllerRow) -> str:
    """One character on how it is: "!" errors, "▶" at work, "·" idle."""
    if failing(row):
        return "!"
    return "▶" if row.active else "·"


def _name(row: ControllerRow) -> Cell:
    return Cell(f"{sign(row)} {row.name}", "bad" if failing(row) else "")


def _busy(row: ControllerRow) -> Cell:
    if row.active is None and row.workers is None:
        return Cell(UNKNOWN, "dim")
    full = row.workers is not None and (row.active or 0) >= row.workers > 0
    return Cell(f"{count(row.active)}/{count(row.workers)}", "warn" if full else "")


def _depth(row: ControllerRow) -> Cell:
    return Cell(count(row.depth), "warn" if row.depth else "dim")


def _running(name: str) -> Callable[[ControllerRow], Cell]:
    def cell(row: ControllerRow) -> Cell:
        value = getattr(row, name)
        return Cell(duration(value), "" if value else "dim")

    return cell


def rate_cell(counter: Count | None, tone: Tone = "") -> Cell:
    """A counter's rate; "↺" where it began again."""
    if counter is None or counter.per_second is None:
        return Cell(UNKNOWN, "dim")
    mark = "↺ " if counter.reset else ""
    return Cell(mark + rate(counter.per_second), tone if counter.per_second else "dim")


def _rate(title: str, group: str, of: _Of, tone: Tone = "") -> Column[ControllerRow]:
    def order(row: ControllerRow) -> float | None:
        counter = of(row)
        return None if counter is None else counter.per_second

    return Column(title, lambda row: rate_cell(of(row), tone), order, group=group, least=8)


def _total(title: str, of: _Of, tone: Tone = "") -> Column[ControllerRow]:
    def total(row: ControllerRow) -> float | None:
        counter = of(row)
        return None if counter is None else counter.total

    def cell(row: ControllerRow) -> Cell:
        return Cell(count(total(row)), tone if total(row) else "dim")

    return Column(title, cell, total, group="since start", least=6)


def latency_text(found: Latency | None, name: str) -> str:
    """A figure of a latency; "≥" if it lies above all finite bounds."""
    value: float | None = getattr(found, name, None)
    beyond = found is not None and value is not None and value == found.ceiling
    return ("≥" if beyond else "") + duration(value)


def _latency(group: str, of: str) -> Iterator[Column[ControllerRow]]:
    for name in ("p50", "p99"):
        yield _quantile(group, of, name)


def _quantile(group: str, of: str, name: str) -> Column[ControllerRow]:
    def cell(row: ControllerRow) -> Cell:
        text = latency_text(getattr(row, of), name)
        return Cell(text, "dim" if text == UNKNOWN else "")

    def order(row: ControllerRow) -> float | None:
        return getattr(getattr(row, of), name, None)

    return Column(name, cell, order, group=group, least=7)


# -- one controller -------------------------------------------------------------------


def controller_pairs(row: ControllerRow, state: Queryable) -> dict[str, Cell]:
    """What there is to say of one controller beside its histograms, by name."""
    return {
        "busy": _busy(row),
        "longest": _running("longest")(row),
        "unfinished": _running("unfinished")(row),
        "depth": _depth(row),
        **dict(_priorities(row, state)),
        "adds": _both(row.adds),
        "retries": _both(row.retries),
        "reconciles": _both(row.reconciles),
        **{
            f" {_RESULTS.get(name, name)}": _both(
                row.results.get(name), "bad" if name == "error" else ""
            )
            for name in _results([row])
        },
        "terminal": _both(row.terminal, "bad"),
        "panics": _both(row.panics, "bad"),
        "timeouts": _both(row.timeouts, "bad"),
    }


def _priorities(row: ControllerRow, state: Queryable) -> Iterator[tuple[str, Cell]]:
    """The depth of each priority, if there are several: their sum is the depth."""
    points = [
        point
        for point in state.query("workqueue_depth")
        if (point.labels.get("controller") or point.labels.get("name")) == row.name
        and "priority" in point.labels
    ]
    for point in sorted(points, key=lambda point: natural(point.labels["priority"])):
        name = f" prio {point.labels['priority']}"
        yield name, Cell(count(point.value), "warn" if point.value else "dim")


def _both(counter: Count | None, tone: Tone = "") -> Cell:
    if counter is None:
        return Cell(UNKNOWN, "dim")
    shown = rate_cell(counter)
    text = count(counter.total)
    if counter.per_second is not None:
        text += f"  {shown.text}"
    return Cell(text, tone if counter.total else "dim")
