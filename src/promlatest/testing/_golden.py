"""Golden files: an exposition as text that a person can review and edit.

A golden file looks like an exposition, a line for each series. It pins identity: types,
names and labels. Values that say nothing are written as ``*``, and a line's value may be
edited to what is meant: ``>=1``, ``<0.5``, ``3±0.1``. An update keeps what was edited
for as long as it holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Final

import attrs

from promlatest._arguments import as_tuple, checked
from promlatest._datapoint import family_of
from promlatest._files import checked_path, file_text
from promlatest._matching.floats import is_same, normalise_bound, parse_float
from promlatest._matching.labels import LEGACY_METRIC_NAME, METRIC_NAME, Labels, quote
from promlatest._matching.selector import parse_selector
from promlatest.exceptions import SelectorError, UsageError
from promlatest.testing._errors import GoldenError, hides
from promlatest.testing._numbers import TOLERANCE, checked_tolerance
from promlatest.testing._reading import Reading, checked_reading, missing_failure
from promlatest.testing._selection import BOUNDS, selection
from promlatest.testing._words import fits_any, listed, number, shortened

__tracebackhide__ = hides

_HEAD: Final = "# promlatest golden file; values: *, 3, >=1, <0.5, 3±0.1"
_LINE: Final = re.compile(r"(?P<series>.+) (?P<value>\S+)")
_COMPARED: Final = re.compile(r"(>=|<=|>|<)(.+)")
_SHOWN: Final = 40
_TYPE: Final = "# TYPE "


@attrs.frozen(kw_only=True)
class GoldenRules:
    """What a golden file leaves out, and what it does not compare.

    Patterns are those of the shell, and are matched against names of series.

    Attributes:
        ignore: series that are left out.
        volatile: series whose value is written as ``*``.
        labels: labels whose value is written as ``*``; series that are alike then are
            one line, with ``*`` for a value.
        tolerance: how far apart equal numbers may be, relative to the larger.
    """

    ignore: tuple[str, ...] = ("process_*", "python_*", "go_*", "scrape_*", "*_created")
    volatile: tuple[str, ...] = ("*_seconds_sum", "*_seconds_bucket", "*_timestamp_seconds")
    labels: tuple[str, ...] = ()
    tolerance: float = TOLERANCE

    def __attrs_post_init__(self) -> None:
        for option in ("ignore", "volatile", "labels"):
            as_tuple(getattr(self, option), f"texts for {option}")
        checked_tolerance(self.tolerance)


def golden_text(reading: Reading, rules: GoldenRules | None = None) -> str:
    """The golden text of a scrape.

    >>> from promlatest.testing import ScrapeTarget
    >>> target = ScrapeTarget(lambda: b'# TYPE jobs_total counter\\njobs_total{q="a"} 3\\n')
    >>> print(golden_text(target.scrape()), end="")
    # promlatest golden file; values: *, 3, >=1, <0.5, 3±0.1
    # TYPE jobs_total counter
    jobs_total{q="a"} 3
    """
    return _write(_lines(reading, _rules(rules)))


def _rules(given: GoldenRules | None) -> GoldenRules:
    return GoldenRules() if given is None else checked(given, GoldenRules, "GoldenRules")


def assert_golden(
    reading: Reading,
    path: str | PathLike[str],
    rules: GoldenRules | None = None,
    *,
    update: bool = False,
) -> None:
    """Assert that a scrape is what a golden file says.

    Args:
        reading: the scrape.
        path: the golden file.
        rules: what is left out, and what is not compared.
        update: True: write the file instead.

    Raises:
        GoldenError: it differs, line by line; or there is no such file yet.
        UsageError: the file cannot be read.
    """
    rules = _rules(rules)
    now, file = _lines(reading, rules), Path(checked_path(path))
    held = _parse(file_text(file), str(file), now) if file.exists() else None
    if update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_write(_kept(now, held or {}, rules)), encoding="utf-8")
        return
    if held is None:
        raise GoldenError(
            f"there is no golden file {file} yet",
            target=reading.target,
            details=["run pytest with --promlatest-update to write it"],
        )
    if differences := list(_compare(held, now, rules)):
        raise GoldenError(
            f"{reading.target} is not what {file} says:",
            target=reading.target,
            details=[
                *shortened(differences, _SHOWN),
                "run pytest with --promlatest-update to take it as it is now",
            ],
            sections={f"{reading.target} now": _write(now)},
        )


def assert_exposes(
    reading: Reading,
    text: str,
    *,
    only: Iterable[str] = (),
    tolerance: float = TOLERANCE,
) -> None:
    """Assert that these families are exposed as a text says: these series, no others.

        assert_exposes(reading, '''
            # TYPE orders_total counter
            orders_total{book="dune"} 1
            order_seconds_sum *
        ''')

    A value may be what one of a golden file may: `*`, `>=1`, `<0.5`, `3±0.1`. Types are
    compared where the text has them.

    Args:
        reading: the scrape.
        text: an exposition.
        only: the families, or series by their name, that are compared; by default those
            that the text names.
        tolerance: how far apart equal numbers may be, relative to the larger.

    Raises:
        GoldenError: they are exposed otherwise; line by line.
        UnknownMetricError: `only` names what nobody exposes.
        UsageError: the text cannot be read, or nothing is named that is to be compared.
    """
    rules = GoldenRules(ignore=(), volatile=(), tolerance=tolerance)
    now = _lines(reading, rules)
    held = _parse(text, "the text", now)
    named = {_named(line) for line in held}
    names = set(as_tuple(only, "texts for only")) or named
    _check_compared(names, named, reading)
    compared = {
        line: value
        for line, value in now.items()
        if (line in held if line.startswith(_TYPE) else _is_of(line, names, reading))
    }
    if differences := list(_compare(held, compared, rules)):
        raise GoldenError(
            f"{reading.target} does not expose {listed(sorted(names))} as the text says:",
            target=reading.target,
            details=shortened(differences, _SHOWN),
            sections={f"{reading.target} now": _write(compared)},
        )


def _check_compared(names: set[str], named: set[str], reading: Reading) -> None:
    """Check that what is to be compared is there: in the text, or in the scrape."""
    if not names:
        raise UsageError("expected a text that names a family or a series, or only=")
    for name in sorted(names - named - reading.names - set(reading.metadata)):
        raise missing_failure(reading, selection(name))


def _named(line: str) -> str:
    """The name that a line is about: that of a family, or of a series."""
    bare = line.removeprefix(_TYPE)
    if not bare.startswith(("{", '"')):
        return bare.partition("{")[0]
    return parse_selector(bare if bare.startswith("{") else f"{{{bare}}}")[0].value


def _is_of(series: str, names: Collection[str], reading: Reading) -> bool:
    name = _named(series)
    return name in names or family_of(name, reading.metadata) in names


_GoldenLines = dict[str, str]
"""What a golden file says: values as text by series, and types by ``# TYPE name``."""


def _lines(reading: Reading, rules: GoldenRules) -> _GoldenLines:
    lines: _GoldenLines = {}
    for point in checked_reading(reading).snapshot:
        metric = point.metric
        if fits_any(metric, rules.ignore):
            continue
        family = family_of(metric, reading.metadata)
        kind = reading.metadata[family].type if family in reading.metadata else "unknown"
        lines.setdefault(_type_line(family), kind)
        series = _scrubbed(point.labels, rules).series()
        several = series in lines
        value = "*" if several or fits_any(metric, rules.volatile) else number(point.value)
        lines[series] = value
    return lines


def _scrubbed(labels: Labels, rules: GoldenRules) -> Labels:
    marked = {name: "*" for name in labels if name in rules.labels and name != METRIC_NAME}
    return Labels({**labels, **marked}) if marked else labels


def _write(lines: Mapping[str, str]) -> str:
    return "".join(f"{line}\n" for line in (_HEAD, *map(" ".join, lines.items())))


def _parse(text: str, where: str, now: Collection[str]) -> _GoldenLines:
    """What a golden text says, with each series as `Labels` write it.

    Args:
        text: the golden text.
        where: it stands, in words.
        now: the lines of the scrape, which say how bounds are spelled there.

    Raises:
        UsageError: a line cannot be read, or says again what one has said.
    """
    lines: _GoldenLines = {}
    for place, line in enumerate(checked(text, str, "a text").splitlines(), 1):
        stripped = line.strip()
        if not stripped or (stripped[0] == "#" and not stripped.startswith(_TYPE)):
            continue
        at = f"{where}, line {place}"
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise UsageError(f"{at}: expected a series and a value: {line!r}")
        series, value = match["series"], match["value"]
        if stripped.startswith("#"):
            series = _type_line(_named(series))
        else:
            _expected(value, at, 0.0)
            series = _series(series, at, now)
        if series in lines:
            raise UsageError(f"{at}: stands there twice: {line!r}")
        lines[series] = value
    return lines


def _type_line(family: str) -> str:
    return f"{_TYPE}{family if LEGACY_METRIC_NAME.fullmatch(family) else quote(family)}"


def _series(text: str, at: str, now: Collection[str]) -> str:
    """The series of a line, as `Labels` write it; a bound is a number, in whatever
    spelling."""
    try:
        matchers = parse_selector(text)
    except SelectorError as error:
        raise UsageError(f"{at}: {error.reason}: {text!r}") from error
    if unequal := [each for each in matchers if each.operator != "="]:
        raise UsageError(f"{at}: expected a series, and {unequal[0]} is a condition")
    labels = {each.name: each.value for each in matchers}
    series = Labels(labels).series()
    bounds = {name: normalise_bound(labels[name]) for name in BOUNDS & labels.keys()}
    spelled = Labels({**labels, **bounds}).series()
    return spelled if series not in now and spelled in now else series


def _kept(now: _GoldenLines, held: _GoldenLines, rules: GoldenRules) -> _GoldenLines:
    """What is to be written: what is there now, as it was edited where that holds."""
    return {
        series: held[series]
        if series in held and _fits(held[series], value, rules, series)
        else value
        for series, value in now.items()
    }


def _compare(held: _GoldenLines, now: _GoldenLines, rules: GoldenRules) -> Iterable[str]:
    for series, value in held.items():
        if series not in now:
            yield f"- {series} {value}"
        elif not _fits(value, now[series], rules, series):
            yield f"! {series}: expected {value}, got {now[series]}"
    for series, value in now.items():
        if series not in held:
            yield f"+ {series} {value}"


def _fits(expected: str, got: str, rules: GoldenRules, series: str) -> bool:
    if series.startswith("#") or "*" in (expected, got):
        return expected == got or (expected == "*" and not series.startswith("#"))
    return _expected(expected, series, rules.tolerance)(float(got))


def _expected(text: str, where: str, tolerance: float) -> Callable[[float], bool]:
    """What a value of a golden file asks of a number.

    Raises:
        UsageError: it is no such value.
    """
    try:
        if text == "*":
            return lambda _: True
        if match := _COMPARED.fullmatch(text):
            compare, bound = _COMPARISONS[match[1]], parse_float(match[2])
            return lambda got: compare(got, bound)
        middle, _, margin = text.partition("±")
        near, far = parse_float(middle), parse_float(margin or "0")
        if not far >= 0:
            raise ValueError("a margin is from 0 on")
        return lambda got: (
            is_same(got, near) or math.isclose(got, near, rel_tol=tolerance, abs_tol=far)
        )
    except ValueError:
        raise UsageError(f"{where}: expected *, 3, >=1, <0.5 or 3±0.1: {text!r}") from None


_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": float.__ge__,
    "<=": float.__le__,
    ">": float.__gt__,
    "<": float.__lt__,
}
