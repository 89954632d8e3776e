"""A small HTTP server on 127.0.0.1, in a thread of its own: what fake targets and sinks
stand on. One that is never closed does not keep the process alive."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final


class LoopbackServer(ThreadingHTTPServer):
    """A server that runs from now on, until it is stopped.

    Args:
        handler: makes the answers.
        owner: what they come from, for the handler.

    Attributes:
        owner: the same.
        stopped: whether it was.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler: type[LoopbackHandler], owner: Any) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.owner: Final = owner
        self.stopped: Final = threading.Event()
        self._thread: Final = threading.Thread(
            target=self.serve_forever,
            args=(0.05,),
            name=f"promlatest-{type(owner).__name__}",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop it. Again does nothing."""
        self.stopped.set()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class LoopbackHandler(BaseHTTPRequestHandler):
    """Answers whole bodies."""

    server: LoopbackServer

    def log_message(self, *_: Any) -> None:
        """Log nothing: the report belongs to the test."""

    def send(
        self, status: int, body: bytes, content_type: str, sent: bytes | None = None
    ) -> None:
        """Send an answer, or of its body only what is `sent`."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if sent is None else sent)
