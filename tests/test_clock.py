"""Long work lets other threads have their turn, within a budget, and ends at a deadline."""

from __future__ import annotations

import pytest

from promlatest import _clock
from promlatest._clock import Turns, check_deadline, deadline


class Clock:
    """A time that stands still, but for the work and the turns that it is told of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, turn: float) -> None:
        self.now, self.offers, self._turn = 0.0, 0, turn
        monkeypatch.setattr(_clock, "perf_counter", lambda: self.now)
        monkeypatch.setattr(_clock, "sleep", self._sleep)

    def _sleep(self, seconds: float) -> None:
        assert seconds == 0
        self.offers += 1
        self.now += self._turn


def test_a_budget_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns that others take are paid from the budget, and then there are no more."""
    clock = Clock(monkeypatch, turn=0.01)
    turns = Turns(budget=0.025)

    for _ in range(100):
        clock.now += 0.001
        turns.offer()

    assert clock.offers == 3


def test_turns_are_some_work_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short slices offer no turn of their own: one comes after half a millisecond of
    work, counted from the end of the last one."""
    clock = Clock(monkeypatch, turn=0.0)
    turns = Turns()

    for _ in range(40):
        clock.now += 0.0003
        turns.offer()

    assert clock.offers == 20


def test_a_deadline_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work ends at its first turn after the moment; the nearest of several counts."""
    clock = Clock(monkeypatch, turn=0.0)
    with deadline(9.0), deadline(2.0), deadline(5.0):
        turns = Turns()
        turns.offer()
        clock.now = 3.0
        with pytest.raises(TimeoutError):
            turns.offer()
        clock.now = 1.0  # so that these blocks end well


def test_a_deadline_ends_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the block it is looked at once more, and after it no more."""
    clock = Clock(monkeypatch, turn=0.0)

    def late() -> None:
        with deadline(2.0):
            clock.now = 3.0

    with pytest.raises(TimeoutError):
        late()
    check_deadline()
    Turns().offer()
