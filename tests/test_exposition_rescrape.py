"""The reader of the next body says exactly what a fresh reading says.

A body is mutated step by step, as an endpoint or its bugs would do it, and after every
step the `Reader` that has seen all bodies before is compared with `parse`, which has
seen none. `make fuzz` runs the same with 100 times the examples.
"""

from __future__ import annotations

from typing import Any

import pytest
from fuzz import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promlatest import Store
from promlatest.exceptions import LimitError, ParseError
from promlatest.exposition import Reader, parse
from promlatest.exposition import _rescrape as rescrape
from promlatest.exposition._reader import read_fast

STEPS = 20

OPENMETRICS = "application/openmetrics-text"

names = st.sampled_from(["a", "b", "a_bucket", "b_total"])
numbers = st.one_of(
    st.integers(0, 30).map(str),
    st.sampled_from(["NaN", "+Inf", "-Inf", "1e3", "0.5", "1e400", "1_0", "x", "", "nan"]),
)
values = st.sampled_from(
    ["", "1", "1.0", "+Inf", "x y", "} 5", "é", "a\\\\b", '\\"', "# {"]
)
labels = st.lists(
    st.tuples(st.sampled_from(["le", "c", "d"]), values),
    max_size=2,
    unique_by=lambda pair: pair[0],
)
timestamps = st.sampled_from(["", "", "", " 5", " 123456", " -1", " 1.5", " 5 6"])
exemplars = st.sampled_from(["", "", "", ' # {t="1"} 2', ' # {t="1"} 2 3', " # {} x"])
blanks = st.sampled_from([" ", " ", " ", " ", "  ", "\t", ""])


def _series(name: str, pairs: list[tuple[str, str]]) -> str:
    inner = ",".join(f'{label}="{value}"' for label, value in pairs)
    return f"{name}{{{inner}}}" if pairs else name


plain_samples = st.builds(
    lambda name, pairs, value: f"{_series(name, pairs)} {value}",
    names,
    labels,
    st.integers(0, 9),
)
odd_samples = st.builds(
    lambda name, pairs, *rest: _series(name, pairs) + "".join(rest),
    names, labels, blanks, numbers, timestamps, exemplars, st.sampled_from(["", "", " "]),
)  # fmt: skip
comments = st.sampled_from(
    ["", "# TYPE a histogram", "# TYPE a gauge", "# TYPE a_bucket summary", "# HELP a x",
     "# HELP a z w", "# HELP a x w", "# HELP b y", "# HELP b 7", "# a 8", "# a comment", "# an old comment", "# TYPE a nonsense", "# EOF", "# UNIT a s"]
)  # fmt: skip
lines = st.one_of(plain_samples, plain_samples, plain_samples, odd_samples, comments)


def revalue(body: list[str], at: int, draw: Any) -> None:
    series, blank, _ = body[at].rpartition(" ")
    body[at] = series + blank + draw(numbers)


def recount(body: list[str], at: int, draw: Any) -> None:
    body[at] = f"{body[at].rpartition(' ')[0]} {draw(st.integers(0, 9))}"


def revalue_all(body: list[str], at: int, draw: Any) -> None:
    number = draw(st.integers(0, 99))
    for place, line in enumerate(body):
        if line[:1] not in ("#", ""):
            series, blank, _ = line.rpartition(" ")
            body[place] = f"{series}{blank}{number + place}"


def insert(body: list[str], at: int, draw: Any) -> None:
    body.insert(at, draw(lines))


def insert_plain(body: list[str], at: int, draw: Any) -> None:
    body.insert(at, draw(plain_samples))


def replace(body: list[str], at: int, draw: Any) -> None:
    body[at] = draw(lines)


def exchange(body: list[str], at: int, draw: Any) -> None:
    for place in {at, draw(st.integers(0, len(body) - 1))}:
        body[place] = body[place].replace('="', f'="{draw(st.integers(0, 9))}', 1)


def remove(body: list[str], at: int, draw: Any) -> None:
    del body[at]


def swap(body: list[str], at: int, draw: Any) -> None:
    other = draw(st.integers(0, len(body) - 1))
    body[at], body[other] = body[other], body[at]


def repeat(body: list[str], at: int, draw: Any) -> None:
    body.append(body[at])


def append_text(body: list[str], at: int, draw: Any) -> None:
    body[at] += draw(
        st.sampled_from([" 7", " ", "\r", "\t", "0", '"', "}", "\x00", "\u2028"])
    )


def cut_line(body: list[str], at: int, draw: Any) -> None:
    body[at] = body[at][: draw(st.integers(0, len(body[at])))]


def nothing(body: list[str], at: int, draw: Any) -> None:
    pass


MUTATIONS = [
    revalue, revalue, revalue_all, insert, insert_plain, replace, remove, swap, repeat,
    append_text, cut_line, nothing, exchange,
]  # fmt: skip


PLAIN = [recount, recount, revalue_all, exchange, insert_plain, remove, swap, repeat]


def mutate(body: list[str], mutations: list[Any], data: st.DataObject) -> None:
    """Up to three things happen between two scrapes."""
    for mutation in data.draw(st.lists(st.sampled_from(mutations), min_size=1, max_size=3)):
        if body:
            mutation(body, data.draw(st.integers(0, len(body) - 1)), data.draw)


def outcome(read: Any) -> Any:
    """What a reading gives, in a form that can be compared: NaN equals NaN."""
    try:
        exposition = read()
    except ParseError as error:
        return str(error)
    samples = [
        (str(sample.labels), repr(sample.value), sample.timestamp, repr(sample.exemplar))
        for sample in exposition.samples()
    ]
    return samples, dict(exposition.metadata), exposition.format


def text_of(body: list[str], ended: bool) -> str:
    return "\n".join(body) + ("\n" if ended else "")


def stamped(body: list[str], step: int, moments: int) -> list[str]:
    """The body with a timestamp behind every sample, of so many moments in turn."""
    if not moments:
        return body
    return [
        line if line[:1] in ("#", "") else f"{line} {step + number % moments}"
        for number, line in enumerate(body)
    ]


@pytest.mark.parametrize("block", [2, 5, 64])
@pytest.mark.parametrize("moments", [0, 1, 2])
@pytest.mark.parametrize("content_type", ["text/plain", OPENMETRICS])
@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(
    data=st.data(),
    start=st.lists(
        st.one_of(plain_samples, plain_samples, comments), min_size=1, max_size=24
    ),
)
def test_the_next_body_is_read_as_a_fresh_one(
    monkeypatch: pytest.MonkeyPatch,
    content_type: str,
    moments: int,
    block: int,
    data: st.DataObject,
    start: list[str],
) -> None:
    """After any mutation the shortcut gives what a full reading gives, or its error."""
    monkeypatch.setattr(rescrape, "_BLOCK", block)
    monkeypatch.setattr(rescrape, "_NEAR", 2 * block)
    monkeypatch.setattr(rescrape, "_LINES_CUT", block)
    monkeypatch.setattr(rescrape, "_PIECE", block)
    monkeypatch.setattr(rescrape, "_SHORT", 20)
    monkeypatch.setattr(rescrape, "_COUNT_EVERY", 2)
    reader = Reader()
    body = list(start)
    for step in range(STEPS):
        before = list(body)
        mutate(body, MUTATIONS, data)
        body = body or before
        tail = ["# EOF"] if content_type == OPENMETRICS else []
        shown = stamped(body, step, moments)
        text = text_of(shown + tail, ended=data.draw(st.booleans()))

        fresh = outcome(lambda text=text: parse(text, content_type))
        assert outcome(lambda text=text: reader.read(text, content_type)) == fresh

        if isinstance(fresh, str) and data.draw(st.booleans()):
            body = before  # an endpoint mends itself


@settings(max_examples=examples(25), deadline=None)
@given(data=st.data(), start=st.lists(plain_samples, min_size=1, max_size=12))
def test_a_store_that_saw_all_bodies_holds_what_the_last_one_says(
    data: st.DataObject, start: list[str]
) -> None:
    """A store that was given body after body answers as one that saw the last only."""
    body = list(start)
    store = Store(clock=lambda: 1_000_000)
    for step in range(STEPS // 2):
        before = list(body)
        mutate(body, PLAIN, data)
        body = body or before
        fresh = Store(clock=lambda: 1_000_000)
        for each in (store, fresh):
            each.ingest("\n".join(body), timestamp=step)

        assert list(store) == list(fresh)
        assert store.label_names() == fresh.label_names()
        store._check()


SHORTCUTS = {
    "a value": ("a 1\nb 2\n", "a 1\nb 3\n"),
    "all values": ("a 1\nb 2\n", "a 5\nb 6\n"),
    "nothing": ("a 1\nb 2\n", "a 1\nb 2\n"),
}


@pytest.mark.parametrize(("first", "second"), SHORTCUTS.values(), ids=list(SHORTCUTS))
def test_the_same_series_share_their_columns(first: str, second: str) -> None:
    """Where only values changed, the rows share the columns of the last reading, so
    that a snapshot sees with one comparison that its series are the same."""
    reader = Reader()
    before = reader.read(first)
    after = reader.read(second)

    assert [
        x.columns is y.columns for x, y in zip(before.rows, after.rows, strict=True)
    ] == [
        True,
        True,
    ]


def test_the_last_exposition_is_not_changed() -> None:
    """What was handed out before stays as it was."""
    reader = Reader()
    before = reader.read("a 1\n")
    reader.read("a 2\n")

    assert [sample.value for sample in before.samples()] == [1.0]


def test_a_bad_line_is_found_though_its_neighbours_did_not_change() -> None:
    """A value that is no number is refused with its place, wherever it turns up."""
    lines = [f'a{{b="{number}"}} {number}' for number in range(500)]
    reader = Reader()
    reader.read("\n".join(lines))
    lines[321] = 'a{b="321"} 1_000'

    with pytest.raises(ParseError) as error:
        reader.read("\n".join(lines))

    assert (error.value.line, error.value.column) == (322, 12)


def test_after_a_bad_body_the_next_good_one_is_read() -> None:
    """A refused body leaves nothing behind."""
    reader = Reader()
    reader.read("a 1\n")
    with pytest.raises(ParseError):
        reader.read("a x\n")

    assert [sample.value for sample in reader.read("a 2\n").samples()] == [2.0]


def test_where_most_values_change_the_way_changes_and_back() -> None:
    """The way is picked by how much the last body had changed."""
    reader = Reader()
    bodies = ["\n".join(f"a{i} {i * k}" for i in range(1, 300)) for k in range(1, 40)]
    reader.read(bodies[0])
    for body in bodies[1:5]:
        reader.read(body)
    moving = type(reader._last)
    for _ in range(40):
        reader.read(bodies[5])

    assert moving is rescrape._Series
    assert type(reader._last) is rescrape._Blocks


def test_a_word_in_a_comment_changes_among_lines_with_timestamps() -> None:
    """Where each line has a timestamp, the words of a HELP are still compared."""
    reader = Reader()
    for step, help_text in enumerate(["one two"] * 4 + ["six two"]):
        samples = [f'a{{i="{number}"}} {step + number} {step}' for number in range(9)]
        body = "\n".join([f"# HELP a {help_text}", *samples, ""])
        assert reader.read(body).metadata == parse(body).metadata


def test_a_comment_ends_like_a_sample_that_has_lost_its_timestamp() -> None:
    """Where the one timestamp of all samples is cut off, a comment keeps its words, and a
    sample without one has none."""
    reader = Reader()
    for step in range(4):
        reader.read(f'# HELP a b\na{{i="1"}} {step} {step}\na{{i="2"}} {step} {step}\n')

    body = '# HELP a b 7\na{i="1"} 3\na{i="2"} 3 7\n'

    assert reader._last._stamp == b" 3\n"
    assert outcome(lambda: reader.read(body)) == outcome(lambda: parse(body))


def test_the_last_lines_are_gone() -> None:
    """Where a block of lines would begin behind the end of the body, there is none."""
    reader = Reader()
    lines = [f"# comment {number}" for number in range(rescrape._BLOCK)]
    for _ in range(2):
        reader.read("\n".join(["a 1", *lines]))
    lines[-1:] = []

    reader.read("\n".join(["a 1", *lines]))

    assert reader._last.body.count(b"\n") == len(lines)
    assert reader._last.places.of_line.count(-1) == len(lines)


def test_an_exemplar_comes_where_the_format_has_none() -> None:
    """A text that says nothing of OpenMetrics is refused for an exemplar, as a first body
    is; also on a line that is not just series, blank and value."""
    reader = Reader()
    reader.read("a  1\n")

    with pytest.raises(ParseError, match="exemplars need the Content-Type"):
        reader.read('a  1 # {t="3"} 1\n')


def test_what_stands_behind_the_last_line_break_is_read() -> None:
    """Where all values change, a text that comes behind the last sample is not passed by."""
    reader = Reader()
    for body in ("b 0\n", "b 7\n"):
        reader.read(body)

    with pytest.raises(ParseError, match="expected a metric name: '2'"):
        reader.read("b 1\n2")


@pytest.mark.parametrize("way", ["in place", "elsewhere"])
def test_pods_that_are_replaced_are_read_alone(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """New series of metrics and label names that are there take the places of those that
    went, without a full reading; columns in which nothing changed are shared."""
    lines = [f'm{k}{{c="1",pod="{pod}"}} {pod}' for k in range(3) for pod in range(9)]
    reader = Reader()
    before = reader.read("\n".join(lines))
    monkeypatch.setattr("promlatest.exposition._rescrape.read_fast", None)

    lines[4] = 'm0{c="1",pod="new"} 7'
    if way == "elsewhere":
        lines.insert(8, lines.pop(4))
    after = reader.read("\n".join(lines))

    assert outcome(lambda: after) == outcome(lambda: parse("\n".join(lines)))
    assert [rows.places for rows in after.rows] == [rows.places for rows in before.rows]
    shared = [
        [one is other for one, other in zip(new.columns, old.columns, strict=True)]
        for new, old in zip(after.rows, before.rows, strict=True)
    ]
    assert shared == [[True, False], [True, True], [True, True]]


def test_a_bound_of_a_new_series_has_its_one_spelling() -> None:
    """A series that takes the place of another is read under the TYPE of its line."""
    reader = Reader()
    head = "# TYPE a histogram\n"
    reader.read(head + 'a_bucket{le="1"} 1\n')

    again = reader.read(head + 'a_bucket{le="2"} 1\n')

    assert [sample.labels["le"] for sample in again.samples()] == ["2.0"]


def test_series_that_come_and_go_are_looked_for_in_their_blocks_alone(monkeypatch) -> None:
    """Behind a line that came or went all others are compared where they stand now, and
    nothing is read again."""
    reader = Reader()
    size = 20 * rescrape._BLOCK
    lines = [f'a{{i="{number}"}} {number}' for number in range(size)]
    bodies = ["\n".join([*lines, ""])]
    lines.insert(5 * rescrape._BLOCK + 3, 'a{i="new"} 7')
    del lines[9 * rescrape._BLOCK]
    lines[-1] += "5"
    bodies.append("\n".join([*lines, ""]))
    fresh = [outcome(lambda body=body: parse(body)) for body in bodies]
    reader.read(bodies[0])
    aligned = []
    align = rescrape._Changes.align

    def counting(changes: Any, first: int, *rest: Any) -> bool:
        aligned.append(first // rescrape._BLOCK)
        return align(changes, first, *rest)

    monkeypatch.setattr(rescrape._Changes, "align", counting)
    monkeypatch.setattr("promlatest.exposition._rescrape.read_fast", None)

    for step in (1, 0, 1):
        assert outcome(lambda step=step: reader.read(bodies[step])) == fresh[step]

    assert aligned[:2] == [5, 8]
    assert len(aligned) == 6


def test_too_many_samples() -> None:
    """The limit on samples holds for every body."""
    reader = Reader()
    reader.read("a 1\n", max_samples=1)

    with pytest.raises(LimitError):
        reader.read("a 1\nb 2\n", max_samples=1)


def test_a_line_that_stays_wrong_is_found_without_reading_all(monkeypatch):
    """A body whose values move and whose last line cannot be read is refused each time, in
    the same words, and only its first reading reads every line."""
    bodies = [
        "".join(f'a{{x="{k}"}} {i}\n' for k in range(99)) + 'b{n="1" R} 1\n'
        for i in range(4)
    ]
    reader = Reader()
    told = []
    for number, body in enumerate(bodies):
        if number == 1:
            monkeypatch.setattr("promlatest.exposition._rescrape.read_fast", None)
        with pytest.raises(ParseError) as caught:
            reader.read(body)
        told.append(str(caught.value))

    assert told == ["line 100, column 10: expected '=' after the label name: '} 1'"] * 4


def test_a_line_that_is_mended_is_read():
    """A body that was refused is read when its bad line is well again."""
    reader = Reader()
    with pytest.raises(ParseError):
        reader.read("a 1\nb{ 1\n")

    assert len(reader.read("a 2\nb 1\n")) == 2


def test_a_value_with_a_raw_line_break_is_read_again_by_comparison(monkeypatch):
    """One sample that holds a line break does not cost the reading by comparison."""
    reader = Reader()
    reader.read('a{x="1\n2"} 1\nb 1\n')
    monkeypatch.setattr("promlatest.exposition._rescrape.read_fast", None)

    again = reader.read('a{x="1\n2"} 5\nb 2\n')

    assert [(sample.labels.get("x"), sample.value) for sample in again.samples()] == [
        ("1\n2", 5),
        (None, 2),
    ]


BETWEEN = {
    "metadata": lambda n, v: f"# HELP m{n} of {n}\n# TYPE m{n} gauge\nm{n} {v}\n",
    "comments": lambda n, v: f'# {n}\nm{{a="{n}"}} {v}\n',
    "blank lines": lambda n, v: f'\nm{{a="{n}"}} {v}\n',
    "timestamps": lambda n, v: f'm{{a="{n}"}} {v} {5 + v}\n',
    "some timestamps": lambda n, v: f'm{{a="{n}"}} {v}{" 5" * (n % 3 == 0)}\n',
    "words": lambda n, v: f'm{{a="{n}"}} {"+Inf" if n == v else v}\n',
    "line breaks": lambda n, v: f'm{{a="{n}\n{n}"}} {v}\n',
}
CHANGED = {"one value": 1, "some values": 7, "all values": 200}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize("line", BETWEEN.values(), ids=BETWEEN)
def test_whatever_stands_between_the_next_body_is_read_by_comparison(
    monkeypatch, line, changed
):
    """And gives what a fresh reading gives, at each of several steps."""
    reader = Reader()
    for step in range(4):
        body = "".join(line(n, step * (n < changed)) for n in range(200))
        if step == 1:
            monkeypatch.setattr("promlatest.exposition._rescrape.read_fast", None)
            monkeypatch.setattr("promlatest.exposition._rescrape.read_exactly", None)
        read, fresh = reader.read(body), parse(body)
        assert list(read.samples()) == list(fresh.samples())
        assert read.metadata == fresh.metadata


BLANKS = {
    "two": 'm{{a="{n}"}}  {v}\n',
    "a tab": 'm{{a="{n}"}}\t{v}\n',
    "one before": ' m{{a="{n}"}} {v}\n',
    "one behind": 'm{{a="{n}"}} {v} \n',
    "within a value": 'm{{a="{n} {n}  "}} {v} \t\n',
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize("line", BLANKS.values(), ids=BLANKS)
def test_whatever_blanks_stand_around_a_value_it_is_read_alone(monkeypatch, line, changed):
    """Once the series is known no line is read from its start."""
    reader = Reader()
    for step in range(4):
        body = "".join(line.format(n=n, v=step * (n < changed)) for n in range(200))
        with monkeypatch.context() as patch:
            if step:
                patch.setattr("promlatest.exposition._reader.LineReader", None)
                patch.setattr("promlatest.exposition._rescrape.LineReader", None)
            read = reader.read(body)
        assert list(read.samples()) == list(parse(body).samples())


def test_a_series_that_loses_its_labels_behind_a_blank_is_another():
    """A blank may stand between a name and its labels, and there the name does not end."""
    reader = Reader()
    reader.read('m\t{a="1"}5\t\n')

    [sample] = reader.read("m\t6\t\n").samples()

    assert sample.labels == {"__name__": "m"}


@pytest.mark.parametrize("start", ["", " "])
@pytest.mark.parametrize("count", [1, 200])
def test_a_value_that_takes_the_place_of_a_whole_line_is_refused(start, count):
    """Of a name with its value right behind it none of the two is left out."""
    reader = Reader()
    for step in range(3):
        reader.read("".join(f"a{n} {step}\n{start}b{n}+Inf\n" for n in range(count)))

    with pytest.raises(ParseError, match="line 2, column"):
        reader.read("".join(f"a{n} 7\n{start}1\n" for n in range(count)))


@pytest.mark.parametrize("line", ['m{{a="{n}"}}{v}', "m{n}  {v} 7", 'm{{a="{n}"}} {v}\r'])
def test_a_last_word_that_is_no_value_is_not_taken_for_one(line):
    """No blank stands before the value, a timestamp behind it, or no blank ends the line."""
    reader = Reader()
    for step in range(4):
        body = "".join(f"{line.format(n=n, v=step)}\n" for n in range(200))
        read, fresh = (_samples_or_error(each, body) for each in (reader.read, parse))
        assert read == fresh


def test_a_value_is_not_taken_for_the_end_of_labels():
    """Where no blank stood before the value that was."""
    reader = Reader()
    reader.read('m{a="1", b="2"}5 \n')

    with pytest.raises(ParseError):
        reader.read('m{a="1", 6 \n')


def _samples_or_error(read, body):
    try:
        return list(read(body).samples())
    except ParseError as error:
        return str(error)


EXEMPLARS = [
    ' # {t="1"} 1',
    ' # {t="2"} 2 3',
    ' # {t="1",u="2"} 1',
    ' # {t="1",u="3"} 1',
    "",
    ' # {t="a\\"b"} 1',
    " # {} 1",
    "",
    ' # {t="1"} 1',
]


def test_exemplars_that_come_change_and_go_are_read_by_comparison(monkeypatch):
    """Of whatever form they are."""
    reader = Reader()
    for step, exemplar in enumerate(EXEMPLARS):
        first = f"a_total 1{EXEMPLARS[-1]}\n"
        body = f"# TYPE a counter\n{first}" + f'a_total{{x="y"}} {step}{exemplar}\n# EOF\n'
        read, fresh = reader.read(body, OPENMETRICS), parse(body, OPENMETRICS)
        assert list(read.samples()) == list(fresh.samples())
        monkeypatch.setattr(rescrape, "read_fast", None)


def test_a_line_with_an_exemplar_is_of_another_series_then():
    """Its value goes to that one, and no other has one any more."""
    reader = Reader()
    for series in 'a_total{x="y"}', 'a_total{x="z"}', 'a_total{w="y"}', "a_total":
        body = f'# TYPE a counter\n{series} 1 # {{t="1"}} 1\n# EOF\n'
        read, fresh = reader.read(body, OPENMETRICS), parse(body, OPENMETRICS)
        assert list(read.samples()) == list(fresh.samples())


def test_series_that_come_are_read_alone(monkeypatch):
    """Of a body in which some come and some go between comments that stay, a twentieth at
    most is read."""
    texts = []

    def read(text, *rest):
        texts.append(text)
        return read_fast(text, *rest)

    monkeypatch.setattr(rescrape, "read_fast", read)
    reader = Reader()
    for step in range(4):
        there = (n for n in range(200) if n % 50 != step)
        samples = "".join(f'm{{a="{n}"}} {step if n % 9 else "+Inf"}\n' for n in there)
        body = f"# HELP m Some.\n# TYPE m gauge\n{samples}# done\nend 1\n"
        assert list(reader.read(body).samples()) == list(parse(body).samples())
        assert sum(map(len, texts)) <= len(body) / (20 if step else 1)
        texts.clear()


@pytest.mark.parametrize(
    "rest", ['1e400 # {t="1"} 2', '3 # {t="1"} 1e400', '3 # {t="1"} 2 1e400']
)
def test_a_number_that_is_too_large_is_refused_beside_an_exemplar_too(rest):
    """A value, the value of an exemplar, or its timestamp beyond a float is refused at the
    second reading as at the first."""
    reader = Reader()
    reader.read('a 2 # {t="1"} 2\n# EOF\n', OPENMETRICS)

    with pytest.raises(ParseError, match=r"large|finite|seconds"):
        reader.read(f"a {rest}\n# EOF\n", OPENMETRICS)
