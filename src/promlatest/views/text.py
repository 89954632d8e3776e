"""Text in terminal cells: how wide it is, how to make it escaped, how to make it fit.

Label values come from whoever writes an endpoint, so nothing of them reaches a terminal
before `escaped`. Widths are those of East Asian terminals and err on the wide side: a
line may be a cell shorter than said, and never longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import takewhile
from typing import Final, Literal
from unicodedata import category, east_asian_width

from promlatest._escape import escaped as escaped

Align = Literal["left", "right"]

ELLIPSIS: Final = "…"
UNKNOWN: Final = "–"
_WORD: Final = "".join(filter(str.isalnum, map(chr, range(128))))
_ODD_LEAST: Final = 6  # cells; in fewer nothing is to be seen between two cuts

# U+FE0F asks for the picture of a sign, which is one cell wider than the sign.
_WIDENS: Final = "\ufe0f"
_ASCII: Final = {
    **{0x2800 + dots: "*" if dots else " " for dots in range(256)},  # Braille
    **str.maketrans(
        "–…µ≥·─━│┤└×●✖▶▸◂►▴▾▲▼↑↓←→⇅↺✓‖›⚑❄◷▁▂▃▄▅▆▇█▏▎▍▌▋▊▉░▒▓",
        "-~u>|-=||+xox>><>^v^v^v<>%@+|>!*%_.:-=+*########.:%",
    ),
}


def cells(text: str) -> int:
    """How many cells of a terminal a printable text takes.

    >>> cells("pods"), cells("容器"), cells("é")
    (4, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if character == _WIDENS:
        return 1
    if category(character) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def shorten(text: str, width: int, prose: bool = False) -> str:
    """The text in at most this many cells; what does not fit is cut out of its middle.

    Names differ at both their ends. Prose is read from its beginning and loses its end.

    >>> shorten("rest_client_requests_total", 15)
    'rest_cl…s_total'
    >>> shorten("How long it took.", 9, prose=True)
    'How long…'
    """
    if cells(text) <= width:
        return text
    if width < 1:
        return ""
    if prose:
        return _beginning(text, width - 1).rstrip() + ELLIPSIS
    head = _beginning(text, width // 2)
    tail = _beginning(reversed(text), width - 1 - cells(head))[::-1]
    return f"{head}{ELLIPSIS}{tail}"


def apart(texts: Sequence[str], width: int) -> list[str]:
    """Each text in at most this many cells; what would look alike is cut where it is.

    >>> names = ["etcd_disk_commit_seconds", "etcd_disk_fsync_seconds"]
    >>> [shorten(name, 14) for name in names]
    ['etcd_di…econds', 'etcd_di…econds']
    >>> apart(names, 14)
    ['etc…commit…nds', 'etc…fsync…onds']
    """
    made = {text: shorten(text, width) for text in texts}
    groups: Set[frozenset[str]] = frozenset()
    while width > _ODD_LEAST:
        merged = _merged(groups, _alike(made))
        if merged == groups:
            break
        groups = merged
        for group in groups:
            made.update(_told_apart(list(group), width))
    return [made[text] for text in texts]


def _alike(made: Mapping[str, str]) -> list[set[str]]:
    """The texts of which the same was made."""
    groups: dict[str, set[str]] = {}
    for text, short in made.items():
        groups.setdefault(short, set()).add(text)
    return [group for group in groups.values() if len(group) > 1]


def _merged(groups: Set[frozenset[str]], others: Iterable[set[str]]) -> Set[frozenset[str]]:
    """The groups as one where they share a text."""
    for other in others:
        touched = {group for group in groups if group & other}
        groups = groups - touched | {frozenset(other.union(*touched))}
    return groups


def _told_apart(texts: list[str], width: int) -> Iterator[tuple[str, str]]:
    """Texts that look alike, cut before and behind of what is different in them, which are
    whole words where there is room."""
    head = _common(texts)
    shortest = min(map(len, texts)) - head
    tail = min(_common([text[::-1] for text in texts]), shortest)
    words = texts[0][:head].rstrip(_WORD), texts[0][len(texts[0]) - tail :].lstrip(_WORD)
    if all(len(text) - sum(map(len, words)) <= width - 2 for text in texts):
        head, tail = map(len, words)
    odd = [text[head : len(text) - tail] for text in texts]
    for text, middle in zip(texts, apart(odd, width - 2), strict=True):
        room = width - cells(middle) - 2
        begin, end = text[:head], text[len(text) - tail :]
        begin = (
            begin if cells(begin) <= room // 2 else _beginning(begin, room // 2) + ELLIPSIS
        )
        left = width - cells(begin) - cells(middle)
        if cells(end) > left:
            end = ELLIPSIS + _beginning(reversed(end), left - 1)[::-1]
        yield text, begin + middle + end if middle else shorten(text, width)


def _common(texts: Sequence[str]) -> int:
    """With how many characters all of them begin."""
    alike = takewhile(lambda each: len({*each}) == 1, zip(*texts, strict=False))
    return sum(1 for _ in alike)


def _beginning(text: Iterable[str], width: int) -> str:
    kept: list[str] = []
    for character in text:
        width -= _cells_of(character)
        if width < 0:
            break
        kept.append(character)
    return "".join(kept)


def pad(text: str, width: int, align: Align = "left") -> str:
    """The text in exactly this many cells, unless it takes more.

    >>> pad("容", 4) + "|", pad("7", 3, "right")
    ('容  |', '  7')
    """
    blanks = " " * (width - cells(text))
    return text + blanks if align == "left" else blanks + text


def fold(items: Iterable[str], width: int, gap: str = " ") -> Iterator[str]:
    """Lines of items, as many on each as fit; an item that fits on none is shortened.

    >>> list(fold(["count 3", "sum 4.5 s", "mean 1.5 s"], 22, "  "))
    ['count 3  sum 4.5 s', 'mean 1.5 s']
    """
    line = ""
    for item in items:
        fitting = shorten(item, width)
        longer = f"{line}{gap}{fitting}" if line else fitting
        if line and cells(longer) > width:
            yield line
            longer = fitting
        line = longer
    if line:
        yield line


def to_ascii(text: str) -> str:
    """The text for a terminal without any other character; its width stays.

    >>> to_ascii("10 µs – 容器")
    '10 us - ????'
    """
    if text.isascii():
        return text
    return "".join(
        each if each.isascii() else "?" * _cells_of(each) for each in text.translate(_ASCII)
    )
