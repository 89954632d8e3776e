"""Our scrape loop in a process of its own; it prints the CPU seconds of some scrapes.

`python -m benchmarks.peers.loop WAY URL PERIOD WARM COUNT`; the way is added to the URL as
the parameter `client`, by which the body server tells its clients apart.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from benchmarks.bench_parse import rpartition
from promlatest import Store
from promlatest.scrape import Scraper

Take = Callable[[bytes], object]


def scraper(url: str, period: float, warm: int, count: int) -> float:
    """Ours, as it is used: targets, `up`, limits and all."""
    store = Store()
    steps = threading.Semaphore(0)
    store.subscribe(lambda change: steps.release())
    with Scraper(store, [url], interval=period):
        for _ in range(warm):
            steps.acquire()
        used = time.process_time()
        for _ in range(count):
            steps.acquire()
        used = time.process_time() - used
    failed = [source.error for source in store.sources.values() if source.error]
    assert not failed, failed
    return used


def bare(way: str, url: str, period: float, warm: int, count: int) -> float:
    """The standard library's client, and whatever takes the body."""
    take = TAKES[way]()
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc)
    due = time.monotonic()
    used = 0.0
    for number in range(warm + count):
        if number == warm:
            used = time.process_time()
        connection.request("GET", f"{where.path}?{where.query}")
        take(connection.getresponse().read())
        due += period
        time.sleep(max(0.0, due - time.monotonic()))
    return time.process_time() - used


def _ingest() -> Take:
    store = Store()
    return lambda raw: store.ingest(raw, source="bench")


def _naive() -> Take:
    points: dict[str, float] = {}
    return lambda raw: rpartition(raw, points)


def _nothing() -> Take:
    """What receiving takes."""
    return lambda raw: None


TAKES: Final[dict[str, Callable[[], Take]]] = {
    "ingest": _ingest,
    "naive": _naive,
    "nothing": _nothing,
}


def _main(way: str, url: str, period: str, warm: str, count: str) -> None:
    named = f"{url}{'&' if '?' in url else '?'}client={way}"
    numbers = (named, float(period), int(warm), int(count))
    print(scraper(*numbers) if way == "scraper" else bare(way, *numbers))


if __name__ == "__main__":
    _main(*sys.argv[1:])
