"""One scrape of one target, frozen, and what may be asked of it.

A question that finds nothing, or more than it asked for, raises the failure that says
which of its words does not exist, what comes close, and what is there. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, Literal

import attrs

from promlatest._datapoint import DataPoint, Metadata, family_of
from promlatest._histogram import Histogram
from promlatest._matching.labels import METRIC_NAME, quote
from promlatest._matching.matcher import LabelValue, Matcher, checked_value, keyword_matcher
from promlatest._matching.selector import format_selector, parse_selector
from promlatest._storage.query import Snapshot, matchers_of
from promlatest.exceptions import UsageError
from promlatest.testing._errors import (
    ExpectationError,
    NoSeriesError,
    PresentError,
    SeveralSeriesError,
    UnknownLabelError,
    UnknownMetricError,
)
from promlatest.testing._words import (
    closest,
    is_slip,
    listed,
    number,
    series_line,
    shortened,
)

__all__ = ["Nature", "Reading", "Selection", "selection"]

Nature = Literal["counter", "sum", "gauge"]

_SECTION_LINES: Final = 50
_COUNTING: Final = ("_total", "_count", "_bucket", "_gcount")
_SUFFIXES: Final = {"counter": "_total", "info": "_info"}
_PARTS: Final = ("_bucket", "_count", "_sum")


@attrs.frozen
class Selection:
    """What a test looks at.

    Attributes:
        matchers: the conditions, that of the name among them.
        text: the same as a selector text.
        metric: the metric's name; "" if it is not given as such.
    """

    matchers: tuple[Matcher, ...]
    text: str
    metric: str


def selection(
    metric: str, matchers: Sequence[Matcher] = (), labels: Mapping[str, LabelValue] = {}
) -> Selection:
    """The selection of a metric's name or a selector text, and further conditions.

        >>> selection('jobs_total{queue="mail"}', labels={"status": "ok"}).text
        'jobs_total{queue="mail",status="ok"}'

    Raises:
        SelectorError: the text cannot be read.
        UsageError: no name, or a label's value that is none.
    """
    if isinstance(metric, str) and "{" in metric:
        keywords = (
            keyword_matcher(name, checked_value(name, value))
            for name, value in labels.items()
        )
        wanted = (*parse_selector(metric), *matchers, *keywords)
    else:
        wanted = matchers_of(metric, matchers, labels)
    exact = [m.value for m in wanted if m.name == METRIC_NAME and m.operator == "="]
    return Selection(wanted, format_selector(wanted), exact[0] if exact else "")


@attrs.frozen(eq=False, repr=False)
class Reading:
    """What one scrape of a target showed. It is immutable and may be kept for ever.

    Attributes:
        target: the name of what was scraped.
        snapshot: everything that it exposed, as a frozen `Queryable`.
        declared: type, help and unit by family, families without series among them.
        started: when the scrape started, by `time.monotonic`, in seconds.
    """

    target: str
    snapshot: Snapshot
    declared: Mapping[str, Metadata] = attrs.field(factory=dict)
    started: float = 0.0

    def __repr__(self) -> str:
        return f"<Reading of {self.target}: {len(self.snapshot)} series>"

    # Values

    def value(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> float:
        """The value of the one series that fits.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none does.
            SeveralSeriesError: several do.
        """
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        found = self.found(wanted)
        if len(found) > 1:
            raise self.several(wanted, found)
        return found[0].value

    def sum(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> float:
        """The sum of the values of all series that fit.

        Raises:
            UnknownMetricError, UnknownLabelError, NoSeriesError: none does.
        """
        __tracebackhide__ = True
        return sum(point.value for point in self.points(metric, *matchers, **labels))

    def count(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> int:
        """How many series fit; 0 is an answer.

        Raises:
            UnknownMetricError: no metric has this name.
            UnknownLabelError: the metric has no label of this name.
        """
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        try:
            return len(self.found(wanted))
        except NoSeriesError:
            return 0

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

    def assert_absent(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        unknown_ok: bool = False,
        **labels: LabelValue,
    ) -> None:
        """Assert that no series fits.

        A slip of the finger must not pass: a name that is one letter away from one
        that is there is refused, and so is a label that the metric does not have.

        Args:
            metric: the name, or a selector text.
            matchers: further conditions.
            unknown_ok: True: these names are meant, however close they come.
            labels: conditions by label name.

        Raises:
            PresentError: some series fits.
            UnknownMetricError, UnknownLabelError: it looks like a slip.
        """
        __tracebackhide__ = True
        self.check_absent(selection(metric, matchers, labels), unknown_ok=unknown_ok)

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

    def match(self, wanted: Selection) -> list[DataPoint]:
        """The series that fit, also none."""
        return self.snapshot.match(wanted.matchers)

    def found(self, wanted: Selection) -> list[DataPoint]:
        """The series that fit, at least one; raises what `missing` says."""
        __tracebackhide__ = True
        found = self.match(wanted)
        if not found:
            raise self.missing(wanted)
        return found

    def check_absent(self, wanted: Selection, *, unknown_ok: bool = False) -> None:
        """Check that no series fits; see `assert_absent`."""
        __tracebackhide__ = True
        if found := self.match(wanted):
            raise PresentError(
                f"{wanted.text} was said to be absent, and is there",
                target=self.target,
                selector=wanted.text,
                details=shortened(map(series_line, found)),
                sections=self.sections(wanted),
            )
        if unknown_ok:
            return
        failure = self.missing(wanted)
        if isinstance(failure, UnknownLabelError) or self._slips(wanted):
            raise type(failure)(
                f"{failure.verdict} If it is meant, say unknown_ok=True",
                target=self.target,
                selector=wanted.text,
                sections=failure.sections,
            )

    def one_histogram(self, wanted: Selection) -> Histogram:
        """The one histogram that fits; see `histogram`."""
        __tracebackhide__ = True
        if not wanted.metric:
            raise UsageError(f"a histogram needs the name of its family: {wanted.text}")
        rest = [m for m in wanted.matchers if m.name != METRIC_NAME]
        found = self.snapshot.histograms(wanted.metric, *rest)
        if len(found) == 1:
            return found[0]
        if not found and f"{wanted.metric}_bucket" in self.names:
            raise self.missing(selection(f"{wanted.metric}_bucket", rest))
        if not found and wanted.metric in self.names:
            raise NoSeriesError(
                f"{wanted.metric} is no histogram: it has no {wanted.metric}_bucket",
                target=self.target,
                selector=wanted.text,
            )
        if not found:
            raise self.missing(wanted)
        raise SeveralSeriesError(
            f"{wanted.text} was meant to be one histogram, and {len(found)} fit",
            target=self.target,
            selector=wanted.text,
            details=[
                *shortened(each.labels.series() for each in found),
                "their sum is sum(reading.snapshot.histograms(…))",
            ],
            sections=self.sections(wanted),
        )

    def several(self, wanted: Selection, found: Sequence[DataPoint]) -> ExpectationError:
        """The failure for several series where one was meant."""
        return SeveralSeriesError(
            f"{wanted.text} was meant to be one series, and {len(found)} fit",
            target=self.target,
            selector=wanted.text,
            details=[
                *shortened(map(series_line, found)),
                f"they differ in: {listed(_differing(found))}; name one,"
                " or take the sum or the count",
            ],
            sections=self.sections(wanted),
        )

    def missing(self, wanted: Selection) -> ExpectationError:
        """The failure for what is not there: which word of it does not exist."""
        kind, verdict, details = next(
            told for explain in _EXPLANATIONS if (told := explain(self, wanted)) is not None
        )
        return kind(
            verdict,
            target=self.target,
            selector=wanted.text,
            details=details,
            sections=self.sections(wanted),
        )

    def nature(self, name: str) -> Nature:
        """What a series of this name is: a counter never falls but by a reset, a sum
        starts at 0 and may fall, and a gauge does what it likes."""
        kind = self.metadata.get(family_of(name, self.metadata), Metadata()).type
        return _NATURES.get(kind, _by_name)(name)

    def birth(self, point: DataPoint) -> float | None:
        """When the series, or else its process, began: a reset that no value shows.

        It is what the family's `_created` says for these labels, or else the one
        `process_start_time_seconds`; None if neither is exposed.
        """
        for suffix in (*_COUNTING, "_sum"):
            base = point.metric.removesuffix(suffix)
            if base != point.metric:
                labels = {
                    n: v for n, v in point.labels.items() if n not in (METRIC_NAME, "le")
                }
                made = self.snapshot.query(f"{base}_created", **labels)
                same = [each for each in made if len(each.labels) == len(labels) + 1]
                if same:
                    return same[0].value
        started = self.snapshot.query("process_start_time_seconds")
        return started[0].value if len(started) == 1 else None

    def near(self, wanted: Selection) -> list[str]:
        """Names of metrics that come close to one that is not there."""
        return closest(wanted.metric, self.names | set(self.metadata))

    def sections(self, wanted: Selection) -> dict[str, str]:
        """The series of the metric, for a report."""
        named = [m for m in wanted.matchers if m.name == METRIC_NAME]
        points = self.snapshot.match(named) if named else self.match(wanted)
        if not points and (near := self.near(wanted)):
            points = self.snapshot.query(near[0])
        if not points:
            return {}
        shown = shortened(map(series_line, points), _SECTION_LINES)
        return {f"{points[0].metric} as {self.target} had it": "\n".join(shown)}

    def sections_of(self, text: str) -> dict[str, str]:
        """The same for a selector text; nothing for one that no parser reads, since a
        compiled pattern has no text of its own."""
        try:
            return self.sections(selection(text))
        except UsageError:
            return {}

    def _slips(self, wanted: Selection) -> bool:
        return bool(wanted.metric) and any(
            is_slip(wanted.metric, name) for name in self.names | set(self.metadata)
        )


def _text_name(family: str, kind: str) -> str:
    suffix = _SUFFIXES.get(kind, "")
    return family if family.endswith((suffix, "_created")) else family + suffix


def _differing(found: Sequence[DataPoint]) -> Iterator[str]:
    """The labels in which some series differ."""
    for name in sorted({name for point in found for name in point.labels}):
        if len({point.labels.get(name, "") for point in found}) > 1:
            yield name


# Natures, by type


def _by_name(name: str) -> Nature:
    if name.endswith("_sum"):
        return "sum"
    return "counter" if name.endswith(_COUNTING) else "gauge"


def _of_counter(name: str) -> Nature:
    return "gauge" if name.endswith("_created") else "counter"


def _of_parts(name: str) -> Nature:
    return _by_name(name) if name.endswith(_PARTS) else "gauge"


def _of_gauge(_: str) -> Nature:
    return "gauge"


_NATURES: Final[Mapping[str, Callable[[str], Nature]]] = {
    "counter": _of_counter,
    "histogram": _of_parts,
    "summary": _of_parts,
    "gauge": _of_gauge,
    "gaugehistogram": _of_gauge,
    "info": _of_gauge,
    "stateset": _of_gauge,
}

# Why nothing was found: the first explanation that applies


_Told = tuple[type[ExpectationError], str, list[str]] | None


def _is_nameless(reading: Reading, wanted: Selection) -> _Told:
    if wanted.metric:
        return None
    return NoSeriesError, f"no series fits {wanted.text}", [_what_exists(reading)]


def _is_unknown(reading: Reading, wanted: Selection) -> _Told:
    metric = wanted.metric
    if metric in reading.names or metric in reading.metadata:
        return None
    near = reading.near(wanted)
    hint = f"; did you mean {listed(near)}?" if near else ""
    return (
        UnknownMetricError,
        f"no metric is called {metric}{hint}",
        [_what_exists(reading)],
    )


def _is_empty(reading: Reading, wanted: Selection) -> _Told:
    """A family that is described, and has no series, or none of its own name."""
    metric = wanted.metric
    if metric in reading.names:
        return None
    parts = sorted(n for n in reading.names if family_of(n, reading.metadata) == metric)
    if not parts:
        return NoSeriesError, f"{metric} is declared, and has no series yet", []
    rest = [m for m in wanted.matchers if m.name != METRIC_NAME]
    told = _label_trouble(
        reading, wanted, keyword_matcher(METRIC_NAME, frozenset(parts)), rest
    )
    if told is not None:
        return told
    kind = reading.metadata[metric].type
    return (
        NoSeriesError,
        f"no series is called {metric}: it is a {kind}, and its series are {listed(parts)}",
        [],
    )


def _is_mislabelled(reading: Reading, wanted: Selection) -> _Told:
    rest = [m for m in wanted.matchers if m.name != METRIC_NAME]
    return _label_trouble(reading, wanted, Matcher(METRIC_NAME, "=", wanted.metric), rest)


def _label_trouble(
    reading: Reading, wanted: Selection, named: Matcher, rest: Sequence[Matcher]
) -> _Told:
    names = [n for n in reading.snapshot.label_names(named) if n != METRIC_NAME]
    for matcher in rest:
        if matcher.name not in names and not matcher.matches(""):
            near = closest(matcher.name, names)
            hint = f"; did you mean {listed(near)}?" if near else ""
            return (
                UnknownLabelError,
                f"{wanted.metric} has no label {matcher.name}{hint}",
                [f"its labels: {listed(names)}"],
            )
    for matcher in rest:
        values = reading.snapshot.label_values(matcher.name, named)
        if not any(map(matcher.matches, ["", *values])):
            near = closest(matcher.value, values)
            hint = f"; did you mean {listed(map(quote, near))}?" if near else ""
            return (
                NoSeriesError,
                f"no series of {wanted.metric} has {matcher}{hint}",
                [f"{matcher.name} is one of: {listed(map(quote, values))}"],
            )
    return None


def _is_unfit(reading: Reading, wanted: Selection) -> _Told:
    others = reading.snapshot.query(wanted.metric)
    return (
        NoSeriesError,
        f"no series fits {wanted.text}; {wanted.metric} has others",
        shortened(map(series_line, others)),
    )


_EXPLANATIONS: Final[tuple[Callable[[Reading, Selection], _Told], ...]] = (
    _is_nameless,
    _is_unknown,
    _is_empty,
    _is_mislabelled,
    _is_unfit,
)


def _what_exists(reading: Reading) -> str:
    names = sorted(reading.names)
    many = f"{number(len(names))} metrics" if len(names) != 1 else "1 metric"
    return f"{reading.target} has {many}: {listed(names)}"
