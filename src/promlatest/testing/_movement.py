"""What moved between scrapes of a test, and what makes a difference a lie.

A `Tracker` is shown one reading after the other. It keeps the gain of every series that
is looked at, by the rules of `promlatest._increase`: a counter that fell or that began
anew counts from 0, and one that was not there at first does where it is known to have
begun since. What that module gives as not known is a failure here, as is a reset, and
series that come and go are noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, get_args

import attrs

from promlatest._datapoint import DataPoint
from promlatest._increase import Movement, TimedValues, began_anew, movement
from promlatest._matching.labels import Labels
from promlatest.exceptions import UsageError
from promlatest.testing._errors import NoSeriesError, ResetError
from promlatest.testing._numbers import Increase, Move
from promlatest.testing._reading import Reading
from promlatest.testing._selection import Wanted
from promlatest.testing._words import number

__all__ = ["OnReset", "Reset", "Tracker", "checked_policy", "moves", "restart"]

OnReset = Literal["fail", "rebaseline"]
"""What a reset does: fail, or count on from 0, as Prometheus' `increase` does."""


@attrs.frozen
class Reset:
    """A counter that began anew.

    Attributes:
        series: which, as a selector text.
        before: its value before.
        after: its value after.
        restarted: whether the value alone would not have told: its start time moved.
    """

    series: str
    before: float
    after: float
    restarted: bool = False

    def __str__(self) -> str:
        told = "its start time moved" if self.restarted else "a counter fell"
        return f"{self.series}: {number(self.before)}, then {number(self.after)}: {told}"


def checked_policy(on_reset: OnReset) -> OnReset:
    """The policy, if it is one.

    Raises:
        UsageError: it is none.
    """
    if on_reset not in get_args(OnReset):
        raise UsageError(f"on_reset is 'fail' or 'rebaseline', not {on_reset!r}")
    return on_reset


@attrs.frozen
class _Between:
    """Two readings that follow each other, as `promlatest._increase` looks at them.

    Attributes:
        then, now: when they were taken, in milliseconds; no two at one moment.
        before, after: the readings.
    """

    before: Reading
    after: Reading
    then: int
    now: int

    @classmethod
    def between(cls, before: Reading, after: Reading) -> _Between:
        """The step from one reading to the next one."""
        return cls(before, after, min(before.taken, after.taken - 1), after.taken)

    def moved(self, point: DataPoint, before: float | None) -> Movement:
        """What a counter did; `before` is what it was when it was last seen."""
        samples = [(self.now, point.value)]
        if before is not None:
            samples.insert(0, (self.then, before))
        return movement(point.labels, samples, self.then, self._starts(point))

    def _starts(self, point: DataPoint) -> list[TimedValues]:
        """When its process, and the series itself, began, as far as it is exposed."""
        readings = ((self.then, self.before), (self.now, self.after))
        starts = [(time, each.process_started) for time, each in readings]
        created = [(time, each.created(point)) for time, each in readings]
        return [
            [(time, start) for time, start in each if start is not None]
            for each in (starts, created)
        ]


class Tracker:
    """The gains of the series of a selection since a first reading.

    Args:
        wanted: the series.
        on_reset: what a reset does.
        base: the first reading.
        from_zero: whether a series that was not there at first counts from 0, though
            nothing tells when it began.
    """

    def __init__(
        self,
        wanted: Wanted,
        on_reset: OnReset,
        base: Reading,
        *,
        from_zero: bool = False,
    ) -> None:
        self._wanted: Final = wanted
        self._on_reset: Final = checked_policy(on_reset)
        self._from_zero: Final = from_zero
        self._last = base
        self._first: Final = {point.labels: point.value for point in base.match(wanted)}
        self._held: Final = dict(self._first)
        self._gains: Final[dict[Labels, float]] = dict.fromkeys(self._held, 0.0)
        self.gone: dict[Labels, float] = {}
        self.returned: list[Labels] = []
        self._unknown: list[tuple[DataPoint, str]] = []
        self.resets: list[Reset] = []

    def advance(self, reading: Reading) -> None:
        """Take the next reading.

        Raises:
            ResetError: a counter began anew, and the policy is to fail.
        """
        __tracebackhide__ = True
        points = reading.match(self._wanted)
        now = {point.labels for point in points}
        self.returned += [labels for labels in self.gone if labels in now]
        self.gone = {
            labels: value for labels, value in self._held.items() if labels not in now
        }
        step = _Between.between(self._last, reading)
        for point in points:
            self._take(point, step)
        self._last = reading

    def gain(self) -> float:
        """What all series together have gained, as far as it is known (`check_known`)."""
        return sum(self._gains.values(), 0.0)

    def increase(self) -> Increase:
        """The same, with how it came about."""
        before = sum(self._first.values()) if self._first else None
        after = sum(self._held.values()) if self._held else None
        return Increase(self.gain(), before, after, len(self._held), len(self.resets))

    def moves(self) -> Iterator[Move]:
        """The series that are not as they were at first, sorted by labels."""
        for labels in sorted(self._held):
            first = self._first.get(labels)
            last = None if labels in self.gone else self._held[labels]
            if first != last:
                yield Move(labels, first, last)

    def check_known(self) -> None:
        """Check that every gain has something to count from.

        Raises:
            NoSeriesError: a series was not there at first; a gauge has no value to count
                from then, and of a counter nothing tells when it began.
        """
        __tracebackhide__ = True
        for point, words in self._unknown[:1]:
            raise NoSeriesError(
                words,
                target=self._last.target,
                selector=self._wanted.text,
                details=[
                    f"when it came it was {number(point.value)}",
                    "missing=0 counts it from 0",
                ],
            )

    def _take(self, point: DataPoint, step: _Between) -> None:
        __tracebackhide__ = True
        before = self._held.get(point.labels)
        self._held[point.labels] = point.value
        if before is None:
            self._gains[point.labels] = self._newborn(point, step)
            return
        if not step.after.counts(point.metric):
            self._gains[point.labels] += point.value - before
            return
        moved = step.moved(point, before)
        if moved.resets:
            told = point.value >= before
            self._refuse(Reset(point.labels.series(), before, point.value, told), step)
        self._gains[point.labels] += moved.value or 0.0

    def _newborn(self, point: DataPoint, step: _Between) -> float:
        """What a series has gained that was not there at first."""
        if self._from_zero:
            return point.value
        series = point.labels.series()
        if not step.after.counts(point.metric):
            words = (
                "is a gauge that was not there at first, so it has no value to count from"
            )
        else:
            moved = step.moved(point, None)
            if moved.value is not None:
                return moved.value
            words = "was not there at first, and nothing tells when it began"
        self._unknown.append((point, f"{series} {words}"))
        return 0.0

    def _refuse(self, reset: Reset, step: _Between) -> None:
        __tracebackhide__ = True
        self.resets.append(reset)
        if self._on_reset == "fail":
            raise step.after.failure(
                ResetError,
                f"{self._wanted.text} was reset, so its increase is not known",
                self._wanted,
                str(reset),
                "on_reset='rebaseline' counts on from 0; what came before the"
                " reset, and was not seen, is lost then",
            )


def moves(before: Reading, after: Reading) -> Iterator[Move]:
    """The series that are not as they were, sorted by labels."""
    was = {point.labels: point.value for point in before.snapshot}
    now = {point.labels: point.value for point in after.snapshot}
    for labels in sorted(was.keys() | now.keys()):
        pair = was.get(labels), now.get(labels)
        both_nan = pair[0] != pair[0] and pair[1] != pair[1]
        if pair[0] != pair[1] and not both_nan:
            yield Move(labels, *pair)


def restart(before: Reading, after: Reading, allowed: Iterable[Move]) -> str:
    """How the program, or one of these counters, began anew in between; "" if none did."""
    if began_anew(before.process_started, after.process_started):
        return "its process was started anew: process_start_time_seconds moved"
    for move in allowed:
        fell = move.before is not None and (move.after is None or move.after < move.before)
        if fell and after.counts(move.labels.metric):
            return f"a counter was cleared: {move}"
    return ""
