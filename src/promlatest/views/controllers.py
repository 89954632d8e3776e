"""The controllers of an operator as a table, and one of them in full."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from promlatest._interfaces import Queryable
from promlatest.views._counting import Count
from promlatest.views.cells import Cell, Line, Tone, flow, line, natural
from promlatest.views.operator import ControllerRow, Latency, owner_of
from promlatest.views.sheet import Column, RowKey, Sheet
from promlatest.views.text import UNKNOWN, escaped
from promlatest.views.units import Unit, count, duration, rate_in

NONE: Final = "none"  # of a latency: nothing was observed in the window
LONG: Final = 60.0  # seconds at work, after which a reconciliation is worth a look

# The results that controller-runtime knows, and what they are called in a head.
_RESULTS: Final = {
    "success": "ok",
    "error": "error",
    "requeue": "requeue",
    "requeue_after": "after",
}

_Of = Callable[[ControllerRow], Any]


def controllers_sheet(rows: Sequence[ControllerRow]) -> Sheet[ControllerRow]:
    """A row for each controller, the columns that say the most first."""
    return Sheet(tuple(_columns(rows)), {row.name: row for row in rows}, "controllers")


_InTarget = tuple[str, ControllerRow]


def all_controllers_sheet(found: Mapping[str, Sequence[ControllerRow]]) -> Sheet[_InTarget]:
    """The controllers of several targets in one table.

    Args:
        found: the controllers by the name of their target.
    """
    target: Column[_InTarget] = Column(
        "target", lambda pair: Cell(short_target(pair[0]), "dim"), lambda pair: pair[0],
        "left", least=12, most=32, pinned=True, rising=True,
    )  # fmt: skip
    name, *others = map(
        _of_target, _columns([row for rows in found.values() for row in rows])
    )
    keyed: dict[RowKey, _InTarget] = {
        (where, row.name): (where, row) for where, rows in found.items() for row in rows
    }
    return Sheet((name, target, *others), keyed, "all controllers")


def short_target(name: str) -> str:
    """A target without what nearly all of them have.

    >>> short_target("http://localhost:8080/metrics"), short_target("file:m.prom")
    ('localhost:8080', 'file:m.prom')
    """
    return name.removeprefix("http://").removesuffix("/metrics") or name


def _of_target(column: Column[ControllerRow]) -> Column[_InTarget]:
    """A column of one target's table for that of several."""
    given: Column[Any] = column
    cell, order = given.cell, given.order
    return attrs.evolve(
        given,
        cell=lambda pair: cell(pair[1]),
        order=None if order is None else lambda pair: order(pair[1]),
    )


def _columns(rows: Sequence[ControllerRow]) -> Iterator[Column[ControllerRow]]:
    yield Column("controller", _name, lambda row: row.name, "left", least=12, most=32,
                 pinned=True, rising=True)  # fmt: skip
    yield Column("busy", _busy, lambda row: row.active, least=5)
    yield Column("depth", _depth, lambda row: row.depth, least=5)
    yield _rate("per s", "reconciles", _of("reconciles"))
    yield _rate("errors/s", "reconciles", _of("errors"), "bad")
    yield from _latency("reconcile time", "reconcile")
    yield from _latency("queue time", "queued")
    yield _running("longest", "longest")
    yield _running("total", "unfinished")
    results = list(_results(rows))
    for result in results:
        yield _rate(_RESULTS.get(result, result), "results per s", *_result(result))
    yield _rate("retries", "queue per s", _of("retries"))
    yield _rate("adds", "queue per s", _of("adds"))
    for result in results:
        yield _total(_RESULTS.get(result, result), *_result(result), "results in all")
    yield _total("adds", _of("adds"), "", "queue in all")
    yield _total("retries", _of("retries"), "", "queue in all")
    for title, of in _REMARKS.items():
        yield _total(title, of, "bad", "failures in all")
    yield from _latency("work time", "work")


def _of(name: str) -> _Of:
    return lambda row: getattr(row, name)


def _result(name: str) -> tuple[_Of, Tone]:
    return lambda row: row.results.get(name), "bad" if name == "error" else ""


def _results(rows: Sequence[ControllerRow]) -> dict[str, None]:
    return dict.fromkeys([*_RESULTS, *(name for row in rows for name in row.results)])


def failing(row: ControllerRow) -> bool:
    """Whether errors are coming in now."""
    return bool(row.errors and row.errors.per_second)


def falling_behind(row: ControllerRow) -> bool:
    """Whether its queue grows."""
    return bool(row.growth and row.growth > 0)


def stuck(row: ControllerRow) -> bool:
    """Whether something has been at work for very long."""
    return bool(row.longest and row.longest >= LONG)


# What a row is marked with, the first that holds.
_SIGNS: Final[Sequence[tuple[Callable[[ControllerRow], bool], str, Tone]]] = (
    (failing, "!", "bad"),
    (stuck, "◷", "warn"),
    (falling_behind, "▴", "warn"),
    (lambda row: bool(row.active), "▶", ""),
)


def _name(row: ControllerRow) -> Cell:
    sign, tone = next(((s, t) for holds, s, t in _SIGNS if holds(row)), ("·", ""))
    return Cell(f"{sign} {row.name}", tone)


def _busy(row: ControllerRow) -> Cell:
    full = row.workers is not None and (row.active or 0) >= row.workers > 0
    return Cell(part_text(row.active, row.workers), "warn" if full else "")


def part_text(part: float | None, whole: float | None) -> str:
    """A part of a whole.

    >>> part_text(1, 4), part_text(None, 4), part_text(None, None)
    ('1/4', '–/4', '–')
    >>> part_text(13, None)
    '13'
    """
    return count(part) if whole is None else f"{count(part)}/{count(whole)}"


def _depth(row: ControllerRow) -> Cell:
    mark = "▴" if falling_behind(row) else ""
    return Cell(f"{count(row.depth)}{mark}", "warn" if row.depth else "dim")


def _running(title: str, name: str) -> Column[ControllerRow]:
    of = _of(name)
    return Column(title, lambda row: running_cell(of(row)), of, group="running", least=7)


def running_cell(seconds: float | None) -> Cell:
    """For how long something runs."""
    if not seconds:
        return Cell(duration(seconds), "dim")
    return Cell(duration(seconds), "warn" if seconds >= LONG else "")


def rate_cell(counter: Count | None, tone: Tone = "", unit: Unit = "") -> Cell:
    """A counter's rate; "↺" where it began again."""
    if counter is None or counter.per_second is None:
        return Cell(UNKNOWN, "dim")
    text = rate_in(unit, counter.per_second)
    if counter.reset:
        return Cell(f"↺ {text}", tone or "warn")
    return Cell(text, tone if counter.per_second else "dim")


def _rate(title: str, group: str, of: _Of, tone: Tone = "") -> Column[ControllerRow]:
    return Column(title, lambda row: rate_cell(of(row), tone), _part(of, "per_second"),
                  group=group, least=8)  # fmt: skip


def _part(of: _Of, name: str) -> _Of:
    """A figure of what may not be there."""
    return lambda row: getattr(of(row), name, None)


def _total(title: str, of: _Of, tone: Tone, group: str) -> Column[ControllerRow]:
    total = _part(of, "total")

    def cell(row: ControllerRow) -> Cell:
        return Cell(count(total(row)), tone if total(row) else "dim")

    return Column(title, cell, total, group=group, least=6)


def latency_cell(found: Latency | None, name: str) -> Cell:
    """A figure of a latency, "p99" for one; "≥" if it lies above all finite bounds."""
    value: float | None = getattr(found, name, None)
    if found is not None and value is None and found.count == 0 and found.seconds:
        return Cell(NONE, "dim")
    beyond = found is not None and value is not None and value == found.ceiling
    text = ("≥" if beyond else "") + duration(value)
    return Cell(text, "dim" if text == UNKNOWN else "")


def _latency(group: str, of: str) -> Iterator[Column[ControllerRow]]:
    for name in ("p50", "p99"):
        yield _quantile(group, of, name)


def _quantile(group: str, of: str, name: str) -> Column[ControllerRow]:
    latency = _of(of)
    return Column(name, lambda row: latency_cell(latency(row), name), _part(latency, name),
                  group=group, least=7)  # fmt: skip


# -- what a calm operator has not -----------------------------------------------------

_REMARKS: Final[dict[str, _Of]] = {
    "terminal": _of("terminal"),
    "panics": _of("panics"),
    "timeouts": _of("timeouts"),
}
_CALLED: Final = {
    "terminal": "terminal error",
    "panics": "panic",
    "timeouts": "timeout",
}


def remark_lines(rows: Sequence[ControllerRow], width: int) -> list[Line]:
    """In words what no controller should have, where one has it."""
    return [each for row in rows for each in _remarks(row, width)]


def _remarks(row: ControllerRow, width: int) -> list[Line]:
    found = ((_CALLED[name], of(row)) for name, of in _REMARKS.items())
    said = [_plural(each.total, what) for what, each in found if each and each.total]
    if not said:
        return []
    words = f"! {escaped(row.name)}: {', '.join(said)}".split(" ")
    return flow((line(Cell(word, "bad")) for word in words), width, " ")


def _plural(number: float | None, what: str) -> str:
    return f"{count(number)} {what}{'' if number == 1 else 's'}"


# -- one controller -------------------------------------------------------------------


def controller_pairs(row: ControllerRow, state: Queryable) -> dict[str, Cell]:
    """What there is to say of one controller beside its histograms, by name."""
    return {
        "busy": _busy(row),
        "longest": running_cell(row.longest),
        "unfinished": running_cell(row.unfinished),
        "depth": _depth(row),
        **dict(_priorities(row, state)),
        "adds": _both(row.adds),
        "retries": _both(row.retries),
        "reconciles": _both(row.reconciles),
        **{
            f" {_RESULTS.get(name, name)}": _both(of(row), tone)
            for name in _results([row])
            for of, tone in [_result(name)]
        },
        **{name: _both(of(row), "bad") for name, of in _REMARKS.items()},
    }


def _priorities(row: ControllerRow, state: Queryable) -> Iterator[tuple[str, Cell]]:
    """The depth of each priority, if there are several: their sum is the depth."""
    points = [
        point
        for point in state.query("workqueue_depth")
        if owner_of(point.labels) == row.name and "priority" in point.labels
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
