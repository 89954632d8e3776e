"""The mailer, tested in the process of the tests: counters are global, tests are parallel.

    pytest -n 4 examples/test_mailer.py

Nothing is reset. Each test has marks of its own, and a queue of its own to look at, so
tests disturb each other neither in one process nor in several.
"""

import pytest
from mailer import Mailer
from prometheus_client import REGISTRY


@pytest.fixture
def metrics_of(scrape_target):
    return scrape_target(REGISTRY)


@pytest.fixture
def mailer(request):
    mailer = Mailer(request.node.name)
    yield mailer
    mailer.close()


@pytest.mark.parametrize("number", range(8))
def test_every_letter_is_sent_once(metrics_of, mailer, number):
    mark = metrics_of.mark()

    for _ in range(number + 1):
        mailer.send("ann@example.org")

    sent = mark.expect("mailer_jobs_total", queue=mailer.name, outcome="sent")
    sent.to_increase_by(number + 1, within=5, settle=0.1)


def test_a_letter_without_an_address_is_refused(metrics_of, mailer):
    mark = metrics_of.mark()

    mailer.send("ann")

    mark.expect("mailer_jobs_total", queue=mailer.name, outcome="refused").to_appear()
    metrics_of.assert_absent("mailer_jobs_total", queue=mailer.name, outcome="sent")


def test_the_queue_drains(metrics_of, mailer):
    mark = metrics_of.mark()

    for _ in range(10):
        mailer.send("ann@example.org")

    waiting = mark.expect("mailer_waiting", queue=mailer.name)
    waiting.to_equal(0, within=5, settle=0.1)


def test_two_marks_count_from_where_they_were_made(metrics_of, mailer):
    first = metrics_of.mark()
    mailer.send("ann@example.org")
    first.expect("mailer_jobs_total", queue=mailer.name).to_increase_by(1)
    second = metrics_of.mark()
    mailer.send("bob@example.org")
    second.expect("mailer_jobs_total", queue=mailer.name).to_increase_by(1)

    assert first.increase("mailer_jobs_total", queue=mailer.name) == 2
