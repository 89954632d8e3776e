"""One target over time: what is known of it now, and what came before.

`Watched` takes what the store has of a source after each scrape, good or bad, and
`Watched.view` freezes what a page is to show: the rows of now, or the last known ones
where the scrape failed.
"""

from __future__ import annotations

from typing import Final

import attrs

from promlatest._interfaces import Queryable
from promlatest._storage.query import Snapshot
from promlatest._storage.store import Source
from promlatest.tui.model.history import History
from promlatest.views.operator import is_operator, process
from promlatest.views.panels import Figures

EMPTY: Final = Snapshot(())


@attrs.frozen(eq=False)
class View:
    """What is to be shown of a target, of one moment.

    Attributes:
        name: of the target, as the store has it.
        state: what it exposes, or what it exposed last.
        earlier: what it exposed earlier, for rates; None: there are none yet.
        seconds: how long the window is that rates count from, as it was asked for.
        span: how long it really is; 0 without an earlier moment.
        since_start: whether p50 and p99 are since the start and not of the window.
        restarted: whether the process was started anew within the window.
        history: all that is kept of it.
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
    state: Queryable = EMPTY
    earlier: Queryable | None = None
    seconds: float = 60.0
    span: float = 0.0
    since_start: bool = False
    restarted: bool = False
    history: History = attrs.field(factory=History)
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
    def restarts(self) -> int:
        """How often the process was seen to have been started anew."""
        return self.history.restarts


class Watched:
    """One target: its last scrapes.

    Args:
        name: of the target, as the store has it.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self._history: Final = History()
        self._figures: Final = Figures()
        self._error: Exception | None = None
        self._failing_since = 0
        self._tried = 0
        self._took: float | None = None
        self._operator = False

    @property
    def down(self) -> bool:
        """Whether the last scrape failed."""
        return self._error is not None

    def take(self, source: Source) -> None:
        """Take what the store has after a scrape."""
        self._tried = source.timestamp
        self._took = _single(source.current, "scrape_duration_seconds")
        self._error = source.error
        if source.error is not None:
            self._failing_since = self._failing_since or source.timestamp
            return
        self._failing_since = 0
        self._history.add(source)
        self._operator = is_operator(source.current)
        self._figures.add(_figures(self._history))

    def view(self, seconds: float = 60.0, since_start: bool = False) -> View:
        """What is to be shown now, with rates over so many seconds."""
        newest, earlier = self._history.newest, self._history.earlier(seconds)
        window = self._history.window(seconds)
        return View(
            name=self.name,
            state=EMPTY if newest is None else newest.state,
            earlier=None if earlier is None else earlier.state,
            seconds=seconds,
            span=(newest.timestamp - earlier.timestamp) / 1000 if newest and earlier else 0,
            since_start=since_start,
            restarted=any(moment.restarted for moment in window[1:]),
            history=self._history,
            figures=self._figures,
            error=self._error,
            known=newest is not None,
            timestamp=0 if newest is None else newest.timestamp,
            tried=self._tried,
            failing_since=self._failing_since,
            took=self._took,
            operator=self._operator,
        )


def _single(state: Queryable, metric: str) -> float | None:
    points = state.query(metric)
    return points[0].value if points else None


def _figures(history: History) -> dict[str, float | None]:
    """The figures of the process that are drawn over time; rates are those since the
    scrape before, so that the line shows what happened just then."""
    newest = history.newest
    if newest is None:
        return {}
    before = history.earlier(0.0)
    row = process(newest.state, None if before is None else before.state)
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
