"""One fetch, or one scrape, and its result: blocking, for scripts and the command line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from time import perf_counter
from typing import Any, Final, TypeVar

from promlatest._turns import now_ms
from promlatest.exceptions import EndpointError, UsageError
from promlatest.exposition import Format, format_of
from promlatest.scrape._extras import load_http
from promlatest.scrape._fetch import (
    Fetched,
    ScrapeLimits,
    collect,
    read_local,
)
from promlatest.scrape._ingest import Ingester, ScrapeResult, ScrapeSink
from promlatest.scrape._job import Job
from promlatest.scrape._target import Target

__all__ = ["fetch_once", "scrape_once"]

R = TypeVar("R")


def fetch_once(
    target: Target | str,
    *,
    timeout: float = 10.0,
    limits: ScrapeLimits | None = None,
    fallback: Format | None = None,
) -> Fetched:
    """What a target answers, unread.

    Args:
        target: a target, or the text of one; see `Target.parse`.
        timeout: for everything together, in seconds.
        limits: how much to take.
        fallback: the format to take where the Content-Type names none.

    Raises:
        UsageError: the text is no target.
        MissingExtraError: the target needs HTTP and the extra is not installed.
        EndpointError: one of its kinds says what is wrong with the endpoint.
    """
    return _fetch(
        Target.of(target),
        Job(timeout=timeout, limits=limits or ScrapeLimits(), fallback=fallback),
    )


def scrape_once(
    sink: ScrapeSink,
    target: Target | str | object,
    *,
    job: Job | None = None,
    timeout: float = 10.0,
    limits: ScrapeLimits | None = None,
) -> ScrapeResult:
    """Scrape a target into a store, once.

        >>> from promlatest import Store
        >>> store = Store()
        >>> result = scrape_once(store, lambda: b"depth 3\\n")
        >>> result.samples, store.query("depth")[0].value, store.query("up")[0].value
        (1, 3.0, 1.0)

    If it fails, the store has `up` 0 for the target, its series are stale, and the error
    is raised.

    Args:
        sink: the store.
        target: a target, a text (see `Target.parse`), a path, a callable that returns
            bytes, or a prometheus_client registry.
        job: further options; `timeout` and `limits` are then taken from it.
        timeout: for everything together, in seconds.
        limits: how much to take.

    Raises:
        UsageError: it is no target.
        MissingExtraError: the target needs HTTP and the extra is not installed.
        EndpointError: one of its kinds says what is wrong with the endpoint.
    """
    options = job or Job(timeout=timeout, limits=limits or ScrapeLimits())
    result = _scrape(sink, Target.of(target), options)
    if result.error is not None:
        raise result.error
    return result


class _Clock:
    """Milliseconds since the epoch, and no two the same: of two scrapes of one target in
    one millisecond the second would not count as newer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            self._last = max(now_ms(), self._last + 1)
            return self._last


_clock: Final = _Clock()


def _scrape(sink: ScrapeSink, target: Target, job: Job) -> ScrapeResult:
    ingester = Ingester(sink, target, target.name, job)
    timestamp, started = _clock.next(), perf_counter()
    try:
        answer = collect(target) if target.kind == "registry" else _fetch(target, job)
    except EndpointError as error:
        return ingester.fail(error, timestamp, started)
    return ingester.ingest(answer, timestamp, started)


def _fetch(target: Target, job: Job) -> Fetched:
    if target.kind == "registry":
        raise UsageError("a registry is scraped, not fetched: it has no text")
    if target.kind not in ("http", "unix"):
        return read_local(target, job.timeout, job.limits.body_size)
    fetched = _run(_fetch_http(target, job))
    if fetched.body:  # an empty answer is a healthy one, whatever its type (C-3)
        try:
            format_of(fetched.content_type, job.fallback)
        except EndpointError as error:
            error.target = target.name
            raise
    return fetched


async def _fetch_http(target: Target, job: Job) -> Fetched:
    client = load_http().HttpClient()
    try:
        fetched: Fetched = await client.fetch(target, job)
        return fetched
    finally:
        await client.close()


def _run(work: Coroutine[Any, Any, R]) -> R:
    """Run to the end, on a thread if this one has a loop already (a notebook's)."""
    if not _has_loop():
        return asyncio.run(work)
    outcome: Future[R] = Future()

    def run() -> None:
        try:
            outcome.set_result(asyncio.run(work))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="promlatest-once").start()
    return outcome.result()


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
