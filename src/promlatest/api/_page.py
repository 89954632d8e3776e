"""The page at `/`: targets and their health, a box for a question, what is held.

It is made here, as one HTML text without a script, so that it needs no build and a strict
Content-Security-Policy; the box is a plain form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from promlatest._datapoint import DataPoint
from promlatest._matching.labels import METRIC_NAME
from promlatest.api._answer import ApiResponse
from promlatest.api._params import Params
from promlatest.api._promql import rows_of
from promlatest.api._site import Site, TargetState
from promlatest.exceptions import PromlatestError
from promlatest.promql._aggregations import digits
from promlatest.views.catalog import MetricRow, catalog
from promlatest.views.units import duration

__all__ = ["page"]

_ROWS: Final = 1_000  # of a table; a browser takes long over more

_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem;
  max-width: 70rem }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin-top: 2rem }
form { display: flex; gap: .5rem }
input { flex: 1 } input, button { font: inherit; padding: .4rem .6rem }
input, td, pre { font-family: ui-monospace, monospace; font-size: 14px }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; vertical-align: top }
th { font-weight: 600; border-bottom: 1px solid #8886 }
td { border-bottom: 1px solid #8883 }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.up { color: #177a32 } .down, pre { color: #c0271c } .note { color: #777 }
@media (prefers-color-scheme: dark) { .up { color: #5fce7b } .down, pre { color: #ff8a80 } }
"""

PageCell = str | tuple[str, str]
"""A text, or its class and a text."""


def page(site: Site, params: Params) -> ApiResponse:
    """The page; with a parameter `query`, or `g0.expr` of a link that was made for
    Prometheus, the answer to it, too."""
    asked = params.text("query") or params.text("g0.expr")
    parts = [
        f"<h1>promlatest</h1><p>{len(site.queryable):,} series</p>",
        _box(asked),
        *(_answer(site, asked) if asked else ()),
        "<h2>Targets</h2>",
        _targets(site),
        "<h2>What is held</h2>",
        _held(site),
    ]
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>promlatest</title><style>{_STYLE}</style>{''.join(parts)}</html>"
    )
    return ApiResponse(200, "text/html; charset=utf-8", html.encode("utf-8", "replace"))


def _box(asked: str) -> str:
    return (
        '<form><input name="query" aria-label="PromQL" placeholder="a question in PromQL,'
        f' such as sum by (job) (up)" value="{escape(asked)}" autofocus spellcheck="false">'
        "<button>Ask</button></form>"
    )


def _answer(site: Site, asked: str) -> Iterable[str]:
    try:
        rows, remarks = rows_of(site, asked)
    except PromlatestError as error:
        return [f'<pre id="error">{escape(str(error))}</pre>']
    notes = (f'<p class="note">{escape(each)}</p>' for each in remarks)
    return [*notes, _points(rows)]


def _points(points: Sequence[DataPoint]) -> str:
    """A column for each label, as a store's labels are columns."""
    if not points:
        return '<p id="answer">Nothing: no series matches.</p>'
    shown = points[:_ROWS]
    names = sorted({name for point in shown for name in point.labels})
    heads: list[PageCell] = [name if name != METRIC_NAME else "metric" for name in names]
    rows = (_point(point, names) for point in shown)
    cut = f'<p class="note">the first {_ROWS:,} of {len(points):,}</p>'
    return _table("answer", [*heads, ("n", "value")], rows) + cut * (len(points) > _ROWS)


def _point(point: DataPoint, names: Iterable[str]) -> list[PageCell]:
    cells: list[PageCell] = [point.labels.get(name, "") for name in names]
    return [*cells, ("n", digits(point.value))]


def _targets(site: Site) -> str:
    states = site.targets()
    if not states:
        return "<p>None is scraped.</p>"
    now = site.clock()
    heads: list[PageCell] = ["target", "job", "health", ("n", "series"), ("n", "ago"),
                         ("n", "took"), "error"]  # fmt: skip
    return _table("targets", heads, (_target(state, now) for state in states))


def _target(state: TargetState, now: int) -> list[PageCell]:
    ago = duration((now - state.scraped_at) / 1000) if state.scraped_at else ""
    return [
        state.name,
        state.labels.get("job", ""),
        (state.health, state.health),
        ("n", f"{state.series:,}"),
        ("n", ago),
        ("n", duration(state.seconds) if state.scraped_at else ""),
        ("down", state.error),
    ]


def _held(site: Site) -> str:
    rows = catalog(site.queryable)
    cells = (_family(row) for row in rows[:_ROWS])
    cut = f'<p class="note">the first {_ROWS:,} of {len(rows):,}</p>'
    heads: list[PageCell] = ["metric", "type", ("n", "series"), "help"]
    return _table("held", heads, cells) + cut * (len(rows) > _ROWS)


def _family(row: MetricRow) -> list[PageCell]:
    return [row.name, row.type, ("n", f"{row.series:,}"), row.help]


def _table(name: str, heads: Sequence[PageCell], rows: Iterable[Iterable[PageCell]]) -> str:
    head = "".join(_cell("th", cell) for cell in heads)
    body = "".join(f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in rows)
    return f'<table id="{name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(tag: str, cell: PageCell) -> str:
    if isinstance(cell, str):
        return f"<{tag}>{escape(cell)}</{tag}>"
    kind, text = cell
    return f'<{tag} class="{kind}">{escape(text)}</{tag}>'
