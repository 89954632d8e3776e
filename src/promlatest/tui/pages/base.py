"""What every page can do, so that the application needs to know none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from textual.containers import Vertical
from textual.widget import Widget

from promlatest.tui.model.watch import View
from promlatest.tui.widgets.grid import Grid
from promlatest.views.cells import Cell, Line, line
from promlatest.views.filters import NO_FILTER, Filter

T = TypeVar("T")
MANY: Final = 20_000  # series; what is linear in so many is done on a thread


class Page(Vertical):
    """One page: it draws a view when it is told to, and answers for its keys.

    Attributes:
        tab: the name of the tab it belongs to.
        parent_page: the id of the page that `esc` leads to; "" for one of the first.
    """

    tab = ""
    parent_page = ""

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.view = View("")
        self.filter: Filter = NO_FILTER
        self._wanted: object = None  # what was listed last

    def show(self, view: View) -> None:
        """Draw a view."""
        self.view = view
        self.draw()

    def draw(self) -> None:
        """Put the rows of the view into the widgets."""

    def list_once(
        self, wanted: object, make: Callable[[], T], take: Callable[[T], None]
    ) -> None:
        """Have rows made anew only where something else is wanted; of very many series on
        a thread, since the loop has scrapes to take meanwhile."""
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if len(self.view.state) < MANY:
            take(make())
        else:
            self.run_worker(self._list_apart(wanted, make, take), exclusive=True)

    async def _list_apart(
        self, wanted: object, make: Callable[[], T], take: Callable[[T], None]
    ) -> None:
        made = await asyncio.to_thread(make)
        if wanted == self._wanted:
            take(made)
            self.draw()

    def path(self) -> str:
        """Where in its tab one is."""
        return ""

    def focused(self) -> Widget | None:
        """What the keys go to."""
        return next(iter(self.query(Grid)), None)

    def narrow(self, filter_: Filter) -> None:
        """Show only what passes."""
        self.filter = filter_
        self.draw()

    def sort(self, turn: bool) -> None:
        """Sort by the next column, or the other way round."""
        grid = next(iter(self.query(Grid)), None)
        if grid is not None:
            grid.sort_turned() if turn else grid.sort_next()

    def next_pane(self, step: int) -> bool:
        """Go to the next pane; False: there is none, and it is the next page's turn."""
        return False

    @property
    def chosen(self) -> str:
        """The key of the chosen row as text; "" for none."""
        grid = next(iter(self.query(Grid)), None)
        return "" if grid is None else str(grid.chosen or "")

    def selector(self) -> str:
        """The selector of what is chosen; "" for none."""
        return self.chosen

    def value(self) -> str:
        """The value of what is chosen; "" for none."""
        return self.chosen

    def title(self, name: str, count: int, of: int | None = None) -> Line:
        """The title of a pane: how many rows, and what narrows or ages them."""
        shown = f"{count} of {of}" if of is not None and of != count else f"{count}"
        parts: list[Cell | str] = [Cell(name, "head"), Cell(f" {shown}", "dim")]
        if self.filter:
            parts.append(Cell(f"  /{self.filter.text}  (esc ends it)", "accent"))
        return line(*parts, *self.aged())

    def aged(self) -> tuple[Cell, ...]:
        """What says that rows are the last known ones."""
        return (Cell("  STALE: last known", "warn"),) if self.view.stale else ()

    def nothing(self, what: str) -> Line:
        """What stands where there are no rows."""
        if not self.view.known:
            return line(Cell("nothing is known yet", "dim"))
        if self.filter:
            return line(Cell(f"no {what} passes /{self.filter.text}", "dim"))
        return line(Cell(f"no {what} here", "dim"))
