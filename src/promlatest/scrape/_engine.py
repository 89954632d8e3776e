"""The engine: one task for each target, all on one event loop.

`_scrapers` has its two faces, for programs with an event loop and for those without.
Everything here happens on one loop, so it has no lock; what blocks (reading, committing,
files, callables) happens on `Workers`.

Nothing that a foreign function does ends the loop: what is an `Exception` makes its target
fail, and what is none (SystemExit, what pytest.fail raises) travels as an `EscapedError`
to whoever waits for the scrape, or to the log.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterable
from time import perf_counter
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import attrs

from promlatest._arguments import as_tuple, checked
from promlatest.exceptions import PromlatestError, UsageError
from promlatest.scrape._fetch import (
    Collected,
    EscapedError,
    Fetched,
    collect,
    contained,
    read_local,
    timed_out,
)
from promlatest.scrape._fork import in_child
from promlatest.scrape._http import HttpClient, HttpTarget
from promlatest.scrape._ingest import Ingester, ScrapeResult, ScrapeSink
from promlatest.scrape._job import Job, JobTargets
from promlatest.scrape._schedule import Schedule
from promlatest.scrape._sources import Claim, claims_of
from promlatest.scrape._target import Target
from promlatest.scrape._telemetry import StateLog, Telemetry
from promlatest.scrape._workers import OneAtATime, Workers

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["Engine", "jobs_of"]

_log: Final = logging.getLogger("promlatest.scrape")

_COMMITTERS: Final = 4  # threads: a slow subscriber holds one of them
_READERS: Final = 32  # threads: so many callables may hang before others wait
# s between the first scrapes of two targets, which is what a scrape costs: were thousands
# begun at once, the last would spend their timeout in the queue.
_APART: Final = 0.0005
# s and bytes: a change of thread and back costs 0.1 ms of CPU where the machine has nothing
# else to do, and up to 0.4 where it has.
_QUICK: Final = 0.001
_GROWN: Final = 1024
_PATIENCE: Final = 5.0  # s that stopping waits for a commit under way

_of_the_parent: Final[list[object]] = []


def jobs_of(
    targets: Iterable[object],
    job: Job | None,
    interval: float | None,
    timeout: float | None,
) -> JobTargets:
    """Targets and their job, from what a scraper is given.

    Raises:
        UsageError: something is no target, or the timeout is above the interval (C-5).
    """
    given = checked(job, (Job, NoneType), "a Job for job") or Job(interval=5.0)
    made = attrs.evolve(given, interval=given.interval if interval is None else interval)
    if timeout is None:
        timeout = min(given.timeout, made.interval)
    made = attrs.evolve(made, timeout=timeout)
    if timeout > made.interval:
        raise UsageError(
            f"the timeout ({timeout:g} s) must not be above"
            f" the interval ({made.interval:g} s)"
        )
    return [(made, [Target.of(target) for target in as_tuple(targets, "targets")])]


def _pairs(work: JobTargets) -> list[tuple[Target, Job]]:
    """Each target with its job.

    Raises:
        UsageError: these are no jobs with their targets.
    """
    pairs: list[tuple[Target, Job]] = []
    for each in as_tuple(work, "jobs, each with its targets"):
        job, targets = each if isinstance(each, tuple) and len(each) == 2 else (each, ())
        checked(job, Job, "pairs of a Job and its targets", secret=True)
        pairs += [(Target.of(target), job) for target in as_tuple(targets, "targets")]
    return pairs


class Engine:
    """Scrapes targets, each at its interval, and whenever it is asked to.

    Its methods are those of `AsyncScraper`, where they are described; but what is no
    `Exception` comes as an `EscapedError`. It belongs to the event loop in which it is
    first used, until it is stopped or that loop is closed.
    """

    def __init__(
        self, sink: ScrapeSink, work: JobTargets, registry: CollectorRegistry | None
    ) -> None:
        self.sink = sink
        self.telemetry = Telemetry(registry)
        self._claims = claims_of(sink)
        self._numbered = 0
        # Replaced and never changed once it is shown, so that other threads may read it.
        self.loops: dict[str, _TargetLoop] = {}
        self._loop: asyncio.AbstractEventLoop | None
        self._http: HttpClient | None
        self._running: bool
        self._pools: tuple[Workers, ...] = ()
        self.leave_loop()
        pairs = _pairs(work)
        self._job = pairs[0][1] if pairs else None
        for (target, job), claim in zip(pairs, self._claims.claim_all(pairs), strict=True):
            self._hold(target, job, claim)
        in_child(self, Engine._leave_parent)

    # Running

    async def start(self) -> None:
        self._enter_loop()
        if not self._running:
            for each in self.loops.values():
                each.claim.check_free(self)
            self._running = True
            for number, each in enumerate(self.loops.values()):
                each.start(number * _APART)

    async def stop(self) -> None:
        self._enter_loop()
        self._running = False
        # Others may add targets meanwhile.
        while left := [each for each in self.loops.values() if not each.closed]:
            await asyncio.gather(*(each.close(_PATIENCE) for each in left))
        self.leave_loop()

    def is_own_thread(self) -> bool:
        """Whether this thread is one that a scrape waits for."""
        return self.committers.is_mine() or self.readers.is_mine()

    def _leave_parent(self) -> None:
        """In the child of a fork: nothing is running, whatever the parent does."""
        # Kept for ever: to end these would end, or complain of, what the parent runs.
        _of_the_parent.append(
            (self._loop, self._http, [dict(vars(each)) for each in self.loops.values()])
        )
        self.leave_loop()

    def _enter_loop(self) -> None:
        """Belong to the loop that is running.

        Raises:
            UsageError: there is none of asyncio's, or another one, which is not closed,
                has been used before.
        """
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            raise UsageError(
                "an AsyncScraper needs an event loop of asyncio; a Scraper needs none"
            ) from None
        if self._loop is not None and self._loop is not running:
            if not self._loop.is_closed():
                raise UsageError(
                    "this scraper is used in another event loop: stop it there first"
                )
            self.leave_loop()
        self._loop = running

    def leave_loop(self) -> None:
        """Begin anew: what belonged to a loop is gone with it, threads at rest too."""
        self._loop = self._http = None
        self._running = False
        self._changing = asyncio.Lock()
        for pool in self._pools:
            pool.close()
        self.committers = Workers("promlatest-commit", _COMMITTERS)  # starts no thread
        self.readers = Workers("promlatest-read", _READERS)
        self._pools = self.committers, self.readers
        for each in self.loops.values():
            each.leave_loop()

    # Targets

    async def add(self, target: object, *, job: Job | None = None) -> str:
        self._enter_loop()
        checked(job, (Job, NoneType), "a Job for job")
        given = job or self._job or Job(interval=5.0)
        made = Target.of(target)
        async with self._changing:  # the source of one that goes is still its own
            claim = self._claims.claim(made, given)
            claim.check_free(self)
            self.loops = dict(self.loops)
            held = self._hold(made, given, claim)
            if self._running:
                held.start()
        return held.claim.name

    async def remove(self, target: object) -> None:
        self._enter_loop()
        if target is None:
            raise UsageError("say which target is to be removed")
        async with self._changing:
            held = self._find(target)
            self.loops = {n: each for n, each in self.loops.items() if each is not held}
            # Until the body is read: a commit behind this would bring the series back.
            await held.close(held.job.timeout + _PATIENCE)
            self._claims.forget(held.claim)
            self.telemetry.targets(held.job.name, -1)
            await self.committers.call(self.sink.remove, held.claim.name)

    # Scraping on demand

    async def scrape(self, target: object | None = None) -> ScrapeResult:
        self._enter_loop()
        return await self._find(target).demand()

    async def scrape_all(self) -> list[ScrapeResult]:
        self._enter_loop()
        loops = list(self.loops.values())
        # Gathered with what they raise: all are waited for, and the first error is told.
        results = await asyncio.gather(
            *(each.demand() for each in loops), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, ScrapeResult)]

    async def wait_fresh(
        self,
        target: object | None = None,
        *,
        since: int | None = None,
        timeout: float | None = None,
    ) -> ScrapeResult:
        self._enter_loop()
        held = self._find(target)
        if not self._running:
            raise UsageError("nothing is scraped before start(); scrape() does it once")
        checked(since, (int, NoneType), "whole milliseconds for since")
        checked(timeout, (int, float, NoneType), "seconds for timeout")
        if timeout != timeout:
            raise UsageError("expected seconds for timeout, not nan")
        # By a clock that never jumps: the one of the day may have been set back since.
        ago = 0 if since is None else self.sink.clock() - since
        try:
            async with asyncio.timeout(timeout) as limit:
                return await held.fresh(perf_counter() - ago / 1000)
        except TimeoutError as error:
            if not limit.expired():
                raise
            late = f"no scrape that began after the moment ended within {timeout:g} s"
            raise TimeoutError(f"{held.claim.name}: {late}") from error

    # How it is done

    def _hold(self, target: Target, job: Job, claim: Claim) -> _TargetLoop:
        """The loop of a target; of one that is there already, that one."""
        held = self.loops.get(claim.name)
        if held is None:
            held = _TargetLoop(self, target, claim, job, self._numbered)
            self._numbered += 1
            self.loops[claim.name] = held
            self.telemetry.targets(job.name, 1)
        return held

    def _find(self, target: object | None) -> _TargetLoop:
        loops = self.loops
        if target is None:
            if len(loops) != 1:
                raise UsageError(f"there are {len(loops)} targets; say which one")
            return next(iter(loops.values()))
        if isinstance(target, str) and target in loops:
            return loops[target]
        for each in loops.values():
            if each.target is target or each.target.read is target:
                return each
        named = Target.of(target).name
        found = [each for each in loops.values() if each.target.name == named]
        if len(found) == 1 or named in loops:
            return loops.get(named) or found[0]
        if found:
            names = ", ".join(each.claim.name for each in found)
            raise UsageError(f"several targets are called {named!r}: {names}")
        raise UsageError(f"no target is called {named!r}")

    def http(self) -> HttpClient:
        """The client, made when it is first needed: it belongs to the loop."""
        if self._http is None:
            self._http = HttpClient(self.readers)
        return self._http


class _TargetLoop:
    """One target: its schedule, and never more than one scrape at a time."""

    def __init__(
        self, engine: Engine, target: Target, claim: Claim, job: Job, number: int
    ) -> None:
        self.target: Final = target
        self.claim: Final = claim
        self.job: Final = job
        self.last: ScrapeResult | None = None
        self._engine = engine
        self._number = number
        self._ingester = Ingester(engine.sink, target, claim.name, job)
        self._state = StateLog(job.name)
        self._last_started = float("-inf")  # by perf_counter
        self.leave_loop()

    def leave_loop(self) -> None:
        """Begin anew: what belonged to a loop is gone with it."""
        self.claim.release(self._engine)
        self.closed = False
        self._ticking = False
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Future[bool] | None = None
        self._demands: list[asyncio.Future[ScrapeResult]] = []
        self._watchers: list[asyncio.Future[None]] = []
        self._busy: asyncio.Future[Any] | None = None  # on a worker; not to be cancelled
        self._endpoint: HttpTarget | None = None
        self._reading: OneAtATime | None = None  # of a file or callable

    def start(self, delay: float = 0.0) -> None:
        """Begin to tick, after a delay in seconds."""
        if not self._ticking:
            self._ticking = True
            self._go(min(delay, self.job.interval))
            self._rouse(due=False)

    async def close(self, patience: float) -> None:
        """End the task, and wait for a commit under way, so many seconds at the most."""
        self.closed = True
        self._ticking = False
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._busy is not None:
            await asyncio.wait([self._busy], timeout=patience)
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None
        self._end_waits(self._not_any_more())
        self.claim.release(self._engine)

    async def demand(self) -> ScrapeResult:
        """The result of a scrape that starts from now on."""
        self._go()
        wanted: asyncio.Future[ScrapeResult] = asyncio.get_running_loop().create_future()
        self._demands.append(wanted)
        self._rouse(due=False)
        return await wanted

    async def fresh(self, moment: float) -> ScrapeResult:
        """The last result, once its scrape started after a moment by `perf_counter`."""
        while self.last is None or self._last_started <= moment:
            watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            await watcher
        return self.last

    def _go(self, delay: float = 0.0) -> None:
        if self.closed:  # another thread stopped or removed it
            raise self._not_any_more()
        if self._task is None:
            self.claim.take(self._engine)
            self._task = asyncio.create_task(
                self._run(delay), name=f"scrape {self.claim.name}"
            )

    async def _run(self, delay: float) -> None:
        clock = asyncio.get_running_loop().time
        schedule = Schedule(clock() + delay, self.job.interval, self._number)
        while True:
            due = await self._wait(schedule.tick)
            await self._turn(schedule.lateness(clock()) if due else 0.0)
            if self._task is not asyncio.current_task():
                return  # left behind: what was called hung while the scraper was stopped
            if due or schedule.tick <= clock():
                missed = schedule.advance(clock())
                self._engine.telemetry.skipped(self.job.name, missed)

    async def _turn(self, late: float) -> None:
        """Scrape once, for all who wait. What it raised must not be held by a task that
        then waits: its frames hold the scraper, which could not be collected."""
        demands, self._demands = self._demands, []
        try:
            result = await self._scrape(late)
            contained(self._record, result)
        except asyncio.CancelledError:
            self._demands += demands  # which `close` ends
            raise
        except Exception as error:  # of a foreign function, as the loop goes on
            self._raised(error, demands)
        else:
            self._done(result, demands)

    async def _wait(self, tick: float) -> bool:
        """Wait for the tick or a demand; whether it is the tick."""
        if self._demands:
            return False
        loop = asyncio.get_running_loop()
        while True:
            self._wake = loop.create_future()
            timer = loop.call_at(tick, self._rouse, True) if self._ticking else None
            try:
                due = await self._wake
            finally:
                self._wake = None
                if timer is not None:
                    timer.cancel()
            if due or self._demands:
                return due and not self._demands

    def _rouse(self, due: bool) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(due)

    def _record(self, result: ScrapeResult) -> None:
        """Tell those who count and log; what handles the log may raise."""
        self.last = result
        self._engine.telemetry.record(self.job.name, result)
        self._state.record(result)

    def _done(
        self, result: ScrapeResult, demands: list[asyncio.Future[ScrapeResult]]
    ) -> None:
        for wanted in demands:
            if not wanted.done():
                wanted.set_result(result)
        for watcher in self._take_watchers():
            if not watcher.done():
                watcher.set_result(None)

    def _raised(
        self, error: Exception, demands: list[asyncio.Future[ScrapeResult]]
    ) -> None:
        """Hand what a foreign function raised to those who wait, else to the log."""
        waits: list[asyncio.Future[Any]] = [*demands, *self._take_watchers()]
        if _end(waits, error):
            return
        raised = error.error if isinstance(error, EscapedError) else error
        try:
            contained(_log.error, "scraping %s raised", self.claim.name, exc_info=raised)
        except Exception:  # what handles the log; nothing but the standard error is left
            traceback.print_exc()

    def _not_any_more(self) -> PromlatestError:
        return PromlatestError(f"{self.claim.name} is not scraped any more")

    def _end_waits(self, error: PromlatestError) -> None:
        demands, self._demands = self._demands, []
        _end([*demands, *self._take_watchers()], error)

    def _take_watchers(self) -> list[asyncio.Future[None]]:
        watchers, self._watchers = self._watchers, []
        return watchers

    # One scrape

    async def _scrape(self, late: float) -> ScrapeResult:
        ingester = self._ingester
        timestamp = await self._moment(late)
        started = self._last_started = perf_counter()
        try:
            answer = await self._fetch()
        except EscapedError as error:
            await self._commit(ingester.fail, error, timestamp, started)
            raise
        except Exception as error:  # whatever it is: the target is down, and says why
            return await self._commit(ingester.fail, error, timestamp, started)
        if self._is_quick(answer):
            result = contained(ingester.ingest, answer, timestamp, started)
        else:
            result = await self._commit(ingester.ingest, answer, timestamp, started)
        if self._endpoint is not None:
            self._engine.http().reuse(answer.body)
        return result

    def _is_quick(self, answer: Fetched | Collected) -> bool:
        """Whether to read and commit on the loop itself: what took less than a change of
        thread the last time, is no larger now, and has nobody to tell."""
        last = self.last
        return (
            last is not None
            and last.up
            and isinstance(answer, Fetched)
            and len(answer.body) <= last.bytes + _GROWN
            and last.parse_seconds + last.commit_seconds < _QUICK
            and not self._engine.sink.is_watched
        )

    async def _moment(self, late: float) -> int:
        """The time of this scrape, in milliseconds since the epoch.

        If the clock was set back, the target begins anew: what is held would count as
        newer than samples with timestamps of their own until the clock has caught up.
        """
        now = contained(self._engine.sink.clock) - round(late * 1000)
        timestamp, back = self.claim.moment(now)
        if back:
            contained(
                _log.warning, "the clock was set back: %s begins anew", self.claim.name
            )
            await self._engine.committers.call(self._engine.sink.remove, self.claim.name)
        return timestamp

    async def _commit(self, function: Any, *args: Any) -> ScrapeResult:
        """Call it on a worker; cancelling must not let go of it."""
        self._busy = self._engine.committers.call(function, *args)
        try:
            result: ScrapeResult = await asyncio.shield(self._busy)
        finally:
            if self._busy.done():
                self._busy = None
        return result

    async def _fetch(self) -> Fetched | Collected:
        if self.target.kind not in ("http", "unix"):
            return await self._read()
        if self._endpoint is None:
            self._endpoint = HttpTarget(self._engine.http(), self.target, self.job)
        return await self._endpoint.fetch()

    async def _read(self) -> Fetched | Collected:
        """Read what needs no HTTP on a thread, which cannot be interrupted."""
        if self._reading is None:
            self._reading = OneAtATime(self._engine.readers, self.claim.name)
        target, job = self.target, self.job
        try:
            async with asyncio.timeout(job.timeout) as limit:
                if target.kind == "registry":
                    return await self._reading.call(collect, target, job.timeout)
                return await self._reading.call(
                    read_local, target, job.timeout, job.limits.body_size
                )
        except TimeoutError:
            if not limit.expired():
                raise
            raise timed_out("body", job.timeout, self.claim.name) from None


def _end(waits: Iterable[asyncio.Future[Any]], error: Exception) -> bool:
    """Have these waits raise an error; whether anybody waited."""
    waiting = [each for each in waits if not each.done()]
    for each in waiting:
        each.set_exception(error)
    return bool(waiting)
