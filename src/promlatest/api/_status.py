"""What the process itself is asked about: targets, build, flags, configuration, size."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from promlatest._datapoint import DataPoint
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import Matcher, fulfils
from promlatest._matching.selector import parse_selector
from promlatest._units import format_duration
from promlatest._version import __version__
from promlatest.api._params import Params
from promlatest.api._site import Site, TargetState

__all__ = [
    "buildinfo",
    "config",
    "flags",
    "rfc3339",
    "runtimeinfo",
    "scrape_pools",
    "target_metadata",
    "targets",
    "tsdb",
]

# The Prometheus whose API and PromQL this is. Grafana picks its calls by it.
SPOKEN: Final = "3.14.0"

_TOP: Final = 10  # rows of each list of status/tsdb, unless `limit` says otherwise

Json = Any


def rfc3339(milliseconds: int) -> str:
    """A time as Go's JSON has it; 0 is Go's year 1, which means never."""
    if not milliseconds:
        return "0001-01-01T00:00:00Z"
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Targets


def targets(site: Site, params: Params) -> Json:
    """Active targets; those that relabelling dropped are not kept."""
    pool, state = params.text("scrapePool"), params.text("state").lower()
    wanted = site.targets() if state in ("", "any", "active") else ()
    active = [_target(each) for each in wanted]
    return {
        "activeTargets": [each for each in active if pool in ("", each["scrapePool"])],
        "droppedTargets": [],
        "droppedTargetCounts": {},
    }


def _target(state: TargetState) -> dict[str, Json]:
    return {
        "discoveredLabels": {"__address__": state.labels.get("instance", state.name)},
        "labels": dict(state.labels),
        "scrapePool": state.labels.get("job", ""),
        "scrapeUrl": state.name,
        "globalUrl": state.name,
        "lastError": state.error,
        "lastScrape": rfc3339(state.scraped_at),
        "lastScrapeDuration": state.seconds,
        "health": state.health,
        "scrapeInterval": _duration(state.interval),
        "scrapeTimeout": _duration(state.timeout),
    }


def _duration(seconds: float) -> str:
    return format_duration(round(seconds * 1000)) if seconds else ""


def target_metadata(site: Site, params: Params) -> Json:
    """What each target says of its families."""
    wanted, limit = params.text("metric"), params.limit()
    none: tuple[Matcher, ...] = ()
    matchers = params.read("match_target", parse_selector, none)
    told = site.queryable.metrics()
    found = [
        {"target": dict(state.labels), "metric": name, **attrs.asdict(told[name])}
        for state in site.targets()
        if fulfils(state.labels, matchers)
        for name in told
        if wanted in ("", name)
    ]
    return found[: limit or None]


def scrape_pools(site: Site, _: Params) -> Json:
    """The names of the jobs."""
    return {"scrapePools": sorted({s.labels.get("job", "") for s in site.targets()})}


# The process


def buildinfo(_: Site, __: Params) -> Json:
    """The Prometheus whose API this speaks, and which promlatest it is."""
    return {
        "version": f"{SPOKEN}+promlatest.{__version__}",
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": f"python{platform.python_version()}",
    }


def flags(site: Site, _: Params) -> Json:
    """What was set on the command line, and the bounds of a query."""
    bounds = {
        "query.max-points": str(site.max_points),
        "query.partial": str(site.partial).lower(),
        "query.timeout": f"{site.timeout:g}s",
    }
    return {**bounds, **site.flags}


def config(site: Site, _: Params) -> Json:
    """The configuration as it was read."""
    return {"yaml": site.config}


def runtimeinfo(site: Site, _: Params) -> Json:
    """The process, as far as Go's words fit."""
    return {
        "startTime": rfc3339(site.started),
        "CWD": "",
        "reloadConfigSuccess": True,
        "lastConfigTime": rfc3339(site.started),
        "corruptionCount": 0,
        "goroutineCount": 0,
        "GOMAXPROCS": os.cpu_count() or 1,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": "latest",
    }


def tsdb(site: Site, params: Params) -> Json:
    """How many series there are, and which names and labels have the most."""
    most = params.limit() or _TOP
    points = site.queryable.match(())
    pairs = Counter(pair for point in points for pair in point.labels.items())
    values = Counter(name for name, _ in pairs)
    names = Counter({v: n for (label, v), n in pairs.items() if label == METRIC_NAME})
    return {
        "headStats": {
            "numSeries": len(points),
            "numLabelPairs": len(pairs),
            "chunkCount": 0,
            **_span(points),
        },
        "seriesCountByMetricName": _top(names.items(), most),
        "labelValueCountByLabelName": _top(values.items(), most),
        "memoryInBytesByLabelName": [],
        "seriesCountByLabelValuePair": _top(
            ((f"{name}={value}", count) for (name, value), count in pairs.items()), most
        ),
    }


def _span(points: Iterable[DataPoint]) -> dict[str, int]:
    times = [point.timestamp for point in points] or [0]
    return {"minTime": min(times), "maxTime": max(times)}


def _top(counts: Iterable[tuple[str, int]], most: int) -> list[dict[str, Json]]:
    ordered = sorted(counts, key=lambda pair: (-pair[1], pair[0]))
    return [{"name": name, "value": count} for name, count in ordered[:most]]
