"""Rows as pages of text: what a terminal of any width shows, without one.

A page is a text without colour and without a line that is wider than asked for. What it
says is what the rows say; what it leaves to others is where the samples come from and where
the text goes to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, TypeVar

from promlatest._datapoint import DataPoint
from promlatest._histogram import Histogram
from promlatest._interfaces import Queryable
from promlatest._matching.floats import format_float
from promlatest._matching.labels import METRIC_NAME, Labels, quote, quote_name
from promlatest.views.bars import bar_lines
from promlatest.views.catalog import MetricRow, catalog
from promlatest.views.operator import (
    ControllerRow,
    Count,
    Latency,
    Overview,
    Pauses,
    ProcessRow,
    RequestRow,
    WebhookRow,
    is_operator,
    overview,
)
from promlatest.views.table import Column, beside, grid_lines, table_lines
from promlatest.views.text import UNKNOWN, cells, fold, harmless, shorten, to_ascii
from promlatest.views.units import count, duration, percent, rate, size

R = TypeVar("R")

_Shown = Sequence[tuple[Column, Callable[[R], str]]]  # columns, and what their cells say


def overview_page(
    q: Queryable,
    *,
    width: int,
    target: str = "",
    status: str = "up",
    earlier: Queryable | None = None,
    seconds: float | None = None,
    ascii_only: bool = False,
) -> str:
    """The page that fits the endpoint: an operator's, or the catalog of any other.

    Args:
        q: what is to be shown; a snapshot, for all to be of one moment.
        width: of the terminal, 40 or more; no line is wider.
        target: what was scraped, for the health line.
        status: how that went, in words.
        earlier: the same endpoint at an earlier moment, for rates.
        seconds: the time between the two; None: as the points' timestamps say.
        ascii_only: for a terminal that has no other characters.
    """
    if is_operator(q):
        return operator_page(
            q,
            width=width,
            target=target,
            status=status,
            earlier=earlier,
            seconds=seconds,
            ascii_only=ascii_only,
        )
    return catalog_page(q, width=width, target=target, status=status, ascii_only=ascii_only)


def operator_page(
    q: Queryable,
    *,
    width: int,
    target: str = "",
    status: str = "up",
    earlier: Queryable | None = None,
    seconds: float | None = None,
    ascii_only: bool = False,
) -> str:
    """An operator on one page; the arguments are those of `overview_page`."""
    rows = overview(q, earlier, seconds)
    known = (*_operator_health(rows), _series(q))
    blocks = [
        _health_lines((target, status, *known), width),
        _controller_lines(rows.controllers, width),
        _request_and_process_lines(rows, width),
        _webhook_lines(rows.webhooks, width),
    ]
    return _page(blocks, ascii_only)


def catalog_page(
    q: Queryable,
    *,
    width: int,
    target: str = "",
    status: str = "up",
    ascii_only: bool = False,
) -> str:
    """What any endpoint exposes; the arguments are those of `overview_page`."""
    rows = catalog(q)
    blocks = [
        _health_lines((target, status, f"{len(rows)} metrics", _series(q)), width),
        _table(_CATALOG, rows, width),
    ]
    return _page(blocks, ascii_only)


def histogram_page(
    histograms: Iterable[Histogram],
    *,
    width: int,
    unit: str | None = None,
    ascii_only: bool = False,
) -> str:
    """Histograms as bars, one below the other, each under its labels.

    Args:
        histograms: in the order of the page.
        width: of the terminal, 40 or more; no line is wider.
        unit: of the bounds, "seconds", "bytes" or ""; None: as the names say.
        ascii_only: for a terminal that has no other characters.
    """
    blocks = [
        [
            *_series_title(histogram.labels, width),
            *bar_lines(histogram, width, unit=unit, ascii_only=ascii_only),
        ]
        for histogram in histograms
    ]
    return _page(blocks, ascii_only)


def series_page(points: Iterable[DataPoint], *, width: int | None = None) -> str:
    """Points as data: a line for each, the series and its value.

        >>> from promlatest._matching.labels import Labels
        >>> print(series_page([DataPoint(Labels(__name__="depth", name="pods"), 0, 3.0)]))
        depth{name="pods"} 3

    Args:
        points: in the order of the page.
        width: to shorten series to; None: nothing is shortened, for it is data.
    """
    return "\n".join(_series_line(point, width) for point in points)


def _page(blocks: Iterable[Sequence[str]], ascii_only: bool) -> str:
    text = "\n\n".join("\n".join(block) for block in blocks if block)
    return to_ascii(text) if ascii_only else text


def _table(shown: _Shown[R], rows: Sequence[R], width: int) -> list[str]:
    columns = [column for column, _ in shown]
    return table_lines(columns, [[cell(row) for _, cell in shown] for row in rows], width)


# -- the health line ------------------------------------------------------------------


def _health_lines(items: Iterable[str], width: int) -> list[str]:
    """The items, as many on a line as fit; one that is too long has lines of its own."""
    shown = (harmless(item) for item in items if item)
    lines: list[str] = []
    for fitting, group in groupby(shown, key=lambda item: cells(item) <= width):
        if fitting:
            lines += fold(group, width, "  ")
        else:
            lines += (line for item in group for line in fold(item.split(), width))
    return lines


def _operator_health(rows: Overview) -> Iterator[str]:
    process = rows.process
    if process.cpu and process.cpu.reset:
        yield "restarted"
    if process.uptime is not None:
        yield f"started {duration(process.uptime)} ago"
    for row in rows.leaders:
        yield "leader" if row.leading else f"not the leader of {row.lease}"
    yield from process.versions


def _series(q: Queryable) -> str:
    return f"{count(len(q))} series"


# -- the controllers ------------------------------------------------------------------


def _total(counter: Count | None) -> str:
    return count(counter.total if counter else None)


def _rate(counter: Count | None) -> str:
    return rate(counter.per_second if counter else None)


def _of(part: float | None, whole: float | None) -> str:
    return UNKNOWN if part is whole is None else f"{count(part)}/{count(whole)}"


def latency_text(found: Latency | None, name: str) -> str:
    """A figure of a latency, "p99" for one; "≥" if it lies above all finite bounds."""
    value: float | None = getattr(found, name, None)
    beyond = found is not None and value is not None and value == found.ceiling
    return ("≥" if beyond else "") + duration(value)


def _latency(
    group: str, of: str, *, optional: bool = False
) -> list[tuple[Column, Callable[[Any], str]]]:
    return [
        (Column(name, group=group, optional=optional), _latency_cell(of, name))
        for name in ("p50", "p99")
    ]


def _latency_cell(of: str, name: str) -> Callable[[Any], str]:
    return lambda row: latency_text(getattr(row, of), name)


_STATE: Final[_Shown[ControllerRow]] = (
    (Column("controller", "left", least=10), lambda row: row.name),
    (Column("busy"), lambda row: _of(row.active, row.workers)),
    (Column("depth"), lambda row: count(row.depth)),
    (Column("longest", group="running"), lambda row: duration(row.longest)),
    (Column("total", group="running"), lambda row: duration(row.unfinished)),
    *_latency("waiting", "queued"),
    *_latency("reconcile", "reconcile"),
)
_QUEUE: Final[_Shown[ControllerRow]] = (
    (Column("adds"), lambda row: _total(row.adds)),
    (Column("retries"), lambda row: _total(row.retries)),
)
_RATES: Final[_Shown[ControllerRow]] = (
    (Column("reconciles", group="rate of"), lambda row: _rate(row.reconciles)),
    (Column("errors", group="rate of"), lambda row: _rate(row.errors)),
)
_WORK: Final[_Shown[ControllerRow]] = (*_latency("work", "work", optional=True),)

# The results that controller-runtime knows, and what they are called in a head.
_RESULTS: Final = {
    "success": "ok",
    "error": "error",
    "requeue": "requeue",
    "requeue_after": "after",
}

_REMARKS: Final[Sequence[tuple[str, Callable[[ControllerRow], Count | None]]]] = (
    ("terminal error", lambda row: row.terminal),
    ("panic", lambda row: row.panics),
    ("timeout", lambda row: row.timeouts),
)


def _controller_lines(rows: Sequence[ControllerRow], width: int) -> list[str]:
    rated = any(row.reconciles and row.reconciles.per_second is not None for row in rows)
    shown = [*_STATE, *_results(rows), *_QUEUE, *(_RATES if rated else ()), *_WORK]
    return [
        *_table(shown, rows, width),
        *(line for row in rows for line in _remarks(row, width)),
    ]


def _results(rows: Sequence[ControllerRow]) -> _Shown[ControllerRow]:
    names = dict.fromkeys([*_RESULTS, *(name for row in rows for name in row.results)])
    return [
        (Column(_RESULTS.get(name, name), group="results"), _result_cell(name))
        for name in names
    ]


def _result_cell(name: str) -> Callable[[ControllerRow], str]:
    return lambda row: _total(row.results.get(name))


def _remarks(row: ControllerRow, width: int) -> Iterator[str]:
    """What a calm operator has not, in words where there is any."""
    found = ((what, counter(row)) for what, counter in _REMARKS)
    said = [_plural(each.total, what) for what, each in found if each and each.total]
    if said:
        yield from fold(f"! {harmless(row.name)}: {', '.join(said)}".split(" "), width)


def _plural(number: float | None, what: str) -> str:
    return f"{count(number)} {what}{'' if number == 1 else 's'}"


# -- the rest of an operator ----------------------------------------------------------


def _request_and_process_lines(rows: Overview, width: int) -> list[str]:
    requests = _request_lines(rows.requests, width)
    pairs = _process_pairs(rows.process)
    left = width - max(map(cells, requests), default=0) - 4
    narrow = grid_lines(pairs, min(left, 60)) if left > 27 else []
    if narrow and requests:
        return beside(requests, narrow, width)
    return beside(requests, grid_lines(pairs, min(width, 90)), width)


def _request_lines(rows: Sequence[RequestRow], width: int) -> list[str]:
    """Methods by codes."""
    methods: dict[str, dict[str, Count]] = {}
    for row in rows:
        methods.setdefault(row.method, {})[row.code] = row.requests
    shown: _Shown[tuple[str, dict[str, Count]]] = (
        (Column("API requests", "left"), lambda item: item[0] or UNKNOWN),
        *_codes(methods.values(), _second),
        (Column("rate"), lambda item: _added_rate(item[1].values())),
    )
    return _table(shown, [*methods.items()], width)


def _codes(
    found: Iterable[Mapping[str, Count]], of: Callable[[R], Mapping[str, Count]]
) -> _Shown[R]:
    codes = sorted({code for counts in found for code in counts})
    return [(Column(code or UNKNOWN), _code_cell(code, of)) for code in codes]


def _code_cell(code: str, of: Callable[[R], Mapping[str, Count]]) -> Callable[[R], str]:
    return lambda row: _total(of(row)[code]) if code in of(row) else ""


def _second(item: tuple[str, dict[str, Count]]) -> Mapping[str, Count]:
    return item[1]


def _answers(row: WebhookRow) -> Mapping[str, Count]:
    return row.answers


def _added_rate(counts: Iterable[Count]) -> str:
    """The rate of all together; "" if none is known, so that the column goes."""
    known = [each.per_second for each in counts if each.per_second is not None]
    return rate(sum(known)) if known else ""


_PROCESS: Final[Mapping[str, Callable[[ProcessRow], str]]] = {
    "memory": lambda row: size(row.memory),
    "heap": lambda row: size(row.heap),
    "cpu": lambda row: _cpu(row.cpu),
    "goroutines": lambda row: count(row.goroutines),
    "threads": lambda row: count(row.threads),
    "open files": lambda row: _of(row.open_fds, row.max_fds),
    "collections": lambda row: _total(_pauses(row).collections),
    "median pause": lambda row: duration(_pauses(row).median),
    "longest pause": lambda row: duration(_pauses(row).longest),
}


def _pauses(row: ProcessRow) -> Pauses:
    return row.pauses or Pauses()


def _process_pairs(row: ProcessRow) -> dict[str, str]:
    """What is known of the process; what is not takes no place."""
    pairs = {name: text(row) for name, text in _PROCESS.items()}
    return {name: text for name, text in pairs.items() if text != UNKNOWN}


def _cpu(cpu: Count | None) -> str:
    share = "" if cpu is None or cpu.per_second is None else percent(cpu.per_second)
    return ", ".join(filter(None, (share, duration(cpu.total if cpu else None))))


def _webhook_lines(rows: Sequence[WebhookRow], width: int) -> list[str]:
    shown: _Shown[WebhookRow] = (
        (Column("webhook", "left", least=12), lambda row: row.name or UNKNOWN),
        (Column("in flight"), lambda row: count(row.in_flight)),
        *_latency("latency", "latency"),
        *_codes([row.answers for row in rows], _answers),
    )
    return _table(shown, rows, width)


# -- other pages ----------------------------------------------------------------------

_CATALOG: Final[_Shown[MetricRow]] = (
    (Column("metric", "left", least=48), lambda row: row.name),
    (Column("series"), lambda row: count(row.series)),
    (Column("type", "left", optional=True), lambda row: row.type),
    (Column("unit", "left", optional=True), lambda row: row.unit),
    (Column("help", "left", least=16, optional=True, prose=True), lambda row: row.help),
)


def _series_title(labels: Labels, width: int) -> Iterator[str]:
    """The series as one writes it; its labels go on below if they must."""
    text = labels.series()
    if cells(text) <= width:
        yield text
        return
    yield shorten(harmless(labels.metric), width)
    pairs = (f"{quote_name(k)}={quote(v)}" for k, v in labels.without(METRIC_NAME).items())
    yield from (f"  {line}" for line in fold(pairs, width - 2))


def _series_line(point: DataPoint, width: int | None) -> str:
    value = f" {format_float(point.value)}{'  # stale' if point.stale else ''}"
    series = point.labels.series()
    return (series if width is None else shorten(series, width - len(value))) + value
