"""What the dashboard costs: CPU and memory while it shows an endpoint of 5,000 series.

`python -m benchmarks.dashboard` serves the endpoint, a tenth of whose samples change at
every scrape, in a process of its own; it runs the dashboard on a pseudo-terminal, reads
what that draws and throws it away; and it asks the kernel what the dashboard's process
took. What that does not show: what the terminal takes to draw it.

With `--loop` it runs the dashboard in this process, on one metric, and says for how long
nothing else could run on the event loop while a scrape was taken and drawn.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import multiprocessing
import os
import pty
import resource
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from benchmarks.bodies import moving, there_and_back
from promlatest import Store
from promlatest.tui import Dashboard

_HERTZ: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = resource.getpagesize()

# The page, and the keys that lead there from the first one; a key may wait for a scrape.
PAGES: Final = {
    "overview": ["o"],
    "metrics": ["m"],
    "series of one metric": ["m", "G", "\r"],
    "a histogram": ["m", "g", "\r", "\r"],
}

ONE_METRIC: Final = {
    "overview": ["o"],
    "metrics": ["m"],
    "the series of the metric": ["m", "g", "\r"],
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard")
    parser.add_argument("--series", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each page")
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--size", default="120x40", help="of the terminal")
    parser.add_argument(
        "--settle", type=float, default=2.0, help="seconds for what is done but once"
    )
    parser.add_argument(
        "--loop", action="store_true", help="how long the event loop is held up"
    )
    parser.add_argument("--one-metric", action="store_true", help="all series are of one")
    given = parser.parse_args()
    columns, lines = map(int, given.size.split("x"))
    print(f"{given.series} series, every {given.interval:g} s, {columns}x{lines}")
    if given.loop:
        asyncio.run(_held_up(given.series, (columns, lines)))
        return
    pages = ONE_METRIC if given.one_metric else PAGES
    with _endpoint(given.series, given.one_metric) as port:
        for page, keys in pages.items():
            cpu, memory, drawn = _measure(port, given, keys, (lines, columns))
            print(
                f"{page:>21}: {cpu:5.1%} of a core, {memory / 2**20:.0f} MiB resident,"
                f" {drawn / 1024:.1f} kB drawn a second",
                flush=True,
            )


@contextmanager
def _endpoint(series: int, one_metric: bool) -> Iterator[int]:
    """Serve the bodies in another process; gives the port."""
    parent, child = multiprocessing.Pipe()
    process = multiprocessing.Process(
        target=_serve, args=(series, one_metric, child), daemon=True
    )
    process.start()
    try:
        yield parent.recv()
    finally:
        process.terminate()
        process.join()


def _of_one_metric(series: int) -> list[bytes]:
    """Bodies of one counter with so many series, a tenth of which move from one to the
    next."""
    return [
        b"# TYPE jobs_total counter\n"
        + b"".join(
            b'jobs_total{pod="p%d",ns="n%d",code="%d"} %d\n'
            % (n, n % 50, n % 5, n + (step if n % 10 == step % 10 else 0))
            for n in range(series)
        )
        for step in range(1, 9)
    ]


def _serve(series: int, one_metric: bool, told: object) -> None:
    made = _of_one_metric(series) if one_metric else moving(series, 0.1)
    bodies = there_and_back(made)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = next(bodies)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.send(server.server_port)  # type: ignore[attr-defined]
    server.serve_forever()


async def _held_up(series: int, size: tuple[int, int]) -> None:
    """Print the longest time that a ticker had to wait while scrapes were shown."""
    store = Store()
    app = Dashboard(store, _Still())
    worst = [0.0]
    async with app.run_test(size=size) as pilot:
        ticking = asyncio.create_task(_tick(worst))
        for page, keys in ONE_METRIC.items():
            await pilot.press(*(_KEYS.get(key, key) for key in keys))
            for number, body in enumerate(_of_one_metric(series)):
                await asyncio.to_thread(store.ingest, body, source="x")
                worst[0] = 0.0 if number < 3 else worst[0]  # the first ones list the series
                await pilot.pause(0.5)
            print(f"{page:>24}: held up for at most {worst[0] * 1e3:.0f} ms")
        ticking.cancel()


_KEYS: Final = {"\r": "enter"}


class _Still:
    """A feed that leaves scraping to somebody else."""

    names: Final = ("x",)
    paused = False

    async def run(self) -> None:
        await asyncio.Event().wait()

    def interval(self, name: str) -> float:
        return 1.0


async def _tick(worst: list[float]) -> None:
    while True:
        started = time.perf_counter()
        await asyncio.sleep(0.005)
        worst[0] = max(worst[0], time.perf_counter() - started - 0.005)


def _measure(
    port: int, given: argparse.Namespace, keys: list[str], size: tuple[int, int]
) -> tuple[float, int, float]:
    """The share of a core, the memory and the bytes a second of one page."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    command = [
        sys.executable, "-m", "promlatest", "top", f"127.0.0.1:{port}",
        "--interval", str(given.interval),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(slave)
    try:
        _drain(master, 4.0)
        for key in keys:
            os.write(master, key.encode())
            _drain(master, 1.0)
        _drain(master, given.settle)
        before, started = _cpu(process.pid), time.monotonic()
        drawn = _drain(master, given.seconds)
        passed = time.monotonic() - started
        return (_cpu(process.pid) - before) / passed, _memory(process.pid), drawn / passed
    finally:
        process.terminate()
        process.wait()
        os.close(master)


def _drain(master: int, seconds: float) -> int:
    """Read what is drawn; gives how many bytes it was."""
    until, drawn = time.monotonic() + seconds, 0
    while (left := until - time.monotonic()) > 0:
        if select.select([master], [], [], left)[0]:
            drawn += len(os.read(master, 1 << 16))
    return drawn


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _HERTZ


def _memory(pid: int) -> int:
    """Bytes of resident memory of a process."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * _PAGE


if __name__ == "__main__":
    main()
