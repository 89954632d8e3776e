"""Report what is wrong with an exposition: line, column, what, and what a scrape does.

examples:
  promlatest check :8080
  curl -s localhost:8080/metrics | promlatest check -
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from promlatest.cli._shared import (
    DONE,
    NOTHING,
    add_json,
    add_limit,
    add_target,
    fetch,
    print_json,
)
from promlatest.exposition import check


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest check`."""
    add_target(parser)
    add_json(parser)
    add_limit(parser, "body_size")


def run(options: argparse.Namespace) -> int:
    """Print each finding; finding any is exit code 1."""
    fetched = fetch(options, options.target)
    found = check(bytes(fetched.body), fetched.content_type)
    if options.json:
        print_json([_as_dict(diagnostic) for diagnostic in found])
    else:
        for diagnostic in found:
            print(diagnostic)
    words = f"{len(found)} findings" if len(found) != 1 else "1 finding"
    print(f"{fetched.url or options.target}: {words}", file=sys.stderr)
    return NOTHING if found else DONE


def _as_dict(diagnostic: Any) -> dict[str, Any]:
    fields = (field.name for field in diagnostic.__attrs_attrs__)
    return {name: getattr(diagnostic, name) for name in fields}
