"""From matchers to points, over all sources at one moment.

`QueryMethods` is every question that a store or a snapshot answers; `question` keeps what
is worth keeping of each.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple, NoReturn

from promlatest._arguments import checked, checked_queryable, checked_seconds
from promlatest._assemble import assemble
from promlatest._datapoint import DataPoint, Exemplar, Metadata, family_of
from promlatest._histogram import Histogram
from promlatest._increase import (
    PROCESS_START,
    Movement,
    between,
    created_name,
    movement,
    movements,
    start_times_of,
)
from promlatest._interfaces import Block, Queryable
from promlatest._matching.conditions import (
    Condition,
    check_named,
    flat_matchers,
    matchers_of,
)
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import LabelValue, Matcher, checked_value
from promlatest._matching.near import close_names
from promlatest._matching.selector import format_selector
from promlatest._storage.cache import Cache
from promlatest._storage.histograms import series_plan
from promlatest._storage.live import LiveSource, points
from promlatest._storage.plan import Plan, plan_of
from promlatest._storage.question import Question, SourceCell, newest
from promlatest._storage.window import ColumnCache, blocks_of
from promlatest.exceptions import SelectionError, UsageError

COLUMNS_KEPT: Final = 4_000_000  # values, 8 bytes each: 31 scrapes of 105,000 series


class QueryMethods:
    """The questions of a `Queryable`.

    A label's value may be a `str` (equal; "" or None: the label is absent), a compiled
    `re.Pattern` (it must match in full), or a collection of strings (any of them). A
    `Matcher` says the rest. The metric is positional only, so that labels may be called
    `name`, `metric` or `self`. The bounds `le` and `quantile` match as numbers: ``le="1"``
    finds ``le="1.0"``.
    """

    # What questions are asked of
    _live: LiveSource = LiveSource()
    """What was appended directly: in a snapshot this one, which is empty."""
    _questions: Cache[Any, Question]
    _columns: ColumnCache
    _lock: AbstractContextManager[Any]
    _changes: int
    """Another number after every commit; odd while one is being shown."""
    _version: int
    """Another number whenever series came or went."""

    def _cells_of(self, plan: Plan | None = None) -> Sequence[SourceCell]:
        """The sources that may have what a plan asks for; all without one."""
        raise NotImplementedError

    def _with_stale(self) -> QueryMethods:
        """The same, with what is last known of sources whose scrape failed."""
        raise NotImplementedError

    def query(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[DataPoint]:
        """The latest points of a metric's series that fulfil everything given.

        O(hits) where it was asked before, 2 to 4 µs for 20 hits, whatever is held. The
        first question about a label builds its index, O(series of the metric).

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest('depth{queue="pods"} 3\\ndepth{queue="nodes"} 1')
            >>> [point.value for point in store.query("depth", queue=["pods", "jobs"])]
            [3.0]

        Args:
            metric: the name of the series, suffixes included.
            matchers: further conditions.
            labels: conditions by label name.

        Returns:
            The points, sorted by labels.

        Raises:
            UsageError: a label's value is of none of the kinds named above, or the
                metric is a selector text, which `select` takes.
        """
        return self._points(self._question(metric, matchers, labels))

    def point(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> DataPoint:
        """The one point that fulfils everything given. O(hits), as `query`.

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest("up 1", timestamp=5_000)
            >>> store.point("up").timestamp
            5000

        Raises:
            SelectionError: none does, or several do; it names them, or what is close.
            UsageError: as `query` raises it.
        """
        found = self.query(metric, *matchers, **labels)
        if len(found) != 1:
            self._not_one("point", metric, matchers, labels, found)
        return found[0]

    def value(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> float:
        """The value of the one point that fulfils everything given. O(hits), as `query`.

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest('depth{queue="pods"} 3')
            >>> store.value("depth", queue="pods")
            3.0

        Raises:
            SelectionError, UsageError: as `point` raises them.
        """
        return self.point(metric, *matchers, **labels).value

    def select(self, selector: str, /, *, stale: bool = False) -> list[DataPoint]:
        """The latest points of a selector text, ``name{a="b",c=~"d|e"}``.

        O(hits) where it was asked before, as `query`; with `stale`, O(sources) more.

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest('depth{queue="pods"} 3')
            >>> len(store.select('depth{queue=~"p.*"}'))
            1
            >>> store.fail("body", OSError("gone"))
            >>> store.select("depth"), [p.value for p in store.select("depth", stale=True)]
            ([], [3.0])

        Args:
            selector: the text.
            stale: also show the last known points of sources whose scrape failed; they
                have `DataPoint.stale` set.

        Raises:
            SelectorError: the text cannot be read; it carries the position.
            UsageError: it is no text.
        """
        checked(selector, str, "a selector text")
        if stale:
            return self._with_stale().select(selector)
        return self._points(self._question_of((selector,)))

    def match(self, *conditions: Condition) -> list[DataPoint]:
        """The latest points that fulfil all conditions; without any, all points.

        O(hits) where it was asked before; without a metric's name the first question looks
        at the values of a label in all tables, O(tables).

            >>> from promlatest import Matcher, Store
            >>> store = Store()
            >>> _ = store.ingest('depth{queue="pods"} 3\\ndepth{queue="nodes"} 1')
            >>> store.match("depth", Matcher("queue", "!=", "pods"))[0].value
            1.0

        Args:
            conditions: matchers, selector texts, or collections of them.
        """
        return self._points(self._question_of(conditions))

    def histograms(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[Histogram]:
        """The histograms of a metric, one for each label set beside `le`.

        All parts of one histogram come from one source and the same commit; where two
        sources have it, it is the newest. O(buckets), about 2 µs a histogram where it was
        asked before and 25 the first time.

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest('h_bucket{le="1"} 2\\nh_bucket{le="+Inf"} 4')
            >>> [histogram.count for histogram in store.histograms("h")]
            [4.0]

        Args:
            metric: the family's name, without `_bucket`.
            matchers: further conditions.
            labels: conditions by label name.

        Returns:
            The histograms, sorted by labels; none of a metric that is no histogram.
        """
        question = self._question(metric, matchers, labels, histogram=True)
        found: list[Histogram] = question.answer(self)
        live = self._live_points(question.plan)
        if live:
            found = newest([*assemble(live, metric), *found])
        return found[:]

    def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram:
        """The one histogram that fulfils everything given. O(buckets), as `histograms`.

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest('h_bucket{le="1"} 2\\nh_bucket{le="+Inf"} 4')
            >>> store.histogram("h").quantile(0.25)
            0.5

        Raises:
            SelectionError: none does, or several do; the sum of several is
                ``sum(store.histograms(...))``.
        """
        found = self.histograms(metric, *matchers, **labels)
        if len(found) != 1:
            self._not_one("histogram", metric, matchers, labels, found)
        return found[0]

    def increase(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        over: float | None = None,
        since: Queryable | None = None,
        **labels: LabelValue,
    ) -> list[Movement]:
        """By how much counters have increased, over the scrapes that are kept or since a
        snapshot.

        Resets and restarts in between are seen, and nothing is extrapolated. O(series x
        scrapes), in C where nothing was reset; 5 µs a series where the scrapes since a
        snapshot are no longer kept.

            >>> from promlatest import Store
            >>> store = Store()
            >>> for moment, value in (0, 100), (5_000, 130):
            ...     _ = store.ingest(f"jobs_total {value}", timestamp=moment)
            >>> [(each.value, each.seconds) for each in store.increase("jobs_total")]
            [(30.0, 5.0)]
            >>> mark = store.snapshot()
            >>> _ = store.ingest("jobs_total 137", timestamp=20_000)
            >>> [each.value for each in store.increase("jobs_total", since=mark)]
            [7.0]

        Args:
            metric: the name of the series, suffixes included.
            matchers: further conditions.
            over: seconds back from the newest scrape; None: all that is kept.
            since: an earlier snapshot to count from. Each scrape after it counts if all
                are kept (`Store(history=...)`), and else the two moments alone.
            labels: conditions by label name.

        Returns:
            A `Movement` for each series, sorted by labels: its `value`, the `seconds`
            that are really covered, and the `resets` in between. Of a series in two
            sources it is that of the one whose sample a query gives.

        Raises:
            UsageError: `over` is no time back, `since` no snapshot, or both are given.
        """
        if over is not None:
            checked_seconds("over", over)
        marks = _marks(since, over)
        plan = self._question(metric, matchers, labels).plan
        starts = plan_of((Matcher(METRIC_NAME, "=", PROCESS_START),))
        created = plan_of((Matcher(METRIC_NAME, "=", created_name(metric)),))
        cells = self._cells_of()
        if since is not None and not _all_kept(marks, cells):
            return between(since, self, metric, *matchers, **labels)
        scrapes = (scrape for cell in cells for scrape in cell.scrapes)
        now = max((scrape.timestamp for scrape in scrapes), default=0)
        oldest = -(1 << 62) if over is None else now - round(over * 1000) - 1
        found: dict[Labels, tuple[SourceCell, Movement]] = {}
        for cell in cells:
            start = _marked(marks, cell, oldest)
            blocks = blocks_of(cell.scrapes, plan, start, now, self._columns)
            if blocks:
                when = start_times_of(
                    blocks_of(cell.scrapes, starts, start, now, self._columns),
                    blocks_of(cell.scrapes, created, start, now, self._columns),
                )
                for moved in movements(blocks, when):
                    held, _ = found.setdefault(moved.labels, (cell, moved))
                    if held is not cell and _seen(cell, moved.labels) > _seen(
                        held, moved.labels
                    ):
                        found[moved.labels] = (cell, moved)
        told = {labels: moved for labels, (_, moved) in found.items()}
        for point in self._live_points(plan):
            once = [(point.timestamp, point.value)]
            alone = movement(point.labels, once, point.timestamp, ())
            told.setdefault(point.labels, alone)
        return [told[each] for each in sorted(told, key=attrgetter("_flat"))]

    def rate(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        over: float | None = None,
        since: Queryable | None = None,
        **labels: LabelValue,
    ) -> list[Movement]:
        """The same as `increase`, a second: `value` is divided by `seconds`.

        O(series x scrapes), as `increase`.

            >>> from promlatest import Store
            >>> store = Store()
            >>> for moment, value in (0, 100), (5_000, 130):
            ...     _ = store.ingest(f"jobs_total {value}", timestamp=moment)
            >>> [each.value for each in store.rate("jobs_total")]
            [6.0]
        """
        found = self.increase(metric, *matchers, over=over, since=since, **labels)
        return [moved.rate for moved in found]

    def exemplars(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[tuple[Labels, Exemplar]]:
        """The exemplars of the series that fulfil everything given, sorted. O(hits).

        Of a series in two sources it is that of the newer sample.

        >>> from promlatest import Store
        >>> store = Store()
        >>> body = '# TYPE a counter\\na_total 1 # {trace_id="7"} 1\\n# EOF\\n'
        >>> _ = store.ingest(body, "application/openmetrics-text")
        >>> [exemplar.value for labels, exemplar in store.exemplars("a_total")]
        [1.0]
        """
        plan = self._question(metric, matchers, labels).plan
        found: list[_Exemplified] = []
        for cell in self._cells_of(plan):
            scrape = cell.visible
            if scrape.exemplars:
                selection = scrape.layout.select(plan)
                hits = zip(selection.labels, selection.places, strict=True)
                exemplars = scrape.exemplars
                found += [
                    _Exemplified(each, scrape.time(at), exemplars[at])
                    for each, at in hits
                    if at in exemplars
                ]
        return [(each.labels, each.exemplar) for each in newest(found)]

    def label_names(self, *conditions: Condition) -> list[str]:
        """The names of all labels that the matching series have, sorted.

        O(tables), and O(series) of those tables for conditions on other labels.

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest('depth{queue="pods"} 3')
            >>> store.label_names()
            ['__name__', 'queue']

        Args:
            conditions: matchers, selector texts, or collections of them.
        """
        plan = self._plan(conditions)
        found: list[Iterable[str]] = [point.labels for point in self._live_points(plan)]
        for cell in self._cells_of(plan):
            selected = cell.visible.layout.selected(plan)
            found += [(METRIC_NAME, *table.names) for table, _ in selected]
        return sorted(set(chain.from_iterable(found)))

    def label_values(self, name: str, /, *conditions: Condition) -> list[str]:
        """The values that a label has among the matching series, sorted.

        O(values) where all series of a table match, O(series) of the table else.

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest('depth{queue="pods"} 3\\ndepth{queue="nodes"} 1')
            >>> store.label_values("queue", "depth")
            ['nodes', 'pods']

        Args:
            name: of the label.
            conditions: matchers, selector texts, or collections of them.

        Raises:
            UsageError: the name is no text, or a condition none.
            SelectorError: a text is no selector.
        """
        checked(name, str, "a label's name")
        plan = self._plan(conditions)
        found: list[Iterable[str]] = []
        for cell in self._cells_of(plan):
            for table, rows in cell.visible.layout.selected(plan):
                if name == METRIC_NAME:
                    found.append((table.metric,))
                elif name in table.names and len(rows) == len(table):
                    found.append(table.index(name))
                elif name in table.names:
                    column = table.column(name)
                    found.append({column[row] for row in rows})
        found.append({p.labels.get(name, "") for p in self._live_points(plan)} - {""})
        kept = [each for each in found if each]
        return (
            list(kept[0])
            if len(kept) == 1 and not isinstance(kept[0], set)
            else sorted(set(chain.from_iterable(kept)))
        )

    def columns(self, matchers: Sequence[Matcher], start: int, end: int, /) -> list[Block]:
        """The series that match, with the scrapes after `start`, up to `end`, both in
        milliseconds; see `Columnar.columns`. What an engine such as PromQL's reads.

        O(scrapes); columns are picked when somebody looks. After a scrape in which series
        came or went, O(series) once.

            >>> from promlatest import Matcher, Store
            >>> store = Store()
            >>> for moment, value in (1_000, 5), (2_000, 6):
            ...     _ = store.ingest(f"up_total {value}", timestamp=moment)
            >>> [block] = store.columns([Matcher("__name__", "=", "up_total")], 0, 2_000)
            >>> list(block.times), [list(column) for column in block.values]
            ([1000, 2000], [[5.0], [6.0]])

        Raises:
            UsageError: they are no matchers, or a time is no int.
        """
        plan = self._plan(checked(matchers, Sequence, "matchers, as a list"))
        checked(start, int, "start in milliseconds")
        checked(end, int, "end in milliseconds")
        blocks = [
            block
            for cell in self._cells_of()  # whose series may be gone by now
            for block in blocks_of(cell.scrapes, plan, start, end, self._columns)
        ]
        live = self._live_points(plan)
        if live:
            blocks.append(_live_block(live, start, end))
        return blocks

    def metrics(self) -> dict[str, Metadata]:
        """What is known of each family that has series: type, help and unit. O(metrics).

        A series whose family was never described stands under its own name, with the
        type "unknown".

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest("# TYPE depth gauge\\ndepth 3\\nother 1")
            >>> {name: known.type for name, known in store.metrics().items()}
            {'depth': 'gauge', 'other': 'unknown'}
        """
        told = self.declared()
        scrapes = [cell.visible for cell in self._cells_of()]
        names = set(chain.from_iterable(scrape.layout.tables for scrape in scrapes))
        with self._lock:
            names.update(self._live.metrics())
        families = {family_of(metric, told) for metric in names}
        return {family: told.get(family, Metadata()) for family in sorted(families)}

    def declared(self) -> dict[str, Metadata]:
        """What is known of each family that was described, with series or without.

        O(families).

            >>> from promlatest import Store
            >>> store = Store()
            >>> _ = store.ingest("# TYPE depth gauge\\n# TYPE idle gauge\\ndepth 3")
            >>> sorted(store.declared())
            ['depth', 'idle']
        """
        told: dict[str, Metadata] = {}
        for cell in reversed(list(self._cells_of())):  # the first to describe one counts
            told |= cell.visible.metadata
        return told

    def __len__(self) -> int:
        """How many series there are; one that two sources have counts twice."""
        return self._live.size + sum(cell.visible.size for cell in self._cells_of())

    def __bool__(self) -> bool:
        """True: one without series is still one."""
        return True

    def __iter__(self) -> Iterator[DataPoint]:
        """All points, sorted by labels."""
        return iter(self.match())

    # How it is done

    def _points(self, question: Question) -> list[DataPoint]:
        found: list[DataPoint] = question.answer(self)
        if not self._live.size:
            return found[:]
        live = self._live_points(question.plan)
        return newest((*live, *found)) if found else live

    def _live_points(self, plan: Plan) -> list[DataPoint]:
        live = self._live
        if not live.size:
            return []
        known = live.known(plan)
        if known is None:
            with self._lock:
                known = live.select(plan)
        return points(*known)

    def _question(
        self,
        metric: str,
        matchers: Collection[Matcher],
        labels: Mapping[str, LabelValue],
        *,
        histogram: bool = False,
    ) -> Question:
        """What is kept of a question, or a new one."""
        questions = self._questions
        key: tuple[Any, ...] = (metric, histogram, matchers, *labels.items())
        try:
            kept: Question | None = questions.get(key)
        except TypeError:  # a list or a set of values cannot be a key, and may change
            check_named(metric, matchers)
            frozen = {name: checked_value(name, value) for name, value in labels.items()}
            return self._question(metric, matchers, frozen, histogram=histogram)
        if kept is None:
            wanted = matchers_of(metric, matchers, labels)
            if histogram:
                return Question(key, series_plan(metric, wanted[1:]), metric)
            return Question(key, plan_of(wanted))
        return kept

    def _question_of(self, conditions: tuple[Condition, ...]) -> Question:
        questions = self._questions
        key = (*conditions, None)
        try:
            kept: Question | None = questions.get(key)
        except TypeError:  # a list of them cannot be a key, and may change
            return self._question_of(tuple(flat_matchers(conditions)))
        return Question(key, self._plan(conditions)) if kept is None else kept

    def _plan(self, conditions: Iterable[Condition]) -> Plan:
        return plan_of(tuple(flat_matchers(conditions)))

    def _not_one(
        self,
        what: str,
        metric: str,
        matchers: Collection[Matcher],
        labels: Mapping[str, LabelValue],
        found: Sequence[DataPoint] | Sequence[Histogram],
    ) -> NoReturn:
        wanted = format_selector(matchers_of(metric, matchers, labels))
        if not found:
            raise SelectionError(self._nothing(what, wanted, metric), 0)
        shown = "\n  ".join(each.labels.series() for each in found[:10])
        raise SelectionError(
            f"expected one {what} for {wanted}, got {len(found)}:\n  {shown}", len(found)
        )

    def _nothing(self, what: str, wanted: str, metric: str) -> str:
        """Why nothing was found, with the closest names."""
        families = self.metrics()
        names = self.label_values(METRIC_NAME)
        kind = families.get(metric, Metadata()).type
        if what == "histogram" and kind not in ("unknown", "histogram", "gaugehistogram"):
            return f"no histogram for {wanted}: {metric} is a {kind}"
        if what == "histogram" and metric in names and metric + "_bucket" not in names:
            whole = re.sub("_(bucket|sum|count)$", "", metric)
            is_part = whole + "_bucket" in names
            why = f"is a part of {whole}" if is_part else "has no buckets"
            return f"no histogram for {wanted}: {metric} {why}"
        if metric in families or metric in names:
            return f"no series for {wanted}; {metric} has others"
        close = close_names(metric, {*families, *names})
        hint = f"; close names: {', '.join(close)}" if close else ""
        return f"no series for {wanted}: no metric is called {metric}{hint}"


def _live_block(live: Sequence[DataPoint], start: int, end: int) -> Block:
    """Directly appended samples as one scrape, each with its own timestamp."""
    points = [point for point in live if start < point.timestamp <= end]
    return Block(
        tuple(point.labels for point in points),
        [max((point.timestamp for point in points), default=end)],
        [[point.value for point in points]],
        [[point.timestamp for point in points]],
        min((point.timestamp for point in live), default=None),
    )


def _marks(since: Queryable | None, over: float | None) -> dict[int, int]:
    """The moments of the scrapes that a snapshot shows, by their numbers.

    Raises:
        UsageError: it cannot be asked, or there is a time back beside it.
    """
    if since is None:
        return {}
    if over is not None:
        raise UsageError("expected `over` or `since`, and not both")
    checked_queryable(since)
    if not isinstance(since, QueryMethods):
        return {}
    shown = [cell.visible for cell in since._cells_of()]
    return {scrape.number: scrape.timestamp for scrape in shown}


def _all_kept(marks: Mapping[int, int], cells: Iterable[SourceCell]) -> bool:
    kept = {scrape.number for cell in cells for scrape in cell.scrapes}
    return bool(marks) and marks.keys() <= kept


def _marked(marks: Mapping[int, int], cell: SourceCell, oldest: int) -> int:
    """Up to when the scrapes of a source are left out: to the one that is marked, or, of
    a source that was not there then, to the newest of these."""
    if not marks:
        return oldest
    found = (marks[each.number] - 1 for each in cell.scrapes if each.number in marks)
    return next(found, max(marks.values()))


class _Exemplified(NamedTuple):
    labels: Labels
    timestamp: int
    exemplar: Exemplar


def _seen(cell: SourceCell, labels: Labels) -> tuple[bool, int]:
    """Whether a series is seen in a source, and when it was sampled; or else the source."""
    scrape = cell.visible
    place = scrape.layout.find(labels)
    return place >= 0, scrape.timestamp if place < 0 else scrape.time(place)
