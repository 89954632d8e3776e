"""Memory: bytes of resident memory for a series, each way in a process of its own.

Resident memory is what a user pays: objects, their headers, and what the allocator could
not give back. What stood there before the series came is taken off. `python -m
benchmarks.bench_memory WAY SIZE [FILE]` is one such process.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.harness import OURS, Run
from benchmarks.series import NOW, all_series
from promlatest import Store

_APPENDED: Final = {
    OURS: "direct",
    "promlatest, Batch.append": "pushed",
    "dict of tuples": "scan",
    "dict of series text": "bare_dict",
    "SQLite in memory, indexed": "sqlite",
    "DuckDB in memory": "duckdb",
    "polars": "polars",
    "pandas, indexed": "pandas",
}
_HELD: Final = 12  # scrapes in a window
_MOVED: Final = f"promlatest, scraped {_HELD} times, all changed"
_WINDOW: Final = f"promlatest, {_HELD} scrapes held"
_SCRAPED: Final = {
    OURS: "scraped",
    "promlatest, scraped twice": "rescraped",
    _MOVED: "moved",
    _WINDOW: "windowed",
    "rpartition + dict, no labels": "rpartition",
    "prometheus_client + dict": "prometheus_client",
}


def run(run: Run) -> None:
    run.begin("memory", "resident bytes a series, each in a fresh process")
    sizes = run.pick((1_000,), (100_000,), (10_000, 100_000, 1_000_000))
    rounds = run.pick(1, 1, 3)
    few = run.pick(3, None, None)  # a process each takes its time
    for size in sizes:
        _measure(run, "appended", dict(list(_APPENDED.items())[:few]), size, rounds)
        with tempfile.TemporaryDirectory() as home:
            path = Path(home, "body")
            # Made elsewhere: what making it leaves behind would be counted.
            _child("write", size, path)
            slow = size > 100_000
            ways = {t: w for t, w in _SCRAPED.items() if not (slow and "client" in w)}
            _measure(run, "scraped", ways, size, rounds, path)


def _measure(
    run: Run,
    case: str,
    ways: dict[str, str],
    size: int,
    rounds: int,
    path: Path | None = None,
) -> None:
    held: dict[str, list[float]] = {}
    peaks: dict[str, list[float]] = {}
    for _ in range(rounds):
        for title, way in ways.items():
            if found := _child(way, size, path):
                held.setdefault(title, []).append(found[0] / size)
                peaks.setdefault(title, []).append(found[1] / size)
    run.measured(case, held, size=size, unit="bytes a series")
    run.measured(f"{case}, at its peak", peaks, size=size, unit="bytes a series")
    if kept := held.get(_WINDOW):
        pairs = zip(kept, held[_MOVED], strict=True)
        each = [(whole - two) / (_HELD - 2) for whole, two in pairs]
        run.measured("a scrape kept", {OURS: each}, size=size, unit="bytes a series")


def _child(way: str, size: int, path: Path | None) -> list[float]:
    """What is held and what was held at the most; nothing if a package is missing."""
    command = [sys.executable, "-m", "benchmarks.bench_memory", way, str(size)]
    command += [str(path)] if path else []
    done = subprocess.run(command, capture_output=True, text=True)
    if "ModuleNotFoundError" in done.stderr:
        return []
    done.check_returncode()
    return list(map(float, done.stdout.split()))


# In the process of its own


def _direct(size: int) -> Store:
    store = Store()
    with store.appender() as app:
        for name, controller, shard in all_series(size):
            labels = {"__name__": name, "controller": controller, "shard": shard}
            app.append(0, labels, NOW, 1.0)
    return store


def _pushed(size: int) -> Store:
    store = Store()
    with store.batch("bench", replace=False, timestamp=NOW) as batch:
        for name, controller, shard in all_series(size):
            labels = {"__name__": name, "controller": controller, "shard": shard}
            batch.append(0, labels, NOW, 1.0)
    return store


def _windowed(path: Path, history: int) -> Store:
    """Scrapes of values that all move, and a store that keeps so many of them."""
    store = Store(history=history)
    lines = path.read_text().split("\n")
    for at in range(_HELD):
        # The digits of a step stand before each last one: as long as the one before.
        moved = [f"{line[:-1]}{at:02}{line[-1:]}" if line else line for line in lines]
        lines_of = [
            old if old[:1] == "#" else new for old, new in zip(lines, moved, strict=True)
        ]
        store.ingest("\n".join(lines_of), source="bench", timestamp=NOW + at)
    return store


def _scraped(path: Path, times: int) -> Store:
    store = Store()
    for at in range(times):
        store.ingest(path.read_bytes(), source="bench", timestamp=NOW + at)
    return store


def _parsed(path: Path, way: str) -> object:
    parsers = importlib.import_module("benchmarks.bench_parse")
    return getattr(parsers, way)(path.read_bytes(), {})


def _write(path: Path, size: int) -> None:
    path.write_bytes(importlib.import_module("benchmarks.bodies").body(size).bytes)


def _maker(way: str, size: int, path: Path) -> Callable[[], Any]:
    """What makes the series; imports are done when it is returned."""
    if way in ("direct", "pushed"):
        return lambda: {"direct": _direct, "pushed": _pushed}[way](size)
    if way in ("windowed", "moved"):
        return lambda: _windowed(path, _HELD if way == "windowed" else 2)
    if way in ("scraped", "rescraped"):
        return lambda: _scraped(path, 1 if way == "scraped" else 2)
    if way == "write":
        return lambda: _write(path, size)
    if way in ("rpartition", "prometheus_client"):
        importlib.import_module("benchmarks.bench_parse")
        return lambda: _parsed(path, way)
    table = importlib.import_module(f"benchmarks.rivals.{way}").Table
    table(1_000)  # what a package allocates once is no series' cost
    return lambda: table(size)


def _resident() -> int:
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return 1024 * int(line.split()[1])
    return 0


def _main(way: str, size: str, path: str = "") -> None:
    make = _maker(way, int(size), Path(path))
    before = _resident()
    held = make()
    after = _resident()
    if way != "write":
        print(after - before, _peak() - before)
    del held


if __name__ == "__main__":
    _main(*sys.argv[1:])
