"""Our pytest plugin beside others: their fixtures are theirs, and ours work as alone.

`make plugins` runs this with pytest 8 and 9. pytest-randomly shuffles, pytest-xdist
spreads, pytest-timeout watches.
"""

import os

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection
from prometheus_client import CollectorRegistry, Counter

from promlatest.testing import ScrapeTarget


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.mark.golden_test("double.yml")
def test_the_fixture_of_pytest_golden_is_its_own(golden):
    """`golden` is pytest-golden's."""
    assert golden["input"] * 2 == golden.out["output"]


def test_golden_files_of_metrics(golden_metrics, scrape_target, registry, tmp_path):
    """Ours has a name of its own."""
    with pytest.raises(AssertionError, match="--promlatest-update"):
        golden_metrics(scrape_target(lambda: b"jobs_total 1"))


def test_a_django_application(client, scrape_target):
    """pytest-django's client acts, and its application is the target."""
    mark = scrape_target(get_wsgi_application()).mark()

    client.get("/order")

    assert mark.increase("orders_total") == 1


def test_a_django_application_closes_no_connection(django_db_blocker, scrape_target):
    """Nor does it look whether it should, which pytest-django would refuse."""
    with django_db_blocker.unblock():
        connection.ensure_connection()

    assert scrape_target(get_wsgi_application()).value("orders_total") >= 0


@pytest.mark.django_db
def test_with_a_database(client, session_scrape_target):
    """A target of the session beside a fixture of pytest-django."""
    mark = session_scrape_target(get_wsgi_application()).mark()

    client.get("/order")

    mark.expect("orders_total").to_increase_by(1)


attempts = 0


@pytest.mark.flaky(reruns=2)
def test_it_passes_when_it_is_rerun(scrape_target, registry):
    """A rerun begins anew: what an attempt before has forgotten is not held against it."""
    global attempts
    attempts += 1
    jobs = Counter("jobs", "", registry=registry)
    target = scrape_target(registry)
    mark = target.mark()
    forgotten = target.expect("jobs_total")
    jobs.inc(attempts)

    forgotten.to_stay(throughout=0.01) if attempts == 2 else None
    assert mark.increase("jobs_total") == 2


@pytest.mark.timeout(30)
@pytest.mark.promlatest(within=0.05)
def test_waits_end_before_a_timeout(scrape_target):
    """pytest-timeout has nothing to do where a wait ends by itself."""
    with pytest.raises(AssertionError, match=r"within 0\.05 s"):
        scrape_target(lambda: b"jobs_total 1").expect("jobs_total").to_reach(2)


async def test_in_a_loop(scrape_target):
    """pytest-asyncio runs the other face."""
    assert await scrape_target(lambda: b"jobs_total 1").aio.value("jobs_total") == 1


@pytest.mark.parametrize("number", range(8))
def test_spread_over_workers(scrape_target, registry, number):
    """Each test has a registry of its own, whichever worker it runs in."""
    Counter("jobs", "", ["worker"], registry=registry).labels(os.getpid()).inc(number)

    assert ScrapeTarget(registry).sum("jobs_total") == number
