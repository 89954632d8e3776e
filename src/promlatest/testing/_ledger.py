"""Expectations that were made and not asked yet, so that a forgotten verb is noticed.

`mark.expect("orders_total")` alone asserts nothing, and `target.value(...)` without its
`await` neither. Whoever makes such a thing opens an account with the ledger of its
target, and settles it when it is asked. What is dropped unsettled warns, or, where a
fixture watches over the target, fails the test when that ends.
"""

from __future__ import annotations

import warnings
from itertools import count
from typing import Final

from promlatest.testing._errors import UnaskedError, UnaskedWarning

__all__ = ["Ledger"]


class Ledger:
    """What was made and not asked yet. Safe to use from any thread.

    Attributes:
        watched: whether somebody will call `check`; else what is dropped warns.
    """

    def __init__(self) -> None:
        self.watched = False
        self._numbers: Final = count()
        # Setting and popping a key of a dict needs no lock.
        self._open: Final[dict[int, str]] = {}

    def opened(self, words: str) -> int:
        """Open an account, and give its number; the words say what is wrong if it stays
        open."""
        number = next(self._numbers)
        self._open[number] = words
        return number

    def settled(self, number: int) -> None:
        """It was asked. Again does nothing."""
        self._open.pop(number, None)

    def dropped(self, number: int) -> None:
        """Nobody can ask it any more; warns if nobody did, and nobody watches."""
        if not self.watched and (words := self._open.pop(number, "")):
            warnings.warn(words, UnaskedWarning, stacklevel=3)

    def clear(self) -> None:
        """Close all accounts."""
        self._open.clear()

    def check(self) -> None:
        """Check that everything was asked, and close all accounts.

        Raises:
            UnaskedError: something was not.
        """
        words = list(self._open.values())
        self._open.clear()
        if words:
            raise UnaskedError(words[0], details=words[1:])
