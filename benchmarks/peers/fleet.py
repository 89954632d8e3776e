"""A thousand node exporters: what scraping all of them takes, ours and Prometheus'.

One process answers on a thousand addresses of loopback, each time with the next of some
pages that a real exporter gave, so every target has a connection and a source of its own.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

from benchmarks.bench_scraping import SETTLING, hosts, scraper_share, served
from benchmarks.harness import OURS, Run
from benchmarks.peers.programs import Program, free_port, running
from promlatest.exposition import parse

_PAGES: Final = 8


def fleet(run: Run, home: Path, exporter: Program) -> None:
    """Scrape pages of this exporter from many addresses, and 100 series from 500."""
    run.begin("peers: fleet", "% of a core that a process takes which scrapes many targets")
    raws = []
    exporter.connection.close()  # it may have been idle for too long; it opens again
    for _ in range(_PAGES):
        raws.append(exporter.get("/metrics"))
        time.sleep(0.1)
    size = len(parse(raws[0]))
    seconds = run.pick(2.0, 15.0, 30.0)
    targets, interval = run.pick((5, 1.0), (1_000, 15.0), (1_000, 15.0))
    case = f"{targets} node_exporters every {interval:g} s"
    _beside(run, home, case, raws, targets, interval, seconds, size)
    small = [_small(step) for step in range(_PAGES)]
    targets, interval = run.pick((5, 1.0), (500, 5.0), (500, 5.0))
    case = f"{targets} targets of 100 series every {interval:g} s"
    _beside(run, home, case, small, targets, interval, seconds, 100)


def _small(step: int) -> bytes:
    values = (step if at % 10 == 0 else at for at in range(100))
    lines = (f'm{{a="{at}",queue="pods"}} {value}\n' for at, value in enumerate(values))
    return "".join(["# TYPE m gauge\n", *lines]).encode()


def _beside(
    run: Run,
    home: Path,
    case: str,
    raws: list[bytes],
    targets: int,
    interval: float,
    seconds: float,
    size: int,
) -> None:
    paths = [home / f"fleet-{at}" for at in range(len(raws))]
    for path, raw in zip(paths, raws, strict=True):
        path.write_bytes(raw)
    with served(0, *paths) as port:
        figures = {
            OURS: [scraper_share(port, targets, interval, seconds)],
            "Prometheus": [_prometheus_share(home, port, targets, interval, seconds)],
        }
    run.measured(case, figures, size=size, unit="% of a core", cpu=True)


def _prometheus_share(
    home: Path, port: int, targets: int, interval: float, seconds: float
) -> float:
    addresses = [f"{host}:{port}" for host in hosts(targets)]
    job = {"job_name": "fleet", "static_configs": [{"targets": addresses}]}
    period = f"{round(1000 * interval)}ms"
    timing = {"scrape_interval": period, "scrape_timeout": period}
    config = home / "fleet.yml"
    config.write_text(json.dumps({"global": timing, "scrape_configs": [job]}))
    own = free_port()
    command = (
        "prometheus", f"--config.file={config}",
        f"--storage.tsdb.path={home / f'fleet-{own}'}",
        f"--web.listen-address=127.0.0.1:{own}",
    )  # fmt: skip
    with running("Prometheus", own, "/-/ready", *command) as program:
        time.sleep(6 + SETTLING * interval)  # it begins after five seconds
        used, began = program.cpu(), time.perf_counter()
        time.sleep(seconds)
        return 100 * (program.cpu() - used) / (time.perf_counter() - began)
