"""The series of one metric: labels, values, rates, changes, trends; and its help."""

from __future__ import annotations

import asyncio

from textual.app import ComposeResult

from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import format_selector
from promlatest.tui.model.series import (
    Family,
    Listing,
    count_labels,
    exact,
    listing,
    series_sheet,
)
from promlatest.tui.model.trends import Trends, value_of
from promlatest.tui.model.watch import View
from promlatest.tui.pages.page import MANY, Page
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.textpane import TextPane
from promlatest.views.cells import Cell, Line, line, prose
from promlatest.views.filters import NO_FILTER, Filter
from promlatest.views.text import escaped, shorten


class SeriesPage(Page):
    """One family: a row for each series, or for each histogram."""

    tab = "Metrics"
    parent_page = "metrics"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._shown = ""
        self._listed = Listing(Family(""))
        self._wanted: object = None  # what the listing is to be of
        self._trends = Trends()

    def compose(self) -> ComposeResult:
        yield TextPane(id="about")
        yield Grid("series", id="series")
        yield TextPane(id="whole")

    def open(self, name: str, view: View, filter_: Filter = NO_FILTER) -> None:
        """Show another family."""
        self.filter = filter_
        self._shown = name
        self._trends = Trends()
        self.show(view)

    @property
    def family(self) -> Family:
        """The family that is shown."""
        return self._listed.family

    def path(self) -> str:
        return self._shown

    def draw(self) -> None:
        if not self._shown:
            return
        self._trends.forget(self.view.past)
        wanted = (self._shown, self.view.name, self.view.shape, self.filter)
        if wanted == self._wanted:
            self._show()
            return
        self._wanted = wanted
        if len(self.view.state) < MANY:
            self._take(listing(self._shown, self.view.state, self.filter))
        else:
            self.run_worker(self._list_apart(wanted), exclusive=True)

    async def _list_apart(self, wanted: object) -> None:
        """List so many series on a thread: the loop has scrapes to take meanwhile."""
        view, filter_ = self.view, self.filter
        listed = await asyncio.to_thread(listing, self._shown, view.state, filter_)
        if wanted == self._wanted:
            self._take(listed)

    def _take(self, listed: Listing) -> None:
        if listed.family.metrics or listed.family.name != self.family.name:
            self._listed = listed  # else all series are gone: it keeps what it was
        self._show()

    def _show(self) -> None:
        listed = self._listed
        title = self.title(self._kind(), len(listed.rows), listed.total)
        self.query_one("#about", TextPane).show(self._about)
        sheet = series_sheet(listed, self.view, self._trends)
        self.query_one(Grid).show(sheet, title, self.nothing("series"))
        self.query_one("#whole", TextPane).show(self._whole)

    def _kind(self) -> str:
        return "histograms" if self.family.histogram else "series"

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
        self.query_one("#whole", TextPane).show(self._whole)

    # What is chosen

    def chosen_labels(self) -> Labels | None:
        """The labels of the chosen row; None: there is none."""
        labels: Labels | None = self.query_one(Grid).row
        return labels

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
        labels = self.chosen_labels()
        if labels is None:
            return ""
        counted = count_labels(labels) if self.family.histogram else labels
        value = value_of(self.view.state, counted)
        return "" if value is None else exact(value)


def selector_of(labels: Labels) -> str:
    """The selector of this series, without the job and instance that a scrape gave it:
    elsewhere they are others, and `promlatest get` has none."""
    own = labels.without(METRIC_NAME, "job", "instance")
    names = [METRIC_NAME, *own]
    return format_selector([Matcher(name, "=", labels[name]) for name in names])
