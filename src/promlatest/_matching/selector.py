"""Selector text, ``name{a="b",c=~"d|e"}``, to matchers and back.

The grammar is that of a PromQL vector selector, UTF-8 names in quotes included
(``{"my.metric", "a.b"="c"}``), with PromQL's string literals: double or single quotes
with Go's escapes, or backticks without any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from promlatest._arguments import checked
from promlatest._matching.labels import (
    LEGACY_LABEL_NAME,
    LEGACY_METRIC_NAME,
    METRIC_NAME,
    quote,
)
from promlatest._matching.literals import STRING, LiteralError, unquote
from promlatest._matching.matcher import Matcher, MatchType
from promlatest.exceptions import PatternError, SelectorError

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_OPERATOR: Final = re.compile(r"=~|!~|!=|=")
_WORD: Final = re.compile(r"""\s*([^\s{}"'()\[\],=!~<>+*%^]+)""")


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a selector; the metric's name is one of them.

        >>> parse_selector('up{job=~"a|b"}')
        (Matcher('__name__', '=', 'up'), Matcher('job', '=~', 'a|b'))

    Raises:
        SelectorError: the text is no selector, or one that Prometheus refuses since
            it could match everything (M-2). It carries the position.
        UsageError: it is no text.
    """
    checked(text, str, "a selector text")
    matchers = _SelectorReader(text).read()
    # {a!="x"} or {}: each matcher is fulfilled by an absent label   (M-2)
    if all(matcher.matches("") for matcher in matchers):
        raise SelectorError(
            text, 0, "a selector needs a metric name or a matcher that rules out"
            " the empty value",
        )  # fmt: skip
    return matchers


def format_selector(matchers: Iterable[Matcher]) -> str:
    """The selector text that stands for these matchers.

    >>> format_selector(parse_selector("{__name__='up', job=`a`}"))
    'up{job="a"}'

    Raises:
        UsageError: one of them is no matcher.
    """
    given = checked(matchers, Iterable, "matchers")
    rest = [checked(each, Matcher, "a Matcher") for each in given]
    named = [matcher for matcher in rest if matcher.name == METRIC_NAME]
    if len(named) != 1 or named[0].operator != "=" or not named[0].value:
        return "{" + ",".join(map(str, rest)) + "}"
    rest.remove(named[0])
    metric = named[0].value
    inside = list(map(str, rest))
    if LEGACY_METRIC_NAME.fullmatch(metric):
        return metric + ("{" + ",".join(inside) + "}" if inside else "")
    return "{" + ",".join([quote(metric), *inside]) + "}"


class _SelectorReader:
    """Reads one selector from left to right; `at` is where it stands, behind blanks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.skip(0)
        self.metric: str | None = None
        self.matchers: list[Matcher] = []

    def read(self) -> tuple[Matcher, ...]:
        self.metric = self.take(LEGACY_METRIC_NAME)
        if self.take_literal("{"):
            while not self.take_literal("}"):
                self.read_matcher()
                if not self.take_literal(",") and not self.peek("}"):
                    raise self.error("expected ',' or '}'")
        elif self.metric is None:
            raise self.error("expected a metric name or '{'")
        if self.at < len(self.text):
            raise self.error("expected the end of the selector", self.quoting())
        if self.metric is None:
            return tuple(self.matchers)
        return Matcher(METRIC_NAME, "=", self.metric), *self.matchers

    def read_matcher(self) -> None:
        start = self.at
        quoted = self.take(STRING)
        if quoted is not None and (self.peek(",") or self.peek("}")):
            self.set_metric(self.unquote(quoted, start), start)
            return
        name = (
            self.take(LEGACY_LABEL_NAME) if quoted is None else self.unquote(quoted, start)
        )
        if not name:
            raise self.error("expected a label name or '}'")
        operator = self.take(_OPERATOR)
        if operator is None:
            raise self.error("expected one of = != =~ !~")
        self.add(name, operator, start)

    def add(self, name: str, operator: str, start: int) -> None:
        at = self.at
        literal = self.take(STRING)
        if literal is None:
            if self.text.startswith(("'", '"', "`"), at):
                raise SelectorError(self.text, at, "expected a closing quote")
            raise self.error("expected a value in quotes")
        value = self.unquote(literal, at)
        if name == METRIC_NAME and self.metric is not None:
            self.set_metric(value, start)
        known: dict[str, MatchType] = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~"}
        try:
            self.matchers.append(Matcher(name, known[operator], value))
        except PatternError as error:
            raise SelectorError(self.text, at, str(error)) from error

    def set_metric(self, metric: str, at: int) -> None:
        told = [each.value for each in self.matchers if each.name == METRIC_NAME]
        for other in (self.metric, *told):
            if other is not None:
                reason = f"the metric's name is set twice: {other!r} and {metric!r}"
                raise SelectorError(self.text, at, reason)
        if not metric:
            raise SelectorError(self.text, at, "a metric's name must not be empty")
        self.metric = metric

    def unquote(self, literal: str, start: int) -> str:
        try:
            text = unquote(literal)
            text.encode()
        except LiteralError as error:
            raise SelectorError(self.text, start + error.offset, str(error)) from error
        except UnicodeError as error:
            reason = "the escapes of this string are no valid UTF-8"
            raise SelectorError(self.text, start, reason) from error
        return text

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """What the pattern matches here; None if it does not."""
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.skip(match.end())
        return match.group()

    def take_literal(self, literal: str) -> bool:
        if not self.peek(literal):
            return False
        self.skip(self.at + len(literal))
        return True

    def peek(self, literal: str) -> bool:
        return self.text.startswith(literal, self.at)

    def skip(self, at: int) -> None:
        """Stand behind the blanks at a place."""
        match = _BLANK.match(self.text, at)
        assert match is not None  # it matches nothing, too
        self.at = match.end()

    def quoting(self) -> str:
        """How a name is written that goes on here with what stands in quotes only."""
        word = _WORD.match(self.text)
        if word is None or self.at >= word.end():
            return ""
        return f"; such a name is written {{{quote(word[1])}}}"

    def error(self, expected: str, hint: str = "") -> SelectorError:
        came = repr(self.text[self.at]) if self.at < len(self.text) else "the end"
        return SelectorError(self.text, self.at, f"{expected}, not {came}{hint}")
