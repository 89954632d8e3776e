"""A first scrape: a body that nobody saw before, parsed and stored."""

from __future__ import annotations

import re
from typing import Final

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.bodies import body
from benchmarks.harness import OURS, Run, Way
from promlatest import Store
from promlatest.exposition import parse

_COUNTER: Final = re.compile(rb"(# (?:HELP|TYPE) \S+)_total ")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def run(run: Run) -> None:
    run.begin("parse", "a first scrape, ns a sample")
    sizes = run.pick((200,), (1_000, 20_000), (1_000, 10_000, 20_000, 100_000, 1_000_000))
    for size in sizes:
        raw = body(size, run.seed).bytes
        slow = size <= 20_000
        run.compare(
            "text, first scrape", _ways(raw, slow), size=size, per=size, unit="ns a sample"
        )
    size = sizes[-1] if run.scale != "full" else 20_000
    # There a counter's family is called without the suffix of its series.
    raw = _COUNTER.sub(rb"\1 ", body(size, run.seed).bytes) + b"# EOF\n"
    run.compare(
        "OpenMetrics, first scrape",
        _openmetrics(raw),
        size=size,
        per=size,
        unit="ns a sample",
    )


def _ways(raw: bytes, slow: bool) -> dict[str, Way]:
    ways: dict[str, Way] = {
        OURS: lambda: Store().ingest(raw),
        "promlatest, parse only": lambda: parse(raw),
        "rpartition + dict, no labels": lambda: rpartition(raw, {}),
        "regex + dict": lambda: by_regex(raw),
    }
    if slow:
        ways["prometheus_client + dict"] = lambda: prometheus_client(raw, {})
    return ways


def _openmetrics(raw: bytes) -> dict[str, Way]:
    kind = "application/openmetrics-text; version=1.0.0"
    return {
        OURS: lambda: Store().ingest(raw, kind),
        "prometheus_client + dict": lambda: {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in openmetrics.text_string_to_metric_families(  # type: ignore[no-untyped-call]
                raw.decode()
            )
            for sample in family.samples
        },
    }


def rpartition(raw: bytes, points: dict[str, float]) -> dict[str, float]:
    """The naive way: the text of a series is its key, and labels are not read."""
    for line in raw.decode().split("\n"):
        if line and line[0] != "#":
            series, _, value = line.rpartition(" ")
            points[series] = float(value)
    return points


def by_regex(raw: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The next naive way: labels by a regular expression."""
    points = {}
    for line in raw.decode().split("\n"):
        if line and line[0] != "#":
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            points[name, tuple(_LABEL.findall(labels))] = float(value)
    return points


Points = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def prometheus_client(raw: bytes, points: Points) -> Points:
    """What most Python tools do: the official parser, and a dict."""
    for family in text_string_to_metric_families(raw.decode()):
        for sample in family.samples:
            points[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return points
