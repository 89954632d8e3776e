"""The page that explains everything that can be pressed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from promlatest.tui.model.keys import help_lines
from promlatest.tui.widgets.textpane import TextPane
from promlatest.tui.widgets.toned import LOOKS


class HelpScreen(ModalScreen[None]):
    """Over everything; any of the keys that leave something leaves it."""

    COMPONENT_CLASSES = LOOKS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", show=False),
        Binding("up,k", "step(-1)", show=False),
        Binding("down,j", "step(1)", show=False),
    ]

    def compose(self) -> ComposeResult:
        lines = TextPane("help: esc or q closes it", id="help")
        lines.can_focus = True
        yield lines

    def on_mount(self) -> None:
        lines = self.query_one(TextPane)
        lines.show(help_lines)
        lines.focus()

    def action_step(self, step: int) -> None:
        lines = self.query_one(TextPane)
        lines.scroll_to_line(lines.top + step)
