"""What is known of the series that an expression gives, without looking at the data.

Pure: how the shapes of operands make the shape of an operation. Whatever cannot be known is
None or empty, and then nothing is said about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import attrs

from promlatest.promql._tree import Binary
from promlatest.rules._known import Metric
from promlatest.rules._rule import Finding

__all__ = [
    "GROUPED",
    "LabelShape",
    "always_of",
    "are_alternatives",
    "kept",
    "merged",
    "raw_of",
    "titled",
]

_TITLED: Final = 2  # metrics of a title
# What gives values of its input, or a sum of them, and so a counter of a counter.
_KEEPS_VALUES: Final = frozenset(
    (
        "sum", "avg", "min", "max", "topk", "bottomk", "quantile", "abs", "ceil",
        "floor", "round", "clamp", "clamp_max", "clamp_min", "sort", "sort_desc",
        "last_over_time", "max_over_time", "min_over_time", "avg_over_time",
        "label_replace", "label_join",
    )
)  # fmt: skip

LabelNames = frozenset[str] | None

GROUPED: Final[Mapping[bool, Callable[[LabelNames, frozenset[str]], LabelNames]]] = {
    False: lambda labels, names: None if labels is None else names,  # by, on
    True: lambda labels, names: None if labels is None else labels - names,
}


@attrs.frozen(kw_only=True)
class LabelShape:
    """What is known of the series that an expression gives.

    Attributes:
        labels: the labels that they may have beside the target's; None: unknown.
        always: the labels that each of them has, as far as that is known.
        raw: the metrics whose values they are, as they were exposed.
        metrics: the metrics that they are made of, whatever was done with the values.
        most: the highest value that they can have: a quantile is no higher than the
            highest bound of its histogram; None: unknown.
        missing: metrics that are not there, and without which it gives nothing.
        asks: whether it asks for any metric.
        compares: whether a comparison decides what it gives.
    """

    labels: frozenset[str] | None = None
    always: frozenset[str] = frozenset()
    raw: tuple[Metric, ...] = ()
    metrics: tuple[Metric, ...] = ()
    most: float | None = None
    missing: tuple[Finding, ...] = ()
    asks: bool = False
    compares: bool = False

    def is_all(self, sample_type: str) -> bool:
        """Whether they are raw values of metrics of one type."""
        return bool(self.raw) and all(each.sample_type == sample_type for each in self.raw)


def merged(below: Iterable[LabelShape]) -> LabelShape:
    """What a node has of all its children."""
    shapes = tuple(below)
    return LabelShape(
        labels=frozenset(),
        metrics=tuple(dict.fromkeys(each for shape in shapes for each in shape.metrics)),
        missing=tuple(each for shape in shapes for each in shape.missing),
        asks=any(shape.asks for shape in shapes),
        compares=any(shape.compares for shape in shapes),
    )


def titled(metrics: Sequence[Metric]) -> str:
    """The metrics in words: two of them, and how many more."""
    names = [each.name for each in metrics[:_TITLED]]
    names += [f"{len(metrics) - _TITLED} more"] * (len(metrics) > _TITLED)
    return " and ".join(names) or "what it is asked of"


def kept(
    whole: LabelShape, inner: LabelShape, operator: str, labels: LabelNames
) -> LabelShape:
    """What an aggregation or a function gives, where it may give values of its input."""
    shape = attrs.evolve(whole, labels=labels, always=inner.always)
    if operator not in _KEEPS_VALUES:
        return shape
    most = None if operator == "sum" else inner.most
    return attrs.evolve(shape, raw=inner.raw, most=most)


def are_alternatives(left: LabelShape, right: LabelShape) -> bool:
    """Whether `a or b` asks for the one of two names that is there.

    Two conditions, `a > 1 or b > 2`, both matter, and so does what a constant stands in
    for, `a or vector(0)`.
    """
    either = left.asks and right.asks and not (left.compares or right.compares)
    return either and bool(left.missing) != bool(right.missing)


def always_of(node: Binary, left: LabelShape, right: LabelShape) -> frozenset[str]:
    """The labels that each series of an operation has."""
    if node.matching is None:  # a number on one side
        return (left if left.asks else right).always
    if node.operator == "or":
        return left.always & right.always
    if node.operator in ("and", "unless"):
        return left.always
    if node.matching.cardinality == "many-to-one":
        return left.always
    if node.matching.cardinality == "one-to-many":
        return right.always
    names = frozenset(node.matching.labels)
    return left.always & names if node.matching.on else left.always - names


def raw_of(node: Binary, left: LabelShape, right: LabelShape) -> tuple[Metric, ...]:
    """The metrics whose values, or those times a number, an operation gives."""
    if node.matching is None:  # a number on one side
        # time() - x: what is taken from a number is no count, whatever its type says
        return left.raw or (() if node.operator == "-" else right.raw)
    return left.raw if node.operator in ("and", "unless") else ()
