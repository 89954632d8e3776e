"""Simulated time for the waits of `promlatest.testing`: pauses take none."""

from __future__ import annotations

from collections.abc import Callable

from promlatest.testing import _applications, _io, _sources, _target


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def use(clock: Clock, setattr: Callable[..., None]) -> None:  # noqa: A002
    """Let waits go by this clock; `setattr` is the built-in one, or monkeypatch's."""
    for module in (_io, _target, _sources, _applications):
        setattr(module, "time", clock)
    setattr(_sources, "now_ms", lambda: int(clock.now * 1000))
