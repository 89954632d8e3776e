"""Pages of histograms: figures on top, then bars; up and down go to the next subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from promlatest.tui.model.sections import Compared, section
from promlatest.tui.pages.page import Page
from promlatest.tui.widgets.textpane import TextPane
from promlatest.views.cells import Line


class BarsPage(Page):
    """A subject with its histograms.

    The keys that go a row up or down in a table go to the subject before or after here,
    whatever is scrolled; the others scroll.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "switch(-1)", show=False),
        Binding("down,j", "switch(1)", show=False),
    ]

    def compose(self) -> ComposeResult:
        lines = TextPane("histograms")
        lines.can_focus = True
        yield lines

    def focused(self) -> Widget | None:
        return self.query_one(TextPane)

    def action_switch(self, step: int) -> None:
        """Go to another subject."""
        self.switch(step)

    def switch(self, step: int) -> None:
        """Go so many subjects on."""

    def next_pane(self, step: int) -> bool:
        self.query_one(TextPane).next_section(step)
        return True

    def draw_bars(
        self,
        title: str,
        top: Callable[[int], Sequence[Line]],
        found: Sequence[Compared],
        below: Callable[[int], Sequence[Line]] = lambda width: (),
    ) -> None:
        """Draw figures, histograms and what stands below them."""
        aged = "".join(cell.text for cell in self.aged())

        def fill(width: int) -> list[Line]:
            made = list(top(width))
            for each in found:
                made += [*([()] if made else []), *section(each, width)]
            more = below(width)
            return [*made, *([()] if more else []), *more]

        self.query_one(TextPane).show(fill, f"{title}{aged}")
