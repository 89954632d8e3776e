"""Draw the histograms of a metric as bars, with their quantiles.

examples:
  promlatest histogram :8080 workqueue_queue_duration_seconds
  promlatest histogram :8080 workqueue_queue_duration_seconds name=pods
"""

from __future__ import annotations

import argparse
import sys

from promlatest.cli._shared import (
    DONE,
    NOTHING,
    add_printing,
    add_target,
    pair,
    print_histograms,
    print_json,
    scraped,
)


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
    found = scraped(options, options.target).histograms(options.metric, **labels)
    if options.json:
        print_json([histogram.as_dict() for histogram in found])
    elif found:
        print_histograms(found, options)
    if not found:
        wanted = " ".join([options.metric, *options.labels])
        print(f"no histogram for {wanted}", file=sys.stderr)
    return DONE if found else NOTHING
