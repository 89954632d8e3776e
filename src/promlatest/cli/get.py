"""Print the series of a target that match a selector, or all, sorted by their labels.

examples:
  promlatest get :8080
  promlatest get :8080 workqueue_depth
  promlatest get :8080 '{__name__=~"workqueue_.*", name="pods"}' --json
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from promlatest._datapoint import DataPoint
from promlatest._matching.floats import format_float
from promlatest.cli._shared import (
    DONE,
    NOTHING,
    add_printing,
    add_target,
    print_json,
    scraped,
)
from promlatest.views.page import series_page


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest get`."""
    add_target(parser)
    parser.add_argument(
        "selector", nargs="?", metavar="SELECTOR", help="such as 'up{job=~\"a|b\"}'"
    )
    add_printing(parser)


def run(options: argparse.Namespace) -> int:
    """Print what matches; nothing matching is talk and exit code 1."""
    store = scraped(options, options.target)
    points = store.select(options.selector) if options.selector else list(store)
    if options.json:
        print_json([_as_dict(point) for point in points])
    elif points:
        print(series_page(points))
    if not points:
        print(f"no series for {options.selector or 'this target'}", file=sys.stderr)
    return DONE if points else NOTHING


def _as_dict(point: DataPoint) -> dict[str, Any]:
    value: float | str = point.value
    if value != value or value in (float("inf"), float("-inf")):
        value = format_float(point.value)  # JSON has no such numbers
    return {"labels": dict(point.labels), "value": value, "timestamp": point.timestamp}
