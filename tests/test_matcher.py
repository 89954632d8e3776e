"""Matchers: four operators, absent labels, and what keywords stand for (M-1 to M-4)."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from promlatest import Matcher, Store
from promlatest._matching import matcher as module
from promlatest._matching.matcher import checked_value, keyword_matcher
from promlatest.exceptions import LabelError, PatternError, UsageError

# operator, value, what matches, what does not; "" is an absent label (M-1)
VERDICTS = [
    ("=", "a", ["a"], ["", "A", "aa", "a\n"]),
    ("=", "", [""], ["a"]),
    ("!=", "a", ["", "b", "aa"], ["a"]),
    ("!=", "", ["a"], [""]),
    ("=~", "a|b", ["a", "b"], ["", "ab", "c"]),
    ("=~", "a.*", ["a", "ab", "a\nb"], ["", "ba"]),
    ("=~", ".*", ["", "a", "a\n"], []),
    ("=~", ".+", ["a", "\n"], [""]),
    ("=~", "", [""], ["a"]),
    ("=~", "a|", ["", "a"], ["b"]),
    ("!~", "a|b", ["", "ab"], ["a", "b"]),
    ("!~", ".+", [""], ["a"]),
    ("!~", ".*", [], ["", "a"]),
]


def steady(value: object) -> str:
    """A test id that every process writes alike: no order of a set, no address."""
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(map(repr, sorted(value)))}}}"
    return "object()" if type(value) is object else repr(value)


@pytest.mark.parametrize(("operator", "value", "yes", "no"), VERDICTS, ids=str)
def test_verdicts(operator, value, yes, no):
    """A regular expression matches the whole value; an absent label is "" (M-1, M-3)."""
    matcher = Matcher("a", operator, value)

    assert [text for text in yes if not matcher.matches(text)] == []
    assert [text for text in no if matcher.matches(text)] == []


@pytest.mark.parametrize(
    ("matcher", "literals"),
    [
        (Matcher("a", "=", "x"), {"x"}),
        (Matcher("a", "=", ""), {""}),
        (Matcher("a", "=~", "x|y"), {"x", "y"}),
        (Matcher("a", "=~", "x.*"), None),
        (Matcher("a", "!=", "x"), None),
        (Matcher("a", "!~", "x|y"), None),
        (keyword_matcher("a", frozenset({"x", ""})), {"x", ""}),
        (keyword_matcher("a", re.compile("x")), None),
    ],
    ids=steady,
)
def test_literals_are_all_that_can_match(matcher, literals):
    """Where the only values that match can be listed, they are (M-4)."""
    assert matcher.literals == literals


PREFIXES = [
    (Matcher("a", "=", "xy"), "xy", False),
    (Matcher("a", "=~", "xy|xz"), "x", False),
    (Matcher("a", "=~", "pod-.*"), "pod-", True),
    (Matcher("a", "=~", r"pod\.0123.*"), "pod.0123", True),
    (Matcher("a", "=~", ".*"), "", True),
    (Matcher("a", "=~", "pod-.+"), "pod-", False),
    (Matcher("a", "=~", "name_[0-9]+"), "name_", False),
    (Matcher("a", "=~", "pod-.*-x"), "pod-", False),
    (Matcher("a", "=~", "pods?.*"), "pod", False),
    (Matcher("a", "=~", "pods*"), "pod", False),
    (Matcher("a", "=~", "po{1}d.*"), "pod", True),
    (Matcher("a", "=~", "(pod-)?x.*"), "", False),
    (Matcher("a", "=~", "^(pod-(x|y))$"), "pod-", False),
    (Matcher("a", "=~", "^pod-.*|web$"), "", False),
    (Matcher("a", "=~", "^pod-(?:.*)$"), "pod-", True),
    (Matcher("a", "=~", "(?:pod-)+.*"), "pod-", False),
    (Matcher("a", "=~", "pod-(?-s:.*)"), "pod-", False),
    (Matcher("a", "=~", r"\Qpod.\E[xy]"), "pod.", False),
    (Matcher("a", "=~", "pod-.*|web"), "", False),
    (Matcher("a", "=~", "(?i)pod-.*"), "", False),
    (Matcher("a", "!~", "pod-.*"), "", False),
    (Matcher("a", "!=", "pod"), "", False),
    (keyword_matcher("a", frozenset({"pod-1", "pod-2"})), "pod-", False),
    (keyword_matcher("a", frozenset()), "", False),
    (keyword_matcher("a", re.compile("pod-.*")), "", False),
]


@pytest.mark.parametrize(("matcher", "prefix", "decides"), PREFIXES, ids=str)
def test_prefix(matcher, prefix, decides):
    """A matcher knows what every value that matches begins with, and whether that is
    all there is to ask (M-4)."""
    assert (matcher.prefix, matcher.prefix_decides) == (prefix, decides)


def test_verdicts_are_worked_out_once(monkeypatch):
    """A verdict is worked out once for each distinct value, not for each series (M-4)."""
    asked = []
    monkeypatch.setitem(
        module._VERDICTS,
        "!=",
        lambda _: module._Verdicts(lambda v: asked.append(v) or True),
    )
    store = Store()
    store.ingest("".join(f'm{{a="{i % 3}",b="{i}"}} 1\n' for i in range(30)))

    assert len(store.match([Matcher("a", "!=", "x")])) == 30
    assert sorted(asked) == ["0", "1", "2"]


def test_verdicts_kept_are_bounded(monkeypatch):
    """A matcher forgets its verdicts before they become a second store."""
    monkeypatch.setattr(module, "_VERDICTS_KEPT", 10)
    matcher = Matcher("a", "!=", "5")

    assert [i for i in range(100) if not matcher.matches(str(i))] == [5]
    assert len(matcher._verdicts) <= 10


def test_equal_matchers_are_one_key():
    """Matchers are equal by name, operator and value, and hash so."""
    assert Matcher("a", "=", "x") == Matcher("a", "=", "x")
    assert len({Matcher("a", "=", "x"), Matcher("a", "=", "x")}) == 1
    others = [("b", "=", "x"), ("a", "!=", "x"), ("a", "=", "y")]
    assert all(Matcher("a", "=", "x") != Matcher(*other) for other in others)
    assert Matcher("a", "=", "x") != "a"


def test_keyword_matchers_are_no_selector_matchers():
    """A Python pattern keeps Python's meaning, so it equals no matcher of that text."""
    python = keyword_matcher("a", re.compile(r"\d"))
    text = Matcher("a", "=~", r"\d")

    assert python != text
    assert text != python
    assert python == keyword_matcher("a", re.compile(r"\d"))
    assert python != keyword_matcher("a", re.compile(r"\d", re.ASCII))
    assert hash(python) == hash(keyword_matcher("a", re.compile(r"\d")))
    assert python.matches("٣")
    assert not text.matches("٣")


@pytest.mark.parametrize(
    ("keyword", "yes", "no"),
    [
        ("x", ["x"], ["", "xx"]),
        ("", [""], ["x"]),
        (None, [""], ["x"]),
        (re.compile("x+"), ["x", "xx"], ["", "xxy", "yx"]),
        (re.compile("x.y", re.DOTALL), ["x\ny"], ["x\n"]),
        (["x", "y"], ["x", "y"], ["", "xy", "x|y"]),
        ({"x", ""}, ["x", ""], ["y"]),
        (("a.c",), ["a.c"], ["abc"]),
        ({"x": 1}.keys(), ["x"], ["y"]),
        ([], [], ["", "x"]),
    ],
    ids=steady,
)
def test_keywords(keyword, yes, no):
    """A keyword is a text, None (absent), a compiled pattern, or any of a collection."""
    matcher = keyword_matcher("a", checked_value("a", keyword))

    assert [text for text in yes if not matcher.matches(text)] == []
    assert [text for text in no if matcher.matches(text)] == []


@pytest.mark.parametrize(
    "keyword",
    [1, 1.5, True, b"x", b"", [1], ["a", None], [["a"]], re.compile(b"x"), object()],
    ids=steady,
)
def test_refuses_other_keywords(keyword):
    """Whatever else a keyword is given is refused, before anything is asked."""
    with pytest.raises(UsageError, match="'a'"):
        Store().query("m", a=keyword)


@pytest.mark.parametrize("operator", ["==", "", "~", None, "=!"], ids=str)
def test_refuses_other_operators(operator):
    """There are four operators."""
    with pytest.raises(UsageError, match="operator: expected = or !="):
        Matcher("a", operator, "x")


@pytest.mark.parametrize(("name", "value"), [("", "x"), (1, "x"), ("a", 1), ("a", None)])
def test_refuses_what_is_no_text(name, value):
    """A matcher's name is a text that is not empty, its value a text."""
    with pytest.raises(LabelError):
        Matcher(name, "=", value)


def test_refuses_a_wrong_pattern():
    """A regular expression that cannot be read is refused when the matcher is made."""
    with pytest.raises(PatternError) as caught:
        Matcher("a", "=~", "(")

    assert caught.value.pattern == "("


def test_prints_as_prometheus_does():
    """A matcher prints as in a selector, its name quoted where it must be (L-6)."""
    assert str(Matcher("a", "!~", 'x"\n')) == 'a!~"x\\"\\n"'
    assert str(Matcher("a.b", "=", "x")) == '"a.b"="x"'
    assert repr(Matcher("a", "=", "x")) == "Matcher('a', '=', 'x')"


@pytest.mark.parametrize(
    "matcher",
    [
        Matcher("a", "!~", "x+"),
        keyword_matcher("a", frozenset({"x", "y"})),
        keyword_matcher("a", re.compile("x+")),
    ],
    ids=str,
)
def test_travels(matcher):
    """A matcher can be pickled and copied, whatever it was made of."""
    for other in (pickle.loads(pickle.dumps(matcher)), copy.deepcopy(matcher)):
        assert other == matcher
        assert other.matches("x") == matcher.matches("x")


@pytest.mark.parametrize(
    ("name", "value", "literals"),
    [
        ("le", "1", {"1", "1.0"}),
        ("quantile", "1", {"1", "1.0"}),
        ("le", "1.0", {"1.0"}),
        ("le", "", {""}),
        ("version", "1", {"1"}),
    ],
)
def test_a_bound_has_two_spellings(name, value, literals):
    """A whole number as `le` or `quantile` is found as Prometheus writes it, too; no other
    label is a number."""
    assert keyword_matcher(name, value).literals == literals
