"""Watch what an operator, or any other process, is doing: a dashboard in the terminal.

With --once, --json or --histogram, or without a terminal, one page is printed instead.

examples:
  promlatest top :8080
  promlatest top --demo
  promlatest top --config prometheus.yml --interval 5
  promlatest top :8080 --once --histogram
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any, Final

from promlatest._histogram import Histogram
from promlatest._storage.store import Store
from promlatest.cli._shared import (
    DONE,
    add_fetching,
    add_printing,
    print_histograms,
    print_json,
    scraped,
    shown,
    target_of,
    width,
)
from promlatest.exceptions import UsageError
from promlatest.scrape import Job, load_config
from promlatest.views.catalog import catalog
from promlatest.views.operator import is_operator, overview
from promlatest.views.page import overview_page

_DEFAULT_TARGET: Final = "localhost:8080"  # where controller-runtime listens


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest top`."""
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"default: {_DEFAULT_TARGET}"
    )
    parser.add_argument("--demo", action="store_true", help="show a demo operator")
    parser.add_argument("--seed", type=int, default=1, help="of the demo operator")
    parser.add_argument(
        "--config", metavar="FILE", help="a Prometheus scrape_config with static targets"
    )
    parser.add_argument(
        "--interval", type=float, metavar="SECONDS",
        help="between two scrapes in the dashboard (default: 1, or as the config says)",
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
    with ExitStack() as stack:
        if options.demo:
            from promlatest.demo import serve  # a simulation that nobody else needs

            options.targets = [stack.enter_context(serve(seed=options.seed))]
        return (_dashboard if _wants_dashboard(options) else _pages)(options)


def _wants_dashboard(options: argparse.Namespace) -> bool:
    """Whether somebody sits before a terminal and asked for nothing else."""
    asked = options.once or options.json or options.histogram is not None
    if asked or "-" in options.targets or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    if find_spec("textual") is None:
        print("for the dashboard: pip install 'promlatest[tui]'", file=sys.stderr)
        return False
    return True


def _dashboard(options: argparse.Namespace) -> int:
    from promlatest.tui import run  # it loads Textual, which nothing else here needs

    nobody_said = not options.targets and not options.config
    targets = [_DEFAULT_TARGET] if nobody_said else options.targets
    job = Job(interval=options.interval or 1.0, timeout=options.timeout)
    work = [(job, [target_of(options, text) for text in targets])] if targets else []
    if options.config:
        work += load_config(options.config)
    run(work, interval=options.interval, first_time=nobody_said, theme=options.theme)
    return DONE


def _pages(options: argparse.Namespace) -> int:
    """Print a page for each target; as JSON one document for all."""
    if options.config:
        raise UsageError("--config is for the dashboard, which needs a terminal")
    documents = []
    for number, target in enumerate(options.targets or [_DEFAULT_TARGET]):
        store = scraped(options, target)
        if options.json:
            documents.append(_overview_as_dict(store))
        else:
            print("\n" * bool(number), end="")
            _print_page(store, target, options)
    if options.json:
        print_json(documents if len(documents) > 1 else documents[0])
    return DONE


def _print_page(store: Store, target: str, options: argparse.Namespace) -> None:
    print(overview_page(store, width=width(options), target=shown(target)))
    if options.histogram is not None:
        print_histograms(_chosen_histograms(store, options.histogram), options)


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


def _overview_as_dict(store: Store) -> dict[str, Any]:
    if is_operator(store):
        return {"kind": "operator", **overview(store).as_dict()}
    return {"kind": "metrics", "metrics": [row.as_dict() for row in catalog(store)]}
