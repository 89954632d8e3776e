"""Numbers as Go and C have them, one by one and column by column.

Where Python raises, IEEE 754 has a value: x/0, log(0), an overflow. Columns are worked on
in C first, for nearly always nothing is unusual; None and what raises are looked at in a
second pass. A map over 5,000 floats takes 0.1 ms, a Python function for each 0.5.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from math import copysign, fsum, inf, isnan, nan
from typing import Final

from promlatest._interfaces import Values

_UNUSUAL: Final = (TypeError, ValueError, OverflowError, ZeroDivisionError)


def divide(a: float, b: float) -> float:
    try:
        return a / b
    except ZeroDivisionError:
        return nan if a == 0 or isnan(a) else copysign(inf, a) * copysign(1, b)


def modulo(a: float, b: float) -> float:
    try:
        return math.fmod(a, b)
    except ValueError:
        return nan


def power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return -inf if a < 0 and b % 2 == 1 else inf
    except ValueError:  # 0 to a negative power, or a root of a negative number
        if a == 0:
            return copysign(inf, a) if b % 2 == 1 else inf
        return nan


# The way in C, and the one that never raises.
OPERATORS: Final[
    dict[str, tuple[Callable[[float, float], float], Callable[[float, float], float]]]
] = {
    "+": (operator.add, operator.add),
    "-": (operator.sub, operator.sub),
    "*": (operator.mul, operator.mul),
    "/": (operator.truediv, divide),
    "%": (math.fmod, modulo),
    "^": (math.pow, power),
    "atan2": (math.atan2, math.atan2),
}
COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def combined(
    name: str, left: Iterable[float | None], right: Iterable[float | None]
) -> Values:
    """Both columns under an operator; None where one of them has none."""
    quick, exact = OPERATORS[name]
    left, right = list(left), list(right)
    try:
        return list(map(quick, left, right))  # type: ignore[arg-type] # None raises
    except _UNUSUAL:
        pairs = zip(left, right, strict=True)
        return [None if a is None or b is None else exact(a, b) for a, b in pairs]


def combined_with(name: str, values: Values, number: float, *, swapped: bool) -> Values:
    """A column and a number under an operator; `swapped`: the number stands first."""
    numbers = repeat(number, len(values))
    return combined(name, numbers, values) if swapped else combined(name, values, numbers)


def mapped(function: Callable[[float], float], values: Values) -> Values:
    """A column under a function that may raise what stands for NaN (`defined`)."""
    try:
        return list(map(function, values))  # type: ignore[arg-type] # None raises
    except _UNUSUAL:
        return [None if value is None else _defined(function, value) for value in values]


def _defined(function: Callable[[float], float], value: float) -> float:
    try:
        return function(value)
    except OverflowError:
        return inf if function is not math.sinh else copysign(inf, value)
    except (ValueError, ZeroDivisionError):
        return _POLES.get(function, _undefined)(value)


def _undefined(value: float) -> float:
    return nan


def _log_pole(value: float) -> float:
    return -inf if value == 0 else nan


# Where a function goes to infinity; elsewhere out of its domain it is NaN.
_POLES: Final[dict[Callable[[float], float], Callable[[float], float]]] = {
    math.log: _log_pole,
    math.log2: _log_pole,
    math.log10: _log_pole,
    math.atanh: lambda value: copysign(inf, value) if abs(value) == 1 else nan,
}


# -- sums -----------------------------------------------------------------------------


def total(values: Iterable[float]) -> float:
    """The sum, rounded once: what Prometheus' compensated sum comes close to."""
    values = list(values)
    try:
        return fsum(values)
    except OverflowError:
        return sum(values)
    except ValueError:  # +Inf and -Inf
        return nan


def mean(values: Sequence[float]) -> float:
    """The average; of numbers whose sum is too large for a float, step by step."""
    count = len(values)
    result = total(values) / count
    if math.isinf(result) and all(map(math.isfinite, values)):
        return fsum(value / count for value in values)
    return result


def variance(values: Sequence[float]) -> float:
    """The population variance (Welford); NaN if a value is no finite number."""
    if not all(map(math.isfinite, values)):
        return nan
    count, average, squares = 0, 0.0, 0.0
    for value in values:
        count += 1
        delta = value - average
        average += delta / count
        squares += delta * (value - average)
    return squares / count


def quantile(q: float, values: Iterable[float]) -> float:
    """The q-quantile, between two ranks by weight; NaN counts as the least (Q-5)."""
    if isnan(q):
        return nan
    if not 0 <= q <= 1:
        return copysign(inf, q)
    ranked = ascending(values)
    rank = q * (len(ranked) - 1)
    lower = int(rank)
    upper = min(lower + 1, len(ranked) - 1)
    weight = rank - lower
    return ranked[lower] * (1 - weight) + ranked[upper] * weight


def ascending(values: Iterable[float]) -> list[float]:
    """Sorted, NaN first."""
    values = list(values)
    numbers = [value for value in values if value == value]
    return [nan] * (len(values) - len(numbers)) + sorted(numbers)


def least(values: Sequence[float]) -> float:
    """The least number; NaN only if there is no other."""
    return _extreme(min, values)


def greatest(values: Sequence[float]) -> float:
    """The greatest number; NaN only if there is no other."""
    return _extreme(max, values)


def _extreme(pick: Callable[[Sequence[float]], float], values: Sequence[float]) -> float:
    # Nothing is less or greater than NaN, so that it stays only where it stands first.
    if isnan(values[0]):
        # (A None must raise here, too.)
        values = [value for value in values if not isnan(value)] or [nan]
    return pick(values)
