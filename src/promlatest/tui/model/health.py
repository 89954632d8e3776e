"""The health of a target in words: the line at the top, and why it is down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from promlatest.exceptions import EndpointError, ParseError
from promlatest.tui.model.watch import View
from promlatest.views.cells import Cell, Line, Tone, flow, line, prose
from promlatest.views.controllers import short_target
from promlatest.views.operator import leaders, process
from promlatest.views.text import pad
from promlatest.views.units import count, duration

_ONE_LINE: Final = 150


@attrs.frozen
class DashboardStatus:
    """What the dashboard itself is doing, for the health line.

    Attributes:
        interval: seconds between two scrapes.
        paused: whether it has stopped scraping.
        targets: how many there are.
        down: how many of them are down.
        number: of the target that is shown, from 1.
    """

    interval: float = 1.0
    paused: bool = False
    targets: int = 1
    down: int = 0
    number: int = 1


def state_cell(view: View) -> Cell:
    """Up or down, with a sign of its own, so that nobody needs the colour."""
    if view.error is not None:
        return Cell("✖ DOWN", "bad")
    if not view.known:
        return Cell("… connecting", "dim")
    return Cell("● up", "good")


def health_lines(view: View, status: DashboardStatus, now: int, width: int) -> list[Line]:
    """The health line; two where it is narrow. What matters least is left out where there
    is no room for it, so that the page below stays where it is."""
    most = 1 if width >= _ONE_LINE else 2
    items = list(_items(view, status, now))
    lines = flow(items, width)
    while len(lines) > most:
        items.pop()
        lines = flow(items, width)
    return [*lines, *[()] * (most - len(lines))]


def _items(view: View, status: DashboardStatus, now: int) -> Iterator[Line]:
    """What there is to say, the most important first."""
    yield line(Cell(short_target(view.name), "head"))
    if status.targets > 1:
        down = f", {status.down} down" if status.down else ""
        tone: Tone = "bad" if status.down else ""
        yield line(Cell(f"target {status.number} of {status.targets}{down}", tone))
    yield line(state_cell(view), *_down_for(view, now))
    if status.paused:
        yield line(Cell("‖ PAUSED", "warn"))
    if view.frozen is not None:
        shown = f"{ago(now - view.timestamp)} ago"
        newer = f"{view.frozen} newer" if view.frozen else "the newest"
        yield line(Cell(f"❄ FROZEN {shown}, {newer}", "warn"))
    if view.marked:
        yield line(Cell(f"⚑ marked {ago(now - view.marked)} ago", "accent"))
    if view.known and view.frozen is None:
        yield line(_scraped(view, now))
    if view.known:
        yield from _restart_item(view)
    yield line(Cell(f"every {duration(status.interval)}", "dim"))
    if view.known and view.error is None:
        yield from _more(view)


def _down_for(view: View, now: int) -> Iterator[Cell | str]:
    if view.error is not None and view.failing_since:
        yield f" for {ago(now - view.failing_since)}"


def _scraped(view: View, now: int) -> Cell:
    age = ago(now - view.timestamp)
    if view.error is not None:
        return Cell(f"last good scrape {age} ago", "warn")
    took = f" in {pad(duration(view.took, 2), 6)}" if view.took is not None else ""
    return Cell(f"scraped {age} ago{took}" if age != "0 s" else f"scraped just now{took}")


def ago(milliseconds: int) -> str:
    """An age in whole units, so that it does not flicker.

    >>> ago(450), ago(12_345), ago(200_000)
    ('0 s', '12 s', '3 min')
    """
    seconds = max(milliseconds, 0) // 1000
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _restart_item(view: View) -> Iterator[Line]:
    if view.restarts:
        times = "once" if view.restarts == 1 else f"{view.restarts} times"
        yield line(Cell(f"↺ restarted {times}", "warn"))
    elif process(view.state).started is not None:
        yield line(Cell("no restart seen", "dim"))


def _more(view: View) -> Iterator[Line]:
    for lease in leaders(view.state):
        if lease.leading:
            yield line("leader")
        else:
            yield line(Cell(f"not the leader of {lease.lease}", "warn"))
    row = process(view.state)
    if row.uptime is not None:
        yield line(f"started {duration(row.uptime, 2)} ago")
    yield line(f"{count(len(view.state))} series")
    yield line(Cell(f"rates over {window_words(view)}", "dim"))


def window_words(view: View) -> str:
    """How long the window is, and how long it is to become."""
    if view.span and view.mark is not None:
        return f"{duration(view.span, 2)} since the mark"
    if not view.span:
        return f"{duration(view.seconds)}: needs a second scrape"
    span = duration(view.span, 2)
    wanted = duration(view.seconds)
    return span if view.span >= 0.9 * view.seconds else f"{span} of {wanted}"


# -- what went wrong ------------------------------------------------------------------


def error_lines(
    view: View, width: int, *, brief: bool = False, first_time: str = ""
) -> list[Line]:
    """Why the target is down and what to do about it; nothing if it is up.

    Args:
        view: of the target.
        width: of the screen.
        brief: leave out what to do: there is no room beside the last known values.
        first_time: what to say to somebody who named no target.
    """
    if view.error is None:
        return []
    message = _message(view.error)
    if brief or (view.known and message.startswith("connection refused")):
        # What was up needs no flags to serve metrics: it ended, and may come back.
        message = message.split("\n")[0].partition(". ")[0]
    if brief:
        return [*prose(f"✖ {message}", width, "bad"), line(Cell(_KEPT, "dim"))]
    made = prose(f"✖ {message}", width, "bad")
    made += [each for text in _advice(view, first_time) for each in prose(text, width)]
    return made


_KEPT = "The last known values stay below; it is tried again."


def _message(error: Exception) -> str:
    if isinstance(error, EndpointError):
        return error.message
    return f"{type(error).__name__}: {error}"


def _advice(view: View, first_time: str) -> Iterator[str]:
    if isinstance(view.error, ParseError):
        yield (
            "What it exposes breaks the format there; nothing of that scrape is kept."
            f" To see all that is wrong: promlatest check {short_target(view.name)}"
        )
    if first_time and not view.known:
        yield first_time
    if view.known:
        yield _KEPT
    else:
        yield "It is tried again at every interval, or at once with r. q quits."


FIRST_TIME = (
    "No target was named, so this is the port at which controller-runtime serves metrics."
    "\nAnother one:             promlatest top :PORT"
    "\nA demo to look around:   promlatest top --demo"
)
