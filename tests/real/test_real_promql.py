"""PromQL beside the real Prometheus: the same scrapes, the same moment, equal values.

A real Prometheus scrapes itself, a node_exporter and an etcd through a recorder, which
keeps every body that it served. The same bodies, at the times of Prometheus' own
scrapes, are then asked by both.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import pytest
from programs import Programs, Prometheus, get, prometheus, wait_for
from promql_shared import SHARED, needs
from served import Answer, Served

from promlatest import Labels, Store, exposition
from promlatest._matching.floats import normalise_bound
from promlatest.promql import Block, Vector, parse, query, query_range
from promlatest.rules import read_rules

pytestmark = pytest.mark.real

SCRAPES = 24
RULES = SHARED / "promql" / "rules"

QUESTIONS = [
    "up",
    "up == 0",
    "sum(up)",
    "count by (job) ({__name__=~'go_.+'})",
    "node_memory_MemFree_bytes / node_memory_MemTotal_bytes * 100",
    "1 - node_filesystem_avail_bytes / node_filesystem_size_bytes",
    "max without (device, fstype) (node_filesystem_size_bytes)",
    "sum by (mode) (node_cpu_seconds_total)",
    "rate(node_cpu_seconds_total[10s])",
    "sum by (mode) (rate(node_cpu_seconds_total[15s]))",
    "sum without (cpu) (increase(node_cpu_seconds_total{mode!='idle'}[15s]))",
    "irate(node_context_switches_total[10s])",
    "avg_over_time(node_load1[20s])",
    "min_over_time(node_memory_MemFree_bytes[20s])",
    "max_over_time(node_memory_MemFree_bytes[20s]) - node_memory_MemFree_bytes",
    "quantile_over_time(0.9, go_goroutines[20s])",
    "stddev_over_time(go_memstats_alloc_bytes[20s])",
    "changes(go_memstats_alloc_bytes[15s])",
    "resets(go_memstats_alloc_bytes[15s])",
    "delta(go_memstats_alloc_bytes[15s])",
    "deriv(go_memstats_alloc_bytes[15s])",
    "predict_linear(process_resident_memory_bytes[15s], 3600)",
    "count_over_time(up[20s]) + 0 * up",
    "topk(3, go_memstats_alloc_bytes)",
    "bottomk by (job) (2, {__name__=~'go_memstats_.*_bytes'})",
    "quantile(0.5, scrape_samples_scraped)",
    "stddev by (job) ({__name__=~'go_memstats_.*_bytes'})",
    "count_values('version', prometheus_build_info)",
    "histogram_quantile(0.9, rate(prometheus_http_request_duration_seconds_bucket[15s]))",
    "histogram_quantile(0.5, sum by (le) (etcd_disk_wal_fsync_duration_seconds_bucket))",
    "histogram_quantile(0.99, sum by (le, job) ({__name__=~'.+_duration_seconds_bucket'}))",
    "go_goroutines * on (job) group_left (version) go_info",
    "go_goroutines > on (job) group_left () (go_threads * 2)",
    "process_open_fds / on (instance, job) process_max_fds",
    "etcd_server_has_leader and on (job) up == 1",
    "up unless on (job) etcd_server_has_leader",
    "go_info or node_uname_info",
    "absent(nothing{job='x'})",
    "label_replace(up, 'port', '$1', 'instance', '.*:(.*)')",
    "label_join(up, 'both', '-', 'job', 'instance')",
    "sort_desc(scrape_samples_scraped)",
    "time() - process_start_time_seconds",
    "timestamp(up)",
    "clamp(node_load1, 0.1, 0.2)",
    "round(node_load1 * 1000, 7)",
    "floor(log2(go_memstats_alloc_bytes))",
    "hour(process_start_time_seconds) * 60 + minute(process_start_time_seconds)",
    "up offset 5s",
    "max_over_time(rate(node_context_switches_total[10s])[10s:1s])",
    "sum by (job) (rate(go_gc_duration_seconds_count[12s])) >= 0",
    "ceil(-node_load1) ^ 2 % 7 atan2 3",
    "scalar(sum(up)) * vector(2)",
]


class Recorder(Served):
    """Asks programs for Prometheus, and keeps what they answered: each body has its number,
    as a series `recorded`, so that what Prometheus stored tells which it took."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.urls = urls
        self.lock = threading.Lock()
        self.bodies: list[tuple[bytes, str]] = []
        super().__init__(self._answer)

    def _answer(self, path: str) -> Answer:
        body, content_type = get(self.urls[path.removeprefix("/")])
        with self.lock:
            body += f"recorded {len(self.bodies)}\n".encode()
            self.bodies.append((body, content_type))
        return 200, content_type, body


@attrs.frozen
class Pair:
    """A Prometheus, and what it scraped as blocks and in a store; `at` is a moment that
    all know all about."""

    real: Prometheus
    blocks: list[Block]
    at: int

    def store(self) -> Store:
        store = Store(history=max(len(each.times) for each in self.blocks))
        for number, each in enumerate(self.blocks):
            for moment, column in zip(each.times, each.values, strict=True):
                with store.batch(f"job {number}", timestamp=moment) as batch:
                    for labels, value in zip(each.labels, column, strict=True):
                        if value is not None:
                            batch.append(0, labels, moment, value)
        return store

    def columns(self, matchers: Any, start: int, end: int, /) -> list[Block]:
        return [
            part for each in self.blocks if (part := picked(each, matchers)) is not None
        ]


def picked(block: Block, matchers: Any) -> Block | None:
    places = [
        place
        for place, labels in enumerate(block.labels)
        if all(each.matches(labels.get(each.name, "")) for each in matchers)
    ]
    labels = tuple(block.labels[place] for place in places)
    columns = [[column[place] for place in places] for column in block.values]
    return Block(labels, block.times, columns) if places else None


@pytest.fixture(scope="module")
def pair(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    urls = {name: programs.urls[name] for name in ("node", "etcd")}
    with Recorder(urls) as recorder:
        jobs = {name: (recorder.address, f"/{name}") for name in (*urls, "prometheus")}
        recorder.urls["prometheus"] = urls["node"]  # until it is up
        with prometheus(tmp_path_factory.mktemp("promql"), jobs) as server:
            recorder.urls["prometheus"] = f"{server.url}/metrics"
            at = wait_for("enough scrapes", lambda: moment(server, jobs))
            yield Pair(server, [block(server, recorder, job) for job in jobs], at)


def moment(server: Prometheus, jobs: Iterable[str]) -> int | None:
    """Shortly after the last good scrape that is surely stored, on no edge of anything;
    None until there are enough."""
    scrapes = [stored(server, "up", job) for job in jobs]
    at = min(max(each, default=0) for each in scrapes) + 137
    seen = [[up for time, up in each.items() if time <= at] for each in scrapes]
    return at if all(len(ups) > SCRAPES and ups[-1] for ups in seen) else None


def stored(server: Prometheus, name: str, job: str) -> dict[int, int]:
    """What is stored of a series of a job, by its times in milliseconds."""
    found = server.instant(f"{name}{{job='{job}'}}[10m]")
    pairs = found[0]["values"] if found else []
    return {round(float(time) * 1000): int(value) for time, value in pairs}


def block(server: Prometheus, recorder: Recorder, job: str) -> Block:
    """The scrapes of a job as we read them, at the times of Prometheus' scrapes; nothing
    was there when one failed, as one does for which the machine had no time."""
    ups, recorded = stored(server, "up", job), stored(server, "recorded", job)
    scrapes = [
        scrape(recorder, job, recorder.bodies[recorded[time]]) if up else {}
        for time, up in ups.items()
    ]
    labels = tuple(dict.fromkeys(each for samples in scrapes for each in samples))
    columns = [[samples.get(each) for each in labels] for samples in scrapes]
    for name in ("up", "scrape_samples_scraped"):
        labels = (*labels, target(recorder, job, {"__name__": name}))
    for found, up, column in zip(scrapes, ups.values(), columns, strict=True):
        column += [float(up), float(len(found))]
    return Block(labels, list(ups), columns)


def scrape(recorder: Recorder, job: str, body: tuple[bytes, str]) -> dict[Labels, float]:
    samples = exposition.parse(*body).samples()
    return {target(recorder, job, each.labels): each.value for each in samples}


def target(recorder: Recorder, job: str, labels: Any) -> Labels:
    return Labels({**labels, "job": job, "instance": recorder.address})


def theirs(pair: Pair, expr: str, **more: str) -> dict[Labels, float]:
    answer = pair.real.api("query", query=expr, time=f"{pair.at / 1000:.3f}", **more)
    if answer["resultType"] == "scalar":
        return {Labels(): float(answer["result"][1])}
    return {labels_of(each): float(each["value"][1]) for each in answer["result"]}


def labels_of(series: dict[str, Any]) -> Labels:
    """Prometheus before 3.0 leaves bounds as they were exposed."""
    bounds = ("le", "quantile")
    metric = series["metric"]
    return Labels({n: normalise_bound(v) if n in bounds else v for n, v in metric.items()})


def ours(source: Pair | Store, expr: str, at: int) -> dict[Labels, float]:
    answer = query(source, expr, at=at)
    if not isinstance(answer, Vector):
        return {Labels(): float(answer)}
    return {point.labels: point.value for point in answer}


def differences(
    one: dict[Labels, float], other: dict[Labels, float]
) -> dict[Labels, tuple[Any, Any]]:
    found = {labels: (one.get(labels), other.get(labels)) for labels in {*one, *other}}
    return {labels: both for labels, both in found.items() if not equal(*both)}


def equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return False
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=1e-9)


def test_as_many_questions_as_promised():
    """Forty questions are asked, and more."""
    assert len(set(QUESTIONS)) >= 40


@pytest.fixture(scope="module")
def store(pair: Pair) -> Store:
    return pair.store()


@pytest.mark.parametrize("expr", QUESTIONS)
def test_a_question_is_answered_as_prometheus_does(pair: Pair, store: Store, expr: str):
    """Every series and every value is Prometheus' at the same moment."""
    wanted = theirs(pair, expr)

    assert differences(ours(store, expr, pair.at), wanted) == {}
    assert wanted or expr in ("up == 0",)


@needs(RULES)
def test_rules_are_answered_as_prometheus_does(pair: Pair):
    """Public alert and recording rules for etcd and Prometheus: equal, series by series,
    as they stand and without their thresholds, which leave most of them empty."""
    rules = read_rules(*sorted(RULES.iterdir()))
    asked = []
    for rule in rules:
        text = rule.expr.replace(',namespace="monitoring"', "").replace("-k8s", "")
        asked.append(text)
        asked += [str(side) for side in sides(text)]
    wrong = {}
    for expr in asked:
        found = differences(ours(pair, expr, pair.at), theirs(pair, expr))
        if found:
            wrong[expr] = found

    assert wrong == {}
    assert len(asked) > 50


def sides(text: str) -> list[Any]:
    return [node for node in parse(text).children if node.type == "vector"]


def test_a_time_is_answered_as_prometheus_does(pair: Pair):
    """Over a time the samples are the same at every step."""
    start, end = pair.at - 9000, pair.at
    for expr in ("rate(node_cpu_seconds_total[10s])", "sum by (job) (go_goroutines)"):
        answer = pair.real.api(
            "query_range",
            query=expr,
            start=f"{start / 1000}",
            end=f"{end / 1000}",
            step="3",
        )
        wanted = {
            labels_of(each): {round(float(t) * 1000): float(v) for t, v in each["values"]}
            for each in answer["result"]
        }
        got = {
            each.labels: dict(each.samples)
            for each in query_range(pair, expr, start, end, 3)
        }

        assert got.keys() == wanted.keys()
        for labels, samples in wanted.items():
            assert samples.keys() == got[labels].keys()
            assert all(equal(got[labels][t], value) for t, value in samples.items())
