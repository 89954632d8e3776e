"""Text with a meaning: what a widget draws, without a colour in it.

A cell carries a *tone*, which says what it means; the stylesheet says what that looks
like, in light, in dark and without colour. A tone never stands alone: what is bad also
says so in words or with a sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from math import isfinite, isnan
from typing import Final, Literal, NamedTuple, get_args

from promlatest.views.text import ELLIPSIS, Align, cells, escaped, fold, pad, shorten

Tone = Literal[
    "", "dim", "head", "good", "warn", "bad", "accent", "new", "bar", "mark", "key"
]
TONES: Final[tuple[Tone, ...]] = get_args(Tone)

_STEPS: Final = "▁▂▃▄▅▆▇█"


class Cell(NamedTuple):
    """A text and what it means."""

    text: str
    tone: Tone = ""


Line = tuple[Cell, ...]


def line(*parts: Cell | str) -> Line:
    """A line of cells and plain texts."""
    return tuple(Cell(part) if isinstance(part, str) else part for part in parts)


def width_of(given: Line) -> int:
    """How many cells of a terminal a line takes."""
    return sum(cells(text) for text, _ in given)


def clip(given: Line, width: int) -> Line:
    """The line in at most this many cells, escaped; "…" where it was cut.

    >>> clip(line("reconcile ", Cell("time", "head")), 12)
    (Cell(text='reconcile ', tone=''), Cell(text='t…', tone='head'))
    """
    kept: list[Cell] = []
    left = width
    for text, tone in given:
        shown = escaped(text)
        takes = cells(shown)
        if takes > left:
            kept.append(Cell(_cut(shown, left), tone))
            break
        kept.append(Cell(shown, tone))
        left -= takes
    return tuple(kept)


def _cut(text: str, width: int) -> str:
    short = text
    while short and cells(short) + 1 > width:
        short = short[:-1]
    return short + ELLIPSIS if width > 0 else ""


def fitted(cell: Cell, width: int, align: Align, prose: bool = False) -> Cell:
    """The cell in exactly this many cells; a text that is too long loses its middle, and
    prose its end."""
    return Cell(pad(shorten(escaped(cell.text), width, prose), width, align), cell.tone)


def flow(items: Iterable[Line], width: int, gap: str = "  ") -> list[Line]:
    """Lines of items, as many on each as fit; an item that fits on none is wrapped."""
    lines: list[Line] = []
    current: Line = ()
    for item in items:
        for part in _wrapped(item, width):
            longer = (*current, Cell(gap), *part) if current else part
            if current and width_of(longer) > width:
                lines.append(current)
                longer = part
            current = longer
    return [*lines, current] if current else lines


def _wrapped(item: Line, width: int) -> list[Line]:
    if width_of(item) <= width:
        return [item]
    words = [(word, tone) for text, tone in item for word in escaped(text).split()]
    return (
        flow((line(Cell(word, tone)) for word, tone in words if word), width, " ")
        if (len(words) > 1)
        else [clip(item, width)]
    )


def prose(text: str, width: int, tone: Tone = "") -> list[Line]:
    """A text of several paragraphs, wrapped; lines that begin with blanks are kept."""
    made: list[Line] = []
    for paragraph in text.split("\n"):
        lead = paragraph[: len(paragraph) - len(paragraph.lstrip())]
        words = escaped(paragraph).split()
        for folded in fold(words, max(width - len(lead), 8)):
            made.append(line(Cell(lead + folded, tone)))
    return made


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last values as a line of steps from zero to their most.

    Zero is always on it, so that what is steady looks steady.

    >>> sparkline([0, 2, None, 4], 6), sparkline([20, 21, 20, 20], 4)
    ('  ▁▅ █', '████')
    """
    shown = values[-width:] if width > 0 else ()
    low, high = _ends(shown)
    return "".join(_step(value, low, high) for value in shown).rjust(width)


def _ends(values: Iterable[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None and isfinite(value)]
    return min(0.0, min(known, default=0.0)), max(0.0, max(known, default=0.0))


def scaled_trend(
    values: Sequence[float | None], room: int, most: int, words: Callable[[float], str]
) -> Line:
    """A sparkline with what its lowest and its highest step stand for.

    >>> text_of(scaled_trend([1.0, 2.0, 4.0], 14, 8, str))
    '     ▃▅█ 0–4.0'

    Args:
        values: the newest last.
        room: for all of it; where there is too little, the scale goes first.
        most: for the steps.
        words: how a value is written.
    """
    low, high = _ends(values[-most:])
    scale = f" {words(low) if low else '0'}–{words(high)}"
    told = high > low and room - cells(scale) >= min(most, 8)
    steps = max(min(most, room - (cells(scale) if told else 0)), 0)
    drawn = Cell(sparkline(values, steps), "bar")
    return line(drawn, Cell(scale, "dim")) if told else line(drawn)


def grid(pairs: Mapping[str, Cell], width: int, least: int = 14) -> list[Line]:
    """Names and values in columns, as many beside each other as fit, read downwards. The
    columns stay where they are while the values change."""
    if not pairs:
        return []
    names = min(max(cells(escaped(name)) for name in pairs), width // 2)
    widest = max(cells(escaped(value.text)) for value in pairs.values())
    values = max(min(max(least, widest), width - names - 2), 0)
    beside = max((width + 3) // (names + values + 5), 1)
    made = [
        (
            fitted(Cell(name, "dim"), names, "left"),
            Cell("  "),
            fitted(value, values, "left"),
        )
        for name, value in pairs.items()
    ]
    rows = -(-len(made) // beside)
    return [_spaced(made[row::rows]) for row in range(rows)]


def beside(
    left: Sequence[Line], right: Sequence[Line], width: int, gap: int = 3
) -> list[Line]:
    """Two blocks side by side if they fit, else one below the other.

    >>> [text_of(each) for each in beside([line("ab"), line("c")], [line("de")], 20)]
    ['ab   de', 'c']
    """
    middle = max(map(width_of, left), default=0) + gap
    if not left or not right or middle + max(map(width_of, right)) > width:
        return [*left, *([()] if left and right else []), *right]
    return [
        (*one, Cell(" " * (middle - width_of(one))), *other)
        for one, other in zip_longest(left, right, fillvalue=())
    ]


def text_of(given: Line) -> str:
    """The line as plain text, without blanks at its end."""
    return "".join(text for text, _ in given).rstrip()


def _spaced(items: Iterable[Line]) -> Line:
    joined: Line = ()
    for item in items:
        joined = (*joined, Cell("   "), *item) if joined else item
    return joined


def _step(value: float | None, low: float, high: float) -> str:
    if value is None or not isfinite(value):
        return " "
    if high <= low:
        return _STEPS[0]
    return _STEPS[min(int((value - low) / (high - low) * len(_STEPS)), len(_STEPS) - 1)]


def natural(text: str) -> tuple[bool, float, str]:
    """A key under which numbers come in their order, and before words.

    >>> sorted(["10", "9", "b", "+Inf"], key=natural)
    ['9', '10', '+Inf', 'b']
    """
    try:
        number = float(text)
    except ValueError:
        return True, 0.0, text
    return (True, 0.0, text) if isnan(number) else (False, number, text)
