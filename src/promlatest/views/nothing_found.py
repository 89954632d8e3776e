"""Why a question found nothing, in words: what was probably meant, and what is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from promlatest._datapoint import Metadata
from promlatest._interfaces import Queryable
from promlatest._matching.floats import parse_bound
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import Matcher
from promlatest._matching.near import close_names

_EXPRESSION: Final = re.compile(r"\s*(\w+)\s*(?:(?:by|without)\s*\([^)]*\)\s*)?\(")
# What a family has beside series of its own name.
_SUFFIXES: Final[Mapping[str, Sequence[str]]] = {
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("_count", "_sum"),
    "counter": ("_total",),
}


_KINDS: Final[Mapping[str, str]] = {"info": "an info", "unknown": "of no known type"}


def is_expression(text: str) -> bool:
    """Whether a text is a question that no selector can ask, such as a rate.

    >>> is_expression("sum by (job) (up)"), is_expression('up{job="a"}')
    (True, False)
    """
    return bool(_EXPRESSION.match(text)) or bool(re.search(r"\}\s*\[|\w\[\d", text))


def why_nothing(q: Queryable, matchers: Sequence[Matcher]) -> list[str]:
    """Why no series passes these matchers, a line each; none if nothing is to be said."""
    names = q.label_values(METRIC_NAME)
    wanted = next(
        (m.value for m in matchers if m.name == METRIC_NAME and m.operator == "="), None
    )
    if wanted is None:
        return []
    if wanted not in names:
        return list(_no_name(wanted, names, q.metrics()))
    named = Matcher(METRIC_NAME, "=", wanted)
    others = [matcher for matcher in matchers if matcher.name != METRIC_NAME]
    return [words for matcher in others for words in _no_label(q, named, matcher)]


def why_no_histogram(q: Queryable, metric: str) -> list[str]:
    """Why there is no histogram of this name, a line each."""
    known = q.metrics()
    type_ = known[metric].type if metric in known else ""
    if type_ and type_ != "histogram":
        return [f"{metric} is {_KINDS.get(type_, f'a {type_}')}"]
    for suffix in _SUFFIXES["histogram"]:
        family = metric.removesuffix(suffix)
        if family != metric and q.histograms(family):
            return [f"the name of the histogram is {family}"]
    names = [name for name, told in known.items() if told.type == "histogram"]
    if not names:
        return ["it has no histogram at all"]
    return list(_named(close_names(metric, names))) or [f"it has {_listed(names)}"]


def _no_name(
    wanted: str, names: Collection[str], known: Mapping[str, Metadata]
) -> Iterator[str]:
    type_ = known[wanted].type if wanted in known else ""
    series = [f"{wanted}{s}" for s in _SUFFIXES.get(type_, ()) if f"{wanted}{s}" in names]
    if series:
        yield f"{wanted} is the name of a {type_}; its series are {_listed(series)}"
    elif wanted in known:
        yield f"{wanted} is known, a {type_}, and has no series now"
    else:
        yield from _named(close_names(wanted, {*names, *known}))


def _named(names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"close names: {_listed(names)}"


def _no_label(q: Queryable, named: Matcher, matcher: Matcher) -> Iterator[str]:
    """Why a matcher takes no series of a name; nothing if it takes some."""
    if q.label_values(METRIC_NAME, named, matcher):
        return
    labels = [name for name in q.label_names(named) if name != METRIC_NAME]
    if matcher.name not in labels:
        has = f"it has {_listed(labels)}" if labels else "it has none"
        yield f"no series of {named.value} has a label {matcher.name}; {has}"
        return
    values = q.label_values(matcher.name, named)
    near = [each for each in values if matcher.name == "le" and _equal(each, matcher.value)]
    near = near or close_names(matcher.value, values) or values
    yield f"no series of {named.value} has {matcher}; there is {_listed(near)}"


def _equal(one: str, other: str) -> bool:
    number = parse_bound(one)
    return number is not None and number == parse_bound(other)


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
