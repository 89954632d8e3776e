"""One selector against what is exposed: does its metric exist, its labels, its values?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import translate
from typing import Final

import attrs

from promlatest._matching.floats import parse_float
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import format_selector
from promlatest.rules._known import MADE_ELSEWHERE, Known, Metric, Vocabulary
from promlatest.rules._rule import FindingKind, Severity
from promlatest.rules._variables import WILDCARD

__all__ = ["Complaint", "complaints", "find_metrics", "known_labels"]

_BOUNDS: Final = ("le", "quantile")
_SHOWN: Final = 8


@attrs.frozen
class Complaint:
    """What is wrong, before it has a place.

    Attributes:
        about: the word of the expression that it is about.
        kind, what, close, severity: as of a `Finding`.
    """

    about: str
    kind: FindingKind
    what: str
    close: tuple[str, ...] = ()
    severity: Severity = "failure"


def find_metrics(
    matchers: Sequence[Matcher], known: Known
) -> tuple[list[Metric], Complaint | None]:
    """The metrics that a selector may mean; none if all of them are unknown to us.

    What is made elsewhere, is optional, or has a variable for a name is nobody's fault:
    it is no metric, and no complaint.
    """
    named = [each for each in matchers if each.name == METRIC_NAME]
    if not named:
        return [], None
    wanted = named[0]
    if wanted.operator == "=" and WILDCARD not in wanted.value:
        return _metric(wanted.value, known)
    if any(WILDCARD in each.value for each in named):
        return [], _no_name_fits(wanted, known)
    found = known.matching(named)
    if found:
        return found, None
    words = " and ".join(map(str, named))
    return [], Complaint(wanted.value, "metric", f"no metric has {words}")


def _metric(name: str, known: Known) -> tuple[list[Metric], Complaint | None]:
    if name in MADE_ELSEWHERE:
        return [], None
    if name in known.names:
        return [known.metric(name)], None
    if known.may_be_missing(name):
        return [], None
    if kind := known.silent_type(name):
        what = f"{name} is declared as a {kind}, and no series of it is there yet"
        return [], Complaint(name, "value", what, severity="warning")
    what = f"no metric is called {name}"
    return [], Complaint(name, "metric", what, known.names.closest(name))


def _no_name_fits(wanted: Matcher, known: Known) -> Complaint | None:
    """The complaint about `${prefix}_total`, where nothing ends so."""
    shown = wanted.value.replace(WILDCARD, "*")
    if wanted.operator != "=" or any(map(re.compile(translate(shown)).match, known.names)):
        return None
    if known.may_be_missing(shown):
        return None
    return Complaint(wanted.value, "metric", f"no metric is called {shown}")


def known_labels(metrics: Sequence[Metric]) -> frozenset[str]:
    """The labels that some series of the metrics has.

    A label of the process that the target has, too, is called `exported_` of it by a
    Prometheus, unless it honours labels; both names count.
    """
    names = frozenset[str]().union(*(metric.labels for metric in metrics))
    return names | {f"exported_{name}" for name in names}


def complaints(
    metrics: Sequence[Metric], matchers: Sequence[Matcher], known: Known
) -> Iterator[Complaint]:
    """What the labels of a selector ask for and cannot get of its metrics."""
    title = metrics[0].name if len(metrics) == 1 else "these metrics"
    labels = known_labels(metrics)
    asked = [
        each
        for each in matchers
        if each.name not in {METRIC_NAME, *known.target_labels}
        and WILDCARD not in each.name
    ]
    found = [
        complaint
        for matcher in asked
        if (complaint := _complaint(matcher, title, labels, metrics))
    ]
    yield from found
    plain = [m for m in asked if m.name not in _BOUNDS and WILDCARD not in m.value]
    if not found and len(plain) > 1 and not _any_series(metrics, plain):
        words = format_selector(plain)
        what = f"no series of {title} has all of {words} now"
        yield Complaint(plain[0].name, "value", what, severity="warning")


def _complaint(
    matcher: Matcher, title: str, labels: Collection[str], metrics: Sequence[Metric]
) -> Complaint | None:
    if matcher.name not in labels:
        # {a="", b=~"|x"} say themselves that the label may be absent
        if matcher.operator in ("=", "=~") and matcher.matches(""):
            return None
        return no_label(title, matcher.name, labels)
    if WILDCARD in matcher.value:
        return None
    values = _values(metrics, matcher.name)
    if any(map(matcher.matches, values)):
        return None
    seen = sorted(values - {""}, key=_as_bound)
    if matcher.name in _BOUNDS:
        return _no_bound(matcher, title, seen)
    close = Vocabulary(seen).closest(matcher.value) if matcher.operator == "=" else ()
    shown = f" (seen: {_listed(seen)})" if seen and not close else ""
    what = f"no series of {title} has {matcher} now{shown}"
    return Complaint(matcher.name, "value", what, close, severity="warning")


def _no_bound(matcher: Matcher, title: str, seen: Sequence[str]) -> Complaint:
    """The complaint about a bucket, or a quantile: which there are is no matter of luck."""
    for value in seen:
        # le="1" for "1.0": Prometheus before 3 kept whichever was exposed
        if matcher.matches(value.removesuffix(".0")) or matcher.matches(f"{value}.0"):
            what = f'{title} has {matcher.name}="{value}", which {matcher} misses since'
            what += " Prometheus 3 spells bounds in one way"
            return Complaint(matcher.name, "bucket", what, (), "warning")
    asked = _as_bound(matcher.value)[0] if matcher.operator == "=" else 0.0
    near = sorted(seen, key=lambda each: abs(_as_bound(each)[0] - asked))[:_SHOWN]
    has = f"it has {_listed(sorted(near, key=_as_bound))}" if near else "it has none"
    more = " and others" if len(near) < len(seen) else ""
    return Complaint(matcher.name, "bucket", f"{title} has no {matcher}; {has}{more}")


def no_label(title: str, name: str, labels: Collection[str]) -> Complaint:
    """The complaint about a label that no series has."""
    own = sorted(each for each in labels if not each.startswith("exported_"))
    close = Vocabulary(own).closest(name)
    has = f"; it has {_listed(own)}" if own else "; it has none"
    return Complaint(name, "label", f"{title} has no label {name}{has}", close)


def _values(metrics: Sequence[Metric], name: str) -> frozenset[str]:
    own = {name, name.removeprefix("exported_")}
    found = [m.values[each] for m in metrics for each in own if each in m.values]
    return frozenset[str]().union(*found)


def _any_series(metrics: Sequence[Metric], matchers: Sequence[Matcher]) -> bool:
    return any(
        all(_fits(each, point.labels) for each in matchers)
        for metric in metrics
        for point in metric.points
    )


def _fits(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    own = labels.get(matcher.name) or labels.get(matcher.name.removeprefix("exported_"), "")
    return matcher.matches(own)


def _as_bound(value: str) -> tuple[float, str]:
    """A key that sorts numbers by their value and words by their letters."""
    try:
        return parse_float(value), value
    except ValueError:
        return float("inf"), value


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
