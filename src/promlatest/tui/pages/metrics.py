"""Every metric of an endpoint."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult

from promlatest.exceptions import UsageError
from promlatest.tui.model.families import families_sheet
from promlatest.tui.pages.base import Page
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.textpane import TextPane
from promlatest.views.catalog import MetricRow, catalog
from promlatest.views.cells import Cell, Line, line, prose
from promlatest.views.text import escaped


class MetricsPage(Page):
    """The families with type, unit and number of series."""

    tab = "Metrics"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._rows: list[MetricRow] = []

    def compose(self) -> ComposeResult:
        yield Grid("metrics", id="families")
        yield TextPane(id="help-text")

    def draw(self) -> None:
        wanted = (self.view.name, self.view.shape, self.view.known)
        self.list_once(wanted, partial(catalog, self.view.state), self._take)
        passing = self._passing(self._rows)
        title = self.title("metrics", len(passing), len(self._rows))
        sheet = families_sheet(passing, self.view)
        self.query_one(Grid).show(sheet, title, self.nothing("metric"))
        self.on_grid_moved()

    def _take(self, rows: list[MetricRow]) -> None:
        self._rows = rows

    def on_grid_moved(self) -> None:
        """Tell the help of the chosen metric, for where its column has no room."""
        row: MetricRow | None = self.query_one(Grid).row
        self.query_one(TextPane).show(lambda width: _told(row, width))

    def _passing(self, rows: list[MetricRow]) -> list[MetricRow]:
        try:
            return self.filter.families(self.view.state, rows)
        except UsageError:
            return rows


def _told(row: MetricRow | None, width: int) -> list[Line]:
    """The whole name of a family, and its help."""
    if row is None:
        return []
    text = row.help or "it has no help text"
    return [line(Cell(escaped(row.name), "head")), *prose(text, width, "dim")]
