"""The one bounded cache of this library.

What is kept is always something that can be made again from what is held, so losing it
costs time only. When the cache is full, the older half goes: a strict order of use would
cost a lock on every look-up, and a look-up here is one of a `dict`, in C.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(dict[K, V], Generic[K, V]):
    """A dict whose entries weigh something, and together no more than a bound.

    Entries are added with `keep`. Any thread may read and keep without a lock: two that
    do so at once lose at most an entry. It is pickled and copied as an empty one.

    Args:
        most: the weight of all entries at the most.
    """

    __slots__ = ("_most", "_weight")

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._weight = 0

    def keep(self, key: K, value: V, weight: int = 1) -> None:
        """Keep a value; one that weighs more than half of the bound is not kept."""
        if 2 * weight > self._most:
            return
        if self._weight + weight > self._most:
            self._halve()
        self._weight += weight
        self[key] = value

    def _halve(self) -> None:
        for key in list(self)[: len(self) // 2 + 1]:
            self.pop(key, None)
        # As good as exact where weights are alike, and never below what is left for long.
        self._weight //= 2

    def __reduce__(self) -> tuple[type[Cache[K, V]], tuple[int]]:
        return Cache, (self._most,)
