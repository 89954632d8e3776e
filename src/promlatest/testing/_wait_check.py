"""A wait for a check of the test's own, over whole scrapes: several conditions at once,
or relations between metrics. No clock, no I/O.

A check is a function that asks and asserts. It holds if it neither raises AssertionError
nor gives False; what it raised is what a failure shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from promlatest.testing._conditions import plain
from promlatest.testing._errors import (
    AlreadyHeldError,
    NotReachedError,
    Observation,
    hides,
)
from promlatest.testing._reading import Reading
from promlatest.testing._wait import Outcome, Terms, Waiting
from promlatest.testing._words import seconds

__tracebackhide__ = hides

_HOLDS: Final = "it holds"


class CheckWait(Waiting):
    """A wait until a check holds.

    Args:
        target: the name of what is scraped.
        check: the check; it is given what `subject_of` makes of a scrape.
        subject_of: what is checked: the scrape, or what has happened since a mark.
        terms: for how long, and what is let pass.
        mark: the reading that it must not have held at; None: the first scrape.
    """

    def __init__(
        self,
        target: str,
        check: Callable[[Any], object],
        subject_of: Callable[[Reading], object],
        terms: Terms,
        *,
        mark: Reading | None = None,
    ) -> None:
        name = getattr(check, "__qualname__", type(check).__name__)
        super().__init__(target, f"the check {name}", terms)
        self._check: Final = check
        self._subject_of: Final = subject_of
        self._cause = None
        self._first = mark is None
        if mark is not None and not terms.already_ok:
            self._refuse_vacuous(self._verdict(mark), "at the mark")

    def take(self, reading: Reading, at: float) -> Outcome | None:
        verdict = self._verdict(reading)
        self._note(Observation(at, words=verdict or _HOLDS))
        self._last = reading
        if self._first and not self._terms.already_ok:
            self._refuse_vacuous(verdict, "at the first scrape")
        self._first = False
        if not verdict:
            return self._outcome(reading, at) if self._has_settled(at) else None
        if self._held_since is not None:
            raise self._flicker("hold", at)
        return None

    def _ended(self, last: Reading) -> Outcome:
        raise self._failure(
            NotReachedError,
            f"{self.subject} did not hold within {seconds(self._terms.within)}:"
            f" {self._seen[-1].words}",
        ) from self._cause

    def _verdict(self, reading: Reading) -> str:
        """Why the check does not hold; "" if it does."""
        try:
            given = plain(self.subject, self._check(self._subject_of(reading)))
        except AssertionError as error:
            self._cause = error
            return (str(error).splitlines() or ["an assertion without words failed"])[0]
        return "" if given is None or given else f"it gave {given!r}"

    def _refuse_vacuous(self, verdict: str, when: str) -> None:
        if not verdict:
            raise self._failure(
                AlreadyHeldError,
                f"waiting for {self.subject} to hold proves nothing: it did {when} already",
                "mark before the program acts and wait on the mark,"
                " or say already_ok=True if it may have been so",
            )

    def _outcome(self, reading: Reading, at: float) -> Outcome:
        return Outcome(None, 0.0, at, tuple(self._seen), reading)
