"""The two faces of the engine: `AsyncScraper` in an event loop of the program, and
`Scraper` on a thread of its own, for programs that have none. What a method does is said
once, on `AsyncScraper`.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from promlatest.exceptions import UsageError
from promlatest.scrape._engine import Engine, jobs_of
from promlatest.scrape._extras import load_config
from promlatest.scrape._fetch import EscapedError
from promlatest.scrape._fork import in_child
from promlatest.scrape._ingest import ScrapeResult, ScrapeSink
from promlatest.scrape._job import Job, JobTargets
from promlatest.scrape._loop import LoopThread
from promlatest.scrape._target import Target

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["AsyncScraper", "Scraper"]

R = TypeVar("R")

_HANGS: Final = 10.0  # s; the engine ends in 5, unless its thread does not come back


class _ScraperFace:
    """What both have: how they are made, and what can be looked at from any thread."""

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
        """
        Args:
            sink: the store.
            targets: targets, or whatever `Target.of` makes one of. One that is given
                twice is scraped once.
            interval: from the start of a scrape to the start of the next, in seconds; 5
                if neither it nor a job is given.
            timeout: for one whole scrape, in seconds; 10, but not above the interval.
            job: further options for all targets.
            registry: where the `promlatest_*` metrics go; None: nowhere.

        Raises:
            UsageError: something is no target, or the timeout is above the interval.
        """
        work = jobs_of(targets, job, interval, timeout)
        self._begin(Engine(sink, work, registry))

    @classmethod
    def of_jobs(
        cls,
        sink: ScrapeSink,
        work: JobTargets,
        *,
        registry: CollectorRegistry | None = None,
    ) -> Self:
        """A scraper of several jobs with their targets."""
        scraper = cls.__new__(cls)
        scraper._begin(Engine(sink, work, registry))
        return scraper

    @classmethod
    def from_config(
        cls,
        sink: ScrapeSink,
        path: str | os.PathLike[str],
        *,
        skip_unsupported: bool = False,
        registry: CollectorRegistry | None = None,
    ) -> Self:
        """A scraper of what a Prometheus `scrape_config` in YAML says; see `load_config`.

        Args:
            sink: the store.
            path: a whole prometheus.yml, a list of scrape configs, or one of them.
            skip_unsupported: leave out jobs that want what promlatest does not have.
            registry: where the `promlatest_*` metrics go; None: nowhere.

        Raises:
            UsageError: what is wrong with the file, line by line.
            MissingExtraError: the extra ``[scrape]`` is not installed.
        """
        work = load_config(path, skip_unsupported=skip_unsupported)
        return cls.of_jobs(sink, work, registry=registry)

    def _begin(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def targets(self) -> Mapping[str, Target]:
        """The targets, by the name that the store has for each as a source."""
        return {name: each.target for name, each in self._engine.loops.items()}

    @property
    def jobs(self) -> Mapping[str, Job]:
        """How each target is scraped, by the same names."""
        return {name: each.job for name, each in self._engine.loops.items()}

    @property
    def results(self) -> Mapping[str, ScrapeResult]:
        """The last result of each target that was scraped."""
        loops = self._engine.loops.items()
        return {name: each.last for name, each in loops if each.last is not None}


class AsyncScraper(_ScraperFace):
    """Keeps a store up to date with what targets expose, under asyncio.

    ::

        async with AsyncScraper(store, ["localhost:8080"], interval=5) as scraper:
            result = await scraper.scrape()

    Entering it begins to scrape every target at its interval; leaving it ends that and
    leaves the store as it is. All of it belongs to the loop in which it was entered.
    In the child of a fork it is not running; it can be started there.
    """

    # Running

    async def start(self) -> None:
        """Begin to scrape every target at its interval; the first time at once.

        Raises:
            UsageError: another scraper scrapes one of them into this store, or another
                event loop has this one.
        """
        await self._engine.start()

    async def stop(self) -> None:
        """End it. What the store has stays; nothing is written to it any more.

        It takes no longer than a commit that is under way, for which it waits at most
        5 s; a target that does not answer is not waited for. It can be started again.

        Raises:
            TimeoutError: a `Scraper` has not ended within 10 s, since what it calls on its
                own thread, a log handler or the clock of the store, hangs. Its thread is
                left behind.
        """
        await self._engine.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # Targets

    async def add(self, target: object, *, job: Job | None = None) -> str:
        """Scrape one more target; gives the name that the store has for it.

        Raises:
            UsageError: it is no target, or another scraper scrapes it into this store.
        """
        return await self._engine.add(target, job=job)

    async def remove(self, target: object) -> None:
        """Scrape a target no more; its series go away.

        Raises:
            UsageError: there is no such target.
        """
        await self._engine.remove(target)

    # Scraping on demand

    async def scrape(self, target: object | None = None) -> ScrapeResult:
        """Scrape one target now; it need not have been started.

        A scrape that is under way is waited for first, since it may have begun before
        what is to be seen happened. A failed scrape is a result with an `error`. What a
        callable or a subscriber of the store raises that is no `Exception` (as
        `pytest.fail` does) is raised here.

        Args:
            target: which; it need not be said if there is only one.

        Raises:
            UsageError: there is no such target, there are several, or another scraper
                scrapes it into this store.
        """
        return await _unwrapped(self._engine.scrape(target))

    async def scrape_all(self) -> list[ScrapeResult]:
        """Scrape all targets now, side by side; the results in the order of `targets`."""
        return await _unwrapped(self._engine.scrape_all())

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
            since: the moment in milliseconds since the epoch, by the clock of the
                store; None: this one.
            timeout: how long to wait, in seconds; None: for ever.

        Raises:
            TimeoutError: there was none in time.
            UsageError: there is no such target, there are several, or scraping has not
                been started.
        """
        fresh = self._engine.wait_fresh(target, since=since, timeout=timeout)
        return await _unwrapped(fresh)


async def _unwrapped(work: Coroutine[Any, Any, R]) -> R:
    try:
        return await work
    except EscapedError as error:
        raise error.error from None


class Scraper(_ScraperFace):
    """Keeps a store up to date with what targets expose, in the background.

        >>> from promlatest import Store
        >>> store = Store()
        >>> with Scraper(store, [lambda: b"depth 3\\n"], interval=5) as scraper:
        ...     scraper.scrape().samples
        1
        >>> store.value("depth")
        3.0

    `start` begins to scrape every target at its interval, the first time at once;
    `stop` ends that and leaves the store as it is. As a context manager it does both.
    It is safe to use from any thread, but for the functions that the store calls after a
    commit, and callables that are scraped: those must not wait for a scrape. In the child
    of a fork it is not running; it can be started there.
    """

    def _begin(self, engine: Engine) -> None:
        super()._begin(engine)
        self._forget_thread()
        in_child(self, Scraper._forget_thread)

    def _forget_thread(self) -> None:
        """In the child of a fork the thread is gone, and somebody may have had the lock."""
        # Held to begin work on the thread and to end it, but not while work is done.
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None  # guarded by the lock
        self._forgotten: weakref.finalize[Any, Any] | None = None

    # Running

    def start(self) -> None:
        self._run(self._engine.start)

    def stop(self) -> None:
        self._check_thread()
        with self._lock:
            if self._thread is None:
                return
            try:
                self._thread.wait(self._thread.submit(self._engine.stop()), _HANGS)
            except TimeoutError:
                raise TimeoutError(
                    f"the scraper did not end within {_HANGS:g} s: a log handler or the"
                    " store's clock hangs; its thread is left behind"
                ) from None
            finally:
                self._thread.close()
                self._thread = None
                self._engine.leave_loop()  # others may have used it meanwhile
                if self._forgotten is not None:
                    self._forgotten.detach()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Targets

    def add(self, target: object, *, job: Job | None = None) -> str:
        return self._run(partial(self._engine.add, target, job=job))

    def remove(self, target: object) -> None:
        self._run(partial(self._engine.remove, target))

    # Scraping on demand

    def scrape(self, target: object | None = None) -> ScrapeResult:
        return self._run(partial(self._engine.scrape, target))

    def scrape_all(self) -> list[ScrapeResult]:
        return self._run(self._engine.scrape_all)

    def wait_fresh(
        self,
        target: object | None = None,
        *,
        since: int | None = None,
        timeout: float | None = None,
    ) -> ScrapeResult:
        return self._run(
            partial(self._engine.wait_fresh, target, since=since, timeout=timeout)
        )

    def _run(self, begin: Callable[[], Coroutine[Any, Any, R]]) -> R:
        self._check_thread()
        with self._lock:
            if self._thread is None:
                self._thread = LoopThread()
                # A program that forgets to stop must end all the same, and quietly.
                self._forgotten = weakref.finalize(self, _stop, self._thread, self._engine)
            thread = self._thread
            future = thread.submit(begin())
        return thread.wait(future)

    def _check_thread(self) -> None:
        """Refuse what would wait for itself."""
        thread = self._thread
        if self._engine.is_own_thread() or (thread is not None and thread.is_mine()):
            raise UsageError(
                "a subscriber of the store must not wait for a scrape,"
                " nor a callable that is scraped"
            )


# What a method does is said once.
for _name in ("start", "stop", "add", "remove", "scrape", "scrape_all", "wait_fresh"):
    getattr(Scraper, _name).__doc__ = getattr(AsyncScraper, _name).__doc__


def _stop(thread: LoopThread, engine: Engine) -> None:
    """End what a scraper has left behind: it was collected, or the program ends."""
    if thread.closed or not thread.is_alive():
        return
    if thread.is_mine():  # the collector runs on any thread
        thread.end_after(engine.stop())
        return
    try:
        thread.wait(thread.submit(engine.stop()), timeout=1.0)
    except TimeoutError:
        return
    finally:
        thread.close()
