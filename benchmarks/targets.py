"""The targets P1 to P8, each with what a run measured, hit or missed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from benchmarks.harness import OURS, Result, load


@attrs.frozen
class Target:
    """One figure that a run must reach.

    Attributes:
        number: P1 to P8.
        says: what is promised, in words.
        bench, case, size, way: the row that tells.
        limit: the figure, on an interpreter that is built with optimisation.
        unoptimised: the figure on one that is not, where it differs.
        absolute: the row's value counts and not what ours takes of it.
        at_least: the figure is to be reached and not to be kept under.
    """

    number: str
    says: str
    bench: str
    case: str
    size: int
    way: str
    limit: float
    unoptimised: float | None = None
    absolute: bool = False
    at_least: bool = False


_CLIENT: Final = "prometheus_client + dict"
NAIVE: Final = "naive: scan, group, sort, walk"
_LOCK: Final = "one RLock, parse and apply"

TARGETS: Final = (
    Target("P1", "scrape loop of Prometheus, 10 % clustered", "peers: scrape loop", "10 % clustered", 20_000, "Prometheus", 0.15, 0.2),
    Target("P1", "scrape loop of Prometheus, 10 % uniform", "peers: scrape loop", "10 % uniform", 20_000, "Prometheus", 0.2),
    Target("P1", "scrape loop of Prometheus, 100 %", "peers: scrape loop", "100 %", 20_000, "Prometheus", 0.3, 0.5),
    Target("P2", "re-scrape by prometheus_client, 10 % clustered", "rescrape", "10 % clustered", 20_000, _CLIENT, 0.015),
    Target("P2", "re-scrape by prometheus_client, 10 % uniform", "rescrape", "10 % uniform", 20_000, _CLIENT, 0.015),
    Target("P3", "first scrape by Go, expfmt and map", "peers: parse", "text, first scrape", 20_000, "Go expfmt + map", 0.5),
    Target("P3", "first scrape by prometheus_client", "parse", "text, first scrape", 20_000, _CLIENT, 0.1),
    Target("P4", "repeated query, 20 of 1M, as a bare dict", "query", "name + label, again", 1_000_000, "bare dict, keys known", 1.5),
    Target("P4", "repeated query, 20 of 1M, after a commit, as a bare dict", "query", "name + label, after a commit", 1_000_000, "bare dict, keys known", 1.5),
    Target("P4", "first query as Prometheus over HTTP", "peers: query", "name + label, first", 100_000, "Prometheus over HTTP", 0.5),
    Target("P5", "bytes a series at 1M, appended", "memory", "appended", 1_000_000, OURS, 64, absolute=True),
    Target("P5", "bytes a series at 1M, scraped", "memory", "scraped", 1_000_000, OURS, 250, absolute=True),
    Target("P6", "torn reads", "readers", "torn reads", 20_000, OURS, 0, absolute=True),
    Target("P6", "saturated reads of one RLock", "readers", "saturated", 20_000, _LOCK, 3, at_least=True),
    Target("P6", "p99 of one RLock", "readers", "p99, paced", 20_000, _LOCK, 0.1),
    Target("P7", "1,000 quantiles, naively", "histogram", "all quantiles, again", 1_000, NAIVE, 0.04),
    Target("P7", "1,000 quantiles, naively, after a scrape", "histogram", "all quantiles, after a scrape", 1_000, NAIVE, 0.04),
    Target("P7", "1,000 quantiles, Prometheus over HTTP", "peers: histogram", "all quantiles, again", 1_000, "Prometheus over HTTP", 0.02),
    Target("P7", "1,000 quantiles, Prometheus over HTTP, after a scrape", "peers: histogram", "all quantiles, after a scrape", 1_000, "Prometheus over HTTP", 0.02),
    Target("P8", "many appends by Go Append(ref)", "peers: append", "many at once", 10_000, "Go Append(ref)", 1.2),
    Target("P10", "500 targets of 100 series every 5 s, % of a core", "scraping", "500 targets every 5 s", 100, OURS, 5, 8, absolute=True),
    Target("P8", "one append with a lock", "append", "one at a time, by ref", 10_000, "with a lock", 0.5),
)  # fmt: skip


def show(*paths: Path) -> None:
    """Print every target, what was measured, and whether it was hit."""
    rows: list[Result] = []
    optimised = True
    for path in paths:
        about, read = load(path)
        rows += read
        optimised &= bool(about["optimised"])
        print(f"{path}: {about['commit']}, Python {about['python']}, {about['build']}")
    print("\n| # | ours as a share of | target | measured (min..max) | |")
    print("|---|---|---|---|---|")
    for target in TARGETS:
        print(_line(target, rows, optimised))


def _line(target: Target, rows: Sequence[Result], optimised: bool) -> str:
    limit = target.limit
    if not optimised and target.unoptimised is not None:
        limit = target.unoptimised
    sign = "at least" if target.at_least else "at most"
    times = "" if target.absolute else "x"
    measured, verdict = _judged(target, rows, limit)
    return (
        f"| {target.number} | {target.says} | {sign} {limit:g}{times}"
        f" | {measured} | {verdict} |"
    )


def _judged(target: Target, rows: Sequence[Result], limit: float) -> tuple[str, str]:
    wanted = (target.bench, target.case, target.size, target.way)
    found = [row for row in rows if (row.bench, row.case, row.size, row.way) == wanted]
    spread = None
    if found:
        spread = found[-1].value if target.absolute else found[-1].best_ratio
    if spread is None:
        return "", "not measured"
    hit = spread.median >= limit if target.at_least else spread.median <= limit
    if hit:
        return str(spread), "hit"
    off = limit / spread.median if target.at_least else spread.median / max(limit, 1e-9)
    return str(spread), f"MISSED by {off:.3g}x"
