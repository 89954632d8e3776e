"""Which source is whose: names that tell targets apart, one writer for each, and time."""

from __future__ import annotations

import gc
import pickle
import time
import weakref
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily

from promlatest import Store
from promlatest.exceptions import (
    BodyError,
    ConnectError,
    TimeoutExceededError,
    UsageError,
)
from promlatest.scrape import Job, Scraper, ScrapeResult, Target, load_config, scrape_once


def one(text: bytes) -> Target:
    return Target.of(lambda: text)


# One writer


def test_a_second_scraper_is_refused(tmp_path: Path) -> None:
    """Two scrapers of one target into one store would hide each other's series."""
    file = tmp_path / "m.prom"
    file.write_text("a 1\n")
    store = Store()
    first, second = Scraper(store, [file]), Scraper(store, [file])
    with first:
        with pytest.raises(
            UsageError, match="is scraped into this store by another scraper"
        ):
            second.scrape()
        with pytest.raises(
            UsageError, match="is scraped into this store by another scraper"
        ):
            second.start()
        with pytest.raises(
            UsageError, match="is scraped into this store by another scraper"
        ):
            scrape_once(store, file)

    assert second.scrape().up
    second.stop()
    assert scrape_once(store, file).up
    assert list(store.sources) == [f"file:{file}"]


def test_another_store_is_another_matter(tmp_path: Path) -> None:
    """Two stores may have the same target."""
    file = tmp_path / "m.prom"
    file.write_text("a 1\n")
    with Scraper(Store(), [file]) as first, Scraper(Store(), [file]) as second:
        assert first.scrape().up
        assert second.scrape().up


@pytest.mark.slow
def test_two_functions_of_one_name() -> None:
    """Two lambdas are two sources, whoever scrapes them; once one is gone, its name is
    free."""
    store = Store()
    first, second = one(b"a 1\n"), one(b"b 1\n")
    names = [scrape_once(store, each).source for each in (first, second, first)]
    scraper = Scraper(store, [one(b"c 1\n")])
    names.append(scraper.scrape().source)
    scraper.stop()

    assert len(store.query("a")) == len(store.query("b")) == len(store.query("c")) == 1
    assert [name.rpartition(">")[2] for name in names] == ["", "#2", "", "#3"]

    del first
    gc.collect()
    assert scrape_once(store, one(b"d 1\n")).source == names[0]


def test_a_method_is_not_held() -> None:
    """The object whose method was scraped is not held by the store."""

    class Thing:
        def read(self) -> bytes:
            return b"a 1\n"

    thing, store = Thing(), Store()
    held = weakref.ref(thing)
    scrape_once(store, thing.read)
    assert scrape_once(store, thing.read).source == "callable:" + Thing.read.__qualname__
    del thing
    gc.collect()

    assert held() is None


def test_a_target_given_twice_is_scraped_once(tmp_path: Path) -> None:
    """Targets that are the same in all are one (as Prometheus has it)."""
    file = tmp_path / "m.prom"
    file.write_text("a 1\n")
    scraper = Scraper(Store(), [file, str(file), Target.of(file, labels={"a": "b"})])

    assert list(scraper.targets) == [f"file:{file}", f'file:{file}{{a="b"}}']
    assert scraper.add(file) in scraper.targets
    assert len(scraper.targets) == 2
    scraper.stop()


# Names


def test_names_say_what_differs(tmp_path: Path) -> None:
    """The probes of a blackbox exporter are told apart by their labels, two jobs by theirs."""
    pytest.importorskip("cattrs")
    file = tmp_path / "prometheus.yml"
    file.write_text(
        """
scrape_configs:
- job_name: probes
  metrics_path: /probe
  params: {module: [http_2xx]}
  static_configs: [{targets: ["https://a.test", "https://b.test"]}]
  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__param_target], target_label: instance}
  - {target_label: __address__, replacement: "localhost:9115"}
- {job_name: x, static_configs: [{targets: ["localhost:1"]}]}
- {job_name: y, static_configs: [{targets: ["localhost:1", "localhost:2"]}]}
"""
    )
    scraper = Scraper.of_jobs(Store(), load_config(file))

    probe = "http://localhost:9115/probe?module=***&target=***"
    assert list(scraper.targets) == [
        probe + '{instance="https://a.test"}',
        probe + '{instance="https://b.test"}',
        'http://localhost:1/metrics{job="x"}',
        'http://localhost:1/metrics{job="y"}',
        "http://localhost:2/metrics",
    ]


def test_a_name_that_several_have() -> None:
    """A target that is asked for by an address of several is refused, with their names."""
    jobs = [(Job(name=name), [Target.parse("localhost:1")]) for name in ("a", "b")]
    scraper = Scraper.of_jobs(Store(), jobs)
    with pytest.raises(UsageError, match=r'several .*\{job="a"\}, .*\{job="b"\}'):
        scraper.scrape("localhost:1")
    assert not scraper.scrape('http://localhost:1/metrics{job="b"}').up
    scraper.stop()


def test_logs_name_the_job(caplog: pytest.LogCaptureFixture) -> None:
    """A line in the log says of which job a target is."""
    scraper = Scraper(Store(), [lambda: b"{"], job=Job(name="shop"))
    scraper.scrape()
    scraper.stop()

    assert "of job shop is down: line 1" in caplog.text


def test_logs_are_escaped(caplog: pytest.LogCaptureFixture) -> None:
    """What others wrote goes escaped into the log and into errors."""

    def fails() -> bytes:
        raise RuntimeError("\x1b[2J\u202e\u2028\x9b")

    scraper = Scraper(Store(), [fails])
    error = scraper.scrape().error
    scraper.stop()

    assert r"\x1b[2J\u202e\u2028\x9b" in str(error)
    assert r"\x1b[2J\u202e\u2028\x9b" in caplog.text
    assert caplog.messages[0].isprintable()


# Time


class Clock:
    def __init__(self, now: int = 1_000_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def test_the_clock_of_the_store(caplog: pytest.LogCaptureFixture) -> None:
    """Samples have the time of their store, however far off that is."""
    clock = Clock()
    store = Store(clock=clock)
    scraper = Scraper(store, [lambda: b"a 1\n"])
    result = scraper.scrape()
    scraper.stop()
    scrape_once(store, lambda: b"b 1\n")

    assert result.timestamp == clock.now
    assert {point.timestamp for point in store} == {clock.now}
    assert caplog.text == ""


def test_waiting_while_the_clock_is_set_back() -> None:
    """Waiting for a fresh scrape waits for one, whatever the clock of the day does."""
    clock = Clock()
    with Scraper(Store(clock=clock), [lambda: b"a 1\n"], interval=30) as scraper:
        scraper.scrape()
        clock.now -= 30_000
        with pytest.raises(TimeoutError):
            scraper.wait_fresh(since=clock.now, timeout=0.1)
        with pytest.raises(TimeoutError):
            scraper.wait_fresh(timeout=0.1)


@pytest.mark.parametrize("back", [2_000, 30_000, 3_600_000])
def test_own_timestamps_after_the_clock_was_set_back(back: int) -> None:
    """Series with timestamps of their own do not stand until the clock has caught up."""
    clock, values = Clock(), iter([1, 2])
    store = Store(clock=clock)
    target = Target.of(lambda: b"a %d %d\n" % (next(values), clock.now))
    scraper = Scraper(store, [target])
    scraper.scrape()
    clock.now -= back
    scraper.scrape()
    scraper.stop()

    assert [point.value for point in store.query("a")] == [2.0]


def test_once_after_the_clock_was_set_back() -> None:
    """The same for scrapes one by one."""
    clock, values = Clock(), iter([1, 2])
    store = Store(clock=clock)
    target = Target.of(lambda: b"a %d\n" % next(values))
    scrape_once(store, target)
    clock.now -= 3_600_000
    result = scrape_once(store, target)

    assert result.timestamp == clock.now
    assert [point.value for point in store.query("a")] == [2.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [b"#\n", b"a 1\n", b"# HELP a b\n", b"# TYPE a counter\n# TYPE b counter\n"]
)
def test_reading_counts_against_the_timeout(text: bytes) -> None:
    """A body that takes longer to read than there is time fails the scrape, in time."""
    body = text * (24_000_000 // len(text))
    started = time.process_time()  # whatever else the machine does
    with pytest.raises(TimeoutExceededError, match="while reading what came") as caught:
        scrape_once(Store(), lambda: body, timeout=0.5)

    assert caught.value.phase == "read"
    assert time.process_time() - started < 5


# What cannot be exposed


@pytest.mark.parametrize(
    ("label", "value", "said"),
    [
        (3, 1.0, "its label queue is 3"),
        (None, 1.0, "its label queue is None"),
        (b"x", 1.0, "its label queue is b'x'"),
        ("\ud800", 1.0, r"its label queue is '\\ud800'"),
        ("a", None, "its value is None"),
        ("a", "many", "its value is 'many'"),
    ],
)
def test_a_registry_that_could_not_be_exposed(
    label: object, value: object, said: str
) -> None:
    """What `generate_latest` raises on is down, with its metric's name."""

    class Collector:
        def collect(self) -> list[GaugeMetricFamily]:
            family = GaugeMetricFamily("shop_depth", "Depth.", labels=["queue"])
            family.add_metric([label], value)  # type: ignore[list-item,arg-type]
            return [family]

    with pytest.raises((AttributeError, TypeError, ValueError)):
        generate_latest(Collector())
    store = Store()
    with pytest.raises(BodyError, match=f"metric shop_depth cannot be exposed: {said}"):
        scrape_once(store, Collector())
    assert [point.value for point in store.query("up")] == [0.0]


# Secrets, and what travels


@pytest.mark.parametrize(
    "text",
    [
        "http:/me:s3cret@h",
        "https:/me:s3cret@h/x",
        "unix:me:s3cret@x?token=s3cret",
        "http://me:s3cret@h:port/",
        "http://me:s3 cret@h h/",
        "ftp://me:s3cret@h/",
        "http://me:s3cret@/x",
        "http//me:s3cret@h",
        "//me:s3cret@h/x",
        "file://me:s3cret@h/x",
    ],
)
def test_mistyped_targets_show_no_secret(text: str) -> None:
    """What cannot be read is refused without a word of it."""
    with pytest.raises(UsageError) as caught:
        Target.parse(text)

    assert "s3cret" not in str(caught.value)
    assert "cret" not in repr(caught.value)


def test_results_targets_and_jobs_travel() -> None:
    """Results, targets and jobs can be pickled, errors and all."""
    store = Store()
    scraper = Scraper(store, ["localhost:9"])
    result = scraper.scrape()
    scraper.stop()
    target = Target.parse("https://me:pw@h/x?a=b", labels={"a": "b"})

    again: ScrapeResult = pickle.loads(pickle.dumps(result))
    assert str(again.error) == str(result.error)
    assert isinstance(again.error, ConnectError)
    assert again.source == result.source
    made: Target = pickle.loads(pickle.dumps(target))
    assert (made.name, made.auth, made.params) == (target.name, target.auth, target.params)
    job = Job(name="j")
    assert pickle.loads(pickle.dumps(job)) == job
