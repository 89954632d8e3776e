"""Rules and alerts in tests: what passes, what fails, and in which words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("yaml")

from prometheus_client import CollectorRegistry, Counter, Gauge

from promlatest.exceptions import UsageError
from promlatest.testing import AlertError, RulesError, ScrapeTarget

ALERTS = """\
groups:
- name: shop
  rules:
  - alert: HighErrorRate
    expr: rate(errors_total{job="shop"}[5m]) > 0.01
    for: 5m
    labels: {severity: page}
    annotations:
      summary: "{{ $labels.path }} fails"
  - alert: SoldOut
    expr: stock < 1
"""


class Shop:
    """A program whose metrics a test moves."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.errors = Counter("errors", "Errors.", ["path"], registry=registry)
        self.stock = Gauge("stock", "Books.", registry=registry)
        self.stock.set(3)
        self.errors.labels("/buy")
        self.errors.labels("/")
        self.target = ScrapeTarget(registry)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    file = tmp_path / "alerts.yml"
    file.write_text(ALERTS)
    return file


def test_rules_match(shop: Shop, alerts: Path) -> None:
    """Rules that ask for what is exposed pass."""
    shop.target.assert_rules_match(alerts)


def test_rules_that_do_not_match(shop: Shop, alerts: Path) -> None:
    """A failure lists everything that is not there, by file and line."""
    alerts.write_text(
        ALERTS.replace("errors_total", "error_total").replace("stock <", "stocks <")
    )

    with pytest.raises(RulesError) as caught:
        shop.target.assert_rules_match(alerts)

    assert str(caught.value).splitlines() == [
        f"{shop.target.name} does not expose what its rules ask for:",
        f"  {alerts}:5: HighErrorRate: no metric is called error_total; close names: errors_total",
        f"  {alerts}:11: SoldOut: no metric is called stocks; close names: stock",
    ]


def test_optional_metrics(shop: Shop, alerts: Path) -> None:
    """What need not be there is said by patterns."""
    alerts.write_text(ALERTS.replace("errors_total", "mail_errors_total"))

    shop.target.assert_rules_match(alerts, optional=["*_errors_total"])


def test_target_labels(shop: Shop, alerts: Path) -> None:
    """Which labels scraping adds can be said."""
    with pytest.raises(RulesError, match="errors_total has no label job"):
        shop.target.assert_rules_match(alerts, target_labels=["dc"])


def test_a_warning_alone_is_no_failure(shop: Shop, alerts: Path) -> None:
    """A value that was never seen fails no test."""
    alerts.write_text(ALERTS.replace('job="shop"', 'path="/sell"'))

    shop.target.assert_rules_match(alerts)


def test_a_declared_family_may_be_silent(alerts: Path) -> None:
    """A metric with labels that has no series yet is declared, and so no failure."""
    registry = CollectorRegistry()
    Counter("errors", "Errors.", ["path"], registry=registry)
    Gauge("stock", "Books.", registry=registry)

    ScrapeTarget(registry).assert_rules_match(alerts)


def test_an_alert_is_true(shop: Shop, alerts: Path) -> None:
    """After something broke, its alert is true, and says what would follow."""
    mark = shop.target.mark()
    shop.errors.labels("/buy").inc(10)

    found = mark.alerts(alerts)

    firing = found.assert_true("HighErrorRate", path="/buy", severity="page")
    assert firing.annotations == {"summary": "/buy fails"}
    assert next(iter(found)).then == "fires after its `for` (5m)"


def test_an_alert_is_not_true(shop: Shop, alerts: Path) -> None:
    """A failure shows the expression, and what it compared."""
    mark = shop.target.mark()

    with pytest.raises(AlertError) as caught:
        mark.alerts(alerts).assert_true("SoldOut")

    assert str(caught.value).splitlines() == [
        "SoldOut is not true",
        f"  {alerts}:11: SoldOut: not true",
        "  expr: stock < 1",
        "  compared: stock 3",
    ]


def test_true_for_others(shop: Shop, alerts: Path) -> None:
    """An alert that is true for another path is no evidence for this one."""
    mark = shop.target.mark()
    shop.errors.labels("/").inc(10)

    with pytest.raises(AlertError, match=r"HighErrorRate is not true for path='/buy'"):
        mark.alerts(alerts).assert_true("HighErrorRate", path="/buy")


def test_none_is_true(shop: Shop, alerts: Path) -> None:
    """Where nothing broke, no alert is true."""
    shop.target.mark().alerts(alerts).assert_none_true()


def test_some_are_true_or_cannot_be_judged(shop: Shop, alerts: Path) -> None:
    """What cannot be judged fails, too: it is no evidence that nothing would fire."""
    alerts.write_text(ALERTS.replace("errors_total", "error_total"))
    mark = shop.target.mark()
    shop.stock.set(0)

    with pytest.raises(AlertError) as caught:
        mark.alerts(alerts).assert_none_true()

    assert str(caught.value).splitlines() == [
        f"2 alerts on {shop.target.name}: 1 true, 1 not to be judged:",
        f"  {alerts}:5: HighErrorRate: cannot be judged: no metric is called error_total;"
        " close names: errors_total",
        f"  {alerts}:11: SoldOut 0: true now; fires",
    ]


def test_an_unknown_alert(shop: Shop, alerts: Path) -> None:
    """A name that no alert has is a mistake of the test, with what comes close."""
    with pytest.raises(
        UsageError, match="no alert is called HighErorRate; there are: HighErrorRate"
    ):
        shop.target.mark().alerts(alerts).assert_true("HighErorRate")


def test_no_alerts_at_all(shop: Shop, alerts: Path) -> None:
    """Files without an alert would pass every test, and are refused."""
    alerts.write_text("groups: [{name: g, rules: [{record: a:b, expr: stock}]}]")

    with pytest.raises(UsageError, match=r"no alert stands in .*alerts\.yml"):
        shop.target.mark().alerts(alerts)


async def test_for_event_loops(shop: Shop, alerts: Path) -> None:
    """On an async target both are awaited."""
    target = shop.target.aio
    mark = await target.mark()
    shop.errors.labels("/buy").inc(10)

    await target.assert_rules_match(alerts)
    (await mark.alerts(alerts)).assert_true("HighErrorRate", path="/buy")


@pytest.mark.slow
def test_promql_is_loaded_by_the_first_question() -> None:
    """Tests that ask nothing about rules do not load PromQL."""
    code = "import sys, promlatest.testing; print('promlatest.promql' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"
