"""Many targets over HTTP: what a scrape costs the scraping process, and its event loop.

Each target has an address of its own on loopback, so a connection of its own, and all are
served by one other process; one value in ten moves between two scrapes. The other way is
what a program would write: http.client on a thread, one connection a target, and the body
read into a store.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.harness import OURS, Run
from promlatest import Store
from promlatest.scrape import AsyncScraper, Scraper

NAIVE = "http.client and Store.ingest"
SETTLING = 3.0
"""Intervals until scraping is measured."""

_SERVER = """
import asyncio, sys
from pathlib import Path
pages = [Path(name).read_bytes() for name in sys.argv[2:]]
lines = [b'm{a="%d",queue="pods"}' % number for number in range(int(sys.argv[1]))]
def page(asked):
    if pages:
        return pages[asked % len(pages)]
    values = (asked if at % 10 == 0 else at for at in range(len(lines)))
    pairs = zip(lines, values)
    return b"# TYPE m gauge\\n" + b"".join(b"%b %d\\n" % pair for pair in pairs)
async def answer(reader, writer):
    asked = 0
    try:
        while True:
            await reader.readuntil(b"\\r\\n\\r\\n")
            asked += 1
            body = page(asked)
            head = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: %d\\r\\n\\r\\n"
            writer.write(head % len(body) + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(answer, "0.0.0.0", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


def run(run: Run) -> None:
    run.begin("scraping", "targets over HTTP, CPU of the scraping process")
    for series in (2, 100):
        with served(series) as port:
            loops = [asyncio.run(_loop_time(port, run.pick(5, 100, 300))) for _ in range(3)]
            run.measured(
                "one scrape, its event loop alone",
                {OURS: loops},
                size=series,
                unit="ms",
                cpu=True,
            )
    interval, seconds = run.pick(1.0, 5.0, 5.0), run.pick(1.0, 5.0, 10.0)
    for targets, series in run.pick([(5, 10)], [(500, 100)], [(500, 100), (1000, 45)]):
        with served(series) as port:
            figures = {
                OURS: [scraper_share(port, targets, interval, seconds)],
                NAIVE: [_naive_share(port, targets, interval, seconds)],
            }
            case = f"{targets} targets every {interval:g} s"
            run.measured(case, figures, size=series, unit="% of a core", cpu=True)


@contextmanager
def served(series: int, *pages: Path) -> Iterator[int]:
    """A process that answers on every address of loopback; its port.

    Args:
        series: of the pages that it makes.
        pages: files to give in turn instead.
    """
    command = [sys.executable, "-c", _SERVER, str(series), *map(str, pages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def hosts(targets: int) -> list[str]:
    """An address on loopback for each target."""
    return [f"127.0.{number // 250}.{number % 250 + 1}" for number in range(1, targets + 1)]


async def _loop_time(port: int, scrapes: int) -> float:
    """ms of the loop's thread a scrape, one after the other."""
    scraper = AsyncScraper(Store(), [f"127.0.0.1:{port}"], interval=3600, timeout=10)
    for _ in range(10):
        await scraper.scrape()
    before = time.thread_time()
    for _ in range(scrapes):
        await scraper.scrape()
    took = time.thread_time() - before
    await scraper.stop()
    return 1e3 * took / scrapes


def scraper_share(port: int, targets: int, interval: float, seconds: float) -> float:
    """% of a core that scraping so many targets takes."""
    addresses = [f"{host}:{port}" for host in hosts(targets)]
    with Scraper(Store(), addresses, interval=interval) as scraper:
        _settle(scraper, interval)
        return _share(seconds)


def _settle(scraper: Scraper, interval: float) -> None:
    """Wait until all targets have been read once, and an interval later again: first
    readings, and what they leave to the garbage collector, cost more than what follows."""
    time.sleep(SETTLING * interval)
    while len(scraper.results) < len(scraper.targets):
        time.sleep(0.1)
    since = 1000 * (time.time() + interval)
    while min(result.timestamp for result in scraper.results.values()) < since:
        time.sleep(0.1)


def _naive_share(port: int, targets: int, interval: float, seconds: float) -> float:
    store = Store()
    connections = {host: HTTPConnection(host, port) for host in hosts(targets)}
    ended = False

    def scrape(host: str) -> None:
        connections[host].request("GET", "/metrics")
        answer = connections[host].getresponse()
        store.ingest(answer.read(), answer.headers["Content-Type"], source=host)

    def keep() -> None:
        due = time.monotonic()
        while not ended:
            for host in connections:
                if ended:
                    return
                pool.submit(scrape, host)
                due += interval / targets
                time.sleep(max(0.0, due - time.monotonic()))

    with ThreadPoolExecutor(8) as pool:
        kept = ThreadPoolExecutor(1)
        kept.submit(keep)
        time.sleep(SETTLING * interval)
        share = _share(seconds)
        ended = True
        kept.shutdown()
    for connection in connections.values():
        connection.close()
    return share


def _share(seconds: float) -> float:
    """% of a core that this process takes, in so many seconds."""
    gc.collect()
    cpu, began = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    return 100 * (time.process_time() - cpu) / (time.perf_counter() - began)
