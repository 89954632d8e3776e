"""Draw the histograms of a metric as bars, with their quantiles.

examples:
  promlatest histogram :8080 workqueue_queue_duration_seconds
  promlatest histogram :8080 workqueue_queue_duration_seconds name=pods
  promlatest histogram :8080 'workqueue_queue_duration_seconds{name=~"pods|nodes"}'
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from promlatest._histogram import Histogram
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import Matcher
from promlatest._storage.store import Store
from promlatest.cli._exits import DONE, NOTHING
from promlatest.cli._options import add_page, add_target, pair, typed, width
from promlatest.cli._printing import ascii_only, print_json, say_nothing
from promlatest.cli._targets import matchers_of, scraped
from promlatest.exceptions import UsageError
from promlatest.views.nothing_found import why_no_histogram, why_nothing
from promlatest.views.printed import histogram_page


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest histogram`."""
    add_target(parser)
    parser.add_argument(
        "metric",
        type=typed,
        metavar="METRIC",
        help="its name, without _bucket, or a selector",
    )
    parser.add_argument(
        "labels",
        type=typed,
        nargs="*",
        default=[],
        metavar="LABEL=VALUE",
        help="only those with this label",
    )
    add_page(parser)


def run(options: argparse.Namespace) -> int:
    """Draw what matches; nothing matching is talk and exit code 1."""
    labels = [pair(text, "=", "label=value") for text in options.labels]
    matchers = [
        *matchers_of(options.metric, options.target),
        *(Matcher(name, "=", value) for name, value in labels),
    ]
    store = scraped(options, options.target)
    found = histograms(store, matchers)
    if options.json:
        print_json([histogram.as_dict() for histogram in found])
    elif found:
        print_histograms(found, options)
    if not found:
        say_no_histogram(store, matchers, " ".join([options.metric, *options.labels]))
    return DONE if found else NOTHING


def histograms(store: Store, matchers: Sequence[Matcher]) -> list[Histogram]:
    """The histograms that pass matchers, one of which gives the name.

    Raises:
        UsageError: none does.
    """
    name, others = _split(matchers)
    return store.histograms(name, *others)


def print_histograms(found: Sequence[Histogram], options: argparse.Namespace) -> None:
    """Print histograms as bars, as wide as the options or the terminal say."""
    print(histogram_page(found, width=width(options), ascii_only=ascii_only()))


def say_no_histogram(store: Store, matchers: Sequence[Matcher], wanted: str) -> None:
    """Say that there is none, and what was probably meant."""
    name, others = _split(matchers)
    count = Matcher(METRIC_NAME, "=", f"{name}_count")
    there = store.histograms(name)
    why = why_nothing(store, [count, *others]) if there else why_no_histogram(store, name)
    say_nothing(f"no histogram for {wanted}", why)


def _split(matchers: Sequence[Matcher]) -> tuple[str, list[Matcher]]:
    """The name of the metric, and the other matchers."""
    names = [each for each in matchers if each.name == METRIC_NAME]
    if len(names) != 1 or names[0].operator != "=":
        raise UsageError("expected the name of one histogram in front of its labels")
    return names[0].value, [each for each in matchers if each.name != METRIC_NAME]
