"""What moved between scrapes: increases that know resets, and series that come and go.

A `Tracker` is shown one reading after the other. It keeps the gain of every series that
is looked at, and notices what makes a difference a lie: a counter that fell, a program
that was started anew without its counters falling, a series that was gone in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, get_args

import attrs

from promlatest._datapoint import DataPoint
from promlatest._matching.labels import Labels
from promlatest.exceptions import UsageError
from promlatest.testing._errors import NoSeriesError, ResetError
from promlatest.testing._numbers import Increase, Move
from promlatest.testing._reading import Nature, Reading
from promlatest.testing._selection import Selection
from promlatest.testing._words import number

__all__ = ["OnReset", "Reset", "Tracker", "checked_policy", "moves", "restart"]

OnReset = Literal["fail", "rebaseline"]
"""What a reset does: fail, or count on from 0, as Prometheus' `increase` does."""

# A start time that is computed from an uptime moves with every step of a clock.
_SAME_START: Final = 1.0  # seconds


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


class _Held(NamedTuple):
    """The last that was seen of a series."""

    value: float
    created: float | None


def checked_policy(on_reset: OnReset) -> OnReset:
    """The policy, if it is one.

    Raises:
        UsageError: it is none.
    """
    if on_reset not in get_args(OnReset):
        raise UsageError(f"on_reset is 'fail' or 'rebaseline', not {on_reset!r}")
    return on_reset


class Tracker:
    """The gains of the series of a selection since a first reading.

    Args:
        wanted: the series.
        on_reset: what a reset does.
        base: the first reading.
    """

    def __init__(self, wanted: Selection, on_reset: OnReset, base: Reading) -> None:
        self._wanted: Final = wanted
        self._on_reset: Final = checked_policy(on_reset)
        self._base: Final = base
        self._first: Final[dict[Labels, float]] = {}
        self._held: Final[dict[Labels, _Held]] = {}
        for point in base.match(wanted):
            self._first[point.labels] = point.value
            self._held[point.labels] = _Held(point.value, base.created(point))
        self._gains: Final[dict[Labels, float]] = dict.fromkeys(self._held, 0.0)
        self.gone: dict[Labels, float] = {}
        self.returned: list[Labels] = []
        self._baseless: list[DataPoint] = []
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
            labels: held.value for labels, held in self._held.items() if labels not in now
        }
        for point in points:
            self._take(point, reading)

    def gain(self) -> float:
        """What all series together have gained; of gauges see `check_based`."""
        return sum(self._gains.values())

    def increase(self) -> Increase:
        """The same, with how it came about."""
        before = sum(self._first.values()) if self._first else None
        after = sum(held.value for held in self._held.values()) if self._held else None
        return Increase(self.gain(), before, after, len(self._held), len(self.resets))

    def moves(self) -> Iterator[Move]:
        """The series that are not as they were at first, sorted by labels."""
        for labels in sorted(self._held):
            first = self._first.get(labels)
            last = None if labels in self.gone else self._held[labels].value
            if first != last:
                yield Move(labels, first, last)

    def check_based(self) -> None:
        """Check that every gain has something to count from.

        Raises:
            NoSeriesError: a gauge was not there at first.
        """
        __tracebackhide__ = True
        for point in self._baseless[:1]:
            raise NoSeriesError(
                f"{point.labels.series()} is a gauge that was not there at first,"
                " so it has no value to count from",
                target=self._base.target,
                selector=self._wanted.text,
                details=[f"when it came it was {number(point.value)}"],
            )

    def _take(self, point: DataPoint, reading: Reading) -> None:
        __tracebackhide__ = True
        nature = reading.nature(point.metric)
        held = self._held.get(point.labels)
        created = reading.created(point)
        self._held[point.labels] = _Held(point.value, created)
        if held is None:
            self._gains[point.labels] = self._newborn(point, nature)
            return
        gained = point.value - held.value
        if nature != "gauge" and (reset := _reset(point, held, created, nature)):
            self._refuse(reset, reading)
            gained = point.value
        self._gains[point.labels] += gained

    def _newborn(self, point: DataPoint, nature: Nature) -> float:
        """What a series has gained that was not there at first: a counter began at 0."""
        if nature != "gauge":
            return point.value
        self._baseless.append(point)
        return 0.0

    def _refuse(self, reset: Reset, reading: Reading) -> None:
        __tracebackhide__ = True
        self.resets.append(reset)
        if self._on_reset == "fail":
            raise ResetError(
                f"{self._wanted.text} was reset, so its increase is not known",
                target=reading.target,
                selector=self._wanted.text,
                details=[
                    str(reset),
                    "on_reset='rebaseline' counts on from 0; what came before the"
                    " reset, and was not seen, is lost then",
                ],
                sections=reading.sections(self._wanted),
            )


def _reset(
    point: DataPoint, held: _Held, created: float | None, nature: Nature
) -> Reset | None:
    series = point.labels.series()
    if nature == "counter" and point.value < held.value:
        return Reset(series, held.value, point.value)
    if _later(created, held.created):
        return Reset(series, held.value, point.value, restarted=True)
    return None


def _later(now: float | None, before: float | None) -> bool:
    return now is not None and before is not None and now - before > _SAME_START


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
    if _later(after.process_started, before.process_started):
        return "its process was started anew: process_start_time_seconds moved"
    for move in allowed:
        fell = move.before is not None and (move.after is None or move.after < move.before)
        if fell and after.nature(move.labels.metric) == "counter":
            return f"a counter was cleared: {move}"
    return ""
