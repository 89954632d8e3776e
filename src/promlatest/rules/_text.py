"""Text that knows the lines of the file it stands in.

An expression in a block scalar, a dashboard inside a ConfigMap and an alert in one line of
JSON all have a place that an editor can jump to. `Text` carries it: offsets where a new
line of the *file* begins, whatever became of the line breaks in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["Text", "scalar_text", "source_text"]

Breaks = tuple[tuple[int, int], ...]
"""(offset, line): from this offset on, the text stands in this line. Ascending."""

_VISIBLE: Final = re.compile(r"\S")
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<blank>[nrt ])|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}"
    r"|(?P<break>\r?\n)|.)"
)


class Text(str):
    """A scalar of a file. It is the str that it says, and knows where each character is."""

    __slots__ = ("_breaks",)

    _breaks: Breaks

    def __new__(cls, text: str, breaks: Iterable[tuple[int, int]]) -> Text:
        made = super().__new__(cls, text)
        made._breaks = tuple(breaks)
        return made

    def line(self, offset: int = 0) -> int:
        """The line of the file, counted from 1, of the character at an offset."""
        at = bisect_right(self._breaks, (offset, 1 << 62)) - 1
        return self._breaks[max(at, 0)][1]

    def replaced(self, pieces: Sequence[tuple[int, int, str]]) -> Text:
        """The text with other words in some places; lines stay what they were.

        Args:
            pieces: (start, end, new words), ascending and apart.
        """
        words: list[str] = []
        moved: list[tuple[int, int]] = []  # (old offset, by how much what follows moves)
        at = shift = 0
        for start, end, new in pieces:
            words += self[at:start], new
            at = end
            shift += len(new) - (end - start)
            moved.append((end, shift))
        words.append(self[at:])
        starts = [old for old, _ in moved]

        def new_offset(old: int) -> int:
            before = bisect_right(starts, old) - 1
            return old + (moved[before][1] if before >= 0 else 0)

        return Text("".join(words), [(new_offset(old), line) for old, line in self._breaks])


def source_text(content: str) -> Text:
    """The whole of a file."""
    starts = [0, *(match.end() for match in re.finditer("\n", content))]
    return Text(content, [(start, line) for line, start in enumerate(starts, 1)])


def scalar_text(value: str, source: Text, start: int, end: int, style: str) -> Text:
    """A scalar, as it was read, with its lines.

    Args:
        value: what it says.
        source: the text it was read from.
        start: where it begins there, its quotes or its `|` included.
        end: where it ends.
        style: `|`, `>`, `'`, `"`, or nothing for a plain one.
    """
    if "\n" not in source[start:end]:
        return Text(value, [(0, source.line(start))])
    if style in ("|", ">"):
        start = source.index("\n", start) + 1
    raw = str(source[start:end])
    lines = _line_starts(source, start, raw)
    if style == "|":
        begins = [0, *(match.end() for match in re.finditer("\n", value))]
        return Text(value, zip(begins, lines, strict=False))
    return Text(value, _by_visible(value, _plain(raw, style), lines))


def _line_starts(source: Text, start: int, raw: str) -> list[int]:
    offsets = [0, *(match.end() for match in re.finditer("\n", raw))]
    return [source.line(start + offset) for offset in offsets]


def _plain(raw: str, style: str) -> str:
    """A quoted scalar with one visible character for each that it stands for."""
    if style == "'":
        return raw.strip()[1:-1].replace("''", "'")
    if style == '"':
        return _ESCAPE.sub(_unescaped, raw.strip()[1:-1])
    return raw


def _unescaped(match: re.Match[str]) -> str:
    if match["break"]:
        return "\n"
    return "" if match["blank"] else "x"


def _by_visible(value: str, raw: str, lines: Sequence[int]) -> Breaks:
    """Breaks found by counting visible characters: folding moves only blanks."""
    offsets = [match.start() for match in _VISIBLE.finditer(value)]
    seen = 0
    breaks: dict[int, int] = {0: lines[0]}
    for line, words in zip(lines, raw.split("\n"), strict=False):
        if seen < len(offsets) and words.strip():
            breaks[offsets[seen] if seen else 0] = line
        seen += len("".join(words.split()))
    return tuple(breaks.items())
