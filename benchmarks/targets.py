"""The targets P1a to P10, and T of `promlatest.testing`, each with what a run measured, hit
or missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from benchmarks.harness import OURS, Result, load


@attrs.frozen
class Target:
    """One figure that a run must reach.

    Attributes:
        number: P1a to P10; T of `promlatest.testing`.
        says: what is promised, in words.
        bench, case, size, way: the row that tells.
        limit: the figure, on an interpreter that is built with optimisation.
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
    absolute: bool = False
    at_least: bool = False


ANY: Final = 0  # the size of a row that is found by its name alone
_CLIENT: Final = "prometheus_client + dict"
NAIVE: Final = "naive: scan, group, sort, walk"
_LOCK: Final = "one RLock, parse and apply"

_PAGES: Final = ("node_exporter", "etcd", "demo operator", "Prometheus' own")
_LOOP: Final = "peers: scrape loop"
_HTTP: Final = "Prometheus over HTTP"
_BARE: Final = "bare dict, keys known"
_GO: Final = "Go expfmt + map"
_PLAIN: Final = "a plain body"


def _pages() -> Iterator[Target]:
    """The whole loop over a real page, whose size nobody chose."""
    for page in _PAGES:
        for move in ("moving", "at rest"):
            yield Target(
                "P1a",
                f"scrape loop of Prometheus, {page}, {move}",
                "peers: pages",
                f"{page}, {move}",
                ANY,
                "Prometheus",
                0.6,
            )


def _odd_bodies() -> Iterator[Target]:
    for case in (
        "timestamps",
        "exemplars",
        "one pod in fifty replaced",
        "a comment that changes",
    ):
        yield Target(
            "P3b", f"re-scrape of a plain body: {case}", "shapes", case, 20_000, _PLAIN, 3
        )


def _failures() -> Iterator[Target]:
    for what in (
        "a typo in the name",
        "a typo in a label",
        "a typo in a value",
        "several series",
    ):
        case = f"a failure's text: {what}"
        yield Target("T", f"s of {case}", "testing", case, 50_000, OURS, 0.3, absolute=True)


def _after_commits() -> Iterator[Target]:
    for size in (1_000, 100_000, 1_000_000):
        yield Target(
            "P4",
            f"20 of {size:,} after a commit, as a bare dict",
            "query",
            "name + label, after a commit",
            size,
            _BARE,
            3,
        )


TARGETS: Final = (
    *_pages(),
    Target("P1b", "scrape loop of Prometheus, nothing changed", _LOOP, "nothing changed", 20_000, "Prometheus", 0.08),
    Target("P1b", "scrape loop of Prometheus, 10 % clustered", _LOOP, "10 % clustered", 20_000, "Prometheus", 0.15),
    Target("P1b", "scrape loop of Prometheus, 10 % uniform", _LOOP, "10 % uniform", 20_000, "Prometheus", 0.2),
    Target("P1b", "scrape loop of Prometheus, 100 %", _LOOP, "100 %", 20_000, "Prometheus", 0.3),
    Target("P2", "re-scrape by prometheus_client, 10 % clustered", "rescrape", "10 % clustered", 20_000, _CLIENT, 0.015),
    Target("P2", "re-scrape by prometheus_client, 10 % uniform", "rescrape", "10 % uniform", 20_000, _CLIENT, 0.015),
    Target("P3", "first reading by Go, expfmt and map, 20,000", "peers: parse", "text, first scrape", 20_000, _GO, 0.5),
    Target("P3", "first reading by Go, expfmt and map, 1,000", "peers: parse", "text, first scrape", 1_000, _GO, 0.5),
    *(Target("P3", f"first reading by Go, {page}", "peers: pages parsed", page, ANY, _GO, 1) for page in _PAGES),
    *_odd_bodies(),
    Target("P4", "repeated query, 20 of 1M, as a bare dict", "query", "name + label, again", 1_000_000, _BARE, 1.1),
    *_after_commits(),
    Target("P4", "first query as Prometheus over HTTP", "peers: query", "name + label, first", 100_000, _HTTP, 0.3),
    Target("P5", "bytes a series at 1M, scraped", "memory", "scraped", 1_000_000, OURS, 200, absolute=True),
    Target("P5", "bytes a series at 1M, scraped 12 times, all changed", "memory", "scraped", 1_000_000, "promlatest, scraped 12 times, all changed", 200, absolute=True),
    Target("P5", "bytes a series at 1M, appended", "memory", "appended", 1_000_000, OURS, 250, absolute=True),
    Target("P5", "bytes a series of each scrape kept", "memory", "a scrape kept", 1_000_000, OURS, 9, absolute=True),
    Target("P6", "torn reads", "readers", "torn reads", 20_000, OURS, 0, absolute=True),
    Target("P6", "p99 of one RLock", "readers", "p99, paced", 20_000, _LOCK, 0.15),
    Target("P6", "saturated reads of one RLock", "readers", "saturated", 20_000, _LOCK, 1, at_least=True),
    Target("P7", "1,000 quantiles, naively, after a scrape", "histogram", "all quantiles, after a scrape", 1_000, NAIVE, 0.1),
    Target("P8", "one append with a lock", "append", "one at a time, by ref", 10_000, "with a lock", 0.5),
    Target("P8", "many appends by Go Append(ref)", "peers: append", "many at once", 10_000, "Go Append(ref)", 2),
    Target("P9", "ms of import beyond prometheus_client's own", "import", "beyond prometheus_client", 1, OURS, 10, absolute=True),
    Target("P9", "ms of promlatest --version", "import", "promlatest --version", 1, OURS, 60, absolute=True),
    Target("P9", "ms of promlatest get FILE", "import", "promlatest get FILE", 1, OURS, 120, absolute=True),
    Target("P10", "500 targets of 100 series every 5 s, % of a core", "scraping", "500 targets every 5 s", 100, OURS, 5, absolute=True),
    Target("P10", "1,000 node_exporters every 15 s, of Prometheus", "peers: fleet", "1000 node_exporters every 15 s", ANY, "Prometheus", 1),
    Target("P10", "µs of a commit, 10,000 sources", "sources", "a commit of one", 10_000, OURS, 100, absolute=True),
    Target("P10", "µs of a query of one pod after it", "sources", "one pod, after its commit", 10_000, OURS, 200, absolute=True),
    Target("T", "s of a mark over 50,000 series", "testing", "a mark", 50_000, OURS, 0.25, absolute=True),
    *_failures(),
    # A scrape and a failure's text, which end it.
    Target("T", "s that a wait with a typo ends late", "testing", "a wait with a typo, beyond its time", 50_000, OURS, 0.55, absolute=True),
)  # fmt: skip


def show(*paths: Path) -> None:
    """Print every target, what was measured, and whether it was hit."""
    rows: list[Result] = []
    for path in paths:
        about, read = load(path)
        rows += read
        print(f"{path}: {about['commit']}, Python {about['python']}, {about['build']}")
    print("", *table(rows), sep="\n")


def table(rows: Sequence[Result]) -> Iterator[str]:
    """The lines of a table of all targets."""
    yield "| # | ours as a share of | target | measured (min..max) | |"
    yield "|---|---|---|---|---|"
    yield from (_line(target, rows) for target in TARGETS)


def _line(target: Target, rows: Sequence[Result]) -> str:
    sign = "at least" if target.at_least else "at most"
    times = "" if target.absolute else "x"
    measured, verdict = _judged(target, rows)
    return (
        f"| {target.number} | {target.says} | {sign} {target.limit:g}{times}"
        f" | {measured} | {verdict} |"
    )


def _judged(target: Target, rows: Sequence[Result]) -> tuple[str, str]:
    """What was measured last, and whether it is what was promised. Of timings of ours it
    is CPU time that counts, where it is known: no neighbour is in it."""
    wanted = (target.bench, target.case, target.way)
    found = [row for row in rows if (row.bench, row.case, row.way) == wanted]
    found = [row for row in found if target.size in (ANY, row.size)]
    spread = None
    if found:
        row = found[-1]
        spread = (row.cpu or row.value) if target.absolute else row.best_ratio
    if spread is None:
        return "", "not measured"
    median, limit = spread.median, target.limit
    if median >= limit if target.at_least else median <= limit:
        return str(spread), "hit"
    off = limit / median if target.at_least else median / max(limit, 1e-9)
    return str(spread), f"MISSED by {off:.3g}x"
