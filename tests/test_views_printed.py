"""Pages: every width, no line wider, nothing that a terminal would obey."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fuzz import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promlatest import Labels, Store
from promlatest.demo import Operator, OperatorCollector
from promlatest.views import histogram_page, overview_page, series_page
from promlatest.views.text import cells

WIDTHS = (40, 60, 80, 120, 200)


@pytest.fixture(scope="module", name="demo")
def demo_fixture() -> tuple[Store, Store]:
    """The demo operator now, and 10 seconds earlier."""
    operator = Operator(seed=1)
    operator.advance(1190)
    stores = (Store(), Store())
    for store in stores:
        now = int((operator.start_time + operator.uptime) * 1000)
        store.collect(OperatorCollector(operator), timestamp=now)
        operator.advance(10)
    return stores[1], stores[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_two_metrics_look_alike(width):
    """At every width each row of the catalog names its metric and no other."""
    store = store_of("".join(
        f"{prefix}_{middle}_{suffix} 1\n"
        for prefix in ("etcd_debugging_mvcc_db", "etcd_disk_backend")
        for middle in ("compaction_total_duration", "snapshot", "commit_rebalance")
        for suffix in ("duration_milliseconds_total", "keys_in_use_bytes")
    ))  # fmt: skip

    rows = overview_page(store, width=width).split("\n\n")[1].split("\n")[1:]

    names = [row.split()[0] for row in rows]
    assert len(names) == 12
    assert len(set(names)) == 12


def store_of(text: str) -> Store:
    store = Store(clock=lambda: 1_000)
    store.ingest(text, timestamp=1_000)
    return store


SMALL = """
controller_runtime_active_workers{controller="pods"} 1
controller_runtime_max_concurrent_reconciles{controller="pods"} 4
controller_runtime_reconcile_total{controller="pods",result="success"} 12345
controller_runtime_reconcile_total{controller="pods",result="error"} 3
controller_runtime_reconcile_panics_total{controller="pods"} 1
workqueue_depth{name="pods",controller="pods",priority="0"} 3
workqueue_depth{name="pods",controller="pods",priority="-100"} 4
workqueue_depth{name="jobs"} 0
rest_client_requests_total{code="200",method="GET",host="a"} 7
rest_client_requests_total{code="409",method="PUT",host="a"} 2
process_resident_memory_bytes 64512000
process_open_fds 13
leader_election_master_status{name="lease"} 0
"""
AT_40 = """
:8080  up  not the leader of lease
13 series

                         results in all
controller  busy  depth     ok    error
· jobs         –      0      –        –
▶ pods       1/4      7  12.3k        3

            failures in all
controller           panics
· jobs                    –
▶ pods                    1
! pods: 1 panic

API requests  200  409
GET             7
PUT                  2

process
memory      61.5 MiB
open files  13
"""
AT_120 = """
:8080  up  not the leader of lease  13 series

                         results in all  failures in all
controller  busy  depth     ok    error           panics
· jobs         –      0      –        –                –
▶ pods       1/4      7  12.3k        3                1
! pods: 1 panic

API requests  200  409   process
GET             7        memory      61.5 MiB   open files  13
PUT                  2
"""


@pytest.mark.parametrize(("width", "page"), [(40, AT_40), (120, AT_120)])
def test_a_small_operator(width, page):
    """The same figures stand below or beside each other, as the width allows."""
    assert overview_page(store_of(SMALL), width=width, target=":8080") == page.strip("\n")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rated", [False, True])
def test_the_demo_fits_every_terminal(demo, width, rated):
    """Every controller and figure is there at every width, and no line spills."""
    store, earlier = demo
    page = overview_page(
        store, width=width, target="http://[::1]:8080", earlier=earlier if rated else None
    )

    assert all(cells(line) <= width for line in page.splitlines())
    words = (
        "pods restores started leader go1.25.4 depth longest retries requeue 61.5 "
        "goroutines <error> 409 collections terminal"
    )
    if not rated:
        assert [word for word in words.split() if word not in page] == []
    assert ("reconciles" in page) is rated


def test_figures_of_the_page_are_those_of_the_store(demo):
    """A row of the table says what queries answer, depth added up over priorities."""
    store, _ = demo
    depth = sum(p.value for p in store.query("workqueue_depth", name="certificates"))
    ok = "controller_runtime_reconcile_total"
    [good] = store.query(ok, controller="certificates", result="success")
    lines = overview_page(store, width=200).splitlines()
    row = next(line for line in lines if line.startswith("▶ certificates"))

    assert row.split()[2:4] == ["1/1", f"{depth:g}"]
    assert f"{good.value:g}" in row.split()


def test_a_restart_is_said_and_no_rate_is_negative(demo):
    """Where counters began again the health line says so."""
    before, after = (
        store_of(
            f"{SMALL}process_start_time_seconds {start}\nprocess_cpu_seconds_total 5\n"
        )
        for start in (0, 900)
    )
    page = overview_page(after, width=80, earlier=before, seconds=10)

    assert "restarted" in page.splitlines()[0]
    assert "-" not in page.replace("─", "").replace("–", "")


def test_another_endpoint_has_its_catalog():
    """What is no operator is shown by its metrics."""
    store = store_of("# HELP up Whether.\n# TYPE up gauge\nup 1\nx_total 2\n")

    assert overview_page(store, width=60, target="node") == (
        "node  up  2 metrics  2 series\n"
        "\n"
        "metric   type     series  help\n"
        "up       gauge         1  Whether.\n"
        "x_total  unknown       1"
    )
    assert overview_page(store_of(SMALL), width=60).startswith("up  not the leader")


def test_an_endpoint_that_is_down_is_a_page_too():
    """Nothing stored, and the reason in words, over as many lines as it takes."""
    status = "down: connection refused by 127.0.0.1 port 8080"

    assert overview_page(Store(), width=40, target=":8080", status=status) == (
        ":8080\ndown: connection refused by 127.0.0.1\nport 8080  0 metrics  0 series"
    )


def test_histograms_stand_under_their_labels():
    """Labels that do not fit go on below; each histogram has its own bars."""
    store = store_of("""
workqueue_queue_duration_seconds_bucket{controller="certificates",name="certificates",le="+Inf"} 0
workqueue_queue_duration_seconds_bucket{name="b",le="+Inf"} 0
""")
    page = histogram_page(store.histograms("workqueue_queue_duration_seconds"), width=40)

    assert page == (
        "workqueue_queue_duration_seconds\n"
        '  controller="certificates"\n'
        '  name="certificates"\n'
        "nothing observed yet in 1 bucket\n"
        "count 0   sum –\n"
        "\n"
        "workqueue_queue_duration_seconds\n"
        '  name="b"\n'
        "nothing observed yet in 1 bucket\n"
        "count 0   sum –"
    )


def test_series_are_data():
    """A line for each, unshortened and readable again."""
    store = store_of('depth{name="a\\\\b",zone="' + "z" * 50 + '"} 3\nratio 0.5\nbad NaN\n')
    page = series_page(store.match(()))

    assert page.splitlines()[0] == "bad NaN"
    again = store_of(f"{page}\n")
    assert [str(p) for p in again.match(())] == [str(p) for p in store.match(())]


def test_stale_series_say_so():
    """The last known values of a dead target cannot be taken for fresh ones."""
    store = store_of("up 1\n")
    store.fail("body", ConnectionError("refused"))

    assert series_page(store.select("up", stale=True)) == "up 1  # stale"


def test_ascii_only_means_every_character(demo):
    """A terminal without any other character shows the same figures."""
    store, _ = demo
    histograms = store.histograms("controller_runtime_reconcile_time_seconds")
    for width in WIDTHS:
        assert histogram_page(histograms, width=width, ascii_only=True).isascii()
        assert overview_page(store, width=width, ascii_only=True).isascii()


VALUE = st.text(
    st.sampled_from('pod容器é\u0301❤\ufe0f \x1b[\n\\"{}') | st.characters(codec="utf-8"),
    max_size=60,
)
NUMBER = st.floats() | st.integers(0, 10**6).map(float)
METRICS = [
    "controller_runtime_active_workers",
    "controller_runtime_reconcile_panics_total",
    "controller_runtime_reconcile_total",
    "controller_runtime_webhook_requests_total",
    "go_gc_duration_seconds",
    "go_info",
    "leader_election_master_status",
    "process_cpu_seconds_total",
    "process_start_time_seconds",
    "rest_client_requests_total",
    "workqueue_depth",
    "workqueue_queue_duration_seconds_bucket",
]
SERIES = st.fixed_dictionaries(
    {"__name__": st.sampled_from(METRICS) | VALUE.filter(bool)},
    optional={
        **dict.fromkeys(("controller", "name", "result", "priority", "code"), VALUE),
        **dict.fromkeys(("method", "webhook", "version"), VALUE),
        "le": st.sampled_from(["1", "+Inf", "x"]),
        "quantile": st.just("0.5"),
    },
)


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    st.lists(st.tuples(SERIES, NUMBER, NUMBER), max_size=12),
    st.integers(40, 200),
    VALUE,
    st.booleans(),
)
def test_no_page_spills_or_obeys(series, width, text, ascii_only):
    """Whatever an endpoint says, pages keep to the width and hold printable lines only."""
    now, earlier = Store(), Store()
    for store, at in ((now, 1), (earlier, 2)):
        with store.appender() as app:
            for labels, *values in series:
                app.append(0, Labels(labels), 1000 * at, values[at - 1])
    metric = "workqueue_queue_duration_seconds"
    options = {"width": width, "ascii_only": ascii_only}
    health = {"target": text, "status": text}
    pages = (
        overview_page(now, **options, **health, earlier=earlier, seconds=1),
        histogram_page(now.histograms(metric), **options),
    )
    for page in pages:
        for line in page.split("\n"):
            assert cells(line) <= width
            assert line.isprintable()


def test_a_name_that_reads_like_a_selector():
    """A metric may have any name, and its row."""
    store = Store()
    store.ingest('{"{a!=\\"\\"}"} 1\n')

    assert '{a!=""}' in overview_page(store, width=80)


@pytest.mark.slow
def test_views_load_no_terminal_library():
    """Pages are text: importing them brings no extra and no screen."""
    code = (
        "import sys, promlatest.views\n"
        "print(sorted({'textual', 'rich', 'curses', 'aiohttp', 'wcwidth'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
