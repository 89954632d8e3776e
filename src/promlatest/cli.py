"""The command line: `promlatest get`, `histogram`, `check`, `top`, `contract`, `demo`.

Data goes to standard output and talk to standard error. With ``--json`` the data is one
JSON document. Scripts can tell by the exit code what happened:

====  ==================================================================
0     done
1     nothing matched (`get`, `histogram`), something was found (`check`), or a
      contract is broken (`contract`)
2     the command itself cannot be carried out as it was given
3     the target cannot be reached, refuses, or does not answer in time
4     the target answered with something that cannot be read
====  ==================================================================
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

from promlatest._datapoint import DataPoint
from promlatest._histogram import Histogram
from promlatest._matching.floats import format_float
from promlatest._storage.store import Store
from promlatest.demo import serve
from promlatest.exceptions import (
    BodyError,
    ContentTypeError,
    EndpointError,
    LimitError,
    ParseError,
    PromlatestError,
    UsageError,
)
from promlatest.exposition import check
from promlatest.scrape import TLS, Auth, Fetched, Job, Target, fetch_once, load_config
from promlatest.views.catalog import catalog
from promlatest.views.operator import is_operator, overview
from promlatest.views.page import histogram_page, overview_page, series_page

_DEFAULT_TARGET: Final = "localhost:8080"  # where controller-runtime listens
_NARROWEST: Final = 40

DONE, NOTHING, USAGE, UNREACHABLE, UNREADABLE = range(5)

# The first that fits.
_EXIT_CODES: Final[Sequence[tuple[type[PromlatestError], int]]] = (
    (UsageError, USAGE),
    (ParseError, UNREADABLE),
    (ContentTypeError, UNREADABLE),
    (BodyError, UNREADABLE),
    (LimitError, UNREADABLE),
    (EndpointError, UNREACHABLE),
    (PromlatestError, USAGE),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; gives its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except PromlatestError as error:
        print(f"promlatest: {error}", file=sys.stderr)
        return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
    except BrokenPipeError:
        # The reader, `head` for one, has seen enough. What Python still holds of
        # the output must not fail once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return 130  # as a shell says of a program that SIGINT ended
    return code


# Commands


def _get(options: argparse.Namespace) -> int:
    store = _scraped(options)
    points = store.select(options.selector) if options.selector else list(store)
    if options.json:
        _print_json([_point_as_dict(point) for point in points])
    elif points:
        print(series_page(points, width=_width(options)))
    if not points:
        print(f"no series for {options.selector or 'this target'}", file=sys.stderr)
    return DONE if points else NOTHING


def _histogram(options: argparse.Namespace) -> int:
    labels = dict(map(_label, options.labels))
    found = _scraped(options).histograms(options.metric, **labels)
    if options.json:
        _print_json([histogram.as_dict() for histogram in found])
    elif found:
        _print_histograms(found, options)
    if not found:
        wanted = " ".join([options.metric, *options.labels])
        print(f"no histogram for {wanted}", file=sys.stderr)
    return DONE if found else NOTHING


def _check(options: argparse.Namespace) -> int:
    fetched = _fetch(options, options.target)
    found = check(fetched.body, fetched.content_type)
    if options.json:
        _print_json([_as_dict(diagnostic) for diagnostic in found])
    else:
        for diagnostic in found:
            print(diagnostic)
    words = f"{len(found)} findings" if len(found) != 1 else "1 finding"
    print(f"{fetched.url or options.target}: {words}", file=sys.stderr)
    return NOTHING if found else DONE


def _top(options: argparse.Namespace) -> int:
    with ExitStack() as stack:
        if options.demo:
            options.targets = [stack.enter_context(serve(seed=options.seed))]
        if _wants_dashboard(options):
            return _dashboard(options)
        return _pages(options)


def _pages(options: argparse.Namespace) -> int:
    """Print a page for each target; as JSON one document for all."""
    if options.config:
        raise UsageError("--config is for the dashboard, which needs a terminal")
    documents = []
    for number, target in enumerate(options.targets or [_DEFAULT_TARGET]):
        options.target = target
        store = _scraped(options)
        if options.json:
            documents.append(_overview_as_dict(store))
        else:
            print("\n" * bool(number), end="")
            _print_page(store, options)
    if options.json:
        _print_json(documents if len(documents) > 1 else documents[0])
    return DONE


def _print_page(store: Store, options: argparse.Namespace) -> None:
    print(overview_page(store, width=_width(options), target=_shown(options.target)))
    if options.histogram is not None:
        _print_histograms(_chosen_histograms(store, options.histogram), options)


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
    work = [(job, [_target(options, text) for text in targets])] if targets else []
    if options.config:
        work += load_config(options.config)
    run(work, interval=options.interval, first_time=nobody_said, theme=options.theme)
    return DONE


def _contract(options: argparse.Namespace) -> int:
    # It stands on the test harness, which no other command needs: 50 ms.
    from promlatest.testing._contract import run

    fetched = _fetch(options, options.target)
    return run(options, fetched.body, fetched.content_type)


def _demo(options: argparse.Namespace) -> int:
    with serve(options.port, seed=options.seed) as url:
        print(url, flush=True)
        print(f"a demo operator; look at it with: promlatest top {url}", file=sys.stderr)
        while True:
            time.sleep(3600)


# Scraping


def _scraped(options: argparse.Namespace) -> Store:
    """A store with what the target says now."""
    store = Store()
    fetched = _fetch(options, options.target)
    with _naming(options.target):
        store.ingest(fetched.body, fetched.content_type, source=options.target or "-")
    return store


def _fetch(options: argparse.Namespace, text: str) -> Fetched:
    return fetch_once(_target(options, text), timeout=options.timeout)


def _target(options: argparse.Namespace, text: str) -> Target:
    return Target.parse(
        text,
        headers=dict(map(_header, options.header)),
        auth=Auth(bearer_token_file=options.bearer_token_file),
        tls=TLS(ca_file=options.ca_file, skip_verify=options.insecure_skip_verify),
    )


@contextmanager
def _naming(target: str) -> Iterator[None]:
    """Put the target into an error of reading, which knows the text only."""
    try:
        yield
    except EndpointError as error:
        error.target = error.target or _shown(target)
        raise


def _shown(target: str) -> str:
    """The target without its secrets."""
    return Target.parse(target).name


# Printing


def _print_json(document: object) -> None:
    print(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2))


def _print_histograms(histograms: Sequence[Histogram], options: argparse.Namespace) -> None:
    print(histogram_page(histograms, width=_width(options)))


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


def _point_as_dict(point: DataPoint) -> dict[str, Any]:
    value: float | str = point.value
    if value != value or value in (float("inf"), float("-inf")):
        value = format_float(point.value)  # JSON has no such numbers
    return {"labels": dict(point.labels), "value": value, "timestamp": point.timestamp}


def _as_dict(diagnostic: Any) -> dict[str, Any]:
    fields = (field.name for field in diagnostic.__attrs_attrs__)
    return {name: getattr(diagnostic, name) for name in fields}


def _width(options: argparse.Namespace) -> int:
    given: int | None = options.width
    return max(_NARROWEST, given or shutil.get_terminal_size().columns)


# Arguments


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"expected label=value, not {text!r}")
    return name, value


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not name or not colon:
        raise UsageError(f"expected a header as 'Name: value', not {text!r}")
    return name.strip(), value.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="promlatest",
        description="The metrics of a process, now, without a Prometheus server.",
        epilog="A TARGET is a URL, host:port, :port, a file, unix:/path.sock, or - for"
        " the standard input. Exit codes: 0 done, 1 nothing matched or something found,"
        " 2 wrong usage, 3 target not reached, 4 target not readable.",
    )
    parser.add_argument(
        "--version", action="version", version=f"promlatest {version('promlatest')}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (run, words, add) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=words, description=words.capitalize() + "."
        )
        add(command)
        command.set_defaults(run=run)
    return parser


def _add_scraping(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--width", type=int, metavar="COLUMNS", help="default: the terminal's"
    )
    _add_fetching(parser)


def _add_fetching(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="SECONDS",
        help="for the whole scrape (default: 10)",
    )  # fmt: skip
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'",
        help="send this header, too",
    )  # fmt: skip
    parser.add_argument("--bearer-token-file", default="", metavar="FILE")
    parser.add_argument("--ca-file", default="", metavar="FILE")
    parser.add_argument(
        "--insecure-skip-verify", action="store_true",
        help="take any certificate",
    )  # fmt: skip


def _add_get(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument(
        "selector", nargs="?", metavar="SELECTOR", help="such as 'up{job=~\"a|b\"}'"
    )
    _add_scraping(parser)


def _add_histogram(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("metric", metavar="METRIC", help="without _bucket")
    parser.add_argument("labels", nargs="*", metavar="label=value")
    _add_scraping(parser)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET")
    _add_scraping(parser)


def _add_top(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"default: {_DEFAULT_TARGET}"
    )
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
    parser.add_argument("--demo", action="store_true", help="show a demo operator")
    parser.add_argument("--seed", type=int, default=1, help="of the demo operator")
    parser.add_argument(
        "--histogram", nargs="?", const="", metavar="METRIC",
        help="show this histogram below the page, or the one that says the most",
    )  # fmt: skip
    _add_scraping(parser)


def _add_contract(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("check", "write"), help="by it, or it")
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("file", metavar="FILE", help="the contract")
    parser.add_argument(
        "--optional", action="append", default=[], metavar="PATTERN",
        help="families that need not be there, such as '*_errors_total' (write)",
    )  # fmt: skip
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="PATTERN",
        help="families that are left out (write)",
    )  # fmt: skip
    _add_fetching(parser)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8080, help="default: 8080")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same story")


_Run = Callable[[argparse.Namespace], int]
_Add = Callable[[argparse.ArgumentParser], None]

_COMMANDS: Final[dict[str, tuple[_Run, str, _Add]]] = {
    "get": (_get, "print the series that match", _add_get),
    "histogram": (_histogram, "draw histograms as bars", _add_histogram),
    "check": (_check, "report what is wrong with an exposition", _add_check),
    "top": (_top, "show what an operator, or any process, is doing", _add_top),
    "contract": (_contract, "keep what others rely on across releases", _add_contract),
    "demo": (_demo, "serve a demo operator until Ctrl-C", _add_demo),
}
