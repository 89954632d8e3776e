"""A demo operator: something real to scrape where no cluster is at hand.

`serve` puts a prometheus_client exporter on loopback that reports what an operator
built on controller-runtime 0.24 reports while it works: queues with priorities,
reconciliations that succeed, wait, fail and panic, requests to an API server, a
webhook, the Go runtime and the process. One controller is busy, one calm, one slow,
one fails and falls behind, and one has never had anything to do.

The work is simulated. `Operator` is that simulation: it has a clock of its own, the
same seed tells the same story, and how often one looks does not change it.
`OperatorCollector` turns its state into metric families, and `serve` lets the wall
clock drive it. Parsing, storing and showing what comes out is for the others.

>>> from prometheus_client import CollectorRegistry, generate_latest
>>> operator = Operator(seed=1)
>>> operator.advance(600)
>>> registry = CollectorRegistry()
>>> registry.register(OperatorCollector(operator))
>>> b'workqueue_depth{controller="certificates"' in generate_latest(registry)
True

Not exactly as in Go, because prometheus_client writes the lines: whole values have a
``.0``, and ``le`` stands where the alphabet puts it instead of last. Label values are
Go's to the letter, ``le="1"`` and ``le="9.999999999999999e-06"`` included.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from random import Random
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from promlatest.exceptions import UsageError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["WORKLOADS", "Operator", "OperatorCollector", "Workload", "serve"]


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


class _Histogram:
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


class _Controller(_Timeline):
    """One controller: its queue, its workers, and what both count."""

    def __init__(self, workload: Workload, random: Random) -> None:
        super().__init__(random)
        self.workload: Final = workload
        self.results = dict.fromkeys(RESULTS, 0)
        self.counts: Counter[str] = Counter()
        self.requests: Counter[tuple[str, str]] = Counter({("200", "GET"): 2})
        self.depth: dict[int, int] = {}
        self.started: dict[int, float] = {}  # by job, of those at work
        self.reconcile_time: Final = _Histogram(RECONCILE_BOUNDS)
        self.queue_duration: Final = _Histogram(QUEUE_BOUNDS)
        self.work_duration: Final = _Histogram(QUEUE_BOUNDS)
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


class _Webhook(_Timeline):
    """An admission webhook that validates what users create."""

    PATH: Final = "/validate-demo-promlatest-dev-v1-backup"

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.codes = {"200": 0, "500": 0}
        self.latency: Final = _Histogram(QUEUE_BOUNDS)
        self._expect()

    def _expect(self) -> None:
        self._after(self._random.expovariate(0.2), self._answer)

    def _answer(self) -> None:
        self.codes["500" if self._random.random() < 0.005 else "200"] += 1
        self.latency.observe(self._random.lognormvariate(math.log(0.003), 0.7))
        self._expect()


class _Runtime(_Timeline):
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
        self.scheduling: Final = _Histogram(SCHEDULER_BOUNDS)
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


class _Process:
    """One life of the operator, from its start to its restart."""

    def __init__(self, seed: str, workloads: Iterable[Workload], start: float) -> None:
        self.start_time: Final = round(start, 2)  # as the kernel tells: in 10 ms
        self.uptime = 0.0
        self.controllers: Final = tuple(
            _Controller(workload, Random(f"{seed}/{workload.controller}"))
            for workload in sorted(workloads, key=lambda each: each.controller)
        )
        self.webhook: Final = _Webhook(Random(f"{seed}/webhook"))
        self.runtime: Final = _Runtime(Random(f"{seed}/runtime"))

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
        self._process = _Process(f"{seed}/0", self._workloads, start_time)

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
            self._process = _Process(seed, self._workloads, start)


# From the state to metric families.

_Labels = Mapping[str, str]


class OperatorCollector(Collector):
    """Shows the metrics of an `Operator` to a CollectorRegistry.

    Families are sorted by name, as a Go registry does it. They are meant for the text
    format: OpenMetrics cannot hold the Go runtime's go_memstats_alloc_bytes beside its
    go_memstats_alloc_bytes_total.

    Args:
        operator: whose metrics.
        clock: seconds from any origin, such as `time.monotonic`; what passed on it
            since the last look is what the operator advances by. None: the operator
            advances only where somebody calls `Operator.advance`.
    """

    def __init__(
        self, operator: Operator, *, clock: Callable[[], float] | None = None
    ) -> None:
        self._operator: Final = operator
        self._clock: Final = clock
        self._seen = clock() if clock else 0.0  # guarded by the operator's lock

    def collect(self) -> Iterable[Metric]:
        with self._operator._lock:
            self.catch_up()
            families = list(_families(self._operator._process))
        # a Go registry leaves out a family without series
        return sorted((each for each in families if each.samples), key=_exposed_name)

    def catch_up(self) -> None:
        """Advance the operator to what its clock says now."""
        if self._clock is None:
            return
        with self._operator._lock:
            now = self._clock()
            self._operator.advance(max(now - self._seen, 0.0))
            self._seen = now


def _families(process: _Process) -> Iterator[Metric]:
    controllers = process.controllers
    yield from _by_name([({}, _process_values(process))])
    yield from _by_name([({}, _runtime_values(process.runtime))])
    yield from _by_name([(_owner(each), _worker_values(each)) for each in controllers])
    yield from _by_name([(_queue(each), _queue_values(each)) for each in controllers])
    yield from _labelled(process)
    yield from _controller_histograms(controllers)
    yield from _webhook(process.webhook)
    yield from _scheduler(process.runtime)


def _by_name(rows: Sequence[tuple[_Labels, Mapping[str, float]]]) -> Iterator[Metric]:
    for name in rows[0][1] if rows else ():
        yield _plain(name, [(labels, values[name]) for labels, values in rows])


def _owner(controller: _Controller) -> _Labels:
    return {"controller": controller.workload.controller}


def _queue(controller: _Controller) -> _Labels:
    return {**_owner(controller), "name": controller.workload.controller}


def _process_values(process: _Process) -> Mapping[str, float]:
    busy = sum(len(each.started) for each in process.controllers)
    requests = process.requests.total()
    runtime = process.runtime
    collected = process.start_time + runtime.collected_at
    return {
        "certwatcher_read_certificate_errors_total": 0,
        "certwatcher_read_certificate_total": 1 + process.uptime // 10,
        "controller_runtime_conversion_webhook_panics_total": 0,
        "controller_runtime_webhook_panics_total": 0,
        "go_goroutines": 58 + 11 * len(process.controllers) + busy,
        "go_memstats_last_gc_time_seconds": collected if runtime.collections else 0,
        "process_cpu_seconds_total": process.cpu_seconds,
        "process_max_fds": 1_048_576,
        "process_network_receive_bytes_total": (
            5200 * requests + int(310 * process.uptime)
        ),
        "process_network_transmit_bytes_total": (
            1400 * requests + int(240 * process.uptime)
        ),
        "process_open_fds": 11 + busy,
        "process_resident_memory_bytes": runtime.heap_inuse + (31 << 20),
        "process_start_time_seconds": process.start_time,
        "process_virtual_memory_bytes": 1_344_094_208,
        "process_virtual_memory_max_bytes": 2.0**64,
    }


def _runtime_values(runtime: _Runtime) -> Mapping[str, float]:
    parts = {
        "go_memstats_buck_hash_sys_bytes": 1_463_297,
        "go_memstats_gc_sys_bytes": 3_824_640,
        "go_memstats_heap_sys_bytes": runtime.HEAP,
        "go_memstats_mcache_sys_bytes": 15_704,
        "go_memstats_mspan_sys_bytes": 342_720,
        "go_memstats_other_sys_bytes": 1_245_983,
        "go_memstats_stack_sys_bytes": 1_605_632,
    }
    released = runtime.heap_idle // runtime.PAGE // 2 * runtime.PAGE
    return {
        **parts,
        "go_gc_gogc_percent": 100,
        "go_gc_gomemlimit_bytes": 2.0**63,
        "go_memstats_alloc_bytes": runtime.heap_alloc,
        "go_memstats_alloc_bytes_total": runtime.allocated,
        "go_memstats_frees_total": runtime.frees,
        "go_memstats_heap_alloc_bytes": runtime.heap_alloc,
        "go_memstats_heap_idle_bytes": runtime.heap_idle,
        "go_memstats_heap_inuse_bytes": runtime.heap_inuse,
        "go_memstats_heap_objects": runtime.mallocs - runtime.frees,
        "go_memstats_heap_released_bytes": released,
        "go_memstats_mallocs_total": runtime.mallocs,
        "go_memstats_mcache_inuse_bytes": 4_832,
        "go_memstats_mspan_inuse_bytes": 296_480,
        "go_memstats_next_gc_bytes": 2 * runtime.LIVE,
        "go_memstats_stack_inuse_bytes": 1_605_632,
        "go_memstats_sys_bytes": sum(parts.values()),
        "go_sched_gomaxprocs_threads": 4,
        "go_threads": 12,
    }


def _worker_values(controller: _Controller) -> Mapping[str, float]:
    counts = controller.counts
    return {
        "controller_runtime_active_workers": len(controller.started),
        "controller_runtime_max_concurrent_reconciles": controller.workload.workers,
        "controller_runtime_reconcile_errors_total": counts["errors"],
        "controller_runtime_reconcile_panics_total": counts["panics"],
        "controller_runtime_reconcile_timeouts_total": counts["timeouts"],
        "controller_runtime_terminal_reconcile_errors_total": counts["terminal"],
    }


def _queue_values(controller: _Controller) -> Mapping[str, float]:
    ages = controller.ages()
    return {
        "workqueue_adds_total": controller.counts["adds"],
        "workqueue_longest_running_processor_seconds": max(ages, default=0),
        "workqueue_retries_total": controller.counts["retries"],
        "workqueue_unfinished_work_seconds": sum(ages),
    }


def _labelled(process: _Process) -> Iterator[Metric]:
    """The families with labels of their own."""
    yield _plain("go_info", [({"version": "go1.25.4"}, 1)])
    yield _plain("leader_election_master_status", [({"name": LEASE}, 1)])
    yield _plain(
        "rest_client_requests_total",
        (
            ({"code": code, "host": API_HOST, "method": method}, count)
            for (code, method), count in sorted(process.requests.items())
        ),
    )
    yield _plain(
        "controller_runtime_reconcile_total",
        (
            ({**_owner(each), "result": result}, count)
            for each in process.controllers
            for result, count in each.results.items()
        ),
    )
    yield _plain(
        "workqueue_depth",
        (
            ({**_queue(each), "priority": str(priority)}, depth)
            for each in process.controllers
            for priority, depth in sorted(each.depth.items())
        ),
    )


def _controller_histograms(controllers: Iterable[_Controller]) -> Iterator[Metric]:
    """Durations: a queue's are there, all zero, as soon as the queue is, while those
    of reconciliations wait for the first one."""
    reconciled = [each for each in controllers if any(each.reconcile_time.counts)]
    yield _histogram(
        "controller_runtime_reconcile_time_seconds",
        [(_owner(each), each.reconcile_time) for each in reconciled],
    )
    yield _histogram(
        "workqueue_queue_duration_seconds",
        [(_queue(each), each.queue_duration) for each in controllers],
    )
    yield _histogram(
        "workqueue_work_duration_seconds",
        [(_queue(each), each.work_duration) for each in controllers],
    )


def _webhook(webhook: _Webhook) -> Iterator[Metric]:
    labels = {"webhook": webhook.PATH}
    yield _histogram(
        "controller_runtime_webhook_latency_seconds",
        [(labels, webhook.latency)] if any(webhook.latency.counts) else [],
    )
    yield _plain(
        "controller_runtime_webhook_requests_total",
        [({"code": code, **labels}, count) for code, count in webhook.codes.items()],
    )
    yield _plain("controller_runtime_webhook_requests_in_flight", [(labels, 0)])


def _scheduler(runtime: _Runtime) -> Iterator[Metric]:
    yield _histogram("go_sched_latencies_seconds", [({}, runtime.scheduling)])
    name = "go_gc_duration_seconds"
    family = Metric(name, HELP[name], "summary")
    pauses = sorted(runtime.pauses) or [0.0]
    for quarter in range(5):
        value = pauses[(len(pauses) - 1) * quarter // 4]
        family.add_sample(name, {"quantile": _go_float(quarter / 4)}, value)
    family.add_sample(f"{name}_sum", {}, runtime.pause_total)
    family.add_sample(f"{name}_count", {}, runtime.collections)
    yield family


def _plain(name: str, samples: Iterable[tuple[_Labels, float]]) -> Metric:
    """A counter if the name ends in _total, which here holds without exception, and a
    gauge otherwise."""
    kind = "counter" if name.endswith("_total") else "gauge"
    family = Metric(name.removesuffix("_total"), HELP[name], kind)
    for labels, value in samples:
        family.add_sample(name, dict(labels), value)
    return family


def _histogram(name: str, histograms: Iterable[tuple[_Labels, _Histogram]]) -> Metric:
    family = Metric(name, HELP[name], "histogram")
    for labels, histogram in histograms:
        count = 0
        bounds = (*histogram.bounds, math.inf)
        for bound, more in zip(bounds, histogram.counts, strict=True):
            count += more
            bucket = {**labels, "le": _go_float(bound)}
            family.add_sample(f"{name}_bucket", bucket, count)
        family.add_sample(f"{name}_sum", dict(labels), histogram.sum)
        family.add_sample(f"{name}_count", dict(labels), count)
    return family


@cache
def _go_float(bound: float) -> str:
    """A bound as Go writes it; below a million repr differs only in the ``.0``."""
    return "+Inf" if bound == math.inf else repr(bound).removesuffix(".0")


def _exposed_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


HELP: Final = {
    "certwatcher_read_certificate_errors_total": "Failed reads of the certificate.",
    "certwatcher_read_certificate_total": "Reads of the serving certificate.",
    "controller_runtime_active_workers": "Workers that are reconciling now.",
    "controller_runtime_conversion_webhook_panics_total": "Panics in conversions.",
    "controller_runtime_max_concurrent_reconciles": "The most workers at once.",
    "controller_runtime_reconcile_errors_total": "Reconciliations that failed.",
    "controller_runtime_reconcile_panics_total": "Reconciliations that panicked.",
    "controller_runtime_reconcile_time_seconds": "How long reconciliations took.",
    "controller_runtime_reconcile_timeouts_total": "Reconciliations cut off by time.",
    "controller_runtime_reconcile_total": "Reconciliations by how they ended.",
    "controller_runtime_terminal_reconcile_errors_total": "Failures not to be retried.",
    "controller_runtime_webhook_latency_seconds": "How long admissions took.",
    "controller_runtime_webhook_panics_total": "Panics in admissions.",
    "controller_runtime_webhook_requests_in_flight": "Admissions under way.",
    "controller_runtime_webhook_requests_total": "Admissions by the answer's code.",
    "go_gc_duration_seconds": "Pauses of the world for garbage collections.",
    "go_gc_gogc_percent": "Heap growth that sets off a collection.",
    "go_gc_gomemlimit_bytes": "The soft limit of memory.",
    "go_goroutines": "Goroutines alive.",
    "go_info": "The version of Go.",
    "go_memstats_alloc_bytes": "Heap bytes allocated and not yet freed.",
    "go_memstats_alloc_bytes_total": "Heap bytes allocated so far.",
    "go_memstats_buck_hash_sys_bytes": "Memory for the profiler's tables.",
    "go_memstats_frees_total": "Heap objects freed so far.",
    "go_memstats_gc_sys_bytes": "Memory for the collector.",
    "go_memstats_heap_alloc_bytes": "Heap bytes allocated and not yet freed.",
    "go_memstats_heap_idle_bytes": "Heap bytes in spans without objects.",
    "go_memstats_heap_inuse_bytes": "Heap bytes in spans with objects.",
    "go_memstats_heap_objects": "Heap objects allocated and not yet freed.",
    "go_memstats_heap_released_bytes": "Heap bytes given back to the system.",
    "go_memstats_heap_sys_bytes": "Memory for the heap.",
    "go_memstats_last_gc_time_seconds": "End of the last collection, since 1970.",
    "go_memstats_mallocs_total": "Heap objects allocated so far.",
    "go_memstats_mcache_inuse_bytes": "Bytes used for mcache structures.",
    "go_memstats_mcache_sys_bytes": "Memory for mcache structures.",
    "go_memstats_mspan_inuse_bytes": "Bytes used for mspan structures.",
    "go_memstats_mspan_sys_bytes": "Memory for mspan structures.",
    "go_memstats_next_gc_bytes": "Heap size that sets off the next collection.",
    "go_memstats_other_sys_bytes": "Memory for everything else.",
    "go_memstats_stack_inuse_bytes": "Bytes used for stacks.",
    "go_memstats_stack_sys_bytes": "Memory for stacks.",
    "go_memstats_sys_bytes": "Memory got from the system, all kinds together.",
    "go_sched_gomaxprocs_threads": "Threads that may run Go code at once.",
    "go_sched_latencies_seconds": "How long goroutines waited while ready to run.",
    "go_threads": "Threads made so far.",
    "leader_election_master_status": "1 for the leader, 0 for the others.",
    "process_cpu_seconds_total": "CPU time spent, user and system.",
    "process_max_fds": "The most file descriptors allowed.",
    "process_network_receive_bytes_total": "Bytes received.",
    "process_network_transmit_bytes_total": "Bytes sent.",
    "process_open_fds": "File descriptors open.",
    "process_resident_memory_bytes": "Memory held in RAM.",
    "process_start_time_seconds": "Start of the process, since 1970.",
    "process_virtual_memory_bytes": "Virtual memory mapped.",
    "process_virtual_memory_max_bytes": "The most virtual memory allowed.",
    "rest_client_requests_total": "Requests to the API server.",
    "workqueue_adds_total": "Items added to the queue.",
    "workqueue_depth": "Items waiting in the queue.",
    "workqueue_longest_running_processor_seconds": "Age of the oldest item at work.",
    "workqueue_queue_duration_seconds": "How long items waited in the queue.",
    "workqueue_retries_total": "Items put back into the queue.",
    "workqueue_unfinished_work_seconds": "Ages of all items at work together.",
    "workqueue_work_duration_seconds": "How long items were at work.",
}


# On loopback.


@contextmanager
def serve(
    port: int = 0,
    *,
    seed: int = 1,
    warmup: float = 1200.0,
    operator: Operator | None = None,
) -> Iterator[str]:
    """Serve a demo operator on 127.0.0.1 while the block runs; gives its URL.

    Like the metrics server of a released operator it answers with text 0.0.4 whatever
    is asked for, takes no notice of ``name[]``, and knows no path but ``/metrics``.

    Args:
        port: 0 picks a free one.
        seed: which story; see `Operator`.
        warmup: for how many seconds the operator has worked when the first scrape
            comes.
        operator: one of your own instead, for instance to `Operator.restart` it; it
            is served as it is, and `seed` and `warmup` mean nothing then.

    Raises:
        UsageError: the port is taken or none.
    """
    collector = OperatorCollector(
        _warm_operator(seed, warmup) if operator is None else operator,
        clock=time.monotonic,
    )
    registry = CollectorRegistry()
    registry.register(collector)
    with _listen(port, _application(registry)) as server:
        server.collector = collector
        thread = threading.Thread(
            target=server.serve_forever, args=(0.1,), name="promlatest-demo"
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/metrics"
        finally:
            server.shutdown()
            thread.join()


def _warm_operator(seed: int, warmup: float) -> Operator:
    operator = Operator(seed, start_time=time.time() - warmup)
    operator.advance(warmup)
    return operator


def _listen(port: int, application: WSGIApplication) -> _Server:
    try:
        return make_server("127.0.0.1", port, application, _Server, _Handler)
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen on 127.0.0.1:{port}: {error}") from error


def _application(registry: CollectorRegistry) -> WSGIApplication:
    metrics = make_wsgi_app(registry)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"404 page not found\n"]
        # prometheus_client would offer OpenMetrics and filter by name[]
        asked = {**environ, "HTTP_ACCEPT": "", "QUERY_STRING": ""}
        found: Iterable[bytes] = metrics(asked, start_response)
        return found

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    """One thread for each request, all of them joined by `server_close`."""

    daemon_threads = False
    request_queue_size = 64  # with 5, one of eight scrapers at once waits for 1 s
    collector: OperatorCollector | None = None

    def service_actions(self) -> None:
        """Keep the operator going between scrapes, so that one after a night without
        any does not pay for the night."""
        if self.collector is not None:
            self.collector.catch_up()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away or fell silent."""


class _Handler(WSGIRequestHandler):
    timeout = 5.0  # seconds a silent client may hold up the end

    def log_message(self, message: str, *args: Any) -> None:
        """Log nothing: the terminal belongs to whoever started this."""
