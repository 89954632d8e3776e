"""`promlatest serve` before the programs that ask a Prometheus: promtool, client_golang,
prometheus-api-client, Grafana's calls, a Prometheus that federates, and a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from programs import Frozen, Programs, configured, get, wait_for

from promlatest.exposition import parse

pytestmark = pytest.mark.real

HERE = Path(__file__).parent

RULES = """\
groups:
- name: shop
  rules:
  - {alert: Down, expr: up == 0, for: 5m, labels: {severity: page}}
  - {alert: Many, expr: 'depth > 3', annotations: {summary: 'many'}}
  - {alert: Never, expr: depth > 1e30}
  - {record: 'job:depth:sum', expr: sum by (job) (depth)}
"""

PAGE = b"""\
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200"} 5
requests_total{code="500",path="/a\\\\b\\"c\\n\xc3\xa4"} 1e-09
# TYPE lat_seconds histogram
lat_seconds_bucket{le="0.1"} 1
lat_seconds_bucket{le="1.0"} 3
lat_seconds_bucket{le="+Inf"} 4
lat_seconds_sum 2.5
lat_seconds_count 4
# TYPE depth gauge
depth{queue="a"} 3
depth{queue="b"} 7e21
depth{queue="nan"} NaN
depth{queue="inf"} -Inf
"""


@contextmanager
def serving(*words: str) -> Iterator[str]:
    """`promlatest serve` on a free port."""
    command = [sys.executable, "-m", "promlatest", "serve", "--port", "0", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of one page that stands still, and of a target that is down."""
    rules = tmp_path_factory.mktemp("rules") / "rules.yml"
    rules.write_text(RULES)
    with Frozen() as frozen:
        frozen.answers["/metrics"] = (PAGE, "text/plain; version=0.0.4")
        # What is asked a moment later about now is asked about the same scrape.
        words = (frozen.address, "127.0.0.1:1", "--interval", "60", "--rules", str(rules))
        with serving(*words) as url:
            wait_for(
                "two scrapes",
                lambda: {"up", "down"} == {each["health"] for each in targets(url)},
            )
            yield url


def api(url: str, path: str, **params: Any) -> Any:
    query = urlencode(params, doseq=True)
    answer = json.loads(get(f"{url}/api/v1/{path}?{query}")[0])
    assert answer["status"] == "success", answer
    return answer["data"]


def targets(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api(url, "targets")["activeTargets"]
    return found


# promtool


def promtool(*words: str) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_promtool_instant(served: str) -> None:
    """`promtool query instant` decodes a vector, a number and a text."""
    found = promtool("query", "instant", served, 'depth{queue="a"}')

    assert re.search(r'depth\{.*queue="a"\} => 3 @\[', found)
    assert "scalar: 2" in promtool("query", "instant", served, "1 + 1")


def test_promtool_range(served: str) -> None:
    """`promtool query range` decodes a matrix."""
    now = time.time()
    span = [f"--start={now - 1:.0f}", f"--end={now + 2:.0f}", "--step=1s"]

    assert 'queue="a"} =>\n3 @[' in promtool(
        "query", "range", *span, served, 'depth{queue="a"}'
    )


def test_promtool_series_and_labels(served: str) -> None:
    """`promtool query series` and `labels` decode lists."""
    found = promtool("query", "series", "--match=requests_total", served)

    assert found.count("requests_total") == 2
    assert promtool("query", "labels", served, "queue").split() == ["a", "b", "inf", "nan"]


def test_promtool_check_metrics(served: str) -> None:
    """`promtool check metrics` reads /metrics and /federate."""
    for path in ("/metrics", "/federate?match[]=depth"):
        body, _ = get(served + path)
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=body, capture_output=True
        )
        assert done.returncode in (0, 3), done.stderr  # 3: a style that it does not like
        assert b"error while linting" not in done.stderr


# client_golang


@pytest.fixture(scope="module")
def decoded(served: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What client_golang made of every endpoint."""
    if shutil.which("go") is None:
        pytest.fail("go is not installed: make real installs it")
    program = tmp_path_factory.mktemp("go") / "client"
    told = {
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOFLAGS": "-buildvcs=false",
    }
    command = ["go", "build", "-o", str(program), "client_golang.go"]
    subprocess.run(command, cwd=HERE, env={**os.environ, **told}, check=True)
    done = subprocess.run([program, served], capture_output=True, timeout=60, check=True)
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


REFUSED = {
    "query broken": 'bad_data: invalid parameter "query"',
    "query string": 'unexpected value type "string"',  # of no server does it take one
    "clean_tombstones": "server_error",
    "delete_series": "server_error",
    "snapshot": "server_error",
}


def test_client_golang_decodes_every_endpoint(decoded: dict[str, Any]) -> None:
    """No call fails but those that must, and these with Prometheus' kind of error."""
    failed = {name: each["error"] for name, each in decoded.items() if each.get("error")}

    assert failed.keys() == REFUSED.keys()
    for name, words in REFUSED.items():
        assert words in failed[name]


def test_client_golang_values(decoded: dict[str, Any]) -> None:
    """What it decoded is what was served."""
    vector = decoded["query vector"]
    assert vector["type"] == "model.Vector"
    assert sorted(each["value"][1] for each in vector["value"]) == ["0", "1"]
    assert decoded["query scalar"]["value"][1] == "2"
    assert decoded["query odd"]["value"][1] == "+Inf"
    assert decoded["query matrix"]["type"] == "model.Matrix"
    assert decoded["query_range"]["type"] == "model.Matrix"
    assert decoded["metadata"]["value"]["requests_total"][0] == {
        "type": "counter",
        "help": "Requests.",
        "unit": "",
    }
    health = {each["health"] for each in decoded["targets"]["value"]["activeTargets"]}
    assert health == {"up", "down"}
    assert decoded["label values"]["value"] == ["promlatest"]


def test_client_golang_rules(decoded: dict[str, Any]) -> None:
    """Rules and alerts are those of the file, with their states now."""
    (group,) = decoded["rules"]["value"]["groups"]
    states = {each["name"]: each.get("state") for each in group["rules"]}
    assert states == {
        "Down": "pending",
        "Many": "firing",
        "Never": "inactive",
        "job:depth:sum": None,
    }
    alerts = decoded["alerts"]["value"]["alerts"]
    many = next(each for each in alerts if each["Labels"]["alertname"] == "Many")
    assert (many["Labels"]["queue"], many["Value"]) == ("b", "7e+21")


# prometheus-api-client


def test_prometheus_api_client(served: str) -> None:
    """The package that most Python programs ask a Prometheus with is content."""
    from prometheus_api_client import PrometheusConnect  # only `make real` installs it

    client = PrometheusConnect(served)

    assert client.check_prometheus_connection()
    assert "depth" in client.all_metrics()
    assert client.get_label_values("queue") == ["a", "b", "inf", "nan"]
    (found,) = client.get_current_metric_value("depth", {"queue": "a"})
    assert found["value"][1] == "3"
    assert client.custom_query("1 + 1")[1] == "2"
    assert len(client.get_targets()["activeTargets"]) == 2
    assert client.get_metric_metadata("depth")


# Grafana


def post(url: str, path: str, **params: str) -> Any:
    from urllib.request import Request, urlopen

    form = urlencode(params).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with urlopen(Request(f"{url}/api/v1/{path}", form, headers), timeout=10) as answer:
        return json.loads(answer.read())


def test_calls_of_a_grafana(served: str) -> None:
    """What the data source of Grafana asks, in its order: health, build, labels of a
    selection, values, series, metadata, a range by POST, exemplars, rules."""
    health = post(served, "query", query="1+1", time="4")
    assert health["data"] == {"resultType": "scalar", "result": [4, "2"]}
    major = api(served, "status/buildinfo")["version"].split(".")[0]
    assert int(major) >= 3

    now = time.time()
    span = {"start": f"{now - 3600:.0f}", "end": f"{now:.0f}"}
    selection = {"match[]": 'depth{queue="a"}', **span}
    assert api(served, "labels", **selection) == ["__name__", "instance", "job", "queue"]
    assert api(served, "label/queue/values", **selection) == ["a"]
    assert api(served, "series", **selection)[0]["queue"] == "a"
    assert api(served, "metadata", limit="1000")["depth"][0]["type"] == "gauge"

    last = {"start": f"{now - 2:.3f}", "end": f"{now:.3f}", "step": "1"}
    drawn = post(served, "query_range", query='depth{queue="a"}', **last)
    assert drawn["data"]["resultType"] == "matrix"
    assert {value for _, value in drawn["data"]["result"][0]["values"]} == {"3"}
    warned = post(served, "query_range", query="histogram_quantile(0.9, depth)", **last)
    assert warned["warnings"][0].startswith("PromQL warning: ")

    assert api(served, "query_exemplars", query="depth", **span) == []
    assert api(served, "rules")["groups"][0]["name"] == "shop"
    assert api(served, "alerts")["alerts"]


# A real Prometheus, fed by us


def test_a_prometheus_is_fed(served: str, programs: Programs, tmp_path: Path) -> None:
    """A Prometheus scrapes /federate and /metrics: every series and value is equal."""
    with serving(*programs.urls.values(), "--interval", "600") as live:
        wait_for("scrapes", lambda: all(t["health"] == "up" for t in targets(live)))
        for url in (served, live):
            _compare(url, tmp_path / url.rpartition(":")[2])


Series = tuple[tuple[str, str], ...]

_EVERYTHING = {"match[]": ['{__name__!=""}']}
# Of what is scraped more than once; series are added by the first scrape only.
_MOVING = ("scrape_duration_seconds", "scrape_series_added")
# For how long, at a scrape a second; the acceptance of a release takes 60.
_SECONDS = int(os.environ.get("PROMLATEST_FED_SECONDS", "2"))


def _compare(url: str, home: Path) -> None:
    samples = parse(get(f"{url}/metrics")[0]).samples()
    held = {tuple(sorted(each.labels.items())): each.value for each in samples}
    assert len(held) > 10
    for path, params in (("/federate", _EVERYTHING), ("/metrics", {})):
        found = _scraped_by_prometheus(home / path[1:], url, path, params)
        for series, value in held.items():
            if dict(series)["__name__"] not in _MOVING:
                assert repr(found.get(series)) == repr(value), series


def _scraped_by_prometheus(
    home: Path, url: str, path: str, params: dict[str, list[str]]
) -> dict[Series, float]:
    """Every series that a Prometheus has after scraping us with honor_labels."""
    home.mkdir(parents=True)
    config = home / "prometheus.yml"
    job = {
        "job_name": "ours",
        "metrics_path": path,
        "params": params,
        "honor_labels": True,
        "scrape_interval": "1s",
        "static_configs": [{"targets": [url.removeprefix("http://")]}],
    }
    config.write_text(json.dumps({"scrape_configs": [job]}))  # JSON is YAML
    with configured(config) as real:
        enough = f"count_over_time(scrape_samples_scraped{{job='ours'}}[1h]) > {_SECONDS}"
        wait_for("scrapes", lambda: real.instant(enough), 120 + 2 * _SECONDS)
        result = real.instant('{__name__!=""}', time=real.last_good("ours"))
    return {
        tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in result
    }


# A browser


def test_the_page_in_a_browser(served: str) -> None:
    """In Chromium: a question is typed, its table is read, a dead target is seen."""
    with chromium() as browser:
        browser.get(f"{served}/")
        health = rows(browser, "targets")
        assert any("down" in row and "connection refused" in row for row in health)
        assert any(" up " in row for row in health)
        assert any(
            row.startswith("requests_total counter") for row in rows(browser, "held")
        )

        ask(browser, 'depth{queue=~"a|b"} > 1')
        answer = rows(browser, "answer")
        assert [row.split()[-2:] for row in answer] == [
            ["a", "3"],
            ["b", "7000000000000000000000"],
        ]
        assert browser.find_element("name", "query").get_attribute("value").endswith("> 1")

        ask(browser, '"<script>alert(1)</script>" + 1')
        assert "1:1: " in browser.find_element("id", "error").text
        # Nothing was refused or went wrong; which field has the focus is of no matter.
        told = [each for each in browser.get_log("browser") if each["level"] != "INFO"]
        assert told == []


def ask(browser: Any, question: str) -> None:
    """Type a question, send it, and wait until the page that it was typed in is gone and
    the next one whole."""
    from selenium.webdriver.support.expected_conditions import staleness_of
    from selenium.webdriver.support.wait import WebDriverWait

    box = browser.find_element("name", "query")
    box.clear()
    box.send_keys(question)
    box.submit()
    WebDriverWait(browser, 60).until(staleness_of(box))
    complete = "return document.readyState == 'complete'"
    WebDriverWait(browser, 60).until(lambda _: browser.execute_script(complete))


def rows(browser: Any, table: str) -> list[str]:
    found = browser.find_elements("css selector", f"#{table} tbody tr")
    return [row.text for row in found]


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium without a window, driven by Selenium."""
    from selenium import webdriver  # only `make real` installs it

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or pytest.fail("no chromium")
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",  # which has 64 MB in a container
        "--window-size=1100,900",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    try:
        yield browser
    finally:
        browser.quit()
