"""HTTP: what is sent, to whom, and what is never told: credentials, TLS, redirects."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from scrape_servers import Servers

from promlatest import Store
from promlatest.demo import serve
from promlatest.exceptions import (
    ConnectError,
    EndpointError,
    LimitError,
    StatusError,
    TimeoutExceededError,
)
from promlatest.scrape import (
    TLS,
    AsyncScraper,
    Auth,
    Fetched,
    Job,
    ScrapeLimits,
    Scraper,
    Target,
    fetch_once,
    scrape_once,
)
from promlatest.scrape._connection import Connection, Dialler
from promlatest.scrape._http import HttpClient, HttpTarget
from promlatest.scrape._messages import explained
from promlatest.scrape._wire import Response
from promlatest.scrape._workers import Workers

pytestmark = pytest.mark.slow

SECRET = "s3cret"


def headers_of(servers: Servers, name: str) -> dict[str, str]:
    lines = servers.last_request(name).split("\r\n")[1:]
    pairs = (line.partition(": ") for line in lines if line)
    return {key.lower(): value for key, _, value in pairs}


# What is sent


def test_request(servers: Servers) -> None:
    """A scrape asks as Prometheus does (C-1)."""
    fetch_once(
        Target.parse(servers.url("asked"), params={"name[]": ["a", "b c"]}), timeout=60.5
    )
    sent = headers_of(servers, "asked")

    assert servers.last_request("asked").startswith(
        "GET /t/asked?name%5B%5D=a&name%5B%5D=b+c HTTP/1.1"
    )
    assert sent["accept"].startswith("application/openmetrics-text;version=1.0.0;")
    assert sent["accept"].endswith("text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
    assert sent["user-agent"].startswith("promlatest/")
    assert sent["x-prometheus-scrape-timeout-seconds"] == "60.5"
    assert sent["accept-encoding"] == "identity"  # this machine: to unpack takes longer
    assert "content-type" not in sent
    assert "cookie" not in sent


def test_bearer_token(servers: Servers, tmp_path: Path) -> None:
    """A bearer token comes from a value or from a file, which is read each time (C-4)."""
    file = tmp_path / "token"
    target = Target.parse(servers.url("bearer"), auth=Auth(bearer_token_file=str(file)))
    seen = []
    for token in ("one\n", "two"):
        file.write_text(token)
        fetch_once(target)
        seen.append(headers_of(servers, "bearer")["authorization"])
    fetch_once(Target.parse(servers.url("bearer"), auth=Auth(bearer_token="three")))
    seen.append(headers_of(servers, "bearer")["authorization"])

    assert seen == ["Bearer one", "Bearer two", "Bearer three"]


def test_basic_auth(servers: Servers, tmp_path: Path) -> None:
    """Name and password come from the URL, from values or from files (C-4)."""
    file = tmp_path / "password"
    file.write_text("p:w\n")
    url = servers.url("basic")
    for target in (
        Target.parse(url.replace("//", "//us%40er:p%3Aw@")),
        Target.parse(url, auth=Auth(username="us@er", password_file=str(file))),
    ):
        fetch_once(target)
        assert headers_of(servers, "basic")["authorization"] == "Basic dXNAZXI6cDp3"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"a\nb", "more than one line"), (b"\xff", "no text")],
)
def test_bad_token_file(
    servers: Servers, tmp_path: Path, content: bytes | None, words: str
) -> None:
    """A token file that is of no use fails the scrape, and says so without the token."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    target = Target.parse(servers.url("bearer"), auth=Auth(bearer_token_file=str(file)))

    with pytest.raises(ConnectError, match=words):
        fetch_once(target)


def test_headers(servers: Servers) -> None:
    """Headers of the user are sent, and win over ours (C-4)."""
    fetch_once(Target.parse(servers.url("own"), headers={"X-A": "b", "User-Agent": "me"}))
    sent = headers_of(servers, "own")

    assert (sent["x-a"], sent["user-agent"]) == ("b", "me")


def test_connections_are_kept(servers: Servers) -> None:
    """Scrapes of one target go over one connection."""
    before = _sockets()
    scraper = Scraper(Store(), [servers.url("kept")])
    counts = []
    for _ in range(5):
        scraper.scrape()
        counts.append(_sockets())
    scraper.stop()

    assert len(set(counts)) == 1
    assert _sockets() == before


def _sockets() -> int:
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        pytest.skip("needs /proc")
    held = 0
    for entry in os.listdir(folder):
        try:
            held += os.readlink(f"{folder}/{entry}").startswith("socket")
        except FileNotFoundError:
            continue
    return held


def test_unix_socket(servers: Servers) -> None:
    """A unix socket is scraped like an address, and leads nowhere else."""
    path = servers.folder / "s.sock"
    servers.play("away_from_here", "redirect_away")

    assert b"depth" in fetch_once(f"unix:{path}:/t/good").body
    with pytest.raises(StatusError, match="away from the unix socket"):
        fetch_once(f"unix:{path}:/t/away_from_here")
    with pytest.raises(ConnectError, match="no such unix socket"):
        fetch_once("unix:/nothing.sock")


def test_a_system_without_unix_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the event loop knows none, that is what the error says."""
    monkeypatch.setattr(
        asyncio.SelectorEventLoop,
        "create_unix_connection",
        asyncio.AbstractEventLoop.create_unix_connection,
    )

    with pytest.raises(ConnectError, match="this system has no unix sockets"):
        fetch_once("unix:/app.sock")


def kept(kind: type) -> int:
    """How many objects of a kind there are."""
    gc.collect()
    return sum(isinstance(each, kind) for each in gc.get_objects())


def test_nothing_is_kept_of_targets_that_were_removed(servers: Servers) -> None:
    """Neither the trust of a target over TLS nor the connection over a unix socket."""
    with Scraper(Store(), [lambda: b"a 1\n"], interval=60) as scraper:
        contexts, sockets = kept(ssl.SSLContext), kept(socket.socket)
        for number in range(5):
            labels = {"number": str(number)}
            trust = TLS(skip_verify=True, server_name=f"s{number}")
            over_tls = Target.parse(
                f"https://127.0.0.1:{servers.tls}/t/good", tls=trust, labels=labels
            )
            unix = f"unix:{servers.folder / 's.sock'}:/t/good"
            for target in (over_tls, Target.parse(unix, labels=labels)):
                scraper.scrape(scraper.add(target))
        assert kept(ssl.SSLContext) - contexts == 5
        assert kept(socket.socket) - sockets == 10
        for target in list(scraper.targets.values())[1:]:
            scraper.remove(target)

        scraper.scrape()
        assert kept(ssl.SSLContext) == contexts
        assert kept(socket.socket) == sockets


# Redirects


CREDENTIALS = [
    {"auth": Auth(bearer_token=SECRET)},
    {"auth": Auth(username="me", password=SECRET)},
    {"headers": {"X-Api-Key": SECRET, "Cookie": SECRET}},
]


@pytest.mark.parametrize("options", CREDENTIALS, ids=["bearer", "basic", "headers"])
def test_redirect_to_another_host(servers: Servers, options: dict[str, object]) -> None:
    """On the way to another origin everything the user gave stays behind (C-2)."""
    servers.play("leaves", "redirect_away")
    fetched = fetch_once(Target.parse(servers.url("leaves"), **options))
    sent = servers.last_request("away")

    assert fetched.redirects == 1
    assert fetched.url.startswith("http://localhost:")
    assert SECRET not in sent
    assert "authorization" not in sent.lower()
    assert "x-api-key" not in sent.lower()


@pytest.mark.parametrize("options", CREDENTIALS, ids=["bearer", "basic", "headers"])
def test_redirect_to_the_same_host(servers: Servers, options: dict[str, object]) -> None:
    """On the way to the same origin credentials go along."""
    servers.play("moves", "redirect_here")
    fetch_once(Target.parse(servers.url("moves"), **options))
    sent = servers.last_request("good")

    assert SECRET in sent or "Basic bWU6" in sent


def test_redirects_may_be_refused(servers: Servers) -> None:
    """Without follow_redirects a redirect is an error."""
    servers.play("moves", "redirect_here")
    with pytest.raises(StatusError, match="302 Found: it redirects") as caught:
        scrape_once(Store(), servers.url("moves"), job=Job(follow_redirects=False))

    assert caught.value.status == 302


def test_redirects_are_counted(servers: Servers) -> None:
    """No more redirects are followed than the limit says."""
    servers.play("loops", "redirect_loop")
    with pytest.raises(LimitError, match="more than 3 redirects"):
        fetch_once(servers.url("loops"), limits=ScrapeLimits(redirects=3))


# TLS


def test_a_dial_given_up(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is given up just as TLS stands, no descriptor is closed under the event
    loop: the connection that gets its number next works."""

    async def dial_twice() -> None:
        dialler = Dialler()
        trust = ssl.create_default_context(cafile=servers.folder / "ca.pem")
        dial = dialler.dial("127.0.0.1", servers.tls, trust, "good.test")
        given_up = asyncio.create_task(dial)
        give_up = partial(asyncio.get_running_loop().call_soon, given_up.cancel)
        with monkeypatch.context() as patch:
            patch.setattr(Connection, "connection_made", lambda *_: give_up())
            await asyncio.wait([given_up])
        assert given_up.cancelled()

        connection = await dialler.dial("127.0.0.1", servers.http, None, "")
        answer = Response(0, "target")
        await connection.exchange(b"GET /t/good HTTP/1.1\r\nHost: a\r\n\r\n", answer)
        connection.close()
        assert b"depth" in answer.body

    asyncio.run(asyncio.wait_for(dial_twice(), 60))


def https(servers: Servers, port: int, **tls: object) -> Fetched:
    options = {"ca_file": str(servers.folder / "ca.pem"), **tls}
    return fetch_once(
        Target.parse(f"https://127.0.0.1:{port}/t/good", tls=TLS(**options)), timeout=60
    )


def test_tls(servers: Servers) -> None:
    """A CA, a server name, a client certificate or skip-verify make a trust (C-4)."""
    ca = (servers.folder / "ca.pem").read_text()
    client = str(servers.folder / "client.pem")
    named = {"server_name": "good.test"}

    assert https(servers, servers.tls, **named).status == 200
    assert https(servers, servers.tls, **named, ca_file="", ca=ca).status == 200
    assert https(servers, servers.tls, ca_file="", skip_verify=True).status == 200
    assert https(servers, servers.tls, **named, min_version="TLS12").status == 200
    assert https(servers, servers.mtls, **named, cert_file=client).status == 200


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        ({}, "not trusted: IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ({"server_name": "bad.test"}, "not trusted: Hostname mismatch"),
        ({"ca_file": "", "server_name": "good.test"}, "unable to get local issuer"),
        ({"ca_file": "/nothing"}, "files for TLS cannot be used: No such file"),
        ({"ca_file": "", "ca": "x"}, "files for TLS cannot be used"),
        ({"max_version": "TLS12", "min_version": "TLS13"}, ""),
    ],
)
def test_tls_failures(servers: Servers, tls: dict[str, object], words: str) -> None:
    """A certificate that is not trusted says why, and what can be given."""
    with pytest.raises(ConnectError) as caught:
        https(servers, servers.tls, **tls)

    assert words in str(caught.value)


def test_a_common_name_is_no_name(tmp_path: Path) -> None:
    """A certificate that names its host as its common name only is not trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate, both = tmp_path / "cert.pem", tmp_path / "both.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both.write_bytes(certificate.read_bytes() + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_once() -> None:
            with suppress(OSError), listener.accept()[0] as accepted:
                context.wrap_socket(accepted, server_side=True)

        threading.Thread(target=serve_once, daemon=True).start()
        target = Target.parse(
            f"https://localhost:{listener.getsockname()[1]}",
            tls=TLS(ca_file=str(certificate)),
        )
        with pytest.raises(ConnectError, match="not trusted: Hostname mismatch"):
            fetch_once(target, timeout=60)


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        (10, "certificate has expired", "its clock or yours may be wrong"),
        (18, "self-signed certificate", "give the ca_file of who signed it"),
        (62, "Hostname mismatch", "give the server_name that it is made for"),
        (64, "IP address mismatch", "give the server_name that it is made for"),
    ],
)
def test_certificates_in_words(code: int, text: str, words: str) -> None:
    """What is wrong with a certificate is told with what helps against that."""
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_code, error.verify_message = code, text

    assert words in explained(error, Target.parse("https://h"), "connect").message


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "wants a client certificate: give cert_file"),
        ("TLSV1_ALERT_UNKNOWN_CA", "does not know who signed the client certificate"),
        ("TLSV1_UNRECOGNIZED_NAME", "give another server_name"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "no version of TLS that is allowed here"),
        ("WRONG_VERSION_NUMBER", "is it http:// and not https://?"),
        ("SOMETHING_NEW", "the TLS handshake failed: SOMETHING_NEW"),
    ],
)
def test_tls_alerts_in_words(reason: str, words: str) -> None:
    """What the other end says of a handshake is told in words."""
    error = ssl.SSLError(1, reason)
    error.reason = reason

    assert words in explained(error, Target.parse("https://h"), "connect").message


def test_missing_client_certificate(servers: Servers) -> None:
    """A server that wants a client certificate and gets none is understood."""
    with pytest.raises(ConnectError, match="client certificate"):
        https(servers, servers.mtls, server_name="good.test")


def test_rotated_certificate(servers: Servers, tmp_path: Path) -> None:
    """A CA file is read anew once it has changed."""
    file = tmp_path / "ca.pem"
    file.write_text((servers.folder / "client.pem").read_text())
    tls = TLS(ca_file=str(file), server_name="good.test")
    url = f"https://127.0.0.1:{servers.tls}/t/good"
    scraper = Scraper(Store(), [Target.parse(url, tls=tls)])
    first = scraper.scrape()
    file.write_text((servers.folder / "ca.pem").read_text())
    second = scraper.scrape()
    scraper.stop()

    assert [first.up, second.up] == [False, True]


def test_the_wrong_scheme(servers: Servers) -> None:
    """http to a TLS port and https to a plain one are understood."""
    with (
        serve(port=0) as demo,
        pytest.raises(ConnectError, match="is it http:// and not https://"),
    ):
        fetch_once(demo.replace("http:", "https:"), timeout=60)
    with pytest.raises(EndpointError, match="https://"):
        fetch_once(f"http://127.0.0.1:{servers.tls}/", timeout=60)


# Nobody there


def test_refused() -> None:
    """Nobody listens on this machine: kubebuilder's flags are named (8.2)."""
    with pytest.raises(ConnectError) as caught:
        fetch_once("localhost:9")

    words = str(caught.value)
    assert words.startswith("http://localhost:9/metrics: connection refused")
    assert "go run ./cmd/main.go --metrics-bind-address=:9 --metrics-secure=false" in words


def test_unknown_host() -> None:
    """A host that is not known is named."""
    with pytest.raises(ConnectError, match=r"'nothing\.invalid' is not known"):
        fetch_once("nothing.invalid:80", timeout=60)


def test_tls_handshake_hangs(servers: Servers) -> None:
    """A server that never answers a handshake runs into the deadline."""
    with pytest.raises(TimeoutExceededError) as caught:
        fetch_once(f"https://127.0.0.1:{servers.silent}/", timeout=0.2)

    assert caught.value.phase == "connect"


def test_connecting_hangs() -> None:
    """A port whose queue is full runs into the deadline."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        with pytest.raises(TimeoutExceededError) as caught:
            fetch_once(f"127.0.0.1:{listener.getsockname()[1]}", timeout=0.2)
        for each in waiting:
            each.close()

    assert caught.value.phase == "connect"


def test_names_that_nobody_answers_for(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead names delay neither other targets nor the end."""
    release, real = threading.Event(), socket.getaddrinfo

    def slow(host: str, *args: object, **options: object) -> object:
        if host.startswith("dead"):
            release.wait(60)
            raise socket.gaierror("no answer")
        return real(host, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    store, alive = Store(), servers.url("alive").replace("127.0.0.1", "localhost")
    dead = [f"dead{number}.test:80" for number in range(10)]
    scraper = Scraper(store, [*dead, alive], interval=1)
    with scraper:
        while [p.value for p in store.query("up")].count(0.0) < 10:
            time.sleep(0.01)
        assert scraper.scrape(alive).up
        stopping = time.monotonic()
    stopped = time.monotonic() - stopping
    release.set()

    assert stopped < 30
    assert [p.value for p in store.query("up")].count(0.0) == 10


# Under asyncio, and what else a job says


async def test_asyncio(servers: Servers) -> None:
    """The same engine fetches in the loop of a program."""
    store = Store()
    async with AsyncScraper(store, [servers.url("a"), servers.url("b")], interval=0.1) as s:
        await s.wait_fresh(servers.url("a"))
        results = await s.scrape_all()

    assert [result.samples for result in results] == [40, 40]
    assert len(store.query("depth")) == 40  # one job and one instance: the same series


def test_fallback(servers: Servers) -> None:
    """With a fallback an unknown or missing Content-Type is no error (C-3)."""
    for fault in ("unknown_content_type", "no_content_type"):
        servers.play("fallback", fault)
        result = scrape_once(Store(), servers.url("fallback"), job=Job(fallback="text"))
        assert result.samples == 1
        assert fetch_once(servers.url("fallback"), fallback="text").body == b"depth 1\n"


def test_accept(servers: Servers) -> None:
    """A job may ask for fewer formats (C-1)."""
    scrape_once(Store(), servers.url("formats"), job=Job(accept="text/plain"))

    assert headers_of(servers, "formats")["accept"] == "text/plain"


def test_in_a_notebook(servers: Servers) -> None:
    """A single fetch works where a loop is running already."""

    async def cell() -> int | None:
        return fetch_once(servers.url("cell")).status

    assert asyncio.run(cell()) == 200


# Secrets


LEAKY = ["not_http", "endless_headers", "header_cut", "length_too_long", "status_401",
         "redirect_loop", "redirect_to_file", "gzip_broken", "silent", "closes", "html"]  # fmt: skip


@pytest.mark.parametrize("fault", LEAKY)
def test_secrets_are_in_no_error(
    servers: Servers, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No error, none behind it, and no line in the log shows a secret (C-4)."""
    servers.play("leaky", fault)
    store = Store()
    target = Target.parse(
        servers.url("leaky") + f"?token={SECRET}",
        auth=Auth(bearer_token=SECRET),
        headers={"X-Key": SECRET},
    )
    scraper = Scraper(store, [target], timeout=0.3)
    error: BaseException | None = scraper.scrape().error
    scraper.stop()

    assert error is not None
    assert SECRET not in caplog.text + repr(list(store)) + repr(store.sources)
    seen = []
    while error is not None:
        seen.append(error)
        assert SECRET not in repr(error) + str(error) + repr(error.args)
        error = error.__cause__ or error.__context__
    assert len(seen) == 1


LOCALS = """
from pathlib import Path
from promlatest import Store
from promlatest.scrape import *

def test_FAULT():
    token = Path(__file__).with_name("token")
    for auth in (Auth(bearer_token_file=str(token)), Auth(username="me", password_file=str(token))):
        target = Target.parse("URL", auth=auth, headers={"X-Key": token.read_text()})
        try:
            fetch_once(target, timeout=60)
        except Exception as error:
            last = error
    CALL, timeout=60)
"""
CALLS = {
    "status_401": "fetch_once(target",
    "not_http": "fetch_once(target",
    "length_too_long": "scrape_once(Store(), target",
}


def test_locals_of_a_failed_test_show_no_secret(servers: Servers, tmp_path: Path) -> None:
    """`pytest -l` prints the variables of every frame of an error; no secret is in them."""
    code = ""
    for fault, call in CALLS.items():
        servers.play(f"locals_{fault}", fault)
        url = servers.url(f"locals_{fault}")
        code += LOCALS.replace("FAULT", fault).replace("URL", url).replace("CALL", call)
    (tmp_path / "token").write_text(SECRET)
    file = tmp_path / "test_locals.py"
    file.write_text(code)
    unused = ("cacheprovider", "asyncio", "hypothesispytest", "anyio")  # half its time
    command = [sys.executable, "-m", "pytest", "-l", "--tb=long", file]
    command += [f"-pno:{plugin}" for plugin in unused]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)

    assert f"{len(CALLS)} failed" in done.stdout
    assert done.stdout.count("target     = Target(kind='http'") >= len(CALLS)
    assert SECRET not in done.stdout
    assert base64.b64encode(f"me:{SECRET}".encode()).decode() not in done.stdout


def test_errors_carry_nothing_of_the_client(servers: Servers) -> None:
    """Neither cause nor context of an error, nor its frames, lead to what was sent."""

    async def fetch() -> BaseException:
        workers = Workers("test", 1)
        client = HttpClient(workers)
        servers.play("leaky", "not_http")
        target = Target.parse(servers.url("leaky"), auth=Auth(bearer_token=SECRET))
        try:
            await HttpTarget(client, target, Job(interval=60, timeout=60)).fetch()
        except EndpointError as error:
            return error
        finally:
            workers.close()
        raise AssertionError

    error = asyncio.run(fetch())

    assert error.__cause__ is None
    assert error.__context__ is None
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert SECRET not in repr([frame.f_locals for frame in frames])
