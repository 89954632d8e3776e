"""The line in which the name of a file is typed that a page is written to."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class ExportBar(Horizontal):
    """An input for a path; the end of the name says the format."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False),
    ]

    class Named(Message):
        """A file was named.

        Attributes:
            path: what was typed; "" for none.
        """

        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

    def compose(self) -> ComposeResult:
        yield Label("write to ", id="write-to")
        yield Input(placeholder="a file: .txt, .csv or .json", compact=True, id="path")

    def open(self, name: str) -> None:
        """Show it, with a name that can be taken or changed."""
        self.display = True
        typed = self.query_one(Input)
        typed.value = name
        self.screen.set_focus(typed)  # now: the next keys are on their way

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._done(event.value.strip())

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def action_give_up(self) -> None:
        self._done("")

    def _done(self, path: str) -> None:
        self.display = False
        self.post_message(self.Named(path))
