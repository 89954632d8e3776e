"""`promlatest serve`: what listens, who may ask, and what is bounded."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import pytest
import trustme

from promlatest import Store
from promlatest.api import Api, ApiResponse, _server
from promlatest.api._server import Listener, is_local_name, is_loopback
from promlatest.cli import main

pytestmark = pytest.mark.slow

T = TypeVar("T")

PAGE = "".join(f'depth{{queue="q{n}"}} {n}\n' for n in range(100))


@pytest.fixture
def api() -> Api:
    store = Store()
    store.ingest(PAGE)
    return Api(store)


@contextmanager
def listening(api: Any, **options: Any) -> Iterator[Listener]:
    """A listener in an event loop of its own; its `url` is where."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    listener = Listener(api, "127.0.0.1", 0, **options)
    listener.url = run(listener.start())  # type: ignore[attr-defined]
    try:
        yield listener
    finally:
        run(listener.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def address(listener: Any) -> tuple[str, int]:
    parts = urlsplit(listener.url)
    return parts.hostname or "", parts.port or 0


class Got(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    listener: Any, path: str = "/metrics", body: bytes | None = None, **headers: str
) -> Got:
    connection = http.client.HTTPConnection(*address(listener), timeout=60)
    try:
        connection.request("POST" if body else "GET", path, body, headers)
        answer = connection.getresponse()
        return Got(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def send(listener: Any, *pieces: bytes, pause: float = 0.02) -> bytes:
    """What comes back for bytes sent in pieces, until the connection ends."""
    with socket.create_connection(address(listener), timeout=60) as client:
        for piece in pieces:
            client.sendall(piece)
            time.sleep(pause)
        return read(client)


def read(client: socket.socket) -> bytes:
    found = b""
    while part := client.recv(1 << 16):
        found += part
    return found


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


# Who may ask


def test_it_answers(api: Api) -> None:
    """A GET and a POST with a form are answered on the port."""
    with listening(api) as at:
        assert json.loads(ask(at, "/api/v1/label/queue/values?limit=1").body) == {
            "status": "success",
            "data": ["q0"],
            "warnings": ["results truncated due to limit"],
        }
        form = b"match%5B%5D=depth%7Bqueue%3D%22q1%22%7D"
        assert b'"q1"' in ask(at, "/api/v1/series", form, **FORM).body
        escaped = "/api/v1/label/%71ueue/values?match[]=depth%7Bqueue=%22q1%22%7D"
        assert json.loads(ask(at, escaped).body)["data"] == ["q1"]


def test_a_token(api: Api) -> None:
    """With a token, nothing is answered without it, as bearer token or as password."""
    basic = base64.b64encode(b"any:secret").decode()
    with listening(api, token="secret") as at:
        assert ask(at).status == 401
        assert ask(at).headers["WWW-Authenticate"].startswith("Basic")
        assert ask(at, Authorization="Bearer wrong").status == 401
        assert ask(at, Authorization="Basic !").status == 401
        assert ask(at, Authorization="Bearer secret").status == 200
        assert ask(at, Authorization=f"Basic {basic}").status == 200


def test_a_name_that_leads_here(api: Api) -> None:
    """On loopback a page whose name was made to lead here reads nothing; with a token
    it would have to know it."""
    with listening(api) as at:
        assert ask(at, Host="evil.example:9090").status == 421
        assert ask(at, Host="localhost:9090").status == 200
    with listening(api, token="t") as at:
        assert ask(at, Host="shop.example", Authorization="Bearer t").status == 200


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("localhost:9090", True),
        ("a.localhost:1", True),
        ("127.0.0.1:9090", True),
        ("10.1.2.3", True),
        ("[::1]:9090", True),
        ("", False),
        ("example.org", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
    ],
)
def test_local_names(host: str, local: bool) -> None:
    """An address cannot be made to lead elsewhere, a name can."""
    assert is_local_name(host) is local


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("x", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    """Which addresses only this machine can reach."""
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("origin", ["", "https://grafana.example"])
def test_pages_of_others(api: Api, origin: str) -> None:
    """No page of another origin may read an answer, unless its origin was given."""
    with listening(api, origin=origin) as at:
        told = ask(at).headers.get("Access-Control-Allow-Origin", "")

    assert told == origin


@pytest.mark.parametrize("origin", ["", "https://grafana.example"])
def test_what_a_browser_asks_before(api: Api, origin: str) -> None:
    """A page of an origin that may ask may send the token: the browser asks for leave
    first, and without the token."""
    request = b"OPTIONS /api/v1/query HTTP/1.0\r\nHost: localhost\r\n\r\n"
    with listening(api, origin=origin, token="secret") as at:
        found = send(at, request)

    assert found.startswith(b"HTTP/1.1 200 ")
    assert (b"Access-Control-Allow-Headers: Authorization" in found) is bool(origin)


def test_the_page_gets_no_script(api: Api) -> None:
    """The browser is told that the page has none, whatever a label holds."""
    with listening(api) as at:
        policy = ask(at, "/").headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_tls(api: Api) -> None:
    """With a certificate it is https."""
    authority = trustme.CA()
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    authority.configure_trust(theirs)
    with listening(api, context=ours) as at:
        url: str = at.url  # type: ignore[attr-defined]
        assert url.startswith("https://")
        with urllib.request.urlopen(f"{url}/-/ready", context=theirs) as answer:
            assert answer.status == 200


# HTTP


def test_a_form_in_whatever_case(api: Api) -> None:
    """The media type of a form is the same in capitals."""
    form = {"Content-Type": "Application/X-WWW-Form-URLEncoded; charset=UTF-8"}
    with listening(api) as at:
        assert b'"q1"' in ask(at, "/api/v1/series", b"match[]=depth", **form).body


def test_requests_one_after_the_other(api: Api) -> None:
    """A connection is kept, and requests that were sent ahead are answered in turn."""
    one = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with listening(api) as at:
        found = send(at, one * 3 + last)

    assert found.count(b"200 OK") == 4
    assert found.count(b"is ready") == 3
    assert found.endswith(b"promlatest is healthy.\n")


def test_a_request_in_pieces(api: Api) -> None:
    """Wherever a request is cut, it is the same request."""
    form = b"match[]=depth&limit=1"
    whole = (
        b"POST /api/v1/series HTTP/1.0\r\nHost: localhost\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(form), form)
    )
    with listening(api) as at:
        answers = {
            send(at, whole[:cut], whole[cut:], pause=0.005).partition(b"\r\n\r\n")[2]
            for cut in range(1, len(whole), 7)
        }

    assert len(answers) == 1
    assert b"truncated" in answers.pop()


def test_a_head(api: Api) -> None:
    """HEAD has the length of the answer and no body."""
    request = b"HEAD /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n"
    with listening(api) as at:
        head, _, body = send(at, request).partition(b"\r\n\r\n")
        length = len(ask(at).body)

    assert body == b""
    assert b"Content-Length: %d\r\n" % length in head


def test_leave_to_send_a_form(api: Api) -> None:
    """A client that waits for leave to send its form gets it."""
    head = (
        b"POST /api/v1/labels HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    )
    with listening(api) as at:
        found = send(at, head, b"a=b")

    assert found.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


HEAD = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET http://a/b HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (HEAD + b"no colon\r\n\r\n", 400),
        (HEAD + b" folded: a\r\n\r\n", 400),
        (HEAD + b"A : b\r\n\r\n", 400),
        (HEAD + b"A: \0\r\n\r\n", 400),
        (HEAD + b"Host: other\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", 411),
        (HEAD + b"Content-Length: 1048577\r\n\r\n", 413),
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
        (HEAD + b"A: " + b"b" * 17_000, 431),
        (b"GET /?" + b"a&" * 3000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ],
)
def test_what_is_no_request(api: Api, request_: bytes, status: int) -> None:
    """What cannot be read, or means two things, is refused, and the connection ends."""
    with listening(api) as at:
        found = send(at, request_)

    assert found.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in found


# What is bounded


class Waiting:
    """An API whose question /slow waits until it may go on."""

    def __init__(self, body: bytes = b"") -> None:
        self.go = threading.Event()
        self.body = body

    def answer(self, _: str, path: str, __: object) -> ApiResponse:
        if path == "/slow":
            assert self.go.wait(60)
        return ApiResponse(200, "text/plain", self.body)


def test_a_client_that_says_no_more(api: Api) -> None:
    """Who closes its side after asking still gets every answer."""
    one = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with listening(api) as at, socket.create_connection(address(at), timeout=60) as client:
        client.sendall(one * 5)
        client.shutdown(socket.SHUT_WR)

        assert read(client).count(b"promlatest is ready") == 5


def test_a_client_that_breaks_off(api: Api) -> None:
    """Who closes its side in the middle of a request is hung up on."""
    with listening(api) as at, socket.create_connection(address(at), timeout=60) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        client.shutdown(socket.SHUT_WR)

        assert read(client) == b""


def test_a_long_question_keeps_nobody_waiting() -> None:
    """Others are answered while a question takes long."""
    api = Waiting(b"done")
    with listening(api) as at:
        slow = socket.create_connection(address(at), timeout=60)
        slow.sendall(b"GET /slow HTTP/1.0\r\nHost: localhost\r\n\r\n")
        for _ in range(3):
            assert ask(at, "/quick").status == 200
        api.go.set()

        assert read(slow).endswith(b"done")
        slow.close()


def test_a_thousand_clients(api: Api) -> None:
    """Each of a thousand clients at once gets its whole answer."""
    with listening(api) as at, ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address(at), timeout=60))
            for _ in range(1000)
        ]
        for n, client in enumerate(clients):
            query = f'match[]=depth{{queue="q{n % 100}"}}'.replace('"', "%22")
            client.sendall(
                f"GET /api/v1/series?{query} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
            )
        for n, client in enumerate(clients):
            assert f'"queue":"q{n % 100}"'.encode() in read(client)


def test_a_connection_too_many(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the most connections one is told to come again."""
    monkeypatch.setattr(_server, "_CONNECTIONS", 2)
    with listening(api) as at, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(socket.create_connection(address(at)))
        until(lambda: len(at.connections) == 2)
        found = send(at)

    assert found.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in found


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: loc", b"HTTP/1.1 408 "),
        (b"POST /api/v1/series HTTP/1.1\r\nContent-Length: 9\r\n\r\nmat", b"HTTP/1.1 408 "),
    ],
    ids=["nothing", "head", "form"],
)
def test_who_is_slow(
    api: Api, monkeypatch: pytest.MonkeyPatch, sent: bytes, status: bytes
) -> None:
    """Who connects and does not send a whole request is told so, and cut off."""
    monkeypatch.setattr(_server, "_SLOW", 0.1)
    monkeypatch.setattr(_server, "_SWEEP", 0.05)
    with listening(api) as at:
        assert send(at, sent)[: len(status) or 1] == status


def test_an_idle_connection_ends(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that nobody uses any more is closed."""
    monkeypatch.setattr(_server, "_IDLE", 0.1)
    monkeypatch.setattr(_server, "_SWEEP", 0.05)
    with listening(api) as at:
        assert b"200 OK" in send(at, HEAD + b"\r\n")


def test_who_does_not_take_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads nothing is cut off, and its answer let go."""
    monkeypatch.setattr(_server, "_SLOW", 0.3)
    monkeypatch.setattr(_server, "_SWEEP", 0.05)
    with (
        listening(Waiting(b"x" * 20_000_000)) as at,
        socket.create_connection(address(at)) as client,
    ):
        client.sendall(HEAD + b"\r\n")
        until(lambda: at.sending > 0)
        until(lambda: at.sending == 0)
        until(lambda: not at.connections)


def test_answers_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too much waits to be taken, the next is told to come again."""
    monkeypatch.setattr(_server, "_SENDING", 25_000_000)
    with listening(Waiting(b"x" * 20_000_000)) as at:
        with socket.create_connection(address(at)) as client:
            client.sendall(HEAD + b"\r\n")
            until(lambda: at.sending > 10_000_000)
            assert ask(at).status == 503
        until(lambda: at.sending == 0)
        assert ask(at).status == 200


@pytest.mark.parametrize("cheap", [False, True])
def test_an_error_of_ours(caplog: pytest.LogCaptureFixture, cheap: bool) -> None:
    """What goes wrong here is a 500 without a word of the inside, and is logged."""

    class Broken:
        broken = not cheap

        def answer(self, *_: object) -> ApiResponse:
            if self.broken:
                raise RuntimeError("secret inside")
            return ApiResponse(200, "text/plain", b"")

    api = Broken()
    with listening(api) as at:
        if cheap:
            assert ask(at).status == 200
            api.broken = True
        status, _, body = ask(at)

    assert (status, b"secret" in body) == (500, False)
    assert "secret inside" in caplog.text


# The command


@contextmanager
def served(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "promlatest", "serve", "--port", "0", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        body: bytes = answer.read()
        return body


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it well, with connections open."""
    page = tmp_path / "page.prom"
    page.write_text(PAGE)
    with served(str(page)) as (process, url):
        until(lambda: b"depth" in get(f"{url}/metrics"))
        kept = http.client.HTTPConnection(urlsplit(url).netloc)
        kept.request("GET", "/-/healthy")
        kept.getresponse().read()

        process.send_signal(number)

        assert process.wait(60) == 0
        kept.close()


LONG = "max_over_time(sum(depth + depth)[8m:1ms])"  # half a minute, if it may


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nobody_holds_it_up(tmp_path: Path, number: signal.Signals) -> None:
    """A signal ends it whoever is there: clients that say nothing, that ask half a
    question or take no answer, long questions, and a target that does not answer."""
    page = tmp_path / "page.prom"
    page.write_text("".join(f'depth{{queue="{n:0>500}"}} {n}\n' for n in range(20_000)))
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        process, url = stack.enter_context(served(str(page), target, "--partial"))
        until(lambda: b"20000" in get(f"{url}/api/v1/query?query=count(depth)"))

        def say(text: str) -> socket.socket:
            where = urlsplit(url)
            client = socket.create_connection((where.hostname, where.port), timeout=60)
            client.sendall(text.encode())
            return stack.enter_context(client)

        host = " HTTP/1.1\r\nHost: localhost\r\n"
        say("")
        say(f"GET /{host}")
        say(f"GET /metrics{host}\r\n")
        for n in range(5):
            say(f"GET /api/v1/query?query={quote(f'{LONG}+{n}')}{host}\r\n")
        time.sleep(1)  # until the questions are being answered

        process.send_signal(number)

        assert process.wait(60) == 0


def test_targets_and_their_health(tmp_path: Path) -> None:
    """What is there is up, what is not is down with the reason."""
    page = tmp_path / "page.prom"
    page.write_text(PAGE)
    with served(str(page), "127.0.0.1:1") as (_, url):

        def health() -> dict[str, str]:
            targets = json.loads(get(f"{url}/api/v1/targets"))["data"]["activeTargets"]
            return {each["scrapeUrl"]: each["health"] for each in targets}

        expected = {f"file:{page}": "up", "http://127.0.0.1:1/metrics": "down"}
        until(lambda: health() == expected)


def test_the_configuration_has_no_secret(tmp_path: Path) -> None:
    """What is in force is shown, without a password of the file."""
    pytest.importorskip("yaml")
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "scrape_configs:\n- job_name: shop\n  scrape_interval: 7s\n"
        "  basic_auth: {username: me, password: secret}\n"
        "  params: {token: [secret]}\n"
        '  static_configs: [{targets: ["127.0.0.1:1"]}]\n'
    )
    with served("--config", str(config)) as (_, url):
        told = json.loads(get(f"{url}/api/v1/status/config"))["data"]["yaml"]

    assert "secret" not in told
    assert json.loads(told)["scrape_configs"][0]["job_name"] == "shop"
    assert '"7s"' in told


def test_history(tmp_path: Path) -> None:
    """--history keeps scrapes, over which a range is answered."""
    page = tmp_path / "page.prom"
    page.write_text(PAGE)
    with served(str(page), "--interval", "0.1", "--history", "5") as (_, url):
        counted = f"{url}/api/v1/query?query=max(count_over_time(depth%5B1m%5D))"
        partial = f"{counted}&partial_response=true"

        def count() -> float:
            found = json.loads(get(partial))["data"]["result"]
            return float(found[0]["value"][1]) if found else 0.0

        until(lambda: count() == 5)


def refusal(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["serve", *words]) == 2
    return capsys.readouterr().err


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing or wrong is said before anything is scraped."""
    empty = tmp_path / "empty"
    empty.write_text("\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for words, said in (
            ((), "give at least one TARGET, --config or --demo"),
            ((":1", "--interval", "0"), "--interval must be above 0 s"),
            ((":1", "--token-file", str(empty)), "expected a token, got an empty file"),
            ((":1", "--token-file", "/nowhere"), "No such file"),
            ((":1", "--tls-key", "k"), "--tls-key needs --tls-cert"),
            ((":1", "--host", ""), "expected a name or an address behind --host"),
            ((":1", "--cors-origin", "localhost:3000"), "expected an origin"),
            ((":1", "--cors-origin", "http://a/b"), "expected an origin"),
            ((":1", "--tls-cert", str(empty)), "no certificate with its key"),
            ((":1", "--port", port), f"on 127.0.0.1:{port}: Address already in use\n"),
        ):
            assert said in refusal(*words, capsys=capsys)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "warning: whoever reaches http://0.0.0.0:"),
        (("--token-file",), "warning: the token goes over the network unencrypted"),
    ],
)
def test_a_warning_elsewhere(tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    """Listening on more than this machine is warned of."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    page = tmp_path / "page.prom"
    page.write_text(PAGE)
    words = [*more, str(token)] if more else []
    with served(str(page), "--host", "0.0.0.0", *words) as (process, _):
        process.send_signal(signal.SIGTERM)
        _, talk = process.communicate(timeout=60)
    assert said in talk
