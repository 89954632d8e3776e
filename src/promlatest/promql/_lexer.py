"""The text of an expression, cut into tokens one at a time.

A token is (kind, text, start, end); its kind is "number", "name", "string", the operator
or bracket itself, or "" for the end. Words are never keywords here: whether `sum` or `by`
is one depends on where it stands, and the parser knows.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple

from promlatest._matching.literals import STRING
from promlatest._units import read_duration
from promlatest.exceptions import QueryError

# Possessive, so that a million of # stays linear.
_BLANK: Final = r"(?:[ \t\r\n]++|\#[^\n]*+)*+"
_NUMBER: Final = (
    r"(?:0[xX][0-9a-fA-F_]+"
    r"|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)[0-9a-zA-Z_.]*"
)
_OPERATOR: Final = r"==|!=|<=|>=|=~|!~|</|>/|[-+*/%^<>=(){}\[\],@:]"


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(
        f"{_BLANK}(?:(?P<name>{name})|(?P<number>{_NUMBER})"
        f"|(?P<operator>{_OPERATOR})|(?P<string>{STRING.pattern}))",
        re.ASCII | re.DOTALL,
    )


# Within brackets a colon stands between range and step: `[5m:1m]`.
_OUTSIDE: Final = _pattern("[a-zA-Z_:][a-zA-Z0-9_:]*")
_INSIDE: Final = _pattern("[a-zA-Z_][a-zA-Z0-9_]*")
_AFTER_BLANK: Final = re.compile(_BLANK, re.DOTALL)

# Nothing is given back: a million digits before a letter are looked at once.
_DECIMAL: Final = re.compile(r"(?:[0-9_]++(?:\.[0-9_]*+)?|\.[0-9_]++)(?:[eE][+-]?[0-9]++)?")


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int

    @property
    def shown(self) -> str:
        """The token as an error names it."""
        if not self.kind:
            return "the end"
        return repr(self.text) if len(self.text) <= 40 else repr(self.text[:40] + "…")


_new_token: Final = tuple.__new__  # half the price of Token()


class QueryText:
    """A text, and what is known of places in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines: list[int] | None = None

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of a character, both counted from 1."""
        if self._lines is None:
            self._lines = [0, *(each.end() for each in re.finditer("\n", self.text))]
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def error(self, at: int, reason: str) -> QueryError:
        return QueryError(*self.place(at), reason)

    def token(self, at: int, inside: bool = False) -> Token:
        """The token at or behind a place; `inside` brackets, colons stand alone.

        Raises:
            QueryError: what stands there begins none.
        """
        match = (_INSIDE if inside else _OUTSIDE).match(self.text, at)
        if match is None:
            return self._end(at)
        kind = match.lastgroup
        assert kind is not None  # each way through the pattern is a group
        text, end = match[kind], match.end()
        named = text if kind == "operator" else kind
        return _new_token(Token, (named, text, end - len(text), end))

    def _end(self, at: int) -> Token:
        match = _AFTER_BLANK.match(self.text, at)
        assert match is not None  # it matches nothing, too
        start = match.end()
        if start == len(self.text):
            return Token("", "", start, start)
        character = self.text[start]
        if character in "\"'`":
            raise self.error(start, "this string has no end")
        raise self.error(start, f"unexpected {character!r}")


def read_number(text: str) -> float:
    """The number that a token stands for; a duration counts its seconds.

    >>> read_number("0x1F"), read_number("1_000"), read_number("1h30m"), read_number("010")
    (31.0, 1000.0, 5400.0, 8.0)

    Raises:
        ValueError: it is neither; what is wrong with it.
    """
    if text[:2] in ("0x", "0X"):
        return float(_integer(text, 16))
    if _DECIMAL.fullmatch(text):
        if text.startswith("0") and re.fullmatch(r"[0-7_]+", text) and len(text) > 1:
            return float(_integer(text, 8))
        return _decimal(text)
    return read_duration(text) / 1000


def _integer(text: str, base: int) -> int:
    try:
        value = int(text, base)
        float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no number") from None
    return value


def _decimal(text: str) -> float:
    try:
        value = float(text)
    except ValueError:  # underscores that stand between no digits
        raise ValueError(f"{text!r} is no number") from None
    if value == float("inf"):
        raise ValueError(f"the number {text!r} is too large")
    return value
