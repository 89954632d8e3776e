"""Rows of an operator, beside what the store answers."""

from __future__ import annotations

import json
import math

import pytest

from promlatest import Matcher, Store
from promlatest.demo import Operator, OperatorCollector
from promlatest.exceptions import UsageError
from promlatest.views._counting import Count
from promlatest.views.catalog import MetricRow, catalog
from promlatest.views.operator import (
    LeaderRow,
    RequestRow,
    controllers,
    is_operator,
    latency,
    leaders,
    overview,
    process,
)

OLD = """
workqueue_depth{name="pods"} 3
workqueue_adds_total{name="pods"} 7
controller_runtime_active_workers{controller="pods"} 1
controller_runtime_max_concurrent_reconciles{controller="pods"} 2
workqueue_depth{name="nodes"} 0
"""


def store_of(text: str, timestamp: int = 1_000) -> Store:
    store = Store()
    store.ingest(text, timestamp=timestamp)
    return store


def two(before: str, after: str) -> tuple[Store, Store]:
    return store_of(after, 11_000), store_of(before, 1_000)


@pytest.fixture(scope="module", name="demo")
def demo_fixture() -> tuple[Store, Store, Operator]:
    """The demo operator now, and 10 seconds earlier."""
    operator = Operator(seed=1)
    operator.advance(1190)
    stores = []
    for _ in range(2):
        now = int((operator.start_time + operator.uptime) * 1000)
        store = Store(clock=lambda now=now: now)
        store.collect(OperatorCollector(operator), timestamp=now)
        stores.append(store)
        operator.advance(10)
    return stores[1], stores[0], operator


# -- controllers ----------------------------------------------------------------------


def test_figures_are_what_the_store_answers(demo):
    """Each cell of each controller equals a query that anybody can make."""
    store, _, _ = demo

    def total(metric: str, **labels: str) -> float:
        return sum(point.value for point in store.query(metric, **labels))

    rows = controllers(store)

    assert [row.name for row in rows] == store.label_values("controller")
    for row in rows:
        by = {"controller": row.name}
        assert row.active == total("controller_runtime_active_workers", **by)
        assert row.workers == total("controller_runtime_max_concurrent_reconciles", **by)
        assert row.longest == total("workqueue_longest_running_processor_seconds", **by)
        assert row.unfinished == total("workqueue_unfinished_work_seconds", **by)
        assert row.adds == Count(total("workqueue_adds_total", **by))
        assert row.retries == Count(total("workqueue_retries_total", **by))
        assert row.reconciles == Count(total("controller_runtime_reconcile_total", **by))
        assert row.errors == Count(total("controller_runtime_reconcile_errors_total", **by))
        assert row.panics == Count(total("controller_runtime_reconcile_panics_total", **by))
        for result, count in row.results.items():
            answer = total("controller_runtime_reconcile_total", **by, result=result)
            assert count.total == answer
        waited = store.histogram("workqueue_queue_duration_seconds", **by)
        assert row.queued == latency(waited)
        if waited.count:
            assert row.queued.p99 == waited.quantile(0.99)


def test_depth_is_added_up_over_priorities():
    """Several series for one queue are one figure; the origin went blank on them."""
    store = store_of("""
workqueue_depth{name="pods",controller="pods",priority="0"} 3
workqueue_depth{name="pods",controller="pods",priority="-100"} 12
workqueue_depth{name="pods",controller="pods"} 1
""")

    assert [(row.name, row.depth) for row in controllers(store)] == [("pods", 16)]


def test_no_series_is_not_zero(demo):
    """A queue that never held anything has no depth, and one that emptied has 0."""
    depths = {row.name: row.depth for row in controllers(demo[0])}

    assert depths["restores"] is None
    assert depths["nodes"] == 0
    assert {row.name: row.reconcile for row in controllers(demo[0])}["restores"] is None


def test_queues_of_old_operators_have_a_name_only():
    """Before controller-runtime 0.19 a queue had no label `controller`."""
    rows = {row.name: row for row in controllers(store_of(OLD))}

    assert list(rows) == ["nodes", "pods"]
    assert (rows["pods"].depth, rows["pods"].active, rows["pods"].workers) == (3, 1, 2)
    assert rows["nodes"].workers is None


def test_the_longest_of_several_replicas_is_the_longest():
    """What is a maximum is not added up over instances; what is a sum is."""
    metric = "workqueue_longest_running_processor_seconds"
    store = store_of(
        f'{metric}{{name="a",instance="1"}} 5\n{metric}{{name="a",instance="2"}} 7\n'
        'workqueue_unfinished_work_seconds{name="a",instance="1"} 5\n'
        'workqueue_unfinished_work_seconds{name="a",instance="2"} 7\n'
    )
    [row] = controllers(store)

    assert (row.longest, row.unfinished) == (7, 12)


def test_replicas_whose_buckets_differ_have_no_common_quantile():
    """Two versions of one operator may have two sets of bounds: unknown, not wrong."""
    metric = "workqueue_queue_duration_seconds"
    lines = [
        f'{metric}_bucket{{name="a",instance="{i}",le="{le}"}} 1'
        for i, bounds in (("1", ("10", "+Inf")), ("2", ("1000", "+Inf")))
        for le in bounds
    ]
    [row] = controllers(store_of("\n".join(lines) + "\n"))

    assert row.queued is None


def test_a_quantile_above_all_bounds_is_marked():
    """The ceiling tells that p99 is that or more; without it p99 is an estimate."""
    name = "controller_runtime_reconcile_time_seconds"
    text = f"""
{name}_bucket{{controller="a",le="1"}} 1
{name}_bucket{{controller="a",le="+Inf"}} 2
{name}_bucket{{controller="b",le="1"}} 2
{name}_bucket{{controller="b",le="+Inf"}} 2
"""
    a, b = controllers(store_of(text))

    assert (a.reconcile.p99, a.reconcile.ceiling) == (1, 1)
    assert (b.reconcile.p99, b.reconcile.ceiling) == (0.99, None)


# -- rates ----------------------------------------------------------------------------

ERRORS = "controller_runtime_reconcile_errors_total"
RATES = [
    ("growth", "{a} 10", "{a} 30", Count(30, 2.0)),
    ("rest", "{a} 10", "{a} 10", Count(10, 0.0)),
    ("a fall is a reset", "{a} 100", "{a} 30", Count(30, 3.0, reset=True)),
    (
        "a reset of one series does not hide in a sum",
        '{b="1"} 100 {b="2"} 100',
        '{b="1"} 20 {b="2"} 300',
        Count(320, 22.0, reset=True),
    ),
    (
        "when a new label value began is not known, so it adds nothing to the rate",
        '{b="1"} 10',
        '{b="1"} 10 {b="2"} 5',
        Count(15, 0.0),
    ),
    ("a metric that was not there has no rate", "", "{a} 30", Count(30)),
    (
        "another target that was not there has no rate",
        '{instance="1"} 10',
        '{instance="1"} 20 {instance="2"} 1000',
        Count(1020, 1.0),
    ),
]


def exposed(series: str, metric: str = ERRORS) -> str:
    """`{a} 10` or `{b="1"} 10 {b="2"} 5` as lines of the text format."""
    labelled = series.replace("{a}", "{}").replace("{", '{controller="c",').split()
    pairs = zip(labelled[::2], labelled[1::2], strict=True)
    return "".join(f"{metric}{labels} {value}\n" for labels, value in pairs)


@pytest.mark.parametrize(("before", "after", "expected"), [case[1:] for case in RATES])
def test_rates_over_ten_seconds(before, after, expected):
    """Rates are worked out series by series, resets known, and never below 0."""
    now, earlier = two(exposed(before), exposed(after))

    for seconds in (10, None):
        [row] = controllers(now, earlier, seconds)
        assert row.errors == expected


def test_timestamps_tell_the_time_between():
    """Without seconds the samples' own times are taken."""
    now, earlier = two(exposed("{a} 10"), exposed("{a} 30"))

    assert controllers(now, earlier)[0].errors == Count(30, 2.0)


def test_two_looks_at_one_moment_give_no_rate():
    """No time went by, so nothing is known; nobody divides by 0."""
    store = store_of(exposed("{a} 10"))

    assert controllers(store, store)[0].errors == Count(10)


@pytest.mark.parametrize("seconds", [0, -1, math.nan])
def test_no_time_is_no_argument(seconds):
    """Seconds that are not above 0 are the caller's mistake."""
    store = store_of(OLD)

    with pytest.raises(UsageError, match="seconds, above 0"):
        controllers(store, store, seconds)


def test_a_restart_resets_counters_that_overtook_their_old_values():
    """A new start time says what a value that did not fall cannot."""
    before = exposed("{a} 5") + "process_start_time_seconds 1000\n"
    after = exposed("{a} 7") + "process_start_time_seconds 1005.5\n"
    now, earlier = two(before, after)

    assert controllers(now, earlier, 10)[0].errors == Count(7, 0.7, reset=True)


def test_a_restart_of_the_demo_gives_no_negative_rate():
    """All rates after a crash are those of the new process, and say so."""
    operator = Operator(seed=1)
    operator.advance(600)
    store, earlier = Store(), Store()
    earlier.collect(OperatorCollector(operator), timestamp=1_000)
    operator.restart()
    operator.advance(10)
    store.collect(OperatorCollector(operator), timestamp=11_000)
    counts = [row.adds for row in controllers(store, earlier)]

    assert all(count.reset and count.per_second == count.total / 10 for count in counts)
    assert process(store, earlier).cpu.reset


# -- the rest -------------------------------------------------------------------------


def test_requests_are_added_up_over_hosts():
    """Method and code are told apart, hosts are not."""
    store = store_of("""
rest_client_requests_total{method="GET",code="200",host="a"} 3
rest_client_requests_total{method="GET",code="200",host="b"} 4
rest_client_requests_total{method="GET",code="<error>",host="b"} 1
""")

    assert [*overview(store).requests] == [
        RequestRow("GET", "200", Count(7)),
        RequestRow("GET", "<error>", Count(1)),
    ]


def test_the_process_is_what_the_store_answers(demo):
    """Memory, CPU, pauses, goroutines, threads, files, start and version."""
    store, earlier, _ = demo
    row = process(store, earlier)

    def one(metric: str, **labels: str) -> float:
        [point] = store.query(metric, **labels)
        return point.value

    assert row.memory == one("process_resident_memory_bytes")
    assert row.cpu.total == one("process_cpu_seconds_total")
    assert 0 < row.cpu.per_second < 1
    assert row.pauses.collections.total == one("go_gc_duration_seconds_count")
    assert row.pauses.median == one("go_gc_duration_seconds", quantile="0.5")
    assert row.pauses.longest == one("go_gc_duration_seconds", quantile="1.0")
    assert (row.goroutines, row.threads) == (one("go_goroutines"), one("go_threads"))
    assert (row.open_fds, row.max_fds) == (one("process_open_fds"), one("process_max_fds"))
    assert row.uptime == pytest.approx(1200, abs=0.01)
    assert row.versions == ("go1.25.4",)


def test_webhooks_and_leases(demo):
    """Answers by code, and whether this replica leads."""
    [hook] = overview(demo[0]).webhooks

    assert hook.name == "/validate-demo-promlatest-dev-v1-backup"
    assert set(hook.answers) == {"200", "500"}
    assert hook.latency.count == sum(count.total for count in hook.answers.values())
    assert leaders(demo[0]) == [LeaderRow("demo.promlatest.dev", True)]


KINDS = [
    ('controller_runtime_active_workers{controller="a"} 1', True),
    ('workqueue_depth{name="a"} 1', True),
    ("controller_runtime_webhook_panics_total 0", False),
    ("up 1", False),
    ("", False),
]


@pytest.mark.parametrize(("text", "expected"), KINDS)
def test_an_operator_has_a_controller_or_a_queue(text, expected):
    """What it is called on decides nothing: the series do."""
    assert is_operator(store_of(f"{text}\n")) is expected


@pytest.mark.parametrize("text", ["", OLD, exposed("{a} NaN"), exposed("{a} +Inf")])
def test_rows_are_json(text):
    """Nothing that JSON lacks: NaN is None and infinity is a word."""
    rows = overview(store_of(text), store_of(text), 1)
    read = json.loads(json.dumps(rows.as_dict(), allow_nan=False))

    assert [row["name"] for row in read["controllers"]] == [
        row.name for row in rows.controllers
    ]


def test_numbers_that_json_lacks():
    """An infinite counter is "+Inf", and one that is NaN is unknown."""
    [infinite] = controllers(store_of(exposed("{a} +Inf")))
    [unknown] = controllers(store_of(exposed("{a} NaN")))

    assert infinite.as_dict()["errors"]["total"] == "+Inf"
    assert unknown.as_dict()["errors"]["total"] is None


def test_a_snapshot_is_as_good_as_a_store(demo):
    """Any Queryable will do."""
    assert overview(demo[0].snapshot()) == overview(demo[0])


# -- the catalog ----------------------------------------------------------------------


def test_the_catalog_has_a_row_for_each_family():
    """Buckets, sums and counts are series of their family."""
    store = store_of("""
# HELP latency_seconds How long.
# TYPE latency_seconds histogram
latency_seconds_bucket{le="1"} 1
latency_seconds_bucket{le="+Inf"} 1
latency_seconds_sum 0.5
latency_seconds_count 1
up 1
""")

    assert catalog(store) == [
        MetricRow("latency_seconds", "histogram", "", 4, "How long."),
        MetricRow("up", "unknown", "", 1, ""),
    ]


def test_the_catalog_counts_every_series_once(demo):
    """Its sizes add up to the size of the store."""
    rows = catalog(demo[0])

    assert sum(row.series for row in rows) == len(demo[0])
    assert len(demo[0].match([Matcher("__name__", "=", "go_info")])) == 1


def test_labels_of_the_target_merge_no_controllers():
    """A target whose own labels are called name or controller keeps its controllers apart:
    what they exposed is called exported_name and exported_controller then."""
    store = Store()
    store.ingest(
        "".join(
            f'workqueue_depth{{name="of-the-target",exported_name="{name}"}} {depth}\n'
            f'controller_runtime_active_workers{{controller="of-the-target",'
            f'exported_controller="{name}"}} 1\n'
            for name, depth in (("pods", 3), ("nodes", 4))
        )
    )

    assert [(row.name, row.depth, row.active) for row in controllers(store)] == [
        ("nodes", 4, 1),
        ("pods", 3, 1),
    ]
