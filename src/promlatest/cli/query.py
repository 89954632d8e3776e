"""Answer a PromQL expression about a target.

One scrape is asked, unless there are to be more: --scrapes takes some and asks over
them, --every scrapes and asks again and again until Ctrl-C.

examples:
  promlatest query :8080 'sum by (code) (http_requests_total)'
  promlatest query :8080 'rate(http_requests_total[10s])' --scrapes 6 --interval 2
  promlatest query :8080 'topk(3, rate(http_requests_total[1m]))' --every 5
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from math import ceil
from typing import Any, Final

from promlatest._matching.floats import format_float
from promlatest._storage.store import Store
from promlatest.cli._exits import DONE, NOTHING
from promlatest.cli._options import (
    add_json,
    add_target,
    refuse_idle,
    refuse_standard_input,
    seconds_of,
    typed,
    whole_number,
)
from promlatest.cli._printing import json_number, print_json, say_nothing
from promlatest.cli._targets import ingested, rounds, telling
from promlatest.exceptions import EvaluationError, UsageError
from promlatest.promql import (
    Matrix,
    Node,
    Result,
    Scalar,
    Vector,
    VectorSelector,
    parse,
    query,
    walk,
)
from promlatest.scrape._ingest import SYNTHETIC
from promlatest.views.nothing_found import why_nothing
from promlatest.views.series import series_page

_MOST: Final = 10_000  # scrapes kept: a day at one in nine seconds


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest query`."""
    add_target(parser)
    parser.add_argument("expression", type=typed, metavar="EXPR", help="PromQL")
    parser.add_argument(
        "--every", type=float, metavar="SECONDS", help="scrape and answer again and again"
    )
    parser.add_argument(
        "--scrapes",
        type=whole_number,
        metavar="N",
        help="scrape N times, then answer (default: 1)",
    )
    parser.add_argument(
        "--interval", type=float, metavar="SECONDS",
        help="of --scrapes: between two of them (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--partial", action="store_true",
        help="answer over the part of a range that the scrapes cover",
    )  # fmt: skip
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the answer; an empty one is talk and exit code 1."""
    tree = parse(options.expression)
    check(options)
    if options.every is not None:
        return _again(options, tree)
    scrapes = options.scrapes or 1
    store = Store(history=max(2, scrapes))
    for _ in rounds(seconds_of(options, "interval", 1.0), scrapes):
        ingested(options, options.target, store)
    answer = _asked(store, options)
    _print(answer, options)
    if _is_empty(answer):
        _say_why(store, tree, options)
        return NOTHING
    return DONE


def check(options: argparse.Namespace) -> None:
    """Refuse numbers that make no sense, and those that contradict each other."""
    if options.every is not None and (options.scrapes or options.interval):
        raise UsageError("--every says how often to scrape: give it or the others")
    if options.scrapes is not None and not 1 <= options.scrapes <= _MOST:
        raise UsageError(f"--scrapes: expected 1 to {_MOST}, not {options.scrapes}")
    several = (options.scrapes or 1) > 1
    refuse_idle(options, {"interval": (several, "--scrapes of 2 or more")})
    refuse_standard_input(options.target, options.every or several)


def _again(options: argparse.Namespace, tree: Node) -> int:
    """Scrape and print until Ctrl-C; what cannot be answered yet is told of, as is a
    target that is down, and, when it begins, that nothing comes back."""
    seconds = seconds_of(options, "every", 1.0)
    longest = max((getattr(node, "range", 0) for node in walk(tree)), default=0) / 1000
    store = Store(history=min(_MOST, max(2, ceil(longest / seconds) + 2)))
    told = False
    for _ in rounds(seconds):
        with telling():
            ingested(options, options.target, store)
            try:
                answer = query(store, options.expression, partial=options.partial)
            except EvaluationError as error:
                print(f"promlatest: {error}", file=sys.stderr)
                continue
            _print(answer, options, line=True)
            if _is_empty(answer) and not told:
                _say_why(store, tree, options)
            told = _is_empty(answer)
        sys.stdout.flush()
    return DONE


def _is_empty(answer: Result) -> bool:
    return not isinstance(answer, Scalar | str) and not len(answer)


def _say_why(store: Store, tree: Node, options: argparse.Namespace) -> None:
    """Say that nothing came back, and which selector of it finds nothing."""
    selectors = [node for node in walk(tree) if isinstance(node, VectorSelector)]
    hints = [words for each in selectors for words in why_nothing(store, each.matchers)]
    asked = (matcher.value for each in selectors for matcher in each.matchers)
    hints += [
        f"{name} is what a scraper adds, such as promlatest serve; here is what the target"
        " says"
        for name in asked
        if name in SYNTHETIC
    ]
    say_nothing(f"no series for {options.expression}", dict.fromkeys(hints))


def _asked(store: Store, options: argparse.Namespace) -> Result:
    try:
        return query(store, options.expression, partial=options.partial)
    except EvaluationError as error:
        if "history=" not in error.reason:
            raise
        hint = "take more with --scrapes N --interval SECONDS, or ask with --partial"
        covered = error.reason.partition(":")[0]
        raise EvaluationError(error.line, error.column, f"{covered}: {hint}") from error


def _print(answer: Result, options: argparse.Namespace, *, line: bool = False) -> None:
    notes = getattr(answer, "annotations", None)
    for note in (*notes.warnings, *notes.infos) if notes else ():
        print(note, file=sys.stderr)
    if options.json:
        print_json(_document(answer), line=line)
        return
    text = _PAGES[type(answer)](answer)
    if text:
        print(text)


def _matrix_page(matrix: Matrix) -> str:
    return "\n".join(
        f"{series.labels.series()} {format_float(value)} @ {timestamp / 1000:.3f}"
        for series in matrix
        for timestamp, value in series.samples
    )


_PAGES: Final[dict[type, Callable[[Any], str]]] = {
    Vector: series_page,
    Scalar: lambda scalar: format_float(scalar.value),
    str: lambda text: text,
    Matrix: _matrix_page,
}


def _document(answer: Result) -> dict[str, Any]:
    notes = getattr(answer, "annotations", None)
    kind, result = _RESULTS[type(answer)](answer)
    document = {"type": kind, "result": result}
    if notes is not None:
        document |= {"warnings": list(notes.warnings), "infos": list(notes.infos)}
    return document


_RESULTS: Final[dict[type, Callable[[Any], tuple[str, Any]]]] = {
    Vector: lambda vector: ("vector", [_point(*point) for point in vector]),
    Scalar: lambda scalar: ("scalar", json_number(scalar.value)),
    str: lambda text: ("string", text),
    Matrix: lambda matrix: (
        "matrix",
        [
            {
                "labels": dict(series.labels),
                "samples": [
                    [timestamp, json_number(value)] for timestamp, value in series.samples
                ],
            }
            for series in matrix
        ],
    ),
}


def _point(labels: Any, timestamp: int, value: float) -> dict[str, Any]:
    return {"labels": dict(labels), "value": json_number(value), "timestamp": timestamp}
