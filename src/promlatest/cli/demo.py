"""Serve a demo operator, with metrics as controller-runtime has them, until Ctrl-C.

examples:
  promlatest demo
  promlatest demo --port 0 --seed 7
"""

from __future__ import annotations

import argparse
import sys
import time

from promlatest.cli._options import port, whole_number
from promlatest.demo import serve


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest demo`."""
    parser.add_argument(
        "--port", type=port, default=8080, metavar="PORT",
        help="default: 8080; 0: any that is free",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=whole_number, default=1, metavar="N",
        help="the same seed tells the same story",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Print the URL and serve for as long as the process lives."""
    with serve(options.port, seed=options.seed) as url:
        print(url, flush=True)
        print(f"a demo operator; look at it with: promlatest top {url}", file=sys.stderr)
        while True:
            time.sleep(3600)
