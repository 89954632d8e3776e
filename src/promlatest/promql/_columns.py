"""What the engine reads: the scrapes of a time range, column by column.

A *block* is a set of series that were scraped together: their labels once, and for each
scrape a column with one value a series. So a sum is one pick out of a column, and the
labels of five thousand series are looked at once, not at every question: what is worked
out about a tuple of labels is kept for as long as the very same tuple comes again.

A store has `columns`; whatever else can be queried is asked with `match`, and gives the
one moment that it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import attrs

from promlatest._datapoint import DataPoint
from promlatest._interfaces import Queryable
from promlatest._matching.labels import Labels
from promlatest._matching.matcher import Matcher

LOOKBACK = 300_000
"""How old, in ms, a sample may be to count as the newest: Prometheus' five minutes."""

Values = Sequence[float | None]
"""One value a series; None: the series was not in that scrape, or the scrape failed."""


@attrs.frozen(eq=False)
class Block:
    """Series that were scraped together, and their samples.

    Attributes:
        labels: one label set a series. It must be the same object at every call while
            the series stay the same: what is derived from it is kept by identity.
        times: when it was scraped, in milliseconds, oldest first.
        values: for each time one value a series. Columns that are the same objects at
            every call are compared with each other once only.
        stamps: for each time the samples' own timestamps, or None where they have none;
            None if no sample of the block has any.
        since: the earliest moment from which on every scrape is here; None: there was
            none before.
    """

    labels: tuple[Labels, ...]
    times: Sequence[int]
    values: Sequence[Values]
    stamps: Sequence[Sequence[int] | None] | None = None
    since: int | None = None


@runtime_checkable
class Columnar(Protocol):
    """Gives the scrapes that it keeps as blocks. It may be called from any thread."""

    def columns(
        self, matchers: Sequence[Matcher], start: int, end: int, /
    ) -> Sequence[Block]:
        """The series that match, with the scrapes after `start`, up to `end` (ms).

        A series stands in a block once; it may stand in several blocks, and at every
        moment its newest sample counts. Blocks without any scrape in between may be
        left out, unless their `since` lies behind `start`.
        """


def read(
    queryable: Columnar | Queryable, matchers: Sequence[Matcher], start: int, end: int
) -> Sequence[Block]:
    """The blocks of anything that can be queried."""
    if isinstance(queryable, Columnar):
        return queryable.columns(matchers, start, end)
    return _moment(queryable.match(matchers), start, end)


def _moment(points: Sequence[DataPoint], start: int, end: int) -> list[Block]:
    """Points of now as blocks of one scrape each; a moment is all that they cover."""
    scrapes: dict[int, list[DataPoint]] = {}
    for point in points:
        scrapes.setdefault(point.timestamp, []).append(point)
    return [
        Block(
            tuple(point.labels for point in scrape),
            [time] if start < time <= end else [],
            [[point.value for point in scrape]] if start < time <= end else [],
            since=time,
        )
        for time, scrape in scrapes.items()
    ]
