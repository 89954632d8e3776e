"""Numbers that are compared as a person means it, and increases that tell their story.

Integers are exact. Everything else is compared with a tolerance, since ten times 0.1 is
not 1 in floating point: relative to the larger number, as golden files compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, Final, Protocol

import attrs

from promlatest._matching.floats import is_same
from promlatest._matching.labels import Labels
from promlatest.exceptions import UsageError
from promlatest.testing._errors import hides
from promlatest.testing._words import many, number

__tracebackhide__ = hides

TOLERANCE: Final = 1e-9
# The difference of two numbers has the rounding of both, however small it is itself.
_ROUNDINGS: Final = 8


class Approximate(Protocol):
    """A number that knows what it takes for equal: `pytest.approx(0.3, abs=0.1)`."""

    expected: Any


def same(one: float, other: float, tolerance: float = TOLERANCE, of: float = 0.0) -> bool:
    """Whether two numbers are one but for rounding.

    >>> same(0.1 + 0.2, 0.3), same(10_000_000_000.0, 10_000_000_001.0)
    (True, False)

    Args:
        one: a number; NaN is the same as NaN.
        other: the other one.
        tolerance: relative to the larger of them; 0 for none.
        of: the largest of the numbers that one of them is the difference of.
    """
    if is_same(one, other):
        return True
    if not tolerance or not math.isfinite(one - other):
        return False
    if one.is_integer() and other.is_integer() and of.is_integer():
        return False
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=_ROUNDINGS * math.ulp(of))


@attrs.frozen
class Goal:
    """A number to be met.

    Attributes:
        number: the number.
        text: as a failure shows it.
        same: whether a number is this one; takes it, and what it is a difference of.
    """

    number: float
    text: str
    same: Callable[[float, float], bool]

    def apart(self, value: float, of: float = 0.0) -> float:
        """How far a value is above the number: 0 if it is the number but for rounding,
        and NaN if one of them is no number. `of` is what it is a difference of."""
        return 0.0 if self.same(value, of) else value - self.number


def goal_of(wanted: float | Approximate, tolerance: float | None) -> Goal:
    """The goal that an argument stands for.

    Args:
        wanted: a number, or what `pytest.approx` gives.
        tolerance: relative to the larger number; None for 1e-9, 0 for none.

    Raises:
        UsageError: it is no number, or the tolerance is none.
    """
    if tolerance is not None:
        checked_tolerance(tolerance)
    if isinstance(wanted, Real):
        goal, apart = float(wanted), TOLERANCE if tolerance is None else tolerance
        return Goal(goal, number(goal), lambda value, of: same(value, goal, apart, of))
    inner = getattr(wanted, "expected", None)
    if not isinstance(inner, Real):
        raise UsageError(f"expected a number or pytest.approx of one, not {wanted!r}")
    if tolerance is not None:
        raise UsageError("pytest.approx has a tolerance of its own: say one of them")
    return Goal(float(inner), str(wanted), lambda value, of: bool(wanted == value))


def checked_tolerance(tolerance: float) -> float:
    """A tolerance relative to the larger number, if it is one.

    Raises:
        UsageError: it is not from 0 to 1: with 1 and above everything is alike.
    """
    if isinstance(tolerance, Real) and 0 <= tolerance < 1:
        return tolerance
    raise UsageError(f"tolerance is a part of the number, from 0 to 1, not {tolerance!r}")


@attrs.frozen
class Move:
    """A series that is not as it was.

    Attributes:
        labels: which.
        before: its value before; None if it was not there.
        after: its value after; None if it is not there.
    """

    labels: Labels
    before: float | None
    after: float | None

    def __str__(self) -> str:
        return f"{self.labels.series()}  {number(self.before)} -> {number(self.after)}"


class Increase(float):
    """By how much series have increased: a number that tells how it came about.

        >>> Increase(2.0, 5.0, 7.0, 1)
        2 (5 -> 7, in 1 series)
        >>> Increase(2.0, 5.0, 7.0, 1) == 2
        True

    It equals what it is but for rounding, so it cannot be hashed.

    Attributes:
        before: the value, or the sum, before; None if nothing was there.
        after: the same after.
        series: how many series took part.
        resets: how many counters began anew in between.
    """

    before: float | None
    after: float | None
    series: int
    resets: int

    def __new__(
        cls,
        gain: float,
        before: float | None,
        after: float | None,
        series: int,
        resets: int = 0,
    ) -> Increase:
        made = super().__new__(cls, gain)
        made.before, made.after, made.series, made.resets = before, after, series, resets
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Increase, (float(self), self.before, self.after, self.series, self.resets)

    def __repr__(self) -> str:
        anew = f", {many(self.resets, 'reset')}" if self.resets else ""
        moved = f"{number(self.before)} -> {number(self.after)}"
        return f"{number(float(self))} ({moved}, in {self.series} series{anew})"

    __str__ = float.__repr__
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int | float):
            return NotImplemented
        return same(float(self), float(other), of=self._largest)

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __lt__(self, other: float) -> bool:
        return float(self) < other and self != other

    def __le__(self, other: float) -> bool:
        return float(self) < other or self == other

    def __gt__(self, other: float) -> bool:
        return float(self) > other and self != other

    def __ge__(self, other: float) -> bool:
        return float(self) > other or self == other

    @property
    def _largest(self) -> float:
        return max(abs(self.before or 0.0), abs(self.after or 0.0))
