"""From matchers to points, over the tables of all sources at one moment. No lock.

`QueryMethods` is every question that a store answers; each of them rests on one method,
`_parts`, which hands out what is visible at that moment. So a question sees one moment,
whatever is committed meanwhile.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Final, Protocol

import attrs

from promlatest._datapoint import (
    DataPoint,
    Exemplar,
    Metadata,
    StaleDataPoint,
)
from promlatest._histogram import Histogram, assemble
from promlatest._labels import METRIC_NAME, Labels
from promlatest._matcher import (
    KeywordValue,
    LabelValue,
    Matcher,
    checked_value,
    keyword_matcher,
)
from promlatest._selector import format_selector, parse_selector
from promlatest._snapshot import SourceSnapshot
from promlatest._table import AnyTable, Layout
from promlatest.exceptions import SelectionError, UsageError

_new_tuple: Final = tuple.__new__

# What a family's series may be called beside its own name.
_SUFFIXES: Final = (
    "_bucket", "_sum", "_count", "_total", "_created", "_info", "_gsum", "_gcount",
)  # fmt: skip


class Part(Protocol):
    """What one source shows at one moment."""

    @property
    def tables(self) -> Mapping[str, AnyTable]: ...

    @property
    def metadata(self) -> Mapping[str, Metadata]: ...


@attrs.frozen(eq=False)
class StalePart:
    """The last that is known of a source whose last scrape failed."""

    snapshot: SourceSnapshot

    @property
    def metadata(self) -> Mapping[str, Metadata]:
        return self.snapshot.metadata

    @property
    def tables(self) -> Mapping[str, AnyTable]:
        return {name: _StaleTable(table) for name, table in self.snapshot.tables.items()}


@attrs.frozen(eq=False)
class _StaleTable:
    table: AnyTable

    @property
    def layout(self) -> Layout:
        return self.table.layout

    def points(self, selection: object) -> list[DataPoint]:
        points = self.table.points(selection)  # type: ignore[arg-type]
        return list(map(_new_tuple, repeat(StaleDataPoint), points))


class QueryMethods:
    """The questions of a `Queryable`.

    A label's value may be a `str` (equal; "" or None: the label is absent), a compiled
    `re.Pattern` (it must match in full), or a collection of strings (any of them). A
    `Matcher` says the rest. The metric is positional only, so that labels may be called
    `name`, `metric` or `self`.
    """

    def _parts(self) -> Sequence[Part]:
        raise NotImplementedError

    def query(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[DataPoint]:
        """The latest points of a metric's series that fulfil everything given.

        Args:
            metric: the name of the series, suffixes included.
            matchers: further conditions.
            labels: conditions by label name.

        Returns:
            The points, sorted by labels.

        Raises:
            UsageError: a label's value is of none of the kinds named above.
        """
        return self.match(matchers_of(metric, matchers, labels))

    def select(self, selector: str, /) -> list[DataPoint]:
        """The latest points of a selector text, ``name{a="b",c=~"d|e"}``.

        Raises:
            SelectorError: the text cannot be read; it carries the position.
        """
        return self.match(_parsed(selector))

    def match(self, matchers: Sequence[Matcher], /) -> list[DataPoint]:
        """The latest points that fulfil all matchers; without any, all points."""
        wanted = tuple(matchers)
        found = [
            table.points(table.layout.select(wanted))
            for part in self._parts()
            for table in _tables(part, wanted)
        ]
        found = [points for points in found if points]
        if len(found) == 1:
            return found[0]
        return _merged(found)

    def histograms(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[Histogram]:
        """The histograms of a metric, one for each label set beside `le`.

        All parts of one histogram come from one source and the same commit; where two
        sources have it, it is the newest.

        Args:
            metric: the family's name, without `_bucket`.
            matchers: further conditions.
            labels: conditions by label name.

        Returns:
            The histograms, sorted by labels.
        """
        rest = matchers_of(metric, matchers, labels)[1:]
        suffixes = ("_bucket", "_sum", "_count", "_gsum", "_gcount")
        names = [Matcher(METRIC_NAME, "=", metric + suffix) for suffix in suffixes]
        newest: dict[Labels, Histogram] = {}
        for part in self._parts():
            one = _AtOneMoment((part,))
            points = [point for name in names for point in one.match((name, *rest))]
            for histogram in assemble(points, metric):
                held = newest.setdefault(histogram.labels, histogram)
                if held.timestamp < histogram.timestamp:
                    newest[histogram.labels] = histogram
        return [newest[each] for each in sorted(newest)]

    def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram:
        """The one histogram that fulfils everything given.

        Raises:
            SelectionError: none does, or several do; the sum of several is
                ``sum(store.histograms(...))``.
        """
        found = self.histograms(metric, *matchers, **labels)
        if len(found) == 1:
            return found[0]
        wanted = format_selector(matchers_of(metric, matchers, labels))
        if not found:
            raise SelectionError(self._nothing(wanted, metric), 0)
        shown = "\n  ".join(histogram.labels.series() for histogram in found[:10])
        raise SelectionError(
            f"expected one histogram for {wanted}, got {len(found)}:\n  {shown}",
            len(found),
        )

    def exemplars(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[tuple[Labels, Exemplar]]:
        """The exemplars of the series that fulfil everything given, sorted."""
        wanted = matchers_of(metric, matchers, labels)
        found: list[tuple[Labels, Exemplar]] = []
        for part in self._parts():
            for table in _tables(part, wanted):
                exemplars = getattr(table, "exemplars", None)
                if exemplars:
                    selection = table.layout.select(wanted)
                    hits = zip(selection.rows, selection.labels, strict=True)
                    found += [(labs, exemplars[r]) for r, labs in hits if r in exemplars]
        return sorted(found, key=lambda pair: pair[0].flat)

    def label_names(self, *matchers: Matcher) -> list[str]:
        """The names of all labels that the matching series have, sorted."""
        names: set[str] = set()
        for layout, rows in self._selected(matchers):
            names.add(METRIC_NAME)
            for name, column in zip(layout.names, layout.columns, strict=True):
                if any(column[row] for row in rows):
                    names.add(name)
        return sorted(names)

    def label_values(self, name: str, /, *matchers: Matcher) -> list[str]:
        """The values that a label has among the matching series, sorted."""
        values: set[str] = set()
        for layout, rows in self._selected(matchers):
            if name == METRIC_NAME:
                values.add(layout.metric)
            elif name in layout.names:
                column = layout.column(name)
                values.update(column[row] for row in rows)
        return sorted(values - {""})

    def metrics(self) -> dict[str, Metadata]:
        """What is known of each family that has series: type, help and unit.

        A series whose family was never described stands under its own name, with the
        type "unknown".
        """
        parts = self._parts()
        told: dict[str, Metadata] = {}
        for part in reversed(parts):  # the first that describes a family counts
            told |= part.metadata
        families = {family_of(metric, told) for part in parts for metric in part.tables}
        return {family: told.get(family, Metadata()) for family in sorted(families)}

    def __len__(self) -> int:
        """How many series there are."""
        return sum(
            table.layout.size for part in self._parts() for table in part.tables.values()
        )

    def __iter__(self) -> Iterator[DataPoint]:
        """All points, sorted by labels."""
        return iter(self.match(()))

    def _selected(
        self, matchers: Iterable[Matcher]
    ) -> Iterator[tuple[Layout, Sequence[int]]]:
        wanted = tuple(matchers)
        for part in self._parts():
            for table in _tables(part, wanted):
                rows = table.layout.select(wanted).rows
                if rows:
                    yield table.layout, rows

    def _nothing(self, wanted: str, metric: str) -> str:
        """Why nothing was found, with the closest names."""
        families = self.metrics()
        if metric in families:
            return f"no series for {wanted}; {metric} has others"
        close = difflib.get_close_matches(metric, families, 3, 0.6)
        hint = f"; close names: {', '.join(close)}" if close else ""
        return f"no series for {wanted}: no metric is called {metric}{hint}"


class _AtOneMoment(QueryMethods):
    """The questions, about parts that were taken before."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._frozen = parts

    def _parts(self) -> Sequence[Part]:
        return self._frozen


class Snapshot(_AtOneMoment):
    """All sources at one moment: a frozen `Queryable`, safe to keep for ever."""


def matchers_of(
    metric: str, matchers: Collection[Matcher], labels: Mapping[str, LabelValue]
) -> tuple[Matcher, ...]:
    """The matchers that the arguments of a query stand for, that of the name first."""
    if not isinstance(metric, str) or not metric:
        raise UsageError(f"expected a metric's name, not {metric!r}")
    for matcher in matchers:
        if not isinstance(matcher, Matcher):
            raise UsageError(f"expected a Matcher, not {matcher!r}")
    keys = tuple((name, checked_value(name, value)) for name, value in labels.items())
    return _matchers(metric, tuple(matchers), keys)


# A repeated query must find the same matchers again, since they hold their verdicts and
# are the key of the selections that layouts keep. Making them anew costs 3 µs a query.
@lru_cache(maxsize=1024)
def _matchers(
    metric: str,
    matchers: tuple[Matcher, ...],
    labels: tuple[tuple[str, KeywordValue], ...],
) -> tuple[Matcher, ...]:
    named = Matcher(METRIC_NAME, "=", metric)
    return (named, *matchers, *(keyword_matcher(*label) for label in labels))


_parsed = lru_cache(maxsize=1024)(parse_selector)


def family_of(metric: str, metadata: Mapping[str, Metadata]) -> str:
    """The family that a series belongs to, as far as the metadata tells."""
    if metric in metadata:
        return metric
    for suffix in _SUFFIXES:
        family = metric.removesuffix(suffix)
        if family != metric and family in metadata:
            return family
    return metric


def _tables(part: Part, matchers: Sequence[Matcher]) -> Iterable[AnyTable]:
    """The tables whose name fulfils the matchers of `__name__`."""
    named = [matcher for matcher in matchers if matcher.name == METRIC_NAME]
    tables = part.tables
    listed = [matcher.literals for matcher in named if matcher.literals is not None]
    names: Iterable[str] = sorted(listed, key=len)[0] if listed else tables
    return [
        tables[name]
        for name in names
        if name in tables and all(matcher.matches(name) for matcher in named)
    ]


def _merged(found: Sequence[Sequence[DataPoint]]) -> list[DataPoint]:
    """The points of several tables, sorted; of one series in two sources the newest,
    of equally new ones the source that was there first."""
    points = sorted(
        (point for points in found for point in points),
        key=lambda point: (point.labels.flat, -point.timestamp),
    )
    merged: list[DataPoint] = []
    for point in points:
        if not merged or merged[-1].labels.flat != point.labels.flat:
            merged.append(point)
    return merged
