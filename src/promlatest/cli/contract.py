"""Keep what dashboards and alerts rely on: families, types and labels, across releases.

`write` writes the contract that a target keeps into a file, and keeps the marks that
somebody made in it. `check` says in which places a target breaks it; more than the
contract asks for is allowed.

examples:
  promlatest contract write :8080 metrics.contract --optional '*_errors_total'
  promlatest contract check :8080 metrics.contract
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from promlatest.cli._exits import DONE, NOTHING
from promlatest.cli._options import add_target, refuse_idle, typed
from promlatest.cli._targets import fetch, shown
from promlatest.exceptions import UsageError
from promlatest.testing import Reading, contract_of, read_contract
from promlatest.testing._sources import read_body
from promlatest.testing._words import many


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest contract`."""
    parser.add_argument(
        "action", choices=tuple(_ACTIONS), help="check a target, or write the contract"
    )
    add_target(parser)
    parser.add_argument("file", metavar="FILE", help="the contract")
    parser.add_argument(
        "--optional", type=typed, action="append", default=[], metavar="PATTERN",
        help="write: families that need not be there, such as '*_errors_total'",
    )  # fmt: skip
    parser.add_argument(
        "--ignore", type=typed, action="append", default=[], metavar="PATTERN",
        help="write: families that are left out",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Write a contract, or check a target by one; a broken one is exit code 1."""
    writes = (options.action == "write", "contract write")
    refuse_idle(options, {"optional": writes, "ignore": writes})
    fetched = fetch(options, options.target)
    reading = read_body(shown(options.target), bytes(fetched.body), fetched.content_type)
    return _ACTIONS[options.action](reading, options)


def _write(reading: Reading, options: argparse.Namespace) -> int:
    contract = contract_of(reading, optional=options.optional, ignore=options.ignore)
    path = Path(options.file)
    if path.exists():
        contract = read_contract(path).renewed(contract)
    try:
        path.write_text(str(contract), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    kept = "1 family" if len(contract.lines) == 1 else f"{len(contract.lines)} families"
    print(f"{path}: {kept}", file=sys.stderr)
    return DONE


def _check(reading: Reading, options: argparse.Namespace) -> int:
    contract = read_contract(options.file)
    breaches = contract.breaches(reading)
    for words in breaches:
        print(words)
    for words in contract.additions(reading):
        print(f"{words} (allowed)", file=sys.stderr)
    for words in contract.unverified(reading):
        print(words, file=sys.stderr)
    verdict = f"broken in {many(len(breaches), 'place')}" if breaches else "kept"
    print(f"{options.file}: {verdict}", file=sys.stderr)
    return NOTHING if breaches else DONE


_ACTIONS: Final[Mapping[str, Callable[[Reading, argparse.Namespace], int]]] = {
    "check": _check,
    "write": _write,
}
