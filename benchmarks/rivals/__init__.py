"""Other ways to hold series and to ask for them, each in its own module.

A module that needs a package imports it at its top; `installed` leaves out what is not
there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, Protocol

from benchmarks.series import Shape

Query = Callable[[], Sequence[object]]

_MODULES: Final = ("bare_dict", "scan", "sqlite", "duckdb", "polars", "pandas")


class Rival(Protocol):
    """Somebody else's store, filled with the series of `benchmarks.series`."""

    title: str

    def __init__(self, size: int) -> None: ...

    def prepare(self, shape: Shape) -> Query:
        """A function that asks, with everything made ready that can be."""


def installed() -> list[type[Rival]]:
    """Those whose package is there."""
    found = []
    for name in _MODULES:
        try:
            found.append(import_module(f"benchmarks.rivals.{name}").Table)
        except ModuleNotFoundError as error:
            print(f"not installed: {error.name}")
    return found
