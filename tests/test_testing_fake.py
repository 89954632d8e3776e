"""The scripted fake target, looked at with the standard library's client."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from itertools import count

import pytest

from promlatest.exceptions import UsageError
from promlatest.exposition import parse
from promlatest.testing import (
    Answer,
    Cut,
    Drop,
    FakeTarget,
    Hang,
    OthersMovedError,
    ScrapeTarget,
    ScriptError,
    Slow,
    Status,
)

pytestmark = pytest.mark.slow


def get(fake: FakeTarget, timeout: float = 5.0):
    """Status, Content-Type and body of one scrape."""
    connection = HTTPConnection("127.0.0.1", fake.port, timeout=timeout)
    try:
        connection.request("GET", "/metrics?x=1", headers={"Accept": "text/plain"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


def values(body: bytes) -> dict[str, float]:
    return {sample.labels.series(): sample.value for sample in parse(body).samples()}


def test_each_scrape_gets_the_next_step_and_the_last_one_stays():
    """A script goes on with every scrape, and stays at its end."""
    with FakeTarget({"jobs_total": 1}, {'depth{q="a"}': 2.5}) as fake:
        seen = [values(get(fake)[2]) for _ in range(3)]

    assert seen == [{"jobs_total": 1}, {'depth{q="a"}': 2.5}, {'depth{q="a"}': 2.5}]


def test_names_that_need_quotes():
    """A series in quotes is served as one that can be read, with its type."""
    with FakeTarget({'{"jobs.done",a="1"}': 2}, types={"jobs.done": "counter"}) as fake:
        reading = ScrapeTarget(fake.url).scrape()

    assert reading.value("jobs.done", a="1") == 2
    assert reading.metadata["jobs.done"].type == "counter"


def test_types():
    """A name tells the type, and whoever knows better says so."""
    with FakeTarget({"jobs_total": 1, "x": 1, "y": 1}, types={"y": "counter"}) as fake:
        metadata = parse(get(fake)[2]).metadata

    types = {name: each.type for name, each in metadata.items()}
    assert types == {"jobs_total": "counter", "x": "gauge", "y": "counter"}


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("x 1\n", (200, "text/plain; version=0.0.4; charset=utf-8", b"x 1\n")),
        (b"\xff\n", (200, "text/plain; version=0.0.4; charset=utf-8", b"\xff\n")),
        (Status(503), (503, "text/plain; version=0.0.4; charset=utf-8", b"")),
        (Answer("<html>", "text/html", 403), (403, "text/html", b"<html>")),
        (Slow(0.01, Answer("x 1\n", "a/b")), (200, "a/b", b"x 1\n")),
    ],
    ids=["text", "bytes", "status", "answer", "slow"],
)
def test_answers(step, answer):
    """Every kind of step is served as it says."""
    with FakeTarget(step) as fake:
        assert get(fake) == answer


def test_a_hanging_target_answers_nobody_and_still_closes():
    """A client of a hanging target runs out of time; closing does not wait for it."""
    with FakeTarget(Hang()) as fake, pytest.raises(TimeoutError):
        get(fake, timeout=0.05)


def test_a_slow_target_keeps_its_client_waiting():
    """A client with less patience than the answer needs runs out of time."""
    with FakeTarget(Slow(60, {"x": 1})) as fake, pytest.raises(TimeoutError):
        get(fake, timeout=0.05)


def test_a_dropped_connection():
    """The client is sent away without a word."""
    with FakeTarget(Drop()) as fake, pytest.raises(RemoteDisconnected):
        get(fake)


@pytest.mark.parametrize("step", ["x 1\ny 2\n", {"x": 1}, Answer("x 1\ny 2\n")], ids=repr)
def test_a_cut_body(step):
    """An answer breaks off before its announced end."""
    with FakeTarget(Cut(step)) as fake, pytest.raises(IncompleteRead) as caught:
        get(fake)

    assert caught.value.partial
    assert caught.value.expected


def test_values_over_time():
    """A function gives the step by number and time."""
    with FakeTarget(lambda number, seconds: {"n": number, "old": seconds}) as fake:
        seen = [values(get(fake)[2]) for _ in range(2)]

    assert [each["n"] for each in seen] == [0, 1]
    assert seen[0]["old"] < seen[1]["old"]


def test_a_script_that_fails_is_told():
    """A script that raises answers 500, and fails whoever waits for scrapes or closes."""
    with pytest.raises(ScriptError) as caught, FakeTarget(lambda n, _: {}[n]) as fake:
        assert get(fake)[0] == 500

    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ScriptError):
        fake.wait_for_scrapes(9, within=60)


def test_only_its_path_is_a_scrape():
    """A path of another program answers 404, and is no scrape."""
    with FakeTarget({"x": 1}, path="/other") as fake:
        assert get(fake)[0] == 404
        assert fake.scrapes == []
        assert fake.url.endswith("/other")


def test_one_that_is_never_closed_ends_with_the_process():
    """A process that forgets to close a fake target ends all the same."""
    program = "from promlatest.testing import FakeTarget; fake = FakeTarget({'x': 1}); print(1 / 0)"

    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )

    assert "ZeroDivisionError" in told.stderr


def test_show_goes_on_with_other_steps():
    """A test steers its target while it runs."""
    with FakeTarget({"x": 1}) as fake:
        get(fake)
        fake.show({"x": 2}, {"x": 3})
        seen = [values(get(fake)[2])["x"] for _ in range(3)]

    assert seen == [2, 3, 3]


def test_scrapes_are_remembered():
    """What came can be asked, with its path and headers."""
    with FakeTarget({"x": 1}) as fake:
        get(fake)
        [scrape] = fake.wait_for_scrapes(1)

    assert scrape.path == "/metrics?x=1"
    assert scrape.headers["accept"] == "text/plain"
    assert scrape.step == {"x": 1}
    assert fake.scrapes == [scrape]


def test_scrapes_that_do_not_come():
    """Waiting for scrapes ends."""
    with FakeTarget({"x": 1}) as fake, pytest.raises(AssertionError, match="got 0"):
        fake.wait_for_scrapes(1, within=0.01)


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (3,),
        ({"x": 1}, None),
        ({'{a="b"}': 1},),
        ({"x{": 1},),
        ({'x{a!="b"}': 1},),
        ({"x": "1"},),
        (lambda number, seconds: {"x": 1}, {"x": 2}),
        (Status("503"),),
        (Status(700),),
        (Answer("x 1", status=0),),
        (Slow(-1, {"x": 1}),),
        (Slow(1, [1]),),
        (Cut({"x": 1}, at=2),),
        (Cut(Status(503)),),
    ],
    ids=count(),
)
def test_scripts_that_cannot_be_served(steps):
    """A step that nothing can be served of is a wrong call."""
    with pytest.raises(UsageError):
        FakeTarget(*steps)


@pytest.mark.parametrize("options", [{"types": {"x": "countr"}}, {"path": "metrics"}])
def test_options_that_cannot_be_served(options):
    """A type is one of the format's, and a path begins with its slash."""
    with pytest.raises(UsageError):
        FakeTarget({"x": 1}, **options)


def test_one_that_is_closed_says_so():
    """Nothing comes any more, so nothing is waited for."""
    fake = FakeTarget({"x": 1})
    fake.close()

    with pytest.raises(AssertionError, match="got 0, and it is closed"):
        fake.wait_for_scrapes(1, within=60)
    with pytest.raises(UsageError, match="is closed"):
        fake.show({"x": 2})


def test_closing_wakes_who_waits():
    """Whoever waits for scrapes in another thread is told."""
    fake = FakeTarget({"x": 1})
    closing = threading.Timer(0.05, fake.close)
    closing.start()

    with pytest.raises(AssertionError, match="it is closed"):
        fake.wait_for_scrapes(1, within=60)
    closing.join()


def test_a_program_that_counts_its_own_scrapes_is_told_of():
    """Over HTTP they are known by the path that is scraped."""
    requests = 'requests_total{path="/metrics"}'
    with FakeTarget(*({requests: n} for n in range(1, 9))) as fake:
        mark = ScrapeTarget(fake.url).mark()
        with pytest.raises(
            OthersMovedError, match="the scrapes themselves are counted by req"
        ):
            mark.assert_only()
