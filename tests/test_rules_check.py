"""What rules ask for and cannot get: each kind of finding, and what is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from textwrap import dedent

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from promql_shared import SHARED, needs

from promlatest import Store
from promlatest.demo import Operator, OperatorCollector
from promlatest.exceptions import UsageError
from promlatest.rules import Finding, Rule, Rules
from promlatest.rules._text import source_text
from promlatest.rules._variables import filled_in

EXPRESSIONS = SHARED / "promql" / "expressions.jsonl"

PAGE = """\
# TYPE orders_total counter
orders_total{route="/buy",code="200"} 9
orders_total{route="/buy",code="404"} 1
orders_total{route="/",code="200"} 9
# TYPE order_seconds histogram
order_seconds_bucket{route="/buy",le="0.5"} 5
order_seconds_bucket{route="/buy",le="2.0"} 9
order_seconds_bucket{route="/buy",le="+Inf"} 9
order_seconds_sum{route="/buy"} 7
order_seconds_count{route="/buy"} 9
# TYPE stock gauge
stock{book="dune"} 3
# TYPE gc_seconds summary
gc_seconds{quantile="0.5"} 1
gc_seconds_sum 2
gc_seconds_count 2
untyped_things 5
# TYPE torn histogram
torn_bucket{le="1.0"} 5
torn_sum 7
torn_count 9
# TYPE odd gauge
odd{le="low"} 1
# TYPE held gauge
held{job="inner",route="/"} 1
"""


def rule(expr: str, **more: object) -> Rule:
    text = filled_in(source_text(expr))
    return Rule(**{"file": "r.yml", "name": "R", "kind": "alert", "expr": text, **more})  # type: ignore[arg-type]


def check(expr: str, *others: Rule, **options: object) -> list[Finding]:
    store = Store()
    store.ingest(PAGE)
    return Rules((rule(expr), *others)).check(store, **options)  # type: ignore[arg-type]


def said(expr: str, *others: Rule, **options: object) -> list[str]:
    return [str(finding) for finding in check(expr, *others, **options)]


def kinds(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.kind, finding.severity) for finding in findings]


@pytest.mark.parametrize(
    ("expr", "what"),
    [
        ("order_total", "no metric is called order_total; close names: orders_total"),
        ("order_seconds", "no metric is called order_seconds; close names: order_seconds_sum, order_seconds_count, order_seconds_bucket"),
        ("zzz", "no metric is called zzz"),
        ('{__name__=~"order.*_x"}', 'no metric has __name__=~"order.*_x"'),
        ("${p}_requests_total", "no metric is called *_requests_total"),
        ("absent(order_total)", "no metric is called order_total; close names: orders_total"),
        ("rate(order_total[5m]) or vector(0)", "no metric is called order_total; close names: orders_total"),
        ("stock > 5 or order_total > 5", "no metric is called order_total; close names: orders_total"),
        ('orders_total{path="/"}', "orders_total has no label path; it has code, route"),
        ('orders_total{rout="/"}', "orders_total has no label rout; it has code, route; close names: route"),
        ('orders_total{path!="/"}', "orders_total has no label path; it has code, route"),
        ("sum by (path) (orders_total)", "orders_total has no label path; it has code, route"),
        ("sum by (code) (sum by (route) (orders_total))", "orders_total has no label code; it has route"),
        ("stock * on (book) group_left (path) held", "held has no label book; it has job, route"),
        ("held * on (job) group_left (path) stock", "stock has no label path; it has book"),
        ("untyped_things * on (route) held", "untyped_things has no label route; it has none"),
        ('order_seconds_bucket{le="1"}', 'order_seconds_bucket has no le="1"; it has 0.5, 2.0, +Inf'),
        ('order_seconds_bucket{le=~"0.1|1"}', 'order_seconds_bucket has no le=~"0.1|1"; it has 0.5, 2.0, +Inf'),
        ('gc_seconds{quantile="0.99"}', 'gc_seconds has no quantile="0.99"; it has 0.5'),
        ("histogram_quantile(0.5, rate(torn_bucket[5m]))", 'torn_bucket has no le="+Inf", and its quantiles are NaN'),
        ("histogram_quantile(0.9, sum by (le) (rate(order_seconds_bucket[5m]))) > 2", "a quantile of order_seconds_bucket is at most 2, its highest bucket, and so never > 2"),
        ("rate(stock[5m])", "rate() of stock, which is a gauge: it goes up and down, and each fall would count as a restart; delta() and deriv() are for such"),
        ("increase((stock)[5m:1m])", "increase() of stock, which is a gauge: it goes up and down, and each fall would count as a restart; delta() and deriv() are for such"),
        ("irate(gc_seconds[5m])", "irate() of gc_seconds, which is a quantile: it goes up and down, and each fall would count as a restart; delta() and deriv() are for such"),
        ("rate(sum(orders_total)[5m:])", "rate() of sum() is the wrong way round: a counter that begins anew is lost in the sum; write sum(rate(…))"),
        ("rate(sum(orders_total))", "expected a range vector in the call of 'rate', got an instant vector; the rate comes first: sum(rate(x[5m])), not rate(sum(x))"),
        ("histogram_quantile(0.9, sum by (route) (rate(order_seconds_bucket[5m])))", "histogram_quantile() needs the label le, and what it is given has route"),
        ("histogram_quantile(0.9, rate(order_seconds_sum[5m]))", "histogram_quantile() needs the label le, and what it is given has route"),
        ("sum by (route) (orders_total) / order_seconds_count > orders_total", "no two series meet: orders_total has code on each of its series, and orders_total and order_seconds_count on none; say which labels are to be equal by on (…), or not by ignoring (…)"),
        ("rate(order_seconds_bucket[5m]) / rate(order_seconds_count[5m])", "no two series meet: order_seconds_bucket has le on each of its series, and order_seconds_count on none; say which labels are to be equal by on (…), or not by ignoring (…)"),
        ("orders_total > 100", "orders_total is a counter, compared with 100 without rate() or increase(): it gets there in time, and stays so"),
        ("5 < sum by (code) (order_seconds_count)", "order_seconds_count is a counter, compared with 5 without rate() or increase(): it gets there in time, and stays so"),
        ("orders_total * 60 >= (5 * 60)", "orders_total is a counter, compared with 5 * 60 without rate() or increase(): it gets there in time, and stays so"),
        ("orders_total{", "expected a label name or '}', got the end"),
    ],
)  # fmt: skip
def test_failures(expr: str, what: str) -> None:
    """What can never give what it is meant to give is a failure, with what comes close."""
    assert f"r.yml:1: R: {what}" in said(expr)
    assert all(finding.severity == "failure" for finding in check(expr))


@pytest.mark.parametrize(
    ("expr", "what"),
    [
        ('orders_total{code=~"5.."}', 'no series of orders_total has code=~"5.." now (seen: 200, 404)'),
        ('orders_total{route="/by"}', 'no series of orders_total has route="/by" now; close names: /buy'),
        ('orders_total{route!~".+"}', 'no series of orders_total has route!~".+" now (seen: /, /buy)'),
        ('orders_total{route="/",code="404"}', 'no series of orders_total has all of {route="/",code="404"} now'),
        ('order_seconds_bucket{le="2"}', 'order_seconds_bucket has le="2.0", which le="2" misses since Prometheus 3 spells bounds in one way'),
        ("delta(orders_total[5m])", "delta() of orders_total, which is a counter: each restart makes it fall; increase() and rate() are for counters"),
        ("histogram_count(orders_total)", "'histogram_count' is not supported: it is for native histograms, which promlatest does not keep"),
        ("limitk(2, orders_total)", "'limitk' is not supported: Prometheus has it behind a feature flag only"),
        ("sum without (path) (orders_total)", "orders_total has no label path; it has code, route"),
        ("orders_total > 0", "orders_total is a counter, compared with 0 without rate() or increase(): it changes with the first count, and stays so"),
    ],
)  # fmt: skip
def test_warnings(expr: str, what: str) -> None:
    """What gives nothing now, and may give something another day, is a warning."""
    assert said(expr) == [f"r.yml:1: R: warning: {what}"]


@pytest.mark.parametrize(
    "expr",
    [
        'rate(orders_total{code="200",job="shop",instance=~"x.*",namespace!="y"}[5m]) > 1',
        "sum by (job, pod, code) (rate(orders_total[5m]))",
        "up == 0 or scrape_samples_scraped > 1000",
        'ALERTS{alertname="x",alertstate="firing",severity="page"}',
        'orders_total{path=""}',
        'orders_total{path=~"|/x"}',
        "rate(orders_total[5m]) or rate(old_orders_total[5m])",
        "rate(old_orders_total[5m]) or rate(orders_total[5m])",
        "max_over_time(rate(orders_total[5m])[1h:])",
        "rate(untyped_things[5m])",
        "delta(stock[5m]) < 0",
        "count(orders_total) > 3",
        "order_seconds_sum / order_seconds_count > 1",
        "sum by (route) (orders_total) - order_seconds_count > 10",
        "orders_total - ignoring (code) group_left () order_seconds_count > 10",
        "rate(order_seconds_bucket{le=\"0.5\"}[5m]) / ignoring (le) rate(order_seconds_count[5m])",
        "stock unless held",
        "up and stock",
        "changes(orders_total[5m]) > 2",
        "histogram_quantile(0.9, sum by (le, route) (rate(order_seconds_bucket[5m]))) > 1",
        "histogram_quantile(0.9, sum without (route) (rate(order_seconds_bucket[5m]))) > 1.9",
        'sum by (new) (label_replace(stock, "new", "$1", "book", "(.*)"))',
        'sum by (v) (count_values("v", stock))',
        "stock * on (book) group_left (title) shelf:stock",
        "stock and on (book) shelf:stock",
        "rate(shelf:stock[5m])",
        "shelf:stock > 100",
        'held{exported_job="inner",job="prom"}',
        "$metric > 5",
        "sum by ($by) (rate(orders_total{route=~\"$route\"}[$__rate_interval]))",
        'topk(5, {__name__=~"order.*"})',
        "time() - stock > 5 and absent(stock{book=\"dune\"})",
        "rate(order_seconds_bucket{le=\"2.0\"}[5m])",
        "topk(3, sum by (route) (orders_total))",
        "histogram_quantile(0.9, sum by (le) (odd)) > 5",
    ],
)  # fmt: skip
def test_no_false_alarm(expr: str) -> None:
    """What exists, what scraping adds, what rules record and what varies is no finding."""
    recorded = rule("sum by (book, title) (stock)", name="shelf:stock", kind="record")

    assert [line for line in said(expr, recorded) if "R: " in line] == []


def test_optional_metrics() -> None:
    """A metric that fits a pattern of `optional` need not be there; its labels must fit."""
    assert said("rate(mail_errors_total[5m])", optional=["*_errors_total"]) == []
    assert said("rate(mail_seconds_bucket[5m])", optional=["mail_seconds"]) == []
    assert kinds(check('orders_total{path="/"}', optional=["orders_*"])) == [
        ("label", "failure")
    ]


def test_target_labels() -> None:
    """Which labels scraping adds can be said; then the others must be the process' own."""
    assert kinds(check('orders_total{job="shop"}', target_labels=["dc"])) == [
        ("label", "failure")
    ]
    assert said('orders_total{dc="a"}', target_labels=["dc"]) == []


@pytest.mark.parametrize("name", ["optional", "target_labels"])
def test_one_text_is_no_list(name: str) -> None:
    """One text where a list is due would mean its letters, and is refused."""
    with pytest.raises(UsageError, match=f"a list of texts for {name}, not one text"):
        check("stock", **{name: "abc"})


def test_declared_without_series() -> None:
    """A family that is declared and has no series yet is a warning: it may get some."""
    store = Store()
    store.ingest("# TYPE errors_total counter\n" + PAGE)

    found = Rules((rule('rate(errors_total{a="b"}[5m])'),)).check(store)

    assert [str(each) for each in found] == [
        "r.yml:1: R: warning: errors_total is declared as a counter, and no series of it is there yet"
    ]


def test_when_a_counter_was_made_is_no_count() -> None:
    """`_created` of a counter is a time, and compared with what one likes."""
    store = Store()
    store.ingest(
        "# TYPE jobs counter\njobs_total 1\njobs_created 1.7e9\n# EOF\n",
        "application/openmetrics-text; version=1.0.0",
    )

    for expr in (
        "jobs_created > 300",
        "time() - jobs_created > 300",
        "time() - jobs_total > 5",
    ):
        assert Rules((rule(expr),)).check(store) == []
    assert kinds(Rules((rule("5 * jobs_total > 300"),)).check(store)) == [
        ("use", "failure")
    ]


def test_each_finding_has_its_line() -> None:
    """In an expression of several lines each finding stands at its own."""
    expr = "# why\nsum by (rout) (\n  rate(order_total[5m])\n)\n/ on (code)\n  sum by (code) (rate(orders_total{cod='1'}[5m]))"

    assert [(each.line, each.kind) for each in check(expr)] == [(3, "metric"), (6, "label")]
    assert check("a\n+\n  b >> c")[0].line == 3


def test_one_thing_is_said_once() -> None:
    """A metric that a rule names three times is one finding, where it stands first."""
    assert [each.line for each in check("zzz\n/\nzzz\n>\nzzz")] == [1]


def test_templates_of_annotations() -> None:
    """A label that an annotation shows, and no series has, is a warning."""
    annotations = {
        "summary": "{{ $labels.route }} {{ $labels.path }} {{ $labels.job }} {{ $labels.severity }}"
    }
    store = Store()
    store.ingest(PAGE)

    found = Rules(
        (rule("sum by (route) (rate(orders_total[5m])) > 1", annotations=annotations),)
    ).check(store)

    assert [(each.kind, each.severity, each.what) for each in found] == [
        (
            "template",
            "warning",
            f"summary shows $labels.{name}, and what the alert gives has no such label",
        )
        for name in ("path", "severity")
    ]


def test_long_chains_are_no_recursion() -> None:
    """A chain as long as the parser takes is checked without a stack of its length."""
    assert said(" + ".join(["stock"] * 300)) == []


# The demo: four ways to break it, each found where it is asked for


RULES = dedent("""\
    groups:
    - name: operator
      rules:
      - alert: Retries
        expr: |
          sum by (name) (
            rate(workqueue_retries_total[5m])
          ) > 1
      - alert: Errors
        expr: rate(controller_runtime_reconcile_errors_total{controller="pods"}[5m]) > 1
      - alert: SlowWork
        expr: >
          rate(workqueue_work_duration_seconds_count[5m])
          - ignoring (le)
          rate(workqueue_work_duration_seconds_bucket{le="10.0"}[5m]) > 0.1
      - alert: TooSlow
        expr: |
          histogram_quantile(0.99, sum by (le) (
            rate(workqueue_work_duration_seconds_bucket[5m]))) > 100
    """)


@pytest.fixture(scope="module")
def page() -> str:
    operator = Operator(seed=1)
    operator.advance(600)
    registry = CollectorRegistry()
    registry.register(OperatorCollector(operator))
    return generate_latest(registry).decode()


@pytest.fixture
def found(
    page: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], list[Finding]]:
    pytest.importorskip("yaml")
    from promlatest.rules import read_rules

    file = tmp_path_factory.mktemp("rules") / "alerts.yml"
    file.write_text(RULES)

    def broken(pattern: str, by: str) -> list[Finding]:
        changed = re.sub(pattern, by, page, flags=re.MULTILINE)
        assert changed != page or not pattern
        store = Store()
        store.ingest(changed)
        return read_rules(file).check(store)

    return broken


def test_the_demo_is_whole(found: Callable[[str, str], list[Finding]]) -> None:
    """Its own rules ask the demo for nothing that it does not expose."""
    assert found("", "") == []


@pytest.mark.parametrize(
    ("pattern", "by", "line", "rule", "what"),
    [
        pytest.param("workqueue_retries_total", "workqueue_retry_total", 7, "Retries",
                     "no metric is called workqueue_retries_total", id="a metric renamed"),
        pytest.param(r"^(controller_runtime_reconcile_errors_total\{)controller=", r"\1ctrl=", 10, "Errors",
                     "controller_runtime_reconcile_errors_total has no label controller; it has ctrl", id="a label renamed"),
        pytest.param("^# TYPE workqueue_retries_total counter", "# TYPE workqueue_retries_total gauge", 7, "Retries",
                     "rate() of workqueue_retries_total, which is a gauge", id="a type changed"),
        pytest.param(r"^workqueue_work_duration_seconds_bucket\{.*le=\"10(\.0)?\".*\n", "", 15, "SlowWork",
                     'workqueue_work_duration_seconds_bucket has no le="10.0"', id="a bucket dropped"),
        pytest.param(r"^workqueue_work_duration_seconds_bucket\{.*le=\"1000(\.0)?\".*\n", "", 18, "TooSlow",
                     "a quantile of workqueue_work_duration_seconds_bucket is at most 100", id="the highest bucket dropped"),
    ],
)  # fmt: skip
def test_the_demo_broken(
    found: Callable[[str, str], list[Finding]],
    pattern: str,
    by: str,
    line: int,
    rule: str,
    what: str,
) -> None:
    """Each of these is found at its file and line, and nothing else is."""
    (finding,) = found(pattern, by)

    assert (finding.line, finding.rule) == (line, rule)
    assert finding.what.startswith(what)
    assert finding.file.endswith("alerts.yml")


@needs(EXPRESSIONS)
def test_published_expressions() -> None:
    """Of 850 published expressions each is looked up, and nothing is said of the demo's
    own metrics but what is wrong."""
    operator, registry = Operator(seed=1), CollectorRegistry()
    operator.advance(600)
    registry.register(OperatorCollector(operator))
    store = Store()
    store.ingest(generate_latest(registry))
    lines = EXPRESSIONS.read_text().splitlines()
    rules = Rules(
        tuple(rule(json.loads(line), name=str(n)) for n, line in enumerate(lines))
    )

    found = rules.check(store)

    names = set(store.label_values("__name__"))
    assert len(rules) == 850
    assert {finding.kind for finding in found} <= {"metric", "label", "value", "use"}
    # One of kube-prometheus' own: its panels of the queues' depth do so.
    uses = {finding.what for finding in found if finding.kind == "use"}
    assert all(
        what.startswith("rate() of workqueue_depth, which is a gauge") for what in uses
    )
    assert not {finding.about for finding in found if finding.kind == "metric"} & names
