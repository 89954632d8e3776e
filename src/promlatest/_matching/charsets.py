"""Sets of characters, as regular expressions name them: ``\\d``, ``[:alpha:]``, ``\\pL``.

A set is the sorted, disjoint ranges of its code points. ASCII classes are Go's; Unicode's
general categories are those of this Python's `unicodedata`, and its scripts stand in
``scripts.txt`` (Unicode 15.0, as in Go: a line for each, its ranges in hexadecimal).
"""

from __future__ import annotations

import string
import sys
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from itertools import groupby
from typing import Final

CharRanges = tuple[tuple[int, int], ...]

ANY: Final[CharRanges] = ((0, sys.maxunicode),)


def union(*sets: Iterable[tuple[int, int]]) -> CharRanges:
    """All that is in one of them."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for ranges in sets for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def negation(ranges: CharRanges) -> CharRanges:
    """All that is not in it."""
    lows = [0, *(high + 1 for _, high in ranges)]
    highs = [*(low - 1 for low, _ in ranges), sys.maxunicode]
    return tuple(pair for pair in zip(lows, highs, strict=True) if pair[0] <= pair[1])


def of(characters: str) -> CharRanges:
    """Just these characters."""
    return union((ord(character), ord(character)) for character in characters)


def holds(ranges: CharRanges, code: int) -> bool:
    """Whether the character of this code point is in it."""
    at = bisect_right(ranges, (code, sys.maxunicode)) - 1
    return at >= 0 and code <= ranges[at][1]


WORD: Final = of(string.ascii_letters + string.digits + "_")
PERL: Final = {"d": of(string.digits), "s": of("\t\n\f\r "), "w": WORD}
POSIX: Final = {
    "alnum": of(string.ascii_letters + string.digits),
    "alpha": of(string.ascii_letters),
    "ascii": ((0, 0x7F),),
    "blank": of("\t "),
    "cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "digit": of(string.digits),
    "graph": ((0x21, 0x7E),),
    "lower": of(string.ascii_lowercase),
    "print": ((0x20, 0x7E),),
    "punct": of(string.punctuation),
    "space": of(string.whitespace),
    "upper": of(string.ascii_uppercase),
    "word": WORD,
    "xdigit": of(string.hexdigits),
}


def unicode_class(name: str) -> CharRanges | None:
    """A general category (``L``, ``Lu``) or a script (``Greek``); None if it is neither."""
    return ANY if name == "Any" else _categories().get(name) or _scripts().get(name)


@cache
def _categories() -> Mapping[str, CharRanges]:
    # One walk over all characters, 0.1 s, when a pattern first asks.
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for category, run in groupby(range(sys.maxunicode + 1), _category):
        codes = list(run)
        for name in (category, category[:1]):
            found[name].append((codes[0], codes[-1]))
    return {name: union(pairs) for name, pairs in found.items() if name}


def _category(code: int) -> str:
    category = unicodedata.category(chr(code))
    return "" if category == "Cn" else category  # unassigned: of no category, as in RE2


@cache
def _scripts() -> Mapping[str, CharRanges]:
    from pathlib import Path  # 7 ms that only a pattern with \p{Greek} needs

    lines = Path(__file__).with_name("scripts.txt").read_text("ascii").splitlines()
    return {name: tuple(map(_span, spans)) for name, *spans in map(str.split, lines)}


def _span(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low, 16), int(high or low, 16)


# The letters that are one but for their case. Two of ASCII have a third form: the Kelvin
# sign and the long s.
_ASCII_FAMILIES: Final = (
    *(c + c.upper() for c in "abcdefghijlmnopqrtuvwxyz"),
    "kK\u212a",
    "sS\u017f",
)
_LAST_CASED: Final = 0x1E943  # nothing after it has a case, as of Unicode 16


@lru_cache(maxsize=16)  # 1 ms for all letters, which a pattern may name a thousand times
def folded(ranges: CharRanges) -> CharRanges:
    """The set with all that differs from a member by case only, one letter for one."""
    orbits = _ascii_orbits() if ranges and ranges[-1][1] < 0x80 else _orbits()
    codes = list(orbits)
    spans = (
        codes[bisect_left(codes, low) : bisect_right(codes, high)] for low, high in ranges
    )
    return union(ranges, *(orbits[code] for span in spans for code in span))


@cache
def _ascii_orbits() -> Mapping[int, CharRanges]:
    return _by_letter(_ASCII_FAMILIES)


@cache
def _orbits() -> Mapping[int, CharRanges]:
    # One walk over all characters that may have a case, 0.1 s, when a pattern first asks.
    families: dict[str, str] = defaultdict(str)
    for character in map(chr, range(_LAST_CASED + 1)):
        families[_simple_fold(character)] += character
    return _by_letter(family for family in families.values() if family[1:])


def _by_letter(families: Iterable[str]) -> Mapping[int, CharRanges]:
    orbits = {ord(letter): of(family) for family in families for letter in family}
    return dict(sorted(orbits.items()))


def _simple_fold(character: str) -> str:
    # Python has only the full folding, which makes two letters of some (ß); there the
    # lower case is the simple one, if it is one letter.
    one_letter = (c for c in (character.casefold(), character.lower()) if len(c) == 1)
    return next(one_letter, character)
