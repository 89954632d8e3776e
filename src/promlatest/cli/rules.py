"""Hold rule files and dashboards against the process that they watch.

`check` says what they ask for and the process does not expose: metrics, labels and
buckets that are not there, and uses that cannot be right. Any failure is exit code 1; a
value that was never seen is a warning, and is not.

`eval` scrapes twice and says which alerts are true now, and which cannot be judged; any
of these is exit code 1. Ranges mean "since the first scrape".

examples:
  promlatest rules check alerts.yml dashboards/ :8080
  promlatest rules check alerts.yml :8080 --optional '*_errors_total'
  helm template RELEASE CHART | promlatest rules check - :8080
  promlatest rules eval alerts.yml :8080 --interval 15
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from promlatest._storage.store import Store
from promlatest.cli._exits import DONE, NOTHING
from promlatest.cli._options import (
    add_json,
    add_target,
    refuse_idle,
    refuse_standard_input,
    seconds_of,
    typed,
    whole_number,
)
from promlatest.cli._printing import json_number, print_json
from promlatest.cli._targets import rounds, scraped
from promlatest.exceptions import UsageError
from promlatest.rules import TARGET_LABELS, Finding, Rules, Verdict, read_rules

_MANY: Final = 3  # a label that was renamed is seldom asked of so many metrics


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest rules`."""
    parser.add_argument("action", choices=tuple(_ACTIONS), help="what to say of them")
    parser.add_argument(
        "files", nargs="+", metavar="FILE",
        help="rule files, dashboards and folders of them; - is the standard input",
    )  # fmt: skip
    add_target(parser)
    parser.add_argument(
        "--optional", type=typed, action="append", default=[], metavar="PATTERN",
        help="metrics that need not be there, such as '*_errors_total'",
    )  # fmt: skip
    parser.add_argument(
        "--target-labels", action="append", default=[], metavar="NAME,...",
        help="labels that scraping adds, and external labels, in place of"
        f" {', '.join(TARGET_LABELS)}; +NAME adds one to these",
    )  # fmt: skip
    parser.add_argument(
        "--scrapes", type=whole_number, metavar="N",
        help="eval: how many scrapes to go by (default: 2)",
    )  # fmt: skip
    parser.add_argument(
        "--interval", type=float, metavar="SECONDS",
        help="eval: from one scrape to the next (default: 5)",
    )  # fmt: skip
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Carry out the action; a failure that is found is exit code 1."""
    evaluates = (options.action == "eval", "rules eval")
    refuse_idle(options, {"scrapes": evaluates, "interval": evaluates})
    refuse_standard_input(options.target, "-" in options.files)
    rules = read_rules(*("/dev/stdin" if each == "-" else each for each in options.files))
    for path in rules.passed:
        print(f"{path}: no rules and no dashboard, passed by", file=sys.stderr)
    return _ACTIONS[options.action](rules, options)


def _check(rules: Rules, options: argparse.Namespace) -> int:
    store = scraped(options, options.target)
    found = rules.check(store, **_told(options))
    if options.json:
        print_json([attrs.asdict(finding) for finding in found])
    else:
        for finding in found:
            print(finding)
    for label, count in _foreign(found, store):
        print(
            f"{count} times nothing has the label {label}: if scraping adds it, or if it"
            f" is an external label, say --target-labels +{label}",
            file=sys.stderr,
        )
    failures = sum(finding.severity == "failure" for finding in found)
    words = (_counted(len(rules), "expression"), _counted(failures, "failure"))
    warnings = _counted(len(found) - failures, "warning")
    print(f"{', '.join(words)}, {warnings}", file=sys.stderr)
    return NOTHING if failures else DONE


def _foreign(found: Sequence[Finding], store: Store) -> list[tuple[str, int]]:
    """Labels that are asked for again and again, and that no series at all has."""
    asked = Counter(finding.about for finding in found if finding.kind == "label")
    there = set(store.label_names())
    return [(n, count) for n, count in asked.items() if count >= _MANY and n not in there]


def _eval(rules: Rules, options: argparse.Namespace) -> int:
    if not rules.alerts:
        raise UsageError("expected alerts to evaluate, and there are none in the files")
    scrapes = (
        (1 if options.target == "-" else 2) if options.scrapes is None else options.scrapes
    )
    if scrapes < 1:
        raise UsageError(f"--scrapes: expected 1 or more, not {scrapes}")
    refuse_idle(options, {"interval": (scrapes > 1, "--scrapes of 2 or more")})
    refuse_standard_input(options.target, scrapes > 1)
    pace = rounds(seconds_of(options, "interval", 5.0, least=0), scrapes)
    moments = [scraped(options, options.target).snapshot() for _ in pace]
    verdicts = rules.evaluate(*moments, **_told(options))
    if options.json:
        print_json([_as_dict(verdict) for verdict in verdicts])
    else:
        for verdict in verdicts:
            print(verdict)
    true = sum(bool(verdict.true) for verdict in verdicts)
    problems = sum(bool(verdict.problem) for verdict in verdicts)
    words = f"{true} true, {problems} not to be judged"
    print(f"{_counted(len(verdicts), 'alert')}, {words}", file=sys.stderr)
    return NOTHING if true or problems else DONE


def _told(options: argparse.Namespace) -> dict[str, Any]:
    given = _split(options.target_labels)
    more = [name.removeprefix("+") for name in given if name.startswith("+")]
    instead = [name for name in given if not name.startswith("+")]
    labels = [*(instead or TARGET_LABELS), *more]
    return {"optional": options.optional, "target_labels": labels}


def _as_dict(verdict: Verdict) -> dict[str, Any]:
    rule = verdict.rule
    return {
        "file": rule.file,
        "line": rule.line,
        "alert": rule.name,
        "for": rule.hold,
        "keep_firing_for": rule.keep_firing_for,
        "true": [
            {
                "labels": dict(each.labels),
                "value": json_number(each.value),
                "annotations": dict(each.annotations),
            }
            for each in verdict.true
        ],
        "problem": verdict.problem,
        "notes": list(verdict.notes),
    }


def _split(given: Sequence[str]) -> list[str]:
    return [name for each in given for name in each.split(",") if name]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


_ACTIONS: Final[Mapping[str, Callable[[Rules, argparse.Namespace], int]]] = {
    "check": _check,
    "eval": _eval,
}
