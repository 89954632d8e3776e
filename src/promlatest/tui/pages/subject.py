"""Pages of one subject out of several: up and down go to the next."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from promlatest.tui.pages.base import Page
from promlatest.tui.widgets.textpane import Fill, TextPane


class SubjectPage(Page):
    """A subject in full, such as one controller.

    The keys that go a row up or down in a table go to the subject before or after here,
    whatever is scrolled; the others scroll.

    Attributes:
        subject: what is shown; None: nothing was opened yet.
        order: what up and down go through.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "switch(-1)", show=False),
        Binding("down,j", "switch(1)", show=False),
    ]

    class Switched(Message):
        """Another subject is shown.

        Attributes:
            page: the one that shows it.
        """

        def __init__(self, page: SubjectPage) -> None:
            super().__init__()
            self.page = page

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id)
        self.subject: Hashable = None
        self.order: Sequence[Hashable] = ()

    def compose(self) -> ComposeResult:
        lines = TextPane("histograms")
        lines.can_focus = True
        yield lines

    def open(self, subject: Hashable, order: Sequence[Hashable]) -> None:
        """Show this subject, among these."""
        self.subject, self.order = subject, order

    def focused(self) -> Widget | None:
        return self.query_one(TextPane)

    def action_switch(self, step: int) -> None:
        """Go so many subjects on."""
        order = self.order
        if order:
            at = order.index(self.subject) if self.subject in order else 0
            self.subject = order[max(min(at + step, len(order) - 1), 0)]
            self.draw()
            self.post_message(self.Switched(self))

    def next_pane(self, step: int) -> bool:
        self.query_one(TextPane).next_section(step)
        return True

    def draw_lines(self, name: str, fill: Fill) -> None:
        """Draw what this makes, under a title that says which of how many it is."""
        order = self.order
        place = order.index(self.subject) + 1 if self.subject in order else 0
        aged = "".join(cell.text for cell in self.aged())
        title = f"{name}  {place} of {len(order)}{aged}"
        self.query_one(TextPane).show(fill, title)
