"""The command line: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from benchmarks import comparing, growth, machine, page, targets
from benchmarks.harness import Run

BENCHES: Final = (
    "points", "append", "parse", "rescrape", "query", "patterns", "histogram", "readers", "memory",
    "import", "testing", "scraping", "sources", "rules", "promql", "shapes", "live", "window",
    "labels",
)  # fmt: skip

_USAGE: Final = """\
python -m benchmarks [NAME ...] [--quick] [--json RUN.json]   run all, or these
python -m benchmarks compare A.json B.json                    judge a change
python -m benchmarks targets RUN.json [PEERS.json]            P1a to P10, hit or missed
python -m benchmarks plots RUN.json DIRECTORY                 draw it (needs matplotlib)
python -m benchmarks page DOCUMENT RUN.json [PEERS.json]      write it into a document
python -m benchmarks peers [--quick] [--json PEERS.json]      the programs of Debian
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        usage=_USAGE,
        epilog=f"names: {', '.join(BENCHES)}",
    )
    parser.add_argument("words", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="smaller; under two minutes")
    parser.add_argument("--smoke", action="store_true", help="tiny: only whether it runs")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the rows there")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    command, *rest = given.words or [""]
    if command in _COMMANDS:
        _COMMANDS[command](*map(Path, rest))
        return
    run = Run("smoke" if given.smoke else "quick" if given.quick else "full", given.seed)
    unknown = set(given.words) - {*BENCHES, "peers"}
    if unknown:
        parser.error(
            f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}"
        )
    try:
        _run(run, given.words or BENCHES)
    finally:  # what was measured before one failed is worth keeping
        if given.json:
            run.save(given.json)


def _run(run: Run, names: tuple[str, ...] | list[str]) -> None:
    machine.show()
    print(f"seed {run.seed}, scale {run.scale}; ours against others by CPU where known")
    start = time.perf_counter()
    for name in names:
        bench = import_module(f"benchmarks.{name if name == 'peers' else f'bench_{name}'}")
        bench.run(run)
    run.end()
    growth.show(run.results)
    print(f"\n{time.perf_counter() - start:.0f} s")


def _plots(run: Path, directory: Path) -> None:
    import_module("benchmarks.plots").draw(run, directory)


_COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "compare": comparing.compare,
    "page": page.write,
    "targets": targets.show,
    "plots": _plots,
}

if __name__ == "__main__":
    main()
