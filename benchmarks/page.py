"""Figures into a document: `python -m benchmarks page DOCUMENT RUN.json [PEERS.json]`.

What stands behind a marker is written anew from the runs, and nothing else:

    <!-- runs -->              the machine and the commit of each run, as a block
    <!-- targets -->           P1a to P10, hit or missed, as a table
    <!-- growth -->            ours at each size, as a block
    <!-- table NAME -->        all rows of a benchmark; `NAME @ 20000` those of one size
    <!-- wall NAME -->         the same by the wall's clock, where others work elsewhere
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import growth, targets
from benchmarks.harness import Result, load

# A marker and the table or block behind it, between empty lines.
_MARKED: Final = re.compile(r"<!-- (\w+) ?([^>]*?) -->\n\n(?:.+\n)*")
_HEADS: Final = {"table": "CPU", "wall": "wall"}


def write(document: Path, *runs: Path) -> None:
    """Write the figures of some runs into a document; of one row twice the last counts."""
    loaded = [load(path) for path in runs]
    rows = {(r.bench, r.case, r.size, r.way): r for _, read in loaded for r in read}
    page = partial(_section, [about for about, _ in loaded], list(rows.values()))
    document.write_text(_MARKED.sub(page, document.read_text()))


def _section(
    abouts: list[dict[str, Any]], rows: list[Result], marker: re.Match[str]
) -> str:
    what, name = marker.groups()
    made = {
        "runs": lambda: _block(line for about in abouts for line in _about(about)),
        "targets": lambda: targets.table(rows),
        "growth": lambda: _block(growth.lines(rows)),
    }.get(what, lambda: _table(rows, what, name))
    return "\n".join([f"<!-- {f'{what} {name}'.strip()} -->", "", *made(), ""])


def _block(lines: Iterable[str]) -> Iterator[str]:
    yield from ("```", *lines, "```")


def _about(about: Mapping[str, Any]) -> Iterator[str]:
    versions = ", ".join(
        f"{name} {number}" for name, number in about["versions"].items() if number
    )
    yield f"commit {about['commit']}, {about['when']}, load {about['load']}: {versions}"
    yield f"Python {about['python']}, {about['build']}; plain loop {about['loop_ms']} ms; {about['machine']}"


def _table(rows: Iterable[Result], what: str, name: str) -> Iterator[str]:
    bench, _, size = name.partition(" @ ")
    yield f"| | size | who | {_HEADS[what]}, median (min..max) | ours is of it |"
    yield "|---|---|---|---|---|"
    for row in rows:
        if row.bench == bench and (not size or row.size == int(size)):
            wall = what == "wall" or row.cpu is None
            value, ratio = (row.value, row.ratio) if wall else (row.cpu, row.cpu_ratio)
            case = row.case.replace("|", "\\|")
            yield f"| {case} | {row.size:,} | {row.way} | {value} {row.unit.split(' a ')[0]} | {ratio or ''} |"
