"""One fetch, or one scrape, and its result: blocking, for scripts and the command line."""

from __future__ import annotations

from time import perf_counter

from promlatest._arguments import checked
from promlatest.exceptions import EndpointError, UsageError
from promlatest.exposition import Format, format_of
from promlatest.scrape._fetch import (
    EscapedError,
    Fetched,
    ScrapeLimits,
    collect,
    read_local,
)
from promlatest.scrape._ingest import Ingester, ScrapeResult, ScrapeSink
from promlatest.scrape._job import Job
from promlatest.scrape._sources import Claims, claims_of
from promlatest.scrape._target import Target

__all__ = ["fetch_once", "scrape_once"]


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
        EndpointError: one of its kinds says what is wrong with the endpoint.
    """
    return _fetch(Target.of(target), _job(timeout, limits, fallback))


def _job(
    timeout: float, limits: ScrapeLimits | None, fallback: Format | None = None
) -> Job:
    limits = ScrapeLimits() if limits is None else limits
    return Job(timeout=timeout, limits=limits, fallback=fallback)


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
        >>> result.samples, store.value("depth"), store.value("up")
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
        UsageError: it is no target, or a `Scraper` that runs scrapes it into this store.
        EndpointError: one of its kinds says what is wrong with the endpoint.
    """
    claims = claims_of(sink)
    options = _job(timeout, limits) if job is None else checked(job, Job, "a Job for job")
    result = _scrape(sink, claims, Target.of(target), options)
    if result.error is not None:
        raise result.error
    return result


def _scrape(sink: ScrapeSink, claims: Claims, target: Target, job: Job) -> ScrapeResult:
    claim = claims.claim(target, job)
    claim.check_free()
    ingester = Ingester(sink, target, claim.name, job)
    timestamp, back = claim.moment(sink.clock())
    if back:
        sink.remove(claim.name)
    started = perf_counter()
    try:
        answer = (
            collect(target, job.timeout)
            if target.kind == "registry"
            else _fetch(target, job)
        )
    except Exception as error:
        return ingester.fail(error, timestamp, started)
    except BaseException as error:  # of a callable: raised as it is
        ingester.fail(EscapedError(error), timestamp, started)
        raise
    return ingester.ingest(answer, timestamp, started)


def _fetch(target: Target, job: Job) -> Fetched:
    if target.kind == "registry":
        raise UsageError("a registry is scraped, not fetched: it has no text")
    if target.kind not in ("http", "unix"):
        return read_local(target, job.timeout, job.limits.body_size)
    from promlatest.scrape._http import fetch_blocking  # and asyncio: 40 ms

    fetched = fetch_blocking(target, job)
    if fetched.body:  # an empty answer is a healthy one, whatever its type (C-3)
        try:
            format_of(fetched.content_type, job.fallback)
        except EndpointError as error:
            error.target = target.name
            raise
    return fetched
