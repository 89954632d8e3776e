"""Print the series of a target that match a selector, or all, sorted by their labels.

examples:
  promlatest get :8080
  promlatest get :8080 workqueue_depth
  promlatest get :8080 '{__name__=~"workqueue_.*", name="pods"}' --json
  promlatest get :8080 workqueue_depth --watch --interval 5
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from promlatest._datapoint import DataPoint
from promlatest._matching.floats import is_same
from promlatest._matching.labels import Labels
from promlatest._matching.matcher import Matcher
from promlatest._storage.store import Store
from promlatest.cli._exits import DONE, NOTHING
from promlatest.cli._options import (
    add_json,
    add_limit,
    add_target,
    refuse_idle,
    refuse_standard_input,
    seconds_of,
    typed,
)
from promlatest.cli._printing import json_number, print_json, say_nothing
from promlatest.cli._targets import matchers_of, rounds, scraped, telling
from promlatest.views.nothing_found import why_nothing
from promlatest.views.series import series_page


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest get`."""
    add_target(parser)
    parser.add_argument(
        "selector",
        type=typed,
        nargs="?",
        metavar="SELECTOR",
        help="such as 'up{job=~\"a|b\"}'",
    )
    add_json(parser)
    add_limit(
        parser, "body_size", "series", "labels", "label_name_length", "label_value_length"
    )
    parser.add_argument(
        "--watch", action="store_true",
        help="go on, and print what changed, until Ctrl-C",
    )  # fmt: skip
    parser.add_argument(
        "--interval", type=float, metavar="SECONDS",
        help="of --watch: between two looks (default: 1)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Print what matches; nothing matching is talk and exit code 1."""
    refuse_idle(options, {"interval": (options.watch, "--watch")})
    refuse_standard_input(options.target, options.watch)
    matchers = matchers_of(options.selector, options.target) if options.selector else ()
    return (_watch if options.watch else _print)(options, matchers)


def _watch(options: argparse.Namespace, matchers: Sequence[Matcher]) -> int:
    """Print what matches, and then each time what is not what it was.

    A line ``# time`` stands above each, which is a comment in an exposition, so that what
    was printed can be read. A target that is down is told of and asked again.
    """
    before: dict[Labels, float] | None = None
    for _ in rounds(seconds_of(options, "interval", 1.0)):
        with telling():
            store = scraped(options, options.target)
            points = store.match(matchers)
            if not points and before != {}:
                _say_why(store, matchers, options)
            _print_changed(points, before or {}, options)
            before = {point.labels: point.value for point in points}
    return DONE


def _print_changed(
    points: Sequence[DataPoint], before: dict[Labels, float], options: argparse.Namespace
) -> None:
    there = {point.labels for point in points}
    gone = [labels for labels in before if labels not in there]
    new = [p for p in points if not is_same(before.get(p.labels), p.value)]
    if options.json:
        changed = [_as_dict(point) for point in new]
        document = {"changed": changed, "gone": [dict(labels) for labels in gone]}
        print_json(document, line=True)
    elif new or gone:
        print(time.strftime("# %Y-%m-%dT%H:%M:%S"))
        print(series_page(new), end="\n" * bool(new))
        for labels in gone:
            print(f"# gone: {labels.series()}")
    sys.stdout.flush()


def _print(options: argparse.Namespace, matchers: Sequence[Matcher]) -> int:
    store = scraped(options, options.target)
    points = store.match(matchers)
    if options.json:
        print_json([_as_dict(point) for point in points])
    elif points:
        print(series_page(points))
    if not points:
        _say_why(store, matchers, options)
    return DONE if points else NOTHING


def _say_why(
    store: Store, matchers: Sequence[Matcher], options: argparse.Namespace
) -> None:
    words = f"no series for {options.selector or 'this target'}"
    say_nothing(words, why_nothing(store, matchers))


def _as_dict(point: DataPoint) -> dict[str, Any]:
    return {
        "labels": dict(point.labels),
        "value": json_number(point.value),
        "timestamp": point.timestamp,
    }
