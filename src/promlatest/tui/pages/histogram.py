"""One histogram of any endpoint as bars; up and down go to the next of its family."""

from __future__ import annotations

from collections.abc import Sequence

from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest.tui.model.charts import HeldHistograms, histogram_heat
from promlatest.tui.model.sections import compared, section_title
from promlatest.tui.pages.bars import BarsPage
from promlatest.tui.pages.series import selector_of
from promlatest.views.cells import Cell, Line, line, prose


class HistogramPage(BarsPage):
    """One histogram, since the start and over the window."""

    tab = "Metrics"
    parent_page = "series"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self.labels: Labels | None = None
        self._order: Sequence[Labels] = ()
        self._held = HeldHistograms()

    def open(self, labels: Labels, order: Sequence[Labels]) -> None:
        """Show this one, among these."""
        self.labels, self._order = labels, order

    def path(self) -> str:
        return "" if self.labels is None else self.labels.metric

    def switch(self, step: int) -> None:
        if self.labels in self._order:
            at = self._order.index(self.labels) + step
            self.labels = self._order[max(min(at, len(self._order) - 1), 0)]
            self.draw()

    def draw(self) -> None:
        labels = self.labels
        if labels is None:
            return
        metric, rest = labels.metric, labels.without(METRIC_NAME)
        view = self.view
        found = compared(metric, metric, rest, view.state, view.earlier, view.span)
        place = self._order.index(labels) + 1 if labels in self._order else 0
        title = f"{metric}  {place} of {len(self._order)}"

        def top(width: int) -> list[Line]:
            if found.now is None:
                return [line(Cell("it is not there", "dim"))]
            return prose(rest.series(), width, "dim")

        self.draw_bars(title, top, (found,) if found.now is not None else (), self._heat)

    def _heat(self, width: int) -> list[Line]:
        if self.labels is None:
            return []
        heat = histogram_heat(self.labels, self.view, self._held, width)
        return [line(section_title("when they came", width)), *heat]

    def selector(self) -> str:
        return "" if self.labels is None else selector_of(self.labels)
