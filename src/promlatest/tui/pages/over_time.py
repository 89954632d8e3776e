"""One series or histogram over time; up and down go to the next of its family."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from promlatest._matching.labels import Labels
from promlatest.tui.model.charts import over_time
from promlatest.tui.model.series import Family, selector_of, value_text
from promlatest.tui.model.trends import Trends
from promlatest.tui.pages.subject import SubjectPage
from promlatest.views.cells import Line, prose


class OverTimePage(SubjectPage):
    """The scrapes that are kept of one series, with axes; of a histogram its bars, since
    the start and over the window, and when what came."""

    tab = "Metrics"
    parent_page = "series"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._family = Family("")
        self._trends = Trends()

    def open_of(self, family: Family, labels: Labels, order: Sequence[Hashable]) -> None:
        """Show this series or histogram of a family, among these."""
        self._family = family
        self.open(labels, order)

    @property
    def labels(self) -> Labels | None:
        """The labels of what is shown."""
        return self.subject if isinstance(self.subject, Labels) else None

    def path(self) -> str:
        return self.labels.metric if self.labels is not None else ""

    def draw(self) -> None:
        labels, view = self.labels, self.view
        if labels is None:
            return
        self._trends.forget(view.past)
        height = max(self.size.height - 4, 8)

        def fill(width: int) -> list[Line]:
            drawn = over_time(self._family, labels, view, self._trends, width, height)
            return [*prose(selector_of(labels), width, "dim")[:2], *drawn]

        self.draw_lines(labels.metric, fill)

    def on_resize(self) -> None:
        self.draw()

    def selector(self) -> str:
        return selector_of(self.labels) if self.labels is not None else ""

    def value(self) -> str:
        if self.labels is None:
            return ""
        return value_text(self._family, self.labels, self.view.state)
