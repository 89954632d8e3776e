"""From lines with tones to strips with styles: the one place where looks meet meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from promlatest.views.cells import TONES, Cell, Line, Tone, clip, width_of
from promlatest.views.text import to_ascii

# The component classes of a screen that has toned widgets. They stand there, and not in
# each widget: to style 12 of them for 18 widgets took a third of a start.
LOOKS: Final = {
    *(f"tone--{tone}" for tone in TONES if tone),
    "row--chosen",
    "row--chosen-elsewhere",
}


class TonedScreen(Screen[None]):
    """A screen for toned widgets."""

    COMPONENT_CLASSES = LOOKS


class Toned(Widget):
    """A widget that is drawn line by line; the stylesheet says what each tone looks like.

    It keeps the lines that are on the screen, so that only those that differ are drawn
    again.
    """

    def _look(self, name: str) -> Style:
        return self.screen.get_component_rich_style(name, partial=True)

    def style_of(self, tone: Tone) -> Style:
        """What a tone looks like here."""
        return self._look(f"tone--{tone}") if tone else Style()

    def shown(self, text: str) -> str:
        """The text as this terminal can show it."""
        return to_ascii(text) if getattr(self.app, "ascii_only", False) else text

    def strip(self, cells: Iterable[Cell], width: int, chosen: str = "") -> Strip:
        """A line as wide as the widget; `chosen` is the class of a row that stands out."""
        base = self.visual_style.rich_style
        over = self._look(chosen) if chosen else Style()
        segments = [
            Segment(self.shown(text), base + self.style_of(tone) + over)
            for text, tone in clip(tuple(cells), width)
        ]
        return Strip(segments).simplify().adjust_cell_length(width, base + over)


def rule(title: Line, right: Iterable[Cell], width: int, focused: bool) -> Line:
    """The head of a pane: its title, a line, and what is to be said at the right, which
    stays where the title has to be cut. The line is thick where the keys go to."""
    drawn = "━" if focused else "─"
    tone: Tone = "key" if focused else "dim"
    told = tuple(right)
    ends = (Cell(" "), *told) if told else ()
    room = width - width_of(ends) - 4
    shown = clip(title, room)
    line = drawn * (room - width_of(shown))
    return (Cell(f"{drawn * 2} ", tone), *shown, Cell(f" {line}", tone), *ends)
