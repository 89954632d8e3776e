"""A line in which something is typed, shown while one does."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label


class TypedLine(Horizontal):
    """A label and an input.

    Attributes:
        label: what stands before the input.
        hint: what stands in it while it is empty.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", show=False)]

    label = ""
    hint = ""

    def compose(self) -> ComposeResult:
        yield Label(self.label)
        yield Input(placeholder=self.hint, compact=True)

    def open_with(self, text: str) -> None:
        """Show it, with a text that can be taken or changed."""
        self.display = True
        typed = self.query_one(Input)
        typed.value = text
        self.screen.set_focus(typed)  # now: the next keys are on their way

    def typed(self, text: str, done: bool) -> None:
        """Take what was typed so far, or in the end."""

    def action_give_up(self) -> None:
        self.query_one(Input).value = ""
        self.typed("", done=True)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.typed(event.value, done=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.typed(event.value, done=True)
