"""A wait, as a machine that is fed scrapes and says when it is over. No clock, no I/O.

Whoever drives it, with threads or with asyncio, scrapes, feeds it what came, and pauses
for as long as it says. It decides by four rules, so that no wait passes without proof:

- only a scrape that started after the call decides;
- what held before the wait is refused, since it proves nothing;
- what is missing is waited for, and what is wrong (several series, a reset, a series
  that comes and goes, a counter beyond its goal) ends the wait at once, by its name;
- when the time is over, the failure shows everything that was observed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NoReturn

import attrs

from promlatest._datapoint import DataPoint
from promlatest.testing._errors import (
    AlreadyHeldError,
    ExpectationError,
    FlickerError,
    MovedError,
    NeverAppearedError,
    NotReachedError,
    Observation,
    OvershootError,
    StaleScrapeError,
    TargetDownError,
    UnknownLabelError,
    UnknownMetricError,
    VanishedError,
)
from promlatest.testing._movement import OnReset, Reset, Tracker
from promlatest.testing._reading import Reading, Selection
from promlatest.testing._words import number, seconds, sequence

__all__ = [
    "APPEAR",
    "DISAPPEAR",
    "STAY",
    "Condition",
    "How",
    "Outcome",
    "View",
    "Wait",
    "equal",
    "fall_to",
    "increase",
    "increase_by",
    "reach",
    "satisfy",
]

How = Literal["one", "sum", "count"]
"""What is looked at: the value of one series, the sum of many, or how many there are."""

SHORTEST: Final = 0.01  # seconds; the first pause, and after something has moved
LONGEST: Final = 0.25  # seconds; so that the truth is never seen much later
_LONGEST_REST: Final = 1.0  # seconds; after a scrape that itself waited
_GROWTH: Final = 1.5
_SLACK: Final = 0.001  # seconds; a sum of pauses is not exactly the time they took
_REST: Final = (
    4.0  # a pause is so many scrapes long, so that a fifth of the time is work at most
)


_UNMARKED: Final = (
    "it was counted from the first scrape of the wait; mark before the program acts,"
    " and wait on the mark"
)


@attrs.frozen
class View:
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


@attrs.frozen
class Condition:
    """What is waited for.

    Attributes:
        words: as in "did not …".
        holds: whether it is so.
        passed: whether it is beyond it.
        shows: what the observations show: the value, or the gain.
        twice: two scrapes in a row must show it, since one may be a flicker.
        stays: it must hold at every scrape until the time is over.
    """

    words: str
    holds: Callable[[View], bool]
    passed: Callable[[View], bool] = lambda _: False
    shows: Literal["value", "gain"] = "value"
    twice: bool = False
    stays: bool = False


@attrs.frozen
class Outcome:
    """What a wait that succeeded has seen.

    Attributes:
        value: the last value of what was looked at; None if it is gone.
        gain: by how much it has increased since the mark, or the first scrape.
        seconds: how long it took.
        observations: what the scrapes showed, in their order.
        reading: the last scrape.
        resets: counters that began anew, where that was allowed.
    """

    value: float | None
    gain: float
    seconds: float
    observations: tuple[Observation, ...]
    reading: Reading
    resets: tuple[Reset, ...] = ()


class Wait:
    """One wait.

    Args:
        target: the name of what is scraped.
        wanted: what is looked at.
        how: as one series, a sum or a count.
        condition: what is waited for.
        within: for how long, in seconds.
        settle: for how long it must hold before it counts, in seconds.
        already_ok: whether it may have held before the wait.
        on_reset: what a counter that begins anew does.
        mark: the reading to count from; None: the first scrape.
        marked: for how long the mark is past, in seconds.
    """

    def __init__(
        self,
        target: str,
        wanted: Selection,
        how: How,
        condition: Condition,
        *,
        within: float,
        settle: float = 0.0,
        already_ok: bool = False,
        on_reset: OnReset = "fail",
        mark: Reading | None = None,
        marked: float = 0.0,
    ) -> None:
        __tracebackhide__ = True
        self.within: Final = within
        self._target: Final = target
        self._wanted: Final = wanted
        self._how: Final = how
        self._condition: Final = condition
        self._settle: Final = settle
        self._already_ok: Final = already_ok
        self._on_reset: Final = on_reset
        self._marked: Final = marked
        self._seen: Final[list[Observation]] = []
        self._tracker: Tracker | None = None
        self._base: Reading | None = None
        self._base_value: float | None = None
        self._last: Reading | None = None
        self._held_since: float | None = None
        self._known = False
        self._passed = False
        self._stale = False
        self._calm = 0
        self._from_mark: Final = mark is not None
        if mark is not None:
            self._begin(mark)
            if not already_ok and not condition.stays:
                self._refuse_vacuous(mark)

    # Fed by the driver

    def take(self, reading: Reading, at: float) -> Outcome | None:
        """Take a good scrape; gives the outcome if that ends the wait.

        Args:
            reading: the scrape.
            at: when it started, in seconds since the wait began.

        Raises:
            ExpectationError: one of its kinds says why the wait has failed.
        """
        __tracebackhide__ = True
        first = self._tracker is None
        if first:
            self._begin(reading)
        value = self._look(reading)
        self._note(Observation(at, value))
        self._last = reading
        self._advance(reading)
        view = self._view(value, reading)
        if first and not self._already_ok and not self._condition.stays:
            self._refuse_vacuous(reading)
        return self._judge(view, reading, at)

    def failed(self, error: str, at: float, *, stale: bool = False) -> None:
        """Take a scrape that failed.

        Args:
            error: why, in words.
            at: when it started, in seconds since the wait began.
            stale: whether the target answered, but with nothing new.
        """
        self._note(Observation(at, None, error))
        self._stale = stale

    def pause(self, now: float, took: float) -> float | None:
        """For how long to pause before the next scrape; None: the time is over.

        Short at first and whenever something moves, longer while nothing does. The
        last scrape starts when the time is over, and not before.

        Args:
            now: seconds since the wait began.
            took: how long the last scrape took, in seconds.
        """
        grown = SHORTEST * _GROWTH ** min(self._calm, 20)
        longest = max(SHORTEST, min(LONGEST, self.within / 10))
        calm = max(min(grown, longest), min(_REST * took, _LONGEST_REST))
        if self._held_since is not None and not self._seen[-1].error:
            settled = self._held_since + self._settle - now
            return min(calm, settled + _SLACK) if settled > 0 else SHORTEST
        left = self.within - now
        if self._seen[-1].at >= self.within - _SLACK or left <= 0:
            return None
        return min(calm, left)

    def over(self) -> Outcome:
        """The time is over.

        Raises:
            ExpectationError: unless it was to stay as it is.
        """
        __tracebackhide__ = True
        last = self._last
        if last is None or self._seen[-1].error:
            self._dead()
        if self._condition.stays:
            return self._outcome(last, self._seen[-1].at)
        raise self._time_out(last)

    def died(self, why: str) -> NoReturn:
        """The target can never answer again.

        Raises:
            TargetDownError: with these words.
        """
        __tracebackhide__ = True
        raise self._failure(TargetDownError, f"{self._target} {why}")

    # How it decides

    def _begin(self, reading: Reading) -> None:
        __tracebackhide__ = True
        self._base = reading
        self._base_value = self._look(reading)
        policy: OnReset = "rebaseline" if self._is_indifferent() else self._on_reset
        self._tracker = Tracker(self._wanted, policy, reading)
        if self._condition.stays and self._base_value is None:
            raise reading.missing(self._wanted)

    def _look(self, reading: Reading) -> float | None:
        """What is looked at; None if it is missing."""
        __tracebackhide__ = True
        found = reading.match(self._wanted)
        self._known |= bool(found)
        if self._how == "one" and len(found) > 1:
            raise reading.several(self._wanted, found)
        if self._how == "count" and not found and self._is_unknown(reading):
            return None
        return _MEASURES[self._how](found)

    def _is_unknown(self, reading: Reading) -> bool:
        """Whether there never was such a metric or label: 0 of them says nothing."""
        if self._known:
            return False
        return isinstance(
            reading.missing(self._wanted), UnknownMetricError | UnknownLabelError
        )

    def _advance(self, reading: Reading) -> None:
        __tracebackhide__ = True
        tracker = self._tracker
        assert tracker is not None
        try:
            tracker.advance(reading)
            if self._condition.shows == "gain" and self._how != "count":
                tracker.check_based()
        except ExpectationError as error:
            raise self._with_observations(error) from None
        if tracker.returned and self._how == "one":
            raise self._failure(
                FlickerError,
                f"{self._wanted.text} flickers: it was there, then gone, and is back",
                "do several processes answer behind one address?",
            )

    def _is_indifferent(self) -> bool:
        """Whether gains and resets mean nothing to the question."""
        return self._how == "count" or self._condition.twice

    def _view(self, value: float | None, reading: Reading) -> View:
        __tracebackhide__ = True
        assert self._tracker is not None
        gain = (
            self._tracker.gain() if self._how != "count" else _gain(value, self._base_value)
        )
        metrics = {point.metric for point in reading.match(self._wanted)}
        climbs = self._how != "count" and all(
            reading.nature(metric) == "counter" for metric in metrics
        )
        return View(value, gain, self._base_value, climbs)

    def _refuse_vacuous(self, base: Reading) -> None:
        __tracebackhide__ = True
        view = self._view(self._base_value, base)
        if self._condition.holds(view):
            when = "at the mark" if self._from_mark else "at the first scrape"
            missing = [] if view.value is not None else [base.missing(self._wanted).verdict]
            raise self._failure(
                AlreadyHeldError,
                f"waiting for {self._wanted.text} to {self._condition.words} proves"
                f" nothing: it was {number(view.value)} {when} already",
                *missing,
                "mark before the program acts and wait on the mark,"
                " or say already_ok=True if it may have been so",
            )
        if view.climbs and self._condition.passed(view):
            raise self._overshoot(view)

    def _judge(self, view: View, reading: Reading, at: float) -> Outcome | None:
        __tracebackhide__ = True
        condition = self._condition
        if condition.stays:
            if not condition.holds(view):
                raise self._failure(MovedError, self._moved_words(view))
            return None
        if condition.holds(view):
            return self._held(reading, at)
        if self._held_since is not None and not condition.passed(view):
            raise self._failure(
                FlickerError,
                f"{self._wanted.text} flickers: it was to {condition.words}, did at"
                f" {self._held_since:.3f} s, and not any more at {at:.3f} s",
            )
        if condition.passed(view):
            if view.climbs or self._held_since is not None:
                raise self._overshoot(view)
            self._passed = True
        return None

    def _held(self, reading: Reading, at: float) -> Outcome | None:
        """It holds: is that enough?"""
        if self._held_since is None:
            self._held_since = at
            self._calm = 0
            if self._condition.twice and not self._already_ok:
                return None
        if at - self._held_since < self._settle:
            return None
        if self._condition is DISAPPEAR and not self._known:
            reading.check_absent(self._wanted)  # a slip of the finger must not pass
        return self._outcome(reading, at)

    def _outcome(self, reading: Reading, at: float) -> Outcome:
        view = self._view(self._seen[-1].value, reading)
        assert self._tracker is not None
        return Outcome(
            view.value,
            view.gain,
            at,
            tuple(self._seen),
            reading,
            tuple(self._tracker.resets),
        )

    def _note(self, observation: Observation) -> None:
        moved = not self._seen or (
            (self._seen[-1].value, self._seen[-1].error)
            != (observation.value, observation.error)
        )
        self._calm = 0 if moved else self._calm + 1
        self._seen.append(observation)

    # How it fails

    def _time_out(self, last: Reading) -> ExpectationError:
        condition, wanted = self._condition, self._wanted
        value = self._seen[-1].value
        assert self._tracker is not None
        view = self._view(value, last)
        within = seconds(self.within)
        if self._held_since is not None:
            return self._failure(
                NotReachedError,
                f"{wanted.text} did {condition.words}, but not for the"
                f" {seconds(self._settle)} that it was to settle, within {within}",
            )
        if value is None and self._tracker.gone:
            return self._failure(
                VanishedError,
                f"{wanted.text} vanished: it was there, and has been gone since",
                f"it was to {condition.words} within {within}",
            )
        if value is None and self._base_value is None:
            missing = last.missing(wanted)
            return self._failure(
                NeverAppearedError,
                f"{wanted.text} did not appear within {within}: {missing.verdict}",
                *map(str.strip, str(missing).splitlines()[1:]),
            )
        if self._passed:
            return self._overshoot(view)
        shown = view.value if condition.shows == "value" else view.gain
        words = "was" if condition.shows == "value" else "has increased by"
        return self._failure(
            NotReachedError,
            f"{wanted.text} did not {condition.words} within {within}:"
            f" it {words} {number(shown)} at last",
            *([_UNMARKED] if condition.shows == "gain" and not self._from_mark else []),
        )

    def _dead(self) -> NoReturn:
        __tracebackhide__ = True
        last = self._seen[-1]
        good = [each for each in self._seen if not each.error]
        if self._stale and not good:
            raise self._failure(
                StaleScrapeError,
                f"{self._target} has no scrape that started after the call: {last.error}",
            )
        if good:
            verdict = (
                f"{self._target} answered until {good[-1].at:.3f} s and fails since:"
                f" {last.error}"
            )
        else:
            times = "once" if len(self._seen) == 1 else f"{len(self._seen)} times"
            verdict = f"{self._target} does not answer, tried {times}: {last.error}"
        raise self._failure(TargetDownError, verdict)

    def _overshoot(self, view: View) -> ExpectationError:
        condition = self._condition
        shown = view.value if condition.shows == "value" else view.gain
        words = "is" if condition.shows == "value" else "has increased by"
        return self._failure(
            OvershootError,
            f"{self._wanted.text} went past what it was to {condition.words}:"
            f" it {words} {number(shown)}",
        )

    def _moved_words(self, view: View) -> str:
        return (
            f"{self._wanted.text} was to {self._condition.words} for"
            f" {seconds(self.within)}, and moved from {number(view.base)}"
            f" to {number(view.value)}"
        )

    def _failure(
        self, kind: type[ExpectationError], verdict: str, *hints: str
    ) -> ExpectationError:
        last = self._last or self._base
        return kind(
            verdict,
            target=self._target,
            selector=self._wanted.text,
            details=[*hints, *self._history()],
            observations=self._seen,
            sections=last.sections(self._wanted) if last is not None else {},
        )

    def _with_observations(self, error: ExpectationError) -> ExpectationError:
        return type(error)(
            error.verdict,
            target=error.target,
            selector=error.selector,
            details=[*(x.strip() for x in str(error).splitlines()[1:]), *self._history()],
            observations=self._seen,
            sections=error.sections,
        )

    def _history(self) -> list[str]:
        """Where it began, and what was observed."""
        lines = [f"target: {self._target}"]
        if self._from_mark:
            before = f"the mark, {self._marked:.3f} s before the wait"
            lines.append(f"before: {number(self._base_value)} ({before})")
        if self._seen:
            lines += ["observed:", *sequence(self._seen)]
        if self._tracker is not None:
            lines += [f"reset: {reset}" for reset in self._tracker.resets]
        return lines


def _one(found: Sequence[DataPoint]) -> float | None:
    return found[0].value if found else None


def _sum(found: Sequence[DataPoint]) -> float | None:
    return sum(point.value for point in found) if found else None


def _count(found: Sequence[DataPoint]) -> float | None:
    return len(found)


_MEASURES: Final[Mapping[How, Callable[[Sequence[DataPoint]], float | None]]] = {
    "one": _one,
    "sum": _sum,
    "count": _count,
}


def _gain(value: float | None, base: float | None) -> float:
    return (value or 0.0) - (base or 0.0)


# What can be waited for


def _same(one: float | None, other: float | None) -> bool:
    both_nan = one is not None and other is not None and one != one and other != other
    return one == other or both_nan


def equal(goal: float) -> Condition:
    def passed(view: View) -> bool:
        if view.value is None:
            return False
        start = 0.0 if view.base is None else view.base
        across = start < goal < view.value or start > goal > view.value
        return view.value > goal if view.climbs else across

    return Condition(f"equal {number(goal)}", lambda view: view.value == goal, passed)


def reach(goal: float) -> Condition:
    return Condition(
        f"reach {number(goal)}", lambda view: view.value is not None and view.value >= goal
    )


def fall_to(goal: float) -> Condition:
    return Condition(
        f"fall to {number(goal)}",
        lambda view: view.value is not None and view.value <= goal,
    )


def increase_by(goal: float) -> Condition:
    return Condition(
        f"increase by {number(goal)}",
        lambda view: view.value is not None and view.gain == goal,
        lambda view: view.gain > goal,
        shows="gain",
    )


def increase(at_least: float | None) -> Condition:
    if at_least is None:
        return Condition("increase", lambda view: view.gain > 0, shows="gain")
    least = at_least
    return Condition(
        f"increase by at least {number(least)}",
        lambda view: view.gain >= least,
        shows="gain",
    )


def satisfy(predicate: Callable[[float], bool], words: str) -> Condition:
    return Condition(words, lambda view: view.value is not None and predicate(view.value))


APPEAR: Final = Condition("appear", lambda view: view.value is not None, twice=True)
DISAPPEAR: Final = Condition("disappear", lambda view: view.value is None, twice=True)
STAY: Final = Condition(
    "stay as it is", lambda view: _same(view.value, view.base), stays=True
)
