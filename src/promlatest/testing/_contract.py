"""Contracts: what dashboards and alerts rely on, kept across releases.

A contract is a text file, a line for each family: its name, its type and its labels. A
``?`` before a family, or behind a label, says that it need not be there: series of rare
errors come and go. What an exposition has beyond its contract is allowed.

::

    orders_total counter status
    order_seconds histogram route
    ?payment_errors_total counter reason?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path
from typing import Final

import attrs

from promlatest._datapoint import Metadata, family_of
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import keyword_matcher
from promlatest.exceptions import UsageError
from promlatest.testing._errors import ContractError
from promlatest.testing._reading import Reading
from promlatest.testing._words import closest, listed, shortened

__all__ = [
    "Contract",
    "ContractLine",
    "assert_contract",
    "contract_of",
    "read_contract",
]

_HEAD: Final = (
    "# promlatest contract: family, type, labels; ? marks what need not be there\n"
)
# Labels that belong to a type and not to the metric.
_OF_TYPE: Final = ("le", "quantile")


@attrs.frozen
class ContractLine:
    """What is promised of one family.

    Attributes:
        family: its name.
        type: its type.
        labels: the labels that each of its series has.
        loose: labels that a series may have.
        optional: whether the family need not be there.
    """

    family: str
    type: str
    labels: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    optional: bool = False

    def __str__(self) -> str:
        mark = "?" if self.optional else ""
        names = sorted([*self.labels, *(f"{name}?" for name in self.loose)])
        return " ".join([f"{mark}{self.family}", self.type, *names])


@attrs.frozen
class Contract:
    """What is promised of all families, by name."""

    lines: Mapping[str, ContractLine]

    def __str__(self) -> str:
        lines = sorted(self.lines.values(), key=lambda line: line.family)
        return _HEAD + "".join(f"{line}\n" for line in lines)

    def breaches(self, reading: Reading) -> list[str]:
        """What a scrape breaks of it, a line each; empty if it keeps it."""
        return [
            f"{line.family}: {words}"
            for line in self.lines.values()
            for words in _breaches(line, reading)
        ]

    def additions(self, reading: Reading) -> list[str]:
        """What a scrape has beyond it: families, and labels of known families."""
        found = []
        for line in contract_of(reading).lines.values():
            known = self.lines.get(line.family)
            if known is None:
                found.append(f"{line.family}: a new {line.type}")
                continue
            new = {*line.labels, *line.loose} - {*known.labels, *known.loose}
            found += [f"{line.family}: a new label {name}" for name in sorted(new)]
        return found

    def renewed(self, new: Contract) -> Contract:
        """A new contract that keeps what this one says need not be there."""
        gone = {
            family: line
            for family, line in self.lines.items()
            if line.optional and family not in new.lines
        }
        merged = {family: self._merged(line) for family, line in new.lines.items()}
        return Contract({**gone, **merged})

    def _merged(self, line: ContractLine) -> ContractLine:
        known = self.lines.get(line.family, line)
        loose = {*line.loose, *known.loose}
        # A family that is declared and has no series shows no labels: the known ones stay.
        required = line.labels or known.labels
        return attrs.evolve(
            line,
            labels=tuple(name for name in required if name not in loose),
            loose=tuple(sorted(loose)),
            optional=line.optional or known.optional,
        )


def contract_of(
    reading: Reading, *, optional: Iterable[str] = (), ignore: Iterable[str] = ()
) -> Contract:
    """The contract that a scrape keeps: all families that it declares or has.

    Args:
        reading: the scrape.
        optional: families, as patterns of the shell, that need not be there.
        ignore: families that are left out.
    """
    loose, out = tuple(optional), tuple(ignore)
    lines = [
        attrs.evolve(_line_of(reading, family), optional=_any(family, loose))
        for family in sorted({*reading.metadata, *_undescribed(reading)})
        # Series that say when others were made are there in one format and not in another.
        if not _any(family, (*out, "*_created"))
    ]
    return Contract({line.family: line for line in lines})


def read_contract(path: str | PathLike[str]) -> Contract:
    """The contract in a file.

    Raises:
        UsageError: there is no such file, or a line of it cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    lines: dict[str, ContractLine] = {}
    for place, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) < 2 or words[0].lstrip("?") in ("", *lines):
            raise UsageError(
                f"{path}, line {place}: expected a family once, its type and its"
                f" labels: {line!r}"
            )
        read = _parsed(words)
        lines[read.family] = read
    return Contract(lines)


def assert_contract(reading: Reading, path: str | PathLike[str]) -> None:
    """Assert that a scrape keeps the contract in a file; more than it is allowed.

    Raises:
        ContractError: it does not; every breach is listed.
        UsageError: the file cannot be read.
    """
    __tracebackhide__ = True
    if breaches := read_contract(path).breaches(reading):
        raise ContractError(
            f"{reading.target} breaks the contract {path}:",
            target=reading.target,
            details=shortened(breaches, 40),
        )


def _any(family: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(family, pattern) for pattern in patterns)


def _undescribed(reading: Reading) -> set[str]:
    return {family_of(name, reading.metadata) for name in reading.names}


def _label_sets(reading: Reading, family: str) -> list[set[str]]:
    """The names of the labels of each series of a family."""
    names = {name for name in reading.names if family_of(name, reading.metadata) == family}
    points = reading.snapshot.match([keyword_matcher(METRIC_NAME, frozenset(names))])
    return [set(point.labels) - {METRIC_NAME, *_OF_TYPE} for point in points]


def _line_of(reading: Reading, family: str) -> ContractLine:
    sets = _label_sets(reading, family)
    every = set.intersection(*sets) if sets else set()
    some = set[str]().union(*sets) - every
    kind = reading.metadata.get(family, Metadata()).type
    return ContractLine(family, kind, tuple(sorted(every)), tuple(sorted(some)))


def _parsed(words: Sequence[str]) -> ContractLine:
    family, kind, *names = words
    return ContractLine(
        family.removeprefix("?"),
        kind,
        tuple(name for name in names if not name.endswith("?")),
        tuple(name.removesuffix("?") for name in names if name.endswith("?")),
        family.startswith("?"),
    )


def _breaches(line: ContractLine, reading: Reading) -> Iterable[str]:
    there = {*reading.metadata, *_undescribed(reading)}
    if line.family not in there:
        if not line.optional:
            near = closest(line.family, there)
            yield "missing" + (f"; close names: {listed(near)}" if near else "")
        return
    kind = reading.metadata.get(line.family, Metadata()).type
    if kind != line.type:
        yield f"expected a {line.type}, got a {kind}"
    sets = _label_sets(reading, line.family)
    for name in line.labels:
        have = sum(name in each for each in sets)
        if have < len(sets):
            yield f"{have or 'none'} of {len(sets)} series have the label {name}"
