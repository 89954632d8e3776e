"""What is of a wrong kind is refused by every public call of scraping, in words, and
without a word of what may be secret."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from prometheus_client import CollectorRegistry
from test_arguments import EVERY

from promlatest import Store
from promlatest.exceptions import UsageError
from promlatest.scrape import (
    TLS,
    AsyncScraper,
    Auth,
    Job,
    Relabel,
    ScrapeLimits,
    Scraper,
    Target,
    fetch_once,
    load_config,
    scrape_once,
)


def body() -> bytes:
    return b"a 1\n"


JOB = Job(interval=5)
URL = "localhost:1"
MAYBE_TEXT = ("text", "empty")
# What each kind of field takes; each class below is made with one field of its own.
TAKEN = {"str": MAYBE_TEXT, "int": ("int",), "float": ("int", "float"), "bool": ("bool",)}
MADE: dict[type, dict[str, Any]] = {
    Auth: {},
    TLS: {},
    ScrapeLimits: {},
    Job: {},
    Relabel: {"target_label": "x"},
    Target: {"kind": "http", "url": "http://localhost:1/"},
}
# What a field is checked for besides.
NARROWER = {"TLS(min_version)": ("empty",), "TLS(max_version)": ("empty",),
            "TLS(key_file)": ("empty",), "Relabel(target_label)": ("text",),
            "Target(url)": ("text",)}  # fmt: skip


def fields() -> dict[str, tuple[Callable[[Any], object], tuple[str, ...]]]:
    """A case for each field of a plain type of the classes that a user makes."""
    cases: dict[str, tuple[Callable[[Any], object], tuple[str, ...]]] = {}
    for made, needed in MADE.items():
        for field in attrs.fields(made):
            if field.type in TAKEN:
                case = f"{made.__name__}({field.name})"
                cases[case] = (
                    lambda v, made=made, name=field.name, needed=needed: made(
                        **{**needed, name: v}
                    ),
                    NARROWER.get(case, TAKEN[field.type]),
                )
    return cases


CASES: dict[str, tuple[Callable[[Any], object], tuple[str, ...]]] = {
    **fields(),
    "Job(limits)": (lambda v: Job(limits=v), ()),
    "Job(fallback)": (lambda v: Job(fallback=v), ("none",)),
    "Job(metric_relabel)": (lambda v: Job(metric_relabel=v), ()),
    "Relabel(source_labels)": (
        lambda v: Relabel(source_labels=v, target_label="x"),
        ("texts", "dict"),
    ),
    "Relabel(action)": (lambda v: Relabel(action=v, target_label="x"), ()),
    "Target(kind)": (Target, ()),
    "Target(auth)": (lambda v: Target.parse(URL, auth=v), ()),
    "Target(tls)": (lambda v: Target.parse(URL, tls=v), ()),
    "Target(headers)": (lambda v: Target.parse(URL, headers=v), ()),
    "Target(labels)": (lambda v: Target.parse(URL, labels=v), ()),
    "Target(params)": (lambda v: Target.parse(URL, params=v), ()),
    "Target.parse": (Target.parse, ("text",)),
    "Target.of": (Target.of, ("text", "function")),
    "fetch_once(target)": (fetch_once, ("text", "function")),
    "fetch_once(timeout)": (lambda v: fetch_once(body, timeout=v), ("int", "float")),
    "fetch_once(limits)": (lambda v: fetch_once(body, limits=v), ("none",)),
    "fetch_once(fallback)": (lambda v: fetch_once(body, fallback=v), ("none",)),
    "scrape_once(sink)": (lambda v: scrape_once(v, body), ()),
    "scrape_once(job)": (lambda v: scrape_once(Store(), body, job=v), ("none",)),
    "scrape_once(timeout)": (
        lambda v: scrape_once(Store(), body, timeout=v),
        ("int", "float"),
    ),
    "scrape_once(limits)": (lambda v: scrape_once(Store(), body, limits=v), ("none",)),
    "Scraper(sink)": (lambda v: Scraper(v, [body]), ()),
    "AsyncScraper(sink)": (lambda v: AsyncScraper(v, [body]), ()),
    "Scraper(targets)": (lambda v: Scraper(Store(), v), ("texts", "dict")),
    "Scraper([target])": (lambda v: Scraper(Store(), [v]), ("text", "function")),
    "Scraper(interval)": (
        lambda v: Scraper(Store(), [body], interval=v),
        ("int", "float", "none"),
    ),
    "Scraper(timeout)": (
        lambda v: Scraper(Store(), [body], interval=9, timeout=v),
        ("int", "float", "none"),
    ),
    "Scraper(job)": (lambda v: Scraper(Store(), [body], job=v), ("none",)),
    "Scraper(registry)": (lambda v: Scraper(Store(), [body], registry=v), ("none",)),
    "of_jobs": (lambda v: Scraper.of_jobs(Store(), v), ()),
    "of_jobs([job])": (lambda v: Scraper.of_jobs(Store(), [(v, [body])]), ()),
    "of_jobs([pair])": (lambda v: Scraper.of_jobs(Store(), [v]), ()),
    "of_jobs([targets])": (
        lambda v: Scraper.of_jobs(Store(), [(JOB, v)]),
        ("texts", "dict"),
    ),
    "load_config": (load_config, ()),
    "from_config": (lambda v: Scraper.from_config(Store(), v), ()),
}


def refuses(case: str, call: Callable[[Any], object], taken: tuple[str, ...]) -> None:
    for kind, value in EVERY.items():
        if kind not in taken:
            with pytest.raises(UsageError):
                print(case, "took", value, "and gave", call(value))


@pytest.mark.parametrize("case", CASES)
def test_what_is_of_a_wrong_kind_is_refused_in_words(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value of a wrong kind raises a `UsageError`, and no error from inside."""
    monkeypatch.chdir(tmp_path)  # no text is the name of a file
    refuses(case, *CASES[case])


def test_the_methods_of_a_scraper() -> None:
    """The same of what is asked of one that runs, and it goes on."""
    with Scraper(Store(), [body], interval=60) as scraper:
        refuses("add", scraper.add, ("text", "function"))
        refuses("add(job)", lambda v: scraper.add(URL, job=v), ("none",))
        refuses("remove", scraper.remove, ("text", "function"))
        refuses("scrape", scraper.scrape, ("text", "function", "none"))
        refuses("since", lambda v: scraper.wait_fresh(since=v), ("int", "none"))
        refuses(
            "timeout", lambda v: scraper.wait_fresh(timeout=v), ("int", "float", "none")
        )

        assert scraper.scrape(body).up


@pytest.mark.parametrize("call", [scrape_once, Scraper, AsyncScraper, Scraper.from_config])
def test_swapped_arguments(call: Callable[..., object]) -> None:
    """What was mixed up is said: the store comes first."""
    with pytest.raises(UsageError, match=r"expected (a store first|the path)"):
        call("prometheus.yml", Store())


SECRET = "s3cret"
SECRETIVE: list[Callable[[], object]] = [
    lambda: Target.of([f"https://me:{SECRET}@host"]),
    lambda: Target.parse(f"https://me:{SECRET}@host".encode()),  # type: ignore[arg-type]
    lambda: Target.parse(URL, headers={"X-Key": [SECRET]}),
    lambda: Target.parse(URL, headers=SECRET),
    lambda: Target.parse(URL, auth=("me", SECRET)),
    lambda: Target.parse(URL, params={"token": SECRET.encode()}),
    lambda: Auth(bearer_token=SECRET.encode()),  # type: ignore[arg-type]
    lambda: Auth(password=[SECRET]),  # type: ignore[arg-type]
    lambda: Scraper(Store(), f"https://me:{SECRET}@host"),
    lambda: Scraper.of_jobs(Store(), [f"https://me:{SECRET}@host"]),  # type: ignore[list-item]
]


@pytest.mark.parametrize("number", range(len(SECRETIVE)))
def test_no_secret_is_in_what_is_said(number: int) -> None:
    """A password in a value of a wrong kind is not shown."""
    with pytest.raises(UsageError) as caught:
        SECRETIVE[number]()

    assert SECRET not in str(caught.value) + repr(caught.value)


def test_paths_are_taken_where_a_file_is_named(tmp_path: Path) -> None:
    """A `Path` is as good as its text."""
    auth = Auth(bearer_token_file=tmp_path / "token")  # type: ignore[arg-type]

    assert auth == Auth(bearer_token_file=str(tmp_path / "token"))


def test_an_empty_target_has_a_reason() -> None:
    """A target without what its kind needs is refused when it is made."""
    for kind, name in itertools.product(("http", "unix", "file"), ("url", "path")):
        if (kind, name) != ("unix", "path"):
            with pytest.raises(UsageError, match=f"the kind {kind} needs its"):
                Target(kind)  # type: ignore[arg-type]


def test_a_registry_of_metrics_is_taken() -> None:
    """What is right is not refused."""
    Scraper(Store(), [body], registry=CollectorRegistry(), interval=5, timeout=0.5)


HALF = "x\udcff"  # a lone surrogate, which has no bytes
BAD_TEXTS: dict[str, Callable[[], object]] = {
    "name": lambda: Job(name=HALF),
    "accept": lambda: Job(accept=HALF),
    "lines in accept": lambda: Job(accept="a\r\nX: y"),
    "url": lambda: Target.parse(f"http://h/{HALF}"),
    "labels": lambda: Target.parse(URL, labels={"a": HALF}),
    "names of labels": lambda: Target.parse(URL, labels={HALF: "a"}),
    "headers": lambda: Target.parse(URL, headers={"a": HALF}),
    "params": lambda: Target.parse(URL, params={"a": HALF}),
    "bearer_token": lambda: Auth(bearer_token=HALF),
    "source": lambda: Store().ingest(b"a 1\n", source=HALF),
    "source of a batch": lambda: Store().batch(HALF),
    "scheme": lambda: Target("http", url="ftp://h/"),
    "no url": lambda: Target("http", url="nonsense:"),
    "port": lambda: Target("http", url="http://h:99999999/"),
    "lines in url": lambda: Target("http", url="http://h\r\nX: y/"),
    "password in url": lambda: Target("http", url="http://me:secret@h/"),
    "query in url": lambda: Target("http", url="http://h/?token=secret"),
    "brackets": lambda: Target.parse("[::1%eth0]@..[ftp:"),
}


@pytest.mark.parametrize("case", BAD_TEXTS)
def test_texts_that_cannot_be_sent_or_shown(case: str) -> None:
    """A text without bytes, a line break in a header, and a URL that is none or holds a
    secret are refused where they are given, and no secret is said."""
    with pytest.raises(UsageError) as refused:
        BAD_TEXTS[case]()
    assert "secret" not in str(refused.value)


def test_names_are_escaped(tmp_path: Path) -> None:
    """A file may have a name that is no text: its source has it escaped."""
    file = tmp_path / "m\udcff"
    try:
        file.write_text("a 1\n")
    except OSError:
        pytest.skip("this file system has names of text only")
    assert scrape_once(Store(), file).source == f"file:{tmp_path}/m\\udcff"


def test_a_home_that_is_not_known() -> None:
    """The home of somebody who is not known here is a file that is not there."""
    assert Target.parse("~nobody-is-called-so/m").kind == "http"
    assert Target.parse("~/m").kind == "file"
