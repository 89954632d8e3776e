"""One target over time: what is known of it now, and what came before.

`Watched` takes what the store has of a source after each scrape, good or bad, and
`Watched.view` freezes what a page is to show: the rows of now, or the last known ones
where the scrape failed.
"""

from __future__ import annotations

from typing import Final

import attrs

from promlatest._interfaces import Queryable
from promlatest._storage.cache import Cache
from promlatest._storage.snapshot import Snapshot, with_history
from promlatest._storage.store import Source
from promlatest._storage.window import ColumnCache
from promlatest.tui.model.history import History, Moment, Past, window
from promlatest.views.operator import is_operator, process
from promlatest.views.panels import Figures

EMPTY: Final = Snapshot(())
_COLUMNS_KEPT: Final = 1_000_000  # values, 8 bytes each


@attrs.frozen(eq=False)
class View:
    """What is to be shown of a target, of one moment.

    Attributes:
        name: of the target, as the store has it.
        state: what it exposes, or what it exposed last, with the scrapes of the window, so
            that a rate counts every reset in between.
        earlier: what it exposed earlier, for rates; None: there are none yet.
        seconds: how long the window is that rates count from, as it was asked for.
        span: how long it really is; 0 without an earlier moment.
        since_start: whether p50 and p99 are since the start and not of the window.
        restarted: whether the process was started anew within the window.
        restarts: how often the process was seen to have been started anew.
        past: the scrapes that are kept, up to the one that is shown.
        mark: the scrape that was marked and that figures count from; None: none is older
            than the one that is shown.
        marked: when the scrape was that somebody marked, in milliseconds; 0: none is.
        frozen: how many scrapes there are behind the one that is shown; None: the newest
            is shown, whichever that is.
        figures: of its process, over time.
        error: why the last scrape failed; None if it did not.
        known: whether there was ever a good scrape.
        timestamp: of the last good scrape, in milliseconds; 0: there was none.
        tried: of the last scrape.
        failing_since: of the first of the scrapes that fail now; 0 if they do not.
        took: seconds that the last scrape took.
        operator: whether it is an operator.
    """

    name: str
    state: Snapshot = EMPTY
    earlier: Queryable | None = None
    seconds: float = 60.0
    span: float = 0.0
    since_start: bool = False
    restarted: bool = False
    restarts: int = 0
    past: Past = ()
    mark: Moment | None = None
    marked: int = 0
    frozen: int | None = None
    figures: Figures = attrs.field(factory=Figures)
    error: Exception | None = None
    known: bool = False
    timestamp: int = 0
    tried: int = 0
    failing_since: int = 0
    took: float | None = None
    operator: bool = False

    @property
    def stale(self) -> bool:
        """Whether the rows are the last that is known, and no longer so."""
        return self.known and self.error is not None

    @property
    def shape(self) -> int:
        """A number that changes when series come or go."""
        return self.past[-1].shape if self.past else 0


class Watched:
    """One target: its last scrapes.

    Args:
        name: of the target, as the store has it.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self._history: Final = History()
        self._figures: Final = Figures()
        self._columns: Final[ColumnCache] = Cache(_COLUMNS_KEPT)
        self._error: Exception | None = None
        self._failing_since = 0
        self._tried = 0
        self._took: float | None = None
        self._operator = False
        self._viewed: tuple[object, View] | None = None
        self.mark: Moment | None = None

    @property
    def down(self) -> bool:
        """Whether the last scrape failed."""
        return self._error is not None

    def take(self, source: Source, same: bool = False) -> None:
        """Take what the store has after a scrape.

        Args:
            source: what it has.
            same: whether the scrape had the series of the one before.
        """
        self._viewed = None
        self._tried = source.timestamp
        self._took = _single(source.current, "scrape_duration_seconds")
        self._error = source.error
        if source.error is not None:
            self._failing_since = self._failing_since or source.timestamp
            return
        self._failing_since = 0
        self._history.add(source, same)
        self._operator = is_operator(source.current)
        self._figures.add(source.timestamp, _figures(self._history.until()))

    def mark_last(self, until: int | None = None) -> None:
        """Mark the last scrape up to a moment, in milliseconds; None: the newest."""
        self.mark = next(reversed(self._history.until(until)), None)

    def timestamps(self) -> list[int]:
        """When the scrapes were that are kept."""
        return [moment.timestamp for moment in self._history.until()]

    def view(
        self, seconds: float = 60.0, since_start: bool = False, until: int | None = None
    ) -> View:
        """What is to be shown, with rates over so many seconds, or since the mark; made
        once after each scrape.

        Args:
            seconds: how long the window is to be.
            since_start: whether latencies are those since the start.
            until: the moment to show, in milliseconds; None: now.
        """
        marked = 0 if self.mark is None else self.mark.timestamp
        asked = (seconds, since_start, until, marked)
        if self._viewed is None or self._viewed[0] != asked:
            self._viewed = (asked, self._view(seconds, since_start, until, marked))
        return self._viewed[1]

    def _view(
        self, seconds: float, since_start: bool, until: int | None, marked: int
    ) -> View:
        past = self._history.until(until)
        # Until there is a scrape behind the mark nothing is known to have come since.
        mark = self.mark if past and marked < past[-1].timestamp else None
        shown = window(past, seconds, mark)
        newest = past[-1] if past else None
        earlier = shown[0] if len(shown) > 1 else None
        frozen = until is not None
        return View(
            name=self.name,
            state=self._state(shown),
            earlier=None if earlier is None else earlier.state,
            seconds=seconds,
            span=(newest.timestamp - earlier.timestamp) / 1000 if newest and earlier else 0,
            since_start=since_start,
            restarted=any(moment.restarted for moment in shown[1:]),
            restarts=self._history.restarts,
            past=past,
            mark=mark,
            marked=marked,
            frozen=len(self._history) - len(past) if frozen else None,
            figures=self._figures.until(until),
            error=None if frozen else self._error,
            known=newest is not None,
            timestamp=0 if newest is None else newest.timestamp,
            tried=self._tried,
            failing_since=0 if frozen else self._failing_since,
            took=self._took,
            operator=self._operator,
        )

    def _state(self, shown: Past) -> Snapshot:
        if not shown:
            return EMPTY
        before = (moment.state for moment in shown[:-1])
        return with_history(shown[-1].state, before, self._columns)


def _single(state: Queryable, metric: str) -> float | None:
    points = state.query(metric)
    return points[0].value if points else None


def _figures(past: Past) -> dict[str, float | None]:
    """The figures of the process that are drawn over time; rates are those since the
    scrape before, so that the line shows what happened just then."""
    if not past:
        return {}
    shown = window(past, 0.0)
    row = process(past[-1].state, shown[0].state if len(shown) > 1 else None)
    return {
        "memory": row.memory,
        "heap": row.heap,
        "cpu": None if row.cpu is None else row.cpu.per_second,
        "goroutines": row.goroutines,
        "threads": row.threads,
        "open files": row.open_fds,
        "collections": (
            None
            if row.pauses is None or row.pauses.collections is None
            else row.pauses.collections.per_second
        ),
        "longest pause": None if row.pauses is None else row.pauses.longest,
    }
