"""The engine: one task for each target, all on one event loop.

`AsyncScraper` is it, for programs that have a loop. `Scraper` (in `_threads`) runs it on
a thread of its own. Everything here happens on that one loop, so it has no lock; what
blocks (reading, committing, files, callables) happens on `Workers`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from promlatest._turns import now_ms
from promlatest.exceptions import (
    EndpointError,
    PromlatestError,
    TimeoutExceededError,
    UsageError,
)
from promlatest.scrape._extras import load_config, load_http
from promlatest.scrape._fetch import (
    Collected,
    Fetched,
    collect,
    read_local,
    timed_out,
)
from promlatest.scrape._ingest import Ingester, ScrapeResult, ScrapeSink
from promlatest.scrape._job import Job
from promlatest.scrape._rhythm import Rhythm
from promlatest.scrape._target import Target
from promlatest.scrape._telemetry import StateLog, Telemetry
from promlatest.scrape._workers import Workers

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from promlatest.scrape._http import HttpClient

__all__ = ["AsyncScraper"]

_log: Final = logging.getLogger("promlatest.scrape")

_COMMITTERS: Final = 4  # threads: a slow subscriber holds one of them
_READERS: Final = 32  # threads: so many callables may hang before others wait
# s between the first scrapes of two targets, which is what a scrape costs: were thousands
# begun at once, the last would spend their timeout in the queue.
_APART: Final = 0.0005
_SET_BACK: Final = 60_000  # ms; until the clock has caught up less, time goes on by 1 ms
_PATIENCE: Final = 5.0  # s that stopping waits for a commit under way

Work = Iterable[tuple[Job, Iterable[Target]]]


def jobs_of(
    targets: Iterable[object],
    job: Job | None,
    interval: float | None,
    timeout: float | None,
) -> Work:
    """Targets and their job, from what a scraper is given.

    Raises:
        UsageError: something is no target, or the timeout is above the interval (C-5).
    """
    given = job or Job(interval=5.0)
    interval = given.interval if interval is None else interval
    if timeout is None:
        timeout = min(given.timeout, interval)
    if timeout > interval:
        raise UsageError(
            f"the timeout ({timeout:g} s) must not be above the interval ({interval:g} s)"
        )
    made = attrs.evolve(given, interval=interval, timeout=timeout)
    return [(made, [Target.of(target) for target in targets])]


class AsyncScraper:
    """Keeps a store up to date with what targets expose, under asyncio.

    ::

        async with AsyncScraper(store, ["localhost:8080"], interval=5) as scraper:
            result = await scraper.scrape()

    Entering it begins to scrape every target at its interval; leaving it ends that and
    leaves the store as it is. All of it belongs to the loop in which it was entered.

    Args:
        sink: the store.
        targets: targets, or whatever `Target.of` makes one of.
        interval: from the start of a scrape to the start of the next, in seconds; 5 if
            neither it nor a job is given.
        timeout: for one whole scrape, in seconds; 10, but not above the interval.
        job: further options for all targets.
        registry: where the `promlatest_*` metrics go; None: nowhere.

    Raises:
        UsageError: something is no target, or the timeout is above the interval.
    """

    def __init__(
        self,
        sink: ScrapeSink,
        targets: Iterable[object] = (),
        *,
        interval: float | None = None,
        timeout: float | None = None,
        job: Job | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        work = jobs_of(targets, job, interval, timeout)
        self._setup(sink, work, registry)

    @classmethod
    def of_jobs(
        cls, sink: ScrapeSink, work: Work, *, registry: CollectorRegistry | None = None
    ) -> Self:
        """A scraper of several jobs with their targets."""
        scraper = cls.__new__(cls)
        scraper._setup(sink, work, registry)
        return scraper

    def _setup(
        self, sink: ScrapeSink, work: Work, registry: CollectorRegistry | None
    ) -> None:
        self.sink = sink
        self.telemetry = Telemetry(registry)
        self._open_workers()
        self._http: HttpClient | None = None
        self._running = False
        self._numbered = 0
        self._job: Job | None = None
        # Replaced and never changed once it runs, so that other threads may read it.
        self._loops: dict[str, _TargetLoop] = {}
        for job, targets in work:
            self._job = self._job or job
            for target in targets:
                made = self._new(target, job)
                self._loops[made.source] = made

    def _open_workers(self) -> None:
        self.committers = Workers("promlatest-commit", _COMMITTERS)
        self.readers = Workers("promlatest-read", _READERS)

    @classmethod
    def from_config(
        cls,
        sink: ScrapeSink,
        path: str | os.PathLike[str],
        *,
        registry: CollectorRegistry | None = None,
    ) -> Self:
        """A scraper of what a Prometheus `scrape_config` in YAML says.

        Args:
            sink: the store.
            path: a whole prometheus.yml, a list of scrape configs, or one of them.
            registry: where the `promlatest_*` metrics go; None: nowhere.

        Raises:
            UsageError: what is wrong with the file, line by line.
            MissingExtraError: the extra ``[scrape]`` is not installed.
        """
        return cls.of_jobs(sink, load_config(path), registry=registry)

    # Running

    async def start(self) -> None:
        """Begin to scrape every target at its interval; the first time at once."""
        if not self._running:
            self._running = True
            for number, each in enumerate(self._loops.values()):
                each.start(number * _APART)

    async def stop(self) -> None:
        """End it. What the store has stays; nothing is written to it any more.

        It takes no longer than a commit that is under way, for which it waits at most
        5 s. It can be started again.
        """
        self._running = False
        await asyncio.gather(*(each.close() for each in self._loops.values()))
        if self._http is not None:
            client, self._http = self._http, None
            await client.close()
        self.committers.close()
        self.readers.close()
        self._open_workers()  # which starts no thread

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # Targets

    @property
    def targets(self) -> Mapping[str, Target]:
        """The targets, by the name that the store has for each as a source."""
        return {name: each.target for name, each in self._loops.items()}

    @property
    def results(self) -> Mapping[str, ScrapeResult]:
        """The last result of each target that was scraped."""
        loops = self._loops.items()
        return {name: each.last for name, each in loops if each.last is not None}

    async def add(self, target: object, *, job: Job | None = None) -> str:
        """Scrape one more target; gives the name that the store has for it.

        Raises:
            UsageError: it is no target.
        """
        made = self._new(Target.of(target), job or self._job or Job(interval=5.0))
        self._loops = {**self._loops, made.source: made}
        if self._running:
            made.start()
        return made.source

    async def remove(self, target: object) -> None:
        """Scrape a target no more; its series go away.

        Raises:
            UsageError: there is no such target.
        """
        held = self._find(target)
        self._loops = {n: each for n, each in self._loops.items() if each is not held}
        await held.close()
        self.telemetry.targets(held.job.name, -1)
        await _on(self.committers, self.sink.remove, held.source)

    # Scraping on demand

    async def scrape(self, target: object | None = None) -> ScrapeResult:
        """Scrape one target now.

        A scrape that is under way is waited for first, since it may have begun before
        what is to be seen happened. A failed scrape is a result with an `error`.

        Args:
            target: which; it need not be said if there is only one.

        Raises:
            UsageError: there is no such target, or there are several.
        """
        return await self._find(target).demand()

    async def scrape_all(self) -> list[ScrapeResult]:
        """Scrape all targets now, side by side."""
        loops = list(self._loops.values())
        return list(await asyncio.gather(*(each.demand() for each in loops)))

    async def wait_fresh(
        self,
        target: object | None = None,
        *,
        since: int | None = None,
        timeout: float | None = None,
    ) -> ScrapeResult:
        """Wait for the end of a scrape that started after a moment.

        Args:
            target: which; it need not be said if there is only one.
            since: the moment in milliseconds since the epoch; None: this one.
            timeout: how long to wait, in seconds; None: for ever.

        Raises:
            TimeoutError: there was none in time.
            UsageError: there is no such target, there are several, or scraping has not
                been started.
        """
        held = self._find(target)
        if not self._running:
            raise UsageError("nothing is scraped before start(); scrape() does it once")
        async with asyncio.timeout(timeout):
            return await held.fresh(since)

    # How it is done

    def _new(self, target: Target, job: Job) -> _TargetLoop:
        if target.kind in ("http", "unix"):
            load_http()  # here, since it takes 0.2 s, which the loop cannot spare
        source = self._free_name(target.name)
        made = _TargetLoop(self, target, source, job, self._numbered)
        self._numbered += 1
        self.telemetry.targets(job.name, 1)
        return made

    def _free_name(self, name: str) -> str:
        """A name of its own, for a second target of the same name."""
        free, number = name, 1
        while free in self._loops:
            number += 1
            free = f"{name}#{number}"
        return free

    def _find(self, target: object | None) -> _TargetLoop:
        loops = self._loops
        if target is None:
            if len(loops) != 1:
                raise UsageError(f"there are {len(loops)} targets; say which one")
            return next(iter(loops.values()))
        if isinstance(target, str) and target in loops:
            return loops[target]
        for each in loops.values():
            if each.target is target or each.target.read is target:
                return each
        name = Target.of(target).name
        if name not in loops:
            raise UsageError(f"no target is called {name!r}")
        return loops[name]

    def http(self) -> HttpClient:
        """The client, made when it is first needed: it belongs to the loop."""
        if self._http is None:
            self._http = load_http().HttpClient()
        return self._http


class _TargetLoop:
    """One target: its rhythm, and never more than one scrape at a time."""

    def __init__(
        self, engine: AsyncScraper, target: Target, source: str, job: Job, number: int
    ) -> None:
        self.target: Final = target
        self.source: Final = source
        self.job: Final = job
        self.last: ScrapeResult | None = None
        self._engine = engine
        self._number = number
        self._ingester = Ingester(engine.sink, target, source, job)
        self._state = StateLog(job.name)
        self._task: asyncio.Task[None] | None = None
        self._ticking = False
        self._wake = asyncio.Event()
        self._demands: list[asyncio.Future[ScrapeResult]] = []
        self._watchers: list[asyncio.Future[None]] = []
        self._last_started = float("-inf")
        self._last_timestamp = 0
        self._busy: asyncio.Future[Any] | None = None  # on a worker; not to be cancelled
        self._reading: Future[Any] | None = None  # a file or callable, on a worker

    def start(self, delay: float = 0.0) -> None:
        """Begin to tick, after a delay in seconds."""
        self._ticking = True
        self._go(min(delay, self.job.interval))

    async def close(self) -> None:
        """End the task, and wait for a commit under way, but not for ever."""
        self._ticking = False
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._busy is not None:
            await asyncio.wait([self._busy], timeout=_PATIENCE)
        self._end_waits(PromlatestError(f"{self.source} is not scraped any more"))

    async def demand(self) -> ScrapeResult:
        """The result of a scrape that starts from now on."""
        wanted: asyncio.Future[ScrapeResult] = asyncio.get_running_loop().create_future()
        self._demands.append(wanted)
        self._go()
        self._wake.set()
        return await wanted

    async def fresh(self, since: int | None) -> ScrapeResult:
        """The last result, once its scrape started after a moment."""
        now = perf_counter()
        while not self._is_fresh(since, now):
            watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            await watcher
        assert self.last is not None
        return self.last

    def _is_fresh(self, since: int | None, now: float) -> bool:
        if self.last is None:
            return False
        return self._last_started > now if since is None else self.last.timestamp > since

    def _go(self, delay: float = 0.0) -> None:
        if self._task is None:
            # Of this loop: after a stop there may be another.
            self._wake = asyncio.Event()
            self._task = asyncio.create_task(self._run(delay), name=f"scrape {self.source}")

    async def _run(self, delay: float) -> None:
        clock = asyncio.get_running_loop().time
        rhythm = Rhythm(clock() + delay, self.job.interval, self._number)
        while True:
            due = await self._wait(rhythm.tick)
            late = rhythm.lateness(clock()) if due else 0.0
            demands, self._demands = self._demands, []
            self._wake.clear()
            try:
                result = await self._scrape(late)
            except asyncio.CancelledError:
                self._demands += demands  # which `close` ends
                raise
            except Exception as error:  # of a sink; the target has its next chance
                _log.error("scraping %s failed", self.source, exc_info=error)
                _end(demands, error)
            else:
                self._done(result, demands)
            if due or rhythm.tick <= clock():
                missed = rhythm.advance(clock())
                self._engine.telemetry.skipped(self.job.name, missed)

    async def _wait(self, tick: float) -> bool:
        """Wait for the tick or a demand; whether it is the tick."""
        try:
            async with asyncio.timeout_at(tick if self._ticking else None):
                await self._wake.wait()
        except TimeoutError:
            return True
        return False

    def _done(
        self, result: ScrapeResult, demands: list[asyncio.Future[ScrapeResult]]
    ) -> None:
        self.last = result
        self._engine.telemetry.record(self.job.name, result)
        self._state.record(result)
        for wanted in demands:
            if not wanted.done():
                wanted.set_result(result)
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    def _end_waits(self, error: PromlatestError) -> None:
        _end([*self._demands, *self._watchers], error)
        self._demands, self._watchers = [], []

    # One scrape

    async def _scrape(self, late: float) -> ScrapeResult:
        timestamp = self._last_timestamp = await self._moment(late)
        started = self._last_started = perf_counter()
        try:
            answer = await self._fetch()
        except PromlatestError as error:
            return await self._commit(self._ingester.fail, error, timestamp, started)
        return await self._commit(self._ingester.ingest, answer, timestamp, started)

    async def _moment(self, late: float) -> int:
        """The time of this scrape, in milliseconds since the epoch.

        It is never that of the last one again, whose samples would stay: they would not
        count as older. If the clock was set back, the target begins anew.
        """
        now = now_ms() - round(late * 1000)
        if now < self._last_timestamp - _SET_BACK:
            _log.warning("the clock was set back: %s begins anew", self.source)
            await _on(self._engine.committers, self._engine.sink.remove, self.source)
            return now
        return max(now, self._last_timestamp + 1)

    async def _commit(self, function: Any, *args: Any) -> ScrapeResult:
        """Call it on a worker; cancelling must not let go of it."""
        self._busy = _on(self._engine.committers, function, *args)
        result: ScrapeResult = await asyncio.shield(self._busy)
        self._busy = None
        return result

    async def _fetch(self) -> Fetched | Collected:
        job = self.job
        if self.target.kind in ("http", "unix"):
            return await self._engine.http().fetch(self.target, job)
        return await self._read()

    async def _read(self) -> Fetched | Collected:
        """Read what needs no HTTP on a thread, which cannot be interrupted: while the
        last reading goes on there is no other."""
        if self._reading is not None and not self._reading.done():
            raise TimeoutExceededError(
                "reading it has not come back since an earlier scrape",
                phase="body",
                target=self.source,
            )
        self._reading = self._start_reading()
        coming = asyncio.wrap_future(self._reading)
        try:
            async with asyncio.timeout(self.job.timeout):
                answer: Fetched | Collected = await asyncio.shield(coming)
        except EndpointError:
            raise  # its own time is over, and it says in which phase
        except TimeoutError:
            # Look at what it comes to, or asyncio complains that nobody has.
            coming.add_done_callback(lambda done: done.exception())
            raise timed_out("body", self.job.timeout, self.source) from None
        return answer

    def _start_reading(self) -> Future[Any]:
        readers, job = self._engine.readers, self.job
        if self.target.kind == "registry":
            return readers.submit(collect, self.target)
        return readers.submit(read_local, self.target, job.timeout, job.limits.body_size)


def _end(waits: Iterable[asyncio.Future[Any]], error: Exception) -> None:
    """Have these waits raise an error."""
    for waiting in waits:
        if not waiting.done():
            waiting.set_exception(error)


def _on(workers: Workers, function: Any, *args: Any) -> asyncio.Future[Any]:
    """Call a function that blocks on one of these threads."""
    return asyncio.wrap_future(workers.submit(function, *args))
