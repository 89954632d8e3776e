"""One scrape of what needs no HTTP: files, callables, registries; and what it leaves in
the store."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily

from promlatest import Limits, Store
from promlatest.exceptions import (
    BodyError,
    ConnectError,
    LimitError,
    ParseError,
    TimeoutExceededError,
    UsageError,
)
from promlatest.scrape import (
    Job,
    Relabel,
    ScrapeLimits,
    Scraper,
    Target,
    fetch_once,
    scrape_once,
)

pytestmark = pytest.mark.slow

SYNTHETIC = [
    "scrape_duration_seconds",
    "scrape_samples_post_metric_relabeling",
    "scrape_samples_scraped",
    "scrape_series_added",
    "up",
]


def value(store: Store, metric: str, **labels: str) -> float:
    (point,) = store.query(metric, **labels)
    return point.value


def of(text: str, **labels: str) -> Target:
    return Target.of(lambda: text.encode(), labels={"instance": "i", **labels})


def test_series_about_a_scrape() -> None:
    """Every scrape brings five series with the labels of its target (C-18)."""
    store = Store()
    scrape_once(store, of('a{n="1"} 1\na{n="2"} 2\nb 3\n'), job=Job(name="j"))

    about = [point for point in store if point.metric not in ("a", "b")]
    assert sorted(point.metric for point in about) == SYNTHETIC
    assert {point.labels.without("__name__") for point in about} == {
        store.query("b")[0].labels.without("__name__")
    }
    assert value(store, "up", job="j", instance="i") == 1.0
    assert value(store, "scrape_samples_scraped") == 3.0
    assert value(store, "scrape_samples_post_metric_relabeling") == 3.0
    assert value(store, "scrape_series_added") == 3.0
    assert 0 < value(store, "scrape_duration_seconds") < 1


def test_series_added() -> None:
    """scrape_series_added counts what is new in this scrape (C-18)."""
    store, bodies = Store(), iter(["a 1\nb 1\n", "a 2\nb 2\n", "a 3\nc 3\n"])
    target = Target.of(lambda: next(bodies).encode())
    added = [scrape_once(store, target) for _ in range(3)]

    assert [result.added for result in added] == [2, 0, 1]
    assert [result.removed for result in added] == [0, 0, 1]
    assert value(store, "scrape_series_added") == 1.0


def test_exposed_names_of_synthetic_series() -> None:
    """An endpoint that exposes `up` itself keeps it; of two of one series it is first (C-18)."""
    store = Store()
    scrape_once(store, of('up{x="y"} 7\nscrape_samples_scraped 9\n'))

    assert sorted(point.value for point in store.query("up")) == [1.0, 7.0]
    assert value(store, "scrape_samples_scraped") == 9.0


def test_one_timestamp_for_all() -> None:
    """All samples of a scrape have the time of its start, the synthetic ones too (C-6)."""
    store = Store()
    result = scrape_once(store, of("a 1\n"))

    assert {point.timestamp for point in store} == {result.timestamp}


def test_failure_and_recovery() -> None:
    """A failed scrape takes its series away until the next good one (C-12, Z-3)."""
    bodies = iter(["a 1\n", "a 2\na{ 3\n", "a 4\n"])
    store, target = Store(), Target.of(lambda: next(bodies).encode())
    scrape_once(store, target)
    with pytest.raises(ParseError) as caught:
        scrape_once(store, target)

    assert caught.value.line == 2
    assert store.query("a") == []
    assert value(store, "up") == 0.0
    assert value(store, "scrape_series_added") == 0.0
    assert [p.value for p in store.select("a", stale=True)] == [1.0]
    assert store.sources[target.name].error is caught.value

    result = scrape_once(store, target)

    assert value(store, "a") == 4.0
    assert value(store, "up") == 1.0
    assert result.added == 0


def test_samples_before_a_mistake() -> None:
    """A body with a mistake reports the samples that stand before it (C-12)."""
    store = Store()
    with pytest.raises(ParseError):
        scrape_once(store, of("# HELP a A.\na 1\n\nb 2\nc{ 3\nd 4\n"))

    assert value(store, "scrape_samples_scraped") == 2.0
    assert value(store, "scrape_samples_post_metric_relabeling") == 2.0
    assert store.query("a") == []


def test_error_holds_no_body() -> None:
    """The error that the store keeps does not keep the body it is about."""
    store, target = Store(), Target.of(lambda: b'a 1\nb{c="\xff"} 1\n' + b"#" * 10_000)
    with pytest.raises(ParseError):
        scrape_once(store, target)
    error = store.sources[target.name].error

    assert error is not None
    assert error.__cause__ is None
    assert error.__context__ is None


def test_an_error_that_nobody_raises_holds_no_frames() -> None:
    """The frames of a traceback would keep the body of a scrape in the background."""
    store, target = Store(), Target.of(lambda: b"a{ 1\n")
    with Scraper(store, [target]) as scraper:
        result = scraper.scrape()

    assert isinstance(result.error, ParseError)
    assert result.error.__traceback__ is None


def test_metric_relabelling() -> None:
    """Dropped samples count as scraped and not as kept (C-10, C-18)."""
    job = Job(
        metric_relabel=(Relabel(source_labels=["__name__"], regex="go_.*", action="drop"),)
    )
    store = Store()
    result = scrape_once(store, of("go_a 1\ngo_b 1\na 1\n"), job=job)

    assert (result.samples, result.kept) == (3, 1)
    assert value(store, "scrape_samples_scraped") == 3.0
    assert value(store, "scrape_samples_post_metric_relabeling") == 1.0


def test_target_labels() -> None:
    """job and instance are put on; labels with two underscores are not (C-8, C-9)."""
    store = Store()
    scrape_once(store, of('a{job="x"} 1\n', env="dev", __hidden="h"), job=Job(name="j"))

    assert dict(store.query("a")[0].labels) == {
        "__name__": "a", "job": "j", "instance": "i", "exported_job": "x", "env": "dev",
    }  # fmt: skip


def test_honor_labels() -> None:
    """With honor_labels a sample keeps its own job (C-8)."""
    store = Store()
    scrape_once(store, of('a{job="x"} 1\n'), job=Job(name="j", honor_labels=True))

    assert store.query("a")[0].labels["job"] == "x"


def test_timestamps_of_samples() -> None:
    """Explicit timestamps are kept, within the lookback and ten minutes ahead (C-16)."""
    now = int(time.time() * 1000)
    old, young, ahead, far = (now + 1000 * s for s in (-360, -240, 300, 900))
    text = f"old 1 {old}\nyoung 1 {young}\nahead 1 {ahead}\nfar 1 {far}\nnone 1\n"
    store = Store()
    result = scrape_once(store, of(text))

    assert [store.query(name)[0].timestamp for name in ("young", "ahead")] == [young, ahead]
    assert store.query("old") == []
    assert store.query("far") == []
    assert (result.too_old, result.out_of_bounds, result.kept) == (1, 1, 5)

    scrape_once(store, of(text), job=Job(honor_timestamps=False))
    assert len(store.query("old")) == len(store.query("far")) == 1


def test_older_samples_do_not_come_back() -> None:
    """A sample with an older timestamp than the one held is not taken, and counted (C-12)."""
    now = int(time.time() * 1000)
    bodies = iter([f"a 1 {now}\n", f"a 2 {now - 1000}\n"])
    store, target = Store(), Target.of(lambda: next(bodies).encode())
    scrape_once(store, target)
    result = scrape_once(store, target)

    assert result.up
    assert result.out_of_order == 1
    assert value(store, "a") == 1.0


def test_limits_can_be_switched_off() -> None:
    """0 is no limit, as in Prometheus."""
    limits = ScrapeLimits(0, 0, 0, 0, 0, 0)

    assert scrape_once(Store(), of("a 1\n"), limits=limits).samples == 1


def test_full_store() -> None:
    """A scrape that the store has no room for fails, and the store keeps the others."""
    store = Store(limits=Limits(series=8))
    scrape_once(store, of("a 1\n", instance="first"))
    with pytest.raises(LimitError, match="at most 8 series"):
        scrape_once(store, Target.of(b"b 1\n".strip))

    assert value(store, "a") == 1.0
    assert store.query("b") == []


# Where it comes from


def test_file(tmp_path: Path) -> None:
    """A file is a target; OpenMetrics is known by its last line."""
    file = tmp_path / "m.prom"
    file.write_text("# TYPE a counter\na_total 1\n# EOF\n")
    store = Store()
    result = scrape_once(store, file)

    assert result.samples == 1
    assert store.query("a_total")[0].labels["instance"] == str(file)
    assert fetch_once(f"file:{file}").content_type.startswith(
        "application/openmetrics-text"
    )


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there, and a folder, are errors that say so."""
    with pytest.raises(ConnectError, match="No such file"):
        fetch_once(f"file:{tmp_path}/nothing")
    with pytest.raises(ConnectError, match="Is a directory"):
        fetch_once(f"file:{tmp_path}")


def test_file_that_is_too_large(tmp_path: Path) -> None:
    """A file is not read past the limit; /dev/zero has no end."""
    with pytest.raises(LimitError, match="body_size of 1000 bytes"):
        fetch_once("file:/dev/zero", limits=ScrapeLimits(body_size=1000))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe(tmp_path: Path) -> None:
    """A pipe is read to its end, and one that nobody writes to runs into the deadline."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    started = time.monotonic()
    with pytest.raises(TimeoutExceededError):
        fetch_once(pipe_target := Target.of(pipe), timeout=0.1)
    assert time.monotonic() - started < 30

    threading.Thread(target=lambda: pipe.write_text("a 1\n")).start()
    assert fetch_once(pipe_target, timeout=60).body == b"a 1\n"


def test_standard_input() -> None:
    """A - is what comes from the standard input."""
    code = "from promlatest.scrape import *; print(fetch_once('-').body)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"a 1\n", capture_output=True, check=True
    )

    assert done.stdout == b"b'a 1\\n'\n"


def test_callable() -> None:
    """A callable gives bytes; what it raises fails the scrape and not the program."""

    def fails() -> bytes:
        raise RuntimeError("no luck")

    assert fetch_once(Target.of(lambda: b"a 1\n")).body == b"a 1\n"
    with pytest.raises(BodyError, match="RuntimeError: no luck"):
        scrape_once(Store(), fails)
    with pytest.raises(UsageError, match="returns bytes"):
        fetch_once(Target.of(lambda: 3))
    with pytest.raises(TimeoutExceededError):
        fetch_once(Target.of(lambda: time.sleep(0.05) or b""), timeout=0.01)


def test_registry() -> None:
    """A registry is read without text; a collector that raises fails the scrape."""
    registry, store = CollectorRegistry(), Store()
    Counter("jobs", "Jobs.", ["kind"], registry=registry).labels("a").inc(3)
    scrape_once(store, registry)

    assert value(store, "jobs_total", kind="a") == 3.0
    assert value(store, "up") == 1.0

    class Fails:
        def collect(self) -> list[GaugeMetricFamily]:
            raise RuntimeError("no luck")

    with pytest.raises(BodyError, match="RuntimeError: no luck"):
        scrape_once(store, Fails())
    with pytest.raises(UsageError, match="has no text"):
        fetch_once(Target.of(registry))


# Without the extra


def test_without_the_extra() -> None:
    """Only a configuration needs an extra, and names it."""
    code = """
import sys
for name in ("yaml", "cattrs"):
    sys.modules[name] = None
from promlatest import Store
from promlatest.exceptions import EndpointError
from promlatest.scrape import *
print(scrape_once(Store(), lambda: b"a 1\\n").samples)
with Scraper(Store(), [lambda: b"a 1\\n"]) as scraper:
    print(scraper.scrape().samples)
try:
    scrape_once(Store(), "localhost:9")
except EndpointError as error:
    print("connection refused" in str(error))
try:
    load_config("/dev/null")
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == [
        "1",
        "1",
        "True",
        "Reading a configuration needs: pip install 'promlatest[scrape]'",
    ]


def test_importing_the_scraper_loads_no_extra() -> None:
    """Importing promlatest.scrape does not load PyYAML."""
    code = "import sys, promlatest.scrape; print({'yaml', 'cattrs'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"
