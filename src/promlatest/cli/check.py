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
from contextlib import suppress
from fnmatch import fnmatchcase

import attrs

from promlatest import Counts, Store
from promlatest.cli._exits import DONE, NOTHING
from promlatest.cli._options import add_json, add_limit, add_target, typed
from promlatest.cli._printing import print_json
from promlatest.cli._targets import fetch, tell_untaken
from promlatest.exceptions import ContentTypeError, LimitError
from promlatest.exposition import Diagnostic, check
from promlatest.scrape import Fetched


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
    """Print each finding; finding any is exit code 1. Samples whose time no scraper takes
    are told of."""
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
    counts = _counts(fetched)
    if counts.too_old or counts.out_of_bounds:  # a file may be of yesterday
        tell_untaken(options.target, counts.untaken, counts.example)
    return NOTHING if found else DONE


def _counts(fetched: Fetched) -> Counts:
    """What would become of the samples in a store; nothing where it takes no such body."""
    store = Store()
    with suppress(ContentTypeError, LimitError):
        store.ingest(bytes(fetched.body), fetched.content_type, lenient=True)
    return store.counts


def _is_ignored(found: Diagnostic, patterns: Iterable[str]) -> bool:
    told = f"{found.reason}: {found.text!r}"
    return any(fnmatchcase(told, pattern) for pattern in patterns)
