"""What a target exposed lately: snapshots, bounded, and what rates are worked out from.

The store holds the latest scrape and the one before. The dashboard keeps a few more of
its snapshots; they share their series and names, so that one of 5,000 series takes 40 kB
beside the others. How many are kept is bounded twice: by number, and by how many samples
they hold together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from promlatest._interfaces import Queryable
from promlatest._matching.labels import Labels
from promlatest._storage.query import Snapshot
from promlatest._storage.store import Source

MOST_MOMENTS: Final = 400
MOST_SAMPLES: Final = 2_000_000  # 8 bytes each

# A start time is worked out anew by some runtimes at each look, and then trembles.
_SAME_START: Final = 0.5  # seconds
_START: Final = "process_start_time_seconds"

Owner = tuple[str, str]


def owner_of(labels: Labels) -> Owner:
    """Who exposed a series: the labels that a scrape gives."""
    return labels.get("job", ""), labels.get("instance", "")


@attrs.frozen(eq=False)
class Moment:
    """One good scrape.

    It keeps the source and no snapshot of it: a snapshot keeps its answers, and 400 of them
    took 50 MB where the samples took 16.

    Attributes:
        source: what the store had of the target then.
        restarted: whose process is another than at the moment before, by job and
            instance: behind one endpoint there may be several.
        foreign: whether such a process had started before the moment before already: then
            another one answers there now, as when a port is forwarded to another replica,
            and nothing can be told from the difference.
    """

    source: Source
    restarted: frozenset[Owner] = frozenset()
    foreign: bool = False

    @property
    def timestamp(self) -> int:
        """When it was, in milliseconds since the epoch."""
        return self.source.timestamp

    @property
    def state(self) -> Snapshot:
        """What was exposed; a new snapshot each time, with no answer kept."""
        return self.source.current


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
        self._starts: dict[Labels, float] = {}
        self.restarts = 0
        self.taken = 0  # how many moments there ever were

    def __len__(self) -> int:
        return len(self._moments)

    def __iter__(self) -> Iterator[Moment]:
        return iter(self._moments)

    @property
    def newest(self) -> Moment | None:
        return self._moments[-1] if self._moments else None

    def add(self, source: Source) -> None:
        """Take a good scrape; one that is not newer than the last is left out."""
        if self._moments and source.timestamp <= self._moments[-1].timestamp:
            return
        started = dict(self._restarted(source.current))
        self.restarts += bool(started)
        before = self._moments[-1].timestamp if self._moments else 0
        foreign = any(start * 1000 < before for start in started.values())
        self._moments.append(Moment(source, frozenset(started), foreign))
        self.taken += 1
        while len(self._moments) > self._allowed(source.series):
            self._moments.popleft()

    def _allowed(self, series: int) -> int:
        return max(2, min(self._most, self._samples // max(series, 1)))

    def _restarted(self, state: Queryable) -> Iterator[tuple[Owner, float]]:
        """Whose process is another one, and when that started."""
        starts = {labels: value for labels, _, value in state.query(_START)}
        before, self._starts = self._starts, starts or self._starts
        for labels, value in starts.items():
            if abs(value - before.get(labels, value)) > _SAME_START:
                yield owner_of(labels), value

    def earlier(self, seconds: float) -> Moment | None:
        """The moment that rates count from: about so many seconds before the newest.

        It is never before the last one ahead of a restart: from that one on, a counter's
        rate is what it has counted since the restart.
        """
        window = self.window(seconds)
        return window[0] if len(window) > 1 else None

    def window(self, seconds: float) -> Sequence[Moment]:
        """The moments of the last seconds, the one that they count from included."""
        found: list[Moment] = []
        since = (self._moments[-1].timestamp if self._moments else 0) - seconds * 1000
        for moment in reversed(self._moments):
            found.append(moment)
            restarted_next = len(found) > 1 and found[-2].restarted
            reached = len(found) > 1 and moment.timestamp <= since
            if restarted_next or reached or moment.foreign:
                break
        return found[::-1]
