"""The rules of some files, and what they are held against."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from promlatest._arguments import as_tuple, checked_queryable
from promlatest._interfaces import Queryable
from promlatest.exceptions import UsageError
from promlatest.rules._check import findings_of
from promlatest.rules._evaluation import Evaluation, Verdict
from promlatest.rules._files import read_files
from promlatest.rules._known import Known
from promlatest.rules._moments import moments_of
from promlatest.rules._rule import Finding, Rule

__all__ = ["TARGET_LABELS", "Rules", "read_rules"]

TARGET_LABELS: Final = (
    "job", "instance", "namespace", "pod", "container", "service", "endpoint", "cluster",
    "node", "metrics_path",
)  # fmt: skip
"""Labels that scraping adds and the process does not expose."""


@attrs.frozen
class Rules:
    """Expressions of rule files and dashboards, in the order of the files.

    Attributes:
        rules: every one of them.
        passed: files of the folders that have none.
    """

    rules: tuple[Rule, ...]
    passed: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    @property
    def alerts(self) -> tuple[Rule, ...]:
        """The alerts among them."""
        return tuple(rule for rule in self.rules if rule.kind == "alert")

    def check(
        self,
        queryable: Queryable,
        *,
        optional: Iterable[str] = (),
        target_labels: Iterable[str] = TARGET_LABELS,
    ) -> list[Finding]:
        """What they ask for and cannot get, in their order.

        Args:
            queryable: what the process exposes: a store, or one moment of it.
            optional: metrics, as patterns of the shell, that need not be there.
            target_labels: labels that scraping adds, and external labels.

        Raises:
            UsageError: `optional` or `target_labels` is one text and no list of them.
        """
        known = self._known([queryable], optional, target_labels)
        return [finding for rule in self.rules for finding in findings_of(rule, known)]

    def _known(
        self,
        queryable: Sequence[Queryable],
        optional: Iterable[str],
        target_labels: Iterable[str],
    ) -> Known:
        optional = as_tuple(optional, "texts for optional")
        target_labels = as_tuple(target_labels, "texts for target_labels")
        if not queryable:
            raise UsageError("expected at least one moment to evaluate rules at")
        recorded = (rule.name for rule in self.rules if rule.kind == "record")
        return Known(checked_queryable(queryable[0]), recorded, optional, target_labels)

    def evaluate(
        self,
        *moments: Queryable,
        optional: Iterable[str] = (),
        target_labels: Iterable[str] = TARGET_LABELS,
    ) -> list[Verdict]:
        """The verdict on each alert, by what was exposed at one moment or more.

        Recording rules are evaluated first. By several moments ranges mean "since the
        first" and are divided by what is covered. By one they mean what they say, over the
        scrapes that a store keeps, `Store(history=…)`: one that these do not cover cannot
        be judged where that matters.

        Args:
            moments: scrapes of one process, the oldest first, such as snapshots; or a
                store.
            optional: as of `check`.
            target_labels: as of `check`.

        Raises:
            UsageError: there is no moment.
        """
        evaluation = self.at(*moments, optional=optional, target_labels=target_labels)
        return [evaluation.verdict(rule) for rule in self.alerts]

    def at(
        self,
        *moments: Queryable,
        optional: Iterable[str] = (),
        target_labels: Iterable[str] = TARGET_LABELS,
    ) -> Evaluation:
        """The rules at the last of these moments, for what `evaluate` does not give: single
        verdicts, and what an alert compared. The arguments are those of `evaluate`."""
        known = self._known(moments[-1:], optional, target_labels)
        return Evaluation(self.rules, moments_of(moments, target_labels), known)


def read_rules(*paths: str | os.PathLike[str]) -> Rules:
    """The expressions in files and folders.

    Rule files (`groups:`), PrometheusRule resources, dashboards of Grafana as JSON, and
    ConfigMaps that hold any of these. Folders are walked, and their files without
    expressions listed in `Rules.passed`.

    Raises:
        UsageError: a file cannot be read, is no valid document, or has no expression
            though it was named; each error is a line that begins with file and line.
        MissingExtraError: a file is YAML, and the extra ``[rules]`` is missing.
    """
    if not paths:
        raise UsageError("expected at least one file or folder of rules")
    return Rules(*read_files(paths))
