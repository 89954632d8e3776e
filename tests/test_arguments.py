"""What is of a wrong kind is refused in words: in every public call of the core, and where
the calls of the other modules begin."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from math import inf

import pytest

from promlatest import (
    Histogram,
    Labels,
    Limits,
    Matcher,
    Samples,
    Store,
    format_selector,
    parse_selector,
    promql,
)
from promlatest._arguments import checked
from promlatest.api import Api, Params
from promlatest.exceptions import LabelError, UsageError
from promlatest.exposition import Reader, check, parse, render
from promlatest.registry import StoreCollector
from promlatest.remote import Server
from promlatest.rules import Rules, read_rules
from promlatest.testing import (
    GoldenRules,
    ScrapeTarget,
    golden_text,
    read_contract,
    replay,
)
from promlatest.views import is_operator, overview

MATCHER = Matcher("a", "=", "b")
SERIES = {"__name__": "m"}
GONE = OSError("gone")
HISTOGRAM = Histogram.build(Labels(), [(1, 2), (inf, 4)])

# Values of every kind, of which each case names the kinds that it takes.
EVERY = {
    "int": 5,
    "float": 5.5,
    "none": None,
    "bool": True,
    "bytes": b"x",
    "text": "x",
    "empty": "",
    "list": [5],
    "texts": ["x"],
    "dict": {"x": 5},
    "object": object(),
    "function": lambda: 5,
    "error": OSError("x"),
}
TEXTS = ("text",)
TIME = ("int", "none")
CONDITIONS = ("text", "texts")
VALUE = ("none", "text", "empty", "texts", "dict")


def store() -> Store:
    made = Store()
    made.ingest('m{a="b"} 1\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1', source="app")
    return made


def append_many(values: object) -> None:
    appender = store().appender()
    ref = appender.append(0, SERIES, 1, 1.0)
    appender.append_many([ref], 2, values)


def committed(samples: object, metadata: object = None, report: object = None) -> None:
    batch = store().batch("app")
    batch.append_samples(samples, metadata)
    batch.commit(report)


def exposed() -> bytes:
    return b"m 1\n"


def wsgi(environ: object, start_response: object) -> list[bytes]:
    return []


URL = "http://127.0.0.1:1"
QUESTIONS = ("query", "histograms", "increase", "rate", "exemplars")
ONE = ("point", "value", "histogram")  # finding nothing is an error of them as well

# A call with the value in the place of one argument, and the kinds that it takes.
CASES: dict[str, tuple[Callable[[object], object], tuple[str, ...]]] = {
    "Store(limits)": (lambda v: Store(limits=v), ("none",)),
    "Store(clock)": (lambda v: Store(clock=v), ("function",)),
    "Store(history)": (lambda v: Store(history=v), ("int",)),
    "Limits(series)": (lambda v: Limits(series=v), ("int",)),
    "Limits(labels)": (lambda v: Limits(labels=v), ("int",)),
    "Limits(label_name_length)": (lambda v: Limits(label_name_length=v), ("int",)),
    "Limits(label_value_length)": (lambda v: Limits(label_value_length=v), ("int",)),
    "batch(source)": (lambda v: store().batch(v), TEXTS),
    "batch(timestamp)": (lambda v: store().batch("app", timestamp=v), TIME),
    "batch(lookback)": (lambda v: store().batch("app", lookback=v), TIME),
    "ingest(body)": (lambda v: store().ingest(v), ("empty", "text", "bytes")),
    "ingest(content_type)": (lambda v: store().ingest("m 1", v), ("text", "empty")),
    "ingest(source)": (lambda v: store().ingest("m 1", source=v), TEXTS),
    "ingest(timestamp)": (lambda v: store().ingest("m 1", timestamp=v), TIME),
    "collect(registry)": (lambda v: store().collect(v), ("empty",)),
    "collect(source)": (lambda v: store().collect([], source=v), TEXTS),
    "collect(timestamp)": (lambda v: store().collect([], timestamp=v), TIME),
    "fail(source)": (lambda v: store().fail(v, GONE), TEXTS),
    "fail(error)": (lambda v: store().fail("app", v), ("error",)),
    "fail(report)": (lambda v: store().fail("app", GONE, report=v), ("none",)),
    "fail(timestamp)": (lambda v: store().fail("app", GONE, timestamp=v), TIME),
    "remove(source)": (lambda v: store().remove(v), TEXTS),
    "drop(condition)": (lambda v: store().drop(v), CONDITIONS),
    "subscribe(callback)": (lambda v: store().subscribe(v), ("function",)),
    "select(selector)": (lambda v: store().select(v), TEXTS),
    "match(condition)": (lambda v: store().match(v), CONDITIONS),
    "match([condition])": (lambda v: store().match([v]), CONDITIONS),
    "label_names(condition)": (lambda v: store().label_names(v), CONDITIONS),
    "label_values(name)": (lambda v: store().label_values(v), ("text", "empty")),
    "label_values(condition)": (lambda v: store().label_values("a", v), CONDITIONS),
    "columns(matchers)": (lambda v: store().columns(v, 0, 1), (*CONDITIONS, "empty")),
    "columns(start)": (lambda v: store().columns([MATCHER], v, 1), ("int",)),
    "columns(end)": (lambda v: store().columns([MATCHER], 0, v), ("int",)),
    "increase(over)": (
        lambda v: store().increase("m", over=v),
        ("int", "float", "none"),
    ),
    "append(ref)": (lambda v: store().appender().append(v, SERIES, 1, 1.0), ("int",)),
    "append(labels)": (lambda v: store().appender().append(0, v, 1, 1.0), ()),
    "append(t)": (lambda v: store().appender().append(0, SERIES, v, 1.0), ("int",)),
    "append(v)": (
        lambda v: store().appender().append(0, SERIES, 1, v),
        ("int", "float", "bool"),
    ),
    "append_many(refs)": (lambda v: store().appender().append_many(v, 2, [1.0]), ()),
    "append_many(t)": (lambda v: store().appender().append_many([], v, []), ("int",)),
    "append_many(values)": (append_many, ("list", "bytes")),
    "Batch.append(ref)": (lambda v: store().batch("b").append(v, SERIES, 1, 1), ("int",)),
    "Batch.append(labels)": (lambda v: store().batch("b").append(0, v, 1, 1.0), ()),
    "Batch.append(t)": (lambda v: store().batch("b").append(0, SERIES, v, 1.0), ("int",)),
    "Batch.append(v)": (
        lambda v: store().batch("b").append(0, SERIES, 1, v),
        ("int", "float", "bool"),
    ),
    "append_samples(samples)": (committed, ()),
    "append_samples(metadata)": (
        lambda v: committed(Samples((), array("d")), v),
        ("none", "empty", "dict"),
    ),
    "commit(report)": (
        lambda v: committed(Samples((), array("d")), None, v),
        ("none", "function"),
    ),
    "Labels()": (Labels, ("dict",)),
    "Labels(a=)": (lambda v: Labels(a=v), ("text", "empty")),
    "Matcher(name)": (lambda v: Matcher(v, "=", "b"), TEXTS),
    "Matcher(operator)": (lambda v: Matcher("a", v, "b"), ()),
    "Matcher(value)": (lambda v: Matcher("a", "=", v), ("text", "empty")),
    "Matcher.matches": (MATCHER.matches, ("text", "empty")),
    "parse_selector": (parse_selector, TEXTS),
    "format_selector": (format_selector, ("empty",)),
    "quantile": (HISTOGRAM.quantile, ("int", "float", "bool")),
    "fraction(lower)": (lambda v: HISTOGRAM.fraction(v, 1), ("int", "float")),
    "fraction(upper)": (lambda v: HISTOGRAM.fraction(1, v), ("int", "float")),
    "count_le": (HISTOGRAM.count_le, ()),
    "between(lower)": (lambda v: HISTOGRAM.between(v, 1), ()),
    "between(upper)": (lambda v: HISTOGRAM.between(1, v), ()),
    "since": (HISTOGRAM.since, ()),
    "reset_since": (HISTOGRAM.reset_since, ()),
    "parse(body)": (parse, ("empty", "text", "bytes")),
    "parse(content_type)": (lambda v: parse("m 1", v), ("text", "empty")),
    "Reader.read(body)": (lambda v: Reader().read(v), ("empty", "text", "bytes")),
    "check(body)": (check, ("empty", "text", "bytes")),
    "parse(fallback)": (lambda v: parse("m 1", "", fallback=v), ("none",)),
    "render(samples)": (render, ("empty", "dict")),
    "render([sample])": (lambda v: render([v]), ()),
    "render(metadata)": (lambda v: render([], v), ("dict",)),
    "render(format)": (lambda v: render([], {}, v), ()),
    "StoreCollector()": (StoreCollector, ()),
    "promql.query(queryable)": (lambda v: promql.query(v, "up"), ()),
    "promql.query(expr)": (lambda v: promql.query(store(), v), TEXTS),
    "promql.query(at)": (lambda v: promql.query(store(), "m", v), TIME),
    "query_range(start)": (
        lambda v: promql.query_range(store(), "m", v, 9, 1),
        ("int",),
    ),
    "query_range(end)": (lambda v: promql.query_range(store(), "m", 0, v, 1), ("int",)),
    "query_range(step)": (
        lambda v: promql.query_range(store(), "m", 0, 9, v),
        ("int", "float"),
    ),
    "parse(max_samples)": (lambda v: parse("", max_samples=v), TIME),
    "promql.walk": (lambda v: [*promql.walk(v)], ()),
    "read_rules": (read_rules, ()),
    "Rules.check(queryable)": (lambda v: Rules(()).check(v), ()),
    "Rules.check(optional)": (
        lambda v: Rules(()).check(store(), optional=v),
        ("bytes", "list", "texts", "dict"),
    ),
    "Rules.evaluate": (lambda v: Rules(()).evaluate(v), ()),
    "Api(queryable)": (Api, ()),
    "Api.answer(path)": (
        lambda v: Api(store()).answer("GET", v),
        ("text", "empty"),
    ),
    "Api.wsgi(prefix)": (lambda v: Api(store()).wsgi(v, print), ()),
    "Api.asgi(prefix)": (lambda v: Api(store()).asgi(v, print), ()),
    "Params": (Params, ("dict",)),
    "Params(value)": (lambda v: Params({"query": v}), ("text", "empty", "list", "texts")),
    "Server.query(at)": (lambda v: Server(URL).query("up", v), ("int", "none")),
    "Server.query(expr)": (Server(URL).query, ("text", "empty")),
    "Server.series": (Server(URL).series, ("text", "empty")),
    "Server.label_values": (Server(URL).label_values, ("text", "empty")),
    "read_contract": (read_contract, ()),
    "replay": (replay, ()),
    "assert_exposes": (
        lambda v: ScrapeTarget(exposed).assert_exposes(v),
        ("text", "empty"),
    ),
    "Api(targets)": (lambda v: Api(store(), targets=v), ("function",)),
    "Api(rules)": (
        lambda v: Api(store(), rules=v),
        ("bytes", "text", "empty", "list", "texts", "dict"),
    ),
    "Api(config)": (lambda v: Api(store(), config=v), ("text", "empty")),
    "Api(flags)": (lambda v: Api(store(), flags=v), ("dict",)),
    "Api(max_points)": (lambda v: Api(store(), max_points=v), ("int",)),
    "Api(timeout)": (lambda v: Api(store(), timeout=v), ("int", "float")),
    "Api(clock)": (lambda v: Api(store(), clock=v), ("function",)),
    "Server(url)": (Server, ()),
    "Server(headers)": (lambda v: Server(URL, headers=v), ("dict",)),
    "Server(timeout)": (lambda v: Server(URL, timeout=v), ("int", "float")),
    "Server(max_bytes)": (lambda v: Server(URL, max_bytes=v), ("int",)),
    "ScrapeTarget(what)": (ScrapeTarget, ("text", "function")),
    "ScrapeTarget(within)": (
        lambda v: ScrapeTarget(exposed, within=v),
        ("int", "float"),
    ),
    "ScrapeTarget(path)": (lambda v: ScrapeTarget(wsgi, path=v), ("text", "empty")),
    "ScrapeTarget(host)": (lambda v: ScrapeTarget(wsgi, host=v), ("text", "empty")),
    "ScrapeTarget(headers)": (lambda v: ScrapeTarget(wsgi, headers=v), ()),
    "ScrapeTarget.process": (ScrapeTarget.process, ()),
    "to_satisfy": (
        lambda v: ScrapeTarget(exposed).expect("m").to_satisfy(v),
        ("function",),
    ),
    "assert_series_below": (ScrapeTarget(exposed).assert_series_below, ("int",)),
    "assert_exposes(tolerance)": (
        lambda v: ScrapeTarget(exposed).assert_exposes("m 1", tolerance=v),
        (),
    ),
    "GoldenRules(tolerance)": (lambda v: GoldenRules(tolerance=v), ()),
    "golden_text(rules)": (
        lambda v: golden_text(ScrapeTarget(exposed).scrape(), v),
        ("none",),
    ),
    "mark(on_reset)": (lambda v: ScrapeTarget(exposed).mark(on_reset=v), ()),
    "overview(q)": (overview, ()),
    "is_operator": (is_operator, ()),
    "overview(seconds)": (
        lambda v: overview(store(), store(), v),
        ("int", "float", "none"),
    ),
    **{
        f"{name}(metric)": (
            lambda v, name=name: getattr(store(), name)(v),
            () if name in ONE else TEXTS,
        )
        for name in (*QUESTIONS, *ONE)
    },
    **{
        f"{name}(matcher)": (lambda v, name=name: getattr(store(), name)("m", v), ())
        for name in (*QUESTIONS, *ONE)
    },
    **{
        f"{name}(label=)": (
            lambda v, name=name: getattr(store(), name)("m", a=v),
            () if name in ONE else VALUE,
        )
        for name in (*QUESTIONS, *ONE)
    },
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_of_a_wrong_kind_is_refused_in_words(case):
    """A value of a wrong kind raises a `UsageError`, and no error from inside."""
    call, taken = CASES[case]

    for kind, value in EVERY.items():
        if kind not in taken:
            with pytest.raises(UsageError):
                print(case, "took", value, "and gave", call(value))


def test_what_came_is_shown_and_cut():
    """The message says what was expected and what came, however long that is."""
    with pytest.raises(UsageError) as caught:
        checked(["x" * 1000], str, "a text")

    assert str(caught.value).startswith("expected a text, not ['xxxx")
    assert len(str(caught.value)) < 120


def test_a_mapping_is_no_condition():
    """A dict of labels is no condition of `match`: its keys would be read as metrics."""
    with pytest.raises(UsageError, match="expected a Matcher or a selector text"):
        store().match({"queue": "pods"})


HUGE = 10**5_000  # Python makes no text of more than 4,300 digits


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.appender().append(0, SERIES, HUGE, 1.0),
        lambda store: store.appender().append(0, SERIES, 1, HUGE),
        lambda store: store.ingest("m 1", timestamp=HUGE),
        lambda store: store.query("m", a=[1] * 10_000),
        lambda store: store.increase("m", over=-HUGE),
        lambda store: Labels({"a": [1] * 10_000}),
        lambda store: Labels({"": "x" * 10_000}),
        lambda store: store.appender().append(0, {"a": "x" * 10_000}, 1, 1.0),
    ],
    ids=[
        "time", "value", "moment", "condition", "over", "label", "no name", "no metric",
    ],
)  # fmt: skip
def test_what_is_long_is_refused_in_a_short_line(call):
    """Whatever was given: the message shows the beginning of it."""
    with pytest.raises((UsageError, LabelError)) as caught:
        call(Store())

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "how", [{"replace": "no"}, {"lookback": -1}, {"lookback": "5"}], ids=str
)
def test_a_batch_is_told_how_in_kind(how):
    """A text would count as True, and a look ahead refuse everything."""
    with pytest.raises(UsageError, match=f"expected {next(iter(how))}"):
        Store().batch("a", **how)
