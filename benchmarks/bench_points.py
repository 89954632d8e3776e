"""Points: what making one hit costs, by the kind of class it is."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import attrs

from benchmarks.harness import OURS, Run, Way
from promlatest import DataPoint, Labels

_Named = namedtuple("_Named", "labels timestamp value")
_new: Final = tuple.__new__


@attrs.frozen
class _Frozen:
    labels: Labels
    timestamp: int
    value: float


@attrs.define
class _Define:
    labels: Labels
    timestamp: int
    value: float


@dataclass(frozen=True, slots=True)
class _Data:
    labels: Labels
    timestamp: int
    value: float


def run(run: Run) -> None:
    run.begin("points", "ns for one point")
    size = run.pick(100, 1_000, 1_000)
    labels = [Labels(__name__="depth", queue=f"queue-{at}") for at in range(size)]
    values = [float(at) for at in range(size)]
    ways: dict[str, Way] = {
        OURS: lambda: list(
            map(_new, repeat(DataPoint), zip(labels, repeat(1_000), values))
        ),
        "tuple": lambda: list(zip(labels, repeat(1_000), values)),
    }
    made: dict[str, Callable[..., Any]] = {
        "NamedTuple, called": DataPoint,
        "namedtuple, called": _Named,
        "attrs.define": _Define,
        "attrs.frozen": _Frozen,
        "dataclass(frozen, slots)": _Data,
    }
    ways |= {name: _called(make, labels, values) for name, make in made.items()}
    run.compare("made", ways, size=size, per=size, unit="ns a point")


def _called(
    make: Callable[..., Any], labels: Iterable[Labels], values: Iterable[float]
) -> Way:
    return lambda: [make(label, 1_000, value) for label, value in zip(labels, values)]  # noqa: B905 as the others
