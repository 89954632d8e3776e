"""One controller: its figures and its three histograms."""

from __future__ import annotations

from promlatest.tui.model.chosen import compared_all
from promlatest.tui.model.sections import sections
from promlatest.tui.pages.overview import controller_selector
from promlatest.tui.pages.subject import SubjectPage
from promlatest.views.cells import Cell, Line, grid, line
from promlatest.views.controllers import controller_pairs
from promlatest.views.operator import controllers


class ControllerPage(SubjectPage):
    """One controller in full; up and down switch to the next."""

    tab = "Overview"
    parent_page = "overview"

    @property
    def controller(self) -> str:
        """The name of the one that is shown."""
        return str(self.subject or "")

    def path(self) -> str:
        return self.controller

    def draw(self) -> None:
        rows = {row.name: row for row in controllers(self.view.state, self.view.earlier)}
        row = rows.get(self.controller)
        self.order = self.order or list(rows)

        def fill(width: int) -> list[Line]:
            if row is None:
                return [line(Cell("it is not there", "dim"))]
            pairs = grid(controller_pairs(row, self.view.state), width)
            return [*pairs, (), *sections(compared_all(row.name, self.view), width)]

        self.draw_lines(self.controller, fill)

    def selector(self) -> str:
        return controller_selector(self.controller, self.view.state)

    def value(self) -> str:
        return self.controller
