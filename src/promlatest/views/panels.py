"""What stands below the controllers: requests, webhooks and the process, as lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from promlatest.views._counting import Count
from promlatest.views.cells import (
    Cell,
    Line,
    Tone,
    beside,
    grid,
    line,
    scaled_trend,
    width_of,
)
from promlatest.views.controllers import latency_cell, part_text, rate_cell
from promlatest.views.operator import (
    Overview,
    Pauses,
    ProcessRow,
    RequestRow,
    WebhookRow,
)
from promlatest.views.sheet import Column, Sheet
from promlatest.views.table import table_lines
from promlatest.views.text import UNKNOWN, cells, pad, shorten
from promlatest.views.units import count, duration, percent, rate, size

R = TypeVar("R")

_TREND: Final = 24
_GAP: Final = 3


class Figures:
    """A few named figures over time, bounded: what the trends of a process are drawn of.

    Args:
        most: how many of each to keep.
    """

    def __init__(self, most: int = 60) -> None:
        self._held: deque[tuple[int, Mapping[str, float | None]]] = deque(maxlen=most)

    def add(self, timestamp: int, figures: Mapping[str, float | None]) -> None:
        """Take the figures of one scrape."""
        self._held.append((timestamp, figures))

    def until(self, timestamp: int | None) -> Figures:
        """Those up to a moment, in milliseconds; None: all."""
        if timestamp is None:
            return self
        made = Figures()
        made._held.extend(each for each in self._held if each[0] <= timestamp)
        return made

    def values(self, name: str) -> Sequence[float | None]:
        """The last figures of a name, the newest last."""
        return [figures.get(name) for _, figures in self._held]


def below_lines(rows: Overview, width: int, figures: Figures | None = None) -> list[Line]:
    """Requests and webhooks beside the process, or above it where it is narrow.

    Args:
        rows: what is known.
        width: of the screen.
        figures: what trends are drawn of; None: it is a page, which nothing moves on.
    """
    steady = figures is not None
    left = [
        *table_lines(requests_sheet(rows.requests), width, steady=steady),
        *([()] if rows.requests and rows.webhooks else []),
        *table_lines(webhooks_sheet(rows.webhooks), width, steady=steady),
    ]
    room = width - max(map(width_of, left), default=0) - _GAP
    narrow = min(room, 96) if room >= 34 else width
    return beside(left, process_lines(rows.process, narrow, figures), width, _GAP)


_Method = tuple[str, Mapping[str, Count]]


def requests_sheet(rows: Sequence[RequestRow]) -> Sheet[_Method]:
    """Requests to the API server: methods by codes, with rates."""
    methods: dict[str, dict[str, Count]] = {}
    for row in sorted(rows, key=lambda row: row.method):
        methods.setdefault(row.method, {})[row.code] = row.requests
    codes = sorted({row.code for row in rows})
    columns: tuple[Column[_Method], ...] = (
        Column("API requests", lambda item: Cell(item[0] or UNKNOWN), align="left",
               least=12, pinned=True),
        Column("per s", lambda item: rate_cell(_added(item[1].values())), least=8),
        *(_answers(code, lambda item: item[1]) for code in codes),
    )  # fmt: skip
    return Sheet(columns, {name: (name, found) for name, found in methods.items()})


def webhooks_sheet(rows: Sequence[WebhookRow]) -> Sheet[WebhookRow]:
    """Admission webhooks, with their answers by code."""
    codes = sorted({code for row in rows for code in row.answers})
    columns: tuple[Column[WebhookRow], ...] = (
        Column("webhook", lambda row: Cell(row.name or UNKNOWN), align="left",
               least=12, most=28, pinned=True),
        Column("per s", lambda row: rate_cell(_added(row.answers.values())), least=8),
        Column("p50", lambda row: latency_cell(row.latency, "p50"), least=7),
        Column("p99", lambda row: latency_cell(row.latency, "p99"), least=7),
        *(_answers(code, lambda row: row.answers) for code in codes),
        Column("in flight", lambda row: Cell(count(row.in_flight))),
    )  # fmt: skip
    return Sheet(columns, {row.name: row for row in rows})


def _answers(code: str, of: Callable[[R], Mapping[str, Count]]) -> Column[R]:
    """How often a code was answered; "▴": more often in the window than never."""
    tone = _tone_of(code)

    def cell(row: R) -> Cell:
        found = of(row).get(code)
        if found is None:
            return Cell("")
        mark = " ▴" if found.per_second else ""
        return Cell(f"{count(found.total)}{mark}", tone if mark else "")

    return Column(code or UNKNOWN, cell, least=7)


def _tone_of(code: str) -> Tone:
    """What more of an answer means. A 404 or 409 is an operator's daily work: it looks for
    what may not be there, and writes what somebody else wrote, too."""
    if code.startswith(("1", "2", "3")):
        return ""
    return "warn" if code in ("404", "409") else "bad"


def _added(counts: Iterable[Count]) -> Count:
    found = list(counts)
    known = [each.per_second for each in found if each.per_second is not None]
    total = sum(each.total or 0 for each in found)
    return Count(total, sum(known) if known else None, any(each.reset for each in found))


# -- the process ----------------------------------------------------------------------


def _pauses(row: ProcessRow) -> Pauses:
    return row.pauses or Pauses()


def _collections(row: ProcessRow) -> str:
    found = _pauses(row).collections
    return UNKNOWN if found is None else count(found.total)


def _cpu(row: ProcessRow) -> str:
    if row.cpu is None:
        return UNKNOWN
    if row.cpu.per_second is None:
        return f"{duration(row.cpu.total)} since start"
    return f"{percent(row.cpu.per_second)} of a core"


# What it says, and how the ends of its trend are written.
_PROCESS: Final[
    Mapping[str, tuple[Callable[[ProcessRow], str], Callable[[float], str]]]
] = {
    "memory": (lambda row: size(row.memory), size),
    "heap": (lambda row: size(row.heap), size),
    "cpu": (_cpu, percent),
    "goroutines": (lambda row: count(row.goroutines), count),
    "threads": (lambda row: count(row.threads), count),
    "open files": (lambda row: part_text(row.open_fds, row.max_fds), count),
    "collections": (_collections, rate),
    "median pause": (lambda row: duration(_pauses(row).median), duration),
    "longest pause": (lambda row: duration(_pauses(row).longest), duration),
}


def process_lines(
    row: ProcessRow, width: int, figures: Figures | None = None
) -> list[Line]:
    """The figures of the process, each with its trend; what is not known takes no
    place."""
    known = {name: text(row) for name, (text, _) in _PROCESS.items()}
    shown = {name: text for name, text in known.items() if text != UNKNOWN}
    if not shown:
        return []
    if figures is None:
        pairs = {name: Cell(text) for name, text in shown.items()}
        return [line(Cell("process", "head")), *grid(pairs, width, 0)]
    names = max(map(cells, shown))
    values = max(16, *map(cells, shown.values()))
    room = width - names - values - 4
    return [
        line(Cell("process", "head")),
        *(
            line(
                Cell(pad(shorten(name, names), names), "dim"),
                f"  {pad(shorten(text, values), values)}",
                *_trend(figures, name, room),
            )
            for name, text in shown.items()
        ),
    ]


def _trend(figures: Figures, name: str, room: int) -> Line:
    return (
        Cell("  "),
        *scaled_trend(figures.values(name), room, _TREND, _PROCESS[name][1]),
    )
