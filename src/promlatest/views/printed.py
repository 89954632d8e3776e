"""Pages of plain text: what a terminal of any width shows, without one.

A page is made of the same sheets and lines as the dashboard, without their colour, and no
line of it is wider than asked for. What it leaves to others is where the samples come from
and where the text goes to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from promlatest._histogram import Histogram
from promlatest._interfaces import Queryable
from promlatest._matching.labels import METRIC_NAME, Labels, quote, quote_name
from promlatest.views.bars import bar_lines
from promlatest.views.catalog import catalog, catalog_sheet
from promlatest.views.cells import Line, flow, line, text_of
from promlatest.views.controllers import controllers_sheet, remark_lines
from promlatest.views.operator import Overview, is_operator, overview
from promlatest.views.panels import below_lines
from promlatest.views.table import table_lines
from promlatest.views.text import cells, escaped, fold, shorten, to_ascii
from promlatest.views.units import count, duration


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
        earlier: the same endpoint at an earlier moment, for rates and latencies.
        seconds: the time between the two; None: as the points' timestamps say.
        ascii_only: for a terminal that has no other characters.
    """
    if is_operator(q):
        blocks = _operator(q, width, (target, status), earlier, seconds)
    else:
        blocks = _catalog(q, width, (target, status))
    return _page(blocks, ascii_only)


def _operator(
    q: Queryable,
    width: int,
    known: Sequence[str],
    earlier: Queryable | None,
    seconds: float | None,
) -> list[list[Line]]:
    rows = overview(q, earlier, seconds)
    return [
        _health((*known, *_operator_health(rows), _series(q), _window(rows)), width),
        [
            *table_lines(controllers_sheet(rows.controllers), width),
            *remark_lines(rows.controllers, width),
        ],
        below_lines(rows, width),
    ]


def _catalog(q: Queryable, width: int, known: Sequence[str]) -> list[list[Line]]:
    rows = catalog(q)
    return [
        _health(
            (*known, _metrics(rows), _series(q)),
            width,
        ),
        table_lines(catalog_sheet(rows), width),
    ]


def _page(blocks: Iterable[Sequence[Line]], ascii_only: bool) -> str:
    text = "\n\n".join("\n".join(map(text_of, block)) for block in blocks if block)
    return to_ascii(text) if ascii_only else text


# -- the health line ------------------------------------------------------------------


def _health(items: Iterable[str], width: int) -> list[Line]:
    return flow((line(escaped(item)) for item in items if item), width)


def _operator_health(rows: Overview) -> Iterator[str]:
    process = rows.process
    if process.cpu and process.cpu.reset:
        yield "restarted"
    if process.uptime is not None:
        yield f"started {duration(process.uptime)} ago"
    for row in rows.leaders:
        yield "leader" if row.leading else f"not the leader of {row.lease}"
    yield from process.versions


def _metrics(rows: Sequence[object]) -> str:
    return f"{len(rows)} metric{'' if len(rows) == 1 else 's'}"


def _series(q: Queryable) -> str:
    return f"{count(len(q))} series"


def _window(rows: Overview) -> str:
    """What rates and latencies are of."""
    timed = [row.reconcile or row.queued for row in rows.controllers]
    known = next((each for each in timed if each), None)
    if known is None:
        return ""
    over = "since start" if known.seconds is None else f"over {duration(known.seconds)}"
    return f"p50, p99 {over}"


# -- histograms ------------------------------------------------------------


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
            *map(text_of, bar_lines(histogram, width, unit=unit)),
        ]
        for histogram in histograms
    ]
    text = "\n\n".join("\n".join(block) for block in blocks)
    return to_ascii(text) if ascii_only else text


def _series_title(labels: Labels, width: int) -> Iterator[str]:
    """The series as one writes it; its labels go on below if they must."""
    text = labels.series()
    if cells(text) <= width:
        yield text
        return
    yield shorten(escaped(labels.metric), width)
    pairs = (f"{quote_name(k)}={quote(v)}" for k, v in labels.without(METRIC_NAME).items())
    yield from (f"  {line}" for line in fold(pairs, width - 2))
