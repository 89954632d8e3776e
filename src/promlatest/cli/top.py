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
from promlatest._matching.matcher import Matcher
from promlatest._storage.store import Store
from promlatest.cli._exits import DONE, NOTHING, exit_code
from promlatest.cli._options import (
    add_config,
    add_demo,
    add_fetching,
    add_page,
    refuse_idle,
    refuse_idle_sources,
    seconds_of,
    typed,
    width,
)
from promlatest.cli._printing import ascii_only, print_json
from promlatest.cli._targets import configured, demo, matchers_of, scraped, shown, target_of
from promlatest.cli.histogram import histograms, print_histograms, say_no_histogram
from promlatest.exceptions import EndpointError, UsageError
from promlatest.scrape import Job
from promlatest.views.catalog import catalog
from promlatest.views.operator import is_operator, overview
from promlatest.views.printed import overview_page

_LIVE: Final = ("http", "unix")  # what says something else a second later
_DEFAULT_TARGET: Final = "localhost:8080"  # where controller-runtime listens


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest top`."""
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"default: {_DEFAULT_TARGET}"
    )
    add_demo(parser)
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
        "--histogram", type=typed, nargs="?", const="", metavar="METRIC",
        help="show this histogram below the page, or the one that says the most",
    )  # fmt: skip
    add_page(parser)
    add_fetching(parser)


def run(options: argparse.Namespace) -> int:
    """Open the dashboard, or print pages where no terminal is or one is asked for."""
    if options.demo and (options.targets or options.config):
        raise UsageError("--demo is a target of its own: give it or others, not both")
    asked = options.once or options.json or options.histogram is not None
    refuse_idle_sources(options)
    refuse_idle(options, {"theme": (not asked, "the dashboard")})
    if options.json and options.histogram is not None:
        raise UsageError("--histogram is drawn on a page, and --json prints none")
    with ExitStack() as stack:
        if options.demo:
            options.targets = [stack.enter_context(demo(options))]
        if asked or not _can_have_dashboard(options):
            return _pages(options)
        return _dashboard(options)


def _can_have_dashboard(options: argparse.Namespace) -> bool:
    """Whether somebody sits before a terminal that a dashboard can be drawn on."""
    if "-" in options.targets or not (sys.stdin.isatty() and sys.stdout.isatty()):
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

    refuse_idle(options, {"width": (False, "--once")})
    interval = seconds_of(options, "interval", 1.0)
    nobody_said = not options.targets and not options.config
    targets = [_DEFAULT_TARGET] if nobody_said else options.targets
    job = Job(interval=interval, timeout=options.timeout)
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
        configured(options)  # what is wrong with the file is told first
        raise UsageError("--config is for the dashboard, which needs a terminal")
    targets = options.targets or [_DEFAULT_TARGET]
    text = options.histogram
    matchers = matchers_of(text, targets[0]) if text else ()
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
            code = _print_page(store, before, target, matchers, options) or code
    if options.json:
        print_json(documents if len(targets) > 1 else documents[0])
    return code


def _earlier(options: argparse.Namespace, targets: Sequence[str]) -> dict[str, Store]:
    """A first look at what can be looked at twice, and the time until the second."""
    seconds = seconds_of(options, "interval", 1.0, least=0)
    if not seconds or (options.json and options.interval is None):
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
    store: Store,
    earlier: Store | None,
    target: str,
    matchers: Sequence[Matcher],
    options: argparse.Namespace,
) -> int:
    columns, ascii_ = width(options), ascii_only()
    name = shown(target)
    print(
        overview_page(store, width=columns, target=name, earlier=earlier, ascii_only=ascii_)
    )
    if options.histogram is None:
        return DONE
    found = histograms(store, matchers) if matchers else _telling_histograms(store)
    print()
    if found:
        print_histograms(found, options)
    elif matchers:
        say_no_histogram(store, matchers, options.histogram)
        return NOTHING
    else:
        print("this target has no histogram", file=sys.stderr)
    return DONE


def _telling_histograms(store: Store) -> list[Histogram]:
    """The histograms that say the most: how long reconciling takes, or else of the first
    one there is."""
    if is_operator(store):
        return store.histograms("controller_runtime_reconcile_time_seconds")[:1]
    kinds = store.metrics()
    names = [name for name, known in kinds.items() if known.type == "histogram"]
    return store.histograms(names[0])[:1] if names else []


def _overview_as_dict(store: Store, earlier: Store | None) -> dict[str, Any]:
    if is_operator(store):
        return {"kind": "operator", **overview(store, earlier).as_dict()}
    return {"kind": "metrics", "metrics": [row.as_dict() for row in catalog(store)]}
