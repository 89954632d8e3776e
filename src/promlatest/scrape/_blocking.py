"""One fetch over HTTP for callers that have no event loop, or must not use theirs."""

from __future__ import annotations

from promlatest.scrape._fetch import Fetched
from promlatest.scrape._http import HttpClient
from promlatest.scrape._job import Job
from promlatest.scrape._loop import run_blocking
from promlatest.scrape._target import Target
from promlatest.scrape._workers import Workers

__all__ = ["fetch"]


def fetch(target: Target, job: Job) -> Fetched:
    """The body that a target answers with; see `HttpTarget.fetch`."""
    return run_blocking(_fetch(target, job))


async def _fetch(target: Target, job: Job) -> Fetched:
    readers = Workers("promlatest-read", 1)
    client = HttpClient(readers)
    endpoint = client.endpoint(target, job)
    try:
        return await endpoint.fetch()
    finally:
        endpoint.close()
        client.close()
        readers.close()
