"""What moved between scrapes of a test, and what makes a difference a lie.

A `Tracker` is shown one reading after the other. It keeps the gain of every series that
is looked at, by the rules of `promlatest._increase`: a counter that fell or that began
anew counts from 0, and one that was not there at first does where it is known to have
begun since. What that module gives as not known is a failure here, as is a reset, and
series that come and go are noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Final, Literal

import attrs

from promlatest._arguments import checked_choice
from promlatest._datapoint import DataPoint, family_of
from promlatest._increase import (
    PROCESS_START,
    Movement,
    TimedValues,
    bare,
    began_anew,
    created_name,
    movement,
)
from promlatest._matching.floats import is_same
from promlatest._matching.labels import Labels
from promlatest.exceptions import UsageError
from promlatest.testing._errors import NoSeriesError, ResetError, hides
from promlatest.testing._numbers import Increase, Move
from promlatest.testing._reading import Reading, failure, matching
from promlatest.testing._selection import Wanted
from promlatest.testing._words import number

__tracebackhide__ = hides

OnReset = Literal["fail", "rebaseline"]
"""What a reset does: fail, or count on from 0, as Prometheus' `increase` does."""


def counts_from_zero(missing: float | None) -> bool:
    """Whether a series that was not there at first counts from 0, as ``missing=0`` says.

    Raises:
        UsageError: it is some other number: an increase counts from nothing else.
    """
    if missing not in (None, 0):
        raise UsageError(f"missing is 0, or not given, not {missing!r}")
    return missing is not None


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
    restarted: bool

    def __str__(self) -> str:
        told = "its start time moved" if self.restarted else "a counter fell"
        return f"{self.series}: {number(self.before)}, then {number(self.after)}: {told}"


def checked_policy(on_reset: OnReset) -> OnReset:
    """The policy, if it is one.

    Raises:
        UsageError: it is none.
    """
    return checked_choice("on_reset", on_reset, OnReset)


class _Between:
    """Two readings that follow each other, as `promlatest._increase` looks at them.

    Args:
        before, after: the readings.
    """

    def __init__(self, before: Reading, after: Reading) -> None:
        both = (before, after)
        self.after: Final = after
        # In milliseconds; no two are of one moment.
        self._moments: Final = (min(before.taken, after.taken - 1), after.taken)
        self._starts: Final = [_process_started(each) for each in both]
        self._created: Final = cache(lambda name: [_values(each, name) for each in both])
        self.counts: Final = cache(partial(counts, after))

    def is_still(self, point: DataPoint, before: float) -> bool:
        """Whether a counter is as it was, and nothing tells that it began anew: so are
        most of them, and `moved` would take ten times as long to say so."""
        if point.value != before or self._starts[0] != self._starts[1]:
            return False
        return created_name(point.metric) not in self.after.names

    def moved(self, point: DataPoint, before: float | None) -> Movement:
        """What a counter did; `before` is what it was when it was last seen."""
        created = [
            made.get(bare(point.labels))
            for made in self._created(created_name(point.metric))
        ]
        samples, *starts = map(self._timed, ((before, point.value), self._starts, created))
        return movement(point.labels, samples, self._moments[0], starts)

    def _timed(self, values: Iterable[float | None]) -> TimedValues:
        """What is known of the two, each with its moment."""
        pairs = zip(self._moments, values, strict=True)
        return [(time, value) for time, value in pairs if value is not None]


def _values(reading: Reading, name: str) -> Mapping[Labels, float]:
    """What the series of this name say, by their labels."""
    points = reading.snapshot.query(name) if name in reading.names else ()
    return {bare(point.labels): point.value for point in points}


def _process_started(reading: Reading) -> float | None:
    """When the one process began, in seconds since the epoch; None if it does not say,
    or if several do."""
    started = reading.snapshot.query(PROCESS_START)
    return started[0].value if len(started) == 1 else None


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
        from_zero: bool,
    ) -> None:
        self._wanted: Final = wanted
        self._on_reset: Final = checked_policy(on_reset)
        self._from_zero: Final = from_zero
        self._last = base
        self._first: Final = {point.labels: point.value for point in matching(base, wanted)}
        self._held: Final = dict(self._first)
        self._gains: Final[dict[Labels, float]] = dict.fromkeys(self._held, 0.0)
        # What a gauge's gain is counted from: a sum of steps over infinity would be NaN.
        self._origins: Final = dict(self._first)
        self.gone: dict[Labels, float] = {}
        self.returned: list[Labels] = []
        self._unknown: list[tuple[DataPoint, str]] = []
        self.resets: list[Reset] = []

    def advance(self, reading: Reading) -> None:
        """Take the next reading.

        Raises:
            ResetError: a counter began anew, and the policy is to fail.
        """
        points = matching(reading, self._wanted)
        now = {point.labels for point in points}
        self.returned += [labels for labels in self.gone if labels in now]
        self.gone = {
            labels: value for labels, value in self._held.items() if labels not in now
        }
        step = _Between(self._last, reading)
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
        now = {each: value for each, value in self._held.items() if each not in self.gone}
        return _moves(self._first, now)

    def check_known(self) -> None:
        """Check that every gain has something to count from.

        Raises:
            NoSeriesError: a series was not there at first; a gauge has no value to count
                from then, and of a counter nothing tells when it began.
        """
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
        before = self._held.get(point.labels)
        self._held[point.labels] = point.value
        if before is None:
            self._gains[point.labels] = self._newborn(point, step)
            self._origins[point.labels] = 0.0 if self._from_zero else point.value
            return
        if not step.counts(point.metric):
            self._gains[point.labels] = point.value - self._origins[point.labels]
            return
        if step.is_still(point, before):
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
        if not step.counts(point.metric):
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
        self.resets.append(reset)
        if self._on_reset == "fail":
            raise failure(
                step.after,
                ResetError,
                f"{self._wanted.text} was reset, so its increase is not known",
                self._wanted,
                str(reset),
                "on_reset='rebaseline' counts on from 0; what came before the"
                " reset, and was not seen, is lost then",
            )


# Whether a series counts


def counts(reading: Reading, name: str) -> bool:
    """Whether a series of this name counts, so that it never falls but by a reset; a
    gauge does what it likes. The type says so, or without one the name."""
    family = family_of(name, reading.metadata)
    kind = reading.metadata[family].type if family in reading.metadata else "unknown"
    endings = _COUNTING.get(kind, _COUNTING["unknown"])
    return name.endswith(endings) and not name.endswith("_created")


# By the type of a family, the endings of its series that count.
_COUNTING: Final[Mapping[str, tuple[str, ...]]] = {
    "counter": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("_count", "_sum"),
    "gauge": (),
    "gaugehistogram": (),
    "info": (),
    "stateset": (),
    "unknown": ("_total", "_count", "_bucket", "_gcount", "_sum"),
}


# Whole scrapes


def moves(before: Reading, after: Reading) -> Iterator[Move]:
    """The series that are not as they were, sorted by labels."""
    was = {point.labels: point.value for point in before.snapshot}
    now = {point.labels: point.value for point in after.snapshot}
    return _moves(was, now)


def _moves(was: Mapping[Labels, float], now: Mapping[Labels, float]) -> Iterator[Move]:
    pairs = {each: (was.get(each), now.get(each)) for each in was.keys() | now.keys()}
    moved = [each for each, pair in pairs.items() if not is_same(*pair)]
    return (Move(labels, *pairs[labels]) for labels in sorted(moved))


def restart(before: Reading, after: Reading, allowed: Iterable[Move]) -> str:
    """How the program, or one of these counters, began anew in between; "" if none did."""
    if began_anew(_process_started(before), _process_started(after)):
        return "its process was started anew: process_start_time_seconds moved"
    for move in allowed:
        fell = move.before is not None and (move.after is None or move.after < move.before)
        if fell and counts(after, move.labels.metric):
            return f"a counter was cleared: {move}"
    return ""
