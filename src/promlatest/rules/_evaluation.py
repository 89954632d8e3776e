"""Evaluated: what would fire, by what a process exposed at one moment or more.

Ranges mean "since the first moment", whatever their length, and are divided by what is
covered: two scrapes a second apart, and ten errors more, are 10/s. What cannot be judged
(a metric that is not there, a range without a second scrape) is a problem, and never a
"does not fire".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import attrs

from promlatest._matching.floats import format_float
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._units import format_duration
from promlatest.exceptions import PromlatestError
from promlatest.promql import Scalar, Vector, query
from promlatest.promql._arithmetic import COMPARISONS
from promlatest.promql._functions import FUNCTIONS
from promlatest.promql._parser import parsed
from promlatest.promql._tree import (
    Binary,
    Call,
    MatrixSelector,
    Node,
    Subquery,
    VectorSelector,
    selectors_of,
    unwrapped,
    walk,
)
from promlatest.rules._check import findings_of, tree_of
from promlatest.rules._known import Known
from promlatest.rules._moments import Moments
from promlatest.rules._rule import Rule
from promlatest.rules._templates import render

__all__ = ["Evaluation", "Firing", "Verdict", "firing_of", "in_order"]

_ABSENT: Final = frozenset(("absent", "absent_over_time"))
_SHOWN: Final = 3  # series of a note


@attrs.frozen
class Firing:
    """One series for which an alert is true.

    Attributes:
        labels: of the series, and what the rule adds.
        value: what the expression gives for it.
        annotations: rendered; what is not rendered here stands as it stood.
    """

    labels: Labels
    value: float
    annotations: Mapping[str, str] = attrs.field(factory=dict)

    def __str__(self) -> str:
        own = self.labels.without("alertname")
        return f"{self.labels['alertname']}{own if own else ''} {format_float(self.value)}"


@attrs.frozen(kw_only=True)
class Verdict:
    """What becomes of one alert.

    Attributes:
        rule: the alert.
        true: the series for which it is true now, sorted by labels.
        problem: why it cannot be judged; "" if it can.
        notes: how to read it: what ranges mean here.
    """

    rule: Rule
    true: tuple[Firing, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def then(self) -> str:
        """When what is true now would fire, in words."""
        rule = self.rule
        fires = f"fires after its `for` ({_duration(rule.hold)})" if rule.hold else "fires"
        if not rule.keep_firing_for:
            return fires
        kept = _duration(rule.keep_firing_for)
        return f"{fires}, and for {kept} after it has ended"

    def lines(self) -> Iterator[str]:
        """The verdict in words, a line for each series."""
        place = f"{self.rule.file}:{self.rule.line}"
        if self.problem:
            yield f"{place}: {self.rule.name}: cannot be judged: {self.problem}"
        for each in self.true:
            yield f"{place}: {each}: true now; {self.then}"
            yield from (f"  {name}: {text}" for name, text in each.annotations.items())
        if not self.true and not self.problem:
            yield f"{place}: {self.rule.name}: not true"
        yield from (f"  {note}" for note in self.notes)

    def __str__(self) -> str:
        return "\n".join(self.lines())


_UNMOVED: Final[Mapping[bool, str]] = {
    False: "{function}() needs two samples of {selector}, and one is there",
    True: "{selector} came after the first scrape, and {function}() needs two samples of"
    " it: a Prometheus does not see what a series begins with, either; let the program"
    " create it at 0, or mark after its first count",
}


def in_order(records: Iterable[Rule]) -> list[Rule]:
    """Recording rules, each after those whose results it asks for.

    Several may make one metric, with different labels. A circle is cut anywhere.
    """
    made_by: dict[str, list[Rule]] = {}
    for rule in records:
        made_by.setdefault(rule.name, []).append(rule)
    ordered: dict[str, list[Rule]] = {}
    waiting = list(made_by)[::-1]
    seen: set[str] = set()
    while waiting:
        name = waiting[-1]
        asked = () if name in seen else map(_asked_metrics, made_by[name])
        seen.add(name)
        first = {each for names in asked for each in names if each in made_by} - seen
        if first:
            waiting += sorted(first)
        else:
            ordered.setdefault(waiting.pop(), made_by[name])
    return [rule for rules in ordered.values() for rule in rules]


def _asked_metrics(rule: Rule) -> list[str]:
    try:
        tree = tree_of(rule)
    except PromlatestError:  # the evaluation says so
        return []
    return [each.metric for each in selectors_of(tree)]


class Evaluation:
    """Rules at the last of some moments: recording rules at once, alerts when asked.

    `Rules.at` gives it.
    """

    def __init__(self, rules: Iterable[Rule], moments: Moments, known: Known) -> None:
        self._moments: Final = moments
        self._known: Final = known
        self.failed: dict[str, str] = {}  # recorded metrics that could not be made
        for rule in in_order(rule for rule in rules if rule.kind == "record"):
            self.record(rule)

    def record(self, rule: Rule) -> None:
        """Evaluate a recording rule, so that what uses its result finds it."""
        try:
            result = self.result(str(rule.expr))
        except PromlatestError as error:
            self.failed[rule.name] = str(error)
            return
        own = {METRIC_NAME: rule.name, **rule.labels}
        self._moments.record((Labels({**each, **own}), value) for each, value in result)

    def verdict(self, rule: Rule) -> Verdict:
        """What becomes of an alert."""
        try:
            tree = tree_of(rule)
            if problem := self.problem(rule, tree):
                return Verdict(rule=rule, problem=problem)
            true = self.result(str(rule.expr))
        except PromlatestError as error:
            return Verdict(rule=rule, problem=str(error))
        if not true and (problem := self.unmoved(tree)):
            return Verdict(rule=rule, problem=problem)
        notes = tuple(self.notes(tree))
        foreign = self._known.target_labels
        firing = [firing_of(rule, labels, value, foreign) for labels, value in true]
        firing.sort(key=lambda each: each.labels)
        return Verdict(rule=rule, true=tuple(firing), notes=notes)

    def result(self, text: str) -> list[tuple[Labels, float]]:
        """What an expression gives now."""
        since = _since_the_first(text, self._moments.covered)
        given = query(
            self._moments,
            since,
            at=self._moments.now,
            partial=len(self._moments.times) > 1,
        )
        if isinstance(given, Scalar):
            return [(Labels(), given.value)]
        if isinstance(given, Vector):
            return list(zip(given.labels, given.values, strict=True))
        return []

    def problem(self, rule: Rule, tree: Node) -> str:
        """Why the alert cannot be judged, as far as it can be told before."""
        for node in walk(tree):
            if isinstance(node, VectorSelector | Subquery) and self._before_all(node):
                return f"{node} looks back beyond the first scrape"
        selectors = list(_selectors(tree))
        for selector in selectors:
            if selector.metric in self.failed:
                return f"{selector.metric} cannot be made: {self.failed[selector.metric]}"
        empty = [each for each in selectors if not self._now(each)]
        if not empty:
            return ""
        found = findings_of(rule, self._known)
        missing = [
            each.what + (f"; close names: {', '.join(each.close)}" if each.close else "")
            for each in found
            if each.severity == "failure" and each.kind in ("metric", "label", "bucket")
        ]
        if missing:
            return "; ".join(missing)
        if len(empty) < len(selectors):
            return ""
        words = [each.what for each in found if each.kind in ("value", "bucket")]
        return "; ".join(words) or f"no series fits {' nor '.join(map(str, selectors))}"

    def _before_all(self, node: VectorSelector | Subquery) -> bool:
        """Whether `offset` or `@` asks about a moment before the first."""
        moment = node.at if isinstance(node.at, int) else self._moments.now
        blocks = (
            b for each in selectors_of(node) for b in self._moments.series(each.matchers)
        )
        return any(moment - node.offset < block.times[0] for block in blocks if block.times)

    def _now(self, selector: VectorSelector) -> int:
        """How many series a selector finds at the last moment."""
        blocks = self._moments.series(selector.matchers)
        newest = (block.values[-1] for block in blocks if block.values)
        return sum(value is not None for column in newest for value in column)

    def _newborn(self, selector: VectorSelector) -> list[Labels]:
        """The series of a selector that only the last moment shows."""
        found: list[Labels] = []
        for block in self._moments.series(selector.matchers):
            *before, _ = block.values or [()]
            if before and None not in before[0]:  # as nearly always
                continue
            rows = zip(block.labels, *block.values, strict=True)
            found += [
                labels
                for labels, *values in rows
                if values.pop() is not None and not any(v is not None for v in values)
            ]
        return found

    def unmoved(self, tree: Node) -> str:
        """Why `rate()` and its like found nothing: its series have one sample; else ""."""
        for function, selector in _moving(tree):
            newborn = self._newborn(selector)
            if newborn and len(newborn) == self._now(selector):
                words = _UNMOVED[len(self._moments.times) > 1]
                return words.format(selector=selector, function=function)
        return ""

    def notes(self, tree: Node) -> Iterator[str]:
        ranges = [
            format_duration(node.range)
            for node in walk(tree)
            if isinstance(node, MatrixSelector | Subquery)
        ]
        if ranges and self._moments.covered:
            words = ", ".join(f"[{each}]" for each in dict.fromkeys(ranges))
            yield f"{words} means the {self._moments.covered / 1000:.3g} s covered"
        newborn = {
            each for _, selector in _moving(tree) for each in self._newborn(selector)
        }
        if newborn:
            names = [each.series() for each in sorted(newborn)[:_SHOWN]]
            shown = ", ".join(names) + ", …" * (len(newborn) > _SHOWN)
            yield f"since the first scrape came {shown}: what it began with is not seen"

    def compared(self, rule: Rule) -> list[tuple[Labels, float]]:
        """What the comparison at the top of an alert compares, held or not."""
        try:
            top = unwrapped(tree_of(rule))
            if isinstance(top, Binary) and top.operator in COMPARISONS:
                return self.result(str(top.left))
        except PromlatestError:  # the verdict says so
            pass
        return []


def firing_of(
    rule: Rule, labels: Labels, value: float, foreign: Collection[str] = ()
) -> Firing:
    """An alert as it is true for one series, with everything rendered.

    Args:
        foreign: labels that somebody else adds: one that is not there is left alone.
    """

    def rendered(texts: Mapping[str, str]) -> dict[str, str]:
        # A template sees the metric's name, too; the alert does not keep it.
        return {name: render(t, labels, value, foreign) for name, t in texts.items()}

    own = {**labels.without(METRIC_NAME), **rendered(rule.labels)}
    whole = Labels({**own, "alertname": rule.name})
    return Firing(whole, value, rendered(rule.annotations))


def _selectors(tree: Node) -> Iterator[VectorSelector]:
    """The selectors of an expression, but those that are asked to be absent."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, VectorSelector):
            yield node
        elif not (isinstance(node, Call) and node.function in _ABSENT):
            waiting += reversed(node.children)


def _moving(tree: Node) -> Iterator[tuple[str, VectorSelector]]:
    """The selectors that are asked how they moved, and by which function."""
    for call in walk(tree):
        if isinstance(call, Call) and FUNCTIONS[call.function].moved:
            yield from ((call.function, selector) for selector in _selectors(call))


def _since_the_first(text: str, covered: int) -> str:
    """The expression with every range at least as long as what is covered, in ms.

    A subquery asks about moments before the first scrape, so of it only now is left.
    """
    pieces = sorted(_ranges(parsed(text), covered))
    words: list[str] = []
    at = 0
    for start, end, new in pieces:
        words += text[at:start], new
        at = end
    return "".join([*words, text[at:]])


def _ranges(tree: Node, covered: int) -> Iterator[tuple[int, int, str]]:
    """The ranges of an expression: where they stand, and what to put there."""
    for node in walk(tree):
        if isinstance(node, MatrixSelector):
            # So long that what is covered is a part of it: then the engine divides by
            # what is covered, and extrapolates nothing.
            if node.range <= 3 * covered:
                wider = attrs.evolve(node, range=3 * covered + 1)
                yield node.start, node.end, str(wider)
        elif isinstance(node, Subquery):
            now = str(attrs.evolve(node, range=1, step=1))
            yield node.expr.end, node.end, now.removeprefix(str(node.expr))


def _duration(seconds: float) -> str:
    return format_duration(round(seconds * 1000))
