"""What charts are drawn of: the scrapes that are kept of one series or histogram."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from promlatest._matching.labels import Labels
from promlatest.tui.model.history import Past
from promlatest.tui.model.sections import compared, section, section_title
from promlatest.tui.model.series import Family, grows, unit_in
from promlatest.tui.model.trends import Trends, histogram_of
from promlatest.tui.model.watch import View
from promlatest.views.cells import Cell, Line, line
from promlatest.views.charts import chart_lines, heat_lines
from promlatest.views.units import FORMATS, rate_in

_MOST: Final = 240  # scrapes; two dots of a chart that is 120 cells wide


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
    if grows(family.type, labels.metric):
        values, ages = trends.growth(past, labels, _MOST), _ages(past)[1:]
        title, words = "growth a second", partial(rate_in, unit)
    else:
        values, ages = trends.values(past, labels, _MOST), _ages(past)
        title, words = "value", lambda value: FORMATS[unit](value, 3)
    head = line(Cell(f"{title}, {len(past)} scrapes", "accent"))
    return [head, *chart_lines(values, ages, width, height - 1, words)]


def histogram_lines(labels: Labels, view: View, trends: Trends, width: int) -> list[Line]:
    """A histogram since the start and over the window, and when what came."""
    found = compared(labels.metric, histogram_of(view.state, labels), view)
    if found.now is None:
        return [line(Cell("it is not there", "dim"))]
    past = view.past[-min(_MOST, width) :]
    heat = heat_lines(trends.histograms(past, labels), _ages(past), width)
    return [*section(found, width), (), line(section_title("when they came", width)), *heat]


def over_time(
    family: Family, labels: Labels, view: View, trends: Trends, width: int, height: int
) -> list[Line]:
    """A series or a histogram over the scrapes that are kept."""
    if family.histogram:
        return histogram_lines(labels, view, trends, width)
    return series_chart(family, labels, view, trends, width, height)
