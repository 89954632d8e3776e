"""What does not depend on how much of a range is known.

If half of a range is known, an increase is half as large. Where it is divided by another
that is half as large as well, or only the shape of many matters (a quantile), or only
whether it is 0, the answer is right all the same.
"""

from __future__ import annotations

from typing import Final

from promlatest.promql._aggregations import AGGREGATIONS
from promlatest.promql._arithmetic import COMPARISONS
from promlatest.promql._functions import FUNCTIONS
from promlatest.promql._selectors import Policy
from promlatest.promql._tree import (
    Aggregation,
    Binary,
    Call,
    Node,
    Number,
    Paren,
    Unary,
    chain_of,
    unwrapped,
)

# What hands its first argument's values on as they are, or their size.
_PASSING: Final = frozenset(("abs", "label_join", "label_replace", "sort", "sort_desc"))


def scale(node: Node) -> str:
    """The function of a range that a value grows with, as `rate`; "" if with none."""
    while isinstance(node, Paren | Unary):
        node = node.expr
    if isinstance(node, Call):
        if FUNCTIONS[node.function].scaled:
            return node.function
        return scale(node.args[0]) if node.function in _PASSING else ""
    if isinstance(node, Aggregation):
        return scale(node.expr) if AGGREGATIONS[node.operator].scales else ""
    return _along(node)[0] if isinstance(node, Binary) else ""


def cancelled(node: Binary) -> dict[int, Policy]:
    """Which operands of a chain (0 is the first) need not be known over all of a range,
    since what they grow with is divided out, or compared with 0."""
    return _along(node)[1]


def _along(node: Binary) -> tuple[str, dict[int, Policy]]:
    """What a chain grows with at its end, and what was cancelled on the way."""
    first, rest = chain_of(node)
    grows, from_ = scale(first), [0]
    free: dict[int, Policy] = {}
    for place, each in enumerate(rest, 1):
        other = scale(each.right)
        if each.operator == "/" and grows and grows == other:
            free |= dict.fromkeys([*from_, place], "free")
            grows, from_ = "", []
        elif each.operator in COMPARISONS:
            if grows and _is_zero(each.right):
                free |= dict.fromkeys(from_, "noted")
            elif other and place == 1 and _is_zero(first):
                free[place] = "noted"
            grows, from_ = "", []
        else:
            grows, from_ = _next(each.operator, grows, other, from_, place)
    return grows, free


def _next(
    operator: str, grows: str, other: str, from_: list[int], place: int
) -> tuple[str, list[int]]:
    if operator in ("+", "-", "or") and grows == other:
        return grows, [*from_, place]
    if operator in ("*", "/", "and", "unless") and not other:
        return grows, from_
    if operator == "*" and not grows:
        return other, [place]
    return "", []


def _is_zero(node: Node) -> bool:
    node = unwrapped(node)
    return isinstance(node, Number) and node.value == 0
