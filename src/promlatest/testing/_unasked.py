"""Expectations that were made and have no answer yet, so that a forgotten verb is noticed.

`mark.expect("orders_total")` alone asserts nothing, `target.value(...)` without its
`await` neither, and a wait that was cancelled found nothing out. Each of them opens an
account with the ledger of its target, which is settled by an answer: a value, or a failure.
What is dropped unsettled warns, or, where a fixture watches over the target, fails the test
when that ends.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final

from promlatest.testing._errors import UnaskedError, UnaskedWarning, hides

__tracebackhide__ = hides


class Ledger:
    """What was made and has no answer yet. Safe to use from any thread.

    Args:
        holder: names whom something is made for that is made now, if somebody will call
            `check`; None: nobody will, so that what is dropped warns.
    """

    def __init__(self, holder: Callable[[], str] | None = None) -> None:
        self._holder: Final = holder
        self._numbers: Final = count()
        # By number: whom it is for, and what is wrong if it stays open. Setting and popping
        # a key of a dict needs no lock.
        self._open: Final[dict[int, tuple[str, str]]] = {}

    def opened(self, words: str) -> int:
        """Open an account, and give its number; the words say what is wrong if it stays
        open."""
        number = next(self._numbers)
        self._open[number] = (self._holder() if self._holder else "", words)
        return number

    def settled(self, number: int) -> None:
        """It has its answer. Again does nothing."""
        self._open.pop(number, None)

    @contextmanager
    def answering(self, number: int, what: str) -> Iterator[None]:
        """What is asked in here has its answer at the end. A failure is an answer; what is
        cancelled, or goes on when the test ends, has none."""
        if held := self._open.get(number):
            words = f"{what} was begun and has no answer: was it cancelled, or left alone?"
            self._open[number] = (held[0], words)
        try:
            yield
        except Exception:
            self.settled(number)
            raise
        self.settled(number)

    def dropped(self, number: int) -> None:
        """Nobody can ask it any more; warns if nobody did, and nobody watches."""
        if self._holder is None and (held := self._open.pop(number, None)):
            warnings.warn(held[1], UnaskedWarning, stacklevel=3)

    def check(
        self,
        lasting: Collection[str] = (),
        forgiven: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Check that everything has its answer that was made for others than these, and
        close those accounts.

        Args:
            lasting: those who may still ask for what was made for them.
            forgiven: whether somebody had no chance to ask.

        Raises:
            UnaskedError: something has none.
        """
        ended = [(n, *held) for n, held in [*self._open.items()] if held[0] not in lasting]
        for number, _, _ in ended:
            self.settled(number)
        unasked = [words for _, holder, words in ended if not forgiven(holder)]
        if unasked:
            raise UnaskedError(unasked[0], details=unasked[1:])


class Unasked:
    """Something that is to be asked; it says so when it is not.

    Args:
        what: how it reads, such as ``expect("x_total")``.
        wrong: what is wrong if it is never asked.
        ledger: where it is noted until it has its answer.
    """

    def __init__(self, what: str, wrong: str, ledger: Ledger) -> None:
        self._what: Final = what
        self._wrong: Final = f"{what} {wrong}"
        self._ledger: Final = ledger
        self._account: Final = ledger.opened(self._wrong)

    def __del__(self) -> None:
        self._ledger.dropped(self._account)

    def __repr__(self) -> str:
        return f"<{self._what}>"
