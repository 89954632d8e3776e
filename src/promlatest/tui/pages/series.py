"""The series of one metric: labels, values, rates, changes, trends; and its help."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from promlatest._datapoint import DataPoint
from promlatest._histogram import Histogram
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import format_selector
from promlatest.tui.model.series import (
    Family,
    exact,
    family_named,
    histograms_sheet,
    series_sheet,
    trend_metrics,
)
from promlatest.tui.model.trends import Trends
from promlatest.tui.model.watch import View
from promlatest.tui.pages.page import Page
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.lines import Lines
from promlatest.views.cells import Cell, Line, line, prose
from promlatest.views.filters import NO_FILTER, Filter
from promlatest.views.sheet import Sheet
from promlatest.views.text import escaped, shorten


class SeriesPage(Page):
    """One family: a row for each series, or for each histogram."""

    tab = "Metrics"
    parent_page = "metrics"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self.family = Family("")
        self._trends: Trends | None = None
        self._of: object = None  # whose history the trends are of

    def compose(self) -> ComposeResult:
        yield Lines(id="about")
        yield Grid("series", id="series")
        yield Lines(id="whole")

    def open(self, name: str, view: View, filter_: Filter = NO_FILTER) -> None:
        """Show another family."""
        self.filter = filter_
        self.family = family_named(name, view.state)
        self._trends = None
        self.show(view)

    def path(self) -> str:
        return self.family.name

    def draw(self) -> None:
        if not self.family.name:
            return
        self._catch_up()
        sheet, count = self._sheet()
        title = self.title(self._kind(), len(sheet.rows), count)
        self.query_one("#about", Lines).show(self._about)
        self.query_one(Grid).show(sheet, title, self.nothing("series"))
        self.query_one("#whole", Lines).show(self._whole)

    def _catch_up(self) -> None:
        """Take the samples that have come; start anew for another target or names."""
        now = family_named(self.family.name, self.view.state)
        if now.metrics:
            self.family = now
        wanted = trend_metrics(self.family)
        history = self.view.history
        if (
            self._trends is None
            or self._of is not history
            or (self._trends.metrics != wanted)
        ):
            self._trends, self._of = Trends(wanted, history), history
        self._trends.catch_up()

    def _kind(self) -> str:
        return "histograms" if self.family.histogram else "series"

    def _sheet(self) -> tuple[Sheet[Any], int]:
        assert self._trends is not None
        make: Any = histograms_sheet if self.family.histogram else series_sheet
        sheet: Sheet[Any] = make(self.family, self.view, self._trends, self.filter)
        if not self.filter:
            return sheet, len(sheet.rows)
        return sheet, len(make(self.family, self.view, self._trends).rows)

    def _about(self, width: int) -> list[Line]:
        """The help, and what the type and unit are."""
        family = self.family
        told = ", ".join(filter(None, (family.type, family.unit)))
        return [
            line(Cell(family.name, "head"), Cell(f"  {told}", "dim")),
            *prose(family.help or "it has no help text", width, "dim")[:2],
        ]

    def _whole(self, width: int) -> list[Line]:
        """The chosen series in full, for where a column was too narrow for a label."""
        labels = self.chosen_labels()
        if labels is None:
            return []
        own = labels.without(METRIC_NAME, "job", "instance").series()
        return prose(shorten(escaped(own), 2 * width - 16), width, "dim")[:2]

    def on_grid_moved(self) -> None:
        self.query_one("#whole", Lines).show(self._whole)

    # What is chosen

    def chosen_labels(self) -> Labels | None:
        """The labels of the chosen row; None: there is none."""
        row: DataPoint | Histogram | None = self.query_one(Grid).row
        return None if row is None else row.labels

    @property
    def histogram(self) -> Histogram | None:
        """The chosen histogram, in a family of histograms."""
        row = self.query_one(Grid).row
        return row if isinstance(row, Histogram) else None

    @property
    def order(self) -> list[Labels]:
        """The labels of all rows, in their order on the screen."""
        return [
            labels for labels in self.query_one(Grid).keys if isinstance(labels, Labels)
        ]

    def selector(self) -> str:
        labels = self.chosen_labels()
        return "" if labels is None else selector_of(labels)

    def value(self) -> str:
        row = self.query_one(Grid).row
        if row is None:
            return ""
        return exact(row.count if isinstance(row, Histogram) else row.value)


def selector_of(labels: Labels) -> str:
    """The selector of this series, without the job and instance that a scrape gave it:
    elsewhere they are others, and `promlatest get` has none."""
    own = labels.without(METRIC_NAME, "job", "instance")
    names = [METRIC_NAME, *own]
    return format_selector([Matcher(name, "=", labels[name]) for name in names])
