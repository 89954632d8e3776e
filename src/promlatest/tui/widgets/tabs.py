"""The pages that one can go to, and which one is shown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from promlatest.tui.widgets.toned import Toned
from promlatest.views.cells import Tone
from promlatest.views.text import cells, escaped, shorten


class Tabs(Toned):
    """A line of pages; brackets tell the one that is shown, and the path says where in it
    one is.

    Args:
        pages: their names; each is the id of a page, but for its capital.
    """

    def __init__(self, pages: Sequence[str]) -> None:
        super().__init__()
        self._pages = pages
        self._shown = ""
        self._path = ""

    def show(self, page: str, path: str = "") -> None:
        """Tell which page is shown, and where in it one is."""
        if (page, path) != (self._shown, self._path):
            self._shown, self._path = page, path
            self.refresh()

    def render_line(self, y: int) -> Strip:
        base = self.visual_style.rich_style
        segments: list[Segment] = []
        left = self.size.width
        for name in self._pages:
            here = name == self._shown
            click = Style.from_meta({"@click": f"app.go('{name.lower()}')"})
            left_end, right_end = "[]" if here else "  "
            tone: Tone = "key" if here else ""
            for text, each in (
                (left_end, tone),
                (name[0], "key"),
                (name[1:] + right_end, tone),
            ):
                segments.append(Segment(text, base + self.style_of(each) + click))
            left -= cells(name) + 2
        if self._path and left > 6:
            path = self.shown(shorten(f" › {escaped(self._path)}", left))
            segments.append(Segment(path, base + self.style_of("head")))
        return Strip(segments).adjust_cell_length(self.size.width, base)
