"""What a test expects: what is looked at, with the verbs that say what is to become of it.

An expectation does nothing by itself; a forgotten verb is noticed (`_unasked`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar

from promlatest._arguments import checked_seconds
from promlatest.testing import _conditions
from promlatest.testing._conditions import Awaited
from promlatest.testing._errors import hides
from promlatest.testing._movement import OnReset
from promlatest.testing._numbers import Approximate
from promlatest.testing._unasked import Ledger, Unasked

__tracebackhide__ = hides

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


_VERBLESS: Final = "says nothing by itself: call one of its methods, such as .{}"


class Run(Protocol[R_co]):
    """What waits for a condition, on the terms that are given (`Terms`)."""

    def __call__(self, condition: Awaited, within: float | None, **terms: Any) -> R_co: ...


def _verb(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R]:
    """What settles the account of what it is a method of, also by a wrong call."""

    @functools.wraps(method)
    def verb(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._ledger.answering(self._account, self._what):
            return method(self, *args, **kwargs)

    return verb


class Expectation(Unasked, Generic[R_co]):
    """What a test looks at; its methods say what is to become of it, and wait.

    Each takes `within`, the time to wait in seconds (the target's, if none is given). A
    missing series is waited for. Each raises

    - `AlreadyHeldError`, if it was so before the wait: at the mark, or at the first
      scrape if there is no mark. `already_ok=True` takes that, too;
    - `SeveralSeriesError`, if several series fit where one was meant;
    - `OvershootError`, if it went past a goal that has to be met;
    - `ResetError`, if a counter began anew. `on_reset="rebaseline"` counts on from 0;
    - `FlickerError` or `VanishedError`, if the series comes and goes, or is gone;
    - `NotReachedError` or `NeverAppearedError`, if the time runs out;
    - `TargetDownError` or `StaleScrapeError`, if nothing could be seen.

    Numbers that are not whole are compared with a `tolerance` of 1e-9 of the larger one,
    and `pytest.approx` is taken for a number, too.

    On an async target or mark every method is to be awaited.
    """

    def __init__(self, run: Run[R_co], words: str, ledger: Ledger) -> None:
        super().__init__(words, _VERBLESS.format("to_increase_by(1)"), ledger)
        self._run: Final = run

    @_verb
    def to_equal(
        self,
        value: float | Approximate,
        *,
        within: float | None = None,
        settle: float = 0.0,
        already_ok: bool = False,
        on_reset: OnReset | None = None,
        tolerance: float | None = None,
    ) -> R_co:
        """Wait until it is this value, and has been for `settle` seconds."""
        return self._run(
            _conditions.equal(value, tolerance),
            within,
            settle=settle,
            already_ok=already_ok,
            on_reset=on_reset,
        )

    @_verb
    def to_reach(
        self,
        value: float | Approximate,
        *,
        within: float | None = None,
        already_ok: bool = False,
        on_reset: OnReset | None = None,
        tolerance: float | None = None,
    ) -> R_co:
        """Wait until it is at or above this value."""
        condition = _conditions.reach(value, tolerance)
        return self._run(condition, within, already_ok=already_ok, on_reset=on_reset)

    @_verb
    def to_fall_to(
        self,
        value: float | Approximate,
        *,
        within: float | None = None,
        settle: float = 0.0,
        already_ok: bool = False,
        on_reset: OnReset | None = None,
        tolerance: float | None = None,
    ) -> R_co:
        """Wait until it is at or below this value, and has been for `settle` seconds."""
        return self._run(
            _conditions.fall_to(value, tolerance),
            within,
            settle=settle,
            already_ok=already_ok,
            on_reset=on_reset,
        )

    @_verb
    def to_increase_by(
        self,
        amount: float | Approximate,
        *,
        within: float | None = None,
        settle: float = 0.0,
        on_reset: OnReset | None = None,
        missing: float | None = None,
        tolerance: float | None = None,
    ) -> R_co:
        """Wait until it has increased by exactly this much since the mark, or since the
        first scrape, and by no more for `settle` seconds.

        A counter that was not there then counts from 0 where it is known to have begun
        since, and with ``missing=0`` in any case."""
        condition = _conditions.change_by("increase", amount, tolerance)
        return self._run(
            condition, within, settle=settle, on_reset=on_reset, missing=missing
        )

    @_verb
    def to_decrease_by(
        self,
        amount: float | Approximate,
        *,
        within: float | None = None,
        settle: float = 0.0,
        tolerance: float | None = None,
    ) -> R_co:
        """Wait until a gauge has decreased by exactly this much since the mark, or since
        the first scrape, and by no more for `settle` seconds."""
        condition = _conditions.change_by("decrease", amount, tolerance)
        return self._run(condition, within, settle=settle)

    @_verb
    def to_increase(
        self,
        *,
        at_least: float | Approximate | None = None,
        within: float | None = None,
        on_reset: OnReset | None = None,
        missing: float | None = None,
        tolerance: float | None = None,
    ) -> R_co:
        """Wait until it has increased since the mark, or since the first scrape;
        ``missing=0`` as in `to_increase_by`."""
        condition = _conditions.increase(at_least, tolerance)
        return self._run(condition, within, on_reset=on_reset, missing=missing)

    @_verb
    def to_appear(self, *, within: float | None = None, already_ok: bool = False) -> R_co:
        """Wait until it is there; two scrapes in a row must show it."""
        return self._run(_conditions.APPEAR, within, already_ok=already_ok)

    @_verb
    def to_disappear(
        self,
        *,
        within: float | None = None,
        already_ok: bool = False,
        unknown_ok: bool = False,
    ) -> R_co:
        """Wait until it is gone; two scrapes in a row must show that.

        Args:
            within: the time to wait, in seconds.
            already_ok: whether it may have been gone before.
            unknown_ok: whether it may be what was never there, though its name, a label
                or a value looks like a slip.
        """
        return self._run(
            _conditions.DISAPPEAR, within, already_ok=already_ok, unknown_ok=unknown_ok
        )

    @_verb
    def to_satisfy(
        self,
        predicate: Callable[[float], bool],
        words: str = "satisfy the condition",
        *,
        within: float | None = None,
        settle: float = 0.0,
        already_ok: bool = False,
        on_reset: OnReset | None = None,
    ) -> R_co:
        """Wait until a condition of your own holds for the value.

        Args:
            predicate: the condition; a plain function, not an async one.
            words: what a failure calls it, as in "did not …".
            within: the time to wait, in seconds.
            settle: for how long it must hold, in seconds.
            already_ok: whether it may have held before.
            on_reset: what a counter that begins anew does.
        """
        return self._run(
            _conditions.satisfy(predicate, words),
            within,
            settle=settle,
            already_ok=already_ok,
            on_reset=on_reset,
        )

    @_verb
    def to_stay(self, *, throughout: float) -> R_co:
        """Watch for so many seconds that it stays as it is.

        It must be there, so that a slip of the finger does not pass, and every scrape
        must succeed.

        Raises:
            MovedError: it changed.
        """
        checked_seconds("throughout", throughout, above=True)
        return self._run(_conditions.STAY, throughout, already_ok=True)


class Holding(Unasked, Generic[R_co]):
    """A check that is to hold; see `expect_that`."""

    def __init__(self, run: Callable[..., R_co], words: str, ledger: Ledger) -> None:
        super().__init__(words, _VERBLESS.format("to_hold()"), ledger)
        self._run: Final = run

    @_verb
    def to_hold(
        self,
        *,
        within: float | None = None,
        settle: float = 0.0,
        already_ok: bool = False,
    ) -> R_co:
        """Wait until it neither raises AssertionError nor gives False, for `settle`
        seconds.

        Raises:
            AlreadyHeldError: it did so before the wait; `already_ok=True` takes that.
            FlickerError: it held, and does not any more.
            NotReachedError: the time ran out; it says why it did not hold at last.
            TargetDownError, StaleScrapeError: nothing could be seen.
        """
        return self._run(within, settle=settle, already_ok=already_ok)
