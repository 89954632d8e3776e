"""Some sources at one moment, to be asked as a store is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final, NamedTuple

from promlatest._storage.cache import Cache
from promlatest._storage.plan import Plan
from promlatest._storage.query import COLUMNS_KEPT, QueryMethods
from promlatest._storage.question import QUESTIONS_KEPT, SourceCell
from promlatest._storage.scrape import Scrape
from promlatest._storage.window import ColumnCache, Scrapes


class _Fixed(NamedTuple):
    """A scrape that stays what is visible."""

    visible: Scrape
    scrapes: Scrapes


class Snapshot(QueryMethods):
    """Some sources at one moment: a frozen `Queryable`, safe to keep for ever.

    Attributes:
        timestamp: of its newest commit, in milliseconds since the epoch; 0 of an empty one.
        failed: whether a scrape failed at this moment: what it would have brought is
            missing.
    """

    _version = 0
    _changes = 0

    def __init__(
        self,
        scrapes: Iterable[Scrape] = (),
        before: Mapping[int, Scrapes] | None = None,
        columns: ColumnCache | None = None,
        last_known: Iterable[Scrape] = (),
    ) -> None:
        kept = before or {}
        self._scrapes: Final = tuple(scrapes)
        self._last_known: Final = tuple(last_known)
        self._cells: Final = tuple(
            _Fixed(each, kept.get(each.number) or Scrapes((each,)))
            for each in self._scrapes
        )
        self._questions = Cache(QUESTIONS_KEPT)
        self._columns = Cache(COLUMNS_KEPT) if columns is None else columns
        self._lock = nullcontext()
        self.timestamp: Final = max((each.timestamp for each in self._scrapes), default=0)
        self.failed: Final = any(each.failed for each in self._scrapes)

    def _cells_of(self, plan: Plan | None = None) -> Sequence[SourceCell]:
        return self._cells

    def __repr__(self) -> str:
        return f"<Snapshot of {len(self)} series at {self.timestamp}>"

    def _with_stale(self) -> Snapshot:
        return Snapshot((*self._scrapes, *self._last_known))

    def __reduce__(self) -> tuple[type[Snapshot], tuple[Any, ...]]:
        before = {cell.visible.number: cell.scrapes for cell in self._cells}
        return Snapshot, (self._scrapes, before, None, self._last_known)


def with_history(
    now: Snapshot, earlier: Iterable[Snapshot], columns: ColumnCache
) -> Snapshot:
    """A moment of one source, with earlier ones of it to go by: `increase`, `rate` and
    `columns` are over all of them.

    Args:
        now: the moment.
        earlier: those before, oldest first.
        columns: where columns are kept from one such question to the next.
    """
    scrapes = Scrapes(each for one in (*earlier, now) for each in one._scrapes)
    before = {each.number: scrapes for each in now._scrapes}
    return Snapshot(now._scrapes, before, columns, now._last_known)
