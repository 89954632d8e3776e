"""What a target exposed lately: its good scrapes, bounded, and which of them are a window.

`Store(history=)` is not it. That counts failed scrapes, so that seven minutes after an
operator went down nothing would be left of the time before, which is when somebody steps
back; and it is a number of scrapes, which of 100,000 series would take 320 MB. Here only
good ones count, bounded twice: by number, and by how many samples they hold together. They
share their series and names: one of 5,000 series takes 40 kB beside the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from promlatest._increase import PROCESS_START, START_TOLERANCE, target_of
from promlatest._interfaces import Queryable
from promlatest._storage.snapshot import Snapshot
from promlatest._storage.store import Source

MOST_MOMENTS: Final = 400
MOST_SAMPLES: Final = 2_000_000  # 8 bytes each

_Exposer = tuple[str, str]
"""The job and the instance of a process: behind one endpoint there may be several."""


@attrs.frozen(eq=False)
class Moment:
    """One good scrape.

    It keeps the source and no snapshot of it: a snapshot keeps its answers, and 400 of them
    took 50 MB where the samples took 16.

    Attributes:
        source: what the store had of the target then.
        starts: when the processes started, in seconds since the epoch, by job and
            instance: behind one endpoint there may be several.
        restarted: whose process is another than at the scrape before.
        foreign: whether such a process had started before the scrape before already: then
            another one answers there now, as when a port is forwarded to another replica,
            and nothing can be told from the difference.
        shape: a number that another scrape has, too, if it had the same series.
    """

    source: Source
    starts: Mapping[_Exposer, float] = attrs.field(factory=dict)
    restarted: frozenset[_Exposer] = frozenset()
    foreign: bool = False
    shape: int = 0

    @property
    def timestamp(self) -> int:
        """When it was, in milliseconds since the epoch."""
        return self.source.timestamp

    @property
    def state(self) -> Snapshot:
        """What was exposed; a new snapshot each time, with no answer kept."""
        return self.source.current


Past = Sequence[Moment]


class History:
    """The good scrapes of one target, the oldest first.

    Args:
        moments: how many to keep at the most.
        samples: how many samples they hold together at the most.
    """

    def __init__(self, moments: int = MOST_MOMENTS, samples: int = MOST_SAMPLES) -> None:
        self._moments: Final[deque[Moment]] = deque()
        self._most: Final = moments
        self._samples: Final = samples
        self._shape = 0
        self.restarts = 0

    def __len__(self) -> int:
        return len(self._moments)

    def until(self, timestamp: int | None = None) -> Past:
        """The scrapes up to a timestamp; None: all that are kept."""
        if timestamp is None:
            return tuple(self._moments)
        return tuple(each for each in self._moments if each.timestamp <= timestamp)

    def add(self, source: Source, same: bool = False) -> None:
        """Take a good scrape; one that is not newer than the last is left out.

        Args:
            source: what the store has after it.
            same: whether it has the series of the scrape before, no more and no fewer.
        """
        if self._moments and source.timestamp <= self._moments[-1].timestamp:
            return
        before = self._moments[-1] if self._moments else None
        starts = _starts(source.current) or (before.starts if before else {})
        known = before.starts if before else {}
        changed = [each for each in starts if _differs(known.get(each), starts[each])]
        self.restarts += bool(changed)
        since = before.timestamp if before else 0
        foreign = any(starts[each] * 1000 < since for each in changed)
        self._shape += not same
        moment = Moment(source, starts, frozenset(changed), foreign, self._shape)
        self._moments.append(moment)
        while len(self._moments) > self._allowed(source.series):
            self._moments.popleft()

    def _allowed(self, series: int) -> int:
        return max(2, min(self._most, self._samples // max(series, 1)))


def _starts(state: Queryable) -> dict[_Exposer, float]:
    return {target_of(labels): value for labels, _, value in state.query(PROCESS_START)}


def _differs(before: float | None, now: float) -> bool:
    """Whether two start times are those of two processes, whichever came first."""
    return before is not None and abs(now - before) > START_TOLERANCE


def window(past: Past, seconds: float, mark: Moment | None = None) -> Past:
    """The scrapes of the last seconds, the one that they count from included.

    It is never one from before a restart but the last ahead of it: from that one on, a
    counter's rate is what it has counted since the restart.

    Args:
        past: the scrapes there are, the newest last.
        seconds: how long it is to be.
        mark: the scrape to count from instead, however long ago it was.
    """
    if mark is not None:
        since = [each for each in past if each.timestamp > mark.timestamp]
        return (mark, *since)
    found: list[Moment] = []
    start = (past[-1].timestamp if past else 0) - seconds * 1000
    for moment in reversed(past):
        found.append(moment)
        restarted_next = len(found) > 1 and found[-2].restarted
        reached = len(found) > 1 and moment.timestamp <= start
        if restarted_next or reached or moment.foreign:
            break
    return found[::-1]
