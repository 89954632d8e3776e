"""Print the series of a target that match a selector, or all, sorted by their labels.

examples:
  promlatest get :8080
  promlatest get :8080 workqueue_depth
  promlatest get :8080 '{__name__=~"workqueue_.*", name="pods"}' --json
  promlatest get :8080 workqueue_depth --watch --interval 5
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any

from promlatest._datapoint import DataPoint
from promlatest._matching.floats import format_float
from promlatest._matching.labels import Labels
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
from promlatest.exceptions import EndpointError, SelectorError, UsageError
from promlatest.views.near import is_expression, why_nothing
from promlatest.views.series import series_page


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest get`."""
    add_target(parser)
    parser.add_argument(
        "selector", nargs="?", metavar="SELECTOR", help="such as 'up{job=~\"a|b\"}'"
    )
    add_printing(parser)
    parser.add_argument(
        "--watch", action="store_true",
        help="go on, and print what changed, until Ctrl-C",
    )  # fmt: skip
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="SECONDS",
        help="between two looks (default: 1)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Print what matches; nothing matching is talk and exit code 1."""
    if not options.interval > 0:
        raise UsageError(f"expected seconds above 0 in --interval, not {options.interval}")
    return _watch(options) if options.watch else _print(options)


def _watch(options: argparse.Namespace) -> int:
    """Print what matches, and then each time what is not what it was.

    A line ``# time`` stands above each, which is a comment in an exposition, so that what
    was printed can be read. A target that is down is told of and asked again.
    """
    matchers = _matchers(options)
    before: dict[Labels, float] = {}
    while True:
        started = time.monotonic()
        try:
            points = scraped(options, options.target).match(matchers)
        except EndpointError as error:
            print(f"promlatest: {error}", file=sys.stderr)
        else:
            _print_changed(points, before, options)
            before = {point.labels: point.value for point in points}
        time.sleep(max(options.interval - (time.monotonic() - started), 0))


def _print_changed(
    points: Sequence[DataPoint], before: dict[Labels, float], options: argparse.Namespace
) -> None:
    there = {point.labels for point in points}
    gone = [labels for labels in before if labels not in there]
    new = [p for p in points if not _same(before.get(p.labels), p.value)]
    if options.json:
        changed = [_as_dict(point) for point in new]
        print(json.dumps({"changed": changed, "gone": [dict(labels) for labels in gone]}))
    elif new or gone:
        print(time.strftime("# %Y-%m-%dT%H:%M:%S"))
        print(series_page(new), end="\n" * bool(new))
        for labels in gone:
            print(f"# gone: {labels.series()}")
    sys.stdout.flush()


def _same(before: float | None, now: float) -> bool:
    return before is not None and (before == now or (before != before and now != now))


def _print(options: argparse.Namespace) -> int:
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
