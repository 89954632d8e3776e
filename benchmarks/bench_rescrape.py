"""A re-scrape: the same source again, of which a share has moved.

Every way keeps its state, and gets the same bodies in the same order; a body differs
from the one before in just that share of its values. "0 %" is an equal body in
another object, as it comes from a socket.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, Final

from benchmarks.bench_parse import prometheus_client, rpartition
from benchmarks.bodies import moving, there_and_back
from benchmarks.harness import OURS, Fed, Run, Way
from promlatest import Store

_MOVES: Final = (
    ("nothing changed", 0.0, True),
    ("1 % clustered", 0.01, True),
    ("1 % uniform", 0.01, False),
    ("10 % clustered", 0.1, True),
    ("10 % uniform", 0.1, False),
    ("100 %", 1.0, True),
)
_UNIT: Final = "ns a sample"


def run(run: Run) -> None:
    run.begin("rescrape", "the same source again, ns a sample")
    size = run.pick(400, 20_000, 20_000)
    for case, share, clustered in _MOVES:
        slow = case.startswith("10 %") or share == 1
        bodies = moving(size, share, clustered=clustered, seed=run.seed)
        run.compare(case, ways(bodies, slow), size=size, per=size, unit=_UNIT)
    for size in run.pick((), (), (1_000, 10_000, 100_000, 1_000_000)):
        bodies = moving(size, 0.1, seed=run.seed, steps=4)
        run.compare("10 % clustered", ways(bodies, False), size=size, per=size, unit=_UNIT)


def ways(bodies: Sequence[bytes], slow: bool) -> dict[str, Way]:
    store = Store()
    moments = count(1_700_000_000_000, 1_000)
    points: dict[str, float] = {}
    theirs: dict[Any, float] = {}
    found: dict[str, Way] = {
        OURS: _fed(bodies, lambda raw: store.ingest(raw, timestamp=next(moments))),
        "rpartition + dict, no labels": _fed(bodies, lambda raw: rpartition(raw, points)),
        "lines compared, then a dict": _fed(bodies, Compared().ingest),
    }
    if slow:
        name = "prometheus_client + dict"
        found[name] = _fed(bodies, lambda raw: prometheus_client(raw, theirs))
    return found


def _fed(bodies: Sequence[bytes], use: Any) -> Fed:
    return Fed(there_and_back(bodies), use)


class Compared:
    """A clever naive way: a line that stands where it stood is not read again.

    It reads no labels, and takes whatever it is given for right.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.points: dict[str, float] = {}

    def ingest(self, raw: bytes) -> None:
        lines = raw.decode().split("\n")
        if len(lines) != len(self.lines):
            self.lines = [""] * len(lines)
        for new, old in zip(lines, self.lines, strict=True):
            if new != old and new[0] != "#":
                series, _, value = new.rpartition(" ")
                self.points[series] = float(value)
        self.lines = lines
