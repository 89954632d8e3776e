"""One series over time, with axes; up and down go to the next of its family."""

from __future__ import annotations

from collections.abc import Sequence

from promlatest._matching.labels import Labels
from promlatest.tui.model.charts import series_chart
from promlatest.tui.model.series import Family, exact
from promlatest.tui.model.trends import Trends, value_of
from promlatest.tui.pages.bars import BarsPage
from promlatest.tui.pages.series import selector_of
from promlatest.tui.widgets.textpane import TextPane
from promlatest.views.cells import Line, prose


class ChartPage(BarsPage):
    """The scrapes that are kept of one series."""

    tab = "Metrics"
    parent_page = "series"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._family = Family("")
        self._labels: Labels | None = None
        self._order: Sequence[Labels] = ()
        self._trends = Trends()

    def open(self, family: Family, labels: Labels, order: Sequence[Labels]) -> None:
        """Show this series, among these."""
        self._family, self._labels, self._order = family, labels, order

    def path(self) -> str:
        return "" if self._labels is None else self._labels.metric

    def switch(self, step: int) -> None:
        if self._labels in self._order:
            at = self._order.index(self._labels) + step
            self._labels = self._order[max(min(at, len(self._order) - 1), 0)]
            self.draw()

    def draw(self) -> None:
        labels, view = self._labels, self.view
        if labels is None:
            return
        self._trends.forget(view.past)
        place = self._order.index(labels) + 1 if labels in self._order else 0
        height = max(self.size.height - 4, 8)

        def fill(width: int) -> list[Line]:
            chart = series_chart(self._family, labels, view, self._trends, width, height)
            return [*prose(selector_of(labels), width, "dim")[:2], *chart]

        aged = "".join(cell.text for cell in self.aged())
        title = f"{labels.metric}  {place} of {len(self._order)}{aged}"
        self.query_one(TextPane).show(fill, title)

    def on_resize(self) -> None:
        self.draw()

    def selector(self) -> str:
        return "" if self._labels is None else selector_of(self._labels)

    def value(self) -> str:
        if self._labels is None:
            return ""
        value = value_of(self.view.state, self._labels)
        return "" if value is None else exact(value)
