"""promlatest.remote against a Prometheus and a VictoriaMetrics that scraped the same page:
what is asked of a store is asked of them, and the answers are equal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from programs import Frozen, Prometheus, configured, running, wait_for

from promlatest import DataPoint, Labels, Metadata, Queryable, Store
from promlatest.exceptions import ServerError
from promlatest.promql import Matrix, Scalar, Vector
from promlatest.remote import Server
from promlatest.testing import ScrapeTarget
from promlatest.testing._process import free_port

pytestmark = pytest.mark.real

SHOP = '{job="shop"}'
NOT_KEPT = {Labels(__name__="odd", k="nan")}  # by VictoriaMetrics
BOUNDS = ["0.1", "0.5", "1.0", "5.0", "+Inf"]


def page(handlers: int) -> bytes:
    lines = ["# HELP lat_seconds Latency.", "# TYPE lat_seconds histogram"]
    for handler in range(handlers):
        for at, bound in enumerate(BOUNDS):
            labels = f'handler="/h{handler}",le="{bound}"'
            lines.append(f"lat_seconds_bucket{{{labels}}} {(at + 1) * (handler % 7 + 1)}")
        lines.append(f'lat_seconds_sum{{handler="/h{handler}"}} {handler * 0.37}')
        count = len(BOUNDS) * (handler % 7 + 1)
        lines.append(f'lat_seconds_count{{handler="/h{handler}"}} {count}')
    lines += ["# TYPE requests_total counter", 'requests_total{code="200"} 5']
    lines += ["# TYPE odd gauge", 'odd{k="nan"} NaN', 'odd{k="inf"} +Inf']
    lines += ['odd{k="tiny"} 5e-324', 'odd{k="text",v="a\\\\b\\"c\\nä"} -1.5']
    return ("\n".join(lines) + "\n").encode()


@contextmanager
def victoria(config: Path) -> Iterator[Prometheus]:
    address = f"127.0.0.1:{free_port()}"
    url = f"http://{address}"
    words = (
        f"-promscrape.config={config}",
        f"-storageDataPath={config.parent / 'victoria'}",
        f"-httpListenAddr={address}",
        "-search.latencyOffset=1s",  # by default it hides the last 30 s
    )
    with running("victoria-metrics", f"{url}/health", "victoria-metrics", *words):
        yield Prometheus(url)  # it answers as one


SERVERS = {"prometheus": configured, "victoria-metrics": victoria}


@pytest.fixture(scope="module")
def frozen() -> Iterator[Frozen]:
    with Frozen() as frozen:
        frozen.answers["/metrics"] = (page(100), "text/plain; version=0.0.4")
        yield frozen


@pytest.fixture(scope="module")
def urls(
    frozen: Frozen, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    config = tmp_path_factory.mktemp("servers") / "prometheus.yml"
    job = {
        "job_name": "shop",
        "scrape_interval": "5s",  # and so long it may take: nothing is missed
        "static_configs": [{"targets": [frozen.address]}],
    }
    config.write_text(json.dumps({"scrape_configs": [job]}))
    with ExitStack() as stack:
        found = {
            name: stack.enter_context(start(config)).url for name, start in SERVERS.items()
        }
        for name, url in found.items():
            with Server(url) as server:
                wait_for(f"every series of {name}", lambda: is_complete(server))
        yield found


def is_complete(server: Server) -> bool:
    """Whether the whole page is shown, both ways: VictoriaMetrics does so bit by bit."""
    shown = server.query(SHOP)
    assert isinstance(shown, Vector)
    return all(lacking(found) <= NOT_KEPT for found in (shown, server.snapshot(SHOP)))


def lacking(found: Iterable[DataPoint]) -> set[Labels]:
    """Which series of the page are not among these."""
    store = Store()
    store.ingest(page(100))
    held = {point.labels.without("instance", "job") for point in found}
    return {point.labels for point in store} - held


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest, urls: dict[str, str]) -> Iterator[Server]:
    with Server(urls[request.param]) as server:
        yield server


@pytest.fixture(params=["federate", "query"])
def way(request: pytest.FixtureRequest) -> Callable[[Server], Server]:
    """The two ways of a snapshot: /federate, and the query API."""

    def take(server: Server) -> Server:
        server._federates = request.param == "federate"
        return server

    return take


def test_a_snapshot_has_every_series(
    server: Server,
    way: Callable[[Server], Server],
    frozen: Frozen,
    request: pytest.FixtureRequest,
) -> None:
    """Every series of the page is there, with its value and the time of its scrape.

    VictoriaMetrics keeps no NaN, and 15 digits of a number.
    """
    now = way(server).snapshot(SHOP)

    store = Store()
    store.ingest(page(100))
    held = {point.labels.without("instance", "job"): point for point in now}
    assert isinstance(now, Queryable)
    exact = "victoria" not in request.node.name
    assert lacking(now) <= (set() if exact else NOT_KEPT)
    for point in store:
        if point.labels in held:
            found = held[point.labels]
            assert same(found.value, point.value, exact), point.labels
            assert abs(found.timestamp - time.time() * 1000) < 60_000
            assert found.labels["instance"] == frozen.address


def same(there: float, here: float, exact: bool) -> bool:
    return repr(there) == repr(here) or (not exact and there == pytest.approx(here, 1e-14))


def test_histograms(server: Server, way: Callable[[Server], Server]) -> None:
    """A histogram of a snapshot is that of the process."""
    store = Store()
    store.ingest(page(100))
    now = way(server).snapshot('{__name__=~"lat_seconds_.*"}')

    for handler in ("/h0", "/h5", "/h99"):
        there = now.histogram("lat_seconds", handler=handler)
        here = store.histogram("lat_seconds", handler=handler)
        assert there.quantile(0.9) == here.quantile(0.9)
        assert (there.count, there.sum) == (here.count, pytest.approx(here.sum, 1e-14))
    assert len(now.histograms("lat_seconds")) == 100


def test_the_harness(server: Server, way: Callable[[Server], Server]) -> None:
    """The assertions of the test harness run over production."""
    remote = way(server)
    with ScrapeTarget(lambda: remote.exposition('{job="shop"}')) as shop:
        assert shop.value("requests_total", code="200") == 5
        shop.assert_absent("requests_total", code="500", unknown_ok=True)
        assert shop.histogram("lat_seconds", handler="/h3").count == 20


def test_promql(server: Server) -> None:
    """Expressions are answered by the server, with our types."""
    vector = server.query('requests_total{code="200"} * 2')
    assert isinstance(vector, Vector)
    assert vector.values == [10.0]
    scalar = server.query("1 + 1")
    assert (
        float(scalar.value if isinstance(scalar, Scalar) else vector_value(scalar)) == 2.0
    )


def test_a_range(server: Server) -> None:
    """A range is answered by the server, a step for each whole second since its scrape."""

    def last_minute() -> Matrix:
        end = int(time.time()) * 1000
        matrix = server.query_range('requests_total{code="200"}', end - 60_000, end, 1)
        assert isinstance(matrix, Matrix)
        return matrix

    matrix = wait_for("a whole second since the first scrape", last_minute)
    assert {value for _, value in matrix[0].samples} == {5.0}


def vector_value(result: object) -> float:
    """VictoriaMetrics answers a number as a vector without labels."""
    assert isinstance(result, Vector)
    return result.values[0]


def test_a_refused_expression(server: Server) -> None:
    """What the server cannot read is an error with its own words."""
    with pytest.raises(ServerError) as caught:
        server.query("sum(")

    assert caught.value.status in (400, 422)
    assert caught.value.reason


def test_lists(server: Server) -> None:
    """Series, label names and values are those of the page."""
    assert {each["code"] for each in server.series('requests_total{job="shop"}')} == {"200"}
    assert "handler" in server.label_names()
    assert len(server.label_values("handler")) == 100


def test_metadata(urls: dict[str, str]) -> None:
    """Prometheus tells types and help; a snapshot has them."""
    with Server(urls["prometheus"]) as server:
        told = server.snapshot("requests_total").metrics()

    assert told["requests_total"] == Metadata("counter")


def own_names(server: Server) -> set[str]:
    return {point.metric for point in server.snapshot('{__name__=~"stays|goes"}')}


def test_stale_series_are_gone(tmp_path: Path, way: Callable[[Server], Server]) -> None:
    """A series that vanished from its target is in no snapshot any more."""
    with Frozen() as target:
        target.answers["/metrics"] = (b"stays 1\ngoes 1\n", "text/plain; version=0.0.4")
        config = tmp_path / "prometheus.yml"
        job = {
            "job_name": "j",
            "scrape_interval": "1s",
            "static_configs": [{"targets": [target.address]}],
        }
        config.write_text(json.dumps({"scrape_configs": [job]}))
        with configured(config) as real, Server(real.url) as asked:
            server = way(asked)
            wait_for("a scrape", lambda: own_names(server) == {"stays", "goes"})
            target.answers["/metrics"] = (b"stays 1\n", "text/plain; version=0.0.4")
            wait_for("staleness", lambda: own_names(server) == {"stays"})
