"""What stands below the controllers: requests, webhooks and the process, as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from promlatest.tui.model.cells import Cell, Line, line, sparkline, width_of
from promlatest.tui.model.controllers import latency_text, rate_cell
from promlatest.tui.model.sheet import Column, Key, Sheet, fit, head_lines, row_line
from promlatest.tui.model.trends import Figures
from promlatest.views.operator import (
    Count,
    Overview,
    Pauses,
    ProcessRow,
    RequestRow,
    WebhookRow,
)
from promlatest.views.text import UNKNOWN, cells, pad, shorten
from promlatest.views.units import count, duration, percent, size

R = TypeVar("R")

_BESIDE_GAP: Final = 3
_TREND: Final = 24


def below_lines(rows: Overview, figures: Figures, width: int) -> list[Line]:
    """Requests and webhooks beside the process, or above it where it is narrow."""
    requests = [*request_lines(rows.requests, width), *webhook_lines(rows.webhooks, width)]
    return beside(requests, _process_in(rows.process, figures, requests, width), width)


def _process_in(
    row: ProcessRow, figures: Figures, left: Sequence[Line], width: int
) -> list[Line]:
    room = width - max(map(width_of, left), default=0) - _BESIDE_GAP
    return process_lines(row, figures, min(room, 78) if room >= 34 else width)


def beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Two blocks side by side if they fit, else one below the other."""
    middle = max(map(width_of, left), default=0) + _BESIDE_GAP
    if not left or not right or middle + max(map(width_of, right)) > width:
        return [*left, *([()] if left and right else []), *right]
    height = max(len(left), len(right))
    lefts = [*left, *[()] * (height - len(left))]
    rights = [*right, *[()] * (height - len(right))]
    return [
        (*one, Cell(" " * (middle - width_of(one))), *other)
        for one, other in zip(lefts, rights, strict=True)
    ]


# -- tables that are drawn whole ------------------------------------------------------


def _table(sheet: Sheet[R], width: int) -> list[Line]:
    """All rows of a small table; columns that have no room go on below."""
    named = [column for column in sheet.columns if column.pinned]
    left = [column for column in sheet.columns if not column.pinned]
    lines: list[Line] = []
    while True:
        part = Sheet((*named, *left), sheet.rows)
        shape = fit(part.columns, part.widths(), 0, width)
        lines += head_lines(part.columns, shape, None, False)
        lines += [row_line(part.columns, shape, row) for row in part.rows.values()]
        left = left[len(shape.columns) - len(named) :]
        if not left or len(shape.columns) == len(named):
            return lines
        lines.append(())


def request_lines(rows: Sequence[RequestRow], width: int) -> list[Line]:
    """Methods by codes, with rates."""
    methods: dict[str, dict[str, Count]] = {}
    for row in rows:
        methods.setdefault(row.method, {})[row.code] = row.requests
    if not methods:
        return []
    codes = sorted({row.code for row in rows})
    columns = (
        Column(
            "API requests",
            lambda item: Cell(item[0] or UNKNOWN),
            align="left",
            least=12,
            pinned=True,
        ),
        Column("per s", lambda item: rate_cell(_added(item[1].values())), least=8),
        *(_code(code) for code in codes),
    )
    keyed: dict[Key, tuple[str, dict[str, Count]]] = {
        method: (method, found) for method, found in sorted(methods.items())
    }
    return _table(Sheet(columns, keyed), width)


def _code(code: str) -> Column[tuple[str, dict[str, Count]]]:
    bad = not code.startswith(("1", "2", "3"))

    def cell(item: tuple[str, dict[str, Count]]) -> Cell:
        found = item[1].get(code)
        if found is None:
            return Cell("")
        mark = "+" if found.per_second else ""
        return Cell(f"{mark}{count(found.total)}", "bad" if bad and mark else "")

    return Column(code or UNKNOWN, cell, least=5)


def _added(counts: Iterable[Count]) -> Count:
    found = list(counts)
    known = [each.per_second for each in found if each.per_second is not None]
    total = sum(each.total or 0 for each in found)
    return Count(total, sum(known) if known else None, any(each.reset for each in found))


def webhook_lines(rows: Sequence[WebhookRow], width: int) -> list[Line]:
    """A line for each admission webhook."""
    if not rows:
        return []
    codes = sorted({code for row in rows for code in row.answers})
    columns: tuple[Column[WebhookRow], ...] = (
        Column(
            "webhook",
            lambda row: Cell(row.name or UNKNOWN),
            align="left",
            least=12,
            most=28,
            pinned=True,
        ),
        Column("per s", lambda row: rate_cell(_added(row.answers.values())), least=8),
        Column("p99", lambda row: Cell(latency_text(row.latency, "p99")), least=7),
        *(_answer(code) for code in codes),
        Column("in flight", lambda row: Cell(count(row.in_flight))),
    )
    keyed: dict[Key, WebhookRow] = {row.name: row for row in rows}
    return [(), *_table(Sheet(columns, keyed), width)]


def _answer(code: str) -> Column[WebhookRow]:
    def cell(row: WebhookRow) -> Cell:
        found = row.answers.get(code)
        bad = bool(found and found.per_second) and not code.startswith("2")
        return Cell(count(found.total) if found else "", "bad" if bad else "")

    return Column(code or UNKNOWN, cell, least=4)


# -- the process ----------------------------------------------------------------------


def _of(part: float | None, whole: float | None) -> str:
    if part is None:
        return UNKNOWN
    return count(part) if whole is None else f"{count(part)} of {count(whole)}"


def _pauses(row: ProcessRow) -> Pauses:
    return row.pauses or Pauses()


def _collections(row: ProcessRow) -> str:
    found = _pauses(row).collections
    return UNKNOWN if found is None else count(found.total)


def _cpu(row: ProcessRow) -> str:
    if row.cpu is None or row.cpu.per_second is None:
        return UNKNOWN
    return f"{percent(row.cpu.per_second)} of a core"


_PROCESS: Final[Mapping[str, Callable[[ProcessRow], str]]] = {
    "memory": lambda row: size(row.memory),
    "heap": lambda row: size(row.heap),
    "cpu": _cpu,
    "goroutines": lambda row: count(row.goroutines),
    "threads": lambda row: count(row.threads),
    "open files": lambda row: _of(row.open_fds, row.max_fds),
    "collections": _collections,
    "median pause": lambda row: duration(_pauses(row).median),
    "longest pause": lambda row: duration(_pauses(row).longest),
}


def process_lines(row: ProcessRow, figures: Figures, width: int) -> list[Line]:
    """The figures of the process, each with its trend; what is not known takes no
    place."""
    known = {name: text(row) for name, text in _PROCESS.items()}
    shown = {name: text for name, text in known.items() if text != UNKNOWN}
    if not shown:
        return []
    names = max(map(cells, shown))
    values = max(16, *map(cells, shown.values()))
    room = max(min(width - names - values - 4, _TREND), 0)
    return [
        line(Cell("process", "head")),
        *(
            line(
                Cell(pad(name, names), "dim"),
                f"  {pad(shorten(text, values), values)}  ",
                Cell(sparkline(figures.values(name), room), "bar"),
            )
            for name, text in shown.items()
        ),
    ]
