"""The demo operator as a server on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from promlatest.demo._families import OperatorCollector
from promlatest.demo._simulation import Operator
from promlatest.exceptions import UsageError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


@contextmanager
def serve(
    port: int = 0,
    *,
    seed: int = 1,
    warmup: float = 1200.0,
    operator: Operator | None = None,
) -> Iterator[str]:
    """Serve a demo operator on 127.0.0.1 while the block runs; gives its URL.

    Like the metrics server of a released operator it answers with text 0.0.4 whatever
    is asked for, takes no notice of ``name[]``, and knows no path but ``/metrics``.

    Args:
        port: 0 picks a free one.
        seed: which story; see `Operator`.
        warmup: for how many seconds the operator has worked when the first scrape
            comes.
        operator: one of your own instead, for instance to `Operator.restart` it; it
            is served as it is, and `seed` and `warmup` mean nothing then.

    Raises:
        UsageError: the port is taken or none.
    """
    collector = OperatorCollector(
        _warm_operator(seed, warmup) if operator is None else operator,
        clock=time.monotonic,
    )
    registry = CollectorRegistry()
    registry.register(collector)
    with _listen(port, _application(registry)) as server:
        server.collector = collector
        thread = threading.Thread(
            target=server.serve_forever, args=(0.1,), name="promlatest-demo"
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/metrics"
        finally:
            server.shutdown()
            thread.join()


def _warm_operator(seed: int, warmup: float) -> Operator:
    operator = Operator(seed, start_time=time.time() - warmup)
    operator.advance(warmup)
    return operator


def _listen(port: int, application: WSGIApplication) -> _Server:
    try:
        return make_server("127.0.0.1", port, application, _Server, _Handler)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot listen on 127.0.0.1:{port}: {why}") from error


def _application(registry: CollectorRegistry) -> WSGIApplication:
    metrics = make_wsgi_app(registry)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"404 page not found\n"]
        # prometheus_client would offer OpenMetrics and filter by name[]
        asked = {**environ, "HTTP_ACCEPT": "", "QUERY_STRING": ""}
        found: Iterable[bytes] = metrics(asked, start_response)
        return found

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    """One thread for each request, all of them joined by `server_close`."""

    daemon_threads = False
    request_queue_size = 64  # with 5, one of eight scrapers at once waits for 1 s
    collector: OperatorCollector | None = None

    def service_actions(self) -> None:
        """Keep the operator going between scrapes, so that one after a night without
        any does not pay for the night."""
        if self.collector is not None:
            self.collector.catch_up()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away or fell silent."""


class _Handler(WSGIRequestHandler):
    timeout = 5.0  # seconds a silent client may hold up the end

    def log_message(self, message: str, *args: Any) -> None:
        """Log nothing: the terminal belongs to whoever started this."""
