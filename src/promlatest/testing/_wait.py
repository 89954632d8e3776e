"""A wait, as a machine that is fed scrapes and says when it is over. No clock, no I/O.

Whoever drives it, blocking or in an event loop, scrapes, feeds it what came, and pauses
for as long as it says. It decides by four rules, so that no wait passes without proof:

- only a scrape that started after the call decides;
- what held before the wait is refused, since it proves nothing;
- what is missing is waited for, and what is wrong (several series, a reset, a series
  that comes and goes, a counter beyond its goal) ends the wait at once, by its name;
- when the time is over, the failure shows everything that was observed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NoReturn

import attrs

from promlatest._datapoint import DataPoint
from promlatest._matching.labels import Labels
from promlatest.exceptions import EndpointError
from promlatest.testing._conditions import DISAPPEAR, Awaited, Seen
from promlatest.testing._errors import (
    AlreadyHeldError,
    ExpectationError,
    FlickerError,
    MovedError,
    NeverAppearedError,
    NotReachedError,
    Observation,
    OvershootError,
    StaleError,
    StaleScrapeError,
    TargetDownError,
    VanishedError,
    cause,
    hides,
    reason,
)
from promlatest.testing._missing import why_nothing
from promlatest.testing._movement import (
    OnReset,
    Reset,
    Tracker,
    checked_policy,
    counts,
    counts_from_zero,
)
from promlatest.testing._numbers import Move
from promlatest.testing._pace import Pace
from promlatest.testing._reading import (
    Reading,
    check_absent,
    matching,
    missing_failure,
    sections_of,
    several_failure,
)
from promlatest.testing._selection import Wanted
from promlatest.testing._words import number, seconds, sequence, shortened

__tracebackhide__ = hides

How = Literal["one", "sum", "count"]
"""What is looked at: the value of one series, the sum of many, or how many there are."""

_UNMARKED: Final = (
    "it was counted from the first scrape of the wait; mark before the program acts,"
    " and wait on the mark"
)


@attrs.frozen(kw_only=True)
class Terms:
    """On which terms something is waited for.

    Attributes:
        within: for how long, in seconds.
        settle: for how long it must hold before it counts, in seconds.
        already_ok: whether it may have held before the wait.
        unknown_ok: whether it may be absent though its words look like a slip.
        on_reset: what a counter that begins anew does.
        missing: 0: a series that was not there at first counts from 0; None: only where
            it is known to have begun since.
    """

    within: float
    settle: float = 0.0
    already_ok: bool = False
    unknown_ok: bool = False
    on_reset: OnReset = attrs.field(default="fail", converter=checked_policy)
    missing: float | None = None


@attrs.frozen
class Outcome:
    """What a wait that succeeded has seen.

    Attributes:
        value: the last value of what was looked at; None if it is gone.
        gain: by how much it has increased since the mark, or the first scrape.
        seconds: how long it took.
        observations: what the scrapes showed, in their order.
        reading: the last scrape; any number of further questions can be asked of it.
        resets: counters that began anew, where that was allowed.
    """

    value: float | None
    gain: float
    seconds: float
    observations: tuple[Observation, ...]
    reading: Reading
    resets: tuple[Reset, ...] = ()


class Waiting:
    """What every wait has: its time, what it has observed, and how it fails.

    Args:
        target: the name of what is scraped.
        subject: what is looked at, in words.
        terms: for how long, and what is let pass.
        text: what is looked at, as a selector text; "" for whole scrapes.
    """

    def __init__(self, target: str, subject: str, terms: Terms, text: str = "") -> None:
        self.subject: Final = subject
        self.text: Final = text
        self._target: Final = target
        self._terms: Final = terms
        self._pace: Final = Pace(terms.within, terms.settle)
        self._seen: Final[list[Observation]] = []
        self._last: Reading | None = None
        self._held_since: float | None = None
        self._stale = False
        self._cause: BaseException | None = None

    # Fed by the driver

    def take(self, reading: Reading, at: float) -> Outcome | None:
        """Take a good scrape; gives the outcome if that ends the wait.

        Args:
            reading: the scrape.
            at: when it started, in seconds since the wait began.

        Raises:
            ExpectationError: one of its kinds says why the wait has failed.
        """
        raise NotImplementedError

    def failed(self, error: EndpointError, at: float) -> None:
        """Take a scrape that failed; `at` as in `take`."""
        self._note(Observation(at, None, reason(error)))
        # Whether the target answered, but with nothing new.
        self._stale, self._cause = isinstance(error, StaleError), cause(error)

    def pause(self, now: float, took: float) -> float | None:
        """For how long to pause before the next scrape; None: the time is over."""
        return self._pace.pause(now, took, self._held_since)

    def over(self) -> Outcome:
        """The time is over.

        Raises:
            ExpectationError: unless that is what was waited for.
        """
        if self._last is None or self._seen[-1].error:
            self._dead()
        return self._ended(self._last)

    def died(self, why: str) -> NoReturn:
        """The target can never answer again.

        Raises:
            TargetDownError: with these words.
        """
        raise self._failure(TargetDownError, f"{self._target} {why}")

    # What its kinds say

    def _ended(self, last: Reading) -> Outcome:
        """The time is over, and this was the last scrape. It did not hold then: what holds
        is waited for until it has settled or fails."""
        raise NotImplementedError

    def _sections(self) -> Mapping[str, str]:
        """What a report shows beside the message."""
        return {}

    def _history(self) -> list[str]:
        """Where it began, and what was observed."""
        lines = [f"target: {self._target}"]
        return [*lines, "observed:", *sequence(self._seen)] if self._seen else lines

    # What they share

    def _note(self, observation: Observation) -> None:
        moved = not self._seen or observation.differs(self._seen[-1])
        self._pace.note(observation.at, moved=moved, failed=bool(observation.error))
        self._seen.append(observation)

    def _has_settled(self, at: float) -> bool:
        """It holds: does it for long enough?"""
        if self._held_since is None:
            self._held_since = at
            self._pace.note(at, moved=True, failed=False)
        return at - self._held_since >= self._terms.settle

    def _flicker(self, words: str, at: float) -> ExpectationError:
        return self._failure(
            FlickerError,
            f"{self.subject} flickers: it was to {words}, did at"
            f" {self._held_since:.3f} s, and not any more at {at:.3f} s",
        )

    def _dead(self) -> NoReturn:
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
        raise self._failure(TargetDownError, verdict) from self._cause

    def _failure(
        self, kind: type[ExpectationError], verdict: str, *hints: str
    ) -> ExpectationError:
        return kind(
            verdict,
            target=self._target,
            selector=self.text,
            details=[*hints, *self._history()],
            observations=self._seen,
            sections=self._sections(),
        )


class Wait(Waiting):
    """A wait for what is looked at.

    Args:
        target: the name of what is scraped.
        wanted: what is looked at.
        how: as one series, a sum or a count.
        condition: what is waited for.
        terms: for how long, and what is let pass.
        mark: the reading to count from; None: the first scrape.
        marked: for how long the mark is past, in seconds.
    """

    def __init__(
        self,
        target: str,
        wanted: Wanted,
        how: How,
        condition: Awaited,
        terms: Terms,
        *,
        mark: Reading | None = None,
        marked: float = 0.0,
    ) -> None:
        super().__init__(target, _SUBJECTS[how].format(wanted.text), terms, wanted.text)
        self._wanted: Final = wanted
        self._how: Final = how
        self._condition: Final = condition
        self._marked: Final = marked
        self._tracker: Tracker | None = None
        self._base: Reading | None = None
        self._base_value: float | None = None
        self._holds = 0  # how many scrapes in a row
        self._known = False
        self._passed = False
        self._from_mark: Final = mark is not None
        if mark is not None:
            self._begin(mark)

    # Fed by the driver

    def take(self, reading: Reading, at: float) -> Outcome | None:
        value = self._look(reading)
        self._note(Observation(at, value))
        self._last = reading
        if self._tracker is None:
            self._begin(reading)
        self._advance(reading)
        return self._judge(self._view(value, reading), reading, at)

    def failed(self, error: EndpointError, at: float) -> None:
        super().failed(error, at)
        if self._condition.stays:
            raise self._failure(
                TargetDownError,
                f"{self.subject} could not be watched for {seconds(self._terms.within)}:"
                f" a scrape failed: {reason(error)}",
            ) from self._cause

    def _ended(self, last: Reading) -> Outcome:
        if self._condition.stays:
            return self._outcome(last, self._seen[-1].at)
        raise self._time_out(last)

    # How it decides

    @property
    def _counts(self) -> bool:
        return self._how == "count"

    def _begin(self, reading: Reading) -> None:
        """Count from this reading."""
        self._base = reading
        self._base_value = self._look(reading)
        indifferent = self._counts or self._condition.presence
        policy: OnReset = "rebaseline" if indifferent else self._terms.on_reset
        from_zero = counts_from_zero(self._terms.missing)
        self._tracker = Tracker(self._wanted, policy, reading, from_zero=from_zero)
        if self._condition.stays and self._base_value is None:
            raise missing_failure(reading, self._wanted)
        if not self._terms.already_ok and not self._condition.stays:
            self._refuse_vacuous(reading)

    def _look(self, reading: Reading) -> float | None:
        """What is looked at; None if it is missing."""
        found = matching(reading, self._wanted)
        self._known |= bool(found)
        if self._how == "one" and len(found) > 1:
            raise self._with_history(several_failure(reading, self._wanted, found))
        if self._counts and not found and self._is_unknown(reading):
            return None
        return _MEASURES[self._how](found)

    def _is_unknown(self, reading: Reading) -> bool:
        """Whether 0 of them says nothing, since there may never have been any."""
        if self._known or self._terms.unknown_ok:
            return False
        return not why_nothing(reading, self._wanted).answers

    def _advance(self, reading: Reading) -> None:
        tracker = self._tracked
        try:
            tracker.advance(reading)
            if self._condition.shows == "gain" and not self._counts:
                tracker.check_known()
        except ExpectationError as error:
            raise self._with_history(error) from None
        if tracker.returned and not self._counts:
            raise self._failure(
                FlickerError,
                f"{tracker.returned[0].series()} flickers: it was there, then gone,"
                " and is back",
                "do several processes answer behind one address?",
            )

    @property
    def _tracked(self) -> Tracker:
        assert self._tracker is not None
        return self._tracker

    def _view(self, value: float | None, reading: Reading) -> Seen:
        if self._counts:
            gain = (value or 0.0) - (self._base_value or 0.0)
            return Seen(value, gain, self._base_value, climbs=False)
        metrics = {point.metric for point in matching(reading, self._wanted)}
        climbs = all(counts(reading, metric) for metric in metrics)
        return Seen(value, self._tracked.gain(), self._base_value, climbs)

    def _refuse_vacuous(self, base: Reading) -> None:
        view = self._view(self._base_value, base)
        if self._condition.holds(view):
            when = "at the mark" if self._from_mark else "at the first scrape"
            missing = []
            if view.value is None:
                missing.append(missing_failure(base, self._wanted).verdict)
            raise self._failure(
                AlreadyHeldError,
                f"waiting for {self.subject} to {self._condition.words} proves"
                f" nothing: it was {number(view.value)} {when} already",
                *missing,
                "mark before the program acts and wait on the mark,"
                " or say already_ok=True if it may have been so",
            )

    def _judge(self, view: Seen, reading: Reading, at: float) -> Outcome | None:
        condition = self._condition
        if condition.stays:
            if not condition.holds(view):
                raise self._failure(
                    MovedError,
                    f"{self.subject} was to {condition.words} for"
                    f" {seconds(self._terms.within)}, and moved from"
                    f" {number(view.base)} to {number(view.value)}",
                )
            return None
        if condition.holds(view) and not self._lost():
            return self._held(reading, at)
        if self._held_since is not None and not condition.passed(view):
            raise self._flicker(condition.words, at)
        if condition.passed(view):
            if view.climbs or self._held_since is not None:
                raise self._overshoot(view)
            self._passed = True
        return None

    def _lost(self) -> Mapping[Labels, float]:
        """The series that a sum has lost: what they had, or gained, is not known.

        One that was 0 when it went is no loss to a sum of values.
        """
        if self._counts or self._condition.presence:
            return {}
        gone = self._tracked.gone
        if self._condition.shows == "gain":
            return gone
        return {labels: value for labels, value in gone.items() if value}

    def _held(self, reading: Reading, at: float) -> Outcome | None:
        """It holds: is that enough?"""
        settled = self._has_settled(at)
        self._holds += 1
        doubtful = self._condition.presence or self._counts  # it may flicker
        if not settled or (doubtful and self._holds < 2):
            return None
        if self._condition is DISAPPEAR and not self._known:
            # A slip of the finger must not pass.
            check_absent(reading, self._wanted, unknown_ok=self._terms.unknown_ok)
        return self._outcome(reading, at)

    def _outcome(self, reading: Reading, at: float) -> Outcome:
        view = self._view(self._seen[-1].value, reading)
        gain = view.gain if self._counts else self._tracked.increase()
        resets = tuple(self._tracked.resets)
        return Outcome(view.value, gain, at, tuple(self._seen), reading, resets)

    # How it fails

    def _time_out(self, last: Reading) -> ExpectationError:
        condition = self._condition
        value = self._seen[-1].value
        view = self._view(value, last)
        within = seconds(self._terms.within)
        if self._lost() or (value is None and self._tracked.gone):
            return self._vanished(within)
        if value is None and self._base_value is None:
            missing = missing_failure(last, self._wanted)
            return self._failure(
                NeverAppearedError,
                f"{self.subject} did not appear within {within}: {missing.verdict}",
                *missing.details,
            )
        if self._passed:
            return self._overshoot(view)
        return self._failure(
            NotReachedError,
            f"{self.subject} did not {condition.words} within {within}:"
            f" {self._shown(view, 'was')} at last",
            *([_UNMARKED] if condition.shows == "gain" and not self._from_mark else []),
        )

    def _vanished(self, within: str) -> ExpectationError:
        words = "vanished: it was there, and has been gone since"
        lost: Iterable[str] = ()
        if self._how == "sum":
            words = "has lost series, so it is not known"
            gone = self._tracked.gone
            lost = (f"{each.series()} was {number(gone[each])}" for each in gone)
        return self._failure(
            VanishedError,
            f"{self.subject} {words}",
            *shortened(lost),
            f"it was to {self._condition.words} within {within}",
        )

    def _shown(self, view: Seen, be: str) -> str:
        """What the condition is about, in words: the value itself, or the gain."""
        if self._condition.shows == "value":
            return f"it {be} {number(view.value)}"
        verb = "decreased" if view.gain < 0 else "increased"
        return f"it has {verb} by {number(abs(view.gain))}"

    def _overshoot(self, view: Seen) -> ExpectationError:
        return self._failure(
            OvershootError,
            f"{self.subject} went past what it was to {self._condition.words}:"
            f" {self._shown(view, 'is')}",
        )

    def _sections(self) -> Mapping[str, str]:
        last = self._last or self._base
        return sections_of(last, self._wanted) if last is not None else {}

    def _with_history(self, error: ExpectationError) -> ExpectationError:
        return error.with_more(*self._history(), observations=self._seen)

    def _history(self) -> list[str]:
        """Where it began, what was observed, and which series have moved."""
        lines = super()._history()
        if self._from_mark:
            before = f"the mark, {self._marked:.3f} s before the wait"
            lines.insert(1, f"before: {number(self._base_value)} ({before})")
        if self._tracker is not None and self._last is not None:
            moved = list(self._tracker.moves())
            if self._how != "one":
                words = shortened(f"  {move}" for move in moved)
                lines += ["moved:", *words] if moved else ["moved: none of its series"]
            lines += self_counted(moved, self._last)
        if self._tracker is not None:
            lines += [f"reset: {reset}" for reset in self._tracker.resets]
        return lines


def self_counted(moved: Iterable[Move], reading: Reading) -> list[str]:
    """What to say if scrapes may have moved something: a program that counts its requests
    counts those for its metrics, too."""
    if not reading.path:
        return []
    bare = reading.path.rstrip("/")
    for move in moved:
        for name, value in move.labels.items():
            if value.rstrip("/") == bare:
                return [
                    f"the scrapes themselves are counted by {move.labels.series()}:"
                    f" look at what has another {name}"
                ]
    return []


_SUBJECTS: Final[Mapping[How, str]] = {
    "one": "{}",
    "sum": "the sum of {}",
    "count": "the number of series of {}",
}


_MEASURES: Final[Mapping[How, Callable[[Sequence[DataPoint]], float | None]]] = {
    "one": lambda found: found[0].value if found else None,
    "sum": lambda found: sum(each.value for each in found) if found else None,
    "count": lambda found: float(len(found)),
}
