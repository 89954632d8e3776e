"""Pages of real programs: what a scrape of them costs, ours and Prometheus' in one run.

Debian's own programs and the demo operator are started and scraped where they answer, so
their values move as they do; a page of each that was fetched from it just now and is served
again and again is the same at rest. CPU is that of the whole process that scrapes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from benchmarks.harness import OURS, Run
from benchmarks.peers.fleet import fleet
from benchmarks.peers.programs import (
    Go,
    Program,
    free_port,
    prometheus,
    running,
    wait_for,
)
from promlatest.exposition import parse

WARM: Final = 4  # scrapes before the clock runs
LOOPS: Final = {
    OURS: "scraper",
    "promlatest, http.client + ingest": "ingest",
    "rpartition + dict, no labels": "naive",
    "received, not read (the floor)": "nothing",
}
_PERIOD: Final = 0.1  # seconds between two scrapes


def pages(run: Run, home: Path, bodies: Program) -> None:
    """Scrape loops over real pages, first readings of them beside Go, and a fleet."""
    with ExitStack() as stack:
        exporters = list(_exporters(stack, home))
        paths, sizes = {}, {}
        for program in exporters:
            title = program.title
            kept = f"http://127.0.0.1:{program.port}/metrics"
            bodies.get("/keep", name=title, url=kept)
            paths[title] = home / f"page-{program.port}"
            paths[title].write_bytes(program.get("/metrics"))
            sizes[title] = len(parse(paths[title].read_bytes()))
        run.begin("peers: pages", f"CPU of whole processes, a scrape each {_PERIOD} s")
        for program in exporters:
            title, size = program.title, sizes[program.title]
            _loops(run, home, f"{title}, moving", program, "/metrics", size)
            static = f"/static?{urlencode({'name': title})}"
            _loops(run, home, f"{title}, at rest", bodies, static, size)
        run.begin("peers: pages parsed", "CPU of a first scrape, beside Go's expfmt")
        go = Go(home)
        for title, path in paths.items():
            go.beside_reading(run, title, path, sizes[title])
        go.close()
        fleet(run, home, exporters[0])


def _exporters(stack: ExitStack, home: Path) -> Iterator[Program]:
    """The programs whose pages are scraped, each titled by what it is."""
    node, etcd, peer, demo = (free_port() for _ in range(4))
    programs = (
        ("node_exporter", node, (
            "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}",
        )),
        ("etcd", etcd, (
            "etcd", f"--data-dir={home / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
        )),
        ("demo operator", demo, (
            sys.executable, "-m", "promlatest", "demo", "--port", str(demo),
        )),
    )  # fmt: skip
    for title, port, command in programs:
        yield stack.enter_context(running(title, port, "/metrics", *command))
    scraped = Path(tempfile.mkdtemp(dir=home))
    server = stack.enter_context(prometheus(scraped, f"127.0.0.1:{node}", "/metrics", 15.0))
    server.title = "Prometheus' own"
    yield server


def _loops(run: Run, home: Path, case: str, served: Program, path: str, size: int) -> None:
    """Ours, the floors and Prometheus in turn; who is not measured is held still."""
    scrapes, rounds = run.pick(3, 20, 40), run.pick(1, 3, 5)
    target = f"127.0.0.1:{served.port}"
    ways = {
        title: partial(loop_cpu, way, f"http://{target}{path}", _PERIOD, scrapes)
        for title, way in LOOPS.items()
    }
    found: dict[str, list[float]] = {title: [] for title in (*ways, "Prometheus")}
    directory = Path(tempfile.mkdtemp(dir=home))
    with prometheus(directory, target, path, _PERIOD) as program:
        wait_for(program.title, lambda: _scrapes(program) >= WARM)
        program.hold()
        for _ in range(rounds):
            for title, way in ways.items():
                found[title].append(1e9 * way() / size)
            found["Prometheus"].append(1e9 * _cpu(program, scrapes) / size)
    run.measured(case, found, size=size, unit="ns a sample", cpu=True)


def loop_cpu(way: str, url: str, period: float, scrapes: int) -> float:
    """CPU seconds a scrape of a loop of ours, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.peers.loop", way, url]
    numbers = map(str, (period, WARM, scrapes))
    done = subprocess.run([*command, *numbers], capture_output=True, text=True, check=True)
    return float(done.stdout) / scrapes


def _cpu(program: Program, scrapes: int) -> float:
    """CPU seconds a scrape of a Prometheus that was held still."""
    program.go_on()
    time.sleep(WARM * _PERIOD)
    before, used = _scrapes(program), program.cpu()
    time.sleep(scrapes * _PERIOD)
    used = program.cpu() - used
    done = _scrapes(program) - before
    program.hold()
    return used / done


def _scrapes(program: Program) -> float:
    """How often it has scraped its target."""
    found = program.instant("count_over_time(up[1h])")
    return float(found[0]["value"][1]) if found else 0.0  # type: ignore[index]
