"""Interleaved rounds, medians with their spread, and ratios taken round by round.

Figures of two moments cannot be compared on a shared machine, so every way of doing a
thing is timed in every round, one after the other, and only the ratio inside a round
counts. Ours is the first way; the others' rows say what ours takes of theirs.

Garbage collection stays on, as in life, but what was set up before is frozen: a peer's
million objects are not to be traversed while ours is timed.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import attrs

from benchmarks.machine import about

Scale = Literal["smoke", "quick", "full"]
T = TypeVar("T")

OURS: Final = "promlatest"

_FACTORS: Final = {"ns": 1e9, "µs": 1e6, "ms": 1e3}
_SLOW: Final = 0.3  # seconds a call; slower ways get fewer rounds


@attrs.frozen(eq=False)
class Fed:
    """A way that is given something new in each call, which is made before the clock runs."""

    inputs: Iterator[Any]
    use: Callable[[Any], object]


Way = Callable[[], object] | Fed


@attrs.frozen
class Spread:
    """The median of some rounds, the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(self.low)}..{_short(self.high)})"


@attrs.frozen
class Result:
    """One row: one way of doing one thing at one size.

    Attributes:
        bench: the benchmark.
        case: what was done.
        size: how many samples or series there were.
        way: who did it.
        unit: of `value` and `cpu`.
        value: the measured figure; for timings wall time.
        cpu: CPU time of the process, all threads; None if it is not a timing of ours.
        ratio: what ours takes of this way's `value`; None for ours itself.
        cpu_ratio: the same of `cpu`.
        rounds: how many rounds the spreads are of.
    """

    bench: str
    case: str
    size: int
    way: str
    unit: str
    value: Spread
    cpu: Spread | None = None
    ratio: Spread | None = None
    cpu_ratio: Spread | None = None
    rounds: int = 1

    @property
    def best_ratio(self) -> Spread | None:
        """The ratio of CPU time where it is known: noise of neighbours is not in it."""
        return self.ratio if self.cpu_ratio is None else self.cpu_ratio


@attrs.define
class Run:
    """One run: how much of it, what it measured, and the table as it grows."""

    scale: Scale = "full"
    seed: int = 1
    results: list[Result] = attrs.field(factory=list)
    _bench: str = ""

    def begin(self, bench: str, what: str) -> None:
        """Start a benchmark."""
        self.end()
        self._bench = bench
        print(f"\n== {bench}: {what}", flush=True)

    def end(self) -> None:
        """Release what the benchmark before has set up."""
        gc.unfreeze()
        gc.collect()

    def pick(self, smoke: T, quick: T, full: T) -> T:
        """What to take at this run's scale."""
        return {"smoke": smoke, "quick": quick, "full": full}[self.scale]

    def compare(
        self,
        case: str,
        ways: Mapping[str, Way],
        *,
        size: int,
        unit: str,
        per: float = 1,
        once: bool = False,
        rounds: int | None = None,
        foreign: bool = False,
    ) -> None:
        """Time ways of doing the same thing; the first is ours.

        Args:
            case: what is done.
            ways: by name; each call does it once.
            size: samples or series that are there.
            unit: begins with ns, µs or ms.
            per: by how many one call is divided.
            once: one call a round, since a second one would find things done.
            rounds: other than this scale's.
            foreign: others work in processes of their own, so only wall time compares.
        """
        rounds = rounds or self.pick(1, 5, 9)
        plans = [
            _Timer(way, 0 if once else self.pick(0, 0.01, 0.03)) for way in ways.values()
        ]
        gc.collect()
        gc.freeze()
        for plan in plans:
            plan.warm_up(rounds)
        for number in range(rounds):
            for plan in _rotated(plans, number):
                plan.run_round(number)
        factor = _FACTORS[unit.split()[0]] / per
        self._head(case, size, unit, rounds)
        for name, plan in zip(ways, plans, strict=True):
            row = _timing(self._bench, case, size, name, unit, plan, plans[0], factor)
            self.add(attrs.evolve(row, cpu=None, cpu_ratio=None) if foreign else row)

    def add(self, result: Result) -> None:
        """Keep a row, and print it."""
        self.results.append(result)
        ratio = result.best_ratio
        told = result.cpu is None or result.cpu is result.value
        cpu = "" if told else f"cpu {result.cpu}"
        ours = "" if ratio is None else f"ours is {ratio} of it"
        print(f"  {result.way:<34} {result.value!s:<26} {cpu:<30} {ours}", flush=True)

    def measured(
        self,
        case: str,
        figures: Mapping[str, Sequence[float]],
        *,
        size: int,
        unit: str,
        cpu: bool = False,
    ) -> None:
        """Keep figures that were measured elsewhere, one a round; the first is ours.

        Args:
            cpu: they are CPU time.
        """
        ours = next(iter(figures.values()))
        self._head(case, size, unit, len(ours))
        for at, (way, values) in enumerate(figures.items()):
            ratio = _ratio(ours, values) if at else None
            spread = Spread.of(values)
            self.add(
                Result(
                    self._bench, case, size, way, unit, spread,
                    spread if cpu else None, ratio, ratio if cpu else None, len(values),
                )
            )  # fmt: skip

    def save(self, path: Path) -> None:
        """Write everything where a program can read it."""
        known = {"about": about(), "scale": self.scale, "seed": self.seed}
        rows = [attrs.asdict(result) for result in self.results]
        path.write_text(json.dumps({**known, "results": rows}, indent=1) + "\n")
        print(f"\nwritten to {path}")

    def _head(self, case: str, size: int, unit: str, rounds: int) -> None:
        print(
            f"\n{self._bench} · {case} · {size:,} · {unit}, median (min..max) of {rounds}"
        )


def load(path: Path) -> tuple[dict[str, Any], list[Result]]:
    """What `Run.save` wrote: the machine, and the rows."""
    read = json.loads(path.read_text())
    return read["about"], [_result(row) for row in read["results"]]


def _result(row: dict[str, Any]) -> Result:
    for name in ("value", "cpu", "ratio", "cpu_ratio"):
        row[name] = None if row[name] is None else Spread(**row[name])
    return Result(**row)


class _Timer:
    """One way, and what its rounds took."""

    def __init__(self, way: Way, at_least: float) -> None:
        self.way = way
        self.at_least = at_least
        self.number = 1
        self.rounds = 0
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def warm_up(self, rounds: int) -> None:
        """Call it once, and choose how often to call it in a round."""
        took, _ = _time(self.way, 1)
        self.rounds = min(rounds, 3) if took > _SLOW else rounds
        if self.at_least:
            took, _ = _time(self.way, 1) if took < _SLOW else (took, 0)
            self.number = max(1, int(self.at_least / took))

    def run_round(self, number: int) -> None:
        if number < self.rounds:
            wall, cpu = _time(self.way, self.number)
            self.wall.append(wall / self.number)
            self.cpu.append(cpu / self.number)


def _time(way: Way, number: int) -> tuple[float, float]:
    if isinstance(way, Fed):
        return _time_fed(way, number)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in repeat(None, number):
        way()
    return time.perf_counter() - wall, time.process_time() - cpu


def _time_fed(way: Fed, number: int) -> tuple[float, float]:
    wall = cpu = 0.0
    use = way.use
    for _ in range(number):
        given = next(way.inputs)
        cpu_start, start = time.process_time(), time.perf_counter()
        use(given)
        wall += time.perf_counter() - start
        cpu += time.process_time() - cpu_start
    return wall, cpu


def _timing(
    bench: str,
    case: str,
    size: int,
    name: str,
    unit: str,
    plan: _Timer,
    ours: _Timer,
    factor: float,
) -> Result:
    wall = Spread.of([factor * each for each in plan.wall])
    cpu = Spread.of([factor * each for each in plan.cpu])
    ratio = cpu_ratio = None
    if plan is not ours:
        ratio = _ratio(ours.wall, plan.wall)
        cpu_ratio = _ratio(ours.cpu, plan.cpu)
    return Result(
        bench, case, size, name, unit, wall, cpu, ratio, cpu_ratio, len(plan.wall)
    )


def _ratio(ours: Iterable[float], theirs: Iterable[float]) -> Spread:
    """Ours by theirs, round by round; slow ways have fewer rounds."""
    return Spread.of([a / b for a, b in zip(ours, theirs, strict=False) if b] or [0.0])


def _rotated(plans: Sequence[_Timer], by: int) -> Iterable[_Timer]:
    """Everyone comes first once: whoever comes first finds cold caches."""
    at = by % len(plans)
    return (*plans[at:], *plans[:at])


def _short(value: float) -> str:
    if value and abs(value) < 0.01:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
