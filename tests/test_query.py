"""Questions: from keywords, matchers and selector texts to points, sorted."""

from __future__ import annotations

import re

import pytest

from promlatest import DataPoint, Labels, Matcher, Metadata, Snapshot, Store
from promlatest._datapoint import family_of
from promlatest.exceptions import SelectionError, SelectorError, UsageError

BODY = """\
# HELP depth How deep.
# TYPE depth gauge
depth{name="pods",priority="0"} 3
depth{name="nodes"} 4
depth 5
depth{Zone="z"} 6
# TYPE jobs_total counter
jobs_total{name="pods"} 7
# TYPE wait histogram
wait_bucket{name="pods",le="0.1"} 1
wait_bucket{name="pods",le="+Inf"} 2
wait_sum{name="pods"} 1.5
wait_count{name="pods"} 2
wait_bucket{name="nodes",le="+Inf"} 0
up 1
"""


@pytest.fixture
def store():
    store = Store()
    store.ingest(BODY)
    return store


def lines(points):
    """Points as text: one a line, without times."""
    return [f"{point.labels.series()} {point.value:g}" for point in points]


# The same question as a call and as a selector text, and what it finds in order.
QUESTIONS = [
    (("depth",), {}, "depth",
     ['depth{Zone="z"} 6', "depth 5", 'depth{name="nodes"} 4',
      'depth{name="pods", priority="0"} 3']),
    (("depth",), {"name": "pods"}, 'depth{name="pods"}',
     ['depth{name="pods", priority="0"} 3']),
    (("depth",), {"name": None}, 'depth{name=""}', ['depth{Zone="z"} 6', "depth 5"]),
    (("depth",), {"name": "", "Zone": ""}, 'depth{name="",Zone=""}', ["depth 5"]),
    (("depth",), {"name": re.compile("p.*|nodes")}, 'depth{name=~"p.*|nodes"}',
     ['depth{name="nodes"} 4', 'depth{name="pods", priority="0"} 3']),
    (("depth",), {"name": ["pods", "nodes", "x"]}, 'depth{name=~"pods|nodes|x"}',
     ['depth{name="nodes"} 4', 'depth{name="pods", priority="0"} 3']),
    (("depth",), {"name": {"", "nodes"}}, 'depth{name=~"|nodes"}',
     ['depth{Zone="z"} 6', "depth 5", 'depth{name="nodes"} 4']),
    (("depth", Matcher("name", "!=", "pods")), {"Zone": None}, 'depth{name!="pods",Zone=""}',
     ["depth 5", 'depth{name="nodes"} 4']),
    (("depth", Matcher("name", "=~", ".+"), Matcher("priority", "!~", ".*")), {},
     'depth{name=~".+",priority!~".*"}', []),
    (("depth",), {"absent": "x"}, 'depth{absent="x"}', []),
    (("depth",), {"name": []}, None, []),
    (("nothing",), {}, "nothing", []),
    (("up", Matcher("__name__", "=", "depth")), {}, None, []),
    (("up", Matcher("__name__", "=~", "u.")), {}, '{__name__="up",__name__=~"u."}', ["up 1"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "labels", "selector", "expected"), QUESTIONS, ids=str)
def test_questions(store, given, labels, selector, expected):
    """A call and its selector text find the same points, sorted by labels (L-2, M-1)."""
    assert lines(store.query(*given, **labels)) == expected
    if selector is not None:
        assert lines(store.select(selector)) == expected
    assert lines(store.snapshot().query(*given, **labels)) == expected


def test_name_matchers_pick_tables(store):
    """`__name__` is a label like others, with every operator (L-2)."""
    assert lines(store.select('{__name__=~"up|jobs.*|x"}')) == [
        'jobs_total{name="pods"} 7',
        "up 1",
    ]
    assert lines(
        store.select(
            '{__name__!~"depth|wait_.*",name=""}'.replace(',name=""', ',__name__=~".+"')
        )
    ) == ['jobs_total{name="pods"} 7', "up 1"]
    assert lines(
        store.match([Matcher("__name__", "!=", "up"), Matcher("le", "=", "0.1")])
    ) == ['wait_bucket{le="0.1", name="pods"} 1']
    assert store.match([Matcher("__name__", "=", "")]) == []
    assert len(store.match([Matcher("__name__", "!=", "")])) == len(store)


def test_points_of_several_tables_are_sorted(store):
    """Labels order the points across metrics too, and names are labels (L-2)."""
    flats = [point.labels.flat for point in store]

    assert flats == sorted(flats)
    assert lines(store)[0] == 'depth{Zone="z"} 6'
    assert list(store) == store.match(())


@pytest.mark.parametrize(
    "name",
    ["name", "metric", "self", "le", "from", "class", "stale", "source", "labels",
     "matchers", "timestamp", "selector", "a.b", "é"],
)  # fmt: skip
def test_labels_may_be_called_like_arguments(name):
    """Every label name works as a keyword of a query."""
    store = Store()
    with store.appender() as app:
        app.append(0, {"__name__": "m", name: "x"}, 1, 1.0)
        app.append(0, {"__name__": "m", name: "y"}, 1, 2.0)
        for part in ("m_bucket", "m_count"):
            app.append(0, {"__name__": part, name: "0.5", "le": "0.5"}, 1, 2.0)

    assert [p.value for p in store.query("m", **{name: "y"})] == [2.0]
    assert [p.value for p in store.snapshot().query("m", **{name: "y"})] == [2.0]
    assert len(store.histograms("m", **{name: "0.5"})) == 1
    assert store.histogram("m", **{name: "0.5"}).buckets[0].le == 0.5
    assert store.exemplars("m", **{name: "y"}) == []


@pytest.mark.parametrize("metric", ["", None, 1, Matcher("a", "=", "b")], ids=repr)
def test_a_query_needs_a_metric(store, metric):
    """The metric is a text that is not empty."""
    with pytest.raises(UsageError, match="metric"):
        store.query(metric)


def test_a_query_takes_matchers_only(store):
    """What stands behind the metric must be a Matcher."""
    with pytest.raises(UsageError, match="expected a Matcher"):
        store.query("depth", "name")


def test_select_refuses_what_is_no_selector(store):
    """A text that cannot be read is an error with a place, and not an empty answer."""
    with pytest.raises(SelectorError) as caught:
        store.select('depth{name="pods"')

    assert caught.value.position == 17


def test_points_are_immutable_and_stay(store):
    """A point is a tuple that nothing changes any more."""
    [point] = store.query("up")
    store.ingest("up 0\n", timestamp=point.timestamp + 1)

    assert isinstance(point, DataPoint)
    assert (point.metric, point.value, point.stale) == ("up", 1.0, False)
    assert isinstance(point.labels, Labels)
    with pytest.raises(AttributeError):
        point.value = 2.0
    assert store.query("up")[0].value == 0.0


def test_reading_consumes_nothing(store):
    """The same question has the same answer, and answers may be changed freely."""
    first = store.query("depth")
    first.clear()

    assert len(store.query("depth")) == 4
    assert list(store) == list(store)


@pytest.mark.parametrize(
    ("matchers", "names"),
    [
        ([], ["Zone", "__name__", "le", "name", "priority"]),
        ([Matcher("__name__", "=", "depth")], ["Zone", "__name__", "name", "priority"]),
        ([Matcher("name", "=", "nodes")], ["__name__", "le", "name"]),
        ([Matcher("name", "=", "")], ["Zone", "__name__"]),
        ([Matcher("__name__", "=", "up")], ["__name__"]),
        ([Matcher("__name__", "=", "nothing")], []),
    ],
    ids=str,
)
def test_label_names(store, matchers, names):
    """The names are those that matching series have a value for, sorted."""
    assert store.label_names(*matchers) == names


@pytest.mark.parametrize(
    ("name", "matchers", "values"),
    [
        ("name", [], ["nodes", "pods"]),
        ("name", [Matcher("priority", "=", "0")], ["pods"]),
        ("le", [Matcher("name", "=", "pods")], ["+Inf", "0.1"]),
        ("__name__", [Matcher("name", "=", "")], ["depth", "up"]),
        ("absent", [], []),
        ("priority", [Matcher("name", "!=", "pods")], []),
    ],
    ids=str,
)
def test_label_values(store, name, matchers, values):
    """The values are those of matching series, sorted; "" is no value (L-1)."""
    assert store.label_values(name, *matchers) == values


def test_metrics_are_families(store):
    """Each family with series has its type and help; one that nobody described is
    "unknown" under the name of its series."""
    assert store.metrics() == {
        "depth": Metadata("gauge", "How deep."),
        "jobs_total": Metadata("counter"),
        "up": Metadata(),
        "wait": Metadata("histogram"),
    }
    assert list(store.metrics()) == sorted(store.metrics())

    store.drop("depth")

    assert "depth" not in store.metrics()


@pytest.mark.parametrize("first", ["a", "b"])
def test_metadata_of_any_source_describes_a_family(first):
    """A description counts wherever it comes from; of two the first source's."""
    store = Store()
    for source in (first, "b" if first == "a" else "a"):
        store.ingest(
            {"a": "# TYPE m summary\nm 1\n", "b": "m_count 1\n"}[source], source=source
        )
    with store.appender() as app:
        app.append(0, {"__name__": "m"}, 1, 1.0)
        app.append(0, {"__name__": "m_sum"}, 1, 1.0)
    store.ingest("# TYPE m counter\nm 1\n", source="last")

    assert store.metrics() == {"m": Metadata("summary")}


def test_a_suffix_belongs_to_the_types_that_have_it():
    """A gauge has no `_count`: a series called so is a metric of its own."""
    store = Store()
    store.ingest("# TYPE m gauge\nm 1\nm_count 1\n")

    assert store.metrics() == {"m": Metadata("gauge"), "m_count": Metadata()}


@pytest.mark.parametrize(
    ("metric", "family"),
    [
        ("x", "x"),
        ("x_bucket", "x"),
        ("x_total", "x_total"),
        ("y_sum", "y_sum"),
        ("_sum", "_sum"),
    ],
)
def test_family_of(metric, family):
    """A series belongs to the family that is described under its name, or under its
    name less a suffix."""
    described = {"x": Metadata("histogram"), "x_total": Metadata("counter")}

    assert family_of(metric, described) == family


@pytest.mark.parametrize(
    ("metric", "kind"), [("depth", "gauge"), ("jobs_total", "counter")]
)
def test_what_is_no_histogram_is_named(store, metric, kind):
    """The histogram of a gauge or counter is refused with what it is."""
    with pytest.raises(SelectionError, match=f"{metric} is a {kind}"):
        store.histogram(metric)

    assert store.histograms(metric) == []


def test_histograms_are_grouped(store):
    """One histogram for each label set beside `le`, sorted by labels."""
    found = store.histograms("wait")

    assert [(h.labels["name"], h.count, h.sum) for h in found[1:]] == [("pods", 2.0, 1.5)]
    assert found[0].labels == {"__name__": "wait", "name": "nodes"}
    assert [bucket.count for bucket in found[1].buckets] == [1.0, 2.0]
    assert store.histogram("wait", name="pods") == found[1]
    assert store.snapshot().histograms("wait") == found


def test_a_histogram_is_of_one_source():
    """A histogram that two sources have is wholly the newest one's."""
    store = Store(clock=lambda: 1_000)
    body = (
        '# TYPE h histogram\nh_bucket{{le="{}"}} 1\nh_bucket{{le="+Inf"}} {}\nh_count {}\n'
    )
    store.ingest(body.format("0.1", 10, 10), source="old", timestamp=10)
    store.ingest(body.format("0.5", 5, 5), source="new", timestamp=20)
    store.ingest(body.format("0.7", 7, 7), source="same", timestamp=20)

    found = store.histogram("h")

    assert [bucket.le for bucket in found.buckets] == [0.5, float("inf")]
    assert (found.count, found.valid) == (5.0, True)


@pytest.mark.parametrize(
    ("metric", "labels", "found", "words"),
    [
        ("wait", {}, 2, ["expected one", 'wait{name="nodes"}', 'wait{name="pods"}']),
        ("wait", {"name": "x"}, 0, ['wait{name="x"}', "wait has others"]),
        ("wiat", {}, 0, ["no metric is called wiat", "close names: wait"]),
        ("zzz", {}, 0, ["no metric is called zzz"]),
        ("wait_bucket", {}, 0, ["wait_bucket is a part of wait"]),
        ("wait_count", {}, 0, ["wait_count is a part of wait"]),
        ("told", {}, 0, ["no histogram for told: told has no buckets"]),
    ],
    ids=str,
)
def test_one_histogram_is_asked_for(store, metric, labels, found, words):
    """Not exactly one histogram is an error that shows what is there."""
    store.ingest("told 1", source="untyped")
    with pytest.raises(SelectionError) as caught:
        store.histogram(metric, **labels)

    assert caught.value.found == found
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_snapshot_answers_alone(store):
    """A Snapshot has no way to write, and answers what the store answers."""
    snapshot = store.snapshot()

    assert isinstance(snapshot, Snapshot)
    assert list(snapshot) == list(store)
    assert len(snapshot) == len(store) == 11
    assert snapshot.metrics() == store.metrics()
    assert not hasattr(snapshot, "batch")


def test_bounds_match_as_numbers(store):
    """le="1" finds the bucket that is exposed as le="1.0" (F-3)."""
    store.ingest('b_bucket{le="1"} 3\n# TYPE c histogram\nc_bucket{le="1"} 4\n', source="b")

    assert store.value("b_bucket", le="1") == 3.0
    assert store.value("c_bucket", le="1") == 4.0
    assert store.value("c_bucket", le="1.0") == 4.0


def test_a_selector_is_no_name(store):
    """A selector text where a name belongs is refused, and the right question is named."""
    with pytest.raises(UsageError, match=r"select\("):
        store.query('m{pod="p1"}')


def test_a_name_may_have_a_brace():
    """Names may be of any characters: one that is no selector is asked for as it is."""
    store = Store()
    store.ingest('{"odd{name",a="b"} 1\n')

    assert store.value("odd{name", a="b") == 1.0
    assert store.query("odd{other") == []


def test_exactly_one(store):
    """`value` and `point` refuse none and several, and say what there is."""
    store.ingest('one{a="1"} 5\none{a="2"} 6\n', source="o", timestamp=7)

    assert store.value("one", a="1") == 5.0
    assert store.point("one", a="2")[1:] == (7, 6.0)
    with pytest.raises(SelectionError, match="got 2"):
        store.value("one")
    with pytest.raises(SelectionError, match="close names: one"):
        store.point("onne")


@pytest.mark.parametrize("sources", [1, 2, 3])
def test_histograms_of_all_sources_are_found(sources):
    """Each source has one that no other has, and one that all have."""
    store = Store()
    for n in range(sources):
        text = f'h_bucket{{n="{n}",le="+Inf"}} {n}\nh_bucket{{le="+Inf"}} {n}\n'
        store.ingest(text, source=f"s{n}", timestamp=n)

    found = [(each.labels.get("n", ""), each.count) for each in store.histograms("h")]

    assert found == [("", sources - 1), *((f"{n}", n) for n in range(sources))]


def test_a_question_that_is_asked_again_and_again_pushes_no_other_out(monkeypatch):
    """It is kept once, though it is answered anew after each scrape."""
    monkeypatch.setattr("promlatest._storage.store.QUESTIONS_KEPT", 200)
    store = Store()
    store.ingest("m 1\nn 1\n")
    store.query("n")
    for value in range(50):
        store.ingest(f"m {value}\nn 1\n")
        assert store.value("m") == value

    assert [question.plan.names for question in store._questions.values()] == [
        ("n",),
        ("m",),
    ]


def test_a_store_without_series_is_true():
    """``store or default`` does not throw an empty one away."""
    assert Store()
    assert Store().snapshot()


def test_problems_of_histograms_are_those_of_each_scrape():
    """Each is told of the values that are there now."""
    store = Store()
    for second in "7", "8":
        store.ingest(
            f'h_bucket{{le="x"}} 1\nh_bucket{{le="1"}} 4\nh_count 4\nh_gcount {second}\n'
        )

        told = store.histogram("h").problems

        assert 'le="x" is no number' in told
        assert f"a second count, {second}, not taken" in told


@pytest.mark.parametrize("part", ["bucket", "count", "sum"])
def test_a_histogram_whose_parts_are_of_different_moments_says_so(part):
    """Whichever of them it is."""
    times = dict.fromkeys(("bucket", "count", "sum"), 1_000) | {part: 1_001}
    store = Store()
    store.ingest(
        f'h_bucket{{le="1"}} 4 1000\nh_bucket{{le="+Inf"}} 4 {times["bucket"]}\n'
        f"h_count 4 {times['count']}\nh_sum 4 {times['sum']}\n",
        timestamp=2_000,
    )

    assert store.histogram("h").problems == ("parts of different moments: 1000 to 1001",)


ASK = [
    lambda store: store.query("depth", name="pods"),
    lambda store: store.query("depth", name=["pods", "nodes"]),
    lambda store: store.select('depth{name=~"p.*"}'),
    lambda store: store.match("depth", [Matcher("name", "=", "pods")]),
    lambda store: store.histograms("wait"),
]


@pytest.mark.parametrize("ask", ASK, ids=["query", "list", "select", "match", "histograms"])
def test_what_was_asked_before_is_not_looked_for_again(store, monkeypatch, ask):
    """Where the series of a question are is kept until series come or go, and its answer
    until something is committed where they are."""
    store.ingest("other 1\n", source="other")
    first = ask(store)

    def looked(*_args):
        raise AssertionError("looked for anew")

    monkeypatch.setattr("promlatest._storage.question.Question._find", looked)
    store.ingest("other 2\n", source="other")
    again = ask(store)

    assert all(one is other for one, other in zip(first, again, strict=True))
    store.ingest(BODY.replace("} 3", "} 8").replace("} 2", "} 9"))
    assert ask(store) != first


def test_what_was_appended_directly_is_looked_for_once(monkeypatch):
    """Until series come or go: a sample through a known ref is seen without that."""
    store = Store()
    app = store.appender()
    refs = [app.append(0, {"__name__": "m", "n": f"{n}"}, 1, 1.0) for n in range(5)]
    assert len(store.query("m")) == 5

    with monkeypatch.context() as patched:
        patched.setattr(store._live, "_candidates", None)
        app.append(refs[3], {}, 2, 7.0)
        assert [point.value for point in store.query("m")] == [1.0, 1.0, 1.0, 7.0, 1.0]

    app.append(0, {"__name__": "m", "n": "new"}, 2, 9.0)
    assert [point.value for point in store.query("m")] == [1.0, 1.0, 1.0, 7.0, 1.0, 9.0]


def test_what_is_kept_of_questions_is_bounded(monkeypatch):
    """By the series that they found, so one that found none is not for nothing either."""
    monkeypatch.setattr("promlatest._storage.store.QUESTIONS_KEPT", 2_000)
    store = Store()
    store.ingest("".join(f'm{{n="{n}"}} {n}\n' for n in range(100)))

    for asked in range(200):
        assert len(store.select(f'm{{n!="{asked}"}}')) >= 99
        assert len(store._questions) <= 2_000 // (32 + 99)
    for asked in range(200):
        assert store.query("absent", n=f"{asked}") == []
        assert len(store._questions) <= 2_000 // 32


def test_a_histogram_weighs_half_as_much_as_its_series(monkeypatch):
    """So histograms are kept of twice as many series as points are."""
    monkeypatch.setattr("promlatest._storage.store.QUESTIONS_KEPT", 2_000)
    body = "".join(
        f'h_bucket{{n="{n}",le="1"}} 1\nh_bucket{{n="{n}",le="+Inf"}} 2\n'
        for n in range(750)
    )
    store = Store()
    store.ingest(body)

    assert store.histograms("h")[0] is store.histograms("h")[0]
    assert store.query("h_bucket")[0] is not store.query("h_bucket")[0]


def test_histograms_are_assembled_once_however_many(monkeypatch):
    """Where the buckets stand is kept for all of them, and not for so many at the most:
    it takes a hundred times what picking their values takes."""
    monkeypatch.setattr("promlatest._storage.layout._HITS_KEPT", 16)
    body = "".join(
        f'h_bucket{{n="{n}",le="1"}} 1\nh_bucket{{n="{n}",le="+Inf"}} 2\n'
        for n in range(500)
    )
    store = Store()
    store.ingest(body)
    assert len(store.histograms("h")) == 500

    def again(*_args):
        raise AssertionError("assembled anew")

    monkeypatch.setattr("promlatest._storage.histograms.assemble", again)
    store.ingest(body.replace("} 2", "} 3"))

    assert {histogram.count for histogram in store.histograms("h")} == {3}
