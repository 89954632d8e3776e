"""Every key, what it does, and which of them the last line of a page names.

The help and the line at the bottom are made of this table, so that neither can forget a
key; a test compares it with what the application binds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from promlatest.views.cells import Cell, Line, line
from promlatest.views.text import fold, pad

_INDENT: Final = 13


class Key(NamedTuple):
    """What can be pressed.

    Attributes:
        shown: as a person reads it.
        keys: as the application binds them.
        words: what it does.
        short: the same in one word, for the last line; "": it is not named there.
        action: what a click on that word does.
    """

    shown: str
    keys: tuple[str, ...]
    words: str
    short: str = ""
    action: str = ""


KEYS: Final[Sequence[tuple[str, Sequence[Key]]]] = (
    ("Everywhere", (
        Key("?", ("question_mark",), "this page", "help", "app.help()"),
        Key("q", ("q", "ctrl+c"), "quit; ctrl+c does it too", "quit", "app.leave()"),
        Key("esc", ("escape",), "back; ends a filter first", "back", "app.back()"),
        Key("tab", ("tab", "shift+tab"), "the next page, or the next histogram; shift+tab"
            " the one before", "page", "app.next_page(1)"),
        Key("o m c t", ("o", "m", "c", "t"), "overview, metrics, changes, targets"),
        Key("1 … 9", tuple("123456789"), "the target of that number"),
        Key("r", ("r",), "scrape now", "scrape", "app.scrape()"),
        Key("p", ("p",), "pause, and go on", "pause", "app.pause()"),
        Key("+ -", ("plus", "equals_sign", "minus"), "scrape more seldom, more often"),
        Key("[ ]", ("left_square_bracket", "right_square_bracket"),
            "shorter, longer window for rates, p50, p99 and histograms"),
        Key("w", ("w",), "p50 and p99 of the window, or since the start"),
        Key("x", ("x",), "mark what is shown: all pages show what came since; again to let"
            " go", "mark", "app.mark()"),
        Key("f", ("f",), "freeze the view; ← → step through the scrapes", "freeze",
            "app.freeze()"),
        Key("a", ("a",), "the controllers of all targets in one table, or of one"),
        Key("e", ("e",), "write what is shown to a file: text, CSV, JSON", "export",
            "app.export()"),
        Key("y Y", ("y", "Y"), "copy the selector, the value", "copy", "app.copy(False)"),
        Key("d", ("d",), "dark, light"),
        Key("ctrl+z", ("ctrl+z",), "stop for a while; fg comes back"),
    )),
    ("In a table", (
        Key("↑ ↓ j k", ("up", "down", "j", "k"), "the row above, below; of controllers"
            " from anywhere"),
        Key("g G", ("g", "G", "home", "end"), "the first, the last"),
        Key("pgup pgdn", ("pageup", "pagedown", "ctrl+b", "ctrl+f", "space"),
            "a screen up, down; below the controllers, and of histograms, too"),
        Key("← → h l", ("left", "right", "h", "l"), "further columns"),
        Key("enter", ("enter",), "open it", "open", "app.open()"),
        Key("s S", ("s", "S"), "sort by the next column, the other way round",
            "sort", "app.sort(False)"),
        Key("shift+← →", ("shift+left", "shift+right"), "sort by the column at the left,"
            " at the right"),
        Key("shift+↑ ↓", ("shift+up", "shift+down"), "the most first, the least first"),
        Key("/", ("slash",), "show only what a regular expression or a selector finds",
            "filter", "app.filter()"),
    )),
)  # fmt: skip

SIGNS: Final[Sequence[tuple[str, str]]] = (
    ("● ✖ …", "up, down, not answered yet"),
    (
        "! ◷ ▴ ▶ ·",
        "a controller with errors, at work for a minute or more, with a queue"
        " that grows, at work, idle",
    ),
    ("▴ ▾", "more, less than at the scrape before; behind an answer: some in the window"),
    ("none", "nothing was observed within the window"),
    ("↑ ↓ ⇅", "sorted from the least, from the most; values have changed since"),
    ("↺", "a counter or a process began again; its rate counts from there"),
    ("≥", "above the highest bound: that, or more"),
    ("–", "never reported, which is not 0"),
    ("▁▃▅█", "a trend: the last scrapes, the newest to the right"),
)


_NOTES: Final[Sequence[tuple[str, Sequence[tuple[str, str]]]]] = (
    ("Signs", SIGNS),
    ("Mouse", (
        ("click", "chooses a row, a second one opens it; on a head it sorts; the words in"
            " the first and the last line can be clicked"),
        ("wheel", "scrolls"),
    )),
    ("Filters", (
        ("queue.*sec", "a regular expression, found anywhere in a name"),
        ('{name="x"}', "a selector, as in Prometheus"),
    )),
)  # fmt: skip


def help_lines(width: int) -> list[Line]:
    """The help page."""
    told = [(title, [(key.shown, key.words) for key in keys]) for title, keys in KEYS]
    made: list[Line] = []
    for title, items in [*told, *_NOTES]:
        made += [*([()] if made else []), line(Cell(title, "head"))]
        for shown, words in items:
            made += _explained(shown, words, width)
    return made


def _explained(shown: str, words: str, width: int) -> list[Line]:
    first, *rest = fold(words.split(), max(width - _INDENT, 16))
    return [
        line(Cell(f"  {pad(shown, _INDENT - 2)}", "key"), first),
        *(line(" " * _INDENT + more) for more in rest),
    ]


# What the arrows and the key do while the view is frozen.
_FROZEN: Final = (
    Key("←", ("left",), "the scrape before", "older", "app.step(-1)"),
    Key("→", ("right",), "the scrape after", "newer", "app.step(1)"),
    Key("f", ("f",), "show what is now", "go on", "app.freeze()"),
)


def hints(frozen: bool = False) -> list[Key]:
    """The keys that the last line names, the most needed first; those of a view that is
    frozen come before all others."""
    order = ("help", "open", "back", "filter", "quit", "mark", "sort", "freeze", "page",
             "export", "pause", "scrape", "copy")  # fmt: skip
    named = {key.short: key for _, keys in KEYS for key in keys if key.short}
    usual = [named[short] for short in order]
    return (
        [*_FROZEN, *(each for each in usual if each.short != "freeze")] if frozen else usual
    )
