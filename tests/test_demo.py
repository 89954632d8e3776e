"""The demo operator: what controller-runtime exposes."""

from __future__ import annotations

import gzip
import math
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from promlatest.demo import WORKLOADS, Operator, OperatorCollector, Workload, _server, serve
from promlatest.demo._families import HELP
from promlatest.exceptions import UsageError

pytestmark = pytest.mark.slow

NAMES = sorted(workload.controller for workload in WORKLOADS)
BUSY, SLOW, FAILING, IDLE = "pods", "backups", "certificates", "restores"

# metric, type, label names besides le and quantile: table 8.1
TABLE = """
certwatcher_read_certificate_errors_total          counter
certwatcher_read_certificate_total                 counter
controller_runtime_active_workers                  gauge     controller
controller_runtime_conversion_webhook_panics_total counter
controller_runtime_max_concurrent_reconciles       gauge     controller
controller_runtime_reconcile_errors_total          counter   controller
controller_runtime_reconcile_panics_total          counter   controller
controller_runtime_reconcile_time_seconds          histogram controller
controller_runtime_reconcile_timeouts_total        counter   controller
controller_runtime_reconcile_total                 counter   controller result
controller_runtime_terminal_reconcile_errors_total counter   controller
controller_runtime_webhook_latency_seconds         histogram webhook
controller_runtime_webhook_panics_total            counter
controller_runtime_webhook_requests_in_flight      gauge     webhook
controller_runtime_webhook_requests_total          counter   code webhook
go_gc_duration_seconds                             summary
go_goroutines                                      gauge
go_info                                            gauge     version
go_memstats_alloc_bytes                            gauge
go_memstats_alloc_bytes_total                      counter
go_memstats_frees_total                            counter
go_sched_latencies_seconds                         histogram
leader_election_master_status                      gauge     name
process_cpu_seconds_total                          counter
process_resident_memory_bytes                      gauge
process_start_time_seconds                         gauge
rest_client_requests_total                         counter   code host method
workqueue_adds_total                               counter   controller name
workqueue_depth                                    gauge     controller name priority
workqueue_longest_running_processor_seconds        gauge     controller name
workqueue_queue_duration_seconds                   histogram controller name
workqueue_retries_total                            counter   controller name
workqueue_unfinished_work_seconds                  gauge     controller name
workqueue_work_duration_seconds                    histogram controller name
"""

QUEUE_BOUNDS = (
    "1e-08 1e-07 1e-06 9.999999999999999e-06 9.999999999999999e-05 "
    "0.001 0.01 0.1 1 10 100 1000 +Inf"
)
BOUNDS = {
    "controller_runtime_reconcile_time_seconds": (
        "0.005 0.01 0.025 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.6 0.7 0.8 0.9 "
        "1 1.25 1.5 1.75 2 2.5 3 3.5 4 4.5 5 6 7 8 9 10 15 20 25 30 40 50 60 +Inf"
    ),
    "workqueue_queue_duration_seconds": QUEUE_BOUNDS,
    "workqueue_work_duration_seconds": QUEUE_BOUNDS,
    "controller_runtime_webhook_latency_seconds": QUEUE_BOUNDS,
    "go_sched_latencies_seconds": (
        "6.399999999999999e-08 6.399999999999999e-07 7.167999999999999e-06 "
        "8.191999999999999e-05 0.0009175039999999999 0.010485759999999998 "
        "0.11744051199999998 +Inf"
    ),
}

seeds = st.integers(0, 2**32)
# eighths of a second: sums of them are exact, so that only the steps differ
steps = st.lists(st.integers(0, 1200).map(lambda eighths: eighths / 8), max_size=5)


def expose(operator: Operator) -> bytes:
    registry = CollectorRegistry()
    registry.register(OperatorCollector(operator))
    return generate_latest(registry)


def families(operator: Operator) -> dict[str, Metric]:
    """By the name that the exposition has."""
    found = {}
    for family in OperatorCollector(operator).collect():
        suffix = "_total" if family.type == "counter" else ""
        found[family.name + suffix] = family
    return found


class Values:
    """The samples of an operator, to be asked by name and labels."""

    def __init__(self, operator: Operator) -> None:
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families(operator).values()
            for sample in family.samples
        }

    def of(self, metric: str, **labels: str) -> list[float]:
        return [
            value
            for (name, found), value in self.samples.items()
            if name == metric and labels.items() <= found
        ]

    def sum(self, metric: str, **labels: str) -> float:
        return sum(self.of(metric, **labels))


def worked(seconds: float, seed: int = 1) -> Operator:
    operator = Operator(seed)
    operator.advance(seconds)
    return operator


# The simulation


@given(seeds, steps)
@settings(max_examples=examples(25), deadline=None)
def test_the_same_seed_tells_the_same_story(seed: int, steps: list[float]) -> None:
    """Two operators with one seed expose the same bytes."""
    one, two = Operator(seed), Operator(seed)
    for operator in (one, two):
        for step in steps:
            operator.advance(step)

    assert expose(one) == expose(two)


@given(seeds, steps)
@settings(max_examples=examples(25), deadline=None)
def test_looking_changes_nothing(seed: int, steps: list[float]) -> None:
    """Small steps with a look after each lead where one large step leads."""
    small, large = Operator(seed), Operator(seed)
    for step in steps:
        small.advance(step)
        expose(small)
    large.advance(sum(steps))

    assert expose(small) == expose(large)


def test_another_seed_tells_another_story() -> None:
    """The seed matters."""
    assert expose(worked(600, seed=1)) != expose(worked(600, seed=2))


@given(seeds, steps)
@settings(max_examples=examples(25), deadline=None)
def test_the_figures_fit_each_other(seed: int, steps: list[float]) -> None:
    """At any moment what is counted twice is the same twice (8.1)."""
    operator = Operator(seed)
    for step in steps:
        operator.advance(step)
        check(operator)
    operator.restart()
    check(operator)


def check(operator: Operator) -> None:
    values = Values(operator)
    for name in BOUNDS:
        assert values.of(f"{name}_bucket", le="+Inf") == values.of(f"{name}_count")
    for name in NAMES:
        check_controller(values, name)
    check_memory(values)


def check_controller(values: Values, name: str) -> None:
    def total(metric: str, **labels: str) -> float:
        return values.sum(metric, controller=name, **labels)

    active = total("controller_runtime_active_workers")
    done = total("controller_runtime_reconcile_total")
    begun = total("workqueue_queue_duration_seconds_count")
    errors = total("controller_runtime_reconcile_errors_total")
    terminal = total("controller_runtime_terminal_reconcile_errors_total")
    requeues = total("controller_runtime_reconcile_total", result="requeue")
    waits = total("controller_runtime_reconcile_total", result="requeue_after")
    kinds = [
        total(f"controller_runtime_{kind}_total")
        for kind in ("reconcile_panics", "reconcile_timeouts")
    ]
    longest = total("workqueue_longest_running_processor_seconds")
    unfinished = total("workqueue_unfinished_work_seconds")

    assert 0 <= active <= total("controller_runtime_max_concurrent_reconciles")
    assert done == total("controller_runtime_reconcile_time_seconds_count")
    assert done == total("workqueue_work_duration_seconds_count")
    assert begun == done + active
    assert total("workqueue_adds_total") == begun + total("workqueue_depth")
    assert min(values.of("workqueue_depth", controller=name), default=0) >= 0
    assert errors == total("controller_runtime_reconcile_total", result="error")
    assert errors >= terminal + sum(kinds)
    assert total("workqueue_retries_total") == errors - terminal + requeues + waits
    assert 0 <= longest <= unfinished <= longest * max(active, 1)


def check_memory(values: Values) -> None:
    def heap(part: str) -> float:
        return values.sum(f"go_memstats_{part}")

    parts = ("buck_hash", "gc", "heap", "mcache", "mspan", "other", "stack")

    assert heap("heap_sys_bytes") == heap("heap_idle_bytes") + heap("heap_inuse_bytes")
    assert heap("sys_bytes") == sum(heap(f"{part}_sys_bytes") for part in parts)
    assert heap("heap_objects") == heap("mallocs_total") - heap("frees_total")
    assert heap("alloc_bytes") == heap("heap_alloc_bytes") <= heap("heap_inuse_bytes")
    assert heap("heap_alloc_bytes") <= heap("next_gc_bytes")
    assert heap("heap_released_bytes") <= heap("heap_idle_bytes")


@given(seeds, steps)
@settings(max_examples=examples(25), deadline=None)
def test_what_counts_never_falls(seed: int, steps: list[float]) -> None:
    """Counters, buckets, sums and counts grow, and no series of theirs vanishes."""
    operator = Operator(seed)
    before = counting(operator)
    for step in steps:
        operator.advance(step)
        after = counting(operator)
        assert {key for key in before if not before[key] <= after[key]} == set()
        before = after


def counting(operator: Operator) -> dict[object, float]:
    return {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in families(operator).values()
        for sample in family.samples
        if family.type in ("counter", "histogram") and not math.isnan(sample.value)
    }


def test_a_slow_controller() -> None:
    """Some of the slow controller's reconciliations are past the last bound."""
    values = Values(worked(3600))
    bucket = "controller_runtime_reconcile_time_seconds_bucket"

    assert values.sum(bucket, controller=SLOW, le="0.5") == 0
    assert values.sum(bucket, controller=SLOW, le="60") > 0
    assert values.sum(bucket, controller=SLOW, le="60") < values.sum(
        bucket, controller=SLOW, le="+Inf"
    )


def test_a_failing_controller() -> None:
    """The failing controller retries more than it finishes, and falls behind."""
    operator = worked(1200)
    early = Values(operator)
    operator.advance(3600)
    late = Values(operator)
    results = "controller_runtime_reconcile_total"

    assert early.sum("workqueue_depth", controller=FAILING) > 10
    assert early.sum("workqueue_depth", controller=FAILING) < late.sum(
        "workqueue_depth", controller=FAILING
    )
    assert late.sum("workqueue_retries_total", controller=FAILING) > 2 * late.sum(
        results, controller=FAILING, result="success"
    )
    assert late.sum("controller_runtime_reconcile_panics_total", controller=FAILING) > 0
    assert late.sum("controller_runtime_reconcile_errors_total", controller=BUSY) < (
        0.05 * late.sum(results, controller=BUSY)
    )


def test_a_timeout_is_an_error() -> None:
    """A reconciliation that is cut off takes its timeout, and is tried again."""
    stuck = Workload(controller="stuck", objects=1, median=500.0, timeout=10.0)
    operator = Operator(workloads=[stuck])
    operator.advance(60)
    values = Values(operator)

    assert values.sum("controller_runtime_reconcile_timeouts_total") == 5
    assert values.sum("controller_runtime_reconcile_errors_total") == 5
    assert values.sum("controller_runtime_reconcile_time_seconds_sum") == 50.0
    assert values.sum("workqueue_retries_total") == 5


def test_higher_priorities_go_first() -> None:
    """Low priority waits while there is anything of normal priority (8.1)."""
    values = Values(worked(3600))
    failing = values.sum("workqueue_depth", controller=FAILING, priority="-100")
    objects = {workload.controller: workload.objects for workload in WORKLOADS}

    assert 0 < failing <= objects[FAILING]


def test_an_operator_without_controllers() -> None:
    """An operator may have nothing to do at all."""
    operator = Operator(workloads=())
    operator.advance(60)

    assert b"go_goroutines 58.0\n" in expose(operator)
    assert b"workqueue" not in expose(operator)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_time_goes_forward(seconds: float) -> None:
    """An operator advances by a finite time and not backwards."""
    with pytest.raises(UsageError, match="finite and not negative"):
        Operator().advance(seconds)


def test_a_restart_begins_again() -> None:
    """After a restart counters are at zero and the start is later (8.2)."""
    operator = worked(600)
    start = operator.start_time
    operator.restart()
    values = Values(operator)

    assert operator.uptime == 0
    assert operator.start_time == start + 600.01
    assert values.of("process_start_time_seconds") == [start + 600.01]
    assert values.sum("controller_runtime_reconcile_total") == 0
    assert values.sum("workqueue_retries_total") == 0
    assert values.sum("go_gc_duration_seconds_count") == 0
    assert values.sum("process_cpu_seconds_total") < 1
    assert values.of("controller_runtime_reconcile_time_seconds_count") == []


def test_restarts_at_once_have_their_own_start() -> None:
    """Each process starts later than the one before it, however short that lived."""
    operator = Operator()
    starts = [operator.start_time]
    for _ in range(3):
        operator.restart()
        starts.append(operator.start_time)

    assert starts == sorted(set(starts))


def test_the_life_after_a_restart_is_another_one() -> None:
    """A restart doesn't repeat the story, and is itself repeated by the seed."""
    one, two = worked(600), worked(600)
    first = Values(one).sum("workqueue_adds_total")
    for operator in (one, two):
        operator.restart()
        operator.advance(600)

    assert expose(one) == expose(two)
    assert Values(one).sum("workqueue_adds_total") != first


# The exposition


@pytest.mark.parametrize("line", TABLE.strip().splitlines())
def test_names_types_and_labels(line: str) -> None:
    """Families, types and labels are those of table 8.1."""
    name, kind, *labels = line.split()
    family = families(worked(600))[name]

    assert family.type == kind
    for sample in family.samples:
        assert sorted(sample.labels.keys() - {"le", "quantile"}) == labels


def test_names_are_exact() -> None:
    """Samples are called as in Go: no _created, and _total is not added (8.1)."""
    operator = worked(600)
    for name, family in families(operator).items():
        suffixes = {
            "histogram": {"_bucket", "_sum", "_count"},
            "summary": {"", "_sum", "_count"},
        }.get(family.type, {""})
        expected = {name + suffix for suffix in suffixes}
        assert {sample.name for sample in family.samples} == expected

    assert b"_created" not in expose(operator)


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_written_as_in_go(name: str) -> None:
    """Bounds are Go's to the letter; Go makes 10e-9·10^i by multiplying (8.1)."""
    family = families(worked(600))[name]
    bounds = [sample.labels["le"] for sample in family.samples if "le" in sample.labels]
    expected = BOUNDS[name].split()

    assert bounds[: len(expected)] == expected
    assert set(bounds) == set(expected)


def test_the_summary_of_collections() -> None:
    """Collections are a summary with quantiles 0 to 1, as the Go runtime has it."""
    family = families(worked(600))["go_gc_duration_seconds"]
    quantiles = {
        sample.labels["quantile"]: sample.value
        for sample in family.samples
        if sample.labels
    }

    assert list(quantiles) == ["0", "0.25", "0.5", "0.75", "1"]
    assert list(quantiles.values()) == sorted(quantiles.values())


def test_a_sum_that_is_not_a_number() -> None:
    """The runtime's own histograms may have a sum of NaN, as in real operators."""
    assert b"\ngo_sched_latencies_seconds_sum NaN\n" in expose(worked(60))


def test_depth_has_a_priority() -> None:
    """The priority queue is on: depth has one series per priority (8.1)."""
    text = expose(worked(1200))

    for name in (BUSY, SLOW, FAILING):
        for priority in ("-100", "0"):
            labels = f'{{controller="{name}",name="{name}",priority="{priority}"}}'
            assert f"\nworkqueue_depth{labels} ".encode() in text


def test_all_results_are_there_from_the_start() -> None:
    """reconcile_total has its four results for each controller at once (8.1)."""
    family = families(Operator())["controller_runtime_reconcile_total"]
    found = [(s.labels["controller"], s.labels["result"], s.value) for s in family.samples]
    results = ("error", "requeue", "requeue_after", "success")

    assert found == [(name, result, 0) for name in NAMES for result in results]


def test_an_idle_controller() -> None:
    """One that never reconciled has counters at zero and no histogram of
    reconciliations; its queue is made and empty (8.1)."""
    values = Values(worked(3600))

    assert values.of("controller_runtime_reconcile_total", controller=IDLE) == [0] * 4
    assert values.of("controller_runtime_active_workers", controller=IDLE) == [0]
    assert values.of("workqueue_adds_total", controller=IDLE) == [0]
    assert values.of("workqueue_depth", controller=IDLE) == []
    for suffix in ("bucket", "sum", "count"):
        name = f"controller_runtime_reconcile_time_seconds_{suffix}"
        assert values.of(name, controller=IDLE) == []
    assert values.of("workqueue_queue_duration_seconds_count", controller=IDLE) == [0]


def test_a_family_without_series_is_not_mentioned() -> None:
    """Before the first reconciliation there is not even a TYPE of its histogram."""
    assert b"reconcile_time_seconds" not in expose(Operator())
    assert b"webhook_latency_seconds" not in expose(Operator())


def test_every_family_is_explained() -> None:
    """Families are sorted by name, each with HELP and TYPE, and none twice."""
    lines = expose(worked(600)).decode().splitlines()
    helped = [line.split()[2] for line in lines if line.startswith("# HELP ")]
    typed = [line.split()[2] for line in lines if line.startswith("# TYPE ")]

    assert helped == typed == sorted(set(typed))
    assert set(typed) == set(HELP)


def test_the_exposition_can_be_read() -> None:
    """prometheus_client's own parser finds what was written."""
    operator = worked(600)
    read = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(expose(operator).decode())
        for sample in family.samples
    }

    assert read == pytest.approx(Values(operator).samples, nan_ok=True, rel=0, abs=0)


def test_a_look_is_one_moment() -> None:
    """What is shown is one moment, also while other threads advance and restart."""
    operator = worked(60)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            for _ in range(5):
                operator.advance(20)
            operator.restart()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(20):
            check(operator)
    finally:
        done.set()
        worker.join()
        sys.setswitchinterval(interval)


def test_a_clock_drives_the_operator() -> None:
    """A collector with a clock advances by what passed since the last look, and a
    clock that goes back stops it."""
    operator = Operator()
    times = iter([100.0, 160.0, 160.5, 150.0, 151.0])
    collector = OperatorCollector(operator, clock=lambda: next(times))
    uptimes = []
    for _ in range(4):
        list(collector.collect())
        uptimes.append(operator.uptime)

    assert uptimes == [60.0, 60.5, 60.5, 61.5]


# On loopback


def get(url: str, **headers: str) -> HTTPResponse:
    """Ask without a proxy, whatever the environment says."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    opener = build_opener(ProxyHandler({}))
    response: HTTPResponse = opener.open(Request(url, headers=names), timeout=60)
    return response


def body(url: str) -> str:
    with get(url) as response:
        return response.read().decode()


def read_value(text: str, name: str) -> float:
    return next(
        float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} ")
    )


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(warmup=120) as url:
        yield url


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"],
)
def test_the_answer_is_text(url: str, accept: str) -> None:
    """Text 0.0.4 whatever is accepted: OpenMetrics is not enabled (8.2)."""
    with get(url, Accept=accept) as response:
        text = response.read().decode()

    assert response.headers["Content-Type"] == ("text/plain; version=0.0.4; charset=utf-8")
    assert 'controller_runtime_reconcile_total{controller="pods",result=' in text
    assert "# EOF" not in text


def test_the_answer_may_be_compressed(url: str) -> None:
    """gzip if it is accepted (8.2)."""
    with get(url, Accept_Encoding="gzip") as response:
        packed = response.read()

    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed).startswith(b"# HELP certwatcher_read_")


def test_the_filter_is_ignored(url: str) -> None:
    """Released operators take no notice of name[] (8.2)."""
    assert "\nworkqueue_adds_total{" in body(f"{url}?name[]=go_goroutines")


def test_another_path_is_not_found(url: str) -> None:
    """Only /metrics is there; anything else is a 404 (8.2)."""
    with pytest.raises(HTTPError) as caught:
        get(url.removesuffix("/metrics") + "/healthz")
    caught.value.close()

    assert caught.value.code == 404


def test_it_is_on_loopback(url: str) -> None:
    """The URL says where it is: on 127.0.0.1, and a port."""
    host, _, port = url.removeprefix("http://").removesuffix("/metrics").partition(":")

    assert host == "127.0.0.1"
    assert int(port) > 0


def test_it_has_worked_already() -> None:
    """The first scrape finds the warm-up done, and a start that far in the past."""
    with serve(warmup=300) as url:
        text = body(url)
        now = time.time()
    age = now - read_value(text, "process_start_time_seconds")

    assert 300 <= age < 330
    assert read_value(text, "certwatcher_read_certificate_total") in (31, 32, 33)


def test_time_passes_between_scrapes(url: str) -> None:
    """The wall clock drives the operator."""
    name = "go_memstats_alloc_bytes_total"
    first = read_value(body(url), name)
    time.sleep(0.02)

    assert read_value(body(url), name) > first


def test_several_scrapers_at_once(url: str) -> None:
    """Each of many scrapers gets one whole moment."""
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(body, [url] * 40))

    for text in texts:
        inf = [line.split()[-1] for line in text.splitlines() if 'le="+Inf"' in line]
        counts = [
            line.split()[-1]
            for line in text.splitlines()
            if line.partition("{")[0].split()[0].endswith("_seconds_count")
            and not line.startswith("go_gc_")
        ]
        assert inf == counts


def test_a_restart_is_seen_by_a_scraper() -> None:
    """An operator of one's own can be restarted while it is served."""
    operator = worked(600)
    with serve(operator=operator) as url:
        before = body(url)
        operator.restart()
        after = body(url)

    start, alloc = "process_start_time_seconds", "go_memstats_alloc_bytes_total"
    assert read_value(before, start) < read_value(after, start)
    assert read_value(before, alloc) > read_value(after, alloc)


def test_it_quits_cleanly() -> None:
    """After the block nobody listens and no thread is left, an error in it or not."""
    seen = []
    before = threading.active_count()

    def fail() -> None:
        with serve(warmup=0) as url:
            seen.append((url, body(url)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert threading.active_count() == before
    with pytest.raises(URLError):
        get(seen[0][0])


def test_a_silent_client_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who connects and says nothing is waited for only so long."""
    assert _server._Handler.timeout <= 5
    monkeypatch.setattr(_server._Handler, "timeout", 0.2)
    with socket.socket() as client:
        with serve(warmup=0) as url:
            port = int(url.split(":")[2].split("/")[0])
            client.connect(("127.0.0.1", port))
            body(url)
            began = time.monotonic()
        took = time.monotonic() - began

    assert took < 30


def test_a_port_can_be_chosen_once(url: str) -> None:
    """A port that is taken is our error, in one line."""
    port = int(url.split(":")[2].split("/")[0])

    with (
        pytest.raises(UsageError, match=rf"cannot listen on 127\.0\.0\.1:{port}: "),
        serve(port, warmup=0),
    ):
        pass


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_port_must_exist(port: int) -> None:
    """A number that is no port is our error too."""
    with pytest.raises(UsageError, match="cannot listen"), serve(port, warmup=0):
        pass
