"""The first page: all controllers, and below them requests, webhooks and the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from promlatest._interfaces import Queryable
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import format_selector
from promlatest.tui.model.chosen import chosen_lines
from promlatest.tui.model.health import window_words
from promlatest.tui.model.trends import Trends
from promlatest.tui.model.watch import View
from promlatest.tui.pages.base import Page
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.textpane import TextPane
from promlatest.views.cells import Cell, Line, line, prose
from promlatest.views.controllers import all_controllers_sheet, controllers_sheet
from promlatest.views.operator import OWNERS, ControllerRow, Overview, controllers, overview
from promlatest.views.panels import below_lines
from promlatest.views.sheet import Sheet

_CHOSEN_LEAST: Final = 5  # lines, for its title and its figures over time


class OverviewPage(Page):
    """An operator at a glance."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup,ctrl+b", "page_below(-1)", show=False),
        Binding("pagedown,ctrl+f,space", "page_below(1)", show=False),
    ]

    tab = "Overview"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._trends = Trends()
        self.views: Sequence[View] = ()  # of all targets, if all are to be shown

    def compose(self) -> ComposeResult:
        yield Grid("controllers", id="controllers")
        yield TextPane(id="whole-name")
        yield TextPane("chosen", id="chosen")
        yield TextPane("requests and process", id="below")

    def draw(self) -> None:
        view = self.view
        rows = overview(view.state, view.earlier, since_start=view.since_start)
        every = self._every() if self.views else {view.name: rows.controllers}
        passing = {v.name: self._passing(every[v.name], v) for v in self.views or (view,)}
        sheet: Sheet[Any] = (
            all_controllers_sheet(passing)
            if self.views
            else controllers_sheet(passing[view.name])
        )
        title = self.title("controllers", len(sheet.rows), sum(map(len, every.values())))
        self.query_one(Grid).show(sheet, (*title, *self._over()), self._empty())
        self._trends.forget(view.past)
        self._draw_below(rows)
        self.on_grid_moved()

    def on_grid_moved(self) -> None:
        """Tell the whole name of the chosen controller, where its column cut it."""
        grid, lines = self.query_one(Grid), self.query_one("#whole-name", TextPane)
        lines.display = grid.cuts_names
        lines.show(lambda width: prose(self.controller, width, "head"))
        self._arrange()

    def on_resize(self) -> None:
        self.call_after_refresh(self._arrange)  # the panes have made their lines by then

    def _arrange(self) -> None:
        """Give the room to the panes: as many rows as there are, what stands below them,
        and if there is more, the chosen controller in full."""
        grid, chosen = self.query_one(Grid), self.query_one("#chosen", TextPane)
        panels = self.query_one("#below", TextPane)
        room = self.size.height - self.query_one("#whole-name").display
        rows, below = grid.needs, len(panels.lines) + 1
        left = room - rows - below
        here = bool(self.controller) and self.target == self.view.name
        chosen.display = left >= _CHOSEN_LEAST and here
        grid.styles.height = min(rows, max(room - below, room * 55 // 100, 4))
        panels.styles.height = below if chosen.display else "1fr"
        if chosen.display:
            name, view, trends = self.controller, self.view, self._trends
            chosen.show(
                lambda width: chosen_lines(name, view, trends, width),
                f"{name}  enter opens it",
            )

    def _over(self) -> Line:
        """What p50 and p99 are of."""
        if self.view.since_start or not self.view.span:
            return line(Cell("  p50, p99 since start", "accent"))
        over = "the" if self.view.mark else "the last"
        return line(Cell(f"  p50, p99 of {over} {window_words(self.view)}", "dim"))

    def _every(self) -> dict[str, Sequence[ControllerRow]]:
        """The controllers of all targets."""
        return {
            view.name: controllers(view.state, view.earlier, since_start=view.since_start)
            for view in self.views
        }

    def _passing(self, rows: Sequence[ControllerRow], view: View) -> list[ControllerRow]:
        names = self.filter.controllers(view.state, [row.name for row in rows])
        return [row for row in rows if row.name in names]

    def _draw_below(self, rows: Overview) -> None:
        figures = self.view.figures
        aged = "".join(cell.text for cell in self.aged())
        self.query_one("#below", TextPane).show(
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
        return self._chosen[1]

    @property
    def target(self) -> str:
        """The target of the chosen controller."""
        return self._chosen[0]

    @property
    def _chosen(self) -> tuple[str, str]:
        key = self.query_one(Grid).chosen
        return key if isinstance(key, tuple) else (self.view.name, str(key or ""))

    def selector(self) -> str:
        return controller_selector(self.controller, self.view.state)

    def value(self) -> str:
        return self.controller

    def action_page_below(self, step: int) -> None:
        """Scroll what is below the controllers."""
        self.query_one("#below", TextPane).action_page(step)


def controller_selector(name: str, state: Queryable) -> str:
    """All series of one controller, by the first label that names it; "" for none."""
    if not name:
        return ""
    label = next((each for each in OWNERS if name in state.label_values(each)), OWNERS[0])
    return format_selector([Matcher(label, "=", name)])
