"""Waiting in tests: how long after the truth a wait ends, and what it costs meanwhile.

The program under test counts at random moments and exposes when it last did. The naive
ways are loops that scrape, parse with prometheus_client and sleep, as projects write them.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.harness import OURS, Run
from promlatest.testing import Reading, ScrapeTarget

_PROGRAM: Final = """
import random, sys, time
from prometheus_client import Counter, Gauge, start_http_server
counted, when = Counter("flips", "."), Gauge("flipped_at", ".")
many = Gauge("many", ".", ["number"])
for number in range(500):
    many.labels(str(number)).set(number)
start_http_server(int(sys.argv[1]), "127.0.0.1")
while True:
    time.sleep(random.uniform(0.3, 3) * float(sys.argv[2]))
    when.set(time.time()); counted.inc()
"""


def run(run: Run) -> None:
    run.begin("testing", "waiting for a counter, 500 series over HTTP")
    rounds = run.pick(1, 8, 25)
    pace = run.pick("0.1", "1", "1")
    late: dict[str, list[float]] = {}
    busy: dict[str, list[float]] = {}
    with ScrapeTarget.process([sys.executable, "-c", _PROGRAM, "{port}", pace]) as target:
        target.scrape()  # the first one imports the HTTP client
        ways: dict[str, Callable[[], float]] = {
            OURS: partial(_ours, target),
            "a loop that sleeps 1 s": partial(_naive, target, 1.0),
            "a loop that sleeps 0.1 s": partial(_naive, target, 0.1),
            "a loop without a pause": partial(_naive, target, 0.0),
        }
        for _ in range(rounds):
            for name, wait in ways.items():
                cpu, wall = time.process_time(), time.perf_counter()
                late.setdefault(name, []).append(1e3 * wait())
                took = time.perf_counter() - wall
                share = 100 * (time.process_time() - cpu) / took
                busy.setdefault(name, []).append(share)
    run.measured("from the truth to the end of the wait", late, size=500, unit="ms")
    run.measured("CPU while waiting", busy, size=500, unit="% of a core")

    size = run.pick(500, 50_000, 50_000)
    run.begin("testing", f"{size:,} series of one metric, in this process")
    body = "".join(
        f'jobs_total{{pod="pod-{pod:05}",zone="{pod % 7}"}} {pod}\n' for pod in range(size)
    ).encode()
    rounds = run.pick(1, 3, 9)
    for name, step in _STEPS.items():
        took = [_took(step, body)[1] for _ in range(rounds)]
        run.measured(name, {OURS: took}, size=size, unit="s", cpu=True)
    late = [_took(_wait_with_a_typo, body)[0] - _WITHIN for _ in range(rounds)]
    run.measured("a wait with a typo, beyond its time", {OURS: late}, size=size, unit="s")


_WITHIN: Final = 1.0  # seconds


def _wait_with_a_typo(target: ScrapeTarget, _: Reading) -> object:
    return target.expect("job_total").to_reach(1, within=_WITHIN)


_STEPS: Final[dict[str, Callable[[ScrapeTarget, Reading], object]]] = {
    "a mark": lambda target, _: target.mark(),
    "a failure's text: a typo in the name": lambda _, seen: seen.value("job_total"),
    "a failure's text: a typo in a label": lambda _, seen: seen.value(
        "jobs_total", pd="pod-00007"
    ),
    "a failure's text: a typo in a value": lambda _, seen: seen.value(
        "jobs_total", pod="pod-0007"
    ),
    "a failure's text: several series": lambda _, seen: seen.value("jobs_total"),
}


def _took(
    step: Callable[[ScrapeTarget, Reading], object], body: bytes
) -> tuple[float, float]:
    """Seconds that a step takes over a scrape that nothing was asked of yet, by the clock
    and of CPU."""
    target = ScrapeTarget(lambda: b"# TYPE jobs_total counter\n" + body)
    reading = target.scrape()
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    try:
        step(target, reading)
    except AssertionError as error:
        str(error)
    return time.perf_counter() - began, time.process_time() - cpu


def _ours(target: ScrapeTarget) -> float:
    """How many seconds after the truth the wait ended."""
    outcome = target.mark().expect("flips_total").to_increase(within=30)
    return time.time() - outcome.reading.value("flipped_at")


def _naive(target: ScrapeTarget, pause: float) -> float:
    before = _scraped(target)["flips_total"]
    while (now := _scraped(target))["flips_total"] == before:
        time.sleep(pause)
    return time.time() - now["flipped_at"]


def _scraped(target: ScrapeTarget) -> dict[str, float]:
    with urlopen(target.name) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {sample.name: sample.value for family in families for sample in family.samples}
