"""Whole bodies: the fast reading is the exact one, and says what Prometheus says."""

from __future__ import annotations

import pytest
from exposition_bodies import CONTENT, bodies, said, spoiled_bodies
from fuzz import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promlatest._clock import Turns
from promlatest.exceptions import ContentTypeError, LimitError, ParseError
from promlatest.exposition import Format, Sample, parse
from promlatest.exposition._reader import Refused, read_exactly, read_fast


def values(body: str | bytes, syntax: Format = "text", **more) -> dict[str, float]:
    samples = parse(body, CONTENT[syntax], **more).samples()
    return {sample.labels.series(): sample.value for sample in samples}


# The fast reading


def exact(text: str, syntax: Format) -> list[object] | None:
    try:
        return said(read_exactly(text, syntax))
    except ParseError:
        return None


def agree(text: str, syntax: Format) -> None:
    try:
        fast = read_fast(text, syntax)
    except Refused:
        assert exact(text, syntax) is None
        return
    if fast is not None:
        assert said(fast) == exact(text, syntax)


@settings(max_examples=examples(150), deadline=None)
@given(bodies("text"))
def test_fast_is_exact_in_text(text: str) -> None:
    """What the fast reading yields is what the exact one yields (F-0)."""
    agree(text, "text")


@settings(max_examples=examples(150), deadline=None)
@given(bodies("openmetrics"))
def test_fast_is_exact_in_openmetrics(text: str) -> None:
    """The same in OpenMetrics (F-0)."""
    agree(text, "openmetrics")


@settings(max_examples=examples(250), deadline=None)
@given(spoiled_bodies("text"))
@example('a{b="c"} 1\na{b="d"}"e 5\n')
@example('a 1\na"x 5\n')
@example('a{b="c"} 1\na{b="\udcff"} 1\n')
@example('a{b="c"} 1\n\0a{b="c"} 1\n')
@example('a{b="x"} 1\na{b="\0"} 1\n')
@example('{"b"} 1\na{"b"="c"} 1\na{"d"="c"} 1\n')
@example('a{b="c"} 1\na{b="c"} 1\t2\n')
@example('a{b="c"} 1\na{b="x\ny"} 1\n')
@example('# TYPE "a\nb" gauge\na 1\n')
def test_fast_is_exact_in_spoiled_text(text: str) -> None:
    """A quote too many, a control character or a raw line break changes nothing of it."""
    agree(text, "text")


@settings(max_examples=examples(150), deadline=None)
@given(spoiled_bodies("openmetrics"))
@example("a 1\n# EOF\n# EOF\n")
@example("a 1\n# EOF")
@example("# EOF\n\n")
def test_fast_is_exact_in_spoiled_openmetrics(text: str) -> None:
    """The same in OpenMetrics, where `# EOF` ends the body (F-0)."""
    agree(text, "openmetrics")


@settings(max_examples=examples(60), deadline=None)
@given(bodies("text"))
def test_fast_reads_every_good_body(text: str) -> None:
    """A body that can be read is read fast: the exact reading is for errors only."""
    if '\n"' not in text and exact(text, "text") is not None:
        assert read_fast(text, "text") is not None


@pytest.mark.parametrize(
    ("second", "value"), [(r"x\n", "x\n"), (r"\"", '"'), (r"\\", "\\"), (r"\q", r"\q")]
)
def test_an_escape_in_a_known_form(second: str, value: str) -> None:
    """A line with an escape is read by itself although its form is known (L-6)."""
    samples = parse(f'a{{b="c"}} 1\na{{b="{second}"}} 2\n').samples()

    assert [sample.labels["b"] for sample in samples] == ["c", value]


# le and quantile


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("1", "1.0"),
        ("1.0", "1.0"),
        ("0.005", "0.005"),
        ("100000", "100000.0"),
        ("1000000", "1e+06"),
        ("1048576", "1.048576e+06"),
        ("0.00001", "1e-05"),
        ("9.999999999999999e-06", "9.999999999999999e-06"),
        ("+Inf", "+Inf"),
        ("inf", "+Inf"),
        ("NaN", "NaN"),
        ("low", "low"),
    ],
)
@pytest.mark.parametrize(("kind", "label"), [("histogram", "le"), ("summary", "quantile")])
def test_bounds_have_one_spelling(kind: str, label: str, text: str, spelled: str) -> None:
    """Under a TYPE histogram `le`, under summary `quantile` is written anew (F-3)."""
    body = f'# TYPE a {kind}\na{{{label}="{text}"}} 1\n'

    assert list(values(body)) == [f'a{{{label}="{spelled}"}}']


@pytest.mark.parametrize(
    "body",
    [
        'a_bucket{le="1"} 1\n# TYPE a histogram\n',
        '# TYPE a histogram\n# TYPE b gauge\na_bucket{le="1"} 1\n',
        '# TYPE a summary\na_bucket{le="1"} 1\n',
        '# TYPE a untyped\na_bucket{le="1"} 1\n',
    ],
)
def test_the_last_type_decides_on_bounds(body: str) -> None:
    """Only the TYPE line seen last counts, whatever family it names (F-2)."""
    assert list(values(body)) == ['a_bucket{le="1"}']


def test_a_type_of_another_family_decides_on_bounds() -> None:
    """The TYPE line seen last applies although the names differ (F-2)."""
    body = '# TYPE a histogram\nb{le="1"} 1\nb{le="2"} 1 5\n'

    assert list(values(body)) == ['b{le="1.0"}', 'b{le="2.0"}']


def test_one_form_under_two_types() -> None:
    """Lines of one form are read by the TYPE above each of them (F-2)."""
    body = 'a{le="1"} 1\n# TYPE x histogram\na{le="1"} 2\n# TYPE y gauge\na{le="2"} 3\n'

    assert values(body) == {'a{le="1"}': 1, 'a{le="1.0"}': 2, 'a{le="2"}': 3}


def test_gaugehistograms_keep_their_bounds() -> None:
    """A gaugehistogram's `le` is left as it is (F-3)."""
    body = '# TYPE a gaugehistogram\na_bucket{le="1"} 1\n# EOF\n'

    assert list(values(body, "openmetrics")) == ['a_bucket{le="1"}']


# Metadata and samples


def test_metadata_may_come_twice_and_late() -> None:
    """HELP and TYPE need not be contiguous or unique; the last one counts (F-2)."""
    body = "# HELP a x\na 1\n# TYPE a gauge\n# HELP a y\nb 1\n# TYPE a counter\n"
    told = parse(body).metadata["a"]

    assert (told.type, told.help) == ("counter", "y")


@pytest.mark.parametrize(
    "after",
    [
        'a{b="x\n# HELP c d\n# TYPE c gauge\nc 1\n"} 2',
        "c 1\nc 2",
        "x +Inf\nc NaN",
        "c 1 5\n# HELP c other\n# TYPE c counter",
        'c_sum 1\n# HELP d \n# TYPE d summary\nd{quantile="0.50"} 1',
        "# HELP c a\\\\b\n# TYPE c counter\nc 3\n",
        "",
    ],
)
def test_what_stands_behind_the_head_of_a_family(after: str) -> None:
    """A family that is read at once hides nothing: values that hold one, repeats, words
    for numbers, timestamps, escapes and what contradicts it are as the exact reading says."""
    text = f"# HELP c d\n# TYPE c gauge\n{after}"
    fast = read_fast(text, "text")
    assert fast is not None
    assert said(fast) == exact(text, "text")


def test_a_page_of_families_offers_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families that are read at once are work in slices too."""
    turns: list[None] = []
    monkeypatch.setattr(Turns, "offer", lambda _: turns.append(None))
    read_fast("# HELP m h\n# TYPE m gauge\nm 1\n" * 10_000, "text")
    assert turns


def test_names_are_never_changed() -> None:
    """A counter without `_total` keeps its name, and so does its family (F-4.1)."""
    body = "# TYPE foo counter\nfoo 1\nfoo_total 2\n# TYPE foo_total counter\n"

    assert values(body) == {"foo": 1, "foo_total": 2}
    assert sorted(parse(body).metadata) == ["foo", "foo_total"]


def test_statesets_and_infos_are_samples() -> None:
    """An info is a plain sample; its type is in the metadata (F-6)."""
    body = '# TYPE a info\na_info{v="1"} 1\n# EOF\n'
    exposition = parse(body, CONTENT["openmetrics"])

    assert [sample.value for sample in exposition.samples()] == [1]
    assert exposition.metadata["a"].type == "info"


def test_empty_labels_are_absent() -> None:
    """A label without a value is one that is not there (L-1)."""
    body = 'a{b="",c="d"} 1\na{b="x",c=""} 2\n'

    assert values(body) == {'a{c="d"}': 1, 'a{b="x"}': 2}


def test_duplicates_are_kept_in_their_order() -> None:
    """Both samples of a series are there, for the store to take the first (C-15)."""
    samples = parse('a{b="c"} 1\na{b="c"} 2\n').samples()

    assert [sample.value for sample in samples] == [1, 2]


def test_samples_come_as_they_stand() -> None:
    """The order of the body is kept although rows are grouped by form."""
    body = 'b 1\na{x="1"} 2\nb{y="2"} 3\na{x="2"} 4 5\na{x="3"} 5\n'
    samples = list(parse(body).samples())

    assert [sample.value for sample in samples] == [1, 2, 3, 4, 5]
    assert isinstance(samples[3], Sample)
    assert [sample.timestamp for sample in samples] == [None, None, None, 5, None]


def test_exemplars_stay_with_their_samples() -> None:
    """An exemplar is kept beside the sample it stands on (F-0)."""
    body = 'a_total 1\na_total{b="c"} 2 # {t="x"} 3 4\n# EOF\n'
    bare, held = parse(body, CONTENT["openmetrics"]).samples()

    assert bare.exemplar is None
    assert held.exemplar is not None
    assert (held.exemplar.value, held.exemplar.timestamp) == (3, 4000)


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_only_line_feeds_end_lines(separator: str) -> None:
    """What Python takes for other line ends stays in a label value (F-0)."""
    body = f'a{{b="x{separator}y"}} 1\n'

    assert next(parse(body).samples()).labels["b"] == f"x{separator}y"


# Errors


@pytest.mark.parametrize(
    ("body", "line", "column", "text"),
    [
        (b'a 1\nb{c="\xffd"} 1\nc 1\n', 2, 6, '\\xffd"} 1'),
        (b'a{b="\xc3\xa9\xed\xa0\x80"} 1\n', 1, 7, '\\xed\\xa0\\x80"} 1'),
        (b"# HELP a \xc3\na 1\n", 1, 10, "\\xc3"),
        (b'# TYPE "\xff" gauge\n', 1, 9, '\\xff" gauge'),
        (b'{"\xff"} 1\n', 1, 3, '\\xff"} 1'),
        (b'a{b="x\n# \xff"} 1\n', 1, 5, '"x'),
        (b"a \xff\n", 1, 3, "\\xff"),
    ],
)
def test_invalid_utf8(body: bytes, line: int, column: int, text: str) -> None:
    """What is no UTF-8 is refused where it stands (L-4)."""
    with pytest.raises(ParseError) as caught:
        parse(body)

    error = caught.value
    assert (error.line, error.column, error.text) == (line, column, text)


def test_free_comments_hold_any_bytes() -> None:
    """In text a comment that means nothing may hold any bytes (F-0)."""
    assert values(b"# \xff\n\t#\xfe\na 1\n") == {"a": 1}


def test_lone_surrogates_are_no_text() -> None:
    """A str that UTF-8 cannot hold is refused as bytes would be (L-4)."""
    with pytest.raises(ParseError, match="expected valid UTF-8"):
        parse('a{b="\ud800"} 1\n')


def test_errors_name_the_line_of_a_long_body() -> None:
    """The line is counted from 1 over all that was read fast before."""
    body = "".join(f'a{{b="{n}"}} {n}\n' for n in range(500)) + 'a{b="x"} y\n'

    with pytest.raises(ParseError) as caught:
        parse(body)

    assert (caught.value.line, caught.value.column, caught.value.text) == (501, 10, "y")


def test_an_open_quote_is_found_where_it_opens() -> None:
    """A quote that is missing on one line is not blamed on a later one."""
    with pytest.raises(ParseError) as caught:
        parse('a 1\na{b="x} 1\na{b="y"} 2\n')

    assert (caught.value.line, caught.value.column) == (2, 5)
    assert caught.value.reason == "expected a closing quote"


# Lenient reading


def test_lenient_reading_skips_bad_lines() -> None:
    """Bad lines are skipped and reported; their neighbours are read."""
    body = b'a 1\n!\nb{c="\xff"} 1\nd{e="x} 1\nf{g="h"} 2\n# TYPE a x\ni 3\n'
    exposition = parse(body, lenient=True)

    assert {sample.labels.metric for sample in exposition.samples()} == {"a", "f", "i"}
    assert [(each.line, each.action) for each in exposition.diagnostics] == [
        (2, "skipped"),
        (3, "skipped"),
        (4, "skipped"),
        (6, "skipped"),
    ]


def test_lenient_reading_of_a_body_without_end() -> None:
    """A missing `# EOF` is reported, and what was read is kept (C-20)."""
    exposition = parse("a 1\n", CONTENT["openmetrics"], lenient=True)

    assert len(exposition) == 1
    assert [each.action for each in exposition.diagnostics] == ["kept"]


def test_lenient_reading_of_invalid_openmetrics_finds_the_end() -> None:
    """Bytes that are no UTF-8 don't hide `# EOF` or UNIT."""
    body = b'a{b="\xff"} 1\n# UNIT a_s s\nb 1\n# EOF\n'
    exposition = parse(body, CONTENT["openmetrics"], lenient=True)

    assert [each.line for each in exposition.diagnostics] == [1]
    assert exposition.metadata["a_s"].unit == "s"


@settings(max_examples=examples(60), deadline=None)
@given(bodies("text"))
def test_lenient_reading_of_good_bodies(text: str) -> None:
    """Of a body without errors a lenient reading says what a strict one says."""
    strict = exact(text, "text")
    if strict is not None:
        assert said(parse(text, lenient=True)) == strict


# Bodies and types


@pytest.mark.parametrize("content_type", ["", "text/html", CONTENT["openmetrics"]])
@pytest.mark.parametrize("body", [b"", ""], ids=["bytes", "str"])
def test_an_empty_body_is_healthy(body: bytes | str, content_type: str) -> None:
    """A body of zero bytes skips the check of the Content-Type (C-3)."""
    assert len(parse(body, content_type)) == 0


@pytest.mark.parametrize(
    ("content_type", "syntax"),
    [
        ("text/plain", "text"),
        ("text/plain; version=0.0.4; charset=utf-8", "text"),
        ("TEXT/Plain;version=9", "text"),
        ("text/plain; version=1.0.0; escaping=allow-utf-8", "text"),
        ("application/openmetrics-text; version=1.0.0", "openmetrics"),
        ("application/openmetrics-text;version=0.0.1", "openmetrics"),
    ],
)
def test_content_types(content_type: str, syntax: Format) -> None:
    """The media type picks the format, and its parameters play no part (C-3)."""
    body = "a 1\n# EOF\n"

    assert parse(body, content_type).format == syntax


@pytest.mark.parametrize(
    "content_type",
    ["", " ", "text/html", "application/json", "text", "application/vnd.google.protobuf"],
)
def test_content_types_refused(content_type: str) -> None:
    """A blank or unknown Content-Type fails, unless a fallback is set (C-3)."""
    with pytest.raises(ContentTypeError):
        parse("a 1\n", content_type)
    assert len(parse("a 1\n", content_type, fallback="text")) == 1


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("last", ["a 3\n", "a 3 5\n"])
def test_max_samples(last: str, lenient: bool) -> None:
    """So many samples are taken, and one more is refused (C-13)."""
    body = "a 1\nb 2\n# TYPE a gauge\n" + last

    assert len(parse(body, max_samples=3, lenient=lenient)) == 3
    with pytest.raises(LimitError) as caught:
        parse(body, max_samples=2, lenient=lenient)
    assert (caught.value.limit, caught.value.allowed) == ("samples", 2)


# Size


@pytest.mark.slow
def test_a_line_of_megabytes() -> None:
    """A huge value, label or number of labels is read or refused, without recursion."""
    huge = 1_000_000
    labels = ",".join(f'l{n}="x"' for n in range(20_000))

    assert len(parse('a{b="' + "x" * huge + '"} 1\n')) == 1
    assert len(parse('a{b="' + r"\\" * (huge // 4) + '"} 1\n')) == 1
    assert len(parse(f"a{{{labels}}} 1\n")) == 1
    for body in ("a " + "1" * huge, 'a{b="' + "\\\\" * huge, "a{" * huge, "!" * huge):
        with pytest.raises(ParseError):
            parse(body)


@pytest.mark.slow
def test_many_bad_lines() -> None:
    """A lenient reading of nothing but junk takes time by the line, and no more."""
    body = 'a{b="x} 1\n' * 20_000

    assert len(parse(body, lenient=True).diagnostics) == 20_000


@given(st.text(max_size=30))
@settings(max_examples=examples(50), deadline=None)
def test_any_label_value_can_be_read(value: str) -> None:
    """A value with the three escapes reads as what it was (L-6)."""
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    sample = next(parse(f'a{{b="{escaped}",c="d"}} 1\n').samples())

    assert sample.labels.get("b", "") == value
