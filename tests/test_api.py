"""promlatest.api: requests in, answers out, as Prometheus gives them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest

from promlatest import Store
from promlatest.api import Api
from promlatest.api._params import read_duration, read_time
from promlatest.exceptions import ConnectError, UsageError
from promlatest.exposition import parse
from promlatest.rules import Rule
from promlatest.rules._text import Text
from promlatest.scrape import Job, Scraper, scrape_once

NOW = 1_700_000_000_123
PAGE = """\
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200",path="/<b>"} 5
requests_total{code="500",path="/"} 1e-09
# TYPE lat_seconds histogram
lat_seconds_bucket{le="1.0"} 3
lat_seconds_bucket{le="+Inf"} 4
lat_seconds_sum 2.5
lat_seconds_count 4
# TYPE odd gauge
odd{k="nan"} NaN
odd{Zone="a"} +Inf
odd{k="q\\"\\n\\\\"} 1e21
"""


@pytest.fixture
def store() -> Store:
    store = Store(clock=lambda: NOW)
    store.ingest(PAGE, source="http://shop/metrics", timestamp=NOW - 1000)
    return store


@pytest.fixture
def api(store: Store) -> Api:
    return Api(store, clock=lambda: NOW)


Get = Callable[..., Any]


@pytest.fixture
def get(api: Api) -> Get:
    """The data of a good answer."""

    def ask(path: str, **params: Any) -> Any:
        given = {("match[]" if k == "match" else k): v for k, v in params.items()}
        answer = api.answer("GET", f"/api/v1/{path}", given)
        document = json.loads(answer.body)
        assert (answer.status, document["status"]) == (200, "success"), document
        return document["data"]

    return ask


def refused(
    api: Api, path: str, method: str = "GET", **params: Any
) -> tuple[int, str, str]:
    given = {("match[]" if k == "match" else k): v for k, v in params.items()}
    answer = api.answer(method, f"/api/v1/{path}", given)
    document = json.loads(answer.body)
    assert document["status"] == "error"
    return answer.status, document["errorType"], document["error"]


# Lists


def test_series(get: Get) -> None:
    """The label sets of what the selectors pick, each once, sorted."""
    assert get("series", match=["odd", '{k="nan"}', "requests_total"]) == [
        {"Zone": "a", "__name__": "odd"},
        {"__name__": "odd", "k": "nan"},
        {"__name__": "odd", "k": 'q"\n\\'},
        {"__name__": "requests_total", "code": "200", "path": "/<b>"},
        {"__name__": "requests_total", "code": "500", "path": "/"},
    ]


def test_series_needs_a_selector(api: Api) -> None:
    """Without match[] nothing is selected, which is an error."""
    assert refused(api, "series") == (400, "bad_data", "no match[] parameter provided")


def test_labels(get: Get) -> None:
    """Names of labels, of everything or of what is selected."""
    assert get("labels") == ["Zone", "__name__", "code", "k", "le", "path"]
    assert get("labels", match=["requests_total", "lat_seconds_bucket"]) == [
        "__name__",
        "code",
        "le",
        "path",
    ]


def test_label_values(get: Get) -> None:
    """Values of one label; one that nothing has has none."""
    assert get("label/code/values") == ["200", "500"]
    assert get("label/code/values", match='{path="/"}') == ["500"]
    assert get("label/nothing/values") == []


@pytest.mark.parametrize(
    ("path", "whole"), [("labels", 6), ("label/code/values", 2), ("series", 3)]
)
def test_limit(api: Api, path: str, whole: int) -> None:
    """What is cut to a limit says so; what fits does not."""
    for limit, cut in ((0, False), (1, True), (whole, False), (99, False)):
        params = {"limit": str(limit), **({"match[]": "odd"} if path == "series" else {})}
        document = json.loads(api.answer("GET", f"/api/v1/{path}", params).body)
        assert len(document["data"]) == (1 if cut else whole)
        assert document.get("warnings") == (
            ["results truncated due to limit"] if cut else None
        )


def test_metadata(get: Get) -> None:
    """Type, help and unit of each family."""
    assert get("metadata", metric="requests_total") == {
        "requests_total": [{"type": "counter", "help": "Requests.", "unit": ""}]
    }
    assert list(get("metadata")) == ["lat_seconds", "odd", "requests_total"]
    assert list(get("metadata", limit="1")) == ["lat_seconds"]


@pytest.mark.parametrize("path", ["series", "labels", "label/a/values"])
def test_a_selector_that_cannot_be_read(api: Api, path: str) -> None:
    """The words name the parameter, and where the selector breaks."""
    status, kind, error = refused(api, path, match="{job=}")

    assert (status, kind) == (400, "bad_data")
    assert error.startswith('invalid parameter "match[]": expected a value in quotes')


@pytest.mark.parametrize("limit", ["-1", "x", "1.5", "²"])
def test_a_limit_that_is_none(api: Api, limit: str) -> None:
    """A limit is a number from 0 on."""
    assert refused(api, "labels", limit=limit)[:2] == (400, "bad_data")


# Queries


def test_a_vector(get: Get) -> None:
    """An instant vector: seconds, and values as texts without an exponent."""
    assert get("query", query='requests_total{code="500"}', time="1700000000") == {
        "resultType": "vector",
        "result": [
            {
                "metric": {"__name__": "requests_total", "code": "500", "path": "/"},
                "value": [1700000000, "0.000000001"],
            }
        ],
    }
    values = {each["value"][1] for each in get("query", query="odd")["result"]}
    assert values == {"NaN", "+Inf", "1000000000000000000000"}


def test_nothing(get: Get) -> None:
    """What matches nothing is an empty list, and no error."""
    assert get("query", query="nothing") == {"resultType": "vector", "result": []}


def test_scalars_and_strings(get: Get) -> None:
    """A number and a text are a time and a text; Grafana asks the first at time 4."""
    assert get("query", query="1+1", time="4") == {
        "resultType": "scalar",
        "result": [4, "2"],
    }
    assert get("query", query='"a\\n"', time="4") == {
        "resultType": "string",
        "result": [4, "a\n"],
    }


def test_now(get: Get) -> None:
    """Without a time it is now, in milliseconds."""
    assert get("query", query="1")["result"][0] == 1_700_000_000.123


def test_a_matrix(get: Get) -> None:
    """A range selector gives samples with their own times."""
    (series,) = get("query", query='requests_total{code="200"}[5m]')["result"]

    assert series["values"] == [[1_699_999_999.123, "5"]]


def test_a_range(get: Get) -> None:
    """A range query gives a value at every step."""
    at = {"start": "1700000000", "end": "1700000002", "step": "1"}
    found = get("query_range", query='requests_total{code="200"} * 2', **at)

    assert found["resultType"] == "matrix"
    assert found["result"][0]["metric"] == {"code": "200", "path": "/<b>"}
    assert found["result"][0]["values"] == [[1_700_000_000 + n, "10"] for n in range(3)]


def test_the_longest_range(get: Get) -> None:
    """11,000 steps are as many as Prometheus takes, from the first moment to the last."""
    found = get("query_range", query="1", start="0", end="11000", step="1")

    assert len(found["result"][0]["values"]) == 11_001


def test_a_limit_of_series(api: Api) -> None:
    """A vector that is cut to a limit says so."""
    answer = api.answer("POST", "/api/v1/query", {"query": "odd", "limit": "2"})
    document = json.loads(answer.body)

    assert len(document["data"]["result"]) == 2
    assert document["warnings"] == ["results truncated due to limit"]


def test_remarks(api: Api) -> None:
    """What the engine remarks stands beside the data, as warnings and infos."""
    warned = {"query": "histogram_quantile(0.9, odd)"}
    document = json.loads(api.answer("GET", "/api/v1/query", warned).body)

    assert document["warnings"][0].startswith("PromQL warning: ")


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("query", {}, 'invalid parameter "query": expected an expression, got none'),
        ("query", {"query": "sum("}, 'invalid parameter "query": 1:5: '),
        (
            "query",
            {"query": "1", "time": "x"},
            'invalid parameter "time": cannot parse "x" to a valid timestamp',
        ),
        (
            "query",
            {"query": "1", "timeout": "x"},
            'invalid parameter "timeout": cannot parse "x" to a valid duration',
        ),
        (
            "query_range",
            {"query": "1", "end": "1", "step": "1"},
            'invalid parameter "start": cannot parse "" to a valid timestamp',
        ),
        (
            "query_range",
            {"query": "1", "start": "2", "end": "1", "step": "1"},
            'invalid parameter "end": end timestamp must not be before start time',
        ),
        (
            "query_range",
            {"query": "1", "start": "1", "end": "2", "step": "0"},
            'invalid parameter "step": zero or negative query resolution step widths',
        ),
        (
            "query_range",
            {"query": "1", "start": "0", "end": "11001", "step": "1"},
            "exceeded maximum resolution of 11,000 points per timeseries",
        ),
        ("labels", {"start": "x"}, 'invalid parameter "start": cannot parse "x" to'),
        ("label/a/values", {"end": "x"}, 'invalid parameter "end": cannot parse "x" to'),
        ("rules", {"type": "x"}, 'invalid parameter "type": not supported value "x"'),
        ("targets/metadata", {"match_target": "{"}, 'invalid parameter "match_target": '),
        ("format_query", {"query": ")"}, 'invalid parameter "query": 1:1: '),
        ("query_exemplars", {"query": "a", "start": "2", "end": "1"}, "end timestamp must"),
    ],
)
def test_questions_that_cannot_be_asked(
    api: Api, path: str, params: dict[str, str], expected: str
) -> None:
    """Each is a 400 in Prometheus' words, with the place where the text breaks."""
    status, kind, error = refused(api, path, **params)

    assert (status, kind) == (400, "bad_data")
    assert error.startswith(expected)


def test_a_question_without_an_answer(api: Api) -> None:
    """What was read and cannot be answered is a 422."""
    status, kind, _ = refused(api, "query", query="odd + on() odd")

    assert (status, kind) == (422, "execution")


def test_a_range_that_is_not_covered(store: Store) -> None:
    """It is refused, unless a part of it is enough: for all, or for one question."""
    store.ingest(PAGE, source="http://shop/metrics", timestamp=NOW)
    rate = {"query": "sum(rate(requests_total[5m]))"}

    def status(api: Api, **more: str) -> int:
        return api.answer("GET", "/api/v1/query", {**rate, **more}).status

    strict, lax = (Api(store, clock=lambda: NOW, partial=each) for each in (False, True))
    assert (status(strict), status(strict, partial_response="true")) == (422, 200)
    assert (status(lax), status(lax, partial_response="false")) == (200, 422)


def test_what_would_cover_a_range_is_said_in_words_of_http(api: Api) -> None:
    """A refusal names the parameter and the option, and no argument of Python's."""
    _, _, error = refused(api, "query", query="rate(odd[5m])")

    assert "(partial_response=true)" in error
    assert "--history" in error
    assert "partial=True" not in error


@pytest.mark.parametrize("params", [{"timeout": "0.005"}, {"timeout": "5ms"}])
def test_a_question_that_takes_too_long(store: Store, params: dict[str, str]) -> None:
    """It ends at its timeout, which can only be less than the server's."""
    api = Api(store, timeout=20)
    at = {"start": "1700000000", "end": "1700010000", "step": "1"}
    long = {"query": "sum(odd)", **at}

    answer = api.answer("GET", "/api/v1/query_range", {**long, **params})

    assert (answer.status, json.loads(answer.body)["errorType"]) == (503, "timeout")


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "(" * 100_000,
        "-" * 100_000 + "1",
        "1" + "+1" * 100_000,
        "sum(" * 5_000 + "odd" + ")" * 5_000,
        'odd{k=~"' + "(a*)*" * 5_000 + '"}',
        'odd{k=~"' + "(" * 50_000 + '"}',
        "odd[" + "9" * 100_000 + "d]",
        "sum_over_time(odd[1000d:1ms])",
        "odd offset " + "1y" * 10_000,
        "\0\udcff",
        "odd{" + ",".join(f'a{n}="b"' for n in range(20_000)) + "}",
        'label_replace(odd, "a", "' + "$1" * 50_000 + '", "k", "(.*)")',
    ],
    ids=range(12),
)
def test_hostile_questions(api: Api, query: str) -> None:
    """However it is nested, long or broken: a refusal or an answer, and no exception."""
    for path in ("query", "format_query", "query_exemplars"):
        answer = api.answer("POST", f"/api/v1/{path}", {"query": query, "timeout": "2"})
        assert answer.status in (200, 400, 422, 503)
    assert api.answer("GET", "/", {"query": query}).status == 200


def test_a_closed_api(store: Store) -> None:
    """Closing ends the questions that are being answered, and those to come."""
    api = Api(store, timeout=1000, partial=True, clock=lambda: NOW)
    long = {"query": "max_over_time(sum(odd)[8m:1ms])"}  # some seconds
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.answer, "GET", "/api/v1/query", long)
        api.close()

        assert answer.result().status == 503
    assert refused(api, "query", query="odd")[:2] == (503, "timeout")


def test_format_query(get: Get) -> None:
    """An expression, as PromQL is written."""
    assert get("format_query", query="sum(a)by(b)") == "sum by (b) (a)"


def test_exemplars() -> None:
    """Exemplars of the selected series, within the times that are asked for."""
    store = Store()
    page = (
        "# TYPE a counter\n"
        'a_total{b="1"} 1 # {trace_id="x"} 0.5 1.25\n'
        'a_total{b="2"} 1 # {trace_id="y"} 0.5 9\n'
        "# EOF\n"
    )
    store.ingest(page, "application/openmetrics-text")
    api = Api(store)

    def found(**params: str) -> Any:
        return json.loads(api.answer("GET", "/api/v1/query_exemplars", params).body)["data"]

    assert found(query="rate(a_total[1m]) + a_total", start="1", end="5") == [
        {
            "seriesLabels": {"__name__": "a_total", "b": "1"},
            "exemplars": [{"labels": {"trace_id": "x"}, "value": "0.5", "timestamp": 1.25}],
        }
    ]
    assert len(found(query="a_total")) == 2
    assert found(query="b") == []


# Rules


def rule(**given: Any) -> Rule:
    expr = Text(given.pop("expr"), [(0, 1)])
    return Rule(
        **{"file": "r.yml", "group": "shop", "kind": "alert", "expr": expr, **given}
    )


def test_rules(store: Store) -> None:
    """Rules of files in their groups, with their states now."""
    given = [
        rule(
            name="Many",
            expr="requests_total > 1",
            labels={"severity": "page"},
            annotations={"summary": "{{ $value }} of {{ $labels.code }}"},
        ),
        rule(name="Slow", expr="requests_total > 1", hold=300.0),
        rule(name="Calm", expr="requests_total > 9"),
        rule(name="sum:odd", expr="sum(odd)", kind="record"),
        rule(name="Panel", expr="odd", kind="panel"),
        rule(name="Wrong", expr="odd + on() odd", group="other"),
    ]
    api = Api(store, rules=given, clock=lambda: NOW)

    def data(path: str, **params: str) -> Any:
        return json.loads(api.answer("GET", f"/api/v1/{path}", params).body)["data"]

    shop, other = data("rules")["groups"]
    assert (shop["name"], shop["file"], other["name"]) == ("shop", "r.yml", "other")
    assert [(each["name"], each.get("state")) for each in shop["rules"]] == [
        ("Many", "firing"),
        ("Slow", "pending"),
        ("Calm", "inactive"),
        ("sum:odd", None),
    ]
    (wrong,) = other["rules"]
    assert wrong["health"] == "err"
    assert wrong["lastError"]
    first = data("alerts")["alerts"][0]
    assert first["labels"] == {
        "alertname": "Many",
        "code": "200",
        "path": "/<b>",
        "severity": "page",
    }
    assert (first["state"], first["value"]) == ("firing", "5e+00")
    assert first["annotations"] == {"summary": "5 of 200"}
    (records,) = data("rules", type="record")["groups"]
    assert [each["type"] for each in records["rules"]] == ["recording"]


def test_an_alert_asks_for_what_a_rule_recorded(store: Store) -> None:
    """An alert sees what recording rules make, wherever they stand; a query does not."""
    given = [
        rule(name="Many", expr="twice:sum > 1"),
        rule(name="twice:sum", expr="2 * one:sum", kind="record"),
        rule(name="one:sum", expr="sum(requests_total)", kind="record", labels={"a": "b"}),
    ]
    api = Api(store, rules=given, clock=lambda: NOW)

    alerts = json.loads(api.answer("GET", "/api/v1/alerts", {}).body)["data"]["alerts"]
    asked = api.answer("GET", "/api/v1/query", {"query": "one:sum"}).body

    assert [each["labels"] for each in alerts] == [{"alertname": "Many", "a": "b"}]
    assert json.loads(asked)["data"]["result"] == []


# The page


def page(api: Api, **params: str) -> str:
    answer = api.answer("GET", "/", params)
    assert (answer.status, answer.content_type) == (200, "text/html; charset=utf-8")
    return answer.body.decode()


def test_the_page(api: Api) -> None:
    """It says what is held, and has a box for a question."""
    html = page(api)

    assert "9 series" in html
    assert "<td>requests_total</td><td>counter</td>" in html
    assert '<input name="query"' in html
    assert "<script" not in html


def test_an_answer_on_the_page(api: Api) -> None:
    """A question's answer is a table with a column for each label."""
    html = page(api, query="requests_total")

    assert "<th>metric</th><th>code</th><th>path</th>" in html
    assert '<td>200</td><td>/&lt;b&gt;</td><td class="n">5</td>' in html
    assert 'value="requests_total"' in html


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("1+1", '<td class="n">2</td>'),
        ('"text"', "<td>text</td>"),
        ("odd[1h]", '<td class="n">+Inf</td>'),
        ("nothing", "no series matches"),
        ("sum(", '<pre id="error">1:5: '),
        ("histogram_quantile(0.9, odd)", '<p class="note">PromQL warning: '),
    ],
)
def test_other_answers_on_the_page(api: Api, query: str, shown: str) -> None:
    """Numbers, texts, ranges, nothing, errors and remarks are shown, too."""
    assert shown in page(api, query=query)


def test_the_page_quotes(store: Store) -> None:
    """No text of a label, a help, an error or a question becomes a tag."""
    api = Api(store, clock=lambda: NOW)
    store.ingest('# HELP a <img src=x>\na{b="<img src=x>"} 1', source="evil")
    html = "".join(page(api, query=each) for each in ('a + "<img src=x>"', "a"))

    assert "<img" not in html


def test_a_long_answer_on_the_page(store: Store) -> None:
    """A table is cut, and says so."""
    store.ingest("".join(f'many{{n="{n}"}} 1\n' for n in range(1500)), source="many")

    html = page(Api(store, clock=lambda: NOW), query="many")

    assert "the first 1,000 of 1,500" in html
    assert html.count("<tr>") < 1050


# Samples as text


def test_federate(api: Api) -> None:
    """Untyped, metric by metric, with timestamps and an empty instance."""
    answer = api.answer("GET", "/federate", {"match[]": ["odd", "lat_seconds_sum"]})

    assert answer.content_type.startswith("text/plain")
    lines = answer.body.decode().splitlines()
    assert lines[:2] == [
        "# TYPE lat_seconds_sum untyped",
        f'lat_seconds_sum{{instance=""}} 2.5 {NOW - 1000}',
    ]
    assert lines[2] == "# TYPE odd untyped"
    assert set(lines[3:]) == {
        f'odd{{Zone="a",instance=""}} +Inf {NOW - 1000}',
        f'odd{{k="nan",instance=""}} NaN {NOW - 1000}',
        f'odd{{k="q\\"\\n\\\\",instance=""}} 1e+21 {NOW - 1000}',
    }


def test_federate_keeps_an_instance() -> None:
    """A series that has an instance keeps it."""
    store = Store()
    store.ingest('up{instance="a:1"} 1', timestamp=5)

    body = Api(store).answer("GET", "/federate", {"match[]": "up"}).body

    assert body == b'# TYPE up untyped\nup{instance="a:1"} 1 5\n'


def test_federate_of_nothing(api: Api) -> None:
    """Without a selector nothing is federated."""
    assert api.answer("GET", "/federate").body == b""


def test_the_version_of_the_format() -> None:
    """0.0.4, which every tool knows, unless a name needs quotes."""
    store = Store()
    store.ingest("up 1")
    api = Api(store)

    def version(path: str) -> str:
        return api.answer("GET", path, {"match[]": '{__name__!=""}'}).content_type

    assert version("/federate") == version("/metrics")
    assert version("/metrics") == "text/plain; version=0.0.4; charset=utf-8"

    store.ingest('up{"my.label"="1"} 1')

    assert "version=1.0.0" in version("/federate")
    assert "version=1.0.0" in version("/metrics")


def test_metrics(api: Api, store: Store) -> None:
    """/metrics is everything that is held, and reads as what was read."""
    answer = api.answer("GET", "/metrics")

    found = parse(answer.body, answer.content_type)
    assert found.metadata == parse(PAGE).metadata
    assert {(s.labels, repr(s.value)) for s in found.samples()} == {
        (point.labels, repr(point.value)) for point in store
    }


# The process


def test_targets() -> None:
    """A target is up, or not scraped yet; a source that was never scraped is none."""
    store = Store(clock=lambda: NOW)
    page = 'up{instance="a:1",job="shop"} 1\nscrape_duration_seconds 0.25\n'
    store.ingest(page, source="http://a:1/metrics")
    store.ingest("x 1", source="body")
    api = Api(store, targets=lambda: ["http://a:1/metrics", "http://c:1/metrics"])

    data = json.loads(api.answer("GET", "/api/v1/targets").body)["data"]

    assert data["droppedTargets"] == []
    waiting, scraped = data["activeTargets"]
    assert scraped == {
        "discoveredLabels": {"__address__": "a:1"},
        "labels": {"instance": "a:1", "job": "shop"},
        "scrapePool": "shop",
        "scrapeUrl": "http://a:1/metrics",
        "globalUrl": "http://a:1/metrics",
        "lastError": "",
        "lastScrape": "2023-11-14T22:13:20.123Z",
        "lastScrapeDuration": 0.25,
        "health": "up",
        "scrapeInterval": "",
        "scrapeTimeout": "",
    }
    assert (waiting["scrapeUrl"], waiting["health"]) == ("http://c:1/metrics", "unknown")
    assert waiting["lastScrape"] == "0001-01-01T00:00:00Z"


def test_how_often_a_target_is_scraped() -> None:
    """Interval and timeout stand there, as Prometheus writes them, where the jobs are told."""
    store = Store()
    job = Job(interval=90, timeout=2.5)
    scraper = Scraper.of_jobs(store, [(job, ["file:/nowhere"])])
    api = Api(store, targets=lambda: scraper.jobs)

    (state,) = json.loads(api.answer("GET", "/api/v1/targets").body)["data"][
        "activeTargets"
    ]

    assert (state["scrapeInterval"], state["scrapeTimeout"]) == ("1m30s", "2s500ms")


def test_targets_are_filtered() -> None:
    """By state and by scrape pool."""
    store = Store()
    for job in ("a", "b"):
        store.ingest(f'up{{instance="{job}:1",job="{job}"}} 1', source=job)
    api = Api(store)

    def jobs(**params: str) -> list[str]:
        data = json.loads(api.answer("GET", "/api/v1/targets", params).body)["data"]
        return [each["scrapePool"] for each in data["activeTargets"]]

    assert jobs() == jobs(state="active") == ["a", "b"]
    assert jobs(scrapePool="b") == ["b"]
    assert jobs(state="dropped") == jobs(state="other") == []


def test_metadata_of_targets() -> None:
    """What the targets say of their families, or those that a selector picks."""
    store = Store()
    for job in ("a", "b"):
        page = f'# TYPE up gauge\nup{{instance="{job}:1",job="{job}"}} 1'
        store.ingest(page, source=job)
    api = Api(store)

    def jobs(**params: str) -> list[str]:
        answer = api.answer("GET", "/api/v1/targets/metadata", params)
        return [each["target"]["job"] for each in json.loads(answer.body)["data"]]

    assert jobs() == ["a", "b"]
    assert jobs(match_target='{job="b"}') == ["b"]


def test_a_target_that_is_down() -> None:
    """The reason of a failed scrape stands with its target."""
    store = Store()
    with pytest.raises(ConnectError):
        scrape_once(store, "file:/nowhere/metrics")
    api = Api(store)

    (state,) = json.loads(api.answer("GET", "/api/v1/targets").body)["data"][
        "activeTargets"
    ]

    assert state["health"] == "down"
    assert "No such file" in state["lastError"]


def test_buildinfo(get: Get) -> None:
    """The version is that of a Prometheus, by which Grafana picks its calls."""
    version = get("status/buildinfo")["version"]

    assert version.startswith("3.")
    assert "+promlatest." in version


def test_tsdb(get: Get) -> None:
    """How many series there are, and what has the most."""
    data = get("status/tsdb")

    assert data["headStats"]["numSeries"] == 9
    assert data["seriesCountByMetricName"][0] == {"name": "odd", "value": 3}
    assert {"name": "code", "value": 2} in data["labelValueCountByLabelName"]


def test_tsdb_with_a_limit(get: Get) -> None:
    """`limit` says how long its lists are."""
    data = get("status/tsdb", limit="1")

    assert data["seriesCountByMetricName"] == [{"name": "odd", "value": 3}]


def test_flags_and_config(store: Store) -> None:
    """Flags and configuration are shown as they were given."""
    api = Api(store, config="scrape_configs: []\n", flags={"web.x": "1"}, max_points=5)

    def data(path: str) -> Any:
        return json.loads(api.answer("GET", f"/api/v1/status/{path}").body)["data"]

    assert data("config") == {"yaml": "scrape_configs: []\n"}
    assert data("flags") == {
        "query.max-points": "5",
        "query.partial": "false",
        "query.timeout": "30s",
        "web.x": "1",
    }


@pytest.mark.parametrize("path", ["clean_tombstones", "delete_series", "snapshot"])
def test_nothing_can_be_changed(api: Api, path: str) -> None:
    """What changes a Prometheus is refused in its words."""
    assert refused(api, f"admin/tsdb/{path}", "POST") == (
        503,
        "unavailable",
        "admin APIs disabled",
    )


def test_health(api: Api) -> None:
    """It is healthy and ready as soon as it answers."""
    assert api.answer("GET", "/-/healthy").status == 200
    assert api.answer("GET", "/-/ready").status == 200


# Requests


def test_unknown_paths_and_methods(api: Api) -> None:
    """A path that is none is 404, a method that is not taken 405 with what is."""
    assert api.answer("GET", "/api/v1/nothing").status == 404
    assert api.answer("GET", "/api/v1/label/a/b").status == 404
    answer = api.answer("DELETE", "/api/v1/labels")
    assert answer.status == 405
    assert answer.body == b"405 method not allowed: ask with GET or POST\n"
    assert api.answer("HEAD", "/metrics").status == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4", 4000),
        ("1435781451.781", 1435781451781),
        ("2015-07-01T20:10:51.781Z", 1435781451781),
        ("2015-07-01T22:10:51.781+02:00", 1435781451781),
        ("-1.5", -1500),
    ],
)
def test_times(text: str, expected: int) -> None:
    """A time is in seconds, or as RFC 3339 has it."""
    assert read_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "NaN", "Inf", "1e300", " 1", "\u0661", "2015-07-01",
        "2015-07-01T20:10:51", "20150701T201051Z", "2015-W27-3T20:10:51Z", "2015-07-01t20:10:51z",
    ],
)  # fmt: skip
def test_times_that_are_none(text: str) -> None:
    """What is no time is an error in Prometheus' words."""
    with pytest.raises(UsageError, match=r"cannot parse .* to a valid timestamp"):
        read_time(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("15", 15), ("1m30s", 90), ("0.5", 0.5), ("1d", 86400)]
)
def test_durations(text: str, expected: float) -> None:
    """A duration is in seconds, or has units."""
    assert read_duration(text) == expected


@pytest.mark.parametrize("text", ["", "x", "NaN", "Inf", "1e300", "5q", "m5", " 1"])
def test_durations_that_are_none(text: str) -> None:
    """What is no duration is an error in Prometheus' words."""
    with pytest.raises(UsageError, match=r"cannot parse .* to a valid duration"):
        read_duration(text)


# Mounted


def below(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [])
    return [b"the application's"]


def wsgi(
    app: Any, path: str, method: str = "GET", query: str = "", form: str = ""
) -> tuple[str, bytes]:
    told: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if form else "",
        "CONTENT_LENGTH": str(len(form)) if form else "",
        "wsgi.input": io.BytesIO(form.encode()),
    }
    body = b"".join(app(environ, lambda status, headers: told.append(status)))
    return told[0], body


def test_wsgi(api: Api) -> None:
    """Below the prefix the API answers, elsewhere the application."""
    app = api.wsgi("/prom", below)

    assert wsgi(app, "/prom/-/healthy") == ("200 OK", b"promlatest is healthy.\n")
    assert wsgi(app, "/prom/-/healthy", "HEAD") == ("200 OK", b"")
    assert wsgi(app, "/prometheus") == ("200 OK", b"the application's")
    assert wsgi(app, "/") == ("200 OK", b"the application's")
    assert wsgi(app, "/prom")[1].startswith(b"<!doctype html>")


def test_wsgi_takes_forms(api: Api) -> None:
    """A POST with a form is as a GET with a query; both count."""
    app = api.wsgi("/prom", below)
    form = urlencode({"match[]": "requests_total"})

    status, body = wsgi(app, "/prom/api/v1/labels", "POST", "limit=1", form)

    assert status == "200 OK"
    assert json.loads(body)["data"] == ["__name__"]


def test_wsgi_bounds_a_form(api: Api) -> None:
    """A form past the bound is not read."""
    app = api.wsgi("/prom", below)

    assert wsgi(app, "/prom/api/v1/labels", "POST", form="a" * 1_100_000)[0].startswith(
        "413"
    )
    fields = "&".join("a=1" for _ in range(1001))
    assert wsgi(app, "/prom/api/v1/labels", "POST", form=fields)[0].startswith("400")


@pytest.mark.parametrize("prefix", ["", "/", "prom", "/prom/"])
def test_prefixes(api: Api, prefix: str) -> None:
    """A prefix begins with a slash and does not end with one."""
    with pytest.raises(UsageError, match="expected a prefix"):
        api.wsgi(prefix, below)


async def asgi(
    app: Any, path: str, method: str = "GET", query: str = "", *parts: bytes
) -> tuple[int, bytes]:
    sent: list[Any] = []
    messages = [
        {"type": "http.request", "body": part, "more_body": at + 1 < len(parts)}
        for at, part in enumerate(parts or (b"",))
    ]
    kind = b"application/x-www-form-urlencoded"
    scope = {
        "type": "http",
        "path": path,
        "method": method,
        "query_string": query.encode(),
        "headers": [(b"content-type", kind)] if parts else [],
    }

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent)


async def test_asgi(api: Api) -> None:
    """The same under ASGI, where a form comes in pieces."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})

    mounted = api.asgi("/prom", app)

    assert await asgi(mounted, "/prom/-/ready") == (200, b"promlatest is ready.\n")
    assert await asgi(mounted, "/other") == (204, b"")
    path = "/prom/api/v1/labels"
    status, body = await asgi(mounted, path, "POST", "limit=1", b"match[]=od", b"d")
    assert (status, json.loads(body)["data"]) == (200, ["Zone"])
    too_long = [b"a" * 600_000] * 2
    assert (await asgi(mounted, path, "POST", "", *too_long))[0] == 413


async def test_asgi_passes_on_what_is_no_request(api: Api) -> None:
    """The lifespan and websockets are the application's."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await api.asgi("/prom", app)({"type": "lifespan"}, None, None)

    assert seen == ["lifespan"]


def test_a_slash_at_the_end_is_the_same_path(api: Api, get: Get) -> None:
    """A path that ends with a slash is answered as the one without."""
    assert get("label/code/values/") == ["200", "500"]
    assert get("labels/") == get("labels")


@pytest.mark.parametrize("path", ["/graph", "/query"])
def test_links_made_for_prometheus(api: Api, path: str) -> None:
    """What Grafana and alerts link to is the page, with the answer to their question."""
    body = api.answer("GET", path, {"g0.expr": "count(odd)", "g0.tab": "1"}).body

    assert body == api.answer("GET", "/", {"query": "count(odd)"}).body
    assert b'id="answer"' in body
