"""promlatest and the real Prometheus, asked for the same odd answers: what is taken, what
is refused, and what is counted of it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from programs import Prometheus, agree, configured, wait_for

from promlatest import Labels, Store
from promlatest.scrape import Scraper

pytestmark = pytest.mark.real

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
BODY = (
    b'a{x="1"} 1\na{x="2"} 2\nb 3\na{x="2",y="%b"} 4\n'
    b'a{a_long_name="1"} 5\ndropped 6\nc 7\n' % (b"0123456789" * 4)
)


def whole(body: bytes, head: bytes = OK) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


ANSWERS = {
    "whole": whole(BODY),
    "chunks_and_length": CHUNKED + b"Content-Length: 3\r\n\r\n4\r\na 1\n\r\n0\r\n\r\n",
    "two_equal_lengths": OK + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\na 1\n",
    "two_lengths": OK + b"Content-Length: 4\r\nContent-Length: 3\r\n\r\na 1\n",
    "more_than_promised": whole(b"a 1\n") + b"b 2\n",
    "less_than_promised": OK + b"Content-Length: 9\r\n\r\na 1\n",
    "another_coding": OK + b"Transfer-Encoding: gzip\r\n\r\na 1\n",
    "bad_chunk": CHUNKED + b"\r\nxyz\r\na 1\n\r\n0\r\n\r\n",
    "chunk_extension": CHUNKED + b"\r\n4;a=b\r\na 1\n\r\n0\r\nX: y\r\n\r\n",
    "folded": OK + b"X-A: b\r\n c\r\nContent-Length: 4\r\n\r\na 1\n",
    "line_feeds": whole(b"a 1\n").replace(b"\r\n", b"\n"),
    "early_hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole(b"a 1\n"),
    "no_reason": whole(b"a 1\n").replace(b"200 OK", b"200"),
    "until_the_end": OK + b"Connection: close\r\n\r\na 1\n",
    "http10": whole(b"a 1\n").replace(b"1.1", b"1.0", 1),
    "no_content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "created": whole(b"a 1\n").replace(b"200 OK", b"201 Created"),
    "redirect_to_nowhere": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    "a_blank_before_the_colon": OK + b"X-A : b\r\nContent-Length: 4\r\n\r\na 1\n",
    "a_length_of_words": OK + b"Content-Length: four\r\n\r\na 1\n",
}
LIMITS = {
    "sample_limit": 2,
    "label_limit": 4,
    "label_name_length_limit": 10,
    "label_value_length_limit": 30,
    "body_size_limit": "20B",
}


@contextmanager
def server() -> Iterator[int]:
    """Gives to each path the answer of its name, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # who waited for too long hangs up
            if asked := connection.recv(65536):
                connection.sendall(ANSWERS[asked.split(b" ", 2)[1].decode().strip("/")])
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65536)

    def serve() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(accepted,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def configuration(port: int) -> dict[str, object]:
    """A job for each answer, one for each limit, and one whose timing is seen."""
    rules = [{"source_labels": ["__name__"], "regex": "dropped", "action": "drop"}]
    common = {
        "scrape_interval": "1s",
        "metric_relabel_configs": rules,
        "static_configs": [{"targets": [f"127.0.0.1:{port}", f"127.0.0.1:{port}"]}],
    }
    jobs = [{"job_name": name, "metrics_path": f"/{name}", **common} for name in ANSWERS]
    jobs += [
        {"job_name": limit, "metrics_path": "/whole", limit: value, **common}
        for limit, value in LIMITS.items()
    ]
    timing = ["__scrape_interval__", "__scrape_timeout__"]
    relabel = [{"source_labels": timing, "target_label": "timing"}]
    times = {"scrape_interval": "1500ms", "scrape_timeout": "1s"}
    timed = {**common, "metrics_path": "/whole", "relabel_configs": relabel, **times}
    return {"scrape_configs": [*jobs, {"job_name": "timed", **timed}]}


def test_odd_answers(tmp_path: Path) -> None:
    """Of every answer and every limit both take and report the same."""
    with server() as port:
        config = tmp_path / "prometheus.yml"
        config.write_text(json.dumps(configuration(port)))
        store = Store()
        with (
            configured(config) as real,
            Scraper.from_config(store, config) as scraper,
        ):
            jobs = [*ANSWERS, *LIMITS, "timed"]
            wait_for(
                "every job", lambda: all(real.instant(f'up{{job="{j}"}}') for j in jobs)
            )
            scraper.scrape_all()

            def differences() -> dict[str, object]:
                scraper.scrape_all()
                return {
                    job: (ours, theirs)
                    for job in jobs
                    if (ours := _held(store, job)) != (theirs := _stored(real, job))
                }

            agree(differences)


# A second and a first scrape differ in these.
_TIMED = ("scrape_duration_seconds", "scrape_series_added")


def _held(store: Store, job: str) -> dict[Labels, float]:
    points = store.select(f'{{job="{job}"}}')
    return {Labels(p.labels): p.value for p in points if p.metric not in _TIMED}


def _stored(real: Prometheus, job: str) -> dict[Labels, float]:
    return {
        Labels(each["metric"]): float(each["value"][1])
        for each in real.instant(f'{{job="{job}"}}')
        if each["metric"]["__name__"] not in _TIMED
    }
