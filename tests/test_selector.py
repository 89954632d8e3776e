"""Selector text to matchers, and back."""

from __future__ import annotations

import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from promlatest import Matcher, format_selector, parse_selector
from promlatest.exceptions import PatternError, SelectorError

# selector, its matchers, and the text that stands for these
READ = [
    ("up", [("__name__", "=", "up")], "up"),
    (" up\t{ }\n", [("__name__", "=", "up")], "up"),
    ("a:b:c{}", [("__name__", "=", "a:b:c")], "a:b:c"),
    ('up{a="b"}', [("__name__", "=", "up"), ("a", "=", "b")], 'up{a="b"}'),
    ('{a="b",}', [("a", "=", "b")], '{a="b"}'),
    (
        '{a="1",b!="2",c=~"3",d!~"4"}',
        [("a", "=", "1"), ("b", "!=", "2"), ("c", "=~", "3"), ("d", "!~", "4")],
        '{a="1",b!="2",c=~"3",d!~"4"}',
    ),
    ("{__name__='up'}", [("__name__", "=", "up")], "up"),
    ('{__name__=~"a|b"}', [("__name__", "=~", "a|b")], '{__name__=~"a|b"}'),
    (
        '{__name__="a",__name__!="b"}',
        [("__name__", "=", "a"), ("__name__", "!=", "b")],
        '{__name__="a",__name__!="b"}',
    ),
    ('{"my.metric"}', [("__name__", "=", "my.metric")], '{"my.metric"}'),
    (
        '{a="b" , "my.metric"}',
        [("__name__", "=", "my.metric"), ("a", "=", "b")],
        '{"my.metric",a="b"}',
    ),
    ('up{"a.b"="c"}', [("__name__", "=", "up"), ("a.b", "=", "c")], 'up{"a.b"="c"}'),
    ('up{on="x",by="y"}', [("__name__", "=", "up"), ("on", "=", "x"), ("by", "=", "y")], None),
    ("sum", [("__name__", "=", "sum")], "sum"),
    (r'{a="\a\b\f\n\r\t\v\\\""}', [("a", "=", '\a\b\f\n\r\t\v\\"')], None),
    (r"{a='\''}", [("a", "=", "'")], '{a="\'"}'),
    (r'{a="\303\251\xc3\xa9\u00e9\U000000e9"}', [("a", "=", "éééé")], '{a="éééé"}'),
    ("{a=`\\n\n\"`}", [("a", "=", '\\n\n"')], '{a="\\\\n\\n\\""}'),
    ('{a="}",b="{,"}', [("a", "=", "}"), ("b", "=", "{,")], '{a="}",b="{,"}'),
    ('{a=~".+",b=""}', [("a", "=~", ".+"), ("b", "=", "")], '{a=~".+",b=""}'),
]  # fmt: skip

# selector, position, reason
REFUSED = [
    ("", 0, "expected a metric name or '{'"),
    ("1up", 0, "expected a metric name or '{'"),
    ("up{", 3, "expected a label name or '}'"),
    ("up{,}", 3, "expected a label name or '}'"),
    ('up{a="b"', 8, "expected ',' or '}'"),
    ('up{a="b" c="d"}', 9, "expected ',' or '}'"),
    ("up{a}", 4, "expected one of"),
    ('up{a:b="c"}', 4, "expected one of"),
    ('up{a=="b"}', 5, "expected a value in quotes"),
    ("up{a=b}", 5, "expected a value in quotes"),
    ('up{a="b}', 5, "expected a closing quote"),
    ('up{a="b\n"}', 5, "expected a closing quote"),
    ("up{} x", 5, "expected the end"),
    ("up[5m]", 2, "expected the end"),
    ("up offset 5m", 3, "expected the end of the selector, not 'o'"),
    ("a.b", 1, "not '.'; such a name is written {\"a.b\"}"),
    (' é-1{b="c"}', 1, "expected a metric name"),
    ('node-é{b="c"}', 4, "not '-'; such a name is written {\"node-é\"}"),
    (r'up{a="\q"}', 6, "unknown escape"),
    (r'up{a="b\'"}', 7, "unknown escape"),
    (r'up{a="\xff"}', 5, "no valid UTF-8"),
    (r'up{a="\ud800"}', 6, "no character has the code"),
    (r'up{a="\U00110000"}', 6, "no character has the code"),
    ('up{a=~"("}', 6, "regular expression"),
    ('up{""="x"}', 5, "expected a label name"),
    ('up{""}', 3, "set twice"),
    ('{""}', 1, "must not be empty"),
    ('up{"down"}', 3, "set twice"),
    ('up{__name__="up"}', 3, "set twice"),
    ('up{__name__=~"u."}', 3, "set twice"),
    ('{"a",__name__="b"}', 5, "set twice"),
    ('{__name__="b","a"}', 14, "set twice"),
    # M-2: it could match everything
    ("{}", 0, "rules out"),
    ('{a=""}', 0, "rules out"),
    ('{a!="x"}', 0, "rules out"),
    ('{a=~".*"}', 0, "rules out"),
    ('{a!~".+",b=~"x|"}', 0, "rules out"),
]


@pytest.mark.parametrize(("text", "matchers", "written"), READ, ids=ascii)
def test_reads_and_writes(text, matchers, written):
    """A selector is read as PromQL reads it, and written so that it reads the same."""
    read = parse_selector(text)

    assert read == tuple(Matcher(*each) for each in matchers)
    assert parse_selector(format_selector(read)) == read
    if written is not None:
        assert format_selector(read) == written


@pytest.mark.parametrize(("text", "position", "reason"), REFUSED, ids=ascii)
def test_refuses(text, position, reason):
    """What is no selector, or could match everything, is refused with its place (M-2)."""
    with pytest.raises(SelectorError) as caught:
        parse_selector(text)

    assert reason in caught.value.reason
    assert caught.value.position == position
    assert caught.value.text == text
    if text.isprintable():
        assert str(caught.value).endswith(f"\n  {text}\n  {' ' * position}^")


def test_an_error_shows_no_raw_control_characters():
    """A line break, an escape sequence or half a character is shown as its escape, and
    the mark stands under the place all the same."""
    with pytest.raises(SelectorError) as caught:
        parse_selector('up{\n\x1b="\ud800"}')

    shown, mark = str(caught.value).splitlines()[1:]
    assert shown == r"""  up{\n\x1b="\ud800"}"""
    assert shown[mark.index("^") :].startswith(r"\x1b")


def test_an_error_of_a_pattern_shows_no_raw_control_characters():
    """Nor does what is told of a regular expression."""
    with pytest.raises(PatternError) as caught:
        Matcher("a", "=~", "(\x1b[2J")

    assert str(caught.value).isprintable()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
MATCHER = st.builds(
    Matcher, TEXT.filter(bool), st.sampled_from(["=", "!="]), TEXT
) | st.builds(Matcher, st.just("__name__"), st.sampled_from(["=", "!="]), TEXT)


@given(st.lists(MATCHER, max_size=4))
@settings(max_examples=examples(100), deadline=None)
def test_what_is_written_reads_the_same(matchers):
    """Matchers survive being written and read, the name's coming first if it is moved."""
    text = format_selector(matchers)

    if all(matcher.matches("") for matcher in matchers):
        with pytest.raises(SelectorError):
            parse_selector(text)
    else:
        assert sorted(map(repr, parse_selector(text))) == sorted(map(repr, matchers))


@given(st.text("ab{}=~!,\"'`\\x0 \n", max_size=12))
@settings(max_examples=examples(200), deadline=None)
def test_any_text_is_read_or_refused(text):
    """Whatever the text, it is a selector or a SelectorError within the text."""
    position = 0
    try:
        matchers = parse_selector(text)
    except SelectorError as error:
        position = error.position
    else:
        assert parse_selector(format_selector(matchers)) == matchers

    assert 0 <= position <= len(text)
