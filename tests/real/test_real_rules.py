"""Rules against real programs: no false alarm, and the verdicts of a real Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from programs import Frozen, Programs, Prometheus, get, prometheus, wait_for
from prometheus_client import CollectorRegistry, generate_latest
from promql_shared import SHARED, needs

from promlatest import Labels, Matcher, Store
from promlatest.demo import Operator, OperatorCollector
from promlatest.exceptions import EvaluationError
from promlatest.promql import Vector, parse, query, walk
from promlatest.promql._tree import MatrixSelector, Subquery, VectorSelector
from promlatest.rules import TARGET_LABELS, Rule, Rules, Verdict, read_rules
from promlatest.rules._moments import Moments
from promlatest.rules._text import source_text

pytestmark = pytest.mark.real

FILES = SHARED / "promql" / "rules"


def page(url: str) -> Store:
    store = Store()
    store.ingest(*get(url))
    return store


# Looked up


def asks_for_nothing_strange(rules: Rules, store: Store) -> set[str]:
    """The rules with a finding, each of which must be a metric that is not exposed."""
    names = set(store.label_values("__name__"))
    found = rules.check(store)
    for finding in found:
        assert finding.kind == "metric", finding
    missing = {
        rule.name
        for rule in rules
        if not {
            node.metric
            for node in walk(parse(rule.expr))
            if isinstance(node, VectorSelector)
        }
        <= names
    }
    assert {finding.rule for finding in found} == missing
    return missing


@needs(FILES)
def test_etcd(programs: Programs) -> None:
    """Of the rules for etcd exactly those are found that ask for metrics which it does
    not expose, those of its API of old among them."""
    rules = read_rules(FILES / "etcd.yml")

    missing = asks_for_nothing_strange(rules, page(programs.urls["etcd"]))

    assert missing >= {rule.name for rule in rules if "etcd_http_" in rule.expr}
    assert 3 <= len(missing) < len(rules) / 2


@needs(FILES)
def test_prometheus(tmp_path: Path) -> None:
    """Prometheus' own rules ask nothing of a Prometheus that it cannot answer, but for
    what it exposes only with remote write, alertmanagers or Kubernetes."""
    rules = read_rules(FILES / "prometheus-prometheusRule.yaml")

    with prometheus(tmp_path, {}) as server:
        missing = asks_for_nothing_strange(rules, page(f"{server.url}/metrics"))

    assert len(missing) < len(rules) / 2


# Evaluated

ALERTS = """\
rate(workqueue_adds_total[5m]) > 0
increase(workqueue_retries_total[1m]) == 0
sum by (name) (increase(workqueue_adds_total[10m])) > 0
sum by (controller) (rate(controller_runtime_reconcile_errors_total[5m])) / sum by (controller) (rate(controller_runtime_reconcile_total[5m])) > 0.1
sum(rate(rest_client_requests_total{code=~"5.."}[5m])) / sum(rate(rest_client_requests_total[5m])) > 0.01
sum by (code) (rate(rest_client_requests_total[2m])) / ignoring (code) group_left sum(rate(rest_client_requests_total[2m])) > 0.2
histogram_quantile(0.99, sum by (le, name) (rate(workqueue_queue_duration_seconds_bucket[5m]))) > 1
histogram_quantile(0.5, rate(workqueue_work_duration_seconds_bucket[5m])) > 0.01
rate(workqueue_queue_duration_seconds_sum[5m]) / rate(workqueue_queue_duration_seconds_count[5m]) > 0.5
workqueue_depth > 10
max by (name) (workqueue_depth) > 5 and on (name) rate(workqueue_retries_total[5m]) > 0
workqueue_depth > 5 unless on (name) increase(workqueue_adds_total[5m]) > 0
controller_runtime_active_workers / controller_runtime_max_concurrent_reconciles >= 1
changes(workqueue_depth[5m]) > 0
resets(workqueue_adds_total[5m]) > 0
max_over_time(workqueue_depth[10m]) > 50
min_over_time(workqueue_depth[10m]) < 1
delta(workqueue_depth[5m]) > 0
delta(workqueue_depth[5m]) < 0
absent(workqueue_depth{name="nobody"})
absent(workqueue_depth)
count(controller_runtime_max_concurrent_reconciles) != 5
process_resident_memory_bytes > 1e6
process_open_fds / process_max_fds > 0.8
topk(2, workqueue_depth) > 1
up == 0
time() - process_start_time_seconds < 86400
leader_election_master_status == 1
sum(rate(controller_runtime_webhook_requests_total{code!="200"}[5m])) > 0 or vector(0) > 0
rate(workqueue_adds_total[5m]) > 100
rate(no_such_metric_total[5m]) > 0
"""


class Turns(dict[str, Any]):
    """The answers of each path in turn; the last one for ever."""

    def __getitem__(self, path: str) -> Any:
        left = super().__getitem__(path)
        return left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture(scope="module")
def pages(programs: Programs) -> dict[str, list[tuple[bytes, str]]]:
    """Two pages of each program, some time apart."""
    found = {name: [get(url)] for name, url in programs.urls.items()}
    operator, registry = Operator(seed=1), CollectorRegistry()
    registry.register(OperatorCollector(operator))
    found["operator"] = []
    for seconds in (600, 60):
        operator.advance(seconds)
        found["operator"].append((generate_latest(registry), "text/plain; version=0.0.4"))
    for name, url in programs.urls.items():
        found[name].append(get(url))
    return found


@pytest.fixture(scope="module")
def real(
    pages: dict[str, list[tuple[bytes, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus that scraped each first page once, and then the second."""
    with Frozen() as server:
        server.answers = Turns({f"/{name}": list(two) for name, two in pages.items()})
        jobs = {name: (server.address, f"/{name}") for name in pages}
        # So long a scrape may take: a page that was asked for and not stored is gone.
        home, every = tmp_path_factory.mktemp("prometheus"), "5s"
        with prometheus(home, jobs, interval=every) as running:
            wait_for("two scrapes", lambda: all(len(times(running, j)) > 1 for j in jobs))
            yield running


def times(server: Prometheus, job: str) -> list[int]:
    """When a job was scraped, in milliseconds."""
    found = server.instant(f'up{{job="{job}"}}[10m]')
    return [round(1000 * at) for at, _ in found[0]["values"]] if found else []


def judged(
    server: Prometheus, pages: dict[str, list[tuple[bytes, str]]], job: str, rules: Rules
) -> tuple[list[Verdict], Moments, int]:
    """Our verdicts on the pages of a job, by the times of Prometheus' first two scrapes."""
    moments, two = times(server, job)[:2], pages[job]
    stores = []
    for at, (body, content_type) in zip(moments, two, strict=True):
        stores.append(Store())
        stores[-1].ingest(body, content_type, timestamp=at)
    return rules.evaluate(*stores), Moments(stores, TARGET_LABELS), moments[-1]


def asked(server: Prometheus, job: str, expr: str, at: int) -> set[Labels]:
    """For which series an expression about a job is true, says Prometheus."""
    found = server.api("query", query=only(expr, job), time=f"{at / 1000}")
    if found["resultType"] == "scalar":
        return {Labels()}
    return {plain(each["metric"]) for each in found["result"]}


def only(expr: str, job: str) -> str:
    """The expression asked of one job."""
    words, at = [], 0
    for node in walk(parse(expr)):
        if isinstance(node, VectorSelector | MatrixSelector) and node.start >= at:
            selector = node.selector if isinstance(node, MatrixSelector) else node
            matchers = (*selector.matchers, Matcher("job", "=", job))
            narrowed = attrs.evolve(selector, matchers=matchers)
            new = narrowed if selector is node else attrs.evolve(node, selector=narrowed)
            words += expr[at : node.start], str(new)
            at = node.end
    return "".join([*words, expr[at:]])


def plain(labels: dict[str, str]) -> Labels:
    foreign = ("__name__", "job", "instance", "alertname")
    return Labels({name: value for name, value in labels.items() if name not in foreign})


def is_covered(rule: Rule, moments: Moments, at: int) -> bool:
    """Whether two scrapes are enough for the same verdict as with the whole range."""
    if any(isinstance(node, Subquery) for node in walk(parse(rule.expr))):
        return False
    try:
        return isinstance(query(moments, str(rule.expr), at), Vector)
    except EvaluationError:
        return False


def compare(
    server: Prometheus, pages: dict[str, list[tuple[bytes, str]]], job: str, rules: Rules
) -> int:
    """Compare all verdicts on the rules with Prometheus'; gives how many there were."""
    verdicts, moments, at = judged(server, pages, job, rules)
    compared = 0
    for verdict in verdicts:
        theirs = asked(server, job, str(verdict.rule.expr), at)
        if verdict.problem:
            assert theirs == set(), (verdict, theirs)
        elif is_covered(verdict.rule, moments, at):
            own = {plain(dict(each.labels)) for each in verdict.true}
            assert own == theirs, str(verdict.rule.expr)
            compared += 1
    return compared


def test_verdicts_on_the_operator(
    real: Prometheus, pages: dict[str, list[tuple[bytes, str]]]
) -> None:
    """Of alerts of every kind the same are true, for the same series."""
    rules = Rules(
        tuple(
            Rule(file="r.yml", name=f"A{n}", kind="alert", expr=source_text(expr))
            for n, expr in enumerate(ALERTS.splitlines())
        )
    )

    assert compare(real, pages, "operator", rules) >= 20


@needs(FILES)
@pytest.mark.parametrize("job", ["etcd", "node", "alertmanager"])
def test_verdicts_on_published_rules(
    real: Prometheus, pages: dict[str, list[tuple[bytes, str]]], job: str
) -> None:
    """Published rules are judged as Prometheus judges them, wherever two scrapes do."""
    rules = read_rules(FILES)

    compared = compare(real, pages, job, rules)

    assert compared >= (4 if job == "etcd" else 0)


# Templates

VALUES = (
    0,
    1,
    -1.5,
    0.00123,
    999,
    1234567,
    1e15,
    59.9,
    60,
    3725,
    90061,
    1435065584.128,
    "NaN",
    "+Inf",
)
TEMPLATES = {
    "value": "{{ $value }} {{ .Value }}",
    "labels": "{{ $labels.n }} {{ $labels }} {{ $labels.none }}.",
    "humanize": "{{ $value | humanize }}",
    "humanize1024": "{{ $value | humanize1024 }}",
    "percentage": "{{ $value | humanizePercentage }}",
    "duration": "{{ humanizeDuration $value }}",
    "printf": '{{ printf "%.2f|%g|%e|%5.1f|%v|%s|%q" $value $value $value $value $value $labels.n $labels.n }}',
    "texts": '{{ $labels.n | toUpper | title }} {{ "a}}b" }}  {{- ` ` -}}  x',
}  # fmt: skip


def test_templates(tmp_path: Path) -> None:
    """Annotations are rendered as Prometheus renders them."""
    body = "# TYPE v gauge\n" + "".join(
        f'v{{n="n{at}"}} {value}\n' for at, value in enumerate(VALUES)
    )
    alert = {"alert": "A", "expr": "v", "annotations": TEMPLATES}
    with Frozen() as server:
        server.answers["/v"] = (body.encode(), "text/plain; version=0.0.4")
        groups = {"groups": [{"name": "g", "rules": [alert]}]}
        with prometheus(tmp_path, {"v": (server.address, "/v")}, groups) as running:

            def annotations() -> dict[str, dict[str, str]] | None:
                alerts = running.api("alerts")["alerts"]
                found = {each["labels"]["n"]: each["annotations"] for each in alerts}
                return found if len(found) == len(VALUES) else None

            theirs = wait_for("the alerts", annotations)
    store = Store()
    store.ingest(body)
    rule = Rule(
        file="r.yml", name="A", kind="alert", expr=source_text("v"), annotations=TEMPLATES
    )
    (verdict,) = Rules((rule,)).evaluate(store)

    for each in verdict.true:
        told = dict(theirs[each.labels["n"]])
        told["labels"] = re.sub(r" (instance|job):[^ \]]*", "", told["labels"])
        assert dict(each.annotations) == told
