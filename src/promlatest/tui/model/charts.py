"""What charts are drawn of: the scrapes that are kept of one series or histogram."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from promlatest._histogram import Histogram
from promlatest._interfaces import Queryable
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest.tui.model.history import Past
from promlatest.tui.model.sections import compared, section, section_title
from promlatest.tui.model.series import Family, grows, unit_in
from promlatest.tui.model.trends import Trends, matchers_of
from promlatest.tui.model.watch import View
from promlatest.views.cells import Cell, Line, line
from promlatest.views.charts import chart_lines, heat_lines
from promlatest.views.units import FORMATS, rate_in

_MOST: Final = 240  # scrapes; two dots of a chart that is 120 cells wide


class HeldHistograms:
    """The histograms of some labels at the scrapes that are kept, each looked up once."""

    def __init__(self) -> None:
        self._held: dict[Labels, dict[int, Histogram | None]] = {}

    def over(self, past: Past, labels: Labels) -> list[Histogram | None]:
        """One histogram at each of these scrapes; only those are kept."""
        known = self._held.get(labels, {})
        found = {
            moment.timestamp: known[moment.timestamp]
            if moment.timestamp in known
            else _histogram(moment.state, labels)
            for moment in past
        }
        self._held = {labels: found}
        return list(found.values())


def _histogram(state: Queryable, labels: Labels) -> Histogram | None:
    found = state.histograms(labels.metric, *matchers_of(labels))
    return next((each for each in found if each.labels == labels), None)


def _ages(past: Past) -> list[float]:
    newest = past[-1].timestamp if past else 0
    return [(newest - moment.timestamp) / 1000 for moment in past]


def series_chart(
    family: Family, labels: Labels, view: View, trends: Trends, width: int, height: int
) -> list[Line]:
    """A series over the scrapes that are kept: a counter's growth a second, or values."""
    past = view.past[-_MOST:]
    unit = unit_in(family, labels.metric)
    words: Callable[[float | None], str]
    if grows(family, labels.metric):
        values, ages = trends.growth(past, labels, _MOST), _ages(past)[1:]
        title, words = "growth a second", partial(rate_in, unit)
    else:
        values, ages = trends.values(past, labels, _MOST), _ages(past)
        title, words = "value", lambda value: FORMATS[unit](value, 3)
    head = line(Cell(f"{title}, {len(past)} scrapes", "accent"))
    return [head, *chart_lines(values, ages, width, height - 1, words)]


def histogram_lines(
    labels: Labels, view: View, held: HeldHistograms, width: int
) -> list[Line]:
    """A histogram since the start and over the window, and when what came."""
    metric, rest = labels.metric, labels.without(METRIC_NAME)
    found = compared(metric, metric, rest, view.state, view.earlier, view.span)
    if found.now is None:
        return [line(Cell("it is not there", "dim"))]
    heat = line(section_title("when they came", width))
    return [
        *section(found, width), (), heat, *histogram_heat(labels, view, held, width)
    ]  # fmt: skip


def histogram_heat(
    labels: Labels, view: View, held: HeldHistograms, width: int
) -> list[Line]:
    """When a histogram's observations came, over the scrapes that are kept."""
    past = view.past[-min(_MOST, width) :]
    return heat_lines(held.over(past, labels), _ages(past), width)
