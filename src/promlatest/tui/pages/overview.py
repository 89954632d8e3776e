"""The first page: all controllers, and below them requests, webhooks and the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import format_selector
from promlatest.tui.pages.page import Page
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.lines import Lines
from promlatest.views.cells import Cell, Line, line
from promlatest.views.controllers import controllers_sheet
from promlatest.views.operator import ControllerRow, Overview, overview
from promlatest.views.panels import below_lines


class OverviewPage(Page):
    """An operator at a glance."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup,ctrl+b", "page_below(-1)", show=False),
        Binding("pagedown,ctrl+f,space", "page_below(1)", show=False),
    ]

    tab = "Overview"

    def compose(self) -> ComposeResult:
        yield Grid("controllers", id="controllers")
        yield Lines("requests and process", id="below")

    def draw(self) -> None:
        rows = overview(self.view.state, self.view.earlier)
        sheet = controllers_sheet(self._passing(rows.controllers))
        title = self.title("controllers", len(sheet.rows), len(rows.controllers))
        self.query_one(Grid).show(sheet, title, self._empty())
        self._draw_below(rows)

    def _passing(self, rows: Sequence[ControllerRow]) -> list[ControllerRow]:
        names = self.filter.controllers(self.view.state, [row.name for row in rows])
        return [row for row in rows if row.name in names]

    def _draw_below(self, rows: Overview) -> None:
        figures = self.view.figures
        aged = "".join(cell.text for cell in self.aged())
        self.query_one(Lines).show(
            lambda width: below_lines(rows, width, figures), f"requests and process{aged}"
        )

    def _empty(self) -> Line:
        if self.view.known and not self.view.operator:
            return line(
                Cell("this is no operator; "), Cell("m", "key"),
                Cell(" shows all its metrics"),
            )  # fmt: skip
        return self.nothing("controller")

    @property
    def controller(self) -> str:
        """The chosen controller; "" for none."""
        return str(self.query_one(Grid).chosen or "")

    def selector(self) -> str:
        if not self.controller:
            return ""
        return controller_selector(self.controller)

    def value(self) -> str:
        return self.controller

    def action_page_below(self, step: int) -> None:
        """Scroll what is below the controllers."""
        self.query_one(Lines).action_page(step)


def controller_selector(name: str) -> str:
    """All series of one controller."""
    return format_selector([Matcher("controller", "=", name)])
