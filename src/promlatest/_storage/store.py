"""The store: the latest sample of every series, by source, behind the core's only lock.

Each source has a `_Cell`, in which one reference, to a `Source` that never changes, is
swapped at a commit. Reading takes that reference and goes. Writers build what is to come
aside, without the lock, and take it to swap the reference in; if somebody else was
faster, they build again on what is there now. A `Directory` knows which sources have
which metrics and labels, so that neither a commit nor a question walks all of them.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final, TypeVar
from weakref import WeakSet

import attrs

from promlatest._arguments import checked, checked_function, checked_text, shown
from promlatest._clock import now_ms
from promlatest._counts import Counts
from promlatest._matching.conditions import Condition
from promlatest._matching.labels import Labels
from promlatest._samples import Samples
from promlatest._storage.appender import (
    FAR_FUTURE,
    Batch,
    DirectAppender,
    RefBook,
    checked_time,
)
from promlatest._storage.cache import Cache
from promlatest._storage.commit import Commit, replaced, updated, without
from promlatest._storage.directory import Directory
from promlatest._storage.limits import Limits, check_labels
from promlatest._storage.live import LiveSource, Place, Slot
from promlatest._storage.plan import Plan
from promlatest._storage.query import COLUMNS_KEPT, QueryMethods
from promlatest._storage.question import QUESTIONS_KEPT, Question, SourceCell
from promlatest._storage.scrape import Scrape
from promlatest._storage.snapshot import Snapshot
from promlatest._storage.window import ColumnCache, Scrapes
from promlatest.exceptions import LimitError, UsageError
from promlatest.exposition import Exposition, Reader, parse
from promlatest.exposition._families import MetricFamily, Registry, samples_of

__all__ = ["Change", "Source", "Store"]

_HISTORY: Final = "history as a number of scrapes, at least 2"

_LOOKBACK: Final = "lookback in milliseconds, at least 0"

LOOKBACK: Final = 5 * 60 * 1000  # ms; how old a timestamp of a sample's own may be

T = TypeVar("T")


@attrs.frozen(eq=False, repr=False)
class Source:
    """What the store has of one source.

    Attributes:
        name: the source.
        timestamp: of the last commit, in milliseconds since the epoch.
        series: how many series are visible.
        error: why the last scrape failed; None if it did not.
        current: what is visible, as a frozen `Queryable`.
        previous: the good scrape before the current one: what to compare it with.
        last_known: what was visible before the scrapes failed; None if they did not.
        history: the last scrapes, oldest first, the current one at the end; a failed one
            is a gap (`Snapshot.failed`). As many as `Store(history=...)` keeps.
    """

    name: str
    _scrapes: Scrapes = attrs.field(factory=Scrapes, converter=Scrapes)
    _newest: Scrape = attrs.field(factory=Scrape)
    _previous: Scrape = attrs.field(factory=Scrape)
    error: Exception | None = None
    _visible: Scrape = attrs.field(init=False)

    @_visible.default
    def _last(self) -> Scrape:
        return self._scrapes[-1] if self._scrapes else self._newest

    @property
    def timestamp(self) -> int:
        return self._visible.timestamp

    @property
    def series(self) -> int:
        return self._visible.size

    @property
    def current(self) -> Snapshot:
        return Snapshot((self._visible,), last_known=self._stale())

    @property
    def previous(self) -> Snapshot:
        return Snapshot((self._previous,))

    @property
    def last_known(self) -> Snapshot | None:
        return Snapshot((self._newest,)) if self._visible.failed else None

    @property
    def history(self) -> tuple[Snapshot, ...]:
        return tuple(Snapshot((scrape,)) for scrape in self._scrapes)

    def _stale(self) -> tuple[Scrape, ...]:
        """What is last known of it, if its scrape failed."""
        return (attrs.evolve(self._newest, stale=True),) if self._visible.failed else ()

    def __repr__(self) -> str:
        state = f", failed: {self.error}" if self.error is not None else ""
        return f"<Source {self.name!r} of {self.series} series at {self.timestamp}{state}>"

    def _after(self, scrape: Scrape, keep: int) -> Source:
        """The source after a commit."""
        scrapes = (*self._scrapes, scrape)[-keep:]
        return Source(self.name, scrapes, scrape, self._newest)

    def _failed(self, report: Scrape, error: Exception, keep: int) -> Source:
        """The source after a failed scrape: all but the report of it is stale."""
        scrapes = (*self._scrapes, report)[-keep:]
        return Source(self.name, scrapes, self._newest, self._previous, error)

    def _without(self, plan: Plan) -> Source:
        """The source less some series; what it had before that stays as it was."""
        newest = without(self._newest, plan)
        shown = without(self._visible, plan) if self._visible.failed else newest
        if newest is self._newest and shown is self._visible:
            return self
        scrapes = (*self._scrapes[:-1], shown)
        return Source(self.name, scrapes, newest, self._previous, self.error)


@attrs.frozen(eq=False)
class Change:
    """What a subscriber is told after a commit.

    Attributes:
        source: what the store has of the source now.
        counts: what became of the samples.
    """

    source: Source
    counts: Counts


class _Cell:
    """Where the state of one source is found."""

    __slots__ = ("book", "name", "reader", "source")

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.source = Source(name)
        self.book: Final = RefBook()
        self.reader: Reader | None = None  # None while it is in use

    @property
    def visible(self) -> Scrape:
        return self.source._visible

    @property
    def scrapes(self) -> Scrapes:
        return self.source._scrapes


class Store(QueryMethods):
    """The latest sample of every series, in memory.

        >>> store = Store()
        >>> with store.appender() as app:
        ...     ref = app.append(
        ...         0, {"__name__": "workqueue_depth", "name": "pods"}, 1_000, 3.0
        ...     )
        >>> store.value("workqueue_depth", name="pods")
        3.0

    It is safe to use from any thread, and no reader waits for a scrape. The store's one
    lock is held for moments only: to swap a reference at a commit, to let series that are
    appended directly come and go, and to look for series of a question after some came or
    went.

    Args:
        limits: what the store takes at the most.
        clock: what tells the time, in milliseconds since the epoch.
        history: how many scrapes of each source are kept, at least two. One in which no
            series came or went costs 8 bytes a series.

    Raises:
        UsageError: an argument is not of its kind.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        clock: Callable[[], int] = now_ms,
        history: int = 2,
    ) -> None:
        if limits is not None:
            checked(limits, Limits, "limits as Limits, such as Limits(series=5)")
        checked_function(clock, "clock as a function that gives milliseconds")
        if checked(history, int, _HISTORY) < 2:
            raise UsageError(f"expected {_HISTORY}, not {history}")
        self._limits: Final = Limits() if limits is None else limits
        self._clock: Final = clock
        self._keep: Final = history
        self._lock: Any = RLock()
        self._live: LiveSource = LiveSource()
        self._questions: Cache[Any, Question] = Cache(QUESTIONS_KEPT)
        self._columns: ColumnCache = Cache(COLUMNS_KEPT)
        # Guarded by the lock.
        self._cells: Final[dict[str, _Cell]] = {}
        self._directory: Final = Directory()
        self._size = 0  # of all sources
        self._version = self._changes = 0
        self._subscribers: tuple[Callable[[Change], None], ...] = ()
        self._counts: Final = Counts()
        self._is_changing = False
        self._late: Final[deque[Callable[[], object]]] = deque()
        _stores.add(self)

    def __repr__(self) -> str:
        return f"<Store of {len(self)} series from {len(self._directory.sources)} sources>"

    def __reduce__(self) -> Any:
        raise TypeError("a Store stays in its process; pickle its snapshot() instead")

    @property
    def clock(self) -> Callable[[], int]:
        """What tells the time, in milliseconds since the epoch."""
        return self._clock

    @property
    def is_watched(self) -> bool:
        """Whether somebody is told of changes: a commit then takes as long as they do."""
        return bool(self._subscribers)

    # Writing

    def appender(self) -> DirectAppender:
        """An appender that writes at once; its commit and rollback do nothing. O(1).

        A sample through a known ref costs some 0.1 µs and no lock.

            >>> store = Store()
            >>> app = store.appender()
            >>> ref = app.append(0, {"__name__": "depth"}, 1_000, 3.0)
            >>> _ = app.append(ref, {}, 2_000, 4.0)
            >>> store.point("depth").timestamp
            2000
        """
        return DirectAppender(
            self._live.slots, self._clock, self._create, self._gather, self._refuse
        )

    def batch(
        self,
        source: str,
        *,
        replace: bool = True,
        timestamp: int | None = None,
        lookback: int | None = None,
    ) -> Batch:
        """A batch that becomes visible at once when it is committed.

        O(1); a commit is O(samples), and for the very rows of the last one some 15 ns a
        value. An update is O(samples that it brings).

            >>> store = Store()
            >>> with store.batch("jobs", replace=False) as batch:
            ...     ref = batch.append(0, {"__name__": "done"}, 1_000, 1.0)
            ...     len(store)
            0
            >>> store.value("done")
            1.0

        Args:
            source: whose samples these are; every source has its own.
            replace: True for a whole state, as a scrape brings it: what the batch does
                not bring is gone. False for an update, as a push brings it.
            timestamp: of samples without one of their own, in milliseconds since the
                epoch. None: the moment of the commit, or a millisecond after the last
                commit if the clock is not past that. A replacing batch from before the
                last commit is not taken; of two for one moment the later one counts.
            lookback: how much older than the batch a sample's own timestamp may be, in
                milliseconds; None: however much.

        Raises:
            UsageError: the source has no name, `replace` is no bool, a time is no int,
                `lookback` is negative, or the timestamp more than ten minutes ahead: it
                would pin every series of the batch.
        """
        _check_source(source)
        checked(replace, bool, "replace as True or False")
        if timestamp is not None:
            self._check_time(timestamp)
        if lookback is not None and checked(lookback, int, _LOOKBACK) < 0:
            raise UsageError(f"expected {_LOOKBACK}, not {shown(lookback)}")
        return Batch(
            source,
            self._commit,
            replace=replace,
            timestamp=timestamp,
            lookback=lookback,
            limits=self._limits,
            book=self._cell(source).book,
        )

    def ingest(
        self,
        body: bytes | str,
        content_type: str = "text/plain",
        *,
        source: str = "body",
        timestamp: int | None = None,
        lenient: bool = False,
    ) -> Exposition:
        """Read a body and hold what it says, in place of what its source had.

        O(bytes): some 1.1 µs a line the first time, and 0.02 to 0.3 where the body is like
        the last one of its source.

            >>> store = Store()
            >>> store.ingest('depth{queue="pods"} 3').format
            'text'
            >>> [point.value for point in store.select("depth")]
            [3.0]

        Args:
            body: an exposition in the text format or in OpenMetrics.
            content_type: the Content-Type it came with; it decides on the format.
            source: whose samples these are.
            timestamp: of samples without one of their own, in milliseconds.
            lenient: skip lines that cannot be read; the result's `diagnostics` tell.

        Returns:
            What the body says; its `counts` tell what became of the samples. One with a
            timestamp of its own that is older than five minutes or lies ahead is not
            taken, as a scrape would not.

        Raises:
            ParseError, ContentTypeError, LimitError: nothing of the body is kept.
            UsageError: the body is no bytes and no text, or another argument not what it
                must be.
        """
        _check_source(source)
        if lenient:
            exposition = parse(body, content_type, lenient=True)
        else:
            exposition = self._read(source, body, content_type)
        batch = self.batch(source, timestamp=timestamp, lookback=LOOKBACK)
        batch.append_samples(exposition, exposition.metadata)
        return attrs.evolve(exposition, counts=batch.commit())

    def collect(
        self,
        registry: Registry | Iterable[MetricFamily],
        *,
        source: str = "registry",
        timestamp: int | None = None,
    ) -> Counts:
        """Read a prometheus_client registry, without text in between.

        Names are those that the program exposes: a `Counter("jobs", …)` is `jobs_total`.
        O(samples).

            >>> from prometheus_client import CollectorRegistry, Counter
            >>> registry = CollectorRegistry()
            >>> Counter("jobs", "Jobs done.", registry=registry).inc()
            >>> store = Store()
            >>> _ = store.collect(registry)
            >>> store.value("jobs_total")
            1.0

        Args:
            registry: a `CollectorRegistry`, or whatever else has its `collect()`.
            source: whose samples these are.
            timestamp: of samples without one of their own, in milliseconds.

        Returns:
            What became of the samples; one with a timestamp of its own that is older than
            five minutes or lies ahead is not taken, as a scrape would not.

        Raises:
            UsageError: it is no registry, or what it gives are no families of metrics.
        """
        if hasattr(registry, "collect"):
            registry = registry.collect()
        families = checked(registry, Iterable, "a registry, or families of metrics")
        batch = self.batch(source, timestamp=timestamp, lookback=LOOKBACK)
        batch.append_samples(*samples_of(families))
        return batch.commit()

    def fail(
        self,
        source: str,
        error: Exception,
        *,
        report: Samples | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Make a source stale: its series are not seen until its next commit.

        O(metrics of the source), whatever the number of its series.

            >>> store = Store()
            >>> _ = store.ingest("depth 3", source="app")
            >>> store.fail("app", TimeoutError("no answer"))
            >>> len(store), store.sources["app"].error
            (0, TimeoutError('no answer'))

        Args:
            source: whose scrape failed.
            error: why.
            report: what is to be seen all the same, `up` for one.
            timestamp: of the failure, in milliseconds since the epoch. None: now, or the
                moment of the last commit if the clock is not past that. A failure from
                before the last commit changes nothing.

        Raises:
            UsageError: an argument is not of its kind, or the timestamp more than ten
                minutes ahead.
        """
        _check_source(source)
        checked(error, Exception, "the error as an exception")
        if report is not None:
            checked(report, Samples, "the report as Samples, as parse gives them")
        now = self._clock() if timestamp is None else self._check_time(timestamp)
        samples = _NOTHING if report is None else report

        def build(held: Source) -> tuple[Source, Counts]:
            when = max(now, held.timestamp) if timestamp is None else now
            if when < held.timestamp:
                return held, _late(held, when, samples)
            last, horizon = held.timestamp, when + FAR_FUTURE
            commit = Commit(samples, {}, when, horizon, None, self._limits, last)
            before = held._visible if held._visible.failed else Scrape()
            shown, _ = replaced(before, commit)
            shown = attrs.evolve(shown, failed=True)
            return held._failed(shown, error, self._keep), Counts()

        self._swap(source, build)

    def remove(self, source: str) -> None:
        """Forget a source and its series. O(metrics of the source).

        >>> store = Store()
        >>> _ = store.ingest("depth 3", source="app")
        >>> store.remove("app")
        >>> len(store), list(store.sources)
        (0, [])

        Raises:
            UsageError: it is no source's name. A source that is not there is no error.
        """
        _check_source(source)
        with self._lock:
            cell = self._cells.pop(source, None)
            if cell is None or cell not in self._directory.sources:
                return
            held = cell.source
            with self._showing():
                cell.source = Source(source)  # whoever keeps the cell keeps no samples
                self._directory.change(cell, held._visible.layout, None)
            self._size -= held.series
            counts = Counts(removed=held._newest.size)
            self._counts._add(counts)
        self._tell(Change(Source(source), counts))

    def drop(self, *conditions: Condition) -> int:
        """Forget the series that fulfil all conditions.

        A source that is scraped brings back what it still exposes. O(series) of the tables
        that have any.

            >>> store = Store()
            >>> _ = store.ingest('depth{queue="pods"} 3\\ndepth{queue="nodes"} 1')
            >>> store.drop('depth{queue="pods"}')
            1

        Args:
            conditions: matchers, selector texts, or collections of them.

        Returns:
            How many series are gone.

        Raises:
            UsageError: no matcher was given.
            SelectorError: a text is no selector.
        """
        plan = self._plan(conditions)
        if not plan.matchers:
            raise UsageError("drop needs a matcher or a selector: it drops no whole store")

        def build(held: Source) -> tuple[Source, Counts]:
            left = held._without(plan)
            gone = held._newest.size - left._newest.size
            if held._visible.failed:
                gone += held.series - left.series
            return left, Counts(removed=gone)

        gone = [self._swap(cell.name, build).removed for cell in self._candidates(plan)]
        return sum(gone) + (self._change_live(lambda: self._live.drop(plan)) or 0)

    # Reading

    def _cells_of(self, plan: Plan | None = None) -> Sequence[SourceCell]:
        return self._candidates(plan) if plan else tuple(self._directory.sources)

    def __len__(self) -> int:
        """How many series there are; one that two sources have counts twice. O(1)."""
        return self._size + self._live.size

    def snapshot(self, *, stale: bool = False) -> Snapshot:
        """Everything at this moment: a frozen `Queryable`, safe to keep for ever.

        O(sources), and O(series) for what was appended directly.

            >>> store = Store()
            >>> _ = store.ingest("depth 3")
            >>> before = store.snapshot()
            >>> _ = store.ingest("depth 4")
            >>> before.value("depth"), store.value("depth")
            (3.0, 4.0)

        Args:
            stale: also show the last known points of sources whose scrape failed.
        """
        sources = [cell.source for cell in tuple(self._directory.sources)]
        with self._lock:
            scrapes = [self._live.freeze()] if self._live.size else []
        scrapes += [source._visible for source in sources]
        last_known = [each for source in sources for each in source._stale()]
        before = {source._visible.number: source._scrapes for source in sources}
        if stale:
            return Snapshot([*scrapes, *last_known], before, self._columns)
        return Snapshot(scrapes, before, self._columns, last_known)

    def _with_stale(self) -> Snapshot:
        return self.snapshot(stale=True)

    @property
    def sources(self) -> Mapping[str, Source]:
        """What the store has of each source, by name. O(sources).

        >>> store = Store()
        >>> _ = store.ingest("depth 3", source="app")
        >>> store.sources["app"].series
        1
        """
        return {cell.name: cell.source for cell in tuple(self._directory.sources)}

    @property
    def counts(self) -> Counts:
        """What became of all samples so far. O(1).

        Samples that are appended directly are counted only if they were not taken.

        >>> store = Store()
        >>> _ = store.ingest("depth 3\\ndepth 4")
        >>> store.counts.samples, store.counts.duplicates
        (1, 1)
        """
        with self._lock:
            return attrs.evolve(self._counts)

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Have a function called after every change of a source but direct appends.

        It is called on the thread that made the change, which waits for it, and without
        a lock. What it raises is logged. O(subscribers).

            >>> store = Store()
            >>> end = store.subscribe(lambda change: print(change.source.name))
            >>> _ = store.ingest("depth 3", source="app")
            app
            >>> end()

        Returns:
            A function that ends the subscription.

        Raises:
            UsageError: it is no function.
        """
        checked_function(callback, "a function to be called")
        with self._lock:
            self._subscribers = (*self._subscribers, callback)

        def unsubscribe() -> None:
            with self._lock:
                kept = (each for each in self._subscribers if each is not callback)
                self._subscribers = tuple(kept)

        return unsubscribe

    # How it is done

    def _cell(self, name: str) -> _Cell:
        """The cell of a source, a new one if it has none."""
        cell = self._cells.get(name)
        return self._cells.setdefault(name, _Cell(name)) if cell is None else cell

    def _candidates(self, plan: Plan) -> list[_Cell]:
        """The sources that may have what a plan asks for."""
        with self._lock:
            return self._directory.candidates(plan)

    def _read(self, source: str, body: bytes | str, content_type: str) -> Exposition:
        """Read a body with the reader that read the last one of this source."""
        cell = self._cell(source)
        with self._lock:
            reader, cell.reader = cell.reader or Reader(), None
        try:
            return reader.read(body, content_type, max_samples=self._limits.series)
        finally:
            cell.reader = reader

    def _commit(self, batch: Batch) -> Counts:
        now = self._clock()
        samples = batch.samples

        def build(held: Source) -> tuple[Source, Counts]:
            before = held._newest
            when = batch.timestamp
            if when is None:
                # Two commits in one millisecond, or a clock that was set back: what
                # comes later counts as later.
                when = max(now, held.timestamp + 1)
            if batch.replace and when < held.timestamp:
                return held, _late(held, when, samples)
            oldest = None if batch.lookback is None else when - batch.lookback
            last, horizon = held.timestamp, now + FAR_FUTURE
            commit = Commit(
                samples, batch.metadata, when, horizon, oldest, self._limits, last
            )
            scrape, counts = (replaced if batch.replace else updated)(before, commit)
            if scrape is before:
                return held, counts
            if batch.report is not None:
                values = array("d", batch.report(counts))
                scrape.values[len(samples.values) - len(values) : len(samples.values)] = (
                    values
                )
            return held._after(scrape, self._keep), counts

        return self._swap(batch.source, build)

    def _swap(self, name: str, build: Callable[[Source], tuple[Source, Counts]]) -> Counts:
        """Put what is built from a source in its place; build again if it changed
        meanwhile, since building happens without the lock. A source that is left as it
        was is no change, and nobody is told."""
        while True:
            cell = self._cell(name)
            held = cell.source
            source, counts = build(held)
            with self._lock:
                if source is held:
                    self._counts._add(counts)
                    return counts
                if self._cells.get(name) is cell and cell.source is held:
                    self._show(cell, held, source)
                    self._counts._add(counts)
                    break
        self._tell(Change(source, counts))
        return counts

    def _show(self, cell: _Cell, held: Source, source: Source) -> None:
        """Let readers see a source as it is now. The caller holds the lock."""
        self._check_size(source.series - held.series)
        before, after = held._visible.layout, source._visible.layout
        with self._showing():
            cell.source = source
            if before is not after or not held._scrapes:
                self._directory.change(cell, before if held._scrapes else None, after)
        self._size += source.series - held.series

    @contextmanager
    def _showing(self) -> Iterator[None]:
        """While this lasts no answer is taken for one of now. The caller holds the lock."""
        self._changes |= 1
        try:
            yield
        finally:
            self._version = self._directory.version
            self._changes += 1

    def _check_size(self, more: int) -> None:
        size = self._size + self._live.size + more
        if more > 0 and size > self._limits.series:
            raise LimitError(
                f"expected at most {self._limits.series} series in the store, got {size}",
                limit="series",
                allowed=self._limits.series,
            )

    def _check_time(self, timestamp: int) -> int:
        if checked_time(timestamp) > self._clock() + FAR_FUTURE:
            raise UsageError(
                "expected a timestamp in milliseconds, at most ten minutes ahead,"
                f" not {shown(timestamp)}"
            )
        return timestamp

    def _tell(self, change: Change) -> None:
        for callback in self._subscribers:
            try:
                callback(change)
            except Exception:
                import logging  # 3 ms that no store needs until one fails

                log = logging.getLogger("promlatest")
                log.exception("a subscriber of %r failed", change.source.name)

    def _gather(self, refs: list[int]) -> None:
        self._change_live(lambda: self._live.gather(refs, self._lock))

    def _create(
        self, labels: Labels, sample: tuple[int, float]
    ) -> tuple[int, Slot | Place | None]:
        """The ref and the slot of a series, which is made if it is not there."""
        check_labels(labels, self._limits)

        def create() -> tuple[int, Slot | Place | None]:
            series = labels._cut()
            found = self._live.find(*series)
            if found is None:
                self._check_size(1)
                found = self._live.create(*series, sample)
            return found

        return self._change_live(create) or (0, None)

    def _change_live(self, change: Callable[[], T]) -> T | None:
        """Let series come or go among those that are appended directly.

        Python may run a finaliser or a signal handler in the middle of such a change, and
        that may come here again. Its change waits until this one is done, for a lock that
        the same thread has would not keep it out; None is returned for it.
        """
        with self._lock:
            if self._is_changing:
                self._late.append(change)
                return None
            self._is_changing = True
            try:
                result = change()
            finally:
                self._is_changing = False
            while self._late:
                self._change_live(self._late.popleft())
            return result

    def _refuse(self, reason: str, samples: int, example: str) -> None:
        with self._lock:
            self._counts._refuse(reason, samples, example)

    def _check(self) -> None:
        """Assert every promise that the store makes about itself."""
        size = 0
        for cell in self._cells.values():
            for scrape in (cell.visible, cell.source._previous, *cell.source._scrapes):
                scrape._check()
            size += cell.visible.size
        assert size == self._size
        self._live._check()
        self._directory._check(
            cell for cell in self._cells.values() if cell.source._scrapes
        )


def _check_source(source: str) -> None:
    if not checked_text(source, "the name of a source"):
        raise UsageError("expected the name of a source, not ''")


def _late(held: Source, when: int, samples: Samples) -> Counts:
    """What is counted of a commit from before the last one: it says nothing of what is
    there now, and is not taken at all."""
    counts = Counts()
    words = f"the batch is of {when}, and one of {held.timestamp} is held"
    counts._refuse("out_of_order", len(samples), words)
    return counts


_NOTHING: Final = Samples((), array("d"))

# A child of a fork must not find a lock held by a thread that it does not have.
_stores: Final[WeakSet[Store]] = WeakSet()


def _acquire_all() -> None:
    _forking.extend(_stores)
    for store in _forking:
        store._lock.acquire()


def _release_all() -> None:
    while _forking:
        _forking.pop()._lock.release()


_forking: Final[list[Store]] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_acquire_all, after_in_parent=_release_all, after_in_child=_release_all
    )
