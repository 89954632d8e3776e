"""Grafana's variables, filled in so that what is left is PromQL.

What a variable stands for is the viewer's choice, so each becomes a wildcard: in a string
or a name a word that no exposition has (`WILDCARD`, which whoever compares names and
values looks for), in a range a duration, where a number is due a number, before a
parenthesis a function. Only the place tells which, since a dashboard seldom does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from promlatest.rules._text import Text

__all__ = ["WILDCARD", "filled_in", "has_variable"]

WILDCARD: Final = "any_of_grafana"

_DURATION: Final = "5m"
_NUMBER: Final = "1"

_VARIABLE: Final = (
    r"\$(?P<plain>[A-Za-z_]\w*)"
    r"|\$\{(?P<braced>\w+)(?:\.[^:}]*)?(?::[^}]*)?\}"
    r"|\[\[(?P<old>\w+)(?::\w+)?\]\]"
)
_TOKEN: Final = re.compile(
    _VARIABLE
    + r"""|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)"""
    + r"|(?P<comment>\#[^\n]*)"
    + r"|(?P<word>[A-Za-z_:][\w:]*)"
    + r"|(?P<other>[^\s\w])",
    re.DOTALL,
)
_IN_STRING: Final = re.compile(_VARIABLE)
_UNIT: Final = re.compile(r"(?:ms|[smhdwy])\b")
_WORDY: Final = re.compile(r"[\w:]")
_VECTOR_FOLLOWS: Final = re.compile(r"\s*[{\[]|\s+offset\b")
_CALLED: Final = re.compile(r"\s*\(")
_MATCHED: Final = re.compile(r"\s*(?:on|ignoring)\b")
_GROUPED: Final = re.compile(r"\s*(?:by|without)\b")
# Where a number is due: functions and aggregations by what stands before it.
_NUMBER_AFTER: Final[dict[str, frozenset[str]]] = {
    "(": frozenset(
        ("topk", "bottomk", "quantile", "histogram_quantile", "quantile_over_time",
         "histogram_fraction", "vector")
    ),
    ",": frozenset(
        ("clamp", "clamp_min", "clamp_max", "round", "predict_linear",
         "histogram_fraction")
    ),
}  # fmt: skip
_GROUPING: Final = frozenset(
    ("by", "without", "on", "ignoring", "group_left", "group_right")
)
_OPERATOR: Final = re.compile(r"\s*[=!]")
_OPERATORS: Final = frozenset((*"<>=!+-*/%^", "bool"))


def has_variable(text: str) -> bool:
    """Whether a text has a variable of Grafana."""
    return _IN_STRING.search(text) is not None


def filled_in(text: Text) -> Text:
    """The expression with every variable filled in; its lines stay what they were.

    >>> from promlatest.rules._text import source_text
    >>> print(filled_in(source_text('sum by ($by) (rate(a{b=~"$c"}[$__rate_interval]))')))
    sum by (any_of_grafana) (rate(a{b=~"any_of_grafana"}[5m]))
    """
    if not has_variable(text):
        return text
    return text.replaced(list(_pieces(text)))


class _Around(NamedTuple):
    """What stands around a variable.

    Attributes:
        text: the whole expression.
        start, end: the variable's place in it.
        before: the token before it.
        inside: the bracket that is open there, "[" or "{", or the word that an open
            parenthesis belongs to; "" for none.
    """

    text: str
    start: int
    end: int
    before: str
    inside: str


def _pieces(text: Text) -> Iterator[tuple[int, int, str]]:
    before, owner = "", ""
    inside = [""]
    for match in _TOKEN.finditer(text):
        token = match.group()
        if match["comment"]:
            continue
        if match["string"]:
            for inner in _IN_STRING.finditer(token):
                start = match.start() + inner.start()
                yield start, match.start() + inner.end(), WILDCARD
        elif match["plain"] or match["braced"] or match["old"]:
            place = _Around(text, match.start(), match.end(), before, inside[-1])
            yield match.start(), match.end(), _filling(place)
        elif token in "([{":
            # In `topk by (a) ($n, x)` the second parenthesis is topk's.
            called = owner if before == ")" else before.lower()
            inside.append(called if token == "(" else token)
        elif token in ")]}" and len(inside) > 1:
            inside.pop()
        elif match["word"] and token.lower() in ("by", "without"):
            owner = before.lower()
        before = token


def _filling(place: _Around) -> str:
    return next(words for fits, words in _FILLINGS if fits(place))


def _is_range(place: _Around) -> bool:
    return place.inside == "[" or place.before == "offset"


def _is_count_of_units(place: _Around) -> bool:
    return _is_range(place) and bool(_UNIT.match(place.text, place.end))


def _is_unit(place: _Around) -> bool:
    return _is_range(place) and place.text[place.start - 1].isdigit()


def _is_part_of_name(place: _Around) -> bool:
    behind = bool(_WORDY.match(place.text, place.end))
    return behind or (place.start > 0 and bool(_WORDY.match(place.text, place.start - 1)))


def _is_aggregation(place: _Around) -> bool:
    if _GROUPED.match(place.text, place.end):
        return True
    called = _CALLED.match(place.text, place.end)
    return bool(called) and not _first_argument_is_range(place.text, place.end)


def _is_function(place: _Around) -> bool:
    return bool(_CALLED.match(place.text, place.end))


def _first_argument_is_range(text: str, at: int) -> bool:
    """Whether what is in the parentheses is a selector with a range."""
    depth = 0
    for match in _TOKEN.finditer(text, at):
        token = match.group()
        depth += (token == "(") - (token == ")")
        if depth > 1:  # a function or an aggregation of its own
            return False
        if token == "[":
            return True
        if depth == 0:
            return False
    return False


def _is_operator(place: _Around) -> bool:
    return place.before in (")", "}", "]") and bool(_MATCHED.match(place.text, place.end))


def _is_matchers(place: _Around) -> bool:
    return place.inside == "{" and not _OPERATOR.match(place.text, place.end)


def _is_number(place: _Around) -> bool:
    if place.inside in _GROUPING or _VECTOR_FOLLOWS.match(place.text, place.end):
        return False
    if place.before in _NUMBER_AFTER:
        return place.inside in _NUMBER_AFTER[place.before]
    return place.before in _OPERATORS


_FILLINGS: Final[tuple[tuple[Callable[[_Around], bool], str], ...]] = (
    (_is_count_of_units, _NUMBER),  # [${__range_s}s]
    (_is_unit, "m"),  # [5$unit]
    (_is_range, _DURATION),  # [$__rate_interval]
    (_is_part_of_name, WILDCARD),  # ${prefix}_total
    (_is_operator, "and"),  # x $operator on (a) y
    (_is_matchers, f'{WILDCARD}=~".*"'),  # {$filters}
    (_is_aggregation, "sum"),  # $aggregate by (a) (x)
    (_is_function, "rate"),  # $function(x[5m])
    (_is_number, _NUMBER),  # x > $threshold
    (lambda _: True, WILDCARD),  # $metric, by ($label)
)
