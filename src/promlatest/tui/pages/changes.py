"""What changed since the mark, or in the window: the difference that a test would tell."""

from __future__ import annotations

import asyncio
from math import inf
from time import monotonic

from textual.app import ComposeResult

from promlatest._interfaces import Queryable
from promlatest._matching.labels import Labels
from promlatest.tui.model.changes import ChangedSeries, changes, changes_sheet
from promlatest.tui.model.health import window_words
from promlatest.tui.model.series import selector_of
from promlatest.tui.pages.base import Page
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.textpane import TextPane
from promlatest.views.cells import Cell, Line, line, prose
from promlatest.views.text import escaped

_MANY = 2_000  # series; two scrapes of more are compared on a thread
_REST = 20  # times as long as that took nothing is compared: it takes a twentieth of a core


class ChangesPage(Page):
    """A row for each series that is not what it was."""

    tab = "Changes"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self._rested = 0.0  # when two large scrapes may be compared again
        self._asked: tuple[object, ...] = ()  # of which target they were, and the filter

    def compose(self) -> ComposeResult:
        yield Grid("changes", id="changes-grid")
        yield TextPane(id="whole-series")

    def draw(self) -> None:
        view = self.view
        if view.earlier is None:
            empty = "needs a second scrape; x marks now" if view.known else "nothing yet"
            self._show([], line(Cell(empty, "dim")))
            return
        asked = (view.name, self.filter)
        if len(view.state) < _MANY:
            self._show(changes(view.earlier, view.state, self.filter))
        elif self._rested < inf and (asked != self._asked or monotonic() >= self._rested):
            self._rested, self._asked = inf, asked  # until this one is done
            self.run_worker(self._compare(view.earlier, view.state))

    async def _compare(self, before: Queryable, now: Queryable) -> None:
        """Compare on a thread: the loop has scrapes to take meanwhile."""
        started = monotonic()
        try:
            found = await asyncio.to_thread(changes, before, now, self.filter)
        finally:
            self._rested = monotonic() + _REST * (monotonic() - started)
        if self._asked == (self.view.name, self.filter):
            self._show(found)
        else:  # another target, or a filter that was typed meanwhile
            self.draw()

    def _show(self, found: list[ChangedSeries], empty: Line = ()) -> None:
        title = (*self.title("changed", len(found)), *self._since())
        sheet = changes_sheet(found, self.view.span)
        self.query_one(Grid).show(sheet, title, empty or self.nothing("change"))
        self.on_grid_moved()

    def _since(self) -> Line:
        if self.view.mark is not None:
            return line(Cell(f"  {window_words(self.view)}", "accent"))
        return line(Cell(f"  in the last {window_words(self.view)}; x marks now", "dim"))

    def on_grid_moved(self) -> None:
        """Tell the chosen series whole."""
        labels = self.chosen_labels()
        told = "" if labels is None else escaped(selector_of(labels))
        self.query_one(TextPane).show(lambda width: prose(told, width, "dim"))

    def chosen_labels(self) -> Labels | None:
        """The labels of the chosen row; None: there is none."""
        row: ChangedSeries | None = self.query_one(Grid).row
        return None if row is None else row.labels

    def selector(self) -> str:
        labels = self.chosen_labels()
        return "" if labels is None else selector_of(labels)

    def value(self) -> str:
        row: ChangedSeries | None = self.query_one(Grid).row
        return "" if row is None or row.by is None else f"{row.by:g}"
