"""`promlatest.testing` as a user types it; mypy reads this, and nobody runs it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from prometheus_client import CollectorRegistry, make_asgi_app, make_wsgi_app

from promlatest import Histogram, Matcher, Store
from promlatest.rules import Finding, Firing, Rules, Verdict, read_rules
from promlatest.testing import (
    Alerts,
    Answer,
    AsyncMark,
    AsyncScrapeTarget,
    Contract,
    Cut,
    Difference,
    Drop,
    ExpectationError,
    FakeTarget,
    GoldenRules,
    Hang,
    Increase,
    Mark,
    Outcome,
    Reading,
    ScrapeTarget,
    Slow,
    Status,
    assert_contract,
    assert_golden,
    contract_of,
)


def sources(registry: CollectorRegistry, store: Store) -> list[ScrapeTarget]:
    return [
        ScrapeTarget(":8000", within=5, timeout=2.5),
        ScrapeTarget(registry),
        ScrapeTarget(store, source="shop"),
        ScrapeTarget(make_wsgi_app(registry), path="/metrics"),
        ScrapeTarget(make_asgi_app(registry)),
        ScrapeTarget(Path("metrics.prom")),
        ScrapeTarget(lambda: b"up 1\n"),
        ScrapeTarget.process(["python", Path("shop.py"), "{port}"], ready=3),
    ]


def values(target: ScrapeTarget) -> None:
    assert_type(target.value("up"), float)
    assert_type(target.sum("jobs_total", Matcher("q", "!=", "a"), queue={"a", "b"}), float)
    assert_type(target.count('jobs_total{queue="a"}', name=None), int)
    assert_type(target.histogram("took"), Histogram)
    assert_type(target.scrape(), Reading)
    target.assert_absent("jobs_total", queue="c", unknown_ok=True)


def marks(target: ScrapeTarget) -> None:
    mark = assert_type(target.mark(on_reset="rebaseline"), Mark)
    assert_type(mark.increase("jobs_total"), Increase)
    assert_type(mark.histogram("took"), Histogram)
    assert_type(mark.difference(), Difference)
    mark.assert_only("jobs_total", ignore=["process_*"])
    assert_type(mark.expect("jobs_total").to_increase_by(1, within=5, settle=0.2), Outcome)


def waits(target: ScrapeTarget) -> None:
    assert_type(target.expect("depth").to_fall_to(0), Outcome)
    assert_type(target.expect_sum("jobs_total").to_reach(3), Outcome)
    assert_type(target.expect_count("jobs_total").to_equal(2, already_ok=True), Outcome)
    target.expect("depth").to_satisfy(lambda value: value % 2 == 0, "be even")


async def in_a_loop(target: ScrapeTarget) -> None:
    aio = assert_type(target.aio, AsyncScrapeTarget)
    mark = assert_type(await aio.mark(), AsyncMark)
    assert_type(await aio.value("up"), float)
    assert_type(await mark.increase("jobs_total"), Increase)
    assert_type(await mark.expect("jobs_total").to_increase(at_least=1), Outcome)


def fakes() -> FakeTarget:
    steps = {"jobs_total": 1.0}
    fake = FakeTarget(steps, "x 1\n", b"x 2\n", Status(503), Slow(1, steps), Hang(), Drop())
    fake.show(Cut(Answer("x 1\n", "text/plain", 200)))
    return FakeTarget(lambda number, seconds: {"x": number * seconds})


def files(reading: Reading) -> None:
    assert_golden(reading, "shop.prom", GoldenRules(labels=("pod",)), update=False)
    assert_contract(reading, Path("shop.contract"))
    assert_type(contract_of(reading, optional=["*_errors_total"]), Contract)


def rules(target: ScrapeTarget, before: Store, after: Store) -> None:
    target.assert_rules_match("alerts.yml", Path("dashboards"), optional=["*_errors_total"])
    alerts = assert_type(target.mark().alerts("alerts.yml"), Alerts)
    assert_type(alerts.assert_true("HighErrorRate", path="/buy"), Firing)
    alerts.assert_none_true()
    read = assert_type(read_rules("alerts.yml", Path("dashboards")), Rules)
    assert_type(read.check(after, optional=["*_errors_total"]), list[Finding])
    assert_type(read.evaluate(before, after), list[Verdict])


def failures(error: ExpectationError) -> str:
    return f"{error.target} {error.selector} {error.observations[0].at} {error.sections}"
