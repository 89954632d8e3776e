"""Hold rule files and dashboards against the process that they watch.

`check` says what they ask for and the process does not expose: metrics, labels and
buckets that are not there, and uses that cannot be right. Any failure is exit code 1; a
value that was never seen is a warning, and is not.

examples:
  promlatest rules check alerts.yml dashboards/ :8080
  promlatest rules check alerts.yml :8080 --optional '*_errors_total'
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from promlatest._storage.store import Store
from promlatest.cli._shared import DONE, NOTHING, add_fetching, fetch, print_json
from promlatest.exceptions import UsageError
from promlatest.rules import TARGET_LABELS, Rules, read_rules


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest rules`."""
    parser.add_argument("action", choices=tuple(_ACTIONS), help="what to say of them")
    parser.add_argument(
        "words", nargs="+", metavar="FILE... TARGET",
        help="rule files, dashboards and folders of them; and what they watch",
    )  # fmt: skip
    parser.add_argument(
        "--optional", action="append", default=[], metavar="PATTERN",
        help="metrics that need not be there, such as '*_errors_total'",
    )  # fmt: skip
    parser.add_argument(
        "--target-labels", action="append", default=[], metavar="NAME,...",
        help="labels that scraping adds, and external labels, in place of"
        f" {', '.join(TARGET_LABELS)}",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_fetching(parser)


def run(options: argparse.Namespace) -> int:
    """Carry out the action; a failure that is found is exit code 1."""
    *files, target = options.words
    if not files:
        raise UsageError("expected FILE... TARGET: rules, and then what they watch")
    rules = read_rules(*files)
    for path in rules.passed:
        print(f"{path}: no rules and no dashboard, passed by", file=sys.stderr)
    return _ACTIONS[options.action](rules, target, options)


def _check(rules: Rules, target: str, options: argparse.Namespace) -> int:
    fetched, store = fetch(options, target), Store()
    exposition = store.ingest(fetched.body, fetched.content_type, source=target)
    found = rules.check(
        store,
        optional=options.optional,
        target_labels=_split(options.target_labels) or TARGET_LABELS,
        declared=exposition.metadata,
    )
    if options.json:
        print_json([attrs.asdict(finding) for finding in found])
    else:
        for finding in found:
            print(finding)
    failures = sum(finding.severity == "failure" for finding in found)
    words = (_counted(len(rules), "expression"), _counted(failures, "failure"))
    warnings = _counted(len(found) - failures, "warning")
    print(f"{', '.join(words)}, {warnings}", file=sys.stderr)
    return NOTHING if failures else DONE


def _split(given: Sequence[str]) -> list[str]:
    return [name for each in given for name in each.split(",") if name]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


_ACTIONS: Final[Mapping[str, Callable[[Rules, str, argparse.Namespace], int]]] = {
    "check": _check,
}
