"""Serves bodies that move: each client gets the next one whenever it asks.

`/metrics?client=NAME` plays the case that `/play?case=NAME` chose; `/served?client=NAME`
tells how often; `/static?name=NAME` always gives the same, and `/keep?name=NAME&url=URL`
has it give what a program answered just now. It runs in a process of its own, so that its CPU time is nobody's.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from benchmarks.bench_histogram import histograms
from benchmarks.bodies import Body, moving, there_and_back
from benchmarks.peers.serve import served_body
from benchmarks.series import all_series

CASES: Final = {
    "nothing changed": (0.0, True),
    "10 % clustered": (0.1, True),
    "10 % uniform": (0.1, False),
    "100 %": (1.0, True),
}


class Player:
    """The bodies, and how far each client has come."""

    def __init__(self, size: int, queried: int, seed: int) -> None:
        self.moves = {
            case: moving(size, share, clustered=clustered, seed=seed, steps=8)
            for case, (share, clustered) in CASES.items()
        }
        self.static = {
            "series": queries_body(queried).bytes,
            "histograms": histograms(1_000, seed).bytes,
            "served": served_body(),
        }
        self.served: Counter[str] = Counter()
        self.play(next(iter(CASES)))

    def play(self, case: str) -> None:
        self.case = case
        self.places: dict[str, Iterator[bytes]] = {}

    def next(self, client: str) -> bytes:
        if client not in self.places:
            self.places[client] = there_and_back(self.moves[self.case])
        self.served[client] += 1
        return next(self.places[client])


def queries_body(size: int) -> Body:
    """The series of the query benchmarks."""
    series = [
        f'{name}{{controller="{controller}",shard="{shard}"}}'
        for name, controller, shard in all_series(size)
    ]
    return Body(series, ["1"] * len(series))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    player: Player

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        self._answer(self._body(url.path, asked))

    def _body(self, path: str, asked: dict[str, str]) -> bytes:
        player = self.player
        if path == "/metrics":
            return player.next(asked["client"])
        if path == "/static":
            player.served[asked["name"] + asked["client"]] += 1
            return player.static[asked["name"]]
        if path == "/keep":
            with urlopen(asked["url"], timeout=10) as answer:
                player.static[asked["name"]] = answer.read()
        if path == "/play":
            player.play(asked["case"])
        return str(player.served[asked.get("client", "")]).encode()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _main(port: str, size: str, queried: str, seed: str) -> None:
    _Handler.player = Player(int(size), int(queried), int(seed))
    ThreadingHTTPServer(("127.0.0.1", int(port)), _Handler).serve_forever()


if __name__ == "__main__":
    _main(*sys.argv[1:])
