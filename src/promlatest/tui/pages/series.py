"""The series of one metric: labels, values, rates, changes, trends; and its help."""

from __future__ import annotations

from functools import partial
from typing import Final

from textual.app import ComposeResult

from promlatest._datapoint import family_of
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest.tui.model.charts import over_time
from promlatest.tui.model.series import (
    Family,
    Listing,
    listing,
    selector_of,
    series_sheet,
    value_text,
)
from promlatest.tui.model.trends import Trends
from promlatest.tui.model.watch import View
from promlatest.tui.pages.base import Page
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.textpane import TextPane
from promlatest.views.cells import Cell, Line, flow, line, prose
from promlatest.views.filters import NO_FILTER, Filter
from promlatest.views.text import escaped, shorten

_DRAWN_LEAST: Final = 9  # lines, for a chart to say something
_DRAWN_MOST: Final = 20  # lines, beyond which it only gets steeper


class SeriesPage(Page):
    """One family: a row for each series, or for each histogram."""

    tab = "Metrics"
    parent_page = "metrics"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._shown = ""
        self._listed = Listing(Family(""))
        self._trends = Trends()

    def compose(self) -> ComposeResult:
        yield TextPane(id="about")
        yield Grid("series", id="series")
        yield TextPane(id="whole")
        yield TextPane("over time", id="drawn")

    def open(self, name: str, view: View, filter_: Filter = NO_FILTER) -> None:
        """Show another family."""
        self.parent_page = "metrics"
        self.filter = filter_
        self._shown = name
        self._trends = Trends()
        self.show(view)

    def open_at(self, labels: Labels, view: View) -> None:
        """Show the family of a series that changed, with that series chosen."""
        self.open(family_of(labels.metric, view.state.metrics()), view)
        self.parent_page = "changes"
        grid = self.query_one(Grid)
        grid.choose(labels)
        grid.choose(Labels(labels, __name__=self._shown))  # of a histogram

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
        make = partial(listing, self._shown, self.view.state, self.filter)
        self.list_once(wanted, make, self._take)
        listed = self._listed
        title = self.title(self._kind(), len(listed.rows), listed.total)
        self.query_one("#about", TextPane).show(self._about)
        sheet = series_sheet(listed, self.view, self._trends)
        self.query_one(Grid).show(sheet, title, self.nothing("series"))
        self.on_grid_moved()

    def _take(self, listed: Listing) -> None:
        if listed.family.metrics or listed.family.name != self.family.name:
            self._listed = listed  # else all series are gone: it keeps what it was

    def _kind(self) -> str:
        return "histograms" if self.family.histogram else "series"

    def _about(self, width: int) -> list[Line]:
        """The help, and what the type and unit are."""
        family = self.family
        told = ", ".join(filter(None, (family.type, family.unit)))
        head = [line(Cell(family.name, "head")), line(Cell(told, "dim"))]
        return [
            *flow(head, width),
            *prose(family.help or "it has no help text", width, "dim")[:2],
        ]

    def _whole(self, width: int) -> list[Line]:
        """The chosen series in full, for where a column was too narrow for a label."""
        labels = self.chosen_labels()
        if labels is None:
            return []
        own = labels.without(METRIC_NAME, "job", "instance")
        if not own:
            return []
        return prose(shorten(escaped(own.series()), 2 * width - 16), width, "dim")[:2]

    def on_grid_moved(self) -> None:
        self.query_one("#whole", TextPane).show(self._whole)
        self._arrange()

    def on_resize(self) -> None:
        self.call_after_refresh(self._arrange)  # the panes have made their lines by then

    def _arrange(self) -> None:
        """Give the room that the rows leave to the chosen one, drawn over time."""
        grid, drawn = self.query_one(Grid), self.query_one("#drawn", TextPane)
        labels = self.chosen_labels()
        above = self.query_one("#about").size.height + self.query_one("#whole").size.height
        left = self.size.height - above - grid.needs
        drawn.display = labels is not None and left >= _DRAWN_LEAST
        grid.styles.height = grid.needs if drawn.display else "1fr"
        if labels is not None and drawn.display:
            drawn.show(partial(self._over_time, labels, left), "enter opens it")

    def _over_time(self, labels: Labels, height: int, width: int) -> list[Line]:
        rows = min(height - 2, _DRAWN_MOST)
        return over_time(self.family, labels, self.view, self._trends, width, rows)

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
        return value_text(self.family, labels, self.view.state)
