"""One controller: its figures and its three histograms."""

from __future__ import annotations

from textual.message import Message

from promlatest.tui.model.chosen import compared_all
from promlatest.tui.pages.bars import BarsPage
from promlatest.tui.pages.overview import controller_selector
from promlatest.views.cells import Cell, grid, line
from promlatest.views.controllers import controller_pairs
from promlatest.views.operator import controllers


class ControllerPage(BarsPage):
    """One controller in full; up and down switch to the next."""

    tab = "Overview"
    parent_page = "overview"

    class Switched(Message):
        """Another controller is shown.

        Attributes:
            name: which.
        """

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self.controller = ""
        self.order: list[str] = []

    def path(self) -> str:
        return self.controller

    def switch(self, step: int) -> None:
        names = self._names()
        if not names:
            return
        at = names.index(self.controller) if self.controller in names else 0
        self.controller = names[max(min(at + step, len(names) - 1), 0)]
        self.draw()
        self.post_message(self.Switched(self.controller))

    def _names(self) -> list[str]:
        """The controllers, in the order of the overview."""
        return self.order or [row.name for row in controllers(self.view.state)]

    def draw(self) -> None:
        rows = {row.name: row for row in controllers(self.view.state, self.view.before)}
        row = rows.get(self.controller)
        names = self._names()
        place = names.index(self.controller) + 1 if self.controller in names else 0
        title = f"{self.controller}  {place} of {len(names)}"
        if row is None:
            self.draw_bars(title, lambda _: [line(Cell("it is not there", "dim"))], ())
            return
        pairs = controller_pairs(row, self.view.state)
        found = compared_all(row.name, self.view)
        self.draw_bars(title, lambda width: grid(pairs, width), found)

    def selector(self) -> str:
        return controller_selector(self.controller, self.view.state)

    def value(self) -> str:
        return self.controller
