"""Rule files and dashboards in tests: do they find what they ask for, would they fire?

PromQL is loaded by the first question and not before: that is 90 ms, which tests without
rules need not pay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

import attrs

from promlatest._matching.matcher import LabelValue, checked_value, fulfils, keyword_matcher
from promlatest.exceptions import UsageError
from promlatest.testing._difference import Difference
from promlatest.testing._errors import AlertError, RulesError, hides
from promlatest.testing._reading import Reading
from promlatest.testing._words import closest, listed, many, number, shortened

if TYPE_CHECKING:
    from promlatest.rules import Evaluation, Firing, Verdict

__tracebackhide__ = hides

_MOST: Final = 40  # lines; two pages of a terminal


def assert_rules_match(
    reading: Reading,
    *paths: str | PathLike[str],
    optional: Iterable[str] = (),
    target_labels: Iterable[str] | None = None,
) -> None:
    """Assert that rules and dashboards ask for nothing that is not exposed.

    Args:
        reading: the scrape.
        paths: rule files, dashboards, and folders of them.
        optional: metrics, as patterns of the shell, that need not be there.
        target_labels: labels that scraping adds, in place of `rules.TARGET_LABELS`.

    Raises:
        RulesError: they do; every failure is listed, and then the warnings.
        UsageError: a file cannot be read.
    """
    from promlatest.rules import read_rules

    told = _told(optional, target_labels)
    found = read_rules(*paths).check(reading.snapshot, **told)
    failures = [str(each) for each in found if each.severity == "failure"]
    warnings = [str(each) for each in found if each.severity == "warning"]
    if failures:
        raise RulesError(
            f"{reading.target} does not expose what its rules ask for:",
            target=reading.target,
            details=shortened(failures + warnings, _MOST),
        )


def alerts_since(
    difference: Difference,
    *paths: str | PathLike[str],
    optional: Iterable[str] = (),
    target_labels: Iterable[str] | None = None,
) -> Alerts:
    """The alerts of rule files, as they stand now; ranges mean "since the mark".

    Args:
        difference: the two scrapes.
        paths: rule files, and folders of them.
        optional: metrics, as patterns of the shell, that need not be there.
        target_labels: labels that scraping adds, in place of `rules.TARGET_LABELS`.

    Raises:
        UsageError: a file cannot be read, or there is no alert in any of them.
    """
    from promlatest.rules import read_rules

    rules = read_rules(*paths)
    if not rules.alerts:
        raise UsageError(f"no alert stands in {listed(map(str, paths))}")
    before, after = difference.before, difference.after
    told = _told(optional, target_labels)
    evaluation = rules.at(before.snapshot, after.snapshot, **told)
    return Alerts(after.target, tuple(map(evaluation.verdict, rules.alerts)), evaluation)


def _told(optional: Iterable[str], labels: Iterable[str] | None) -> dict[str, Any]:
    told = {"optional": optional, "target_labels": labels}
    return {name: value for name, value in told.items() if value is not None}


@attrs.frozen
class Alerts:
    """What becomes of each alert of some rule files.

    Attributes:
        target: what was scraped.
        verdicts: one for each alert, in the order of the files.
    """

    target: str
    verdicts: tuple[Verdict, ...]
    _evaluation: Evaluation = attrs.field(repr=False, eq=False)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __str__(self) -> str:
        return "\n".join(map(str, self.verdicts))

    def assert_true(self, name: str, /, **labels: LabelValue) -> Firing:
        """Assert that an alert is true now, for a series with these labels; gives it.

        Whether it fires is a matter of its `for`: see `Verdict.then`.

        Raises:
            AlertError: it is not true, or cannot be judged.
            UsageError: no alert has this name.
        """
        verdicts = [each for each in self.verdicts if each.rule.name == name]
        if not verdicts:
            names = {each.rule.name for each in self.verdicts}
            near = closest(name, names) or sorted(names)
            raise UsageError(f"no alert is called {name}; there are: {listed(near)}")
        conditions = [keyword_matcher(n, checked_value(n, v)) for n, v in labels.items()]
        for each in (firing for verdict in verdicts for firing in verdict.true):
            if fulfils(each.labels, conditions):
                return each
        wanted = ", ".join(f"{key}={value!r}" for key, value in labels.items())
        raise AlertError(
            f"{name} is not true" + (f" for {wanted}" if wanted else ""),
            target=self.target,
            details=[line for each in verdicts for line in self._explained(each)],
        )

    def assert_none_true(self) -> None:
        """Assert that no alert is true now, and that each can be judged.

        Raises:
            AlertError: some are true, or cannot be judged; all of them are listed.
        """
        bad = [each for each in self.verdicts if each.true or each.problem]
        if bad:
            true = sum(bool(each.true) for each in bad)
            raise AlertError(
                f"{many(len(self.verdicts), 'alert')} on {self.target}: {true} true,"
                f" {len(bad) - true} not to be judged:",
                target=self.target,
                details=shortened([line for each in bad for line in each.lines()], _MOST),
            )

    def _explained(self, verdict: Verdict) -> Iterator[str]:
        yield from verdict.lines()
        yield f"expr: {' '.join(verdict.rule.expr.split())}"
        compared = self._evaluation.compared(verdict.rule)
        lines = (
            f"{each.series() if each else ''} {number(value)}" for each, value in compared
        )
        yield from (f"compared: {line.strip()}" for line in shortened(lines))
