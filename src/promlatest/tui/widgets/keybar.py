"""The last line: the keys that matter most here, each of which can be clicked."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.timer import Timer

from promlatest.tui.model.keys import hints
from promlatest.tui.widgets.toned import Toned
from promlatest.views.cells import Cell, Line, line
from promlatest.views.text import cells

SAID_FOR = 3.0  # seconds


class KeyBar(Toned):
    """As many keys as fit, each whole; for a moment, what was just done."""

    def __init__(self) -> None:
        super().__init__()
        self._said: Line = ()
        self._until: Timer | None = None
        self._frozen = False

    def show(self, frozen: bool) -> None:
        """Name the keys that step through scrapes, or the usual ones."""
        if frozen != self._frozen:
            self._frozen = frozen
            self.refresh()

    def say(self, text: str, good: bool = True) -> None:
        """Tell for a moment what was done, or what could not be."""
        self._said = line(Cell("✓ ", "good") if good else Cell("! ", "bad"), text)
        if self._until is not None:
            self._until.stop()
        self._until = self.set_timer(SAID_FOR, self._fall_silent)
        self.refresh()

    def _fall_silent(self) -> None:
        self._said = ()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if self._said:
            return self.strip(self._said, self.size.width)
        base = self.visual_style.rich_style
        segments: list[Segment] = []
        left = self.size.width
        for key in hints(self._frozen):
            shown, words = f" {key.shown.split()[0]} ", f"{key.short} "
            left -= cells(shown + words)
            if left < 0:
                break
            click = Style.from_meta({"@click": key.action})
            segments.append(Segment(self.shown(shown), base + self.style_of("key") + click))
            segments.append(Segment(words, base + click))
        return Strip(segments).adjust_cell_length(self.size.width, base)
