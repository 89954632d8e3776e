"""Histograms as lines: since the start, and over the window, beside or below each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from promlatest._histogram import Histogram
from promlatest._increase import PROCESS_START, began_anew
from promlatest._interfaces import Queryable
from promlatest._matching.labels import Labels
from promlatest.exceptions import UsageError
from promlatest.tui.model.health import window_words
from promlatest.tui.model.trends import histogram_of
from promlatest.tui.model.watch import View
from promlatest.views.bars import bar_lines, paired_lines
from promlatest.views.cells import Cell, Line, line
from promlatest.views.units import duration

_HALVES: Final = 96  # from this width on both stand side by side
_LEAST: Final = 40
_BEGAN_AGAIN: Final = "  ↺ it began again: counted from there"


@attrs.frozen(eq=False)
class Compared:
    """One histogram now and earlier.

    Attributes:
        title: what it is of.
        now: since the process started; None: it has not been observed yet.
        window: what came in the window; None: there is no earlier moment.
        over: what the window is, in words.
        reset: whether it began again within the window.
    """

    title: str
    now: Histogram | None
    window: Histogram | None = None
    over: str = ""
    reset: bool = False


def compared(title: str, now: Histogram | None, view: View) -> Compared:
    """A histogram of what is shown, now and over the window."""
    if now is None or view.earlier is None:
        return Compared(title, now)
    over = window_words(view) if view.mark else f"last {duration(view.span, 2)}"
    before = histogram_of(view.earlier, now.labels)
    if before is None:  # it appeared within the window, and so it began at 0 there
        return Compared(title, now, now, over)
    restarted = _restarted(view.state, view.earlier, now.labels)
    try:
        reset = restarted or now.reset_since(before)
    except UsageError:  # another version has other buckets
        return Compared(title, now, now, over, reset=True)
    return Compared(title, now, now if reset else now.since(before), over, reset)


def _restarted(state: Queryable, earlier: Queryable, labels: Labels) -> bool:
    own = {"job": labels.get("job", ""), "instance": labels.get("instance", "")}
    starts = [each.query(PROCESS_START, **own) for each in (earlier, state)]
    before, now = (each[0].value if each else None for each in starts)
    return began_anew(before, now)


def sections(every: Sequence[Compared], width: int) -> list[Line]:
    """Several histograms below each other."""
    made = [section(each, width) for each in every]
    return [each for at, lines in enumerate(made) for each in [*[()] * bool(at), *lines]]


def section(found: Compared, width: int) -> list[Line]:
    """One histogram under its title: since the start and over the window, bucket beside
    bucket where there is room, else one below the other; never wider than `width`."""
    title = line(section_title(found.title, width))
    now, window = found.now, found.window
    if width < _HALVES or now is None or window is None or not window.count:
        return [title, *_since_start(found, width), *_over_window(found, width)]
    heads = [line(Cell("since start", "accent")), _over(found)]
    return [title, *paired_lines(heads, [now, window], width)]


def _over(found: Compared) -> Line:
    again = Cell(_BEGAN_AGAIN if found.reset else "", "warn")
    return line(Cell(found.over, "accent"), again)


def section_title(title: str, width: int) -> Cell:
    """The line above a part of a pane; keys lead from one to the next."""
    return Cell(f"── {title} {'─' * max(width - len(title) - 4, 0)}"[:width], "head")


def _since_start(found: Compared, width: int) -> list[Line]:
    title = line(Cell("since start", "accent"))
    if found.now is None:
        return [title, line(Cell("never observed", "dim"))]
    return [title, *_drawn(found.now, width)]


def _over_window(found: Compared, width: int) -> list[Line]:
    if found.now is None:
        return []
    if found.window is None:
        return [line(Cell("over the window", "accent")),
                line(Cell("needs a second scrape", "dim"))]  # fmt: skip
    if not found.window.count:
        return [_over(found), line(Cell("nothing observed", "dim"))]
    return [_over(found), *_drawn(found.window, width)]


def _drawn(histogram: Histogram, width: int) -> list[Line]:
    return bar_lines(histogram, max(width, _LEAST))
