"""Lines of text in a pane: scrolled by keys and wheel, kept in place by a resize."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip

from promlatest.tui.widgets.toned import Toned, rule
from promlatest.views.cells import Cell, Line, line

Fill = Callable[[int], Sequence[Line]]


def _nothing(width: int) -> Sequence[Line]:
    return ()


class TextPane(Toned):
    """Draws what a function makes for a width.

    Args:
        title: of the pane; "" for lines without one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", show=False),
        Binding("g,home", "edge(-1)", show=False),
        Binding("G,end", "edge(1)", show=False),
    ]

    def __init__(self, title: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title = title
        self._fill: Fill = _nothing
        self._lines: Sequence[Line] = ()
        self._top = 0
        # Where somebody scrolled to: a section, and how many lines below its begin. What
        # a wide screen shows from elsewhere, a narrow one shows from there again.
        self._place = (0, 0)

    @property
    def top(self) -> int:
        """The first line that is shown."""
        return self._top

    @property
    def lines(self) -> Sequence[Line]:
        """All lines, those out of sight too."""
        return self._lines

    def show(self, fill: Fill, title: str = "") -> None:
        """Draw what this makes; what is the same on the screen is left alone."""
        self._fill = fill
        before = self._visible()
        height = len(self._lines)
        self._title = title or self._title
        self._refill()
        if self.styles.is_auto_height and height != len(self._lines):
            self.refresh(layout=True)
            return
        for y, (old, new) in enumerate(zip_longest(before, self._visible())):
            if old != new:  # a line that is gone is one that differs
                self.refresh(Region(0, y, self.size.width, 1))

    def _refill(self) -> None:
        """Make the lines for this width, and keep the place."""
        width = self.size.width
        self._lines = self._fill(width) if width > 0 else ()
        starts = self._sections()
        section, below = self._place
        if starts:
            start = starts[min(section, len(starts) - 1)]
            end = next((each for each in starts if each > start), len(self._lines))
            self._top = min(start + below, max(end - 1, 0))
        self._top = self._bounded(self._top)

    def _sections(self) -> list[int]:
        """Where sections begin: at the top, and at every line that is ruled."""
        ruled = [
            at
            for at, each in enumerate(self._lines)
            if each and each[0].text.startswith("── ")
        ]
        return [0, *(at for at in ruled if at)] if self._lines else []

    # Scrolling

    @property
    def _room(self) -> int:
        return max(self.size.height - bool(self._title), 1)

    def _bounded(self, top: int) -> int:
        return max(min(top, len(self._lines) - self._room), 0)

    def scroll_to_line(self, top: int) -> None:
        """Have this line at the top, if there is enough below it."""
        top = self._bounded(top)
        starts = [each for each in self._sections() if each <= top]
        self._place = (len(starts) - 1, top - starts[-1]) if starts else (0, 0)
        if top != self._top:
            self._top = top
            self.refresh()

    def action_page(self, step: int) -> None:
        self.scroll_to_line(self._top + step * max(self._room - 1, 1))

    def action_edge(self, step: int) -> None:
        self.scroll_to_line(0 if step < 0 else len(self._lines))

    def next_section(self, step: int) -> None:
        """Have the next section, or the one before, at the top; round at the end."""
        starts = self._sections()
        if not starts:
            return
        later = [each for each in starts if each > self._top]
        sooner = [each for each in starts if each < self._top]
        at_end = self._top >= self._bounded(len(self._lines))
        if step > 0:  # a short last section never gets to the top
            self.scroll_to_line(later[0] if later and not at_end else 0)
        else:
            self.scroll_to_line(sooner[-1] if sooner else starts[-1])

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.scroll_to_line(self._top + 3)
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.scroll_to_line(self._top - 3)
        event.stop()

    # Drawing

    def on_resize(self) -> None:
        self._refill()
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._fill(width)) + bool(self._title)

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh()

    def _visible(self) -> list[Line]:
        shown = list(self._lines[self._top : self._top + self._room])
        return [self._head(), *shown] if self._title else shown

    def _head(self) -> Line:
        rest = len(self._lines) - self._top - self._room
        right = []
        if self._top or rest > 0:
            up = "▲" if self._top else " "
            down = f"▼ {rest} more lines" if rest > 0 else ""
            right = [Cell(f"{up}{down}", "dim")]
        return rule(line(Cell(self._title, "head")), right, self.size.width, self.has_focus)

    def render_line(self, y: int) -> Strip:
        visible = self._visible()
        return self.strip(visible[y] if y < len(visible) else (), self.size.width)
