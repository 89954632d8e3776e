"""Draw the histograms of a metric as bars, with their quantiles.

examples:
  promlatest histogram :8080 workqueue_queue_duration_seconds
  promlatest histogram :8080 workqueue_queue_duration_seconds name=pods
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from promlatest._histogram import Histogram
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import Matcher
from promlatest._storage.store import Store
from promlatest.cli._shared import (
    DONE,
    NOTHING,
    add_printing,
    add_target,
    ascii_only,
    pair,
    print_json,
    say_nothing,
    scraped,
    width,
)
from promlatest.views.near import why_no_histogram, why_nothing
from promlatest.views.page import histogram_page


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest histogram`."""
    add_target(parser)
    parser.add_argument("metric", metavar="METRIC", help="its name, without _bucket")
    parser.add_argument(
        "labels", nargs="*", metavar="LABEL=VALUE", help="only those with this label"
    )
    add_printing(parser)


def run(options: argparse.Namespace) -> int:
    """Draw what matches; nothing matching is talk and exit code 1."""
    labels = dict(pair(text, "=", "label=value") for text in options.labels)
    store = scraped(options, options.target)
    found = store.histograms(options.metric, **labels)
    if options.json:
        print_json([histogram.as_dict() for histogram in found])
    elif found:
        print_histograms(found, options)
    if not found:
        wanted = " ".join([options.metric, *options.labels])
        say_nothing(f"no histogram for {wanted}", _why(store, options.metric, labels))
    return DONE if found else NOTHING


def print_histograms(found: Sequence[Histogram], options: argparse.Namespace) -> None:
    """Print histograms as bars, as wide as the options or the terminal say."""
    print(histogram_page(found, width=width(options), ascii_only=ascii_only()))


def _why(store: Store, metric: str, labels: Mapping[str, str]) -> list[str]:
    if not store.histograms(metric):
        return why_no_histogram(store, metric)
    count = Matcher(METRIC_NAME, "=", f"{metric}_count")
    others = [Matcher(name, "=", value) for name, value in labels.items()]
    return why_nothing(store, [count, *others])
