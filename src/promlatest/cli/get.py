"""Print the series of a target that match a selector, or all, sorted by their labels.

examples:
  promlatest get :8080
  promlatest get :8080 workqueue_depth
  promlatest get :8080 '{__name__=~"workqueue_.*", name="pods"}' --json
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import Any

from promlatest._datapoint import DataPoint
from promlatest._matching.floats import format_float
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import parse_selector
from promlatest.cli._shared import (
    DONE,
    NOTHING,
    add_printing,
    add_target,
    print_json,
    say_nothing,
    scraped,
)
from promlatest.exceptions import SelectorError, UsageError
from promlatest.views.near import is_expression, why_nothing
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
    matchers = _matchers(options)
    store = scraped(options, options.target)
    points = store.match(matchers)
    if options.json:
        print_json([_as_dict(point) for point in points])
    elif points:
        print(series_page(points))
    if not points:
        words = f"no series for {options.selector or 'this target'}"
        say_nothing(words, why_nothing(store, matchers))
    return DONE if points else NOTHING


def _matchers(options: argparse.Namespace) -> Sequence[Matcher]:
    if not options.selector:
        return ()
    try:
        return parse_selector(options.selector)
    except SelectorError as error:
        if not is_expression(options.selector):
            raise
        raise UsageError(
            f'expected a selector, such as up{{job="a"}}; {options.selector!r} is'
            f" PromQL: promlatest query {options.target} {shlex.quote(options.selector)}"
        ) from error


def _as_dict(point: DataPoint) -> dict[str, Any]:
    value: float | str = point.value
    if value != value or value in (float("inf"), float("-inf")):
        value = format_float(point.value)  # JSON has no such numbers
    return {"labels": dict(point.labels), "value": value, "timestamp": point.timestamp}
