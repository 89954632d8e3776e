"""The line in which a filter is typed; what is wrong with it is said beside it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from promlatest.exceptions import UsageError
from promlatest.views.filters import Filter, parse_filter, reason


class FilterBar(Horizontal):
    """An input that narrows rows down while one types."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False),
        Binding("up,down", "leave", show=False),
    ]

    class Changed(Message):
        """The filter is another one.

        Attributes:
            filter: which.
            done: whether the typing has ended.
        """

        def __init__(self, filter_: Filter, done: bool) -> None:
            super().__init__()
            self.filter = filter_
            self.done = done

    def compose(self) -> ComposeResult:
        yield Label("/ ", id="slash")
        yield Input(
            placeholder='regular expression, or {label="value"}', compact=True, id="typed"
        )
        yield Label("", id="wrong")

    def open(self, filter_: Filter) -> None:
        """Show it, with the filter there is."""
        self.display = True
        typed = self.query_one(Input)
        typed.value = filter_.text
        self.screen.set_focus(typed)  # now: the next keys are on their way

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._tell(event.value, done=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._tell(event.value, done=True)

    def action_leave(self) -> None:
        self._tell(self.query_one(Input).value, done=True)

    def action_give_up(self) -> None:
        self.query_one(Input).value = ""
        self._tell("", done=True)

    def _tell(self, text: str, done: bool) -> None:
        try:
            found = parse_filter(text)
        except UsageError as error:  # half of what one types is no expression yet
            self.query_one("#wrong", Label).update(f" ! {reason(error)}")
            return
        self.query_one("#wrong", Label).update("")
        if done:
            self.display = False
        self.post_message(self.Changed(found, done))
