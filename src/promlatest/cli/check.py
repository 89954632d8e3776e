"""Report what is wrong with an exposition: line, column, what, and what a scrape does.

examples:
  promlatest check :8080
  curl -s localhost:8080/metrics | promlatest check -
  promlatest check :9100 --ignore '*camelCase*'
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase

import attrs

from promlatest.cli._exits import DONE, NOTHING
from promlatest.cli._options import add_json, add_limit, add_target, typed
from promlatest.cli._printing import print_json
from promlatest.cli._targets import fetch
from promlatest.exposition import Diagnostic, check


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest check`."""
    add_target(parser)
    add_json(parser)
    add_limit(parser, "body_size")
    parser.add_argument(
        "--ignore", type=typed, action="append", default=[], metavar="PATTERN",
        help="let pass what fits, such as '*camelCase*' or '*legacy_*'; may be given"
        " several times",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Print each finding; finding any is exit code 1."""
    fetched = fetch(options, options.target)
    every = check(bytes(fetched.body), fetched.content_type)
    found = [each for each in every if not _is_ignored(each, options.ignore)]
    if options.json:
        print_json([attrs.asdict(diagnostic) for diagnostic in found])
    else:
        for diagnostic in found:
            print(diagnostic)
    words = f"{len(found)} findings" if len(found) != 1 else "1 finding"
    passed = f", {len(every) - len(found)} ignored" if options.ignore else ""
    print(f"{fetched.url or options.target}: {words}{passed}", file=sys.stderr)
    return NOTHING if found else DONE


def _is_ignored(found: Diagnostic, patterns: Iterable[str]) -> bool:
    told = f"{found.reason}: {found.text!r}"
    return any(fnmatchcase(told, pattern) for pattern in patterns)
