"""One series over time, with axes; up and down go to the next of its family."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from promlatest._matching.labels import Labels
from promlatest.tui.model.charts import series_chart
from promlatest.tui.model.series import Family, exact
from promlatest.tui.model.trends import Trends, value_of
from promlatest.tui.pages.series import selector_of
from promlatest.tui.pages.subject import SubjectPage
from promlatest.views.cells import Line, prose


class ChartPage(SubjectPage):
    """The scrapes that are kept of one series."""

    tab = "Metrics"
    parent_page = "series"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._family = Family("")
        self._trends = Trends()

    def open_of(self, family: Family, labels: Labels, order: Sequence[Hashable]) -> None:
        """Show this series of a family, among these."""
        self._family = family
        self.open(labels, order)

    def path(self) -> str:
        return self.subject.metric if isinstance(self.subject, Labels) else ""

    def draw(self) -> None:
        labels, view = self.subject, self.view
        if not isinstance(labels, Labels):
            return
        self._trends.forget(view.past)
        height = max(self.size.height - 4, 8)

        def fill(width: int) -> list[Line]:
            chart = series_chart(self._family, labels, view, self._trends, width, height)
            return [*prose(selector_of(labels), width, "dim")[:2], *chart]

        self.draw_lines(labels.metric, fill)

    def on_resize(self) -> None:
        self.draw()

    def selector(self) -> str:
        return selector_of(self.subject) if isinstance(self.subject, Labels) else ""

    def value(self) -> str:
        if not isinstance(self.subject, Labels):
            return ""
        value = value_of(self.view.state, self.subject)
        return "" if value is None else exact(value)
