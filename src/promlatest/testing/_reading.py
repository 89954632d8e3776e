"""One scrape of one target, frozen, and what may be asked of it.

A question that finds nothing, or more than it asked for, raises the failure that says
which of its words does not exist, what comes close, and what is there. No clock, no I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, Literal

import attrs

from promlatest._arguments import checked
from promlatest._clock import now_ms
from promlatest._datapoint import DataPoint, Exemplar, Metadata, family_of
from promlatest._histogram import Histogram
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import LabelValue, Matcher, keyword_matcher
from promlatest._storage.snapshot import Snapshot
from promlatest.exceptions import UsageError
from promlatest.exposition import CONTENT_TYPES, render
from promlatest.testing._errors import (
    ExpectationError,
    NoSeriesError,
    PresentError,
    SeriesBudgetError,
    SeveralSeriesError,
    hides,
)
from promlatest.testing._missing import Why, unknown_label, why_nothing
from promlatest.testing._selection import Wanted, selection
from promlatest.testing._words import (
    closest,
    listed,
    many,
    series_lines,
    shortened,
)

__tracebackhide__ = hides

_SECTION_LINES: Final = 50
_SUFFIXES: Final = {"counter": "_total", "info": "_info"}


@attrs.frozen(eq=False, repr=False)
class Reading:
    """What one scrape of a target showed. It is immutable and may be kept for ever.

    Attributes:
        target: the name of what was scraped.
        snapshot: everything that it exposed, as a frozen `Queryable`.
        declared: type, help and unit by family, families without series among them.
        started: when the scrape started, by `time.monotonic`, in seconds.
        body: what was answered; None where there was no text.
        content_type: the Content-Type that it came with.
        path: where it was asked for, such as ``/metrics``; "" where there is no path.
        untaken: samples that no scraper takes, in words; "" if all were taken.
        taken: when the scrape was done, in milliseconds since the epoch.
    """

    target: str
    snapshot: Snapshot
    declared: Mapping[str, Metadata] = attrs.field(factory=dict)
    started: float = 0.0
    body: bytes | None = None
    content_type: str = CONTENT_TYPES["text"]
    path: str = ""
    untaken: str = ""
    taken: int = attrs.field(factory=now_ms)

    def __repr__(self) -> str:
        return f"<Reading of {self.target}: {len(self.snapshot)} series>"

    # Values

    def value(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        missing: float | None = None,
        **labels: LabelValue,
    ) -> float:
        """The value of the one series that fits.

        Args:
            metric: the name, or a selector text.
            matchers: further conditions.
            missing: what a series counts as that is not there yet; None: it must be
                there. The metric must exist, and no word may look like a slip.
            labels: conditions by label name.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none does.
            SeveralSeriesError: several do.
        """
        wanted = selection(metric, matchers, labels)
        _check_missing(missing)
        point = find_one(self, wanted, may_miss=missing is not None)
        return point.value if point is not None else float(missing or 0.0)

    def sum(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        missing: float | None = None,
        **labels: LabelValue,
    ) -> float:
        """The sum of the values of all series that fit; `missing` as in `value`.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none does.
        """
        wanted = selection(metric, matchers, labels)
        _check_missing(missing)
        found = find(self, wanted, may_miss=missing is not None)
        return sum(point.value for point in found) if found else float(missing or 0.0)

    def count(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        unknown_ok: bool = False,
        **labels: LabelValue,
    ) -> int:
        """How many series fit; 0 is an answer, if no word looks like a slip.

        Args:
            metric: the name, or a selector text.
            matchers: further conditions.
            unknown_ok: True: these words are meant, also where they are not known.
            labels: conditions by label name.

        Raises:
            UnknownMetricError: no metric has this name.
            UnknownLabelError: no series of the metric has a label of this name.
            NoSeriesError: a value stands near one that is there.
        """
        wanted = selection(metric, matchers, labels)
        if unknown_ok:
            return len(matching(self, wanted))
        return len(find(self, wanted, may_miss=True))

    def points(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[DataPoint]:
        """All series that fit, at least one, sorted by labels.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none does.
        """
        return find(self, selection(metric, matchers, labels))

    def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram:
        """The one histogram that fits; the metric is its name without `_bucket`.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none does.
            SeveralSeriesError: several do.
        """
        return find_histogram(self, selection(metric, matchers, labels))

    def exemplars(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[Exemplar]:
        """The exemplars of the series that fit, at least one, sorted by labels.

        Only OpenMetrics has them: a target over HTTP answers in it, and of an
        application it is asked by ``headers={"Accept": "application/openmetrics-text"}``.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: there is none.
        """
        wanted = selection(metric, matchers, labels)
        if not wanted.metric:
            raise UsageError(f"exemplars need the name of a metric: {wanted.text}")
        find(self, wanted)
        held = self.snapshot.exemplars(wanted.metric, *wanted.rest)
        if not held:
            raise failure(
                self,
                NoSeriesError,
                f"no series of {wanted.text} has an exemplar",
                wanted,
                f"it answered in {self.content_type or 'no format'};"
                " exemplars come in OpenMetrics only",
            )
        return [exemplar for _, exemplar in held]

    def assert_absent(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        unknown_ok: bool = False,
        **labels: LabelValue,
    ) -> None:
        """Assert that no series fits.

        A slip of the finger must not pass: a name or a value that comes close to one
        that is there is refused, and so is a label that no series has.

        Args:
            metric: the name, or a selector text.
            matchers: further conditions.
            unknown_ok: True: these words are meant, however close they come.
            labels: conditions by label name.

        Raises:
            PresentError: some series fits.
            UnknownMetricError, UnknownLabelError, NoSeriesError: it looks like a slip.
        """
        check_absent(self, selection(metric, matchers, labels), unknown_ok=unknown_ok)

    def assert_series_below(self, limit: int, *, per: Literal["family", ""] = "") -> None:
        """Assert that there are fewer series than this, all together or per family.

        Raises:
            SeriesBudgetError: there are not; it names what has the most of them.
            UsageError: the limit is no number, or `per` is nothing of these.
        """
        checked(limit, int, "a number of series")
        if per not in ("", "family"):
            raise UsageError(f"per is 'family', or not given, not {per!r}")
        counts = _series_by_family(self) if per else {"": len(self.snapshot)}
        beyond = {name: count for name, count in counts.items() if count >= limit}
        if not beyond:
            return
        largest = _series_by_family(self) if not per else beyond
        ordered = sorted(largest.items(), key=lambda pair: -pair[1])
        each = "a family" if per else "all together"
        raise SeriesBudgetError(
            f"{self.target} was to have fewer than {limit} series {each}, and has"
            f" {max(beyond.values())}",
            target=self.target,
            details=shortened(
                f"{name}  {count}{_widest(self, name)}" for name, count in ordered
            ),
        )

    # What there is

    @cached_property
    def metadata(self) -> Mapping[str, Metadata]:
        """Type, help and unit of every family, with series or without.

        Families are called as the text format calls them, whatever format was read:
        a counter by its `_total`, an info by its `_info` (F-4).
        """
        told = {**self.snapshot.metrics(), **self.declared}
        return {
            name if name in self.names else _text_name(name, each.type): each
            for name, each in told.items()
        }

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of all series."""
        return frozenset(self.snapshot.label_values(METRIC_NAME))

    @cached_property
    def families(self) -> Mapping[str, frozenset[str]]:
        """The names of the series of each family that has some."""
        found: dict[str, set[str]] = {}
        for name in self.names:
            found.setdefault(family_of(name, self.metadata), set()).add(name)
        return {family: frozenset(names) for family, names in found.items()}

    def text(self) -> tuple[bytes, str]:
        """The exposition, as it came or as it would be written, and its Content-Type."""
        if self.body is not None:
            return self.body, self.content_type
        return render(self.snapshot, self.declared).encode(), CONTENT_TYPES["text"]


# What the rest of this package asks of a reading


def _check_missing(missing: float | None) -> None:
    checked(missing, (int, float, type(None)), "a number for missing=")


def checked_reading(what: Reading) -> Reading:
    """The reading, if it is one: a target is a natural slip.

    Raises:
        UsageError: it is something else.
    """
    return checked(what, Reading, "a scrape, such as target.scrape()")


def matching(reading: Reading, wanted: Wanted) -> list[DataPoint]:
    """The series that fit, also none.

    Raises:
        UnknownLabelError: some do, since a condition names a label that none has.
    """
    found = reading.snapshot.match(wanted.matchers)
    if found and (why := unknown_label(reading, wanted)) is not None:
        raise unfound_failure(reading, why, wanted)
    return found


def find(reading: Reading, wanted: Wanted, *, may_miss: bool = False) -> list[DataPoint]:
    """The series that fit, at least one; raises what `missing_failure` says.

    Args:
        wanted: what is looked at.
        may_miss: none is an answer, too, if the metric exists and no word looks
            like a slip.
    """
    found = matching(reading, wanted)
    if found:
        return found
    why = why_nothing(reading, wanted)
    if not (may_miss and why.answers):
        raise unfound_failure(reading, why, wanted)
    return []


def find_one(
    reading: Reading, wanted: Wanted, *, may_miss: bool = False
) -> DataPoint | None:
    """The one series that fits; None only if it may be missing, and is."""
    found = find(reading, wanted, may_miss=may_miss)
    if len(found) > 1:
        raise several_failure(reading, wanted, found)
    return found[0] if found else None


def find_histogram(reading: Reading, wanted: Wanted) -> Histogram:
    """The one histogram that fits; see `histogram`."""
    if not wanted.metric:
        raise UsageError(f"a histogram needs the name of its family: {wanted.text}")
    buckets = f"{wanted.metric}_bucket"
    if buckets not in reading.names and wanted.metric in reading.names | set(
        reading.metadata
    ):
        kind = reading.metadata.get(wanted.metric, Metadata()).type
        raise failure(
            reading,
            NoSeriesError,
            f"{wanted.metric} is no histogram: it is a {kind}, and has no {buckets}",
            wanted,
        )
    found = reading.snapshot.histograms(wanted.metric, *wanted.rest)
    if len(found) == 1:
        return found[0]
    if not found and buckets in reading.names:
        raise missing_failure(reading, selection(buckets, wanted.rest))
    if not found:
        raise missing_failure(reading, wanted)
    raise failure(
        reading,
        SeveralSeriesError,
        f"{wanted.text} was meant to be one histogram, and {len(found)} fit",
        wanted,
        *shortened(each.labels.series() for each in found),
        "their sum is sum(reading.snapshot.histograms(…))",
    )


def check_absent(reading: Reading, wanted: Wanted, *, unknown_ok: bool = False) -> None:
    """Check that no series fits; see `assert_absent`."""
    found = (
        reading.snapshot.match(wanted.matchers) if unknown_ok else matching(reading, wanted)
    )
    if found:
        raise failure(
            reading,
            PresentError,
            f"{wanted.text} was said to be absent, and is there",
            wanted,
            *series_lines(found),
        )
    why = why_nothing(reading, wanted)
    if why.doubtful and not unknown_ok:
        hint = "if it is meant, say unknown_ok=True"
        raise unfound_failure(reading, why, wanted, hint)


def several_failure(
    reading: Reading, wanted: Wanted, found: Sequence[DataPoint]
) -> ExpectationError:
    """The failure for several series where one was meant."""
    return failure(
        reading,
        SeveralSeriesError,
        f"{wanted.text} was meant to be one series, and {len(found)} fit",
        wanted,
        *series_lines(found),
        f"they differ in: {listed(_differing(found))}; name one,"
        " or take the sum or the count",
    )


def missing_failure(reading: Reading, wanted: Wanted) -> ExpectationError:
    """The failure for what is not there: which word of it does not exist."""
    return unfound_failure(reading, why_nothing(reading, wanted), wanted)


def unfound_failure(
    reading: Reading, why: Why, wanted: Wanted, *hints: str
) -> ExpectationError:
    """The failure that an explanation makes."""
    return failure(reading, why.kind, why.verdict, wanted, *why.details, *hints)


def failure(
    reading: Reading,
    kind: type[ExpectationError],
    verdict: str,
    wanted: Wanted,
    *details: str,
) -> ExpectationError:
    """A failure of this scrape, with the series that were looked at."""
    return kind(
        verdict,
        target=reading.target,
        selector=wanted.text,
        details=details,
        sections=sections_of(reading, wanted),
    )


def sections_of(reading: Reading, wanted: Wanted) -> dict[str, str]:
    """The series of the metric, for a report."""
    points = reading.snapshot.match(wanted.named or wanted.matchers)
    if not points and (near := closest(wanted.metric, reading.names)):
        points = reading.snapshot.query(near[0])
    if not points:
        return {}
    shown = series_lines(points, _SECTION_LINES)
    return {f"{points[0].metric} as {reading.target} had it": "\n".join(shown)}


def _series_by_family(reading: Reading) -> Mapping[str, int]:
    """How many series each family has."""
    return Counter(family_of(point.metric, reading.metadata) for point in reading.snapshot)


def _widest(reading: Reading, family: str) -> str:
    """The label of a family with the most values, in words."""
    named = keyword_matcher(METRIC_NAME, reading.families[family])
    values = {
        name: len(reading.snapshot.label_values(name, named))
        for name in reading.snapshot.label_names(named)
        if name != METRIC_NAME
    }
    if not values:
        return ""
    widest = max(values, key=values.__getitem__)
    return f", {many(values[widest], 'value')} of {widest}"


def _text_name(family: str, kind: str) -> str:
    suffix = _SUFFIXES.get(kind, "")
    return family if family.endswith((suffix, "_created")) else family + suffix


def _differing(found: Sequence[DataPoint]) -> Iterator[str]:
    """The labels in which some series differ."""
    for name in sorted({name for point in found for name in point.labels}):
        if len({point.labels.get(name, "") for point in found}) > 1:
            yield name
