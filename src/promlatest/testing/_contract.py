r"""Contracts: what dashboards and alerts rely on, kept across releases.

A contract is a text file, a line for each family: its name, its type and its labels. A
``?`` before a family, or behind a label, says that it need not be there: series of rare
errors come and go. Behind ``le=`` stand the bounds of a histogram's buckets, and behind
``quantile=`` those of a summary. What an exposition has beyond its contract is allowed. In
names a blank, a sign of these, and what a terminal could obey stand as ``\u{1b}``.

::

    orders_total counter status
    order_seconds histogram le=0.1,1,+Inf route
    ?payment_errors_total counter reason?
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Final

import attrs

from promlatest._arguments import as_tuple
from promlatest._datapoint import BOUND_LABEL, Metadata
from promlatest._files import file_text
from promlatest._matching.floats import format_float, parse_bound, parse_float
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import keyword_matcher
from promlatest.exceptions import UsageError
from promlatest.testing._errors import ContractError, hides
from promlatest.testing._reading import Reading, checked_reading
from promlatest.testing._words import closest, fits_any, listed, shortened

__tracebackhide__ = hides

_HEAD: Final = (
    "# promlatest contract: family, type, bounds, labels; ? marks what need not be there\n"
)
# Labels that belong to a type and not to the metric.
_OF_TYPE: Final = frozenset(BOUND_LABEL.values())


class UnverifiedWarning(Warning):
    """A contract is kept as far as could be seen: a family has no series, so that its
    labels could not be verified."""

    __module__ = "promlatest.testing"


@attrs.frozen
class ContractLine:
    """What is promised of one family.

    Attributes:
        family: its name.
        type: its type.
        labels: the labels that each of its series has.
        loose: labels that a series may have.
        optional: whether the family need not be there.
        bounds: bounds that each of its histograms has, or quantiles that each of its
            summaries has.
    """

    family: str
    type: str
    labels: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    optional: bool = False
    bounds: tuple[float, ...] = ()

    @property
    def bound(self) -> str:
        """The label that has the bounds: "le" or "quantile"; "" if the type has none."""
        return next((label for kind, label in BOUND_LABEL.items() if kind == self.type), "")

    def __str__(self) -> str:
        mark = "?" if self.optional else ""
        loose = (f"{_written(name)}?" for name in self.loose)
        names = sorted([*map(_written, self.labels), *loose])
        if self.bounds:
            names.insert(0, f"{self.bound}={','.join(map(format_float, self.bounds))}")
        return " ".join([f"{mark}{_written(self.family)}", self.type, *names])


# Of so many missing families it is told what comes close; of 600 that takes 8 s.
_HINTED: Final = 10

_SIGNS: Final = frozenset("?=#\\ ")
_ESCAPED: Final = re.compile(r"\\u\{([0-9a-f]{1,5}|10[0-9a-f]{4})\}")


def _written(name: str) -> str:
    """A name as one word of a line."""
    return "".join(
        each if each.isprintable() and each not in _SIGNS else f"\\u{{{ord(each):x}}}"
        for each in name
    )


def _read(word: str) -> str:
    """The name of a word."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), word)


@attrs.frozen
class Contract:
    """What is promised of all families, by name."""

    lines: Mapping[str, ContractLine]

    def __str__(self) -> str:
        lines = sorted(self.lines.values(), key=lambda line: line.family)
        return _HEAD + "".join(f"{line}\n" for line in lines)

    def breaches(self, reading: Reading) -> list[str]:
        """What a scrape breaks of it, a line each; empty if it keeps it."""
        there = {*reading.metadata, *reading.families}
        missing = [
            line.family
            for line in self.lines.values()
            if line.family not in there and not line.optional
        ]
        near = {family: closest(family, there) for family in missing[:_HINTED]}
        return [
            f"{line.family}: {words}"
            for line in self.lines.values()
            for words in _breaches(line, reading, near.get(line.family, []))
        ]

    def unverified(self, reading: Reading) -> list[str]:
        """What a scrape says nothing of: families that are there, and have no series."""
        silent = [
            line
            for line in self.lines.values()
            if (line.labels or line.bounds)
            and line.family in reading.metadata
            and not line.optional
            and not _label_sets(reading, line.family)
        ]
        return [f"{line.family}: no series, so no label was verified" for line in silent]

    def additions(self, reading: Reading) -> list[str]:
        """What a scrape has beyond it: families, and labels of known families."""
        found = []
        for line in _lines_of(reading):
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

    Raises:
        UsageError: there is no family; or `optional` or `ignore` is one text.
    """
    loose = as_tuple(optional, "texts for optional")
    out = as_tuple(ignore, "texts for ignore")
    checked_reading(reading)
    lines = {
        line.family: attrs.evolve(line, optional=fits_any(line.family, loose))
        for line in _lines_of(reading)
        if not fits_any(line.family, out)
    }
    if not lines:
        raise UsageError(f"a contract needs a family, and {reading.target} has none for it")
    return Contract(lines)


def read_contract(path: str | PathLike[str]) -> Contract:
    """The contract in a file.

    Raises:
        UsageError: there is no such file, or a line of it cannot be read.
    """
    text = file_text(path)
    lines: dict[str, ContractLine] = {}
    for place, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        family = _read(words[0].removeprefix("?"))
        if len(words) < 2 or not family or family in lines:
            raise UsageError(
                f"{path}, line {place}: expected a family once, its type and its"
                f" labels: {line!r}"
            )
        lines[family] = _parsed(words, f"{path}, line {place}")
    if not lines:
        raise UsageError(f"{path}: expected a family in a line, and there is none")
    return Contract(lines)


def assert_contract(reading: Reading, path: str | PathLike[str]) -> None:
    """Assert that a scrape keeps the contract in a file; more than it is allowed.

    Raises:
        ContractError: it does not; every breach is listed.
        UsageError: the file cannot be read.
    """
    checked_reading(reading)
    contract = read_contract(path)
    if breaches := contract.breaches(reading):
        raise ContractError(
            f"{reading.target} breaks the contract {path}:",
            target=reading.target,
            details=shortened(breaches, 40),
        )
    for words in contract.unverified(reading):
        warnings.warn(words, UnverifiedWarning, stacklevel=2)


def _series(reading: Reading, family: str) -> list[Labels]:
    names = reading.families.get(family, frozenset())
    points = reading.snapshot.match([keyword_matcher(METRIC_NAME, names)])
    return [point.labels for point in points]


def _label_sets(reading: Reading, family: str) -> list[set[str]]:
    """The names of the labels of each series of a family."""
    found = _series(reading, family)
    return [set(labels) - {METRIC_NAME, *_OF_TYPE} for labels in found]


def _bounds(reading: Reading, family: str, label: str) -> list[set[float]]:
    """The bounds of each histogram, or the quantiles of each summary, of a family."""
    found: dict[Labels, set[float]] = {}
    for labels in _series(reading, family):
        rest = {n: v for n, v in labels.items() if n not in (METRIC_NAME, label)}
        held = found.setdefault(Labels(rest), set())
        bound = parse_bound(labels.get(label, ""))
        if bound is not None and bound == bound:  # what is no bound is told by a histogram
            held.add(bound)
    return list(found.values())


def _lines_of(reading: Reading) -> Iterator[ContractLine]:
    """What is kept by each family that is declared or there, in the order of their names.

    Series that say when others were made are there in one format and not in another, so
    that nobody can rely on them.
    """
    for family in sorted({*reading.metadata, *reading.families}):
        if not family.endswith("_created"):
            yield _line_of(reading, family)


def _line_of(reading: Reading, family: str) -> ContractLine:
    sets = _label_sets(reading, family)
    every = set.intersection(*sets) if sets else set()
    some = set[str]().union(*sets) - every
    kind = reading.metadata.get(family, Metadata()).type
    line = ContractLine(family, kind, tuple(sorted(every)), tuple(sorted(some)))
    if not line.bound or not sets:
        return line
    shared = set.intersection(*_bounds(reading, family, line.bound))
    return attrs.evolve(line, bounds=tuple(sorted(shared)))


def _parsed(words: Sequence[str], where: str) -> ContractLine:
    family, kind, *names = words
    line = ContractLine(
        _read(family.removeprefix("?")),
        kind,
        tuple(_read(name) for name in names if not name.endswith("?") and "=" not in name),
        tuple(_read(name.removesuffix("?")) for name in names if name.endswith("?")),
        family.startswith("?"),
    )
    for word in names:
        if "=" in word:
            line = attrs.evolve(line, bounds=_parsed_bounds(line, word, where))
    return line


def _parsed_bounds(line: ContractLine, word: str, where: str) -> tuple[float, ...]:
    label, _, text = word.partition("=")
    try:
        if label != line.bound:
            raise ValueError
        return tuple(map(parse_float, text.split(",")))
    except ValueError:
        expected = f"{line.bound}=0.1,1,+Inf" if line.bound else f"no = of a {line.type}"
        raise UsageError(f"{where}: expected {expected}, not {word!r}") from None


def _breaches(line: ContractLine, reading: Reading, near: Sequence[str]) -> Iterable[str]:
    if line.family not in reading.metadata and line.family not in reading.families:
        if not line.optional:
            yield "missing" + (f"; close names: {listed(near)}" if near else "")
        return
    kind = reading.metadata.get(line.family, Metadata()).type
    if kind != line.type:
        yield f"expected a {line.type}, got a {kind}"
    sets = _label_sets(reading, line.family)
    new = sorted(set[str]().union(*sets) - {*line.labels, *line.loose})
    for name in line.labels:
        have = sum(name in each for each in sets)
        if have < len(sets):
            yield (
                f"{have or 'none'} of {len(sets)} series have the label {name}"
                + (f"; new ones are {listed(new)}" if new else "")
            )
    if line.bounds and kind == line.type and sets:
        yield from _lost_bounds(line, _bounds(reading, line.family, line.bound))


def _lost_bounds(line: ContractLine, held: Sequence[set[float]]) -> Iterator[str]:
    if line.type == "histogram" and not any(held):
        yield "it has no buckets"
        return
    for bound in line.bounds:
        have = sum(bound in each for each in held)
        if have < len(held):
            what = f'{line.bound}="{format_float(bound)}"'
            yield f"{have or 'none'} of {len(held)} have {what}"
