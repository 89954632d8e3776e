"""The line in which the name of a file is typed that a page is written to."""

from __future__ import annotations

from textual.message import Message

from promlatest.tui.widgets.typedline import TypedLine


class ExportBar(TypedLine):
    """An input for a path; the end of the name says the format."""

    label = "write to "
    hint = "a file: .txt, .csv or .json"

    class Named(Message):
        """A file was named.

        Attributes:
            path: what was typed; "" for none.
        """

        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

    def typed(self, text: str, done: bool) -> None:
        if done:
            self.display = False
            self.post_message(self.Named(text.strip()))
