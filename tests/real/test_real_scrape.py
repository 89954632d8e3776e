"""promlatest and the real Prometheus scrape the same exporters with the same
scrape_config, also through the death of one, and with authentication and TLS in front."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest
import trustme
from programs import Programs, Prometheus, agree, configured, get, wait_for

from promlatest import Labels, Store
from promlatest._matching.floats import normalise_bound
from promlatest.scrape import Scraper
from promlatest.testing._process import free_port

pytestmark = pytest.mark.real

SECONDS = 30
ROUNDS = 6  # so often the exporters' answers are renewed
TIMED = "scrape_duration_seconds"  # the one series that must differ
BASIC = "Basic cHJvbTpzM2NyZXQ="  # prom:s3cret
BEARER = "Bearer t0ken"


class Front:
    """Stands before an exporter and gives the same answer to all who ask, until it is
    renewed; it can be killed and brought back at the same port.

    Args:
        url: of the exporter.
        tls: to speak TLS with.
        authorization: the header that one must have.
    """

    def __init__(
        self, url: str, tls: ssl.SSLContext | None = None, authorization: str = ""
    ) -> None:
        self.url, self.tls, self.authorization = url, tls, authorization
        self.port = free_port()
        self.seen: dict[str, int] = {}
        self.refused = 0
        self.connections: list[socket.socket] = []
        self.renew()

    def renew(self) -> None:
        self.play(*get(self.url))

    def play(self, body: bytes, content_type: str = "text/plain; version=0.0.4") -> None:
        self.answer = body, content_type
        self.seen = {}

    def start(self) -> None:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                front.connections.append(self.connection)

            def do_GET(self) -> None:
                if front.authorization not in ("", self.headers.get("Authorization")):
                    front.refused += 1
                    self.send_error(401)
                    return
                program = self.headers["User-Agent"].partition("/")[0]
                front.seen[program] = front.seen.get(program, 0) + 1
                body, content_type = front.answer
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # who hangs up is no error of ours

        self.server = Server(("127.0.0.1", self.port), Handler)
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        for connection in self.connections:  # they would outlive the listener
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()


@attrs.frozen
class Pair:
    """The two programs, and what they scrape."""

    real: Prometheus
    store: Store
    fronts: dict[str, Front]

    def settled(self) -> bool:
        """Whether both have scraped what all fronts answer now, and shown it: the third
        time that one asks, the second is shown, and no series of it is an added one."""
        return all(
            front.seen.get(program, 0) >= 3
            for front in self.fronts.values()
            for program in ("Prometheus", "promlatest")
        )

    def differences(self) -> dict[Labels, object]:
        found: dict[Labels, object] = {}
        for job in self.fronts:
            theirs, mine = stored(self.real, job), held(self.store, job)
            for labels in {*theirs, *mine}:
                both = theirs.get(labels), mine.get(labels)
                if not same(*both):
                    found[labels] = both
        return found

    def compare(self) -> None:
        wait_for("both scrapes", self.settled)
        agree(self.differences)


def same(one: tuple[str, float] | None, other: tuple[str, float] | None) -> bool:
    if one is None or other is None:
        return False
    if one[0] == TIMED:
        return True
    return one[1] == other[1] or (math.isnan(one[1]) and math.isnan(other[1]))


def stored(real: Prometheus, job: str) -> dict[Labels, tuple[str, float]]:
    found = real.instant(json.dumps(job).join(("{job=", "}")))
    return {
        with_bounds(each["metric"]): (each["metric"]["__name__"], float(each["value"][1]))
        for each in found
    }


def held(store: Store, job: str) -> dict[Labels, tuple[str, float]]:
    points = store.select(json.dumps(job).join(("{job=", "}")))
    return {with_bounds(dict(p.labels)): (p.metric, p.value) for p in points}


def with_bounds(labels: dict[str, str]) -> Labels:
    """Debian's 2.42 does not normalise `le` and `quantile` yet (F-3)."""
    bounds = {
        name: normalise_bound(labels[name]) for name in ("le", "quantile") if name in labels
    }
    return Labels({**labels, **bounds})


@contextmanager
def pair(
    home: Path, programs: Programs, front: Callable[[str, str], Front], more: dict[str, Any]
) -> Iterator[Pair]:
    """Both programs with one configuration, which is JSON and so YAML."""
    fronts = {job: front(job, url) for job, url in programs.urls.items()}
    configs = [
        {
            "job_name": job,
            "scrape_interval": "1s",
            "static_configs": [
                {"targets": [f"127.0.0.1:{each.port}"], "labels": {"env": "real"}}
            ],
            "relabel_configs": [
                {
                    "source_labels": ["__address__"],
                    "regex": r"(.*):\d+",
                    "target_label": "host",
                }
            ],
            "metric_relabel_configs": [
                {
                    "source_labels": ["__name__"],
                    "regex": "go_memstats_.*",
                    "action": "drop",
                },
                {
                    "source_labels": ["__name__"],
                    "regex": "go_(gc)_.*",
                    "target_label": "part",
                },
            ],
            **more.get(job, {}),
        }
        for job, each in fronts.items()
    ]
    config = home / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": configs}))
    store = Store()
    with ExitStack() as stack:
        for each in fronts.values():
            each.start()
            stack.callback(each.stop)
        real = stack.enter_context(configured(config))
        stack.enter_context(Scraper.from_config(store, config))
        yield Pair(real, store, fronts)


def test_the_same_as_prometheus(
    programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """For 30 s every series, value and series about scrapes is what Prometheus has, also
    after one exporter was killed and has come back."""
    home = tmp_path_factory.mktemp("plain")
    with pair(home, programs, lambda job, url: Front(url), {}) as both:
        began = time.monotonic()
        for number in range(ROUNDS):
            for front in both.fronts.values():
                front.renew()
            both.compare()
            time.sleep(max(0.0, began + (number + 1) * SECONDS / ROUNDS - time.monotonic()))

        dead = both.fronts["etcd"]
        dead.stop()
        wait_for("the death to be seen", lambda: _up(both, "etcd") == ({0.0}, {0.0}))
        agree(both.differences)
        assert len(held(both.store, "etcd")) == 5

        dead.renew()
        dead.start()
        both.compare()
        wait_for("the return to be seen", lambda: _up(both, "etcd") == ({1.0}, {1.0}))

        dead.play(b"a 1\n# HELP b B.\nb 2\nc{ 3\nd 4\n")
        both.compare()
        assert _up(both, "etcd") == ({0.0}, {0.0})


def _up(both: Pair, job: str) -> tuple[set[float], set[float]]:
    found = stored(both.real, job), held(both.store, job)
    real, ours = ({v for n, v in each.values() if n == "up"} for each in found)
    return real, ours


def test_the_same_with_authentication_and_tls(
    programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same through TLS with a CA, a server name, a client certificate and tokens."""
    home = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(home / "ca.pem")
    (home / "token").write_text("t0ken\n")
    client = authority.issue_cert("prom@test")
    client.cert_chain_pems[0].write_to_path(home / "client.pem")
    client.private_key_pem.write_to_path(home / "client.key")
    fronts = {
        "node": ("node.test", BASIC, False),
        "alertmanager": ("127.0.0.1", BEARER, False),
        "etcd": ("etcd.test", "", True),
    }
    trust = {"ca_file": "ca.pem"}
    more = {
        "node": {
            "scheme": "https",
            "basic_auth": {"username": "prom", "password": "s3cret"},
            "tls_config": {**trust, "server_name": "node.test"},
        },
        "alertmanager": {
            "scheme": "https",
            "authorization": {"credentials_file": "token"},
            "tls_config": trust,
        },
        "etcd": {
            "scheme": "https",
            "tls_config": {
                **trust,
                "server_name": "etcd.test",
                "cert_file": "client.pem",
                "key_file": "client.key",
            },
        },
    }

    def front(job: str, url: str) -> Front:
        name, authorization, mutual = fronts[job]
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(tls)
        if mutual:
            authority.configure_trust(tls)
            tls.verify_mode = ssl.CERT_REQUIRED
        return Front(url, tls, authorization)

    with pair(home, programs, front, more) as both:
        for _ in range(2):
            both.compare()
            for each in both.fronts.values():
                each.renew()
        assert [each.refused for each in both.fronts.values()] == [0, 0, 0]
