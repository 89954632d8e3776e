"""Two readings of one target, and what happened in between. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

import attrs

from promlatest._datapoint import family_of
from promlatest._histogram import Histogram
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import LabelValue, Matcher, keyword_matcher
from promlatest.testing._errors import OthersMovedError, ResetError, VanishedError
from promlatest.testing._movement import OnReset, Tracker, moves
from promlatest.testing._reading import Reading, Selection, selection
from promlatest.testing._words import number, shortened

__all__ = ["VOLATILE", "Difference", "Move"]

VOLATILE: Final = ("process_*", "python_*", "go_*", "scrape_*", "*_created", "promhttp_*")
"""Names of series, as patterns of the shell, that move by themselves."""


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


@attrs.frozen(eq=False)
class Difference:
    """What happened between two readings of one target.

    Attributes:
        before: the earlier one.
        after: the later one.
        on_reset: what a counter that began anew in between does: "fail", or
            "rebaseline" to count on from 0.
    """

    before: Reading
    after: Reading
    on_reset: OnReset = "fail"

    def increase(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> float:
        """By how much the one series that fits has increased; a gauge's may be negative.

        A counter that was not there before counts from 0.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none fits.
            SeveralSeriesError: several do.
            ResetError: it began anew, and `on_reset` is "fail".
            VanishedError: it was there before, and is not now.
        """
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        tracker = self._tracked(wanted)
        found = self.after.found(wanted)
        if len(found) > 1:
            raise self.after.several(wanted, found)
        tracker.check_based()
        return tracker.gain()

    def increase_sum(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> float:
        """By how much all series that fit have increased together.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none fits.
            ResetError: one began anew, and `on_reset` is "fail".
            VanishedError: one was there before, and is not now.
        """
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        tracker = self._tracked(wanted)
        self.after.found(wanted)
        tracker.check_based()
        return tracker.gain()

    def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram:
        """What the one histogram that fits has observed in between.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none fits.
            SeveralSeriesError: several do.
            ResetError: it began anew, and `on_reset` is "fail".
        """
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        after = self.after.one_histogram(wanted)
        rest = [m for m in wanted.matchers if m.name != METRIC_NAME]
        earlier = self.before.snapshot.histograms(wanted.metric, *rest)
        same = [each for each in earlier if each.labels == after.labels]
        if not same:
            return after
        counts = f"{wanted.metric}_count"
        if counts in self.after.names:  # it knows of a restart that no bucket shows
            tracker = self._tracked(selection(counts, rest))
            if tracker.resets:
                return after
        if after.reset_since(same[0]) and self.on_reset == "fail":
            raise ResetError(
                f"{wanted.text} was reset, so what it observed is not known",
                target=self.after.target,
                selector=wanted.text,
            )
        return after.since(same[0])

    def moves(self) -> list[Move]:
        """Every series that is not as it was, sorted by labels."""
        return [Move(*each) for each in moves(self.before, self.after)]

    def assert_only(self, *selectors: str, ignore: Iterable[str] = VOLATILE) -> None:
        """Assert that nothing moved but what fits one of the selectors.

        The name of a histogram or summary stands for all of its series.

            difference.assert_only('orders_total{status="ok"}', "order_seconds")

        Args:
            selectors: names or selector texts; none at all: nothing moved.
            ignore: names of series, as patterns of the shell, that may move.

        Raises:
            OthersMovedError: something else moved; it lists what.
        """
        __tracebackhide__ = True
        allowed = [self._with_parts(selection(text)) for text in selectors]
        patterns = tuple(ignore)
        others = [
            move
            for move in self.moves()
            if not _fits_any(move.labels, allowed)
            and not any(fnmatchcase(move.labels.metric, each) for each in patterns)
        ]
        if others:
            only = f"nothing but {', '.join(selectors)}" if selectors else "nothing"
            raise OthersMovedError(
                f"{only} was to move, and {len(others)} other series did",
                target=self.after.target,
                details=shortened(map(str, others), 20),
            )

    def _tracked(self, wanted: Selection) -> Tracker:
        __tracebackhide__ = True
        tracker = Tracker(wanted, self.on_reset, self.before)
        tracker.advance(self.after)
        if tracker.gone:
            lost = [
                f"{labels.series()} was {number(value)}"
                for labels, value in tracker.gone.items()
            ]
            raise VanishedError(
                f"{wanted.text} has lost series, so its increase is not known",
                target=self.after.target,
                selector=wanted.text,
                details=shortened(lost),
                sections=self.after.sections(wanted),
            )
        return tracker

    def _with_parts(self, wanted: Selection) -> Sequence[Matcher]:
        """The matchers, and instead of a family's name those of its series."""
        if not wanted.metric:
            return wanted.matchers
        parts = {*_parts(self.before, wanted.metric), *_parts(self.after, wanted.metric)}
        if not parts:
            raise self.after.missing(wanted)  # a slip of the finger must not pass
        rest = (m for m in wanted.matchers if m.name != METRIC_NAME)
        return (keyword_matcher(METRIC_NAME, frozenset(parts)), *rest)


def _parts(reading: Reading, metric: str) -> Iterator[str]:
    """The names of series that a name stands for: its own, and those of its family."""
    for name in reading.names:
        if metric in (name, family_of(name, reading.metadata)):
            yield name


def _fits_any(labels: Labels, allowed: Sequence[Sequence[Matcher]]) -> bool:
    return any(
        all(matcher.matches(labels.get(matcher.name, "")) for matcher in matchers)
        for matchers in allowed
    )
