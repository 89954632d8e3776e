"""One scrape of one target, frozen, and what may be asked of it.

A question that finds nothing, or more than it asked for, raises the failure that says
which of its words does not exist, what comes close, and what is there. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, Literal

import attrs

from promlatest._clock import now_ms
from promlatest._datapoint import BOUND_LABEL, DataPoint, Exemplar, Metadata, family_of
from promlatest._histogram import Histogram
from promlatest._increase import PROCESS_START, created_name
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import LabelValue, Matcher
from promlatest._storage.query import Snapshot
from promlatest.exceptions import UsageError
from promlatest.exposition import CONTENT_TYPES, render
from promlatest.testing._errors import (
    ExpectationError,
    NoSeriesError,
    PresentError,
    SeriesBudgetError,
    SeveralSeriesError,
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

__all__ = ["Reading"]

_SECTION_LINES: Final = 50
_COUNTING: Final = ("_total", "_count", "_bucket", "_gcount")
_SUFFIXES: Final = {"counter": "_total", "info": "_info"}
_PARTS: Final = ("_bucket", "_count", "_sum")


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
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        point = self.one(wanted, may_miss=missing is not None)
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
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        found = self.found(wanted, may_miss=missing is not None)
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
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        if unknown_ok:
            return len(self.match(wanted))
        return len(self.found(wanted, may_miss=True))

    def points(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[DataPoint]:
        """All series that fit, at least one, sorted by labels.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none does.
        """
        __tracebackhide__ = True
        return self.found(selection(metric, matchers, labels))

    def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram:
        """The one histogram that fits; the metric is its name without `_bucket`.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none does.
            SeveralSeriesError: several do.
        """
        __tracebackhide__ = True
        return self.one_histogram(selection(metric, matchers, labels))

    def exemplars(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[Exemplar]:
        """The exemplars of the series that fit, at least one, sorted by labels.

        Only OpenMetrics has them: a target over HTTP answers in it, and of an
        application it is asked by ``headers={"Accept": "application/openmetrics-text"}``.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: there is none.
        """
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        if not wanted.metric:
            raise UsageError(f"exemplars need the name of a metric: {wanted.text}")
        self.found(wanted)
        held = self.snapshot.exemplars(wanted.metric, *wanted.rest)
        if not held:
            raise self.failure(
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
        __tracebackhide__ = True
        self.check_absent(selection(metric, matchers, labels), unknown_ok=unknown_ok)

    def assert_series_below(self, limit: int, *, per: Literal["family", ""] = "") -> None:
        """Assert that there are fewer series than this, all together or per family.

        Raises:
            SeriesBudgetError: there are not; it names what has the most of them.
        """
        __tracebackhide__ = True
        counts = self.series_by_family() if per else {"": len(self.snapshot)}
        beyond = {name: count for name, count in counts.items() if count >= limit}
        if not beyond:
            return
        largest = self.series_by_family() if not per else beyond
        ordered = sorted(largest.items(), key=lambda pair: -pair[1])
        each = "a family" if per else "all together"
        raise SeriesBudgetError(
            f"{self.target} was to have fewer than {limit} series {each}, and has"
            f" {max(beyond.values())}",
            target=self.target,
            details=shortened(
                f"{name}  {count}{self._widest(name)}" for name, count in ordered
            ),
        )

    # What the rest of this package asks

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

    def text(self) -> tuple[bytes, str]:
        """The exposition, as it came or as it would be written, and its Content-Type."""
        if self.body is not None:
            return self.body, self.content_type
        return render(self.snapshot, self.declared).encode(), CONTENT_TYPES["text"]

    def series_by_family(self) -> dict[str, int]:
        """How many series each family has."""
        counts: dict[str, int] = {}
        for point in self.snapshot:
            family = family_of(point.metric, self.metadata)
            counts[family] = counts.get(family, 0) + 1
        return counts

    def match(self, wanted: Wanted) -> list[DataPoint]:
        """The series that fit, also none.

        Raises:
            UnknownLabelError: some do, since a condition names a label that none has.
        """
        __tracebackhide__ = True
        found = self.snapshot.match(wanted.matchers)
        if found and (why := unknown_label(self, wanted)) is not None:
            raise self.failure(why.kind, why.verdict, wanted, *why.details)
        return found

    def found(self, wanted: Wanted, *, may_miss: bool = False) -> list[DataPoint]:
        """The series that fit, at least one; raises what `missing` says.

        Args:
            wanted: what is looked at.
            may_miss: none is an answer, too, if the metric exists and no word looks
                like a slip.
        """
        __tracebackhide__ = True
        found = self.match(wanted)
        if found:
            return found
        why = why_nothing(self, wanted)
        if not (may_miss and why.answers):
            raise self.unfound(why, wanted)
        return []

    def one(self, wanted: Wanted, *, may_miss: bool = False) -> DataPoint | None:
        """The one series that fits; None only if it may be missing, and is."""
        __tracebackhide__ = True
        found = self.found(wanted, may_miss=may_miss)
        if len(found) > 1:
            raise self.several(wanted, found)
        return found[0] if found else None

    def check_absent(self, wanted: Wanted, *, unknown_ok: bool = False) -> None:
        """Check that no series fits; see `assert_absent`."""
        __tracebackhide__ = True
        found = self.snapshot.match(wanted.matchers) if unknown_ok else self.match(wanted)
        if found:
            raise self.failure(
                PresentError,
                f"{wanted.text} was said to be absent, and is there",
                wanted,
                *series_lines(found),
            )
        why = why_nothing(self, wanted)
        if why.doubtful and not unknown_ok:
            hint = "if it is meant, say unknown_ok=True"
            raise self.failure(why.kind, why.verdict, wanted, *why.details, hint)

    def one_histogram(self, wanted: Wanted) -> Histogram:
        """The one histogram that fits; see `histogram`."""
        __tracebackhide__ = True
        if not wanted.metric:
            raise UsageError(f"a histogram needs the name of its family: {wanted.text}")
        buckets = f"{wanted.metric}_bucket"
        if buckets not in self.names and wanted.metric in self.names | set(self.metadata):
            kind = self.metadata.get(wanted.metric, Metadata()).type
            raise self.failure(
                NoSeriesError,
                f"{wanted.metric} is no histogram: it is a {kind}, and has no {buckets}",
                wanted,
            )
        found = self.snapshot.histograms(wanted.metric, *wanted.rest)
        if len(found) == 1:
            return found[0]
        if not found and buckets in self.names:
            raise self.missing(selection(buckets, wanted.rest))
        if not found:
            raise self.missing(wanted)
        raise self.failure(
            SeveralSeriesError,
            f"{wanted.text} was meant to be one histogram, and {len(found)} fit",
            wanted,
            *shortened(each.labels.series() for each in found),
            "their sum is sum(reading.snapshot.histograms(…))",
        )

    def several(self, wanted: Wanted, found: Sequence[DataPoint]) -> ExpectationError:
        """The failure for several series where one was meant."""
        return self.failure(
            SeveralSeriesError,
            f"{wanted.text} was meant to be one series, and {len(found)} fit",
            wanted,
            *series_lines(found),
            f"they differ in: {listed(_differing(found))}; name one,"
            " or take the sum or the count",
        )

    def missing(self, wanted: Wanted) -> ExpectationError:
        """The failure for what is not there: which word of it does not exist."""
        return self.unfound(why_nothing(self, wanted), wanted)

    def unfound(self, why: Why, wanted: Wanted) -> ExpectationError:
        """The failure that an explanation makes."""
        return self.failure(why.kind, why.verdict, wanted, *why.details)

    def failure(
        self, kind: type[ExpectationError], verdict: str, wanted: Wanted, *details: str
    ) -> ExpectationError:
        """A failure of this scrape, with the series that were looked at."""
        return kind(
            verdict,
            target=self.target,
            selector=wanted.text,
            details=details,
            sections=self.sections(wanted),
        )

    def counts(self, name: str) -> bool:
        """Whether a series of this name counts, so that it never falls but by a reset;
        a gauge does what it likes. The type says so, or without one the name."""
        kind = self.metadata.get(family_of(name, self.metadata), Metadata()).type
        return _COUNTS.get(kind, _counts_by_name)(name)

    def created(self, point: DataPoint) -> float | None:
        """When the series began, as the family's `_created` says for its labels, in
        seconds since the epoch; None if that is not exposed."""
        made = self._created(created_name(point.metric))
        return made.get(_bare(point.labels)) if made else None

    def _created(self, name: str) -> Mapping[Labels, float]:
        """What the series of this name say, by their labels. O(series) once."""
        if name not in self.names:
            return {}
        if name not in self._born:
            self._born[name] = {
                _bare(point.labels): point.value for point in self.snapshot.query(name)
            }
        return self._born[name]

    @cached_property
    def _born(self) -> dict[str, Mapping[Labels, float]]:
        return {}

    @cached_property
    def process_started(self) -> float | None:
        """When the one process began, in seconds since the epoch; None if it does not
        say, or if several do."""
        started = self.snapshot.query(PROCESS_START)
        return started[0].value if len(started) == 1 else None

    def sections(self, wanted: Wanted) -> dict[str, str]:
        """The series of the metric, for a report."""
        points = self.snapshot.match(wanted.named or wanted.matchers)
        if not points and (near := closest(wanted.metric, self.names)):
            points = self.snapshot.query(near[0])
        if not points:
            return {}
        shown = series_lines(points, _SECTION_LINES)
        return {f"{points[0].metric} as {self.target} had it": "\n".join(shown)}

    def _widest(self, family: str) -> str:
        """The label of a family with the most values, in words."""
        parts = [n for n in self.names if family_of(n, self.metadata) == family]
        values = {
            name: self.snapshot.label_values(name, Matcher(METRIC_NAME, "=", part))
            for part in parts
            for name in self.snapshot.label_names(Matcher(METRIC_NAME, "=", part))
            if name != METRIC_NAME
        }
        if not values:
            return ""
        widest = max(values, key=lambda name: len(values[name]))
        return f", {many(len(values[widest]), 'value')} of {widest}"


def _text_name(family: str, kind: str) -> str:
    suffix = _SUFFIXES.get(kind, "")
    return family if family.endswith((suffix, "_created")) else family + suffix


def _differing(found: Sequence[DataPoint]) -> Iterator[str]:
    """The labels in which some series differ."""
    for name in sorted({name for point in found for name in point.labels}):
        if len({point.labels.get(name, "") for point in found}) > 1:
            yield name


def _bare(labels: Labels) -> Labels:
    return labels.without(METRIC_NAME, *BOUND_LABEL.values())


# Whether a series counts, by the type of its family


def _counts_by_name(name: str) -> bool:
    return name.endswith((*_COUNTING, "_sum"))


def _all_but_created(name: str) -> bool:
    return not name.endswith("_created")


def _parts_only(name: str) -> bool:
    return name.endswith(_PARTS)


def _never(_: str) -> bool:
    return False


_COUNTS: Final[Mapping[str, Callable[[str], bool]]] = {
    "counter": _all_but_created,
    "histogram": _parts_only,
    "summary": _parts_only,
    "gauge": _never,
    "gaugehistogram": _never,
    "info": _never,
    "stateset": _never,
}
