"""Everything that an endpoint can do to a scraper, by a real server on loopback.

For each fault: the deadline holds, memory stays within a bound, another target keeps its
rhythm, the store keeps what it had as stale, the error says what happened, and the next
good scrape recovers.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import scrape_servers
from scrape_servers import BODY, GOOD, Servers

from promlatest import Store
from promlatest.exceptions import (
    BodyError,
    ConnectError,
    ContentTypeError,
    EndpointError,
    LimitError,
    ParseError,
    StatusError,
    TimeoutExceededError,
)
from promlatest.scrape import Job, Relabel, ScrapeLimits, Scraper, ScrapeResult, Target

pytestmark = pytest.mark.slow

TIMEOUT = 1.5  # s, of what never comes to its end
PATIENCE = 60.0  # s, of the rest: however busy the machine is with other things
BODY_LIMIT = 1 << 20
# A body is held twice while its parts are joined; beside it there is the buffer of
# the wire, one piece of what gzip unpacks, and the text that is read: 3 characters of it a byte.
MEMORY = 6 * BODY_LIMIT
BEAT = 0.1  # s, the rhythm of the neighbour
# Seconds of CPU of this process from one tick of the loop to the next: what others do on
# the machine, and when they answer, does not count; what a thread works that keeps the
# interpreter to itself, does. On a busy machine it was 0.08 at the most.
TICK = 0.01
LONGEST_TURN = 0.5 if sys.gettrace() is None else 1.0  # coverage looks at every line


async def tick(turns: list[float]) -> None:
    """On an event loop: what is worked before it gets round to the next tick."""
    while True:
        before = time.process_time()
        await asyncio.sleep(TICK)
        turns.append(time.process_time() - before)


@dataclass
class Bench:
    """A scraper with a target that is tried, and a neighbour that must not notice."""

    store: Store
    scraper: Scraper
    servers: Servers
    name: str
    beats: list[object]  # the scrapes of the neighbour
    turns: list[float] = field(default_factory=list)

    @property
    def source(self) -> str:
        return self.servers.url(self.name)

    def scrape(self, fault: str) -> ScrapeResult:
        self.servers.play(self.name, fault)
        return self.scraper.scrape(self.source)

    def start_beating(self) -> None:
        """Forget what was before."""
        self.beats.clear()
        self.turns.clear()
        self.ticking = self.scraper._thread.submit(tick(self.turns))

    def longest_turn(self) -> float:
        """Since then and until now."""
        ticks = len(self.turns)
        while len(self.turns) < ticks + 2:
            time.sleep(TICK)
        self.ticking.cancel()
        return max(self.turns)


_names = (f"tried-{number}" for number in itertools.count())


@pytest.fixture
def bench(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """With a timeout as the parameter of the test, or else of a minute."""
    store, beats, name = Store(), [], next(_names)
    neighbour = servers.url("neighbour")
    tried = Job(
        name="tried",
        interval=3600,
        timeout=getattr(request, "param", PATIENCE),
        limits=ScrapeLimits(body_size=BODY_LIMIT),
    )
    store.subscribe(
        lambda change: beats.append(change) if change.source.name == neighbour else None
    )
    scraper = Scraper.of_jobs(
        store,
        [
            (Job(name="next", interval=BEAT), [Target.parse(neighbour)]),
            (tried, [Target.parse(servers.url(name))]),
        ],
    )
    with scraper:
        yield Bench(store, scraper, servers, name, beats)


# What is played, what the scrape fails with, and a piece of what it says.
FAULTS: list[tuple[str, type[EndpointError], str]] = [
    # It takes its time.
    ("silent", TimeoutExceededError, "answer to begin"),
    ("slow_status", TimeoutExceededError, "answer to begin"),
    ("slow_headers", TimeoutExceededError, "answer to begin"),
    ("slow_body", TimeoutExceededError, "middle of the body"),
    ("slow_redirects", TimeoutExceededError, "no complete answer within 1.5 s"),
    # It has no end.
    ("endless_body", LimitError, "body_size of 1048576 bytes"),
    ("endless_chunks", LimitError, "body_size of 1048576 bytes"),
    ("tiny_chunks", EndpointError, ""),
    ("endless_headers", BodyError, "more than 256 headers"),
    ("endless_header", BodyError, "a header of its answer is longer than 8,192 bytes"),
    ("endless_status", BodyError, "another protocol"),
    ("endless_continue", TimeoutExceededError, "answer to begin"),
    ("endless_chunk_extension", BodyError, "chunk of its body is longer than 4,096 bytes"),
    ("endless_trailers", BodyError, "more than 256 trailers"),
    ("endless_gzip_members", LimitError, "body_size of 1048576 bytes"),
    ("endless_error_body", StatusError, "500 Internal Server Error"),
    # It is larger than it looks, or than is allowed.
    ("gzip_bomb", LimitError, "body_size"),
    ("large", LimitError, "its Content-Length reached the limit body_size"),
    ("million_labels", LimitError, "body_size"),
    ("long_line", LimitError, "body_size"),
    # It breaks off, or says one thing and does another.
    ("length_too_long", BodyError, "broke off before its announced end"),
    ("length_twice", BodyError, "two different lengths"),
    ("chunks_cut", BodyError, "broke off"),
    ("chunks_cut_inside", BodyError, "broke off"),
    ("chunks_cut_at_the_end", BodyError, "broke off"),
    ("gzip_cut", BodyError, "gzip body broke off"),
    ("gzip_broken", BodyError, "gzip body cannot be unpacked"),
    ("brotli", BodyError, "'br' was not asked for"),
    ("reset", EndpointError, ""),
    ("header_cut", ConnectError, "closed the connection without an answer"),
    ("closes", ConnectError, "closed the connection without an answer"),
    # It is something else.
    ("not_http", BodyError, "it is an SSH server"),
    ("http09", BodyError, "another protocol"),
    ("html", ContentTypeError, "a web page; is /metrics the right path?"),
    ("json", ContentTypeError, "JSON"),
    ("no_content_type", ContentTypeError, "the answer has none"),
    ("unknown_content_type", ContentTypeError, "application/x-what"),
    ("status_204", StatusError, "204 No Content"),
    ("status_400", StatusError, "does it want https://?"),
    ("status_401", StatusError, "kubectl create token"),
    ("status_403", StatusError, "nonResourceURLs: [/t/tried"),
    ("status_404", StatusError, "most programs serve their metrics at /metrics"),
    ("status_500", StatusError, "its own log says why"),
    ("status_503", StatusError, "not ready"),
    ("redirect_loop", LimitError, "more than 10 redirects"),
    ("redirect_to_file", StatusError, "what is no web address"),
    ("redirect_to_no_host", StatusError, "what is no web address"),
    ("redirect_to_nothing", StatusError, "what is no web address"),
    # It has a mistake in it.
    ("bad_utf8", ParseError, "line 2, column"),
    ("bad_line", ParseError, "line 42, column 13"),
    ("bad_first_line", ParseError, "line 1, column"),
    ("openmetrics_cut", ParseError, "EOF"),
]


def _timeout(kind: type[EndpointError]) -> float:
    return TIMEOUT if kind in (TimeoutExceededError, EndpointError) else PATIENCE


@pytest.mark.parametrize(
    ("bench", "fault", "kind", "words"),
    [(_timeout(kind), fault, kind, words) for fault, kind, words in FAULTS],
    ids=[f[0] for f in FAULTS],
    indirect=["bench"],
)
def test_fault(bench: Bench, fault: str, kind: type[EndpointError], words: str) -> None:
    """A fault costs its target one scrape, and nobody anything else (C-12)."""
    _until(lambda: bench.scrape("good").up)
    before = bench.store.query("depth", job="tried")
    bench.start_beating()

    started = time.monotonic()
    failed = bench.scrape(fault)
    took = time.monotonic() - started

    assert isinstance(failed.error, kind), failed.error
    assert words in str(failed.error)
    assert str(failed.error).startswith(bench.source)
    assert bench.longest_turn() < LONGEST_TURN
    assert bench.beats or not (took > 10 * BEAT or kind is TimeoutExceededError)
    assert bench.store.query("depth", job="tried") == []
    assert [p.value for p in bench.store.query("up", job="tried")] == [0.0]
    stale = bench.store.select('depth{job="tried"}', stale=True)
    assert [tuple(point) for point in stale] == [tuple(point) for point in before]
    assert all(point.stale for point in stale)

    again = bench.scrape("good")

    assert again.up
    assert [p.value for p in bench.store.query("depth", job="tried")] == [
        p.value for p in before
    ]
    bench.store._check()


def test_every_fault_is_documented() -> None:
    """The table of docs/scrape.md has every fault that is tested here."""
    page = (Path(__file__).parent.parent / "docs" / "scrape.md").read_text()

    assert [fault for fault, _, _ in FAULTS if f"`{fault}`" not in page] == []


HUNGRY = [
    "endless_body", "endless_chunks", "tiny_chunks", "endless_headers", "endless_header",
    "endless_status", "endless_continue", "endless_chunk_extension", "endless_trailers",
    "endless_gzip_members", "endless_redirect_body", "gzip_bomb", "million_labels",
    "long_line",
]  # fmt: skip


@pytest.mark.parametrize(
    ("bench", "fault"),
    [(TIMEOUT, fault) for fault in HUNGRY],
    ids=HUNGRY,
    indirect=["bench"],
)
def test_memory(bench: Bench, fault: str) -> None:
    """No answer takes more memory than six times the limit on bodies (C-2)."""
    bench.scrape("good")
    tracemalloc.start(1)
    try:
        bench.scrape(fault)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MEMORY


# What is no fault, although it may look like one.
FINE = [
    ("gzip", 40), ("gzip_two_members", 40), ("chunks", 1), ("http10", 40), ("empty", 0),
    ("nul", 1), ("length_too_short", 1), ("redirect_here", 40), ("endless_redirect_body", 40),
]  # fmt: skip


@pytest.mark.parametrize(("played", "samples"), FINE, ids=[f[0] for f in FINE])
def test_fine(bench: Bench, played: str, samples: int) -> None:
    """What HTTP and the format allow is a good scrape (C-2, C-3)."""
    result = bench.scrape(played)

    assert result.error is None
    assert result.samples == samples


def test_empty_body(bench: Bench) -> None:
    """An answer of no bytes is healthy, and takes all series away (C-3)."""
    bench.scrape("good")

    result = bench.scrape("empty")

    assert result.up
    assert result.removed == 40
    assert bench.store.query("depth", job="tried") == []
    assert [p.value for p in bench.store.query("up", job="tried")] == [1.0]


def test_vanished_series(bench: Bench) -> None:
    """A series that is exposed no more is gone with the next scrape (C-17)."""
    bench.scrape("good")

    result = bench.scrape("other")

    assert (result.added, result.removed) == (1, 39)
    assert len(bench.store.query("depth", job="tried")) == 1


def test_duplicates(bench: Bench) -> None:
    """Of a series exposed twice the first sample counts, and the scrape is good (C-15)."""
    result = bench.scrape("duplicates")

    assert result.up
    assert (result.samples, result.kept, result.duplicates) == (3, 3, 1)
    assert [p.value for p in bench.store.query("depth", job="tried")] == [1.0]


def cuts(text: bytes, every: int) -> list[int]:
    return sorted({*range(0, len(text), every), len(text) - 1})


@pytest.mark.parametrize("how", ["cut", "reset"])
def test_cut_anywhere(bench: Bench, how: str) -> None:
    """An answer that ends or is reset at any byte is never taken for a whole one (C-20)."""
    # One answer in 13 of 1100 bytes, and each of those around the end of the headers.
    head = GOOD.index(b"\r\n\r\n")
    places = sorted({*cuts(GOOD, 13), *range(head - 2, head + 6)})

    taken = [place for place in places if bench.scrape(f"{how}_{place}").up]

    assert taken == []
    assert bench.scrape("good").up


def test_cut_at_every_line(bench: Bench) -> None:
    """A shorter body with the right length is a good scrape of fewer series (C-20)."""
    lines = BODY.count(b"\n")

    kept = [bench.scrape(f"lines_{count}").samples for count in range(lines + 1)]

    assert kept == [0, *range(lines)]


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        (ScrapeLimits(samples=39), "samples"),
        (ScrapeLimits(labels=3), "labels"),
        (ScrapeLimits(label_name_length=7), "label_name_length"),
        (ScrapeLimits(label_value_length=8), "label_value_length"),
        (ScrapeLimits(body_size=len(BODY)), "body_size"),
    ],
)
def test_limit(servers: Servers, limits: ScrapeLimits, limit: str) -> None:
    """Past a limit nothing of a scrape is kept, and the error names the limit (C-11, C-13)."""
    store = Store()
    with Scraper(store, [servers.url("limited")], job=Job(limits=limits)) as scraper:
        result = scraper.scrape()

    assert isinstance(result.error, LimitError)
    assert result.error.limit == limit
    assert store.query("depth") == []


@pytest.mark.parametrize(
    ("fault", "limit"), [("million_labels", "labels"), ("long_line", "label_value_length")]
)
def test_long_lines(bench: Bench, fault: str, limit: str) -> None:
    """A body within its limit whose lines are not is refused, in time and memory (C-11)."""
    url = bench.servers.url("long")
    bench.servers.play("long", fault)
    bench.scraper.add(url, job=Job(interval=3600, timeout=PATIENCE))
    bench.scraper.scrape(url)
    bench.start_beating()
    tracemalloc.start(1)
    try:
        result = bench.scraper.scrape(url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert isinstance(result.error, LimitError)
    assert result.error.limit == limit
    assert peak < 10 * (10 << 20)
    assert bench.longest_turn() < LONGEST_TURN


def test_body_size_limit_is_exact(servers: Servers) -> None:
    """A body of exactly the limit is refused, one byte less is taken (C-2)."""
    found = [
        _scraped(servers.url("exact"), ScrapeLimits(body_size=len(BODY) + more)).up
        for more in (0, 1)
    ]

    assert found == [False, True]


def _scraped(url: str, limits: ScrapeLimits) -> ScrapeResult:
    scraper = Scraper(Store(), [url], job=Job(limits=limits))
    try:
        return scraper.scrape()
    finally:
        scraper.stop()


def test_samples_are_counted_past_the_limit(servers: Servers) -> None:
    """A scrape over sample_limit still reports how many samples there were (C-13)."""
    store = Store()
    with Scraper(store, [servers.url("n")], job=Job(limits=ScrapeLimits(samples=1))) as s:
        s.scrape()

    assert store.query("scrape_samples_scraped")[0].value == 40.0


@pytest.mark.parametrize(
    ("limits", "counted"),
    [
        (ScrapeLimits(samples=2), (6, 5)),
        (ScrapeLimits(label_value_length=10), (5, 4)),
        (ScrapeLimits(label_name_length=8), (2, 1)),
        (ScrapeLimits(labels=4), (5, 4)),
        (ScrapeLimits(body_size=20), (0, 0)),
    ],
)
def test_counts_past_a_limit(limits: ScrapeLimits, counted: tuple[float, float]) -> None:
    """What is reported of a scrape past a limit is what Prometheus reports: all samples
    for sample_limit, those up to the first that is too much for a limit on labels, and
    none where the body is too large (C-13)."""
    text = (
        b'a{x="1"} 1\nlong_label{long_name="1"} 1\na{x="2"} 1\nb 2\n'
        b'a{x="12345678901",y="1"} 1\ndropped 1\n'
    )
    store, rule = (
        Store(),
        Relabel(source_labels=["__name__"], regex="dropped", action="drop"),
    )
    target = Target.of(lambda: text, labels={"instance": "i"})
    job = Job(name="j", limits=limits, metric_relabel=(rule,))
    with Scraper(store, [target], job=job) as scraper:
        scraper.scrape()

    names = ("scrape_samples_scraped", "scrape_samples_post_metric_relabeling")
    assert tuple(store.query(name)[0].value for name in names) == counted


def test_hanging_target_among_200(servers: Servers) -> None:
    """With 200 targets at 100 ms and one that hangs, the others are scraped as often as it
    is, or more often, and each as often as the next."""
    servers.play("hanging", "silent")
    names = [f"many{number}" for number in range(199)]
    store = Store()
    counts: dict[str, int] = {}

    def count(change: object) -> None:
        name = change.source.name  # type: ignore[attr-defined]
        counts[name] = counts.get(name, 0) + 1

    store.subscribe(count)
    targets = [*map(servers.url, names), servers.url("hanging")]
    with Scraper(store, targets, interval=0.1, timeout=0.1):
        _until(lambda: len(counts) == 200)
        counts = dict.fromkeys(counts, 0)
        _until(lambda: min(counts.values()) >= 6)
    hanging = counts.pop(servers.url("hanging"))

    # 2000 scrapes a second take a whole core. On one that is shared all come to less.
    assert min(counts.values()) >= hanging - 2
    assert min(counts.values()) >= max(counts.values()) / 3


def _until(reached: Callable[[], bool], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_restarted_server() -> None:
    """After a restart counters begin anew, and what they count is taken as it is."""
    store = Store()

    def values(metric: str) -> list[float]:
        return [point.value for point in store.query(metric)]

    with scrape_servers.start() as first:
        url, port = first.url("restarted"), first.http
        first.play("restarted", "counter")
        scraper = Scraper(store, [url], interval=3600)
        for _ in range(5):
            assert scraper.scrape().up
    started = values("process_start_time_seconds")
    assert values("jobs_total") == [5.0]

    gone = scraper.scrape()

    assert isinstance(gone.error, ConnectError)
    assert f"go run ./cmd/main.go --metrics-bind-address=:{port}" in str(gone.error)
    assert values("jobs_total") == []
    with scrape_servers.start(port=port) as second:
        second.play("restarted", "counter")
        assert scraper.scrape().up
    assert values("jobs_total") == [1.0]
    assert values("process_start_time_seconds") > started
    scraper.stop()
