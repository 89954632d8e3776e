"""Servers that answer as a test tells them to: whole answers, and pieces of them."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Answer = tuple[int, dict[str, str], bytes]
Params = list[tuple[str, str]]


def good(data: Any, **more: Any) -> Answer:
    document = {"status": "success", "data": data, **more}
    return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


def bad(status: int, kind: str, error: str, **headers: str) -> Answer:
    document = {"status": "error", "errorType": kind, "error": error}
    told = {"Content-Type": "application/json", **headers}
    return status, told, json.dumps(document).encode()


class Scripted:
    """Answers of paths: a fixed one, or a function of the parameters."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[Params], Answer]] = {}
        self.asked: list[tuple[str, str, Params, dict[str, str]]] = []
        self.connections = 0
        self.context: ssl.SSLContext | None = None  # to speak TLS with

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.asked]


@contextmanager
def scripted() -> Iterator[tuple[str, Scripted]]:
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            script.connections += 1

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            parts = urlsplit(self.path)
            text = parts.query + "&" + self.rfile.read(length).decode()
            params = parse_qsl(text, keep_blank_values=True)
            script.asked.append((self.command, parts.path, params, dict(self.headers)))
            found = script.answers.get(parts.path, (404, {}, b"404 page not found\n"))
            status, headers, body = found(params) if callable(found) else found
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def get_request(self) -> Any:
            connection, address = self.socket.accept()
            if script.context is not None:
                connection.settimeout(10)
                try:
                    connection = script.context.wrap_socket(connection, server_side=True)
                except OSError:
                    connection.close()  # the client does not trust us
                    raise
            return connection, address

        def handle_error(self, *_: object) -> None:
            pass  # a client that has seen enough hangs up

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Raw(str):
    """The URL of a server, and how many pieces it has sent."""

    sent = 0


@contextmanager
def raw(*pieces: bytes, pause: float = 0.0, hold: bool = False) -> Iterator[Raw]:
    """A server that sends these pieces to whoever connects, whatever was asked.

    Args:
        pieces: what it sends, one after the other.
        pause: seconds between two of them.
        hold: keep the connection open at the end.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    if pieces:
                        connection.recv(65536)
                    for piece in pieces:
                        connection.sendall(piece)
                        url.sent += 1
                        over.wait(pause)
                    if hold:
                        over.wait(30)
                except OSError:
                    pass  # the client has seen enough

    url = Raw(f"http://127.0.0.1:{listener.getsockname()[1]}")
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield url
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)
