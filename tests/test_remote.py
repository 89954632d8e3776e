"""promlatest.remote: what a Prometheus-compatible server answers, and what goes wrong."""

from __future__ import annotations

import gzip
import math
import ssl
import threading
from collections.abc import Iterator
from http import HTTPStatus

import pytest
import trustme
from api_servers import Scripted, bad, good, raw, scripted, until

from promlatest import DataPoint, Labels, Metadata, Queryable
from promlatest.exceptions import (
    BodyError,
    ConnectError,
    LimitError,
    PartialAnswerError,
    SelectorError,
    ServerError,
    TimeoutExceededError,
    UsageError,
)
from promlatest.promql import Scalar, Series, Vector
from promlatest.remote import Server

pytestmark = pytest.mark.slow

TEXT = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
NOW = 1_700_000_000_000
FEDERATED = f"""\
# TYPE lat_bucket untyped
lat_bucket{{job="shop",le="1",instance=""}} 3 {NOW}
lat_bucket{{job="shop",le="+Inf",instance=""}} 4 {NOW}
# TYPE lat_count untyped
lat_count{{job="shop",instance=""}} 4 {NOW}
# TYPE lat_sum untyped
lat_sum{{job="shop",instance=""}} 2.5 {NOW}
# TYPE odd untyped
odd{{k="nan",job="shop"}} NaN {NOW - 5}
""".encode()
TOLD = {
    "lat": [{"type": "histogram", "help": "Latency.", "unit": ""}],
    "odd": [{"type": "gauge", "help": "", "unit": ""}],
    "empty": [],
}


@pytest.fixture
def script() -> Iterator[tuple[str, Scripted]]:
    with scripted() as (url, script):
        script.answers["/api/v1/metadata"] = good(TOLD)
        script.answers["/federate"] = (200, TEXT, FEDERATED)
        yield url, script


# Lists


def test_series(script: tuple[str, Scripted]) -> None:
    """Series are label sets, sorted; times go out in seconds."""
    url, told = script
    told.answers["/api/v1/series"] = good([{"__name__": "up", "b": "2"}, {"a": "1"}])

    with Server(url) as server:
        found = server.series('{job="x"}', "up", start=1500, end=2000)

    assert found == [Labels(__name__="up", b="2"), Labels(a="1")]
    params = told.asked[0][2]
    assert [each for each in params if "partial" not in each[0]] == [
        ("match[]", '{job="x"}'),
        ("match[]", "up"),
        ("start", "1.500"),
        ("end", "2.000"),
    ]


def test_series_needs_a_selector(script: tuple[str, Scripted]) -> None:
    """All series of a server are never asked for by a forgotten argument."""
    with Server(script[0]) as server, pytest.raises(UsageError, match="needs a selector"):
        server.series()


def test_labels(script: tuple[str, Scripted]) -> None:
    """Label names and values are sorted; a name is escaped in the path."""
    url, told = script
    told.answers["/api/v1/labels"] = good(["b", "a"])
    told.answers["/api/v1/label/a%2Fb/values"] = good(["2", "1"])

    with Server(url) as server:
        assert server.label_names() == ["a", "b"]
        assert server.label_values("a/b", "up") == ["1", "2"]


def test_metadata(script: tuple[str, Scripted]) -> None:
    """Types, helps and units by family; one without any is left out."""
    with Server(script[0]) as server:
        assert server.metadata() == {
            "lat": Metadata("histogram", "Latency."),
            "odd": Metadata("gauge"),
        }


def test_headers_and_credentials(script: tuple[str, Scripted]) -> None:
    """Headers go out with every request, and a user of the URL as Authorization."""
    url, told = script
    address = url.replace("http://", "http://me:s%20t@")

    with Server(address, headers={"X-Scope-OrgID": "shop"}) as server:
        server.metadata()

    headers = told.asked[0][3]
    assert headers["X-Scope-OrgID"] == "shop"
    assert headers["Authorization"] == "Basic bWU6cyB0"
    assert repr(server) == f"Server({url!r})"


def test_a_path_before_the_api(script: tuple[str, Scripted]) -> None:
    """The path of the URL stands before every path that is asked."""
    url, told = script
    told.answers["/prometheus/api/v1/metadata"] = good(TOLD)

    with Server(f"{url}/prometheus/") as server:
        assert "lat" in server.metadata()


def test_connections_are_kept(script: tuple[str, Scripted]) -> None:
    """Questions one after the other go over one connection."""
    url, told = script
    with Server(url) as server:
        for _ in range(5):
            server.metadata()

    assert told.connections == 1


def test_a_connection_closed_while_idle_is_dialled_anew() -> None:
    """A server that closes after its answer is asked again on a new connection."""
    body = b'{"status":"success","data":{}}'
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with raw(whole) as url, Server(url) as server:
        assert server.metadata() == {}
        assert server.metadata() == {}


def test_an_answer_that_nobody_asked_for() -> None:
    """What comes on a connection while it is idle is no answer to what is asked next."""
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        for body in (
            b'{"status":"success","data":["asked"]}',
            b'{"status":"success","data":["unasked"]}',
        )
    ]
    with raw(*answers, pause=0.1) as url, Server(url) as server:
        assert server.label_names() == ["asked"]
        until(lambda: url.sent == 2)
        assert server.label_names() == ["asked"]


def test_a_closed_server_is_not_asked(script: tuple[str, Scripted]) -> None:
    """What was closed opens no connection that nobody would close."""
    with Server(script[0]) as server:
        server.metadata()

    with pytest.raises(UsageError, match="this Server was closed"):
        server.metadata()


@pytest.mark.parametrize(
    ("timeout", "step"), [(30, 15), (62.5, 0.0333333333), (1e6, 12345.6789)], ids=str
)
def test_seconds_are_numbers_to_the_server(
    script: tuple[str, Scripted], timeout: float, step: float
) -> None:
    """Seconds are sent in full, and as Go reads numbers: 2.5s is no duration to it."""
    url, told = script
    told.answers["/api/v1/query_range"] = good({"resultType": "matrix", "result": []})
    with Server(url, timeout=timeout) as server:
        server.query_range("up", 0, 60_000, step)

    params = dict(told.asked[-1][2])
    assert [float(params["timeout"]), float(params["step"])] == [timeout, step]


def test_headers_are_utf8(script: tuple[str, Scripted]) -> None:
    """The value of a header goes out as UTF-8, as the scraper's do."""
    with Server(script[0], headers={"X-Scope-OrgID": "caf\xe9"}) as server:
        server.metadata()

    assert script[1].asked[-1][3]["X-Scope-OrgID"].encode("latin-1").decode() == "caf\xe9"


def test_many_threads_may_ask(script: tuple[str, Scripted]) -> None:
    """Threads that ask at once each get their answer."""
    found: list[int] = []
    with Server(script[0]) as server:
        threads = [
            threading.Thread(target=lambda: found.append(len(server.metadata())))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert found == [2] * 8


# Snapshots


def test_snapshot(script: tuple[str, Scripted]) -> None:
    """A snapshot is a Queryable with the samples' own times and the server's types."""
    with Server(script[0]) as server:
        now = server.snapshot('{job="shop"}')

    assert isinstance(now, Queryable)
    assert now.query("lat_count", job="shop") == [
        DataPoint(Labels(__name__="lat_count", job="shop"), NOW, 4.0)
    ]
    assert now.histogram("lat", job="shop").quantile(0.5) == pytest.approx(2 / 3)
    assert now.metrics() == {
        "lat": Metadata("histogram", "Latency."),
        "odd": Metadata("gauge"),
    }


def test_names_in_quotes(script: tuple[str, Scripted]) -> None:
    """A family whose name needs quotes has its type, which /federate does not know."""
    url, told = script
    told.answers["/api/v1/metadata"] = good(
        {"queue depth": [{"type": "gauge", "help": "", "unit": ""}]}
    )
    page = f'# TYPE "queue depth" untyped\n{{"queue depth"}} 1 {NOW}\n'
    told.answers["/federate"] = (200, TEXT, page.encode())
    with Server(url) as server:
        now = server.snapshot()
        text = server.exposition().decode()

    assert now.metrics() == {"queue depth": Metadata("gauge")}
    assert text == f'# TYPE "queue depth" gauge\n{{"queue depth"}} 1 {NOW}\n'


def test_nan_is_a_sample(script: tuple[str, Scripted]) -> None:
    """NaN is a value like every other, with its time."""
    with Server(script[0]) as server:
        (point,) = server.snapshot("odd").query("odd")

    assert math.isnan(point.value)
    assert point.timestamp == NOW - 5


def test_without_a_selector_it_is_everything(script: tuple[str, Scripted]) -> None:
    """No selector asks for all names."""
    url, told = script
    with Server(url) as server:
        server.snapshot()

    assert told.asked[-1][2] == [("match[]", '{__name__!=""}')]


def test_a_wrong_selector_is_never_sent(script: tuple[str, Scripted]) -> None:
    """A selector that cannot be read ends here, with its position."""
    url, told = script
    with Server(url) as server, pytest.raises(SelectorError):
        server.snapshot("{job=}")

    assert told.asked == []


def test_nothing_matches(script: tuple[str, Scripted]) -> None:
    """An empty answer is an empty snapshot."""
    url, told = script
    told.answers["/federate"] = (200, TEXT, b"")
    with Server(url) as server:
        assert len(server.snapshot("nothing")) == 0


def _query(params: list[tuple[str, str]]) -> tuple[int, dict[str, str], bytes]:
    """Two series now; one was scraped in the last 5 s, the other in the last 5 min."""
    asked = dict(params)
    metrics = [{"__name__": "up", "job": "a"}, {"__name__": "up", "job": "b"}]
    vector = [{"metric": each, "value": [1700.5, "1"]} for each in metrics]
    recent = {"metric": metrics[0], "values": [[1697, "0"], [1699.25, "1"]]}
    old = {"metric": metrics[1], "values": [[1500, "1"]]}
    answers = {
        "up": {"resultType": "vector", "result": vector},
        "up[5s]": {"resultType": "matrix", "result": [recent]},
        "up[30s]": {"resultType": "matrix", "result": [recent]},
        "up[5m]": {"resultType": "matrix", "result": [recent, old]},
    }
    assert asked.get("time", "1700.500") == "1700.500"
    return good(answers[asked["query"]])


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_federate(script: tuple[str, Scripted], status: int) -> None:
    """Where there is no /federate the query API gives values and times of samples."""
    url, told = script
    told.answers["/federate"] = (status, {}, b"")
    told.answers["/api/v1/query"] = _query

    with Server(url) as server:
        points = server.snapshot("up").query("up")
        again = server.snapshot("up").query("up")

    assert [(p.labels["job"], p.timestamp, p.value) for p in points] == [
        ("a", 1_699_250, 1.0),
        ("b", 1_500_000, 1.0),
    ]
    assert again == points
    assert told.paths().count("/federate") == 1


@pytest.mark.parametrize(
    "answer",
    [(200, {"Content-Type": "text/html"}, b"<html>"), (206, *good({})[1:])],
    ids=["page", "206"],
)
def test_federate_that_is_something_else(
    script: tuple[str, Scripted], answer: tuple[int, dict[str, str], bytes]
) -> None:
    """A front end that answers every path with what it has has no /federate."""
    url, told = script
    told.answers["/federate"] = answer
    told.answers["/api/v1/query"] = _query
    with Server(url) as server:
        assert len(server.snapshot("up")) == 2


def test_federate_that_refuses(script: tuple[str, Scripted]) -> None:
    """An error of /federate is that error, and no way around."""
    url, told = script
    told.answers["/federate"] = (503, TEXT, b"too many series")
    with Server(url) as server, pytest.raises(ServerError, match="too many series"):
        server.snapshot("up")


def test_json_without_end(script: tuple[str, Scripted]) -> None:
    """Brackets within brackets are no answer, however many come."""
    url, told = script
    told.answers["/api/v1/labels"] = (200, {}, b"[" * 100_000)
    with Server(url) as server, pytest.raises(BodyError, match="expected JSON"):
        server.label_names()


# PromQL


def test_query(script: tuple[str, Scripted]) -> None:
    """An expression is sent as a form, and a vector comes back with its remarks."""
    url, told = script
    found = [{"metric": {"code": "500"}, "value": [1.5, "NaN"]}]
    told.answers["/api/v1/query"] = good(
        {"resultType": "vector", "result": found},
        warnings=["PromQL warning: a gauge?"],
        infos=["PromQL info: look"],
    )
    with Server(url, timeout=90) as server:
        vector = server.query("rate(x[5m])", 1500)

    assert isinstance(vector, Vector)
    assert list(vector.labels) == [Labels(code="500")]
    assert math.isnan(vector.values[0])
    assert vector.timestamp == 1500
    assert vector.annotations.warnings == ("PromQL warning: a gauge?",)
    assert vector.annotations.infos == ("PromQL info: look",)
    method, _, params, _ = told.asked[0]
    assert method == "POST"
    assert params[:3] == [("query", "rate(x[5m])"), ("time", "1.500"), ("timeout", "90")]


@pytest.mark.parametrize(
    ("kind", "result", "expected"),
    [
        ("scalar", [2, "+Inf"], Scalar(math.inf, 2000)),
        ("string", [2, "a"], "a"),
        (
            "matrix",
            [{"metric": {"a": "b"}, "values": [[1, "0"], [2.25, "1e3"]]}],
            [Series(Labels(a="b"), ((1000, 0.0), (2250, 1000.0)))],
        ),
        ("vector", [], []),
    ],
)
def test_results(
    script: tuple[str, Scripted], kind: str, result: object, expected: object
) -> None:
    """Each kind of result is that of promlatest.promql."""
    url, told = script
    told.answers["/api/v1/query"] = good({"resultType": kind, "result": result})
    with Server(url) as server:
        assert server.query("x") == expected


def test_query_range(script: tuple[str, Scripted]) -> None:
    """A range goes out in seconds, and a matrix comes back."""
    url, told = script
    found = [{"metric": {}, "values": [[0, "1"], [15, "2"]]}]
    told.answers["/api/v1/query_range"] = good({"resultType": "matrix", "result": found})
    with Server(url) as server:
        matrix = server.query_range("x", 0, 15_000, 15)

    assert matrix == [Series(Labels(), ((0, 1.0), (15_000, 2.0)))]
    assert told.asked[0][2][:4] == [
        ("query", "x"),
        ("start", "0.000"),
        ("end", "15.000"),
        ("step", "15"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        {"resultType": "histogram", "result": []},
        {"resultType": "vector", "result": [{"metric": {}}]},
        {"resultType": "vector", "result": [{"metric": {}, "value": [1, "x"]}]},
        [],
    ],
)
def test_results_of_another_shape(script: tuple[str, Scripted], data: object) -> None:
    """A result that is none of the API's is an error that says so."""
    url, told = script
    told.answers["/api/v1/query"] = good(data)
    with Server(url) as server, pytest.raises(BodyError, match="expected data as"):
        server.query("x")


def test_another_result_than_asked_for(script: tuple[str, Scripted]) -> None:
    """A range query gives a matrix, and nothing else."""
    url, told = script
    told.answers["/api/v1/query_range"] = good({"resultType": "scalar", "result": [1, "1"]})
    with Server(url) as server, pytest.raises(BodyError, match="expected a matrix for x"):
        server.query_range("x", 0, 1000, 1)


# What a server says is wrong


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            bad(400, "bad_data", "1:2: parse error: unexpected"),
            "400 Bad Request: it cannot read the question: 1:2: parse error: unexpected",
        ),
        (
            bad(422, "execution", "too many samples"),
            f"422 {HTTPStatus(422).phrase}: it read the question but cannot answer it:"
            " too many samples",
        ),
        (
            bad(429, "too_many_requests", "slow down", **{"Retry-After": "7"}),
            "429 Too Many Requests: it was asked too often, or for too much; it asks to"
            " come again in 7 s: slow down",
        ),
        (
            bad(503, "timeout", "query timed out"),
            "503 Service Unavailable: it is not ready, or gave the question up:"
            " query timed out",
        ),
        (
            (401, {}, b""),
            "401 Unauthorized: it wants credentials; give an Authorization in headers=",
        ),
        (
            (404, {"Content-Type": "text/plain"}, b"404 page not found\n"),
            "404 Not Found: it has no Prometheus API there; is a path missing, as"
            " /prometheus?: 404 page not found",
        ),
        (
            (302, {"Location": "/login"}, b""),
            "302 Found: it redirects to /login; give the address that it leads to",
        ),
        (
            (502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>"),
            "502 Bad Gateway: a proxy in front of it got no answer from it",
        ),
    ],
)
def test_refusals(script: tuple[str, Scripted], answer: object, words: str) -> None:
    """Each refusal has its status, what it means, and the server's own reason."""
    url, told = script
    told.answers["/api/v1/metadata"] = answer  # type: ignore[assignment]
    with Server(url) as server, pytest.raises(ServerError) as caught:
        server.metadata()

    assert str(caught.value) == f"{url}: {words}"
    assert caught.value.status == answer[0]  # type: ignore[index]


def test_a_refusal_as_data(script: tuple[str, Scripted]) -> None:
    """A program can tell refusals apart, and when to come again."""
    url, told = script
    told.answers["/api/v1/metadata"] = bad(429, "limit", "slow", **{"Retry-After": "7"})
    with Server(url) as server, pytest.raises(ServerError) as caught:
        server.metadata()

    error = caught.value
    assert (error.kind, error.reason, error.retry_after) == ("limit", "slow", 7.0)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"warnings": ["store-1: connection refused"]}, "store-1: connection refused"),
        ({"isPartial": True}, "a part of it did not answer"),
    ],
)
def test_partial_answers(script: tuple[str, Scripted], more: dict, words: str) -> None:
    """What is not complete is refused, unless it may be."""
    url, told = script
    told.answers["/api/v1/metadata"] = good({}, **more)
    with Server(url) as server, pytest.raises(PartialAnswerError, match=words):
        server.metadata()
    with Server(url, partial=True) as server:
        assert server.metadata() == {}


def test_all_or_nothing_is_asked_for(script: tuple[str, Scripted]) -> None:
    """Thanos and VictoriaMetrics are told to refuse in place of a partial answer."""
    url, told = script
    with Server(url) as server:
        server.metadata()
    with Server(url, partial=True) as server:
        server.metadata()

    assert told.asked[0][2] == [
        ("partial_response", "false"),
        ("deny_partial_response", "1"),
    ]
    assert told.asked[1][2] == []


def test_remarks_of_the_engine_are_no_gaps(script: tuple[str, Scripted]) -> None:
    """A warning about the question does not make an answer partial."""
    url, told = script
    told.answers["/api/v1/metadata"] = good({}, warnings=["PromQL info: a gauge?"])
    with Server(url) as server:
        assert server.metadata() == {}


@pytest.mark.parametrize("data", [None, 3, {"lat": 3}, {"lat": [3]}])
def test_data_of_another_shape(script: tuple[str, Scripted], data: object) -> None:
    """Data that is not the API's is an error that says so."""
    url, told = script
    told.answers["/api/v1/metadata"] = good(data)
    with Server(url) as server, pytest.raises(BodyError, match="expected data as"):
        server.metadata()


def test_no_json(script: tuple[str, Scripted]) -> None:
    """A good status without JSON is no answer; the beginning of it is shown."""
    url, told = script
    told.answers["/api/v1/metadata"] = (200, {}, b"<html>hello")
    with Server(url) as server, pytest.raises(BodyError, match="got '<html>hello'"):
        server.metadata()


# The connection


def test_gzip(script: tuple[str, Scripted]) -> None:
    """A packed answer is unpacked."""
    url, told = script
    status, headers, body = good(TOLD)
    packed = {**headers, "Content-Encoding": "gzip"}
    told.answers["/api/v1/metadata"] = (status, packed, gzip.compress(body))
    with Server(url) as server:
        assert "lat" in server.metadata()


@pytest.mark.parametrize("pack", [False, True], ids=["plain", "gzip"])
def test_a_body_is_bounded(script: tuple[str, Scripted], pack: bool) -> None:
    """A body past the bound is not read to its end, packed or not."""
    url, told = script
    body = b" " * 10_000_000
    headers = {"Content-Encoding": "gzip"} if pack else {}
    sent = gzip.compress(body) if pack else body
    told.answers["/api/v1/metadata"] = (200, headers, sent)
    with Server(url, max_bytes=100_000) as server, pytest.raises(LimitError) as caught:
        server.metadata()

    assert caught.value.allowed == 100_000


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "phase"),
    [
        ((b"HTTP/1.1 200 ", *[b"O"] * 90), "headers"),
        ((b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 90), "headers"),
        ((HEAD, *[b"{"] * 90), "body"),
    ],
    ids=["status", "headers", "body"],
)
def test_one_deadline_for_everything(pieces: tuple[bytes, ...], phase: str) -> None:
    """A server that sends drop by drop is given up when the time is over."""
    with (
        raw(*pieces, pause=0.05, hold=True) as url,
        Server(url, timeout=1) as server,
        pytest.raises(TimeoutExceededError, match=r"within 1 s") as caught,
    ):
        server.metadata()

    assert caught.value.phase == phase
    assert url.sent < len(pieces)


@pytest.mark.parametrize(
    ("pieces", "kind", "words"),
    [
        ((HEAD + b"{",), BodyError, "broke off"),
        ((b"SSH-2.0-x\r\n",), ConnectError, "does not speak HTTP"),
        ((b"",), ConnectError, "without an answer|does not speak"),
        (
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnope",),
            BodyError,
            "could not be unpacked",
        ),
    ],
    ids=["body", "protocol", "nothing", "gzip"],
)
def test_broken_answers(
    pieces: tuple[bytes, ...], kind: type[Exception], words: str
) -> None:
    """What breaks off, or is something else, is said so."""
    with raw(*pieces) as url, Server(url) as server, pytest.raises(kind, match=words):
        server.metadata()


def test_nobody_listens() -> None:
    """A refused connection is a ConnectError with the address."""
    with raw() as url:
        pass
    with Server(url) as server, pytest.raises(ConnectError, match=f"{url}: connection"):
        server.metadata()


def test_an_unknown_host() -> None:
    """A name that nobody knows is said so."""
    gone = (ConnectError, TimeoutExceededError)
    with Server("http://nobody.invalid") as server, pytest.raises(gone, match="nobody"):
        server.metadata()


def test_a_handshake_has_the_same_deadline() -> None:
    """A server that never shakes hands is given up when the time is over."""
    with raw(hold=True) as url:
        address = url.replace("http:", "https:")
        with Server(address, timeout=0.3) as server, pytest.raises(TimeoutExceededError):
            server.metadata()


@pytest.mark.parametrize("trusted", [False, True])
def test_tls(trusted: bool) -> None:
    """A context given is who is trusted."""
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    theirs = ssl.create_default_context()
    if trusted:
        authority.configure_trust(theirs)
    with scripted() as (url, told):
        told.answers["/api/v1/metadata"] = good(TOLD)
        told.context = ours
        with Server(url.replace("http:", "https:"), context=theirs) as server:
            if trusted:
                assert "lat" in server.metadata()
            else:
                with pytest.raises(ConnectError, match="certificate is not trusted"):
                    server.metadata()


@pytest.mark.parametrize(
    "url", ["", "localhost:9090", "ftp://x", "http://", "http://x?a=1"]
)
def test_addresses(url: str) -> None:
    """A server has an address of http or https."""
    with pytest.raises(UsageError, match="expected a server's address"):
        Server(url)


def test_a_wrong_address_does_not_show_its_password() -> None:
    """A password in an address that cannot be read stays out of the error."""
    with pytest.raises(UsageError) as caught:
        Server("http://me:secret@host:port")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("timeout", [0, -1, math.nan])
def test_timeouts(timeout: float) -> None:
    """A timeout is a time."""
    with pytest.raises(UsageError, match="timeout"):
        Server("http://localhost", timeout=timeout)


@pytest.mark.parametrize(
    "headers", [{"a": "secret\nb"}, {"a\n": "b"}, {"a": 1}, [("a", "b")]]
)
def test_headers_that_cannot_be(headers: object) -> None:
    """A header that cannot be sent is refused where it is given, without its value."""
    with pytest.raises(UsageError) as caught:
        Server("http://localhost", headers=headers)  # type: ignore[arg-type]

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("expr", [None, 1, b"up", "\ud800"], ids=ascii)
def test_expressions_are_texts(expr: object) -> None:
    """What is no text is not sent: `None` is the name of a metric, too."""
    with Server("http://localhost") as server:
        with pytest.raises(UsageError, match="expected an expression"):
            server.query(expr)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="expected an expression"):
            server.query_range(expr, 0, 1, 1)  # type: ignore[arg-type]
