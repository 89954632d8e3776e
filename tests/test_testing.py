"""What a test harness promises: readings, marks, waits, sources and programs.

`test_testing_dishonest.py` has the failures and their words.
"""

from __future__ import annotations

import asyncio
import math
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, count, repeat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meanwhile import later
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    make_asgi_app,
    make_wsgi_app,
)
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from promlatest import Matcher, Store, testing
from promlatest.exceptions import SelectorError, UsageError
from promlatest.testing import (
    AlreadyHeldError,
    AsyncScrapeTarget,
    Difference,
    FakeTarget,
    FlickerError,
    NeverAppearedError,
    NoSeriesError,
    NotReachedError,
    Observation,
    OvershootError,
    ResetError,
    ScrapeTarget,
    SeriesBudgetError,
    SeveralSeriesError,
    Slow,
    StaleScrapeError,
    Status,
    TargetDownError,
    UnknownLabelError,
    UnknownMetricError,
    UntakenError,
    VanishedError,
    _sources,
)
from promlatest.testing._conditions import reach
from promlatest.testing._movement import counts
from promlatest.testing._pace import LONGEST
from promlatest.testing._selection import selection
from promlatest.testing._sources import read_body
from promlatest.testing._wait import Terms, Wait
from promlatest.testing._words import is_near, is_slip, number, sequence

pytestmark = pytest.mark.slow

EVERY = [
    kind
    for name in testing.__all__
    if isinstance(kind := getattr(testing, name), type) and issubclass(kind, Exception)
]

BODY = b"""# TYPE jobs_total counter
jobs_total{queue="mail",outcome="ok"} 3
jobs_total{queue="mail",outcome="failed"} 1
jobs_total{queue="fax",outcome="ok"} 2
# TYPE depth gauge
depth{queue="mail"} 4
# TYPE took_seconds histogram
took_seconds_bucket{queue="mail",le="1"} 3
took_seconds_bucket{queue="mail",le="+Inf"} 4
took_seconds_sum{queue="mail"} 5.5
took_seconds_count{queue="mail"} 4
# TYPE retries_total counter
"""


def reading(body: bytes | str = BODY):
    return read_body("shop", body if isinstance(body, bytes) else body.encode())


def target_of(*bodies: str) -> ScrapeTarget:
    """A program that exposes one body after the other; the last one stays."""
    script = list(bodies)
    return ScrapeTarget(lambda: (script.pop(0) if len(script) > 1 else script[0]).encode())


def jobs(value: float, more: str = "") -> str:
    return f"# TYPE jobs_total counter\njobs_total {value}\n{more}"


# Words


@pytest.mark.parametrize(
    ("name", "other", "slip"),
    [
        ("jobs_totl", "jobs_total", True),
        ("jobs_totaal", "jobs_total", True),
        ("jobs_totel", "jobs_total", True),
        ("jobs_toatl", "jobs_total", True),
        ("jobs_total", "jobs_total", False),
        ("jobs_ttl", "jobs_total", True),
        ("jobs_tl", "jobs_total", False),
        ("takn", "Taken", True),
        ("mails_total", "jobs_total", False),
        ("500", "200", False),
        ("worker-1", "worker-2", False),
        ("ab", "ac", False),
    ],
)
def test_is_slip(name, other, slip):
    """A slip is one or two letters too many, too few, wrong, or swapped, and no digit."""
    assert is_slip(name, other) is slip
    assert is_slip(other, name) is slip


@given(st.text("abc", min_size=3, max_size=9), st.data())
def test_every_slip_is_found(name, data):
    """Whatever one letter does to a name is a slip."""
    at = data.draw(st.integers(0, len(name) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                name[:at] + "x" + name[at:],
                name[:at] + "x" + name[at + 1 :],
            ]
        )
    )

    assert is_slip(name, changed)
    assert is_slip(changed, name)


@pytest.mark.parametrize(
    ("name", "other", "near"),
    [
        ("jobs", "jobs_total", True),
        ("jobs_total_total", "jobs_total", True),
        ("took_seconds", "took_seconds_bucket", True),
        ("JOBS_TOTAL", "jobs_total", True),
        ("jobs_totl", "jobs_total", True),
        ("http2_total", "http1_total", False),
        ("mails_total", "jobs_total", False),
        ("jobs_total", "jobs_total", False),
    ],
)
def test_is_near(name, other, near):
    """A name is near another but for an ending, the case, or a slip; either way round."""
    assert is_near(name, other) is near
    assert is_near(other, name) is near


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (0.25, "0.25"),
        (1e6, "1000000"),
        (None, "missing"),
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (1e20, "1e+20"),
    ],
)
def test_number(value, text):
    """Numbers read as a person writes them."""
    assert number(value) == text


def test_a_long_sequence_is_cut_in_the_middle():
    """Of many different observations the first and the last are shown."""
    lines = sequence([Observation(at / 10, at) for at in range(100)])

    assert len(lines) == 25
    assert lines[0].endswith(" 0")
    assert "left out" in lines[12]
    assert lines[-1].endswith(" 99")


# Readings


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (lambda r: r.value("depth"), 4),
        (lambda r: r.value("jobs_total", queue="fax"), 2),
        (lambda r: r.value('jobs_total{queue="mail"}', outcome="failed"), 1),
        (lambda r: r.value("jobs_total", Matcher("queue", "!=", "mail")), 2),
        (lambda r: r.value('{__name__="depth"}'), 4),
        (lambda r: r.sum("jobs_total"), 6),
        (lambda r: r.sum("jobs_total", outcome={"ok", "lost"}), 5),
        (lambda r: r.count("jobs_total"), 3),
        (lambda r: r.count("jobs_total", outcome="lost"), 0),
        (lambda r: r.histogram("took_seconds").count, 4),
        (lambda r: r.histogram("took_seconds", queue="mail").count_le(1), 3),
        (
            lambda r: [p.labels["queue"] for p in r.points("jobs_total", outcome="ok")],
            ["fax", "mail"],
        ),
        (lambda r: r.assert_absent("jobs_total", outcome="lost"), None),
        (lambda r: r.assert_absent("mails_total"), None),
        (lambda r: r.assert_absent("jobs_total", tenant="a", unknown_ok=True), None),
        (lambda r: r.count("mails_total", unknown_ok=True), 0),
        (lambda r: r.value("jobs_total", missing=0, queue="mail", outcome="lost"), 0),
        (lambda r: r.value("depth", missing=0), 4),
        (lambda r: r.value("retries_total", missing=0), 0),
        (lambda r: r.sum("jobs_total", missing=7, outcome="lost"), 7),
        (lambda r: r.value("took_seconds_bucket", queue="mail", le="1"), 3),
        (lambda r: r.value('took_seconds_bucket{queue="mail",le="1"}'), 3),
        (lambda r: r.assert_series_below(20), None),
        (lambda r: r.assert_series_below(9, per="family"), None),
    ],
    ids=count(),
)
def test_questions(question, answer):
    """One scrape answers with one selector everywhere."""
    assert question(reading()) == answer


@pytest.mark.parametrize(
    ("question", "failure", "word"),
    [
        (lambda r: r.value("jobs"), UnknownMetricError, "jobs_total"),
        (lambda r: r.sum("jobs_total", que="mail"), UnknownLabelError, "queue"),
        (lambda r: r.count("jobs_totals"), UnknownMetricError, "jobs_total"),
        (lambda r: r.count("jobs_total", que="mail"), UnknownLabelError, "queue"),
        (lambda r: r.value("jobs_total", queue="mial"), NoSeriesError, '"mail"'),
        (
            lambda r: r.value("jobs_total", queue="fax", outcome="failed"),
            NoSeriesError,
            "has others",
        ),
        (
            lambda r: r.value("jobs_total", queue="mail"),
            SeveralSeriesError,
            "differ in: outcome",
        ),
        (lambda r: r.value("retries_total"), NoSeriesError, "declared"),
        (lambda r: r.value("took_seconds"), NoSeriesError, "is a histogram"),
        (lambda r: r.value('{queue="post"}'), NoSeriesError, "no series has"),
        (lambda r: r.value('{queue="fax",outcome="failed"}'), NoSeriesError, "fits"),
        (lambda r: r.histogram("took_second"), UnknownMetricError, "took_seconds"),
        (lambda r: r.histogram("took_seconds", queue="post"), NoSeriesError, '"mail"'),
        (lambda r: r.histogram("depth"), NoSeriesError, "no histogram"),
        (lambda r: r.value("job_total", missing=0), UnknownMetricError, "jobs_total"),
        (lambda r: r.value("mails_total", missing=0), UnknownMetricError, "no metric"),
        (
            lambda r: r.value("jobs_total", missing=0, que="mail"),
            UnknownLabelError,
            "queue",
        ),
        (
            lambda r: r.value("jobs_total", missing=0, outcome="failled"),
            NoSeriesError,
            "failed",
        ),
        (lambda r: r.count("jobs"), UnknownMetricError, "jobs_total"),
        (lambda r: r.count("jobs_total_total"), UnknownMetricError, "jobs_total"),
        (lambda r: r.count("took_seconds"), NoSeriesError, "is a histogram"),
        (lambda r: r.histogram("took_seconds", que="a"), UnknownLabelError, "queue"),
        (lambda r: r.count("took_seconds", que="a"), UnknownLabelError, "queue"),
        (lambda r: r.count('{que="mail"}'), UnknownLabelError, "queue"),
        (lambda r: r.count('{__name__=~"jbos.*"}'), UnknownMetricError, "jobs_total"),
        (lambda r: r.value("depth", Matcher("que", "!=", "a")), UnknownLabelError, "queue"),
        (lambda r: r.value("depth", tenant=None), UnknownLabelError, "tenant"),
        (lambda r: r.assert_absent("jobs_total_total"), UnknownMetricError, "unknown_ok"),
        (lambda r: r.assert_absent("JOBS_total"), UnknownMetricError, "unknown_ok"),
        (lambda r: r.assert_absent("took_seconds"), NoSeriesError, "unknown_ok"),
        (
            lambda r: r.assert_absent("jobs_total", queue={"mial", "post"}),
            NoSeriesError,
            "unknown_ok",
        ),
        (
            lambda r: r.assert_absent("jobs_total", que="mail"),
            UnknownLabelError,
            "unknown_ok",
        ),
        (lambda r: r.assert_absent("depht"), UnknownMetricError, "unknown_ok"),
    ],
    ids=count(),
)
def test_what_is_not_there(question, failure, word):
    """Whatever does not exist is named, with what comes close."""
    with pytest.raises(failure) as caught:
        question(reading())

    assert word in str(caught.value)
    assert type(caught.value) is failure


def test_a_summary_is_no_histogram():
    """A summary of the same name has no buckets, and says what it is."""
    body = '# TYPE wait summary\nwait{quantile="0.5"} 1\nwait_sum 3\nwait_count 2\n'

    with pytest.raises(NoSeriesError, match="it is a summary, and has no wait_bucket"):
        reading(body).histogram("wait")


def test_series_are_counted_by_family():
    """All series of a histogram are its family's, and the widest label is named."""
    with pytest.raises(SeriesBudgetError, match=r"took_seconds  4, 2 values of le"):
        reading().assert_series_below(4, per="family")
    with pytest.raises(
        SeriesBudgetError, match="fewer than 8 series all together, and has 8"
    ):
        reading().assert_series_below(8)


def test_several_histograms_are_one_too_many():
    """A histogram means one."""
    lines = "".join(
        f'took_bucket{{q="{q}",le="+Inf"}} 1\ntook_count{{q="{q}"}} 1\n' for q in "ab"
    )

    with pytest.raises(SeveralSeriesError, match="2 fit"):
        reading("# TYPE took histogram\n" + lines).histogram("took")


@pytest.mark.parametrize(
    "question",
    [
        lambda r: r.value("jobs_total", missing="lost", queue="mail"),
        lambda r: r.sum("jobs_total", missing="lost"),
        lambda r: r.assert_series_below("3"),
        lambda r: r.assert_series_below(math.nan),  # nothing is at or above it
        lambda r: r.assert_series_below(math.inf),
        lambda r: r.assert_series_below(3, per="famly"),
        lambda r: Difference(r, r).increase("jobs_total", missing=5, queue="mail"),
        lambda r: Difference(r, r).histogram("took_seconds", missing=5, queue="mail"),
        lambda r: Difference(r, r).assert_only(ignore="process_*"),
        lambda r: testing.assert_lint(r, ignore="*x*"),
        lambda r: testing.assert_exposes(r, "", only="jobs_total"),
        lambda r: testing.assert_exposes(r, "# HELP jobs_total Jobs.\n"),
        lambda r: testing.contract_of(r, optional="*_errors"),
        lambda r: testing.contract_of(r, ignore="*_errors"),
        lambda r: testing.contract_of(target_of(jobs(1))),
        lambda r: testing.golden_text(target_of(jobs(1))),
        lambda r: testing.GoldenRules(ignore="go_*"),
        lambda r: testing.GoldenRules(labels="pod"),
    ],
    ids=count(),
)
def test_questions_that_make_no_sense(question):
    """What would be taken for something else, and pass, is a wrong call."""
    with pytest.raises(UsageError):
        question(reading())


@pytest.mark.parametrize(
    "options",
    [{"source": "shop"}, {"path": "/other"}, {"host": "a"}, {"headers": {"A": "b"}}],
)
def test_options_of_something_else_are_refused(options):
    """An option that would change nothing is not for this kind of target."""
    with pytest.raises(UsageError, match=f"{next(iter(options))}="):
        ScrapeTarget("http://localhost:1/metrics", **options)


@pytest.mark.parametrize("metric", ["", None, 3])
def test_a_name_is_needed(metric):
    """What is no name is a wrong call, and no failure of the program."""
    with pytest.raises(UsageError):
        reading().value(metric)


def test_a_broken_selector_is_a_wrong_call():
    """A selector text that cannot be read says where."""
    with pytest.raises(SelectorError):
        reading().value('jobs_total{queue="mail}')


def test_families_have_the_names_of_the_text_format():
    """OpenMetrics and the text format give the same families."""
    registry = CollectorRegistry()
    Counter("jobs", "", registry=registry).inc()
    text = read_body("a", generate_latest(registry))
    other = read_body("b", openmetrics(registry), "application/openmetrics-text")

    assert (
        text.metadata["jobs_total"].type == other.metadata["jobs_total"].type == "counter"
    )
    assert "jobs" not in other.metadata
    assert counts(other, "jobs_total")


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("counter", "x_total", True),
        ("counter", "x", True),
        ("counter", "x_created", False),
        ("gauge", "x_total", False),
        ("histogram", "x_bucket", True),
        ("histogram", "x_count", True),
        ("histogram", "x_sum", True),
        ("summary", "x", False),
        ("summary", "x_sum", True),
        ("", "x_total", True),
        ("", "x_count", True),
        ("", "x_sum", True),
        ("", "x", False),
        ("", "x_created", False),
    ],
)
def test_what_counts(kind, name, expected):
    """The type decides what counts, and without one the name."""
    family = name.rsplit("_", 1)[0] if kind in ("histogram", "summary") else name
    head = f"# TYPE {family} {kind}\n" if kind else ""
    labels = '{le="+Inf"}' if name.endswith("_bucket") else ""

    assert counts(reading(f"{head}{name}{labels} 1\n"), name) is expected


# Marks


def test_increases_since_a_mark():
    """A mark counts from where it was made, whatever happened before."""
    mark = target_of(jobs(5), jobs(7)).mark()

    assert mark.increase("jobs_total") == 2


def newborn(more: str = "") -> ScrapeTarget:
    """A labelled counter that appears with its first increase."""
    return target_of(jobs(5), f'jobs_total 5\njobs_total{{queue="fax"}} 2\n{more}')


@pytest.mark.parametrize(
    "more",
    ['jobs_created{queue="fax"} %f\n', "process_start_time_seconds %f\n"],
    ids=["created", "process"],
)
def test_a_counter_that_has_begun_since_counts_from_0(more):
    """Its `_created`, or a process that is younger than the mark, tells that it has."""
    target = newborn(more % time.time())
    mark = target.mark()

    assert mark.increase("jobs_total", queue="fax") == 2
    assert mark.increase_sum("jobs_total") == 2
    mark.expect("jobs_total", queue="fax").to_increase_by(2, within=0)


@pytest.mark.parametrize(
    "more",
    ["", 'jobs_created{queue="fax"} 100\n', "process_start_time_seconds 100\n"],
    ids=["nothing tells", "created", "process"],
)
def test_a_counter_of_which_nothing_tells_when_it_began(more):
    """It may have been hidden, so its increase is not known, unless it is said to count
    from 0."""
    mark = newborn(more).mark()

    with pytest.raises(NoSeriesError, match="nothing tells when it began"):
        mark.increase("jobs_total", queue="fax")
    with pytest.raises(NoSeriesError, match="missing=0 counts it from 0"):
        mark.expect("jobs_total", queue="fax").to_increase_by(2, within=0)
    assert mark.increase("jobs_total", missing=0, queue="fax") == 2
    assert mark.increase_sum("jobs_total", missing=0) == 2
    mark.expect("jobs_total", queue="fax").to_increase_by(2, within=0, missing=0)


def test_what_did_not_increase_may_be_missing():
    """A labelled counter that nothing has counted yet has increased by 0."""
    mark = target_of(jobs(5, 'jobs_total{queue="fax"} 2\n')).mark()

    assert mark.increase("jobs_total", missing=0, queue="post") == 0
    assert mark.increase("jobs_total", missing=0, queue="fax") == 0
    with pytest.raises(NoSeriesError):
        mark.increase("jobs_total", queue="post")


def test_a_start_time_that_trembles_is_no_restart():
    """Some runtimes work their start time out anew at each look."""
    before, after = (jobs(n, f"process_start_time_seconds {n / 10}\n") for n in (5, 7))

    assert target_of(before, after).mark().increase("jobs_total") == 2


def test_every_scrape_of_a_wait_counts():
    """100, 5, 120 is 120 with a reset, where a mark and one look see 20."""
    outcome = (
        target_of(jobs(100), jobs(5), jobs(120))
        .mark(on_reset="rebaseline")
        .expect("jobs_total")
        .to_increase(at_least=100)
    )

    assert (outcome.gain, len(outcome.resets)) == (120, 1)


def test_a_gauge_may_fall():
    """The increase of a gauge is its change."""
    mark = target_of("depth 5\n", "depth 3\n").mark()

    assert mark.increase("depth") == -2


def test_marks_live_side_by_side():
    """Two marks of one target do not know of each other."""
    registry = CollectorRegistry()
    counter = Counter("jobs", "", registry=registry)
    target = ScrapeTarget(registry)
    first = target.mark()
    counter.inc()
    second = target.mark()
    counter.inc(2)

    assert (first.increase("jobs_total"), second.increase("jobs_total")) == (3, 2)


def test_marks_in_many_threads():
    """Threads that count with labels of their own do not disturb each other."""
    registry = CollectorRegistry()
    counter = Counter("jobs", "", ["worker"], registry=registry)
    target = ScrapeTarget(registry)

    def work(worker: int) -> float:
        mark = target.mark()
        for _ in range(worker):
            counter.labels(str(worker)).inc()
        return mark.increase("jobs_total", worker=str(worker))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(1, 9))) == list(range(1, 9))


@pytest.mark.parametrize(
    ("before", "after", "gained"),
    [
        (jobs(5), jobs(2), 2),
        (
            jobs(5, "jobs_created 100\n"),
            jobs(7, "jobs_created 200\n"),
            7,
        ),
        (
            jobs(5, "process_start_time_seconds 100\n"),
            jobs(7, "process_start_time_seconds 200\n"),
            7,
        ),
        (
            jobs(5, "process_start_time_seconds 100\n"),
            jobs(7, "process_start_time_seconds 101.5\n"),
            7,
        ),
        (jobs(5, "jobs_created 100\n"), jobs(5, "jobs_created 200\n"), 5),
        (
            jobs(5, "process_start_time_seconds 100\n"),
            jobs(5, "process_start_time_seconds 200\n"),
            5,
        ),
    ],
    ids=[
        "it fell",
        "it was created anew",
        "the process was started anew",
        "and soon after",
        "it was created anew, and is as far again",
        "the process was started anew, and it is as far again",
    ],
)
def test_resets(before, after, gained):
    """A reset fails, also one that no value shows; on request it counts on from 0."""
    with pytest.raises(ResetError):
        target_of(before, after).mark().increase("jobs_total")

    mark = target_of(before, after).mark(on_reset="rebaseline")
    assert mark.increase("jobs_total") == gained
    with pytest.raises(ResetError):
        target_of(before, after).mark().expect("jobs_total").to_increase_by(1)
    wait = target_of(before, after).mark().expect("jobs_total")
    assert wait.to_increase_by(gained, on_reset="rebaseline").resets[0].before == 5


def test_two_processes_behind_one_address_have_no_start_time():
    """Several start times tell of no restart."""
    starts = (
        'process_start_time_seconds{pid="1"} %d\nprocess_start_time_seconds{pid="2"} 3\n'
    )
    mark = target_of(jobs(5, starts % 1), jobs(7, starts % 9)).mark()

    assert mark.increase("jobs_total") == 2


def test_an_unknown_policy_is_a_wrong_call():
    """A reset fails or rebaselines, and nothing else."""
    with pytest.raises(UsageError, match="rebaseline"):
        target_of(jobs(1)).mark(on_reset="ignore")


MOVEMENTS = {
    "it was not there, and nothing tells": (["# \n", jobs(10)], None, 0),
    "it was not there, and was created since": (
        ["idle 1\n", jobs(10, "jobs_created NOW\n")],
        10,
        0,
    ),
    "it was not there, and its process is younger": (
        ["idle 1\n", jobs(10, "process_start_time_seconds NOW\n")],
        10,
        0,
    ),
    "it fell between two scrapes": ([jobs(100), jobs(5), jobs(120)], 120, 1),
    "its start time trembled": (
        [jobs(n, f"process_start_time_seconds {n / 100}\n") for n in (100, 120)],
        20,
        0,
    ),
    "only its creation moved": (
        [jobs(n, f"jobs_created {n}\n") for n in (100, 120)],
        120,
        1,
    ),
}


@pytest.mark.parametrize(
    ("bodies", "increase", "resets"), MOVEMENTS.values(), ids=MOVEMENTS
)
def test_a_store_and_a_wait_give_one_answer(bodies, increase, resets):
    """What moved is answered once: by `Store.increase`, and by a mark that waits."""
    now = time.time()
    bodies = [body.replace("NOW", str(now + 0.5)) for body in bodies]
    store = Store(history=9)
    for second, body in enumerate(bodies):
        store.ingest(body, timestamp=int(now * 1000) + 1000 * second)
    [moved] = store.increase("jobs_total")
    assert (moved.value, moved.resets) == (increase, resets)

    wait = target_of(*bodies).mark(on_reset="rebaseline").expect("jobs_total")
    if increase is None:
        with pytest.raises(NoSeriesError, match=moved.note[3:]):
            wait.to_increase(within=0.1)
    else:
        outcome = wait.to_increase(at_least=increase)
        assert (outcome.gain, len(outcome.resets)) == (increase, resets)


def histogram_body(low: int, count: int, more: str = "") -> str:
    return (
        "# TYPE took histogram\n"
        f'took_bucket{{le="1"}} {low}\ntook_bucket{{le="+Inf"}} {count}\n'
        f"took_sum {count}\ntook_count {count}\n{more}"
    )


def test_what_a_histogram_observed_since_a_mark():
    """The difference of two histograms is one."""
    took = target_of(histogram_body(1, 2), histogram_body(4, 6)).mark().histogram("took")

    assert (took.count, took.count_le(1), took.sum) == (4, 3, 4)


@pytest.mark.parametrize(
    "after",
    [histogram_body(1, 1), histogram_body(4, 6, "process_start_time_seconds 200\n")],
    ids=["it fell", "the process was started anew"],
)
def test_a_histogram_that_was_reset(after):
    """It fails, and on request it counts on from 0."""
    before = histogram_body(1, 2, "process_start_time_seconds 100\n")
    with pytest.raises(ResetError):
        target_of(before, after).mark().histogram("took")

    mark = target_of(before, after).mark(on_reset="rebaseline")
    assert mark.histogram("took").count == reading(after).histogram("took").count


def test_a_histogram_that_was_not_there():
    """What it has was observed since the mark, if it began since."""
    mark = target_of("# \n", histogram_body(1, 2)).mark()

    with pytest.raises(NoSeriesError, match="nothing tells when it began"):
        mark.histogram("took")
    assert mark.histogram("took", missing=0).count == 2


def test_a_reset_that_only_a_bucket_shows():
    """The count has overtaken what it was, and of the bucket no more is known."""
    before, after = histogram_body(5, 6), histogram_body(2, 9)

    with pytest.raises(ResetError, match="took was reset"):
        target_of(before, after).mark().histogram("took")
    assert (
        target_of(before, after).mark(on_reset="rebaseline").histogram("took").count_le(1)
        == 2
    )


def test_only_what_was_said_has_moved():
    """Families stand for their series, and what moves by itself may move."""
    before = histogram_body(1, 2, jobs(1) + "process_cpu_seconds_total 1\n")
    after = histogram_body(2, 3, jobs(2) + "process_cpu_seconds_total 2\n")

    target_of(before, after).mark().assert_only("jobs_total", "took")
    with pytest.raises(AssertionError, match="process_cpu"):
        target_of(before, after).mark().assert_only("jobs_total", "took", ignore=())
    with pytest.raises(AssertionError, match="jobs_total  1 -> 2"):
        target_of(before, after).mark().assert_only('took_bucket{le="1.0"}', "took")


def test_what_may_move_is_named_by_a_pattern_too():
    """And a slip in a label is one, though the family was not there before."""
    before, after = jobs(1), jobs(2, "failed_total 1\n")

    target_of(before, after).mark().assert_only('{__name__=~"jobs_.*|failed_total"}')
    with pytest.raises(UnknownLabelError):
        target_of(before, after).mark().assert_only("jobs_total", 'failed_total{q="a"}')


def test_no_series_gained_nothing():
    """Where that is let pass, it is 0 in none of them."""
    mark = target_of('jobs_total{q="a"} 1\n').mark()

    gained = mark.increase("jobs_total", q="b", missing=0)

    assert (gained, gained.series) == (0, 0)


def test_a_new_series_has_moved():
    """What was not there before is not as it was."""
    with pytest.raises(AssertionError, match="failed_total"):
        target_of(jobs(1), jobs(1, "failed_total 1\n")).mark().assert_only()


def test_nan_that_stays_has_not_moved():
    """A NaN is the same as a NaN before."""
    target_of("x NaN\n").mark().assert_only()


def test_a_series_that_goes_has_moved():
    """What is gone is not as it was."""
    moves = target_of("x 1\ny 1\n", "x 1\n").mark().difference().moves()

    assert [str(move) for move in moves] == ["y  1 -> missing"]


# Failures


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_failures_are_called_by_their_public_name(kind):
    """A traceback names the module that a failure can be imported from."""
    assert kind.__module__ == "promlatest.testing"


def test_failures_travel():
    """A failure can be pickled with all that it carries, as pools and xdist do."""
    with pytest.raises(NotReachedError) as caught:
        target_of(jobs(1)).expect("jobs_total").to_reach(2, within=0)

    other = pickle.loads(pickle.dumps(caught.value))

    assert (type(other), str(other)) == (NotReachedError, str(caught.value))
    assert (other.observations, other.sections) == (
        caught.value.observations,
        caught.value.sections,
    )


# Waits


@contextmanager
def again_and_again(action):
    """Call a function every few milliseconds, while the block runs."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.02):
            action()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_missing_series_is_waited_for():
    """A wait begins before the series does."""
    outcome = target_of("# \n", "# \n", jobs(1)).expect("jobs_total").to_reach(1)

    assert [each.value for each in outcome.observations] == [None, None, 1]


def test_errors_on_the_way_are_survived_and_shown():
    """A scrape that fails is not the end of a wait, and is remembered."""
    script = [b"jobs_total 1\n", None, b"jobs_total 2\n"]

    def read() -> bytes:
        body = script.pop(0)
        if body is None:
            raise OSError("out of files")
        return body

    outcome = ScrapeTarget(read).expect("jobs_total").to_reach(2)

    seen = [each.error for each in outcome.observations]
    assert seen == ["", "the callable raised OSError: out of files", ""]


@pytest.mark.parametrize(
    ("bodies", "wait"),
    [
        ((jobs(1), jobs(2)), lambda e: e.to_equal(2)),
        ((jobs(1), jobs(3)), lambda e: e.to_reach(2)),
        (("jobs_total 3\n", "jobs_total 5\n"), lambda e: e.to_increase()),
        (("jobs_total 3\n", "jobs_total 5\n"), lambda e: e.to_increase(at_least=2)),
        (("# \n", "# \n", jobs(1)), lambda e: e.to_appear()),
        ((jobs(1), "# \n"), lambda e: e.to_disappear()),
        ((jobs(1), jobs(4)), lambda e: e.to_satisfy(lambda v: v % 2 == 0, "be even")),
        ((jobs(1),), lambda e: e.to_stay(throughout=0.03)),
        ((jobs(1),), lambda e: e.to_equal(1, already_ok=True)),
        ((jobs(1), jobs(2)), lambda e: e.to_increase_by(1, settle=0.03)),
    ],
    ids=count(),
)
def test_waits_that_succeed(bodies, wait):
    """Each wait ends well where what it waits for comes true."""
    assert wait(target_of(*bodies).expect("jobs_total")).observations


def test_a_gauge_falls():
    """A queue drains."""
    outcome = target_of("depth 3\n", "depth 1\n", "depth 0\n").expect("depth").to_fall_to(0)

    assert outcome.value == 0


def test_sums_and_counts():
    """A sum and a count are waited for as a value is."""
    one, two = 'jobs_total{q="a"} 1\n', 'jobs_total{q="a"} 2\njobs_total{q="b"} 4\n'

    assert target_of(one, two).expect_sum("jobs_total").to_equal(6).value == 6
    assert (
        target_of(one, two)
        .mark()
        .expect_sum("jobs_total")
        .to_increase_by(5, missing=0)
        .gain
        == 5
    )
    assert target_of(one, two).expect_count("jobs_total").to_equal(2).value == 2
    assert target_of(one, two).mark().expect_count("jobs_total").to_increase_by(1).gain == 1
    assert target_of(two, "# \n").expect_count("jobs_total").to_fall_to(0).value == 0


def test_what_a_wait_gained():
    """Of a count it is by how many series; of values with what they were, and are."""
    one, two = 'jobs_total{q="a"} 1\n', 'jobs_total{q="a"} 9\njobs_total{q="b"} 4\n'

    assert target_of(one, two).expect_count("jobs_total").to_equal(2).gain == 1
    gain = target_of(one, two).expect("jobs_total", q="a").to_equal(9).gain
    assert repr(gain) == "8 (1 -> 9, in 1 series)"


def test_what_came_and_is_not_as_it_was_to_be_did_appear():
    """The failure says what it was at last, and not that there was none."""
    expect = target_of("# \n", jobs(1)).expect("jobs_total")

    with pytest.raises(NotReachedError, match="it was 1 at last"):
        expect.to_equal(5, within=0.02)


def test_what_only_asks_what_is_there_cares_for_no_reset():
    """Neither how many series there are, nor whether there is one."""
    reset = 'jobs_total{q="a"} 1\njobs_total{q="b"} 1\n'
    bodies = 'jobs_total{q="a"} 5\n', reset

    assert target_of(*bodies).expect_count("jobs_total").to_equal(2).value == 2
    gone = target_of(*bodies, "idle 1\n").expect("jobs_total", q="a").to_disappear()
    assert gone.value is None


@pytest.mark.parametrize(
    "wait",
    [
        lambda e: e.to_equal(1),
        lambda e: e.to_reach(1),
        lambda e: e.to_fall_to(1),
        lambda e: e.to_appear(),
        lambda e: e.to_satisfy(lambda value: value == 1, "be 1"),
    ],
    ids=["equal", "reach", "fall", "appear", "satisfy"],
)
def test_what_held_before_the_wait_proves_nothing(wait):
    """Unless it is said that it may have."""
    with pytest.raises(AlreadyHeldError):
        wait(target_of("depth 1\n").expect("depth"))


def test_a_count_of_what_never_was_is_no_0():
    """A typo in what is counted does not pass as none."""
    with pytest.raises(NeverAppearedError, match="jobs_total"):
        target_of(jobs(1)).expect_count("job_total").to_equal(
            0, within=0.02, already_ok=True
        )


def test_a_slip_does_not_pass_as_gone():
    """What was never there has not disappeared if its name looks like a slip."""
    with pytest.raises(UnknownMetricError):
        target_of(jobs(1)).expect("jobs_totl").to_disappear(already_ok=True)

    target_of(jobs(1)).expect("refunds_total").to_disappear(already_ok=True)


def test_what_stays_must_be_there():
    """Nothing stays as it is under a wrong name."""
    with pytest.raises(UnknownMetricError):
        target_of(jobs(1)).expect("job_total").to_stay(throughout=0.02)


def test_a_gauge_that_comes_back_to_its_goal():
    """A gauge that passed its goal may still meet it."""
    assert target_of("depth 1\n", "depth 9\n", "depth 5\n").expect("depth").to_equal(5)


def test_a_gauge_that_appears_has_a_value_and_no_increase():
    """A value can be waited for where an increase would have no base."""
    assert target_of("# \n", "depth 5\n").expect("depth").to_reach(5).value == 5
    with pytest.raises(NoSeriesError, match="no value to count from"):
        target_of("# \n", "depth 5\n").mark().expect("depth").to_increase()


def test_a_failure_carries_its_data():
    """The observations, the selector and the series are there for a program, too."""
    with pytest.raises(NotReachedError) as caught:
        target_of(jobs(1)).expect("jobs_total").to_reach(2, within=0.02)

    error = caught.value
    assert error.selector == "jobs_total"
    assert {each.value for each in error.observations} == {1}
    assert list(error.sections.values()) == ["jobs_total 1"]


def test_a_report_shows_what_there_is_of_the_metric():
    """The series that do not fit, too; of a selector without a name, those that fit."""
    body = 'jobs_total{q="a"} 1\njobs_total{q="b"} 2\nidle{q="a"} 3\n'
    shown = []
    for selector in 'jobs_total{q="c"}', '{q="a"}':
        with pytest.raises((NoSeriesError, SeveralSeriesError)) as caught:
            target_of(body).value(selector)
        shown += caught.value.sections.values()

    assert shown == [
        'jobs_total{q="a"} 1\njobs_total{q="b"} 2',
        'idle{q="a"} 3\njobs_total{q="a"} 1',
    ]


@pytest.mark.parametrize(
    "call",
    [
        lambda e: e.to_reach(1, within="5"),
        lambda e: e.to_satisfy(lambda _: None),
        lambda e: e.to_increase_by(1, missing=5),
        lambda e: e.to_increase_by(0),
        lambda e: e.to_increase_by(-1),
        lambda e: e.to_increase(at_least=0),
        lambda e: e.to_reach(1, within=-1),
        lambda e: e.to_reach(1, within=float("inf")),
        lambda e: e.to_reach(1, within=float("nan")),
        lambda e: e.to_equal(1, settle=-1),
        lambda e: e.to_equal(1, settle=float("nan")),
        lambda e: e.to_stay(throughout=0),
        lambda e: e.to_stay(throughout=float("nan")),
        lambda e: e.to_satisfy(is_even_later, "be even"),
        lambda e: e.to_reach(1, on_reset="ignore"),
    ],
    ids=count(),
)
def test_waits_that_make_no_sense(call):
    """A wait that could only pass or fail is a wrong call."""
    with pytest.raises(UsageError):
        call(target_of(jobs(1)).expect("jobs_total"))


async def is_even_later(value: float) -> bool:
    return value % 2 == 0


def test_a_check_over_several_metrics():
    """A check of the test's own waits for several conditions at once."""
    bodies = ("a 1\nb 2\n", "a 2\nb 2\n", "a 2\nb 2\nc 3\n")
    target = target_of(*bodies)

    def settled(shop) -> None:
        assert shop.value("a") == shop.value("b")
        assert shop.value("c") == 3

    outcome = target.expect_that(settled).to_hold()
    assert len(outcome.observations) == 3
    assert "c" in outcome.observations[1].words


def test_a_relation_since_a_mark():
    """A check of a mark is given what has happened since."""
    mark = target_of("a 1\nb 9\n", "a 3\nb 9\n", "a 3\nb 11\n").mark()

    mark.expect_that(lambda since: since.increase("a") == since.increase("b") != 0).to_hold(
        settle=0.02
    )


@pytest.mark.parametrize(
    ("bodies", "check", "failure"),
    [
        (("a 1\n",), lambda shop: shop.value("a") == 1, AlreadyHeldError),
        (("a 1\n", "a 2\n", "a 1\n"), lambda shop: shop.value("a") == 2, FlickerError),
        (("a 1\n",), lambda shop: shop.value("a") == 2, NotReachedError),
        (("a 1\n",), lambda shop: shop.value("aa"), NotReachedError),
        (("a 1\n",), is_even_later, UsageError),
    ],
    ids=["vacuous", "flicker", "not reached", "typo", "async"],
)
def test_checks_that_do_not_hold(bodies, check, failure):
    """A check has the rules of every wait."""
    with pytest.raises(failure):
        target_of(*bodies).expect_that(check).to_hold(within=0.02, settle=0.01)


def test_what_a_check_raised_is_its_cause():
    """The failure ends at the assertion that did not hold."""
    with pytest.raises(NotReachedError, match="no metric is called b") as caught:
        target_of("a 1\n").expect_that(lambda shop: shop.value("b")).to_hold(within=0)

    assert isinstance(caught.value.__cause__, UnknownMetricError)


class SlowProgram:
    """A healthy program that answers slowly; its truth comes about at a moment."""

    def __init__(self, clock, takes: float, truth: float) -> None:
        self.clock, self.takes, self.truth = clock, takes, truth
        self.scrapes: list[float] = []

    def __call__(self) -> bytes:
        self.scrapes.append(self.clock.now)
        value = int(self.clock.now >= self.truth)
        self.clock.sleep(self.takes)
        return f"# TYPE jobs_total counter\njobs_total {value}\n".encode()


@pytest.mark.parametrize(
    ("takes", "truth"), [(2.0, 3.0), (0.3, 3.99), (3.9, 4.0), (9.0, 4.0)]
)
def test_the_truth_in_time_is_never_missed(clock, takes, truth):
    """The last scrape starts when the time is over, also where one straddles that."""
    program = SlowProgram(clock, takes, clock.now + truth)

    outcome = ScrapeTarget(program).expect("jobs_total").to_reach(1, within=4)

    assert outcome.value == 1


def test_a_clock_that_stands_still_ends_no_wait(monkeypatch):
    """Where a test has frozen time, the pauses tell how much of it went by."""
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)

    with pytest.raises(NotReachedError, match=r"within 0\.05 s"):
        target_of(jobs(1)).expect("jobs_total").to_reach(2, within=0.05)
    with pytest.raises(StaleScrapeError):
        ScrapeTarget(Store(), timeout=0.05).value("jobs_total")


def test_a_slow_target_is_not_down(clock):
    """A typo at a slow target is found, after the time and two scrapes at the latest."""
    program = SlowProgram(clock, 9.0, 0)
    began = clock.now

    with pytest.raises(NeverAppearedError, match="did you mean jobs_total"):
        ScrapeTarget(program).expect("job_total").to_reach(1, within=4)
    assert clock.now - began <= 4 + 2 * 9


def test_a_slow_target_over_http_is_not_down():
    """A scrape that takes longer than the wait has its time, and finds the typo."""
    with (
        FakeTarget(Slow(1.3, jobs(1)), jobs(1)) as fake,
        pytest.raises(NeverAppearedError, match="did you mean jobs_total"),
    ):
        ScrapeTarget(fake.url).expect("job_total").to_reach(1, within=0.1)


def test_what_stays_is_seen_at_every_scrape(clock):
    """One scrape that fails is enough: nobody knows what was there."""
    answers = chain([jobs(1), ""], repeat(jobs(1)))

    def shop() -> str:
        if answer := next(answers):
            return answer
        raise OSError("gone for a moment")

    with pytest.raises(TargetDownError, match="could not be watched"):
        ScrapeTarget(shop).expect("jobs_total").to_stay(throughout=0.5)


def make_wait(within: float) -> Wait:
    condition, terms = reach(99, None), Terms(within=within)
    return Wait("shop", selection("jobs_total"), "one", condition, terms)


def test_pauses_grow_while_nothing_moves():
    """Pauses begin short, grow, and are never longer than the longest."""
    wait = make_wait(60)
    pauses = []
    for _ in range(30):
        wait.take(reading("jobs_total 1\n"), sum(pauses))
        pauses.append(wait.pause(sum(pauses), 0.0))

    assert pauses[0] == 0.01
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST


def test_pauses_are_short_when_something_moves():
    """A program that is at work is looked at often."""
    wait = make_wait(60)
    for value in (1, 1, 1, 1, 2):
        wait.take(reading(f"jobs_total {value}\n"), 0.0)

    assert wait.pause(0.0, 0.0) == 0.01


def test_a_slow_scrape_is_rested_from():
    """At most a fifth of the time goes into scraping."""
    wait = make_wait(60)
    wait.take(reading("jobs_total 1\n"), 0.0)

    assert wait.pause(0.2, 0.2) == 0.8


def test_the_last_scrape_starts_when_the_time_is_over():
    """A pause ends with the time, and after that scrape there is none."""
    wait = make_wait(1.0)
    wait.take(reading("jobs_total 1\n"), 0.5)
    wait.take(reading("jobs_total 1\n"), 0.995)
    assert wait.pause(0.995, 0.0) == pytest.approx(0.005)

    wait.take(reading("jobs_total 1\n"), 1.0)
    assert wait.pause(1.0, 0.0) is None


def test_every_wait_ends():
    """A wait of no time at all scrapes once and says what it saw."""
    with pytest.raises(NotReachedError) as caught:
        target_of(jobs(1)).expect("jobs_total").to_reach(2, within=0)

    assert len(caught.value.observations) == 1


def test_a_counter_of_a_thread():
    """A wait sees what another thread does meanwhile, step by step."""
    registry = CollectorRegistry()
    counter = Counter("jobs", "", registry=registry)
    mark = ScrapeTarget(registry).mark()

    with later(lambda: time.sleep(0.03), counter.inc):
        outcome = mark.expect("jobs_total").to_increase_by(1)

    assert [each.value for each in outcome.observations][-1] == 1


async def test_waits_in_a_loop():
    """The loop goes on while an async wait waits."""
    registry = CollectorRegistry()
    counter = Counter("jobs", "", registry=registry)
    target = ScrapeTarget(registry).aio
    mark = await target.mark()

    async def work() -> None:
        await asyncio.sleep(0.03)
        counter.inc()

    task = asyncio.create_task(work())
    outcome = await mark.expect("jobs_total").to_increase_by(1)
    await task

    assert outcome.gain == 1
    assert await target.value("jobs_total") == 1
    assert await target.sum("jobs_total") == 1
    assert await target.count("jobs_total") == 1
    assert await mark.increase("jobs_total") == 1
    assert await mark.increase_sum("jobs_total") == 1
    await mark.assert_only("jobs_total")
    await target.assert_absent("mails_total")
    with pytest.raises(UnknownMetricError):
        await target.value("job_total")


async def test_an_async_wait_can_be_cancelled():
    """Cancelling ends the wait, and leaves the target as it was."""
    target = AsyncScrapeTarget(lambda: b"jobs_total 1\n")

    wait = target.expect("jobs_total").to_reach(2, within=60)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wait, 0.05)
    wait.close()
    assert await target.value("jobs_total") == 1


# Sources


def a_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", ["queue"], registry=registry).labels("mail").inc(3)
    Gauge("depth", "Depth.", registry=registry).set(2)
    Histogram("took", "Time.", registry=registry).observe(0.3)
    return registry


_scraping: list[tuple[threading.Event, threading.Thread]] = []


@pytest.fixture(autouse=True)
def _nothing_goes_on_afterwards():
    """A thread that goes on scraping would slow down every test after this one."""
    yield
    for ended, thread in _scraping:
        ended.set()
        thread.join()
    _scraping.clear()


def a_store() -> Store:
    """A store that is scraped into again and again while the test lasts."""
    store = Store()
    registry = a_registry()
    store.collect(registry)
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(0.005):
            store.collect(registry)

    thread = threading.Thread(target=scrape)
    thread.start()
    _scraping.append((ended, thread))
    return store


async def an_asgi_app(scope, receive, send):
    assert scope["path"] == "/metrics"
    await make_asgi_app(a_registry())(scope, receive, send)


def a_wsgi_app(environ, start_response):
    assert environ["PATH_INFO"] == "/metrics"
    return make_wsgi_app(a_registry())(environ, start_response)


SOURCES = {
    "registry": lambda _: a_registry(),
    "wsgi": lambda _: a_wsgi_app,
    "asgi": lambda _: an_asgi_app,
    "callable": lambda _: lambda: generate_latest(a_registry()),
    "file": lambda path: path,
    "text": str,
    "store": lambda _: a_store(),
}


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    path = tmp_path / "metrics.prom"
    path.write_bytes(generate_latest(a_registry()))
    return SOURCES[request.param](path)


def test_all_sources_answer_alike(source):
    """The same expectations hold over everything that can be scraped."""
    target = ScrapeTarget(source)

    assert target.value("jobs_total", queue="mail") == 3
    assert target.histogram("took").count == 1
    target.assert_absent("mails_total")
    target.mark().assert_only()
    target.expect("depth").to_equal(2, already_ok=True)
    with pytest.raises(UnknownMetricError):
        target.value("job_total")


async def test_all_sources_answer_alike_in_a_loop(source):
    """And in an event loop."""
    target = AsyncScrapeTarget(source)

    assert await target.value("jobs_total", queue="mail") == 3
    assert (await target.histogram("took")).count == 1
    mark = await target.mark()
    await mark.assert_only()
    await mark.expect("depth").to_equal(2, already_ok=True)


async def a_broken_asgi_app(scope, receive, send):
    raise RuntimeError("no database")


async def a_silent_asgi_app(scope, receive, send):
    return None


async def a_slow_asgi_app(scope, receive, send):
    await asyncio.sleep(60)


def a_broken_wsgi_app(environ, start_response):
    raise RuntimeError("no database")


def a_silent_wsgi_app(environ, start_response):
    return []


def a_refusing_wsgi_app(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"no"]


def a_web_page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<html>"]


def collected() -> None:
    raise RuntimeError("no database")


class BrokenRegistry:
    def collect(self):
        raise RuntimeError("no database")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (a_broken_asgi_app, "no database"),
        (a_silent_asgi_app, "never started a response"),
        (a_slow_asgi_app, "within 0.05 s"),
        (a_broken_wsgi_app, "no database"),
        (a_silent_wsgi_app, "start_response"),
        (a_refusing_wsgi_app, "answered 404"),
        (a_web_page, "web page"),
        (collected, "no database"),
        (BrokenRegistry(), "no database"),
        (lambda: b"jobs_total{ 1\n", "line 1"),
        (Path("/nowhere"), "No such file"),
    ],
    ids=count(),
)
def test_what_cannot_be_scraped(what, words):
    """Whatever is wrong with a target is a failure that says so."""
    target = ScrapeTarget(what, timeout=0.05 if what is a_slow_asgi_app else 5)
    with pytest.raises(TargetDownError) as caught:
        target.value("jobs_total")

    assert words in str(caught.value)
    with pytest.raises(TargetDownError):
        target.assert_absent("jobs_total")


@pytest.mark.parametrize(
    "what",
    [3, None, object(), CollectorRegistry, ScrapeTarget(lambda: b"a 1")],
    ids=["number", "None", "object", "class", "target"],
)
def test_what_is_no_target(what):
    """What can never be scraped is a wrong call."""
    with pytest.raises(UsageError):
        ScrapeTarget(what)


def test_a_store_counts_only_a_scrape_that_started_after_the_call():
    """What the store had before is no answer."""
    store = Store()
    now = int(time.time() * 1000)
    store.ingest("jobs_total 1\n", source="shop", timestamp=now - 1000)
    target = ScrapeTarget(store, source="shop")

    late = {"source": "shop", "timestamp": now - 500}  # it started before the call
    given = chain([("2", late)], repeat(("3", {"source": "shop"})))

    def scrape() -> None:
        value, options = next(given)
        store.ingest(f"jobs_total {value}\n", **options)

    with again_and_again(scrape):
        assert target.value("jobs_total") == 3


def test_an_old_commit_is_no_answer_though_the_clock_says_so(monkeypatch):
    """After a step back of the wall clock what is held is from the future, and old."""
    store = Store()
    now = int(time.time() * 1000)
    store.ingest("jobs_total 1\n", source="shop", timestamp=now)
    monkeypatch.setattr(_sources, "now_ms", lambda: now - 3_600_000)
    target = ScrapeTarget(store)

    with again_and_again(lambda: store.ingest("jobs_total 2\n", source="shop")):
        assert target.value("jobs_total") == 2


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (-2_500, "the last scrape of shop started 2.500 s before the call"),
        (0, "shop was scraped at the moment of the call"),
        (2_500, "the last scrape of shop is 2.500 s from the future"),
        (None, "shop was never scraped"),
    ],
    ids=["before", "now", "from the future", "never"],
)
def test_how_old_the_last_scrape_of_a_store_is(monkeypatch, offset, words):
    """It is said where no scrape came in time."""
    store = Store()
    now = int(time.time() * 1000)
    if offset is not None:
        store.ingest("jobs_total 1\n", source="shop", timestamp=now + offset)
    monkeypatch.setattr(_sources, "now_ms", lambda: now)

    with pytest.raises(StaleScrapeError, match=words) as caught:
        ScrapeTarget(store, source="shop", timeout=0.02).value("jobs_total")
    assert caught.value.target == "source 'shop' of the store"


def test_each_scrape_is_a_moment_of_its_own():
    """What one scrape left for the next one changes neither of them, from any thread."""
    numbers = count()
    target = ScrapeTarget(lambda: f"x {next(numbers)}\n# {next(numbers)}\n")

    with ThreadPoolExecutor(8) as pool:
        readings = list(pool.map(lambda _: target.scrape(), range(200)))

    values = sorted(reading.value("x") for reading in readings)
    assert values == [2 * n for n in range(200)]


def test_a_metric_alone_is_a_target():
    """A metric of prometheus_client collects, so it is the short way for a unit."""
    counter = Counter("jobs", "", registry=None)
    mark = ScrapeTarget(counter).mark()
    counter.inc()

    assert mark.increase("jobs_total") == 1


def test_samples_that_no_scraper_takes():
    """A doubled series fails every question, unless that is said to be meant."""
    body = "jobs_total 1\njobs_total 2\n"

    with pytest.raises(
        UntakenError, match="1 sample that no scraper takes: jobs_total stands there twice"
    ):
        target_of(body).mark()
    assert ScrapeTarget(lambda: body.encode(), untaken_ok=True).value("jobs_total") == 1
    with pytest.raises(
        UntakenError, match=r"depth is of 1700000000 ms, .* is it in seconds\?"
    ):
        target_of("depth 1 1700000000\n").mark()
    hour_ago = int((time.time() - 3600) * 1000)
    with pytest.raises(UntakenError, match=r"ms, 360[01] s before the scrape\n"):
        target_of(f"depth 1 {hour_ago}\n").mark()


def test_a_scrape_of_the_same_millisecond_is_no_answer(monkeypatch):
    """It may have started before the question, whether it was good or not."""
    store, now = Store(), 1_700_000_000_000
    monkeypatch.setattr(_sources, "now_ms", lambda: now)
    store.ingest("jobs_total 1\n", source="good", timestamp=now)
    store.ingest("jobs_total 1\n", source="bad", timestamp=now - 1)
    store.fail("bad", OSError("gone"), timestamp=now)

    for source in ("good", "bad"):
        with pytest.raises(StaleScrapeError):
            ScrapeTarget(store, source=source, timeout=0.05).value("jobs_total")


def test_a_store_whose_scrape_fails():
    """The failure of the scrape is the failure of the question."""
    store = Store()
    store.ingest("jobs_total 1\n", source="shop", timestamp=1000)
    target = ScrapeTarget(store)

    with (
        again_and_again(lambda: store.fail("shop", OSError("gone"))),
        pytest.raises(TargetDownError, match="gone"),
    ):
        target.value("jobs_total")


# Over HTTP


def test_over_http_a_fake_target_tells_its_story():
    """A wait over HTTP sees values over time, and what went wrong in between."""
    with FakeTarget({"jobs_total": 1}, Status(503), {"jobs_total": 2}) as fake:
        outcome = ScrapeTarget(fake.url).expect("jobs_total").to_reach(2)

    seen = [(each.value, bool(each.error)) for each in outcome.observations]
    assert seen == [(1, False), (None, True), (2, False)]


def test_over_http_a_reset_and_a_vanishing_series_are_seen():
    """The faults of a script are the failures of a test."""
    with FakeTarget({"jobs_total": 5}, {"jobs_total": 1}) as fake:
        with pytest.raises(ResetError):
            ScrapeTarget(fake.url).mark().increase("jobs_total")
        fake.show({"jobs_total": 5}, {"depth": 1})
        with pytest.raises(VanishedError):
            ScrapeTarget(fake.url).expect("jobs_total").to_reach(6, within=1)
        fake.show({"jobs_total": 5}, {"jobs_total": 8})
        with pytest.raises(OvershootError):
            ScrapeTarget(fake.url).expect("jobs_total").to_equal(6)
