"""Go's regular expressions (RE2's syntax), read from left to right into programs.

Known to differ from Go, and left so: ``\\p`` takes the names that RE2 takes (Go 1.25 has a
few more, ``\\p{Letter}``), counted repeats, written out, may add 20,000 characters at most
to a pattern, and its classes have 200,000 ranges at most (Go: millions of both).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from promlatest._matching import charsets
from promlatest._matching.charsets import CharRanges
from promlatest._matching.regex_program import (
    ALWAYS,
    EDGE,
    IN_WORD,
    NEWLINE,
    Program,
    assertion,
    choice,
    concat,
    contexts,
    group,
    repeat,
    run_of,
)
from promlatest.exceptions import PatternError

_CONTROLS: Final = dict(zip("afnrtv", map(ord, "\a\f\n\r\t\v"), strict=True))

_REPEAT: Final = re.compile(r"([*+?]|\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\})(\??)")
_COUNTS: Final[dict[str, tuple[int, int | None]]] = {
    "*": (0, None),
    "+": (1, None),
    "?": (0, 1),
}
_MOST_REPEATS: Final = 1000
_DEEPEST: Final = 1000
_MOST_ADDED: Final = 20_000  # characters, by writing repeats out; takes 0.1 s
_MOST_RANGES: Final = 200_000  # of all classes; takes 1 s and 20 MB. \pL has 650 of them
TOO_LARGE: Final = "expression too large"
# A repeat takes only the last character; what is nothing itself may stand between the two.
_RUN: Final = re.compile(r"[^\\.+*?()|\[\]{}^$]+(?!(?:\(\?[imsU-]*\)|\\Q\\E)*[*+?{])")
_GROUP: Final = re.compile(r"\((?:\?P?<([0-9A-Za-z_]+)>|(?!\?))")
_FLAGS: Final = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])")
_QUOTED: Final = re.compile(r"\\Q(.*?)(?:\\E|\Z)", re.DOTALL)
_ASSERTION: Final = re.compile(r"\\[AzbB]")
_PERL: Final = re.compile(r"\\([dswDSW])")
_UNICODE: Final = re.compile(r"\\([pP])(?:\{(\^?)(\w*)\}|(\w)|.*)", re.DOTALL)
_POSIX: Final = re.compile(r"\[:(\^?)(.*?):\]", re.DOTALL)
_CODE: Final = re.compile(  # octal, hexadecimal twice, a control, a mark that is itself
    r"\\(?:(0[0-7]{0,2}|[1-7][0-7]{1,2})|x\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{2})"
    r"|([afnrtv])|([^0-9A-Za-z\x80-\U0010ffff]))"
)

_BEGIN: Final = assertion(contexts(before=[EDGE]))
_END: Final = assertion(contexts(after=[EDGE]))
_BORDER: Final = contexts(before=[IN_WORD]) ^ contexts(after=[IN_WORD])
_ASSERTIONS: Final = {
    r"\A": _BEGIN,
    r"\z": _END,
    r"\b": assertion(_BORDER),
    r"\B": assertion(ALWAYS ^ _BORDER),
}
# What stands for a sign with its flag, and without.
_SIGNS: Final = {
    ".": ("s", run_of(charsets.ANY), run_of(charsets.negation(charsets.of("\n")))),
    "^": ("m", assertion(contexts(before=[EDGE, NEWLINE])), _BEGIN),
    "$": ("m", assertion(contexts(after=[EDGE, NEWLINE])), _END),
}


@dataclass(slots=True)
class _Open:
    """A group, or the whole pattern, as far as it is read."""

    flags: frozenset[str]  # those before it, which are back after it
    number: int | None = None
    branches: list[Program] = field(default_factory=list)
    parts: list[Program] = field(default_factory=list)  # of the branch being read

    def close(self) -> Program:
        body = choice([*self.branches, concat(self.parts)])
        return body if self.number is None else group(body, self.number)


class PatternParser:
    """Reads one pattern.

    Attributes:
        names: the number of each named group; of two of a name the first.
        groups: how many groups it has.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern: Final = pattern
        self.names: Final[dict[str, int]] = {}
        self.groups = 0
        self._at = 0
        self._flags = frozenset("s")
        self._open = [_Open(self._flags)]
        self._last = ""  # the repeat just read
        self._added = 0  # characters, by writing repeats out
        self._ranges = 0  # of all classes

    def parse(self) -> Program:
        """What the whole pattern is.

        Raises:
            PatternError: the pattern is wrong, or too large.
        """
        while self._at < len(self.pattern):
            if found := self._take(_REPEAT):
                self._repeat(found)
            else:
                parts = self._READERS.get(self._next, PatternParser._characters)(self)
                self._open[-1].parts += parts
                self._last = ""
        if len(self._open) > 1:
            raise self._wrong(f"missing closing ): {self.pattern}")
        [top] = self._open
        # The whole text must match anyhow; an automaton that looks for edges is larger.
        if not top.branches and top.parts[:1] == [_BEGIN]:
            del top.parts[0]
        if not top.branches and top.parts[-1:] == [_END]:
            del top.parts[-1]
        return top.close()

    def _repeat(self, found: re.Match[str]) -> None:
        if self._last:
            raise self._wrong(f"invalid nested repetition operator: {self._last}{found[0]}")
        parts = self._open[-1].parts
        if not parts:
            raise self._wrong(f"missing argument to repetition operator: {found[0]}")
        self._last = found[0]
        operator, least, comma, most, lazy = found.groups()
        if operator in _COUNTS:
            low, high, times = *_COUNTS[operator], 1
        else:
            # A number of more digits need not be read to be known as too high.
            low = int(least[:5])
            high = int(most[:5]) if most else (None if comma else low)
            times = max(low, high or 0, 1)
        count = parts[-1].count * times
        if count > _MOST_REPEATS or (high is not None and high < low):
            raise self._wrong(f"invalid repeat count: {operator}")
        self._added += parts[-1].size * (times - 1)
        if self._added > _MOST_ADDED:
            raise self._wrong(TOO_LARGE)
        whole = repeat(parts[-1], low, high, lazy=bool(lazy) != ("U" in self._flags))
        parts[-1] = replace(whole, count=count)

    def _characters(self) -> list[Program]:
        found = self._take(_RUN)
        text = found[0] if found else self._character()
        return [run_of(*map(self._one, text))]

    def _sign(self) -> list[Program]:
        flag, with_flag, without = _SIGNS[self._character()]
        return [with_flag if flag in self._flags else without]

    def _choose(self) -> list[Program]:
        self._character()
        group = self._open[-1]
        group.branches.append(concat(group.parts))
        group.parts = []
        return []

    def _group(self) -> list[Program]:
        before, number = self._flags, None
        if found := self._take(_FLAGS):
            self._flags = (before | set(found[1])) - set(found[2] or "")
            if found[3] == ")":
                return []  # (?i): for the rest of the group around it
        elif found := self._take(_GROUP):
            self.groups = number = self.groups + 1
            if found[1]:
                self.names.setdefault(found[1], number)
        else:
            shown = self.pattern[self._at : self._at + 4]
            raise self._wrong(f"invalid or unsupported Perl syntax: {shown}")
        self._open.append(_Open(before, number))
        if len(self._open) > _DEEPEST:
            raise self._wrong("expression nests too deeply")
        return []

    def _close(self) -> list[Program]:
        if len(self._open) == 1:
            raise self._wrong(f"unexpected ): {self.pattern}")
        self._character()
        group = self._open.pop()
        self._flags = group.flags
        return [group.close()]

    def _escape(self) -> list[Program]:
        if found := self._take(_QUOTED):
            return [run_of(self._one(character)) for character in found[1]]
        if found := self._take(_ASSERTION):
            return [_ASSERTIONS[found[0]]]
        ranges = self._class_escape()
        return [run_of(self._one(chr(self._code())) if ranges is None else ranges)]

    def _class_escape(self) -> CharRanges | None:
        """``\\d``, ``\\pL``, ``\\p{^Greek}``; None if something else stands here."""
        if found := self._take(_PERL):
            return self._signed(charsets.PERL[found[1].lower()], found[1].isupper())
        if not (found := self._take(_UNICODE)):
            return None
        ranges = charsets.unicode_class(found[3] or found[4] or "")
        if ranges is None:
            raise self._wrong(f"invalid character class range: {found[0]}")
        return self._signed(ranges, (found[1] == "P") != bool(found[2]))

    def _signed(self, ranges: CharRanges, negated: bool) -> CharRanges:
        self._ranges += len(ranges)
        if self._ranges > _MOST_RANGES:
            raise self._wrong(TOO_LARGE)
        if "i" in self._flags:
            ranges = charsets.folded(ranges)
        return charsets.negation(ranges) if negated else ranges

    def _code(self) -> int:
        """The one character that an escape stands for."""
        shown = self.pattern[self._at : self._at + 2]
        if len(shown) < 2:
            raise self._wrong("trailing backslash at end of expression")
        if found := self._take(_CODE):
            octal, long, short, control, mark = found.groups()
            code = int(octal, 8) if octal else int(long or short or "0", 16)
            if control or mark:
                code = _CONTROLS.get(control) or ord(mark)
            if code <= sys.maxunicode:
                return code
        raise self._wrong(f"invalid escape sequence: {shown}")

    def _class(self) -> list[Program]:
        start = self._at
        self._character()
        negated = self._skip("^")
        members = [self._member(start)]
        while not self._skip("]"):
            members.append(self._member(start))
        ranges = charsets.union(*members)
        return [run_of(charsets.negation(ranges) if negated else ranges)]

    def _member(self, start: int) -> CharRanges:
        if found := self._take(_POSIX):
            members = charsets.POSIX.get(found[2])
            if members is None:
                raise self._wrong(f"invalid character class range: {found[0]}")
            return self._signed(members, bool(found[1]))
        if (ranges := self._class_escape()) is not None:
            return ranges
        at = self._at
        low = high = self._class_code(start)
        if self._next == "-" and not self.pattern.startswith("-]", self._at):
            self._character()
            high = self._class_code(start)
        if high < low:
            shown = self.pattern[at : self._at]
            raise self._wrong(f"invalid character class range: {shown}")
        return self._signed(((low, high),), False)

    def _class_code(self, start: int) -> int:
        if self._at == len(self.pattern):
            raise self._wrong(f"missing closing ]: {self.pattern[start:]}")
        return self._code() if self._next == "\\" else ord(self._character())

    def _one(self, character: str) -> CharRanges:
        return self._signed(((ord(character), ord(character)),), False)

    def _take(self, expected: re.Pattern[str]) -> re.Match[str] | None:
        """What stands here, if it is what is expected."""
        found = expected.match(self.pattern, self._at)
        self._at = found.end() if found else self._at
        return found

    def _character(self) -> str:
        self._at += 1
        return self.pattern[self._at - 1]

    @property
    def _next(self) -> str:
        return self.pattern[self._at : self._at + 1]

    def _skip(self, character: str) -> bool:
        found = self.pattern.startswith(character, self._at)
        self._at += found
        return found

    def _wrong(self, reason: str) -> PatternError:
        return PatternError(self.pattern, reason)

    _READERS: Final[dict[str, Callable[[PatternParser], list[Program]]]] = {
        ".": _sign,
        "^": _sign,
        "$": _sign,
        "|": _choose,
        "(": _group,
        ")": _close,
        "[": _class,
        "\\": _escape,
    }
