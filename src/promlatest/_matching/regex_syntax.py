"""Go's regular expressions in Python's words: the translator behind `_regex`.

`_Parser` reads a pattern as Go does into the small tree of `_Node`, and the tree writes
itself as a Python pattern that means the same. It also bounds how many ways `re`, which
backtracks, may try (`_Node.work`); a pattern beyond the bound is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Final

from promlatest.exceptions import PatternError

_LONGEST_PATTERN: Final = 1000
_DEEPEST: Final = 50
# The bound on steps is for values up to this length; time grows with its square.
_LONGEST_VALUE: Final = 4096
# This lets ".*foo.*bar.*" in and keeps cubes out: ".*a.*a.*\bx" would take 97 s on
# 4096 times "a" (8 times as long for each doubling, from 1.5 s for 1024). Of 19,000
# accepted random patterns on 7 hostile values of 4096 characters the slowest took 1.1 s
# (Python 3.11, two busy cores). At 32 squares two words of 13 letters did not fit.
_MOST_STEPS: Final = 64 * _LONGEST_VALUE**2


def python_source(pattern: str) -> tuple[str, Mapping[str, int]]:
    """The Python pattern that means the same, for `re.DOTALL`, and its group names.

    Raises:
        PatternError: the pattern is wrong, or nothing that `re` can do alike.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise _beyond(pattern, f"longer than {_LONGEST_PATTERN} characters")
    parser = _Parser(pattern)
    tree = parser.parse()
    if prod(tree.work(())) > _MOST_STEPS:
        raise _beyond(pattern, "too many ways to match: repeats or choices that overlap")
    return tree.source, parser.names


def _beyond(pattern: str, reason: str) -> PatternError:
    return PatternError(pattern, f"{reason}; this needs: pip install 'promlatest[re2]'")


# A set of characters is the sorted ranges of their code points.
_Ranges = tuple[tuple[int, int], ...]
_ANY: Final[_Ranges] = ((0, 0x10FFFF),)


def _union(*sets: _Ranges) -> _Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for ranges in sets for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _negation(ranges: _Ranges) -> _Ranges:
    lows = [0, *(high + 1 for _, high in ranges)]
    highs = [*(low - 1 for low, _ in ranges), 0x10FFFF]
    return tuple(pair for pair in zip(lows, highs, strict=True) if pair[0] <= pair[1])


def _overlap(one: _Ranges, other: _Ranges) -> bool:
    return any(a <= d and c <= b for a, b in one for c, d in other)


def _ranges(characters: str) -> _Ranges:
    return _union(tuple((ord(character), ord(character)) for character in characters))


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of a pattern.

    Attributes:
        source: the part as Python writes it.
        first: the characters that a match of it can begin with.
        nullable: whether it can match the empty text.
        work: given the characters that can follow, how many ways there are to go
            through the part, and how many steps one of them takes, both at worst.
            There is one way where the next character always tells what to do; as
            long as that holds, a repeat may stand in a repeat.
        count: the product of the counted repeats in it, ``{n}`` in ``{m}``.
    """

    source: str
    first: _Ranges
    nullable: bool
    work: Callable[[_Ranges], tuple[int, int]]
    count: int = 1


def _one_way(_follow: _Ranges) -> tuple[int, int]:
    return 1, 1


def _set(ranges: _Ranges) -> _Node:
    # The sets are written out in full, so nothing hangs on Python's flags, on its idea
    # of \w, or on "[[", "&&" and "--", which it may give a meaning to one day.
    if ranges == _ANY:
        source = "."
    elif len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        source = re.escape(chr(ranges[0][0]))
    else:
        pairs = (f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
        source = f"[{''.join(pairs)}]" if ranges else "(?!)"
    # An empty set fails wherever it is tried, so it must not look like the end.
    return _Node(source, ranges or _ANY, False, _one_way)


def _assertion(source: str, first: _Ranges = _ANY) -> _Node:
    # After most of them anything may come, and they may fail anywhere.
    return _Node(source, first, True, _one_way)


def _concat(parts: Sequence[_Node]) -> _Node:
    def follows(follow: _Ranges, part: _Node) -> _Ranges:
        return _union(part.first, follow) if part.nullable else part.first

    def work(follow: _Ranges) -> tuple[int, int]:
        ways, steps = 1, 1
        for part in reversed(parts):
            part_ways, part_steps = part.work(follow)
            ways, steps = ways * part_ways, steps + part_steps
            follow = follows(follow, part)
        return ways, steps

    return _Node(
        "".join(part.source for part in parts),
        reduce(follows, reversed(parts), ()),
        all(part.nullable for part in parts),
        work,
        max((part.count for part in parts), default=1),
    )


def _choice(branches: Sequence[_Node]) -> _Node:
    if len(branches) == 1:
        return branches[0]
    empties = sum(branch.nullable for branch in branches)

    def work(follow: _Ranges) -> tuple[int, int]:
        works = [branch.work(follow) for branch in branches]
        seen: _Ranges = follow if empties else ()
        tells = empties <= 1
        for branch in branches:
            tells = tells and not _overlap(branch.first, seen)
            seen = _union(seen, branch.first)
        ways = (max if tells else sum)(ways for ways, _ in works)
        return ways, max(steps for _, steps in works) + len(branches)

    return _Node(
        "|".join(branch.source for branch in branches),
        _union(*(branch.first for branch in branches)),
        empties > 0,
        work,
        max(branch.count for branch in branches),
    )


def _repeat(body: _Node, operator: str, low: int, high: int | None) -> _Node:
    most = _LONGEST_VALUE if high is None else high

    def work(follow: _Ranges) -> tuple[int, int]:
        ways, steps = body.work(_union(body.first, follow))
        if body.source == "." and operator in ("*", "+") and not follow:
            return 1, 1  # the last ".*": `re` jumps to the end, and is done
        if most > 1 and (body.nullable or (high is None and ways > 1)):
            return _MOST_STEPS + 1, 1
        if low == high or not (body.nullable or _overlap(body.first, follow)):
            return ways**most, steps * most + 1
        return ways**most * (most - low + 1), steps * max(low, 1) + 1

    return _Node(
        f"(?:{body.source}){operator}",
        body.first,
        body.nullable or low == 0,
        work,
        body.count * max(low, high or 0, 1) if operator[0] == "{" else body.count,
    )


# --- Reading a pattern as Go does ---

_DIGIT: Final = _union(((0x30, 0x39),))
_UPPER: Final = _union(((0x41, 0x5A),))
_LOWER: Final = _union(((0x61, 0x7A),))
_ALPHA: Final = _union(_UPPER, _LOWER)
_WORD: Final = _union(_ALPHA, _DIGIT, _ranges("_"))
_PERL: Final = {"d": _DIGIT, "s": _ranges("\t\n\f\r "), "w": _WORD}
_POSIX: Final = {
    "alnum": _union(_ALPHA, _DIGIT),
    "alpha": _ALPHA,
    "ascii": ((0, 0x7F),),
    "blank": _ranges("\t "),
    "cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": _LOWER,
    "print": ((0x20, 0x7E),),
    "punct": _union(((0x21, 0x2F), (0x3A, 0x40)), ((0x5B, 0x60), (0x7B, 0x7E))),
    "space": _ranges("\t\n\v\f\r "),
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": _union(_DIGIT, ((0x41, 0x46), (0x61, 0x66))),
}
# Unicode's simple folding of the ASCII letters: two have a third form (Kelvin, long s).
_FOLDS: Final = {
    ord(letter): _ranges(letters)
    for letters in [
        *(c + c.upper() for c in "abcdefghijlmnopqrtuvwxyz"),
        "kK\u212a",
        "sS\u017f",
    ]
    for letter in letters
}
_CONTROLS: Final = dict(zip("afnrtv", map(ord, "\a\f\n\r\t\v"), strict=True))

_REPEAT: Final = re.compile(r"([*+?]|\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\})(\??)")
_COUNTS: Final[dict[str, tuple[int, int | None]]] = {
    "*": (0, None),
    "+": (1, None),
    "?": (0, 1),
}
_MOST_REPEATS: Final = 1000
_NAMED: Final = re.compile(r"\(\?P?<([0-9A-Za-z_]+)>")
_FLAGS: Final = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])")
_QUOTED: Final = re.compile(r"\\Q(.*?)(?:\\E|\Z)", re.DOTALL)
_POSIX_NAME: Final = re.compile(r"\[:(\^?)(.*?):\]", re.DOTALL)
_OCTAL: Final = re.compile(r"\\(0[0-7]{0,2}|[1-7][0-7]{1,2})")
_HEX: Final = re.compile(r"\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))")

_W: Final = "[0-9A-Za-z_]"
_ASSERTIONS: Final = {
    r"\A": _assertion(r"\A"),
    r"\z": _assertion(r"\Z", ()),  # nothing comes after the end
    r"\b": _assertion(f"(?:(?<={_W})(?!{_W})|(?<!{_W})(?={_W}))"),
    # Python's own \B did not match the empty text before 3.14.
    r"\B": _assertion(f"(?:(?<={_W})(?={_W})|(?<!{_W})(?!{_W}))"),
}
# What stands for a sign with its flag, and without.
_SIGNS: Final = {
    ".": ("s", _set(_ANY), _set(_negation(_ranges("\n")))),
    "^": ("m", _assertion(r"(?<![^\n])"), _ASSERTIONS[r"\A"]),
    "$": ("m", _assertion(r"(?![^\n])"), _ASSERTIONS[r"\z"]),
}


class _Parser:
    """Reads one pattern from left to right, once."""

    def __init__(self, pattern: str) -> None:
        self.pattern: Final = pattern
        self.names: Final[dict[str, int]] = {}
        self._at = 0
        self._groups = 0
        self._depth = 0
        self._flags = frozenset("s")

    def parse(self) -> _Node:
        tree = self._choice()
        if self._at < len(self.pattern):
            raise self._wrong(f"unexpected ): {self.pattern}")
        return tree

    def _choice(self) -> _Node:
        branches = [self._concat()]
        while self._skip("|"):
            branches.append(self._concat())
        return _choice(branches)

    def _concat(self) -> _Node:
        parts: list[_Node] = []
        last = ""  # the repeat just read
        while self._at < len(self.pattern) and self._next not in "|)":
            if found := _REPEAT.match(self.pattern, self._at):
                if last:
                    raise self._wrong(
                        f"invalid nested repetition operator: {last}{found[0]}"
                    )
                if not parts:
                    raise self._wrong(
                        f"missing argument to repetition operator: {found[0]}"
                    )
                parts[-1] = self._repeat(parts[-1], found)
                last = found[0]
            else:
                parts += self._READERS.get(self._next, _Parser._character)(self)
                last = ""
        return _concat(parts)

    def _repeat(self, body: _Node, found: re.Match[str]) -> _Node:
        self._at = found.end()
        operator, least, comma, most, lazy = found.groups()
        if operator in _COUNTS:
            low, high = _COUNTS[operator]
        else:
            # A number of more digits need not be read to be known as too high.
            low = int(least[:5])
            high = int(most[:5]) if most else (None if comma else low)
        node = _repeat(
            body, operator + "?" * (bool(lazy) != ("U" in self._flags)), low, high
        )
        if node.count > _MOST_REPEATS or (high is not None and high < low):
            raise self._wrong(f"invalid repeat count: {operator}")
        return node

    def _character(self) -> list[_Node]:
        self._at += 1
        return [self._one(ord(self.pattern[self._at - 1]))]

    def _sign(self) -> list[_Node]:
        flag, with_flag, without = _SIGNS[self._next]
        self._at += 1
        return [with_flag if flag in self._flags else without]

    def _group(self) -> list[_Node]:
        start, flags = self._at, self._flags
        template = "({})"
        if found := _NAMED.match(self.pattern, start):
            self.names.setdefault(found[1], self._groups + 1)
        elif found := _FLAGS.match(self.pattern, start):
            self._flags = (flags | set(found[1])) - set(found[2] or "")
            template = "(?:{})"
        elif self.pattern.startswith("(?", start):
            shown = self.pattern[start : start + 4]
            raise self._wrong(f"invalid or unsupported Perl syntax: {shown}")
        self._at = found.end() if found else start + 1
        if found and found[0].endswith(")"):
            return []  # (?i): for the rest of the group around it
        self._groups += template == "({})"
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _beyond(self.pattern, f"groups more than {_DEEPEST} deep")
        body = self._choice()
        if not self._skip(")"):
            raise self._wrong(f"missing closing ): {self.pattern}")
        self._depth -= 1
        self._flags = flags
        return [replace(body, source=template.format(body.source))]

    def _escape(self) -> list[_Node]:
        if found := _QUOTED.match(self.pattern, self._at):
            self._at = found.end()
            return [self._one(ord(character)) for character in found[1]]
        two = self.pattern[self._at : self._at + 2]
        if two in _ASSERTIONS:
            self._at += 2
            return [_ASSERTIONS[two]]
        ranges = self._perl_set()
        return [_set(ranges) if ranges else self._one(self._code())]

    def _perl_set(self) -> _Ranges | None:
        letter = self.pattern[self._at + 1 : self._at + 2]
        if letter in ("p", "P"):
            raise _beyond(self.pattern, rf"classes of Unicode, \{letter}")
        if letter.lower() not in _PERL:
            return None
        self._at += 2
        return self._signed(_PERL[letter.lower()], letter.isupper())

    def _signed(self, ranges: _Ranges, negated: bool) -> _Ranges:
        if "i" in self._flags:
            folded = (
                _FOLDS[c]
                for low, high in ranges
                for c in range(low, high + 1)
                if c in _FOLDS
            )
            ranges = _union(ranges, *folded)
        return _negation(ranges) if negated else ranges

    def _code(self) -> int:
        """The one character that an escape stands for."""
        if found := _OCTAL.match(self.pattern, self._at):
            self._at = found.end()
            return int(found[1], 8)
        if found := _HEX.match(self.pattern, self._at):
            code = int(found[1] or found[2], 16)
            if code <= 0x10FFFF:
                self._at = found.end()
                return code
        two = self.pattern[self._at : self._at + 2]
        if len(two) < 2:
            raise self._wrong("trailing backslash at end of expression")
        if two[1] in _CONTROLS:
            self._at += 2
            return _CONTROLS[two[1]]
        if not two[1].isascii() or two[1].isalnum():
            raise self._wrong(f"invalid escape sequence: {two}")
        self._at += 2
        return ord(two[1])

    def _class(self) -> list[_Node]:
        start = self._at
        self._at += 1
        negated = self._skip("^")
        members = [self._member(start)]
        while not self._skip("]"):
            members.append(self._member(start))
        ranges = _union(*members)
        return [_set(_negation(ranges) if negated else ranges)]

    def _member(self, start: int) -> _Ranges:
        if found := _POSIX_NAME.match(self.pattern, self._at):
            if found[2] not in _POSIX:
                raise self._wrong(f"invalid character class range: {found[0]}")
            self._at = found.end()
            return self._signed(_POSIX[found[2]], bool(found[1]))
        if self._next == "\\" and (ranges := self._perl_set()) is not None:
            return ranges
        at = self._at
        low = high = self._class_code(start)
        if self._next == "-" and self.pattern[self._at + 1 : self._at + 2] != "]":
            self._at += 1
            high = self._class_code(start)
        if high < low:
            shown = self.pattern[at : self._at]
            raise self._wrong(f"invalid character class range: {shown}")
        return self._fold(low, high)

    def _class_code(self, start: int) -> int:
        if self._at == len(self.pattern):
            raise self._wrong(f"missing closing ]: {self.pattern[start:]}")
        if self._next == "\\":
            return self._code()
        self._at += 1
        return ord(self.pattern[self._at - 1])

    def _one(self, code: int) -> _Node:
        return _set(self._fold(code, code))

    def _fold(self, low: int, high: int) -> _Ranges:
        known = low == high and (low in _FOLDS or not _has_case(chr(low)))
        if "i" in self._flags and high > 0x7F and not known:
            raise _beyond(self.pattern, "(?i) on characters outside ASCII")
        return self._signed(((low, high),), False)

    @property
    def _next(self) -> str:
        return self.pattern[self._at : self._at + 1]

    def _skip(self, character: str) -> bool:
        found = self.pattern.startswith(character, self._at)
        self._at += found
        return found

    def _wrong(self, reason: str) -> PatternError:
        return PatternError(self.pattern, reason)

    _READERS: Final[dict[str, Callable[[_Parser], list[_Node]]]] = {
        ".": _sign,
        "^": _sign,
        "$": _sign,
        "(": _group,
        "[": _class,
        "\\": _escape,
    }


def _has_case(character: str) -> bool:
    return not character == character.lower() == character.upper() == character.casefold()
