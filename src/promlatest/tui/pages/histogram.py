"""One histogram of any endpoint as bars; up and down go to the next of its family."""

from __future__ import annotations

from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest.tui.model.charts import HeldHistograms, histogram_lines
from promlatest.tui.pages.series import selector_of
from promlatest.tui.pages.subject import SubjectPage
from promlatest.views.cells import Line, prose


class HistogramPage(SubjectPage):
    """One histogram, since the start and over the window, and when what came."""

    tab = "Metrics"
    parent_page = "series"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._held = HeldHistograms()

    def path(self) -> str:
        return self.subject.metric if isinstance(self.subject, Labels) else ""

    def draw(self) -> None:
        labels = self.subject
        if not isinstance(labels, Labels):
            return

        def fill(width: int) -> list[Line]:
            own = prose(labels.without(METRIC_NAME).series(), width, "dim")
            return [*own, (), *histogram_lines(labels, self.view, self._held, width)]

        self.draw_lines(labels.metric, fill)

    def selector(self) -> str:
        return selector_of(self.subject) if isinstance(self.subject, Labels) else ""
