"""Against the real programs: what we read is what the real Prometheus stored."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from odd_bodies import KNOWN_DIFFERENCES, ODD_BODIES
from programs import Frozen, Programs, Prometheus, get, prometheus, wait_for
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Summary,
)
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from promlatest import Labels, Store
from promlatest._matching.floats import normalise_bound
from promlatest.demo import serve
from promlatest.exceptions import ParseError
from promlatest.exposition import parse

pytestmark = pytest.mark.real

# None of Debian's Go programs offers OpenMetrics: "client" is prometheus_client's.
JOBS = ("node", "alertmanager", "etcd", "prometheus", "operator", "client")
REPORT = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}


@pytest.fixture(scope="module")
def frozen() -> Iterator[Frozen]:
    with Frozen() as server:
        yield server


@pytest.fixture(scope="module")
def real(
    programs: Programs, frozen: Frozen, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a frozen answer of each program in each format,
    its own included, and every odd body."""
    with prometheus(tmp_path_factory.mktemp("first"), {}) as first, serve() as operator:
        urls = {"prometheus": f"{first.url}/metrics", "operator": operator}
        for name, url in {**programs.urls, **urls}.items():
            frozen.answers[f"/{name}"] = get(url)
    frozen.answers["/client"] = (generate_latest(client_registry()), CONTENT_TYPE_LATEST)
    for number, (content_type, body) in enumerate(ODD_BODIES):
        frozen.answers[f"/odd-{number}"] = (body, content_type)
    jobs = {path[1:]: (frozen.address, path) for path in frozen.answers}
    with prometheus(tmp_path_factory.mktemp("prometheus"), jobs) as server:
        yield server


def client_registry() -> CollectorRegistry:
    """A Python program's registry, with one metric of each kind and exemplars."""
    registry = CollectorRegistry()
    counter = Counter("jobs", 'Jobs "done".\nAll.', ["queue"], registry=registry)
    counter.labels('a"b\\c\nd').inc(3, {"trace_id": "é"})
    Gauge("depth_bytes", "Depth.", unit="bytes", registry=registry).set(1e21)
    latency = Histogram("latency_seconds", "Latency.", ["path"], registry=registry)
    for number in range(100):
        latency.labels(f"/{number % 9}").observe(number / 7, {"trace_id": str(number)})
    Summary("size", "Size.", registry=registry).observe(4)
    Info("build", "Build.", registry=registry).info({"version": "1"})
    Enum("state", "State.", states=["on", "off"], registry=registry).state("off")
    return registry


def stored(real: Prometheus, job: str) -> dict[Labels, float]:
    """What Prometheus stored for a job, less what it adds, with today's bounds: Debian's
    2.42 does not normalise `le` and `quantile` yet (F-3)."""
    series = {}
    for result in real.stored(job):
        labels = {k: v for k, v in result["metric"].items() if k not in ("job", "instance")}
        labels = {k.removeprefix("exported_"): v for k, v in labels.items()}
        if labels["__name__"] not in REPORT:
            series[with_bounds(labels)] = float(result["value"][1])
    return series


def with_bounds(labels: dict[str, str]) -> Labels:
    bounds = {
        name: normalise_bound(labels[name]) for name in ("le", "quantile") if name in labels
    }
    return Labels({**labels, **bounds})


def ours(body: bytes, content_type: str) -> dict[Labels, float]:
    """What we hold of a body, less what is too old for Prometheus to show."""
    store = Store()
    store.ingest(body, content_type)
    oldest = (time.time() - 300) * 1000
    return {
        with_bounds(dict(point.labels)): point.value
        for point in store
        if point.timestamp > oldest
    }


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@pytest.mark.parametrize("job", JOBS)
def test_every_series_and_value(real: Prometheus, frozen: Frozen, job: str) -> None:
    """Of a real program's answer we hold the series that Prometheus stored, and each
    with the same value."""
    body, content_type = frozen.answers[f"/{job}"]
    theirs = stored(real, job)
    mine = ours(body, content_type)

    assert len(theirs) > 20
    assert mine.keys() == theirs.keys()
    assert [k for k in mine if not same(mine[k], theirs[k])] == []


@pytest.mark.parametrize("job", JOBS)
def test_metadata(real: Prometheus, frozen: Frozen, job: str) -> None:
    """Type, help and unit of each family are those that Prometheus has."""
    body, content_type = frozen.answers[f"/{job}"]
    selector = json.dumps(job).join(("{job=", "}"))
    theirs = {
        each["metric"]: (each["type"], each["help"], each["unit"])
        for each in real.api("targets/metadata", match_target=selector)
    }
    mine = {
        name: (metadata.type, metadata.help, metadata.unit)
        for name, metadata in parse(body, content_type).metadata.items()
    }

    assert mine == theirs


@pytest.mark.parametrize("job", JOBS)
def test_samples_scraped(real: Prometheus, frozen: Frozen, job: str) -> None:
    """We count the samples that Prometheus reports as scraped."""
    body, content_type = frozen.answers[f"/{job}"]
    asked = f'scrape_samples_scraped{{job="{job}"}}'
    (result,) = real.instant(asked, time=real.last_good(job))

    assert len(parse(body, content_type)) == int(result["value"][1])


@pytest.mark.parametrize("number", range(len(ODD_BODIES)))
def test_odd_bodies(real: Prometheus, number: int) -> None:
    """What Prometheus' parser takes of odd bodies we take, with the same values, and
    what it refuses we refuse."""
    content_type, body = ODD_BODIES[number]
    job = f"odd-{number}"
    target = wait_for("a scrape in time", lambda: judged(real, job))
    try:
        mine: dict[Labels, float] | ParseError = ours(body, content_type)
    except ParseError as error:
        mine = error

    if body in KNOWN_DIFFERENCES:
        assert not isinstance(mine, ParseError), KNOWN_DIFFERENCES[body]
    elif target["health"] == "up":
        assert not isinstance(mine, ParseError), f"{body!r}: {mine}"
        theirs = {str(k): v for k, v in stored(real, job).items()}
        assert {str(k): v for k, v in mine.items()} == pytest.approx(
            theirs, rel=0, abs=0, nan_ok=True
        ), body
    else:
        assert isinstance(mine, ParseError), f"{body!r}: {target['lastError']}"


def judged(real: Prometheus, job: str) -> dict[str, Any] | None:
    """A job's target, if its last scrape failed by nothing but what was in the answer."""
    target = real.targets()[job]
    return None if "deadline exceeded" in target["lastError"] else target


def test_the_programs_bodies_are_big_enough(frozen: Frozen, real: Prometheus) -> None:
    """The comparison has histograms, summaries and special values in it."""
    bodies = b"".join(body for body, _ in frozen.answers.values())

    assert len(re.findall(rb"_bucket\{", bodies)) > 200
    assert len(re.findall(rb"quantile=", bodies)) > 20
    assert b"NaN" in bodies
