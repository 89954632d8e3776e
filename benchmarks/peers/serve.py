"""`promlatest serve` beside Prometheus: the CPU of whole processes for a question over HTTP.

Both have scraped the same 10,000 series, keep their connection, and are asked the same;
the other one is held still meanwhile.
"""

from __future__ import annotations

import sys
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


def beside_prometheus(run: Run, home: Path, bodies: Program) -> None:
    """Ask both in turn."""
    run.begin("peers: serve", "CPU of a question over HTTP, with an open connection")
    target = f"127.0.0.1:{bodies.port}"
    with (
        _ours(target) as ours,
        prometheus(home, target, "/static?name=served", 15.0) as theirs,
    ):
        programs = (ours, theirs)
        for program in programs:
            wait_for(program.title, lambda held=program: _holds(held))
            program.hold()
        for case, (question, path, times) in QUESTIONS.items():
            name = "match[]" if path == "/federate" else "query"
            asked = f"{path}?{urlencode({name: question})}"
            times = run.pick(3, times, times)
            found: dict[str, list[float]] = {each.title: [] for each in programs}
            for number in range(run.pick(1, 7, 15) + 1):
                for program in programs:
                    took = _cpu(program, asked, times)
                    if number:  # the first round warms up
                        found[program.title].append(1e6 * took)
            run.measured(case, found, size=SERIES, unit="µs a question", cpu=True)


def _holds(program: Program) -> bool:
    found = program.instant(f"count({_EVERYTHING})")
    return bool(found) and f"'{SERIES}'" in str(found)


def _cpu(program: Program, asked: str, times: int) -> float:
    """CPU seconds a question of a program that was held still."""
    program.go_on()
    used = program.cpu()
    for _ in range(times):
        program.get(asked)
    used = program.cpu() - used
    program.hold()
    return used / times
