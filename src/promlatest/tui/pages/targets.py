"""All targets and how they are."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from promlatest._clock import now_ms
from promlatest.tui.model.targets import TargetRow, target_lines, targets_sheet
from promlatest.tui.model.watch import View
from promlatest.tui.pages.base import Page
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.textpane import TextPane
from promlatest.views.cells import Cell, line


class TargetsPage(Page):
    """A row for each target; enter shows it."""

    tab = "Targets"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._views: Sequence[View] = ()

    def compose(self) -> ComposeResult:
        yield Grid("targets", id="targets-grid")
        yield TextPane(id="chosen-target")

    def show_all(self, views: Sequence[View], shown: str) -> None:
        """Draw these targets, of which one is shown on the other pages."""
        self._views = [
            view for view in views if self.filter.passes_target(view.name, view.state)
        ]
        sheet = targets_sheet(self._views, shown, now_ms())
        title = self.title("targets", len(sheet.rows), len(views))
        self.query_one(Grid).show(sheet, title, line(Cell("no target passes", "dim")))
        self.on_grid_moved()

    def on_grid_moved(self) -> None:
        """Tell of the chosen target all that its row may have no room for."""
        row: TargetRow | None = self.query_one(Grid).row
        self.query_one(TextPane).show(lambda width: target_lines(row, width))

    def aged(self) -> tuple[Cell, ...]:
        return ()
