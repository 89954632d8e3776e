"""Two readings of one target, and what happened in between. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from promlatest._arguments import as_tuple
from promlatest._histogram import Histogram
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import LabelValue, Matcher, fulfils, keyword_matcher
from promlatest.testing._errors import (
    OthersMovedError,
    ResetError,
    UnmovedError,
    VanishedError,
    hides,
)
from promlatest.testing._missing import unknown_label, why_nothing
from promlatest.testing._movement import OnReset, Tracker, counts_from_zero, moves, restart
from promlatest.testing._numbers import Increase, Move
from promlatest.testing._reading import (
    Reading,
    failure,
    find,
    find_histogram,
    several_failure,
    unfound_failure,
)
from promlatest.testing._selection import Wanted, selection
from promlatest.testing._wait import self_counted
from promlatest.testing._words import fits_any, number, shortened

__tracebackhide__ = hides

VOLATILE: Final = ("process_*", "python_*", "go_*", "scrape_*", "*_created", "promhttp_*")
"""Names of series, as patterns of the shell, that move by themselves."""


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

    def increase(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        missing: float | None = None,
        **labels: LabelValue,
    ) -> Increase:
        """By how much the one series that fits has increased; a gauge's may be negative.

        A counter that was not there before counts from 0 where it is known to have begun
        since: its `_created` says so, or its process is younger.

        Args:
            metric: the name, or a selector text.
            matchers: further conditions.
            missing: 0: a labelled counter that was not there before counts from 0, and
                one that is not there either now has increased by 0. The metric must
                exist, and no word may look like a slip.
            labels: conditions by label name.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none fits.
            SeveralSeriesError: several do.
            ResetError: it began anew, and `on_reset` is "fail".
            VanishedError: it was there before, and is not now.
        """
        return self._increase(selection(metric, matchers, labels), missing, one=True)

    def increase_sum(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        missing: float | None = None,
        **labels: LabelValue,
    ) -> Increase:
        """By how much all series that fit have increased together; `missing` as in
        `increase`.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none fits.
            ResetError: one began anew, and `on_reset` is "fail".
            VanishedError: one was there before, and is not now.
        """
        return self._increase(selection(metric, matchers, labels), missing, one=False)

    def histogram(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        missing: float | None = None,
        **labels: LabelValue,
    ) -> Histogram:
        """What the one histogram that fits has observed in between; one that was not
        there before counts from 0 as in `increase`, and so does `missing`.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none fits.
            SeveralSeriesError: several do.
            ResetError: it began anew, and `on_reset` is "fail".
        """
        wanted = selection(metric, matchers, labels)
        after = find_histogram(self.after, wanted)
        counts = selection(f"{wanted.metric}_count", wanted.rest)
        if counts.metric in self.after.names:  # it knows of a restart that no bucket shows
            tracker = self._tracked(counts, from_zero=counts_from_zero(missing))
            tracker.check_known()
            if tracker.resets:
                return after
        earlier = self.before.snapshot.histograms(wanted.metric, *wanted.rest)
        same = [each for each in earlier if each.labels == after.labels]
        if not same:
            return after
        if after.reset_since(same[0]) and self.on_reset == "fail":
            raise failure(
                self.after,
                ResetError,
                f"{wanted.text} was reset, so what it observed is not known",
                wanted,
            )
        return after.since(same[0])

    def moves(self) -> list[Move]:
        """Every series that is not as it was, sorted by labels."""
        return list(moves(self.before, self.after))

    def assert_only(self, *selectors: str, ignore: Iterable[str] = VOLATILE) -> None:
        """Assert that this moved, each of the selectors, and nothing else did.

        The name of a histogram or summary stands for all of its series. What moves may
        not begin anew, unless `on_reset` is "rebaseline".

            difference.assert_only('orders_total{status="ok"}', "order_seconds")

        Args:
            selectors: names or selector texts; none at all: nothing moved.
            ignore: names of series, as patterns of the shell, that may move.

        Raises:
            OthersMovedError: something else moved; it lists what.
            UnmovedError: no series of a selector moved.
            ResetError: the program was started anew, or a counter cleared.
            UnknownMetricError, UnknownLabelError: a selector fits nothing.
            UsageError: `ignore` is one text and no list of them.
        """
        allowed = [self._with_parts(selection(text)) for text in selectors]
        patterns = as_tuple(ignore, "texts for ignore")
        all_moved = self.moves()
        moved = [each for each in all_moved if not fits_any(each.labels.metric, patterns)]
        others = [
            move for move in moved if not any(fulfils(move.labels, m) for m in allowed)
        ]
        only = f"nothing but {', '.join(selectors)}" if selectors else "nothing"
        if others:
            raise OthersMovedError(
                f"{only} was to move, and {len(others)} other series did",
                target=self.after.target,
                details=[
                    *shortened(map(str, others), 20),
                    *self_counted(others, self.after),
                ],
            )
        anew = restart(self.before, self.after, moved)
        if anew and self.on_reset == "fail":
            raise ResetError(
                f"{only} was to move, and {anew}",
                target=self.after.target,
                details=["on_reset='rebaseline' lets that pass"],
            )
        for text, matchers in zip(selectors, allowed, strict=True):
            if not any(fulfils(each.labels, matchers) for each in all_moved):
                raise UnmovedError(
                    f"{only} was to move, and {text} did not",
                    target=self.after.target,
                    selector=text,
                    details=["ignore= is for what may move, and need not"],
                )

    def _increase(self, wanted: Wanted, missing: float | None, *, one: bool) -> Increase:
        from_zero = counts_from_zero(missing)
        tracker = self._tracked(wanted, from_zero=from_zero)
        found = find(self.after, wanted, may_miss=from_zero)
        if one and len(found) > 1:
            raise several_failure(self.after, wanted, found)
        if not found:
            return Increase(0.0, None, None, 0)
        tracker.check_known()
        return tracker.increase()

    def _tracked(self, wanted: Wanted, *, from_zero: bool) -> Tracker:
        tracker = Tracker(wanted, self.on_reset, self.before, from_zero=from_zero)
        tracker.advance(self.after)
        if tracker.gone:
            lost = [
                f"{labels.series()} was {number(value)}"
                for labels, value in tracker.gone.items()
            ]
            raise failure(
                self.after,
                VanishedError,
                f"{wanted.text} has lost series, so its increase is not known",
                wanted,
                *shortened(lost),
            )
        return tracker

    def _with_parts(self, wanted: Wanted) -> Sequence[Matcher]:
        """The matchers, and instead of a family's name those of its series."""
        both = (self.before, self.after)
        fitting = [each for each in both if not _is_unknown(each, wanted)]
        if not fitting and not (why := why_nothing(self.after, wanted)).answers:
            raise unfound_failure(
                self.after, why, wanted
            )  # a slip of the finger must not pass
        whys = [unknown_label(each, wanted) for each in fitting]
        if whys and all(whys) and whys[-1] is not None:
            raise unfound_failure(self.after, whys[-1], wanted)
        if not wanted.metric:
            return wanted.matchers
        parts = frozenset().union(*(_parts(each, wanted.metric) for each in both))
        return (keyword_matcher(METRIC_NAME, parts), *wanted.rest)


def _is_unknown(reading: Reading, wanted: Wanted) -> bool:
    """Whether a reading has no series of such a name."""
    if wanted.metric:
        return not _parts(reading, wanted.metric)
    return not any(all(m.matches(n) for m in wanted.named) for n in reading.names)


def _parts(reading: Reading, metric: str) -> set[str]:
    """The names of series that a name stands for: its own, and those of its family."""
    return {*reading.families.get(metric, ()), *({metric} & reading.names)}
