"""The aggregations of PromQL: a table of name, type of parameter and arithmetic.

Most make one value of a group's values (`_each_group`); `topk` and `bottomk` leave most
series out, and `count_values` makes new ones.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import chain
from math import isnan, sqrt
from typing import Final, NamedTuple

import attrs

from promlatest._interfaces import Values
from promlatest._matching.floats import format_float
from promlatest._matching.labels import Labels, quote
from promlatest.promql._arithmetic import (
    greatest,
    least,
    mean,
    quantile,
    total,
    variance,
)
from promlatest.promql._functions import (
    Asked,
    Work,
    check_quantile,
    in_order,
    is_label_name,
)
from promlatest.promql._series import Groups, Pick, grouped, grouping_key, picker
from promlatest.promql._tree import Aggregation, ValueType, unwrapped
from promlatest.promql._values import Kept, VectorColumn

MakeAggregation = Callable[[Aggregation], Work]
Reduce = Callable[..., float | None]
"""The value of a group's values; it may raise TypeError where None is among them."""


@attrs.frozen
class Aggregator:
    """A row of the table.

    Attributes:
        parameter: the type of the parameter; None: it has none.
        make: makes what works on the parameter, if there is one, and the vector.
        scales: whether the result is twice as large if every value is.
    """

    parameter: ValueType | None
    make: MakeAggregation
    scales: bool = True


class _Plan(NamedTuple):
    """The groups of some series, and how to pick the values of each."""

    labels: tuple[Labels, ...]
    pickers: tuple[Pick, ...]


def _groups(node: Aggregation) -> Kept[Groups]:
    key = grouping_key(node.grouping, node.without)
    return Kept(lambda labels: grouped(labels, key))


def _plan(node: Aggregation) -> Kept[_Plan]:
    key = grouping_key(node.grouping, node.without)

    def make(labels: tuple[Labels, ...]) -> _Plan:
        groups = grouped(labels, key)
        picks = (picker(places, len(labels)) for places in groups.places)
        return _Plan(groups.labels, tuple(picks))

    return Kept(make)


def _each_group(reduce: Reduce, *, alone: bool = False) -> MakeAggregation:
    """One value of each group's values; none of a group that has none.

    Args:
        alone: whether a value that is alone stays what it is.
    """

    def make(node: Aggregation) -> Work:
        plan = _plan(node)

        def work(asked: Asked, now: int, column: VectorColumn) -> VectorColumn:
            labels, pickers = plan(column.labels)
            values = column.values
            if alone and len(labels) == len(values):
                return VectorColumn(labels, values)
            return VectorColumn(
                labels, [_reduced(reduce, pick(values)) for pick in pickers]
            )

        return work

    return make


def _reduced(reduce: Reduce, values: Values) -> float | None:
    try:
        return reduce(values)
    except TypeError:  # None among them
        there = [value for value in values if value is not None]
        return reduce(there) if there else None


def _count_of(values: Values) -> float | None:
    return float(len(values) - list(values).count(None)) or None


def _present(values: Values) -> float | None:
    return 1.0 if _count_of(values) else None


def _quantile(node: Aggregation) -> Work:
    plan = _plan(node)
    assert node.parameter is not None
    at = node.parameter.start

    def work(asked: Asked, now: int, q: float, column: VectorColumn) -> VectorColumn:
        check_quantile(asked, q, at)
        labels, pickers = plan(column.labels)
        picked = (pick(column.values) for pick in pickers)
        there = ([v for v in values if v is not None] for values in picked)
        return VectorColumn(labels, [quantile(q, each) if each else None for each in there])

    return work


def _first(*, descending: bool) -> MakeAggregation:
    """`topk` and `bottomk`: of each group the first k in order, NaN last."""

    def make(node: Aggregation) -> Work:
        plan = _groups(node)

        def work(asked: Asked, now: int, k: float, column: VectorColumn) -> VectorColumn:
            count = _whole(asked, k, node)
            if count < 1:
                return VectorColumn((), ())
            groups = plan(column.labels)
            order = in_order(column.values, descending)
            if len(groups.labels) > 1:
                order = _in_each(order, groups, count)
            else:
                order = order[:count]
            values: list[float | None] = [None] * len(column.values)
            for place in order:
                values[place] = column.values[place]
            return VectorColumn(column.labels, values, order)

        return work

    return make


def _in_each(order: list[int], groups: Groups, count: int) -> list[int]:
    """The first of each group, one group behind the other."""
    group_of = {place: at for at, places in enumerate(groups.places) for place in places}
    chosen: list[list[int]] = [[] for _ in groups.places]
    for place in order:
        group = chosen[group_of[place]]
        if len(group) < count:
            group.append(place)
    return list(chain.from_iterable(chosen))


def _whole(asked: Asked, k: float, node: Aggregation) -> int:
    assert node.parameter is not None
    if isnan(k):
        asked.fail(node.parameter.start, "Parameter value is NaN")
    if not -(2.0**63) < k < 2.0**63:
        over = "overflows" if k > 0 else "underflows"
        asked.fail(node.parameter.start, f"Scalar value {format_float(k)} {over} int64")
    return int(k)


def _count_values(node: Aggregation) -> Work:
    """How many series have each value; the value becomes a label."""
    assert node.parameter is not None
    name: str = getattr(unwrapped(node.parameter), "value")  # noqa: B009 a String's
    at = node.parameter.start
    names = node.grouping if node.without else (*node.grouping, name)
    key = grouping_key(names, node.without)

    def work(asked: Asked, now: int, _: str, column: VectorColumn) -> VectorColumn:
        if not is_label_name(name):
            asked.fail(at, f"invalid label name {quote(name)}")
        counts: dict[Labels, int] = {}
        for labels, value in zip(column.labels, column.values, strict=True):
            if value is not None:
                told = key(Labels({**labels, name: digits(value)}))
                counts[told] = counts.get(told, 0) + 1
        return VectorColumn(tuple(counts), list(map(float, counts.values())))

    return work


def digits(value: float) -> str:
    """A number in digits without an exponent, as Go's format "f" has it.

    >>> digits(1e21), digits(1e-05), digits(float("inf")), digits(-0.0)
    ('1000000000000000000000', '0.00001', '+Inf', '-0')
    """
    text = repr(float(value))
    if text.endswith(".0"):
        return text[:-2]
    if "n" in text:
        return _NAMES[text]
    return format(Decimal(text), "f") if "e" in text else text


_NAMES: Final = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


AGGREGATIONS: Final[dict[str, Aggregator]] = {
    "avg": Aggregator(None, _each_group(mean, alone=True)),
    "bottomk": Aggregator("scalar", _first(descending=False)),
    "count": Aggregator(None, _each_group(_count_of), scales=False),
    "count_values": Aggregator("string", _count_values, scales=False),
    "group": Aggregator(None, _each_group(_present), scales=False),
    "max": Aggregator(None, _each_group(greatest, alone=True)),
    "min": Aggregator(None, _each_group(least, alone=True)),
    "quantile": Aggregator("scalar", _quantile),
    "stddev": Aggregator(None, _each_group(lambda values: sqrt(variance(values)))),
    "stdvar": Aggregator(None, _each_group(variance), scales=False),
    "sum": Aggregator(None, _each_group(total, alone=True)),
    "topk": Aggregator("scalar", _first(descending=True)),
}
