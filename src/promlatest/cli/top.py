"""Watch what an operator, or any other process, is doing: a dashboard in the terminal.

With --once, --json or --histogram, or without a terminal, one page is printed instead: of
two scrapes, a second apart, so that it has rates.

examples:
  promlatest top :8080
  promlatest top --demo
  promlatest top --config prometheus.yml --interval 5
  promlatest top :8080 --once --histogram
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from typing import Any, Final

from promlatest._histogram import Histogram
from promlatest._storage.store import Store
from promlatest.cli._shared import (
    DONE,
    NOTHING,
    add_config,
    add_fetching,
    add_printing,
    ascii_only,
    configured,
    exit_code,
    print_json,
    say_nothing,
    scraped,
    shown,
    target_of,
    width,
)
from promlatest.cli.histogram import print_histograms
from promlatest.exceptions import EndpointError, UsageError
from promlatest.scrape import Job
from promlatest.views.catalog import catalog
from promlatest.views.near import why_no_histogram
from promlatest.views.operator import is_operator, overview
from promlatest.views.page import overview_page

_LIVE: Final = ("http", "unix")  # what says something else a second later
_DEFAULT_TARGET: Final = "localhost:8080"  # where controller-runtime listens


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest top`."""
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"default: {_DEFAULT_TARGET}"
    )
    parser.add_argument("--demo", action="store_true", help="show a demo operator")
    parser.add_argument("--seed", type=int, default=1, help="of the demo operator")
    add_config(parser)
    parser.add_argument(
        "--interval", type=float, metavar="SECONDS",
        help="between two scrapes (default: 1, or as the config says); of --once: 0 is one"
        " scrape, without rates",
    )  # fmt: skip
    parser.add_argument(
        "--theme", choices=("light", "dark"), default="",
        help="default: what fits the terminal",
    )  # fmt: skip
    parser.add_argument("--once", action="store_true", help="print one page and end")
    parser.add_argument(
        "--histogram", nargs="?", const="", metavar="METRIC",
        help="show this histogram below the page, or the one that says the most",
    )  # fmt: skip
    add_printing(parser)
    add_fetching(parser)


def run(options: argparse.Namespace) -> int:
    """Open the dashboard, or print pages where no terminal is or one is asked for."""
    if options.demo and (options.targets or options.config):
        raise UsageError("--demo is a target of its own: give it or others, not both")
    with ExitStack() as stack:
        if options.demo:
            from promlatest.demo import serve  # a simulation that nobody else needs

            options.targets = [stack.enter_context(serve(seed=options.seed))]
        return (_dashboard if _wants_dashboard(options) else _pages)(options)


def _wants_dashboard(options: argparse.Namespace) -> bool:
    """Whether somebody sits before a terminal and asked for nothing else."""
    asked = options.once or options.json or options.histogram is not None
    streams = (sys.stdin, sys.stdout, sys.stderr)  # Textual draws on the last
    if asked or "-" in options.targets or not all(each.isatty() for each in streams):
        return False
    lacking = next((words for lacks, words in _LACKING if lacks()), "")
    if lacking:
        print(lacking, file=sys.stderr)
    return not lacking


_LACKING: Final[Sequence[tuple[Callable[[], bool], str]]] = (
    (
        lambda: find_spec("textual") is None,
        "for the dashboard: pip install 'promlatest[tui]'",
    ),
    (
        lambda: os.environ.get("TERM", "") in ("", "dumb"),
        "TERM names no terminal with a screen, so this is one page",
    ),
)


def _dashboard(options: argparse.Namespace) -> int:
    from promlatest.tui import run  # it loads Textual, which nothing else here needs

    nobody_said = not options.targets and not options.config
    targets = [_DEFAULT_TARGET] if nobody_said else options.targets
    job = Job(interval=options.interval or 1.0, timeout=options.timeout)
    work = [(job, [target_of(options, text) for text in targets])] if targets else []
    if options.config:
        work += configured(options)
    return run(
        work,
        interval=options.interval,
        first_time=nobody_said,
        theme=options.theme,
        ascii_only=ascii_only(),
    )


def _pages(options: argparse.Namespace) -> int:
    """Print a page for each target; as JSON one document for all.

    A target that cannot be shown is told of and does not keep the others from it; its
    exit code is that of the command.
    """
    if options.config:
        raise UsageError("--config is for the dashboard, which needs a terminal")
    targets = options.targets or [_DEFAULT_TARGET]
    earlier = _earlier(options, targets)
    code, documents = DONE, []
    for number, target in enumerate(targets):
        try:
            store = scraped(options, target)
        except EndpointError as error:
            if len(targets) == 1:
                raise
            print(f"promlatest: {error}", file=sys.stderr)
            code = exit_code(error)
            documents.append({"target": shown(target), "error": str(error)})
            continue
        before = earlier.get(target)
        if options.json:
            told = _overview_as_dict(store, before)
            documents.append({"target": shown(target), **told})
        else:
            print("\n" * bool(number), end="")
            code = _print_page(store, before, target, options) or code
    if options.json:
        print_json(documents if len(targets) > 1 else documents[0])
    return code


def _earlier(options: argparse.Namespace, targets: Sequence[str]) -> dict[str, Store]:
    """A first look at what can be looked at twice, and the time until the second."""
    seconds = options.interval if options.interval is not None else 1.0
    if seconds <= 0 or (options.json and options.interval is None):
        return {}
    found: dict[str, Store] = {}
    for target in targets:
        with suppress(EndpointError):  # the second look tells of it
            if target_of(options, target).kind in _LIVE:
                found[target] = scraped(options, target)
    if found:
        time.sleep(seconds)
    return found


def _print_page(
    store: Store, earlier: Store | None, target: str, options: argparse.Namespace
) -> int:
    columns, ascii_ = width(options), ascii_only()
    name = shown(target)
    print(
        overview_page(store, width=columns, target=name, earlier=earlier, ascii_only=ascii_)
    )
    if options.histogram is None:
        return DONE
    found = _chosen_histograms(store, options.histogram)
    print()
    if found:
        print_histograms(found, options)
        return DONE
    wanted = options.histogram or "this target"
    say_nothing(f"no histogram for {wanted}", why_no_histogram(store, options.histogram))
    return NOTHING if options.histogram else DONE


def _chosen_histograms(store: Store, metric: str) -> list[Histogram]:
    """The histograms of this name; without a name those that say the most: how long
    reconciling takes, or else of the first histogram there is."""
    if metric:
        return store.histograms(metric)
    if is_operator(store):
        return store.histograms("controller_runtime_reconcile_time_seconds")[:1]
    kinds = store.metrics()
    names = [name for name, known in kinds.items() if known.type == "histogram"]
    return store.histograms(names[0])[:1] if names else []


def _overview_as_dict(store: Store, earlier: Store | None) -> dict[str, Any]:
    if is_operator(store):
        return {"kind": "operator", **overview(store, earlier).as_dict()}
    return {"kind": "metrics", "metrics": [row.as_dict() for row in catalog(store)]}
