"""What can be waited for: conditions on what is looked at, as data. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Final, Literal, TypeVar

import attrs

from promlatest._arguments import checked_function
from promlatest._matching.floats import is_same
from promlatest.exceptions import UsageError
from promlatest.testing._errors import hides
from promlatest.testing._numbers import Approximate, Goal, goal_of
from promlatest.testing._words import number

__tracebackhide__ = hides

T = TypeVar("T")


@attrs.frozen
class Seen:
    """What a condition decides on.

    Attributes:
        value: what is looked at; None while it is missing.
        gain: by how much it has increased since the first reading.
        base: what it was at the first reading; None if it was missing.
        climbs: whether it can only climb, as counters do.
    """

    value: float | None
    gain: float
    base: float | None
    climbs: bool

    @property
    def largest(self) -> float:
        """The largest of the numbers that the gain is the difference of."""
        return max(abs(self.value or 0.0), abs(self.base or 0.0))


@attrs.frozen
class Awaited:
    """What is waited for.

    Attributes:
        words: as in "did not …".
        holds: whether it is so.
        passed: whether it is beyond it.
        shows: what the observations show: the value, or the gain.
        presence: whether it is about being there at all. Two scrapes in a row must show
            it then, since one may be a flicker.
        stays: it must hold at every scrape until the time is over.
    """

    words: str
    holds: Callable[[Seen], bool]
    passed: Callable[[Seen], bool] = lambda _: False
    shows: Literal["value", "gain"] = "value"
    presence: bool = False
    stays: bool = False


def equal(wanted: float | Approximate, tolerance: float | None) -> Awaited:
    """It is this value; a counter beyond it has passed it, a gauge that went across."""
    goal = goal_of(wanted, tolerance)

    def passed(view: Seen) -> bool:
        if view.value is None:
            return False
        start, now = goal.apart(view.base or 0.0), goal.apart(view.value)
        return now > 0 if view.climbs else start < 0 < now or now < 0 < start

    return Awaited(
        f"equal {goal.text}", _valued(lambda value: goal.apart(value) == 0), passed
    )


def reach(wanted: float | Approximate, tolerance: float | None) -> Awaited:
    """It is at or above this value."""
    goal = _bound(wanted, tolerance)
    return Awaited(f"reach {goal.text}", _valued(lambda value: goal.apart(value) >= 0))


def fall_to(wanted: float | Approximate, tolerance: float | None) -> Awaited:
    """It is at or below this value."""
    goal = _bound(wanted, tolerance)
    return Awaited(f"fall to {goal.text}", _valued(lambda value: goal.apart(value) <= 0))


def change_by(
    verb: Literal["increase", "decrease"],
    wanted: float | Approximate,
    tolerance: float | None,
) -> Awaited:
    """It has increased or decreased by exactly this much."""
    goal = _amount(wanted, tolerance, verb)
    sign = 1 if verb == "increase" else -1

    def apart(view: Seen) -> float:
        return goal.apart(sign * view.gain, view.largest)

    return Awaited(
        f"{verb} by {goal.text}",
        lambda view: view.value is not None and apart(view) == 0,
        lambda view: apart(view) > 0,
        shows="gain",
    )


def increase(at_least: float | Approximate | None, tolerance: float | None) -> Awaited:
    """It has increased, by this much if that is given."""
    if at_least is None:
        return Awaited("increase", lambda view: view.gain > 0, shows="gain")
    goal = _amount(at_least, tolerance, "increase")
    return Awaited(
        f"increase by at least {goal.text}",
        lambda view: goal.apart(view.gain, view.largest) >= 0,
        shows="gain",
    )


def satisfy(predicate: Callable[[float], bool], words: str) -> Awaited:
    """A condition of the test's own holds for the value."""
    checked_function(predicate, "a condition as a function of the value")

    def holds(value: float) -> bool:
        verdict = plain("the condition", predicate(value))
        if verdict is None:
            raise UsageError("to_satisfy asks for True or False, and this gave None")
        return bool(verdict)

    return Awaited(words, _valued(holds))


def plain(what: str, verdict: T) -> T:
    """What a function of the test gave.

    Raises:
        UsageError: it was an async one, and what that gives is always true.
    """
    if inspect.isawaitable(verdict):
        getattr(verdict, "close", lambda: None)()
        raise UsageError(
            f"{what} is async, and what it gives is always true: take a plain function"
        )
    return verdict


def _valued(holds: Callable[[float], bool]) -> Callable[[Seen], bool]:
    """A condition on a value that is there."""
    return lambda view: view.value is not None and holds(view.value)


def _bound(wanted: float | Approximate, tolerance: float | None) -> Goal:
    goal = goal_of(wanted, tolerance)
    if goal.number != goal.number:
        raise UsageError("nothing is above or below NaN")
    return goal


def _amount(wanted: float | Approximate, tolerance: float | None, verb: str) -> Goal:
    goal = goal_of(wanted, tolerance)
    if not goal.number > 0:
        raise UsageError(
            f"an amount to {verb} by is above 0, not {number(goal.number)};"
            " to_stay watches that nothing moves"
        )
    return goal


APPEAR: Final = Awaited("appear", lambda view: view.value is not None, presence=True)
DISAPPEAR: Final = Awaited("disappear", lambda view: view.value is None, presence=True)
STAY: Final = Awaited(
    "stay as it is", lambda view: is_same(view.value, view.base), stays=True
)
