"""The line in which a filter is typed; what is wrong with it is said beside it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, Label

from promlatest.exceptions import UsageError
from promlatest.tui.widgets.typedline import TypedLine
from promlatest.views.filters import Filter, parse_filter, reason


class FilterBar(TypedLine):
    """An input that narrows rows down while one types."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("up,down", "leave", show=False)]

    label = "/ "
    hint = 'regular expression, or {label="value"}'

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
        yield from super().compose()
        yield Label("", id="wrong")

    def action_leave(self) -> None:
        self.typed(self.query_one(Input).value, done=True)

    def typed(self, text: str, done: bool) -> None:
        try:
            found = parse_filter(text)
        except UsageError as error:  # half of what one types is no expression yet
            self.query_one("#wrong", Label).update(f" ! {reason(error)}")
            return
        self.query_one("#wrong", Label).update("")
        if done:
            self.display = False
        self.post_message(self.Changed(found, done))
