"""The operators between two operands: arithmetic, comparisons, sets.

`operation` makes what works on two values, once for a place in an expression, and with
what it finds out about labels in its closure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from promlatest._matching.labels import Labels
from promlatest.promql._arithmetic import COMPARISONS, OPERATORS, combined, combined_with
from promlatest.promql._functions import Asked
from promlatest.promql._series import (
    Conflict,
    Relabelling,
    join,
    joined,
    present,
    signatures,
    without_metadata,
)
from promlatest.promql._tree import Binary, Matching, Node
from promlatest.promql._values import EMPTY, Kept, VectorColumn

OperatorStep = Callable[[Asked, Any, Any], Any]
"""Takes the question and both operands; gives the result."""


def operation(node: Binary) -> OperatorStep:
    left, right = node.left.type == "vector", node.right.type == "vector"
    if left and right:
        return _between_vectors(node)
    if left or right:
        return _with_scalar(node, swapped=right)
    return _between_scalars(node)


def _between_scalars(node: Binary) -> OperatorStep:
    if node.operator in COMPARISONS:
        compare = COMPARISONS[node.operator]
        return lambda asked, left, right: float(compare(left, right))
    _, exact = OPERATORS[node.operator]
    return lambda asked, left, right: exact(left, right)


def _with_scalar(node: Binary, *, swapped: bool) -> OperatorStep:
    renamed = relabelled(node)
    operator = node.operator
    if operator in OPERATORS:

        def calculate(asked: Asked, left: Any, right: Any) -> VectorColumn:
            column, number = (right, left) if swapped else (left, right)
            values = combined_with(operator, column.values, number, swapped=swapped)
            return renamed(asked, column.labels, values)

        return calculate
    compare = COMPARISONS[_MIRRORED[operator] if swapped else operator]

    def test(asked: Asked, left: Any, right: Any) -> VectorColumn:
        column, number = (right, left) if swapped else (left, right)
        values = column.values
        if node.bool:
            told = [None if v is None else float(compare(v, number)) for v in values]
            return renamed(asked, column.labels, told)
        kept = [v if v is not None and compare(v, number) else None for v in values]
        return VectorColumn(column.labels, kept)

    return test


_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _between_vectors(node: Binary) -> OperatorStep:
    if node.operator in _SETS:
        return _SETS[node.operator](node)
    rename = node.operator in OPERATORS or node.bool
    matching = _matching(node)
    plans = Kept(lambda left, right: join(left, right, matching, rename=rename))

    def work(asked: Asked, left: VectorColumn, right: VectorColumn) -> VectorColumn:
        if not left.labels or not right.labels:
            return EMPTY
        plan = plans(left.labels, right.labels)
        if isinstance(plan, Conflict):  # it may not be one between those that are there
            left, right = present(left), present(right)
            if not left.labels or not right.labels:
                return EMPTY
            plan = join(left.labels, right.labels, matching, rename=rename)
            if isinstance(plan, Conflict):
                asked.fail(node.start, str(plan))
        values = between(plan.left(left.values), plan.right(right.values))
        return VectorColumn(plan.labels, values)

    between = _pairwise(node)
    return work


def _matching(node: Binary) -> Matching:
    assert node.matching is not None  # the parser gives one between vectors
    return node.matching


def _pairwise(node: Binary) -> Callable[[Any, Any], Any]:
    operator = node.operator
    if operator in OPERATORS:
        return lambda left, right: combined(operator, left, right)
    compare = COMPARISONS[operator]
    if node.bool:
        return lambda left, right: [
            None if a is None or b is None else float(compare(a, b))
            for a, b in zip(left, right, strict=True)
        ]
    return lambda left, right: [
        a if a is not None and b is not None and compare(a, b) else None
        for a, b in zip(left, right, strict=True)
    ]


def _filtered(node: Binary, *, wanted: bool) -> OperatorStep:
    """`and` and `unless`: the left series, as far as the right side has them or not."""
    matching = _matching(node)
    keys = Kept(lambda labels: signatures(labels, matching))

    def work(asked: Asked, left: VectorColumn, right: VectorColumn) -> VectorColumn:
        there = _there(keys, right)
        pairs = zip(keys(left.labels), left.values, strict=True)
        return VectorColumn(
            left.labels,
            [value if (key in there) is wanted else None for key, value in pairs],
        )

    return work


def _there(keys: Kept[list[Labels]], column: VectorColumn) -> set[Labels]:
    pairs = zip(keys(column.labels), column.values, strict=True)
    return {key for key, value in pairs if value is not None}


def _either(node: Binary) -> OperatorStep:
    """`or`: the left series, and those of the right that the left does not have."""
    matching = _matching(node)
    keys = Kept(lambda labels: signatures(labels, matching))
    together = Kept(joined)

    def work(asked: Asked, left: VectorColumn, right: VectorColumn) -> VectorColumn:
        there = _there(keys, left)
        pairs = zip(keys(right.labels), right.values, strict=True)
        more = [None if key in there else value for key, value in pairs]
        return VectorColumn(together(left.labels, right.labels), [*left.values, *more])

    return work


_SETS: Final[dict[str, Callable[[Binary], OperatorStep]]] = {
    "and": lambda node: _filtered(node, wanted=True),
    "unless": lambda node: _filtered(node, wanted=False),
    "or": _either,
}


def relabelled(node: Node) -> Callable[[Asked, tuple[Labels, ...], Any], VectorColumn]:
    """Without the name; two series that nothing else tells apart are refused."""
    renamed = Relabelling(without_metadata)

    def work(asked: Asked, labels: tuple[Labels, ...], values: Any) -> VectorColumn:
        try:
            return renamed(labels, values)
        except Conflict as conflict:
            asked.fail(node.start, str(conflict))

    return work
