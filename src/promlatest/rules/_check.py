"""Static: does what a rule asks for exist, and can it be asked like that?

Every node of an expression is given a `LabelShape`, children first: which labels its
series may have, and whose raw values they are. What cannot be known (what another process
exposes, what a variable stands for) is no shape at all, and nothing is said about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import inf, isfinite
from typing import Any, Final

import attrs

from promlatest._matching.floats import format_float
from promlatest._matching.labels import METRIC_NAME
from promlatest.exceptions import QueryError
from promlatest.promql._arithmetic import COMPARISONS
from promlatest.promql._functions import FUNCTIONS
from promlatest.promql._parser import parsed
from promlatest.promql._tree import (
    Aggregation,
    Binary,
    Call,
    MatrixSelector,
    Node,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
    unwrapped,
    walk,
)
from promlatest.rules._known import Known
from promlatest.rules._rule import Finding, Rule, Severity
from promlatest.rules._selectors import (
    Complaint,
    complaints,
    find_metrics,
    known_labels,
    no_label,
)
from promlatest.rules._shape import (
    GROUPED,
    LabelShape,
    always_of,
    are_alternatives,
    kept,
    merged,
    raw_of,
    titled,
)
from promlatest.rules._text import Text
from promlatest.rules._variables import WILDCARD

__all__ = ["findings_of", "tree_of"]


def findings_of(rule: Rule, known: Known) -> list[Finding]:
    """Everything that is wrong with a rule, in the order of its text."""
    try:
        tree = tree_of(rule)
    except QueryError as error:
        return [_unreadable(rule, error)]
    return _Check(rule, known).run(tree)


def tree_of(rule: Rule) -> Node:
    """The tree of a rule's expression; raises what `parse` raises."""
    return parsed(str(rule.expr))


def _unreadable(rule: Rule, error: QueryError) -> Finding:
    before = rule.expr.split("\n")[: error.line - 1]
    offset = sum(len(line) + 1 for line in before) + error.column - 1
    what = error.reason
    if what.startswith("expected a range vector") and _RATE_OF_SUM.search(rule.expr):
        what += "; the rate comes first: sum(rate(x[5m])), not rate(sum(x))"
    # What is PromQL and not ours is no failure of the rule: it is not looked up.
    severity: Severity = "warning" if " is not supported: " in what else "failure"
    return _finding(rule, offset, Complaint("", "syntax", what, severity=severity))


_RATE_OF_SUM: Final = re.compile(r"\b(?:rate|irate|increase)\s*\(\s*(?:sum|avg)\b")


def _finding(rule: Rule, offset: int, complaint: Complaint) -> Finding:
    line = rule.expr.line(offset)
    return Finding(file=rule.file, line=line, rule=rule.name, **attrs.asdict(complaint))


class _Check:
    """One rule on its way to findings; a method for each kind of node."""

    def __init__(self, rule: Rule, known: Known) -> None:
        self.rule = rule
        self.known = known
        self.found: list[tuple[int, Finding]] = []

    def run(self, tree: Node) -> list[Finding]:
        shapes: dict[int, LabelShape] = {}
        # Parents come first in a walk, so the other way round children do. A chain of
        # operators is as deep as it is long, and here nothing recurses.
        for node in reversed(list(walk(tree))):
            below = tuple(shapes[id(child)] for child in node.children)
            shapes[id(node)] = _SHAPES[type(node)](self, node, below)
        whole = shapes[id(tree)]
        self.found += [(each.line, each) for each in whole.missing]
        self.templates(whole)
        first: dict[tuple[str, str], Finding] = {}
        for _, finding in sorted(self.found, key=lambda pair: pair[0]):
            first.setdefault((finding.kind, finding.what), finding)
        return list(first.values())

    def complain(self, node: Node, complaint: Complaint) -> Finding:
        """The finding for a complaint about a part of a node."""
        about = re.escape(complaint.about)
        match = re.compile(rf"(?<![\w:]){about}(?![\w:])").search(
            self.rule.expr, node.start, node.end
        )
        return _finding(self.rule, match.start() if match else node.start, complaint)

    def say(self, node: Node, complaint: Complaint) -> None:
        finding = self.complain(node, complaint)
        self.found.append((finding.line, finding))

    # Selectors

    def selector(self, node: VectorSelector, below: tuple[LabelShape, ...]) -> LabelShape:
        metrics, complaint = find_metrics(node.matchers, self.known)
        if complaint:
            finding = self.complain(node, complaint)
            if finding.severity == "warning":
                self.found.append((finding.line, finding))
                return LabelShape(asks=True)
            return LabelShape(missing=(finding,), asks=True)
        if not metrics:
            return LabelShape(asks=True)
        for each in complaints(metrics, node.matchers, self.known):
            self.say(node, each)
        raw = tuple(metrics)
        return LabelShape(
            labels=known_labels(metrics),
            always=frozenset.intersection(*(metric.always for metric in metrics)),
            raw=raw,
            metrics=raw,
            asks=True,
        )

    # Aggregations

    def aggregation(self, node: Aggregation, below: tuple[LabelShape, ...]) -> LabelShape:
        inner = below[-1]
        self.check_labels(node, inner, node.grouping, "warning" if node.without else "")
        names = frozenset(node.grouping)
        labels = GROUPED[node.without](inner.labels, names)
        always = inner.always - names if node.without else inner.always & names
        if node.operator in _KEEPS_LABELS:
            labels, always = inner.labels, inner.always
        if node.operator == "count_values" and isinstance(node.parameter, String):
            labels = None if labels is None else labels | {node.parameter.value}
        shape = kept(merged(below), inner, node.operator, labels)
        return attrs.evolve(shape, always=always)

    def check_labels(
        self, node: Node, shape: LabelShape, names: Iterable[str], severity: str = ""
    ) -> None:
        """Complain of labels that no series of a shape has."""
        if shape.labels is None:
            return
        for name in names:
            if name in shape.labels or name in self.known.target_labels:
                continue
            if WILDCARD in name or name == METRIC_NAME:
                continue
            complaint = no_label(titled(shape.metrics), name, shape.labels)
            if severity == "warning":
                complaint = attrs.evolve(complaint, severity="warning")
            self.say(node, complaint)

    # Functions

    def call(self, node: Call, below: tuple[LabelShape, ...]) -> LabelShape:
        shape = merged(below)
        moved = FUNCTIONS[node.function].moved
        if moved == "counter":
            self.check_rate(node, below[0])
        if moved == "gauge" and below[0].is_all("counter"):
            what = (
                f"{node.function}() of {titled(below[0].raw)}, which is a counter: each"
                " restart makes it fall; increase() and rate() are for counters"
            )
            complaint = Complaint(node.function, "use", what, severity="warning")
            self.say(node, complaint)
        if node.function == "histogram_quantile":
            labels, most = self.without_le(node, below[1]), self.highest(node, below[1])
            always = below[1].always - {"le"}
            return attrs.evolve(shape, labels=labels, always=always, most=most)
        if node.function in _LABELLING:
            new = node.args[1]
            assert isinstance(new, String)
            labels, always = below[0].labels, below[0].always - {new.value}
            labels = None if labels is None else labels | {new.value}
            return attrs.evolve(shape, labels=labels, always=always)
        if node.function in _OF_ITS_OWN:
            return attrs.evolve(shape, labels=None)
        vector = next((each for each in below if each.asks), shape)
        return kept(shape, vector, node.function, vector.labels)

    def check_rate(self, node: Call, inner: LabelShape) -> None:
        argument = unwrapped(node.args[0])
        what = ""
        if isinstance(argument, Subquery):
            of = unwrapped(argument.expr)
            if isinstance(of, Aggregation) and of.operator in ("sum", "avg", "count"):
                what = (
                    f"{node.function}() of {of.operator}() is the wrong way round: a"
                    " counter that begins anew is lost in the sum; write"
                    f" {of.operator}({node.function}(…))"
                )
        if not what and inner.is_all("gauge"):
            kind = "quantile" if inner.raw[0].type == "summary" else inner.raw[0].type
            what = (
                f"{node.function}() of {titled(inner.raw)}, which is a {kind}: it goes up"
                " and down, and each fall would count as a restart; delta() and deriv()"
                " are for such"
            )
        if what:
            self.say(node, Complaint(node.function, "use", what))

    def without_le(self, node: Call, inner: LabelShape) -> frozenset[str] | None:
        if inner.labels is None:
            return None
        if "le" not in inner.labels:
            own = sorted(n for n in inner.labels if not n.startswith("exported_"))
            has = ", ".join(own) if own else "none"
            what = (
                f"histogram_quantile() needs the label le, and what it is given has {has}"
            )
            self.say(node, Complaint(node.function, "use", what))
        return inner.labels - {"le"}

    def highest(self, node: Call, inner: LabelShape) -> float | None:
        """The highest bound that a quantile can be; None if it is not known."""
        for each in inner.metrics:
            if each.bounds and inf not in each.bounds:
                what = f'{each.name} has no le="+Inf", and its quantiles are NaN'
                self.say(node, Complaint(each.name, "bucket", what))
        bounds = [le for each in inner.metrics for le in each.bounds if isfinite(le)]
        return max(bounds, default=None) if inner.labels else None

    # Operators

    def binary(self, node: Binary, below: tuple[LabelShape, ...]) -> LabelShape:
        left, right = below
        shape = merged(below)
        if node.operator in COMPARISONS:
            self.check_comparison(node, left, node.right)
            self.check_comparison(node, right, node.left)
            self.check_reach(node, left)
            shape = attrs.evolve(shape, compares=True)
        if node.operator == "or" and are_alternatives(left, right):
            shape = attrs.evolve(shape, missing=())
        if node.matching and node.matching.on:
            for side in below:
                self.check_labels(node, side, node.matching.labels)
        self.check_partners(node, left, right)
        labels = self.labels_of_binary(node, left, right)
        always, raw = (
            always_of(node, left, right),
            raw_of(node, left, right),
        )
        return attrs.evolve(shape, labels=labels, always=always, raw=raw)

    def check_partners(self, node: Binary, left: LabelShape, right: LabelShape) -> None:
        """Complain of two sides of which no series can meet another."""
        if node.matching is None or node.matching.on or node.operator in ("or", "unless"):
            return
        if left.labels is None or right.labels is None:
            return
        for one, other, labels in (left, right, right.labels), (right, left, left.labels):
            lonely = one.always - labels - self.known.target_labels
            if names := sorted(lonely - set(node.matching.labels)):
                what = (
                    f"no two series meet: {titled(one.metrics)} has {', '.join(names)} on"
                    f" each of its series, and {titled(other.metrics)} on none; say which"
                    " labels are to be equal by on (…), or not by ignoring (…)"
                )
                self.say(node, Complaint("", "use", what))
                return

    def labels_of_binary(
        self, node: Binary, left: LabelShape, right: LabelShape
    ) -> frozenset[str] | None:
        if node.matching is None:
            return (left if left.asks else right).labels
        if node.operator == "or":
            if left.labels is None or right.labels is None or not right.asks:
                return None
            return left.labels | right.labels
        if node.operator in ("and", "unless"):
            return left.labels
        sides = {"many-to-one": (left, right), "one-to-many": (right, left)}
        if node.matching.cardinality in sides:
            many, one = sides[node.matching.cardinality]
            self.check_labels(node, one, node.matching.include)
            given = frozenset(node.matching.include)
            return None if many.labels is None else many.labels | given
        return GROUPED[not node.matching.on](left.labels, frozenset(node.matching.labels))

    def check_comparison(self, node: Binary, shape: LabelShape, other: Node) -> None:
        if not shape.is_all("counter") or other.type != "scalar":
            return
        number = str(unwrapped(other))
        zero = number in ("0", "-0")
        then = "changes with the first count" if zero else "gets there in time"
        what = (
            f"{titled(shape.raw)} is a counter, compared with {number} without rate() or"
            f" increase(): it {then}, and stays so"
        )
        self.say(
            node, Complaint("", "use", what, severity="warning" if zero else "failure")
        )

    def check_reach(self, node: Binary, shape: LabelShape) -> None:
        """Complain of a quantile that is compared with what no bucket reaches."""
        limit = unwrapped(node.right)
        above = {">": float.__ge__, ">=": float.__gt__}.get(node.operator)
        if shape.most is None or above is None or not isinstance(limit, Number):
            return
        if above(limit.value, shape.most):
            what = (
                f"a quantile of {titled(shape.metrics)} is at most"
                f" {format_float(shape.most)}, its highest bucket, and so never"
                f" {node.operator} {limit}"
            )
            self.say(node, Complaint("", "bucket", what))

    def other(self, node: Node, below: tuple[LabelShape, ...]) -> LabelShape:
        """Parentheses, signs, ranges: as what they are put around."""
        return below[0] if below else LabelShape(labels=frozenset())

    # Templates

    def templates(self, shape: LabelShape) -> None:
        """Warn of `{{ $labels.x }}` where no series has the label: it shows nothing."""
        if self.rule.kind != "alert" or shape.labels is None or shape.missing:
            return
        own = shape.labels | self.known.target_labels | {METRIC_NAME}
        for key, text in [*self.rule.annotations.items(), *self.rule.labels.items()]:
            for name in dict.fromkeys(_LABEL_SHOWN.findall(text)):
                if name in own:
                    continue
                what = (
                    f"{key} shows $labels.{name}, and what the alert gives has no such"
                    " label"
                )
                complaint = Complaint("", "template", what, severity="warning")
                line = text.line() if isinstance(text, Text) else self.rule.line
                finding = attrs.evolve(_finding(self.rule, 0, complaint), line=line)
                self.found.append((line, finding))


_LABEL_SHOWN: Final = re.compile(r"\{\{[^}]*\$labels\.([A-Za-z_]\w*)")
_LABELLING: Final = frozenset(("label_replace", "label_join"))
# Their labels come from elsewhere: from matchers, or there are none.
_OF_ITS_OWN: Final = frozenset(("absent", "absent_over_time", "vector", "time", "scalar"))
_KEEPS_LABELS: Final = frozenset(("topk", "bottomk"))
ShapeOf = Callable[[_Check, Any, tuple[LabelShape, ...]], LabelShape]

_SHAPES: Final[Mapping[type[Node], ShapeOf]] = {
    VectorSelector: _Check.selector,
    Aggregation: _Check.aggregation,
    Call: _Check.call,
    Binary: _Check.binary,
    MatrixSelector: _Check.other,
    Subquery: _Check.other,
    Paren: _Check.other,
    Unary: _Check.other,
    Number: _Check.other,
    String: _Check.other,
}
