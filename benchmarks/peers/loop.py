"""Our scrape loop in a process of its own; it prints the CPU seconds of some scrapes.

`python -m benchmarks.peers.loop WAY URL PERIOD WARM COUNT`; the way is added to the URL as
the parameter `client`, by which the body server tells its clients apart.
"""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from benchmarks.bench_parse import rpartition
from promlatest import Store
from promlatest.scrape import Scraper

Take = Callable[[bytes], object]


def scraper(url: str, period: float, warm: int, count: int) -> float:
    """Ours, as it is used: targets, `up`, limits and all; nobody subscribed."""
    with Scraper(Store(), [url], interval=period) as scraper:
        time.sleep(warm * period)
        before, used = _last(scraper), time.process_time()
        time.sleep(count * period)
        used = time.process_time() - used
        done = round((_last(scraper) - before) / 1e3 / period)
    return used / done * count


def _last(scraper: Scraper) -> int:
    """When the last scrape was due, in milliseconds."""
    (result,) = scraper.results.values()
    assert result.up, result.error
    return result.timestamp


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
