"""`promlatest serve` beside Prometheus: the CPU of whole processes for a question over HTTP.

Both have scraped the same 10,000 series, keep their connection, and are asked the same;
the other one is held still meanwhile.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from benchmarks.harness import OURS, Run
from benchmarks.peers.programs import Program, free_port, prometheus, running, wait_for

SERIES: Final = 10_000
_SUMMED: Final = SERIES // 2

_EVERYTHING: Final = '{__name__=~"served_.*"}'
# The question, its path, and how often it is asked in a round.
QUESTIONS: Final = {
    "one series": ('served_total{code="2",shard="7"}', "/api/v1/query", 1_000),
    f"sum by of {_SUMMED:,}": ("sum by (code) (served_total)", "/api/v1/query", 30),
    f"p99 by handler of {_SUMMED:,}": (
        "histogram_quantile(0.99, sum by (le, handler) (served_seconds_bucket))",
        "/api/v1/query",
        10,
    ),
    f"/federate of {SERIES:,}": (_EVERYTHING, "/federate", 10),
}


def served_body() -> bytes:
    """A counter of 5,000 series, and 5,000 buckets of a histogram."""
    lines = ["# TYPE served_total counter"]
    lines += [
        f'served_total{{code="{at % 5}",shard="{at // 5}"}} {at * 7}'
        for at in range(_SUMMED)
    ]
    lines.append("# TYPE served_seconds histogram")
    bounds = ["0.001", "0.01", "0.05", "0.1", "0.5", "1", "5", "10", "60", "+Inf"]
    lines += [
        f'served_seconds_bucket{{handler="/h{at // 10}",le="{bounds[at % 10]}"}} {at % 10}'
        for at in range(_SUMMED)
    ]
    return ("\n".join(lines) + "\n").encode()


@contextmanager
def _ours(target: str) -> Iterator[Program]:
    port = free_port()
    command = (
        sys.executable, "-m", "promlatest", "serve", "--port", str(port),
        "--interval", "15", f"http://{target}/static?name=served&client=ours",
    )  # fmt: skip
    with running(OURS, port, "/-/ready", *command) as program:
        yield program


@contextmanager
def _ready() -> Iterator[Program]:
    port = free_port()
    command = (sys.executable, "-m", "benchmarks.peers.ready", str(port))
    with running("aiohttp, a ready answer", port, "/-/ready", *command) as program:
        yield program


def beside_prometheus(run: Run, home: Path, bodies: Program) -> None:
    """Ask both in turn."""
    run.begin("peers: serve", "CPU of a question over HTTP, with an open connection")
    target = f"127.0.0.1:{bodies.port}"
    with (
        _ours(target) as ours,
        prometheus(home, target, "/static?name=served", 15.0) as theirs,
        _ready() as ready,
    ):
        for program in (ours, theirs):
            wait_for(program.title, lambda held=program: _holds(held))
        for program in (ours, theirs, ready):
            program.hold()
        for case, (question, path, times) in QUESTIONS.items():
            name = "match[]" if path == "/federate" else "query"
            asked = f"{path}?{urlencode({name: question})}"
            times = run.pick(3, times, times)
            programs = (ours, theirs, ready) if case == "one series" else (ours, theirs)
            found: dict[str, list[float]] = {each.title: [] for each in programs}
            for number in range(run.pick(1, 7, 15) + 1):
                for program in programs:
                    took = _cpu(program, asked, times)
                    if number:  # the first round warms up
                        found[program.title].append(1e6 * took)
            run.measured(case, found, size=SERIES, unit="µs a question", cpu=True)


# What one process takes, from one configuration


def sizes(run: Run, home: Path, bodies: Program) -> None:
    """What serving and scraping more and more takes, ours and Prometheus', each started
    with the same configuration file."""
    run.begin("peers: sizes", f"one process, a scrape each {_EVERY:g} s")
    for targets in run.pick((1,), (1, 10), (1, 10, 50)):
        config = home / f"sizes-{targets}.yml"
        config.write_text(json.dumps({"scrape_configs": _jobs(bodies, targets)}))
        taken = {
            program: _taken(program, home, config, targets)
            for program in (OURS, "Prometheus")
        }
        for unit in ("MB", "% of a core", "ms one series", "ms sum by of all"):
            figures = {name: found[unit] for name, found in taken.items()}
            case = f"{targets} targets"
            run.measured(case, figures, size=targets * SERIES, unit=unit)


_EVERY: Final = 15.0
_QUESTIONS: Final = {
    "ms one series": 'served_total{code="2",shard="7",job="job0"}',
    "ms sum by of all": "sum by (code) (served_total)",
}


def _jobs(bodies: Program, targets: int) -> list[object]:
    return [
        {
            "job_name": f"job{number}",
            "scrape_interval": f"{_EVERY:g}s",
            "metrics_path": "/static",
            "params": {"name": ["served"], "client": [f"sizes{number}"]},
            "static_configs": [{"targets": [f"127.0.0.1:{bodies.port}"]}],
        }
        for number in range(targets)
    ]


def _taken(name: str, home: Path, config: Path, targets: int) -> dict[str, list[float]]:
    """Memory, CPU and waiting of one program with one configuration."""
    port = free_port()
    commands = {
        OURS: [
            sys.executable, "-m", "promlatest", "serve", "--port", str(port),
            "--config", str(config),
        ],
        "Prometheus": [
            "prometheus", f"--config.file={config}",
            f"--storage.tsdb.path={home / f'sizes-{targets}'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
    }  # fmt: skip
    with running(name, port, "/-/ready", *commands[name]) as program:
        wait_for(name, lambda: _holds(program, targets * SERIES), 180)
        used, began = program.cpu(), time.monotonic()
        time.sleep(2 * _EVERY)  # two scrapes of each target
        busy = 100 * (program.cpu() - used) / (time.monotonic() - began)
        status = Path(f"/proc/{program.process.pid}/status").read_text()
        memory = int(status.partition("VmRSS:")[2].split()[0]) / 1024
        waited = {
            unit: [_wait(program, question) for _ in range(20)]
            for unit, question in _QUESTIONS.items()
        }
    return {"MB": [memory], "% of a core": [busy], **waited}


def _wait(program: Program, question: str) -> float:
    began = time.perf_counter()
    program.instant(question)
    return 1e3 * (time.perf_counter() - began)


def _holds(program: Program, series: int = SERIES) -> bool:
    found = program.instant(f"count({_EVERYTHING})")
    return bool(found) and f"'{series}'" in str(found)


def _cpu(program: Program, asked: str, times: int) -> float:
    """CPU seconds a question of a program that was held still."""
    program.go_on()
    used = program.cpu()
    for _ in range(times):
        program.get(asked)
    used = program.cpu() - used
    program.hold()
    return used / times
