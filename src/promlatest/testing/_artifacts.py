"""Scrapes as files: what a failing test looked at, to be read, and to be replayed.

A directory of them has a file for each scrape, numbered in their order. `replay` makes a
function of it that gives one after the other, and the last one for ever, so that
`ScrapeTarget(replay(directory))` is the target once more.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from promlatest._files import checked_path
from promlatest.exceptions import UsageError

if TYPE_CHECKING:
    from promlatest.testing._target import Look

_LONGEST = 80  # characters of a target's name


def write_looks(looks: Sequence[Look], directory: Path) -> list[Path]:
    """Write scrapes into a directory, in place of what it had; gives the files.

    A scrape that was looked at several times is written once.
    """
    shutil.rmtree(directory, ignore_errors=True)
    readings = list({id(look.reading): look.reading for look in looks}.values())
    readings.sort(key=lambda reading: reading.started)
    if readings:
        directory.mkdir(parents=True)
    files = []
    for number, reading in enumerate(readings, 1):
        name = quote(reading.target, safe="")[:_LONGEST]
        file = directory / f"{number:02}-{name}.prom"
        file.write_bytes(reading.text()[0])
        files.append(file)
    return files


def replay(directory: str | PathLike[str]) -> Callable[[], bytes]:
    """A function that gives the scrapes of a directory one after the other, and then the
    last one for ever.

    Raises:
        UsageError: there is none in it.
    """
    files = sorted(Path(checked_path(directory)).glob("*.prom"))
    if not files:
        raise UsageError(f"expected a directory with scrapes, *.prom, at {directory}")
    bodies = [file.read_bytes() for file in files]

    def scrape() -> bytes:
        return bodies.pop(0) if len(bodies) > 1 else bodies[0]

    scrape.__qualname__ = f"replay of {directory}"
    return scrape
