"""The operator at work: a simulation with a clock of its own.

It draws from one seed, so it tells the same story each time, and how often one looks
does not change it.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, NamedTuple

from promlatest.exceptions import UsageError

# What the operator has to do.


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What one controller has to do, and how that goes.

    Args:
        controller: its name, which is also the name of its queue.
        workers: how many reconciliations may run at once.
        objects: how many objects a list finds, at the start and at every resync;
            they are queued at the low priority.
        arrivals: changes per second that are seen by the watch; each brings 1 to
            `burst` items at the normal priority.
        burst: the most items that one change brings.
        median: the middle duration of a reconciliation in seconds.
        spread: the sigma of its log-normal distribution.
        timeout: the seconds after which a reconciliation is cancelled.
        requeue_after: the seconds an item waits that asked to come back.
        chances: the outcomes other than success, each with its probability.
    """

    controller: str
    workers: int = 1
    objects: int = 0
    arrivals: float = 0.0
    burst: int = 1
    median: float = 0.05
    spread: float = 0.8
    timeout: float = math.inf
    requeue_after: float = 60.0
    chances: tuple[tuple[str, float], ...] = ()


WORKLOADS: Final = (
    Workload(  # busy, and well
        controller="pods",
        workers=4,
        objects=120,
        arrivals=0.4,
        burst=12,
        median=0.08,
        chances=(("error", 0.01), ("requeue", 0.02), ("requeue_after", 0.04)),
    ),
    Workload(  # calm, and well
        controller="nodes",
        workers=1,
        objects=6,
        arrivals=0.1,
        median=0.02,
        chances=(("requeue_after", 0.1),),
    ),
    Workload(  # slow: seconds to minutes, some past the last bucket
        controller="backups",
        workers=2,
        objects=4,
        arrivals=0.04,
        median=12.0,
        spread=1.0,
        timeout=180.0,
        chances=(("error", 0.03), ("requeue_after", 0.1)),
    ),
    Workload(  # failing: four tries for one success, and its one worker falls behind
        controller="certificates",
        workers=1,
        objects=12,
        arrivals=0.23,
        median=1.2,
        spread=0.6,
        chances=(("error", 0.72), ("terminal", 0.02), ("panic", 0.01)),
    ),
    Workload(controller="restores"),  # idle: nobody made an object of its kind
)

START_TIME: Final = 1_767_225_600.0  # 2026-01-01T00:00:00Z, for a story told twice
RESYNC: Final = 420.0  # seconds; controller-runtime's own is 10 hours
NORMAL, LOW = 0, -100  # what the watch sees now, and what a list repeats
MOST_OUTSTANDING: Final = 5000  # items of one queue; beyond, changes are lost on it

# The Go bounds, made the way Go makes them: the rounding shows in `le`.
RECONCILE_BOUNDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5),
    *(0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0),
    *(6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0),
)


def _exponential(start: float, factor: float, count: int) -> tuple[float, ...]:
    bounds = [start]
    while len(bounds) < count:
        bounds.append(bounds[-1] * factor)
    return tuple(bounds)


QUEUE_BOUNDS: Final = _exponential(10e-9, 10.0, 12)

SCHEDULER_BOUNDS: Final = (
    *(6.399999999999999e-08, 6.399999999999999e-07, 7.167999999999999e-06),
    *(8.191999999999999e-05, 0.0009175039999999999, 0.010485759999999998),
    0.11744051199999998,
)


# What happens to an item.


class _Item(NamedTuple):
    """An object in a queue, on its way back to it, or at work."""

    priority: int
    failures: int = 0
    ready_at: float = 0.0


def _backoff(workload: Workload, failures: int) -> float:
    """The wait of controller-runtime's rate limiter: 5 ms, doubled up to 1000 s."""
    return min(0.005 * 2.0 ** min(failures, 20), 1000.0)


def _later(workload: Workload, failures: int) -> float:
    return workload.requeue_after


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a reconciliation ended: its `result` label, what else is counted, and how
    long the item waits until it comes back; None: it does not."""

    result: str
    counted: tuple[str, ...] = ()
    wait: Callable[[Workload, int], float] | None = None


OUTCOMES: Final = {
    "success": _Outcome("success"),
    "requeue": _Outcome("requeue", wait=_backoff),
    "requeue_after": _Outcome("requeue_after", wait=_later),
    "error": _Outcome("error", ("errors",), _backoff),
    "terminal": _Outcome("error", ("errors", "terminal")),
    "panic": _Outcome("error", ("errors", "panics"), _backoff),
    "timeout": _Outcome("error", ("errors", "timeouts"), _backoff),
}
RESULTS: Final = ("error", "requeue", "requeue_after", "success")

# Requests to the API server: code, method, and how often, in parts of a hundred.
REQUESTS: Final = (
    ("200", "GET", 62),
    ("200", "PUT", 18),
    ("200", "PATCH", 12),
    ("201", "POST", 6),
    ("404", "GET", 2),
)
REFUSED_REQUESTS: Final = (
    ("409", "PUT", 70),
    ("500", "POST", 18),
    ("429", "POST", 10),
    ("<error>", "GET", 2),  # client-go's code for "no answer at all"
)
API_HOST: Final = "10.96.0.1:443"
LEASE: Final = "demo.promlatest.dev"


class SimulatedHistogram:
    """Counts per bucket, and the sum of what was observed."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


# The simulation: a process is made of parts that know nothing of each other, and each
# draws from a generator of its own, so that one part never changes another's story.


class _Timeline:
    """Things that happen at a time, taken in order. Not for several threads."""

    def __init__(self, random: Random) -> None:
        self._random: Final = random
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._scheduled = 0
        self.now = 0.0

    def advance(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, happen, args = heappop(self._events)
            happen(*args)
        self.now = until

    def _after(self, wait: float, happen: Callable[..., None], *args: Any) -> None:
        self._scheduled += 1  # two at the same time: first come, first served
        entry = (self.now + wait, self._scheduled, happen, args)
        heappush(self._events, entry)


class Controller(_Timeline):
    """One controller: its queue, its workers, and what both count."""

    def __init__(self, workload: Workload, random: Random) -> None:
        super().__init__(random)
        self.workload: Final = workload
        self.results = dict.fromkeys(RESULTS, 0)
        self.counts: Counter[str] = Counter()
        self.requests: Counter[tuple[str, str]] = Counter({("200", "GET"): 2})
        self.depth: dict[int, int] = {}
        self.started: dict[int, float] = {}  # by job, of those at work
        self.reconcile_time: Final = SimulatedHistogram(RECONCILE_BOUNDS)
        self.queue_duration: Final = SimulatedHistogram(QUEUE_BOUNDS)
        self.work_duration: Final = SimulatedHistogram(QUEUE_BOUNDS)
        self._waiting: list[tuple[int, int, _Item]] = []
        self._outstanding: Counter[int] = Counter()  # by priority, until they end
        self._jobs = 0
        self._resync()
        self._expect_change()

    def _resync(self) -> None:
        # a queue holds an object once: those that are still in it come not again
        for _ in range(self.workload.objects - self._outstanding[LOW]):
            self._offer(_Item(LOW))
        self._after(RESYNC, self._resync)

    def _expect_change(self) -> None:
        if self.workload.arrivals:
            wait = self._random.expovariate(self.workload.arrivals)
            self._after(wait, self._change)

    def _change(self) -> None:
        for _ in range(self._random.randint(1, self.workload.burst)):
            self._offer(_Item(NORMAL))
        self._expect_change()

    def _offer(self, item: _Item) -> None:
        if self._outstanding.total() < MOST_OUTSTANDING:
            self._outstanding[item.priority] += 1
            self._add(item)

    def _add(self, item: _Item) -> None:
        self.counts["adds"] += 1
        self.depth[item.priority] = self.depth.get(item.priority, 0) + 1
        item = item._replace(ready_at=self.now)
        heappush(self._waiting, (-item.priority, self.counts["adds"], item))
        self._start_work()

    def _start_work(self) -> None:
        while self._waiting and len(self.started) < self.workload.workers:
            self._start(heappop(self._waiting)[2])

    def _start(self, item: _Item) -> None:
        self.depth[item.priority] -= 1
        # 20 µs: no worker wakes up in no time
        self.queue_duration.observe(self.now - item.ready_at + 2e-5)
        self._jobs += 1
        self.started[self._jobs] = self.now
        took = self._duration()
        self._after(took, self._finish, self._jobs, item, took)

    def _duration(self) -> float:
        mu = math.log(self.workload.median)
        drawn = self._random.lognormvariate(mu, self.workload.spread)
        return min(drawn, self.workload.timeout)

    def _finish(self, job: int, item: _Item, took: float) -> None:
        del self.started[job]
        self.reconcile_time.observe(took)
        self.work_duration.observe(took + 5e-5)
        self._end(item, OUTCOMES[self._outcome(took)])
        self._start_work()

    def _outcome(self, took: float) -> str:
        if took >= self.workload.timeout:
            return "timeout"
        draw = self._random.random()
        for outcome, chance in self.workload.chances:
            draw -= chance
            if draw < 0:
                return outcome
        return "success"

    def _end(self, item: _Item, outcome: _Outcome) -> None:
        self.results[outcome.result] += 1
        self.counts.update(outcome.counted)
        self._ask(REQUESTS, self._random.randint(1, 4))
        if outcome.result == "error":
            self._ask(REFUSED_REQUESTS, 1)
        if outcome.wait is None:
            self._outstanding[item.priority] -= 1
        else:
            self._put_back(item, outcome.wait)

    def _ask(self, kinds: Sequence[tuple[str, str, int]], count: int) -> None:
        weights = [kind[2] for kind in kinds]
        for code, method, _ in self._random.choices(kinds, weights, k=count):
            self.requests[code, method] += 1

    def _put_back(self, item: _Item, wait: Callable[[Workload, int], float]) -> None:
        self.counts["retries"] += 1
        seconds = wait(self.workload, item.failures)
        failures = item.failures + 1 if wait is _backoff else 0
        self._after(seconds, self._add, item._replace(failures=failures))

    def ages(self) -> list[float]:
        """For how long each reconciliation under way has run."""
        return [self.now - started for started in self.started.values()]


class Webhook(_Timeline):
    """An admission webhook that validates what users create."""

    PATH: Final = "/validate-demo-promlatest-dev-v1-backup"

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.codes = {"200": 0, "500": 0}
        self.latency: Final = SimulatedHistogram(QUEUE_BOUNDS)
        self._expect()

    def _expect(self) -> None:
        self._after(self._random.expovariate(0.2), self._answer)

    def _answer(self) -> None:
        self.codes["500" if self._random.random() < 0.005 else "200"] += 1
        self.latency.observe(self._random.lognormvariate(math.log(0.003), 0.7))
        self._expect()


class Runtime(_Timeline):
    """The Go runtime: a heap that fills steadily and is halved by each collection.

    The figures fit each other as Go's do: idle and in-use heap make up the heap, the
    parts make up the whole, and what was allocated less what was freed is alive.
    """

    LIVE: Final = 16 << 20  # bytes that survive every collection
    RATE: Final = 2_000_000  # bytes per second
    OBJECT: Final = 110  # bytes
    HEAP: Final = 44 << 20
    PAGE: Final = 8192
    SHARES: Final = (0.02, 0.55, 0.25, 0.13, 0.04, 0.0096, 0.0004, 0.0)

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.pauses: deque[float] = deque(maxlen=256)  # as many as Go remembers
        self.pause_total = 0.0
        self.collections = 0
        self.collected_at = 0.0
        self.scheduling: Final = SimulatedHistogram(SCHEDULER_BOUNDS)
        # client_golang has no exact sum of it, and multiplies a bound of -Inf
        self.scheduling.sum = math.nan
        self._expect()

    def _expect(self) -> None:
        full = self.LIVE / self.RATE
        self._after(full * self._random.uniform(0.8, 1.0), self._collect)

    def _collect(self) -> None:
        pause = self._random.lognormvariate(math.log(8e-5), 0.6)
        self.pauses.append(pause)
        self.pause_total += pause
        self.collections += 1
        self._schedule(self.now - self.collected_at)
        self.collected_at = self.now
        self._expect()

    def _schedule(self, seconds: float) -> None:
        for bucket, share in enumerate(self.SHARES):
            drawn = seconds * 400 * share * self._random.uniform(0.8, 1.2)
            self.scheduling.counts[bucket] += round(drawn)

    @property
    def heap_alloc(self) -> int:
        return self.LIVE + int(self.RATE * (self.now - self.collected_at))

    @property
    def heap_inuse(self) -> int:
        return (self.heap_alloc // self.PAGE + 240) * self.PAGE

    @property
    def heap_idle(self) -> int:
        return self.HEAP - self.heap_inuse

    @property
    def allocated(self) -> int:
        return self.LIVE + int(self.RATE * self.now)

    @property
    def mallocs(self) -> int:
        return self.allocated // self.OBJECT

    @property
    def frees(self) -> int:
        return int(self.RATE * self.collected_at) // self.OBJECT


class Process:
    """One life of the operator, from its start to its restart."""

    def __init__(self, seed: str, workloads: Iterable[Workload], start: float) -> None:
        self.start_time: Final = round(start, 2)  # as the kernel tells: in 10 ms
        self.uptime = 0.0
        self.controllers: Final = tuple(
            Controller(workload, Random(f"{seed}/{workload.controller}"))
            for workload in sorted(workloads, key=lambda each: each.controller)
        )
        self.webhook: Final = Webhook(Random(f"{seed}/webhook"))
        self.runtime: Final = Runtime(Random(f"{seed}/runtime"))

    def advance(self, seconds: float) -> None:
        self.uptime += seconds
        for part in (*self.controllers, self.webhook, self.runtime):
            part.advance(self.uptime)

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """What all parts asked of the API server, the lease of the leader too."""
        total = Counter({("200", "PUT"): int(self.uptime // 2)})
        for controller in self.controllers:
            total += controller.requests
        return total

    @property
    def cpu_seconds(self) -> float:
        requests = self.requests.total()
        return round(0.12 + 0.004 * self.uptime + 0.0015 * requests, 2)


class Operator:
    """A simulated operator; the same seed tells the same story.

    It starts empty and stands still until `advance` moves its clock. Its methods are
    safe to call from several threads.

    >>> operator = Operator(seed=1)
    >>> operator.advance(90)
    >>> operator.uptime
    90.0

    Args:
        seed: which story.
        workloads: what its controllers have to do.
        start_time: when the process started, in seconds since the epoch.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        workloads: Iterable[Workload] = WORKLOADS,
        start_time: float = START_TIME,
    ) -> None:
        self._seed: Final = seed
        self._workloads: Final = tuple(workloads)
        self._lock: Final = threading.RLock()  # guards all below; held while they move
        self._restarts = 0
        self._process = Process(f"{seed}/0", self._workloads, start_time)

    @property
    def uptime(self) -> float:
        """The seconds since the start or the last restart."""
        return self._process.uptime

    @property
    def start_time(self) -> float:
        """When the process started, in seconds since the epoch."""
        return self._process.start_time

    def advance(self, seconds: float) -> None:
        """Let the operator work for that many seconds of its own clock.

        Many small steps and one large step lead to the same state. A virtual hour
        costs about a tenth of a second.
        """
        if not 0 <= seconds < math.inf:
            raise UsageError(f"seconds must be finite and not negative: {seconds!r}")
        with self._lock:
            self._process.advance(seconds)

    def restart(self) -> None:
        """Start again as after a crash: queues are lost and counters are zero.

        The new process starts where the clock stands, and always later than the one
        before it.
        """
        with self._lock:
            old = self._process
            self._restarts += 1
            seed = f"{self._seed}/{self._restarts}"
            start = old.start_time + old.uptime + 0.01
            self._process = Process(seed, self._workloads, start)
