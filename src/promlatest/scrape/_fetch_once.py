"""One fetch and nothing more: what a target answers, unread. It blocks."""

from __future__ import annotations

from promlatest.exceptions import EndpointError, UsageError
from promlatest.exposition import Format, format_of
from promlatest.scrape._fetch import Fetched, ScrapeLimits, read_local
from promlatest.scrape._job import Job
from promlatest.scrape._target import Target

__all__ = ["fetch", "fetch_once"]


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
    limits = ScrapeLimits() if limits is None else limits
    return fetch(Target.of(target), Job(timeout=timeout, limits=limits, fallback=fallback))


def fetch(target: Target, job: Job) -> Fetched:
    """The same for a target of a job."""
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
