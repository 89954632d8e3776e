"""The engine on a thread of its own, for programs without an event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from promlatest.exceptions import UsageError
from promlatest.scrape._engine import AsyncScraper
from promlatest.scrape._extras import load_config
from promlatest.scrape._ingest import ScrapeResult, ScrapeSink
from promlatest.scrape._job import Job
from promlatest.scrape._target import Target

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["Scraper"]

R = TypeVar("R")


class Scraper:
    """Keeps a store up to date with what targets expose, in the background.

        >>> from promlatest import Store
        >>> store = Store()
        >>> with Scraper(store, [lambda: b"depth 3\\n"], interval=5) as scraper:
        ...     scraper.scrape().samples
        1
        >>> store.query("depth")[0].value
        3.0

    `start` begins to scrape every target at its interval, the first time at once;
    `stop` ends that and leaves the store as it is. As a context manager it does both.
    It is safe to use from any thread, but for the functions that the store calls after a
    commit: those must not wait for a scrape.

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
        self._engine: AsyncScraper = AsyncScraper(
            sink, targets, interval=interval, timeout=timeout, job=job, registry=registry
        )
        self._lock: Final = threading.Lock()
        self._thread: _LoopThread | None = None  # guarded by the lock

    @classmethod
    def of_jobs(
        cls,
        sink: ScrapeSink,
        work: Iterable[tuple[Job, Iterable[Target]]],
        *,
        registry: CollectorRegistry | None = None,
    ) -> Self:
        """A scraper of several jobs with their targets."""
        scraper = cls(sink)
        scraper._engine = AsyncScraper.of_jobs(sink, work, registry=registry)
        return scraper

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

    def start(self) -> None:
        """Begin to scrape; the first time at once."""
        self._run(self._engine.start())

    def stop(self) -> None:
        """End it. What the store has stays; nothing is written to it any more.

        It takes no longer than a commit that is under way; a target that does not
        answer is not waited for. It can be started again.
        """
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._check_thread(thread)
            try:
                thread.run(self._engine.stop())
            finally:
                thread.close()
                self._forgotten.detach()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # Targets

    @property
    def targets(self) -> Mapping[str, Target]:
        """The targets, by the name that the store has for each as a source."""
        return self._engine.targets

    @property
    def results(self) -> Mapping[str, ScrapeResult]:
        """The last result of each target that was scraped."""
        return self._engine.results

    def add(self, target: object, *, job: Job | None = None) -> str:
        """Scrape one more target; gives the name that the store has for it.

        Raises:
            UsageError: it is no target.
        """
        return self._run(self._engine.add(target, job=job))

    def remove(self, target: object) -> None:
        """Scrape a target no more; its series go away.

        Raises:
            UsageError: there is no such target.
        """
        self._run(self._engine.remove(target))

    # Scraping on demand

    def scrape(self, target: object | None = None) -> ScrapeResult:
        """Scrape one target now; it need not have been started.

        A scrape that is under way is waited for first, since it may have begun before
        what is to be seen happened. A failed scrape is a result with an `error`.

        Args:
            target: which; it need not be said if there is only one.

        Raises:
            UsageError: there is no such target, or there are several.
        """
        return self._run(self._engine.scrape(target))

    def scrape_all(self) -> list[ScrapeResult]:
        """Scrape all targets now, side by side."""
        return self._run(self._engine.scrape_all())

    def wait_fresh(
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
        return self._run(self._engine.wait_fresh(target, since=since, timeout=timeout))

    def _run(self, work: Coroutine[Any, Any, R]) -> R:
        with self._lock:
            if self._thread is None:
                self._thread = _LoopThread()
                # A program that forgets to stop must end all the same, and quietly.
                self._forgotten = weakref.finalize(self, _stop, self._thread, self._engine)
            thread = self._thread
        try:
            self._check_thread(thread)
        except UsageError:
            work.close()
            raise
        return thread.run(work)

    def _check_thread(self, thread: _LoopThread) -> None:
        if self._engine.committers.is_mine() or thread.is_mine():
            raise UsageError("a subscriber of the store must not wait for a scrape")


def _stop(thread: _LoopThread, engine: AsyncScraper) -> None:
    """End what a scraper has left behind: it was collected, or the program ends."""
    if thread.closed:
        return
    if thread.is_mine():  # the collector runs on any thread
        thread.end_after(engine.stop())
        return
    try:
        thread.run(engine.stop(), timeout=1.0)
    except TimeoutError:
        return
    finally:
        thread.close()


class _LoopThread:
    """An event loop on a daemon thread."""

    def __init__(self) -> None:
        self.closed = False
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(
            target=self._loop.run_forever, name="promlatest-scrape", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, R], timeout: float | None = None) -> R:
        """Run to the end and give the outcome; Ctrl-C cancels it.

        Raises:
            UsageError: the loop has ended meanwhile.
        """
        try:
            future: Future[R] = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise UsageError("the scraper was stopped meanwhile") from None
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def is_mine(self) -> bool:
        """Whether this is the thread."""
        return threading.current_thread() is self._thread

    def end_after(self, work: Coroutine[Any, Any, None]) -> None:
        """End the loop once this is done; for its own thread."""
        self.closed = True
        self._ending = self._loop.create_task(work)
        self._ending.add_done_callback(lambda _: self._loop.stop())

    def close(self) -> None:
        """End the loop and the thread. Others may be waiting for something on it, so
        that is let come to its end first."""
        self.closed = True
        with suppress(TimeoutError):
            self.run(_finish(), timeout=1.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._loop.close()


async def _finish() -> None:
    """Let the other tasks end, and who waits for them learn of it."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, left = await asyncio.wait(others, timeout=0.5)
        for task in left:
            task.cancel()
    for _ in range(3):  # a task's end reaches another thread by callbacks
        await asyncio.sleep(0)
