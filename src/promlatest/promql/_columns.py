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

from promlatest._arguments import checked_queryable
from promlatest._datapoint import DataPoint
from promlatest._interfaces import Block, Columnar, Queryable
from promlatest._matching.matcher import Matcher

__all__ = ["LOOKBACK", "Block", "Columnar", "read"]

LOOKBACK = 300_000
"""How old, in ms, a sample may be to count as the newest: Prometheus' five minutes."""


def read(
    queryable: Columnar | Queryable, matchers: Sequence[Matcher], start: int, end: int
) -> Sequence[Block]:
    """The blocks of anything that can be queried."""
    columns = getattr(queryable, "columns", None)  # to ask the Protocol costs 10 µs
    if columns is not None:
        found: Sequence[Block] = columns(matchers, start, end)
        return found
    return _moment(checked_queryable(queryable).match(matchers), start, end)  # type: ignore[union-attr]


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
