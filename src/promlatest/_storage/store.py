"""The store: the latest sample of every series, by source, behind the core's only lock.

Everything that readers see hangs on one `View`, `_shown`, that is never changed and only
ever replaced. Reading takes that reference and goes. Writers build what is to come
aside, without the lock, and take it to swap the reference in; if somebody else was
faster, they build again on what is there now.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Final

import attrs

from promlatest._datapoint import DataPoint
from promlatest._matching.labels import Labels
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import parse_selector
from promlatest._rows import Rows
from promlatest._storage.appender import (
    FAR_FUTURE,
    Batch,
    DirectAppender,
    RefBook,
    checked_time,
)
from promlatest._storage.limits import Limits, check_labels
from promlatest._storage.live import LiveSource, Slot
from promlatest._storage.query import Part, QueryMethods, Snapshot, StalePart, View
from promlatest._storage.snapshot import (
    Commit,
    Counts,
    SourceSnapshot,
    replace,
    update,
    with_report,
    without,
)
from promlatest._turns import now_ms
from promlatest.exceptions import LimitError, UsageError
from promlatest.exposition import Exposition, Reader, parse
from promlatest.exposition._families import MetricFamily, Registry, rows_of

__all__ = ["Change", "Source", "Store"]

_log: Final = logging.getLogger("promlatest")


@attrs.frozen(eq=False)
class Source:
    """What the store has of one source.

    Attributes:
        name: the source.
        timestamp: of the last commit, in milliseconds since the epoch.
        series: how many series are visible.
        error: why the last scrape failed; None if it did not.
        current: what is visible, as a frozen `Queryable`.
        previous: what was visible before that; with `current` it gives differences.
        last_known: what was visible before the scrapes failed; None if they did not.
    """

    name: str
    _snapshot: SourceSnapshot = attrs.field(factory=SourceSnapshot)
    _previous: SourceSnapshot = attrs.field(factory=SourceSnapshot)
    _last_known: SourceSnapshot | None = None
    error: Exception | None = None

    @property
    def timestamp(self) -> int:
        return self._snapshot.timestamp

    @property
    def series(self) -> int:
        return self._snapshot.size

    @property
    def current(self) -> Snapshot:
        return Snapshot((self._snapshot,))

    @property
    def previous(self) -> Snapshot:
        return Snapshot((self._previous,))

    @property
    def last_known(self) -> Snapshot | None:
        return None if self._last_known is None else Snapshot((self._last_known,))

    def advanced(self, snapshot: SourceSnapshot) -> Source:
        """The source after a commit."""
        return Source(self.name, snapshot, self.newest)

    def failed(self, report: SourceSnapshot, error: Exception) -> Source:
        """The source after a failed scrape: all but the report of it is stale."""
        return Source(self.name, report, self._previous, self.newest, error)

    @property
    def newest(self) -> SourceSnapshot:
        """The last good snapshot, visible or not."""
        return self._snapshot if self._last_known is None else self._last_known


@attrs.frozen(eq=False)
class Change:
    """What a subscriber is told after a commit.

    Attributes:
        source: what the store has of the source now.
        counts: what became of the samples.
    """

    source: Source
    counts: Counts


class Store(QueryMethods):
    """The latest sample of every series, in memory.

        >>> store = Store()
        >>> with store.appender() as app:
        ...     ref = app.append(
        ...         0, {"__name__": "workqueue_depth", "name": "pods"}, 1_000, 3.0
        ...     )
        >>> store.query("workqueue_depth", name="pods")[0].value
        3.0

    It is safe to use from any thread. Reading takes no lock.

    Args:
        limits: what the store takes at the most.
        clock: what tells the time, in milliseconds since the epoch.
    """

    def __init__(
        self, *, limits: Limits | None = None, clock: Callable[[], int] = now_ms
    ) -> None:
        self._limits: Final = Limits() if limits is None else limits
        self._clock: Final = clock
        self._live: Final = LiveSource()
        self._lock: Final = Lock()
        # Guarded by the lock for writing. Each is replaced and never changed, so
        # a reader may keep what it took.
        self._sources: Mapping[str, Source] = {}
        self._shown = View((), self._live)
        self._subscribers: tuple[Callable[[Change], None], ...] = ()
        self._books: dict[str, RefBook] = {}
        self._readers: dict[str, Reader] = {}  # a reader in use is not in here
        self._counts: Final = Counts()

    @property
    def clock(self) -> Callable[[], int]:
        """What tells the time, in milliseconds since the epoch."""
        return self._clock

    # Writing

    def appender(self) -> DirectAppender:
        """An appender that writes at once; its commit and rollback do nothing."""
        return DirectAppender(self._live, self._clock, self._create, self._refuse)

    def batch(
        self, source: str, *, replace: bool = True, timestamp: int | None = None
    ) -> Batch:
        """A batch that becomes visible at once when it is committed.

        Args:
            source: whose samples these are; every source has its own.
            replace: True for a whole state, as a scrape brings it: what the batch does
                not bring is gone. False for an update, as a push brings it.
            timestamp: of samples without one of their own, in milliseconds since
                the epoch; None: the moment of the commit, or just after the last one
                where the clock says it is not later. A replacing batch from before the
                last one is not taken.

        Raises:
            UsageError: the source has no name, or the timestamp is no int, or more than
                ten minutes ahead: it would pin every series of the batch.
        """
        if not source:
            raise UsageError("a batch needs the name of its source")
        if timestamp is not None:
            self._check_time(timestamp)
        with self._lock:
            book = self._books.setdefault(source, RefBook())
        return Batch(
            source,
            self._commit,
            replace=replace,
            timestamp=timestamp,
            limits=self._limits,
            book=book,
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

        Raises:
            ParseError, ContentTypeError, LimitError: nothing of the body is kept.
        """
        if lenient:
            exposition = parse(body, content_type, lenient=True)
        else:
            exposition = self._read(source, body, content_type)
        with self.batch(source, timestamp=timestamp) as batch:
            batch.append_rows(exposition.rows, exposition.metadata)
        return exposition

    def collect(
        self,
        registry: Registry | Iterable[MetricFamily],
        *,
        source: str = "registry",
        timestamp: int | None = None,
    ) -> Counts:
        """Read a prometheus_client registry, without text in between.

        Names are those that the program exposes: a `Counter("jobs", …)` is `jobs_total`.

        Args:
            registry: a `CollectorRegistry`, or whatever else has its `collect()`.
            source: whose samples these are.
            timestamp: of samples without one of their own, in milliseconds.
        """
        families = registry if isinstance(registry, Iterable) else registry.collect()
        batch = self.batch(source, timestamp=timestamp)
        batch.append_rows(*rows_of(families))
        return batch.commit()

    def fail(
        self,
        source: str,
        error: Exception,
        *,
        report: Iterable[Rows] = (),
        timestamp: int | None = None,
    ) -> None:
        """Make a source stale: its series are not seen until its next commit.

        Args:
            source: whose scrape failed.
            error: why.
            report: what is to be seen all the same, `up` for one.
            timestamp: of the failure, in milliseconds since the epoch.
        """
        when = self._clock() if timestamp is None else self._check_time(timestamp)
        commit = Commit(list(report), {}, when, when + FAR_FUTURE, self._limits)

        def build(held: Source) -> tuple[Source, Counts]:
            shown, counts = replace(SourceSnapshot(), commit)
            return held.failed(shown, error), counts

        self._swap(source, build)

    def remove(self, source: str) -> None:
        """Forget a source and its series."""
        with self._lock:
            self._books.pop(source, None)
            self._readers.pop(source, None)
            held = self._sources.get(source)
            if held is None:
                return
            self._show({k: v for k, v in self._sources.items() if k != source})
            counts = Counts(removed=held.newest.size)
            self._counts.add(counts)
        self._tell(Change(Source(source), counts))

    def drop(self, *matchers: Matcher | str) -> int:
        """Forget the series that fulfil all matchers, or a selector text.

        A source that is scraped brings back what it still exposes.

        Returns:
            How many series are gone.

        Raises:
            UsageError: no matcher was given.
            SelectorError: a text is no selector.
        """
        wanted = tuple(_flat_matchers(matchers))
        if not wanted:
            raise UsageError("drop needs a matcher or a selector: it drops no whole store")
        gone = [
            self._swap(name, lambda held: _source_without(held, wanted)).removed
            for name in list(self._sources)
        ]
        return sum(gone) + self._drop_live(wanted)

    # Reading

    @property
    def _view(self) -> View:
        return self._shown

    def select(self, selector: str, /, *, stale: bool = False) -> list[DataPoint]:
        """The latest points of a selector text, ``name{a="b",c=~"d|e"}``.

        Args:
            selector: the text.
            stale: also show the last known points of sources whose scrape failed; they
                have `DataPoint.stale` set.

        Raises:
            SelectorError: the text cannot be read; it carries the position.
        """
        if stale:
            return self.snapshot(stale=True).select(selector)
        return super().select(selector)

    def snapshot(self, *, stale: bool = False) -> Snapshot:
        """Everything at this moment: a frozen `Queryable`, safe to keep for ever.

        Args:
            stale: also show the last known points of sources whose scrape failed.
        """
        sources = self._sources.values()
        parts: list[Part] = [self._live.freeze()]
        parts += [source._snapshot for source in sources]
        if stale:
            known = (source._last_known for source in sources)
            parts += [StalePart(each) for each in known if each is not None]
        return Snapshot(tuple(parts))

    @property
    def sources(self) -> Mapping[str, Source]:
        """What the store has of each source, by name."""
        return dict(self._sources)

    @property
    def counts(self) -> Counts:
        """What became of all samples so far; those appended directly are counted where
        they were not taken."""
        with self._lock:
            return attrs.evolve(self._counts)

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Have a function called after every change of a source but direct appends.

        It is called on the thread that made the change, which waits for it, and without
        a lock. What it raises is logged.

        Returns:
            A function that ends the subscription.
        """
        with self._lock:
            self._subscribers = (*self._subscribers, callback)

        def unsubscribe() -> None:
            with self._lock:
                kept = (each for each in self._subscribers if each is not callback)
                self._subscribers = tuple(kept)

        return unsubscribe

    # How it is done

    def _read(self, source: str, body: bytes | str, content_type: str) -> Exposition:
        """Read a body with the reader that read the last one of this source."""
        with self._lock:
            reader = self._readers.pop(source, None) or Reader()
        exposition = reader.read(body, content_type, max_samples=self._limits.series)
        with self._lock:
            self._readers[source] = reader
        return exposition

    def _commit(self, batch: Batch) -> Counts:
        now = self._clock()
        put = replace if batch.replace else update

        def build(held: Source) -> tuple[Source, Counts]:
            before = held.newest
            when = batch.timestamp
            if when is None:
                # Two commits in one millisecond, or a clock that was set back: what
                # comes later counts as later.
                when = max(now, before.timestamp + 1)
            commit = Commit(
                batch.rows, batch.metadata, when, now + FAR_FUTURE, self._limits
            )
            snapshot, counts = put(before, commit)
            if snapshot is before:
                return held, counts
            if batch.report is not None:
                report = attrs.evolve(commit, rows=list(batch.report(counts)))
                snapshot = with_report(before, snapshot, report, counts)
            return held.advanced(snapshot), counts

        return self._swap(batch.source, build)

    def _swap(self, name: str, build: Callable[[Source], tuple[Source, Counts]]) -> Counts:
        """Put what is built from a source in its place; build again if it changed
        meanwhile, since building happens without the lock. A source that is left as it
        was is no change, and nobody is told."""
        while True:
            held = self._sources.get(name)
            start = Source(name) if held is None else held
            source, counts = build(start)
            if source is start:
                with self._lock:
                    self._counts.add(counts)
                return counts
            with self._lock:
                if self._sources.get(name) is held:
                    sources = {**self._sources, name: source}
                    self._check_size(sources)
                    self._show(sources)
                    self._counts.add(counts)
                    break
        self._tell(Change(source, counts))
        return counts

    def _show(self, sources: Mapping[str, Source]) -> None:
        """Let readers see these sources. The caller holds the lock."""
        self._sources = sources
        frozen = tuple(source._snapshot for source in sources.values())
        self._shown = View(frozen, self._live)

    def _check_size(self, sources: Mapping[str, Source], extra: int = 0) -> None:
        size = extra + len(self._live.slots)
        size += sum(each.series for each in sources.values())
        if size > self._limits.series:
            raise LimitError(
                f"expected at most {self._limits.series} series in the store, got {size}",
                limit="series",
                allowed=self._limits.series,
            )

    def _check_time(self, timestamp: int) -> int:
        if checked_time(timestamp) > self._clock() + FAR_FUTURE:
            raise UsageError(
                "expected a timestamp in milliseconds, at most ten minutes ahead,"
                f" not {timestamp!r}"
            )
        return timestamp

    def _tell(self, change: Change) -> None:
        for callback in self._subscribers:
            try:
                callback(change)
            except Exception:
                _log.exception("a subscriber of %r failed", change.source.name)

    def _create(self, labels: Labels, t: int, v: float) -> tuple[int, Slot]:
        check_labels(labels, self._limits)
        with self._lock:
            ref = self._live.ref(labels)
            if not ref:
                self._check_size(self._sources, extra=1)
                ref = self._live.create(labels, t, v)
            return ref, self._live.slots[ref]

    def _refuse(self, reason: str) -> None:
        with self._lock:
            setattr(self._counts, reason, getattr(self._counts, reason) + 1)

    def _drop_live(self, wanted: tuple[Matcher, ...]) -> int:
        """Drop from what was appended directly; select again if rows have moved."""
        while True:
            selected = self._live.select(wanted)
            with self._lock:
                if self._live.drop(selected):
                    return sum(len(each.rows) for _, each in selected.values())

    def _check(self) -> None:
        """Assert every promise that the store makes about itself."""
        assert self._shown.live is self._live
        for source in self._sources.values():
            source._snapshot._check()
            source._previous._check()
        self._live._check()


def _source_without(held: Source, wanted: tuple[Matcher, ...]) -> tuple[Source, Counts]:
    """The source less some series; what it had before that stays as it was."""
    left = without(held.newest, wanted)
    counts = Counts(removed=held.newest.size - left.size)
    if held.error is None and not counts.removed:
        return held, counts
    if held.error is None:
        return Source(held.name, left, held._previous), counts
    report = without(held._snapshot, wanted)
    counts.removed += held.series - report.size
    if not counts.removed:
        return held, counts
    return Source(held.name, report, held._previous, left, held.error), counts


def _flat_matchers(given: Iterable[Matcher | str]) -> Iterable[Matcher]:
    for each in given:
        if isinstance(each, str):
            yield from parse_selector(each)
        elif isinstance(each, Matcher):
            yield each
        else:
            raise UsageError(f"expected a Matcher or a selector text, not {each!r}")
