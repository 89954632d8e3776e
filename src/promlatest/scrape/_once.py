"""One scrape and its result: blocking, for scripts and the command line."""

from __future__ import annotations

from time import perf_counter

from promlatest._arguments import checked
from promlatest.scrape._fetch import EscapedError, ScrapeLimits, collect
from promlatest.scrape._fetch_once import fetch
from promlatest.scrape._ingest import Ingester, ScrapeResult, ScrapeSink
from promlatest.scrape._job import Job
from promlatest.scrape._sources import Claims, claims_of
from promlatest.scrape._target import Target

__all__ = ["scrape_once"]


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
    if job is None:
        job = Job(timeout=timeout, limits=ScrapeLimits() if limits is None else limits)
    result = _scrape(sink, claims, Target.of(target), checked(job, Job, "a Job for job"))
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
            else fetch(target, job)
        )
    except Exception as error:
        return ingester.fail(error, timestamp, started)
    except BaseException as error:  # of a callable: raised as it is
        ingester.fail(EscapedError(error), timestamp, started)
        raise
    return ingester.ingest(answer, timestamp, started)
