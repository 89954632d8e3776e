"""From matchers to points, over the tables of all sources at one moment. No lock.

`QueryMethods` is every question that a store answers; each of them rests on one property,
`_view`, which is what is visible at that moment. So a question sees one moment,
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
    family_of,
)
from promlatest._histogram import Histogram
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import (
    KeywordValue,
    LabelValue,
    Matcher,
    checked_value,
    keyword_matcher,
)
from promlatest._matching.selector import format_selector, parse_selector
from promlatest._storage.histograms import histograms_of
from promlatest._storage.snapshot import SourceSnapshot
from promlatest._storage.table import AnyTable, Layout
from promlatest.exceptions import SelectionError, UsageError

_new_tuple: Final = tuple.__new__

# Some 150 kB of points, which the next commit frees.
_POINTS_KEPT: Final = 2000
_HISTOGRAM_ANSWERS_KEPT: Final = 16


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


class View:
    """What can be seen at one moment: sources that do not change any more, and the one
    whose samples are appended directly.

    The answers of repeated questions are kept, since between two commits they are the
    same; they go with the view, at the next commit.
    """

    __slots__ = ("_answers", "_histograms", "_points_kept", "frozen", "live")

    def __init__(self, frozen: tuple[Part, ...], live: Part | None = None) -> None:
        self.frozen: Final = frozen
        self.live: Final = live
        self._answers: dict[_Plan, list[DataPoint]] = {}
        self._histograms: dict[_Plan, list[Histogram]] = {}
        self._points_kept = 0

    def answer(self, plan: _Plan) -> list[DataPoint]:
        """The points of the sources that do not change; the list is not the caller's."""
        answer = self._answers.get(plan)
        if answer is None:
            answer = plan.run(self.frozen)
            if self._points_kept + len(answer) < _POINTS_KEPT:
                self._points_kept += len(answer) + 1
                self._answers[plan] = answer
        return answer

    def histograms(self, plan: _Plan, metric: str) -> list[Histogram]:
        """The histograms of the sources that do not change; not the caller's list."""
        answer = self._histograms.get(plan)
        if answer is None:
            answer = _newest(_histograms(self.frozen, plan, metric))
            if len(self._histograms) < _HISTOGRAM_ANSWERS_KEPT:
                self._histograms[plan] = answer
        return answer


class QueryMethods:
    """The questions of a `Queryable`.

    A label's value may be a `str` (equal; "" or None: the label is absent), a compiled
    `re.Pattern` (it must match in full), or a collection of strings (any of them). A
    `Matcher` says the rest. The metric is positional only, so that labels may be called
    `name`, `metric` or `self`.
    """

    @property
    def _view(self) -> View:
        raise NotImplementedError

    def _parts(self) -> Sequence[Part]:
        view = self._view
        return view.frozen if view.live is None else (view.live, *view.frozen)

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
        return self._run(_plan_of(metric, matchers, labels))

    def select(self, selector: str, /) -> list[DataPoint]:
        """The latest points of a selector text, ``name{a="b",c=~"d|e"}``.

        Raises:
            SelectorError: the text cannot be read; it carries the position.
        """
        if not isinstance(selector, str):
            raise UsageError(f"expected a selector text, not {selector!r}")
        return self._run(_plan_of_text(selector))

    def match(self, matchers: Sequence[Matcher], /) -> list[DataPoint]:
        """The latest points that fulfil all matchers; without any, all points."""
        return self._run(_plan(_checked(matchers)))

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
        plan = _plan_of(metric, matchers, labels)
        view = self._view
        found = view.histograms(plan, metric)
        if view.live is not None and view.live.tables:
            found = _newest([*_histograms((view.live,), plan, metric), *found])
        return found[:]

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
        plan = _plan_of(metric, matchers, labels)
        found: list[tuple[Labels, Exemplar]] = []
        for part in self._parts():
            for table in plan.tables(part):
                exemplars = getattr(table, "exemplars", None)
                if exemplars:
                    selection = table.layout.select(plan.matchers)
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
        """How many series there are; one that two sources have counts twice."""
        return sum(
            table.layout.size for part in self._parts() for table in part.tables.values()
        )

    def __iter__(self) -> Iterator[DataPoint]:
        """All points, sorted by labels."""
        return iter(self.match(()))

    def _run(self, plan: _Plan) -> list[DataPoint]:
        view = self._view
        found = view.answer(plan)
        if view.live is not None and view.live.tables:
            live = plan.run((view.live,))
            if live:
                return _merged((live, found))
        return found[:]

    def _selected(
        self, matchers: Iterable[Matcher]
    ) -> Iterator[tuple[Layout, Sequence[int]]]:
        plan = _plan(_checked(matchers))
        for part in self._parts():
            for table in plan.tables(part):
                rows = table.layout.rows(plan.matchers)
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
        self._moment = View(tuple(parts))

    @property
    def _view(self) -> View:
        return self._moment


class Snapshot(_AtOneMoment):
    """All sources at one moment: a frozen `Queryable`, safe to keep for ever."""


def _checked(matchers: Iterable[Matcher]) -> tuple[Matcher, ...]:
    given = tuple(matchers)
    for matcher in given:
        if not isinstance(matcher, Matcher):
            raise UsageError(f"expected a Matcher, not {matcher!r}")
    return given


def matchers_of(
    metric: str, matchers: Collection[Matcher], labels: Mapping[str, LabelValue]
) -> tuple[Matcher, ...]:
    """The matchers that the arguments of a query stand for, that of the name first."""
    return _plan_of(metric, matchers, labels).matchers


def _plan_of(
    metric: str, matchers: Collection[Matcher], labels: Mapping[str, LabelValue]
) -> _Plan:
    if not isinstance(metric, str) or not metric:
        raise UsageError(f"expected a metric's name, not {metric!r}")
    # A list or a set of values cannot be a key of the cache, and may change.
    keys = [
        (name, value if type(value) is str else checked_value(name, value))
        for name, value in labels.items()
    ]
    return _kept_plan(metric, _checked(matchers), tuple(keys))


# A repeated query must find the same plan again: its matchers hold their verdicts and are
# the key of the selections that layouts keep. Making them anew costs 3 µs a query.
@lru_cache(maxsize=1024)
def _kept_plan(
    metric: str,
    matchers: tuple[Matcher, ...],
    labels: tuple[tuple[str, KeywordValue], ...],
) -> _Plan:
    named = Matcher(METRIC_NAME, "=", metric)
    rest = (keyword_matcher(name, value) for name, value in labels)
    return _plan((named, *matchers, *rest))


@lru_cache(maxsize=1024)
def _plan_of_text(selector: str) -> _Plan:
    return _plan(parse_selector(selector))


@attrs.frozen(eq=False)
class _Plan:
    """How matchers are carried out, as far as that does not depend on what is there.

    Attributes:
        matchers: all of them.
        named: those of `__name__`.
        names: the only metrics that can match; None where any may.
        present: a label and the only values it can have, of a label that must be there;
            None where no matcher says so.
    """

    matchers: tuple[Matcher, ...]
    named: tuple[Matcher, ...]
    names: tuple[str, ...] | None
    present: tuple[str, frozenset[str]] | None = None

    def run(self, parts: Iterable[Part]) -> list[DataPoint]:
        """The points that fulfil the matchers, sorted."""
        found: list[list[DataPoint]] = []
        for part in parts:
            for table in self.tables(part):
                selection = table.layout.select(self.matchers)
                if selection.rows:
                    found.append(table.points(selection))
        return found[0] if len(found) == 1 else _merged(found)

    def tables(self, part: Part) -> list[AnyTable]:
        """The tables whose name fulfils the matchers of `__name__`."""
        tables = part.tables
        if self.names is not None:
            return [tables[name] for name in self.names if name in tables]
        if self.present is not None and isinstance(part, SourceSnapshot):
            label, values = self.present  # {l="a"} or {l=~"a|b"}, without a name
            found = {name for value in values for name in part.metrics_with(label, value)}
            tables = {name: tables[name] for name in found}
        return [
            table
            for name, table in tables.items()
            if all(matcher.matches(name) for matcher in self.named)
        ]


@lru_cache(maxsize=1024)
def _plan(matchers: tuple[Matcher, ...]) -> _Plan:
    named = tuple(matcher for matcher in matchers if matcher.name == METRIC_NAME)
    listed = [matcher.literals for matcher in named if matcher.literals is not None]
    if not listed:
        return _Plan(matchers, named, None, _present(matchers))
    names = frozenset.intersection(*listed)
    kept = (name for name in names if all(matcher.matches(name) for matcher in named))
    return _Plan(matchers, named, tuple(kept))


def _present(matchers: Iterable[Matcher]) -> tuple[str, frozenset[str]] | None:
    listed = [
        (matcher.name, matcher.literals)
        for matcher in matchers
        if matcher.literals is not None and "" not in matcher.literals
    ]
    return min(listed, key=lambda each: len(each[1]), default=None)


def _histograms(parts: Iterable[Part], plan: _Plan, metric: str) -> list[Histogram]:
    rest = plan.matchers[1:]
    return [each for part in parts for each in histograms_of(part.tables, metric, rest)]


def _newest(found: list[Histogram]) -> list[Histogram]:
    """One histogram for each label set, sorted: of several the newest, of equally new
    ones the source that was there first."""
    newest: dict[Labels, Histogram] = {}
    for histogram in found:
        held = newest.setdefault(histogram.labels, histogram)
        if held.timestamp < histogram.timestamp:
            newest[histogram.labels] = histogram
    return [newest[each] for each in sorted(newest)]


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
