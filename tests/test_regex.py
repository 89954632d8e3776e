"""Regular expressions mean what they mean in Prometheus, with both engines."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from promlatest._matching import regex as _regex
from promlatest._matching.regex import compile_pattern
from promlatest.exceptions import MissingExtraError, PatternError, UsageError

NEEDS_RE2 = pytest.mark.skipif(
    _regex.re2 is None, reason="google-re2 (the extra re2) is not installed"
)


@pytest.fixture(params=[pytest.param("re2", marks=NEEDS_RE2), "re"])
def engine(request):
    return request.param


# pattern, values that match, values that do not
VERDICTS = [
    # M-3: the whole value, and a dot for every character
    ("b", ["b"], ["", "ab", "bc", "B", "b\n"]),
    ("a|b", ["a", "b"], ["", "ab", "a|b"]),
    ("(a|b)", ["a", "b"], ["", "ab", "(a|b)"]),
    ("(?:a|)", ["a", ""], ["b"]),
    ("", [""], ["a", "\n"]),
    (r"10\.0\.0\.1:9090|a\|b|\\", ["10.0.0.1:9090", "a|b", "\\"], ["10x0.0.1:9090"]),
    (".*", ["", "a", "a\nb"], []),
    (".+", ["a", "\n"], [""]),
    ("a.*", ["a", "ab", "a\n"], ["", "ba"]),
    ("a.+", ["ab", "aa"], ["a", "", "ba"]),
    (".*b", ["b", "ab", "\nb"], ["", "ba"]),
    (".+b", ["ab", "bb"], ["b", ""]),
    (".*ab.*", ["ab", "xaby", "\nab\n"], ["", "a", "ba"]),
    (".+ab.*", ["xab", "xaby"], ["ab", "aba"]),
    (".*ab.+", ["abx", "xaby"], ["ab", "bab"]),
    ("a.c", ["abc", "a\nc", "aéc", "a\U0001f600c"], ["ac", "abbc"]),
    ("(?-s)a.c", ["abc"], ["a\nc"]),
    ("(?-s:.)(?s).", ["ab", "a\n"], ["\na"]),
    ("web-[0-9]+", ["web-0", "web-12"], ["web-", "xweb-1", "web-1\n"]),
    # the end is the very end, the start the very start
    ("ab?$", ["a", "ab"], ["a\n"]),
    (r"\Aab?\z", ["a", "ab"], ["a\n", "\na"]),
    ("(?m)a$\n^b", ["a\nb"], ["ab", "a\n\nb"]),
    ("a$\n?^b", [], ["a\nb", "ab"]),
    ("(?m)a\n^", ["a\n"], ["a", "a\n\n"]),
    # (?i), anywhere, with Unicode's simple folding
    ("foo(?i)bar", ["foobar", "fooBAR"], ["FOObar"]),
    ("(?:a(?i)b|c)d", ["abd", "aBd", "Cd"], ["abD", "Abd"]),
    ("(?i:a)b", ["ab", "Ab"], ["aB"]),
    ("(?i)k(?-i)k", ["kk", "Kk", "\u212ak"], ["kK", "k\u212a"]),
    ("(?i)[s]x", ["sx", "SX", "\u017fx"], ["ßx", "ssx"]),
    ("(?i)[^k]", ["a", "\n"], ["k", "K", "\u212a"]),
    (r"(?i)\w", ["a", "\u212a", "\u017f"], ["é", "-"]),
    (r"(?i)[\W]", ["é", "-"], ["a", "\u212a", "\u017f"]),
    ("(?i)[[:upper:]]", ["a", "A", "\u212a"], ["1"]),
    ("(?i)\u212a", ["k", "K", "\u212a"], ["a"]),
    ("(?i)–ok", ["–OK"], ["-ok"]),
    # ASCII classes
    (r"\d", ["0"], ["٣", "a"]),
    (r"\w", ["a", "_", "0"], ["é", "-"]),
    (r"\s", [" ", "\t", "\n", "\f", "\r"], ["\v", "\u00a0"]),
    (r"\S\D\W", ["éa-", "\va "], ["a1-"]),
    (r"[[:space:]]", ["\v", " "], ["a"]),
    (r"[[:alpha:]1][[:^alpha:]]", ["a1", "1é"], ["éa", "aa"]),
    (r"[^[:alpha:][:digit:]]", ["-", "é"], ["a", "1"]),
    ("[[:punct:]]", list("!/:@[`{~\\"), ["a", " "]),
    ("[[:xdigit:]]", list("09afAF"), ["g"]),
    ("[[:word:]-]", ["_", "-"], [" "]),
    ("[:alpha:]", list(":alph"), ["z"]),
    (r".\b.", ["a-", "-a", "aé"], ["ab", "--", "é-"]),
    (r".?\B.?", ["", "ab", "--", "é-"], ["a-", "a"]),
    # sets
    ("[]a]", ["]", "a"], ["[", "]]"]),
    ("[^]a]", ["b", "\n"], ["]", "a"]),
    ("[[a]", ["[", "a"], ["b"]),
    ("[a&&b]", ["a", "&", "b"], ["&&"]),
    ("[a||b]", ["a", "|", "b"], ["||"]),
    ("[a~~b]", ["a", "~", "b"], ["~~"]),
    ("[+--]", ["+", ",", "-"], ["."]),
    ("[a-]", ["a", "-"], ["b"]),
    ("[a-c-e]", ["b", "-", "e"], ["d"]),
    (r"[\d-z]", ["1", "-", "z"], ["a"]),
    (r"[\]\-\\]", ["]", "-", "\\"], ["a"]),
    ("[é-ü]", ["é", "ê", "ü"], ["e", "ý"]),
    (r"[^\x00-\x{10FFFF}]", [], ["", "a"]),
    (r"[\s\S]", ["a", "\n"], [""]),
    # escapes
    (r"\Qa.b*\E*", ["a.b", "a.b**"], ["axb", "a.ba.b"]),
    (r"\Qa|b", ["a|b"], ["a"]),
    (r"\Q\C\E", ["\\C"], ["C"]),
    (r"\\C+", ["\\C", "\\CC"], ["C"]),
    (r"a\Q\E*", ["", "aa"], ["b"]),
    (r"\x41\x{1F600}\123\0", ["A\U0001f600S\0"], [""]),
    (r"[\x41-\x{43}]", ["A", "B", "C"], ["D"]),
    (r"\x{10FFFF}", ["\U0010ffff"], [""]),
    (r"\12\400", ["\n\u0100"], [""]),
    (r"\a\f\v\t\r\n", ["\a\f\v\t\r\n"], [""]),
    (r"\_\-\ \{", ["_- {"], [""]),
    # repeats
    ("a{,3}", ["a{,3}"], ["", "a", "aaa"]),
    ("a{2}", ["aa"], ["a", "aaa"]),
    ("a{2,}b", ["aab", "aaaab"], ["ab"]),
    ("a{1,2}?", ["a", "aa"], ["", "aaa"]),
    ("a{01}", ["a{01}"], ["a"]),
    ("a{", ["a{"], ["a"]),
    ("x{1 }", ["x{1 }"], ["x"]),
    ("(?U)a+b", ["ab", "aab"], ["b"]),
    ("x{1000}", ["x" * 1000], ["x" * 999, "x" * 1001]),
    ("é*", ["", "éé"], ["e"]),
    ("a(?i)*", ["", "aa"], ["A"]),
    ("(foo|bar)+", ["foobar", "barbar"], ["", "foob"]),
    ("[a-z]+(-[a-z]+)*", ["a", "ab-c-de"], ["a-", "-a"]),
    # empty parts
    ("()a(|b)(?:)", ["a", "ab"], ["b"]),
    ("(?)a|", ["a", ""], ["b"]),
]


@pytest.mark.parametrize(("pattern", "yes", "no"), VERDICTS)
def test_verdicts(pattern, yes, no, engine):
    """A pattern matches the same values with either engine (M-3, M-5)."""
    compiled = compile_pattern(pattern, engine=engine)

    assert [value for value in yes if not compiled.matches(value)] == []
    assert [value for value in no if compiled.matches(value)] == []


LITERALS = [
    ("", {""}),
    ("a", {"a"}),
    ("a|b|a", {"a", "b"}),
    ("(a|b|)", {"a", "b", ""}),
    ("(?:a|b)", {"a", "b"}),
    (r"a\.b|c\|d|\\|e", {"a.b", "c|d", "\\", "e"}),
    (r"(a\)", None),
    ("a.b", None),
    ("a.*", None),
    ("(?i)a", None),
    ("(a)|(b)", None),
    ("^a", None),
    (r"\d", None),
    (r"\n|a", None),
]


@pytest.mark.parametrize(("pattern", "literals"), LITERALS)
def test_literals(pattern, literals, engine):
    """A choice of plain texts names the values it matches, so an index can (M-4)."""
    try:
        found = compile_pattern(pattern, engine=engine).literals
    except PatternError:
        found = None

    assert found == literals


def test_long_literals(engine):
    """A choice of plain texts may be longer than `re` would take (M-4)."""
    pods = [f"pod-{number}" for number in range(2000)]

    assert compile_pattern("|".join(pods), engine=engine).literals == set(pods)


GROUPS = [
    ("(.*)", "a\nb", ("a\nb",), {}),
    ("(a|b)", "b", ("b",), {}),
    ("(?:a|b)", "b", (), {}),
    ("a.*", "ab", (), {}),
    ("(a)|(b)", "b", (None, "b"), {}),
    ("(?P<x>a+)(?<y>b)?", "aa", ("aa", None), {"x": 1, "y": 2}),
    ("(?:(a)(?P<z>b))", "ab", ("a", "b"), {"z": 2}),
    ("(?P<n>a)(?P<n>b)", "ab", ("a", "b"), {"n": 1}),
    ("(.*)-([0-9]+)", "a-1-2", ("a-1", "2"), {}),
    ("(?U)(a+)(a*)", "aaa", ("a", "aa"), {}),
    ("(?U)(a+?)(a*?)", "aaa", ("aaa", ""), {}),
    ("(a|ab)(c|bcd)(d*)", "abcd", ("a", "bcd", ""), {}),
    ("(a)b", "ac", None, {}),
]


@pytest.mark.parametrize(("pattern", "value", "groups", "names"), GROUPS)
def test_groups(pattern, value, groups, names, engine):
    """A match gives the text of each group, numbered and named as in Go (C-10)."""
    compiled = compile_pattern(pattern, engine=engine)

    assert compiled.fullmatch(value) == groups
    assert compiled.group_names == names


WRONG = [
    # M-5: Python or Perl take these, Prometheus does not
    *["(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "(?#a)", "(?a)", "(?x)", "(?L)"],
    *["(?u)a", r"(a)\1", "(?P<n>a)(?P=n)", "(a)?(?(1)b|c)", "a++", "a*+", r"\Z"],
    *["x{1001}", "x{1,1001}", "(x{100}){100}", "((x{10}){10}){11}", "x{2,1}"],
    *["a**", "a+*", "a{2}{3}", "a???", "*a", "|*", "(*)", "(?i)*", r"\Q\E*"],
    *["(a", "a)", "a)(b", "(?i", "(?i-)a", "(?-:a)", "(?P<n", "(?P<>a)", "(?P<a-b>a)"],
    *["(?P<é>a)", "[a", "[]", "[^]", "[a-", "[b-a]", "[a--b]", r"[a-\d]", r"[\b]"],
    *[r"[a\]", "[[:foo:]]", "[[:alpha:", r"[\Qa\E]"],
    *[
        "\\",
        r"\C",
        r"a\\\C",
        r"\8",
        r"\1",
        r"\18",
        r"\x",
        r"\x4",
        r"\x{}",
        r"\x{110000}",
    ],
    *[r"\é", r"\e", r"\E", r"\N{DIGIT ONE}", r"\u0041", r"\G", r"\p{Foo}", "\ud800"],
]


@pytest.mark.parametrize("pattern", WRONG)
def test_wrong(pattern, engine):
    """What Prometheus refuses is refused with either engine (M-5)."""
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern, engine=engine)

    assert caught.value.pattern == pattern
    assert caught.value.reason


BEYOND_RE = [
    # no tables for them
    *[r"\pL", r"\PL", r"\p{Greek}", r"[\p{^Lu}]", "(?i)é", "(?i)[é-ü]", "(?i)[a-ü]"],
    # exponential
    *["(a+)+$", "(a|a)*", "(.*)*", "(a|aa)+$", "(a*b*)*c", "(a?)*", "(|a)*", "^*"],
    *["(|)" * 40 + "a", "(^)?" * 40 + "a", "(a|a)" * 40 + "b", "a?" * 40 + "a{40}"],
    *["(a*|b*)" * 20, "((a|a){9}){9}b", "(ba*)*a"],
    *["(a|)" * 40 + "a{40}", "a*b?a*b?a*b?a*c"],
    # a cube, or worse
    *[".*a.*b.*c", ".*.*.*x", ".*x.*[xz]*w", r".*x.*x.*\b", ".*x.*x.*?"],
    r".*x.*x.*[^\x00-\x{10FFFF}]",
    # size
    *["[ab]" * 251, "(" * 51 + "a*b" + ")" * 51],
]


@pytest.mark.parametrize("pattern", BEYOND_RE)
def test_beyond_re(pattern):
    """What `re` cannot do, or not in bounded time, names the extra that can (M-5)."""
    with pytest.raises(PatternError, match=r"pip install 'promlatest\[re2\]'"):
        compile_pattern(pattern, engine="re")


@NEEDS_RE2
@pytest.mark.parametrize("pattern", BEYOND_RE)
def test_re2_takes_them(pattern):
    """All that only `re` refuses is valid in Prometheus (M-3)."""
    compile_pattern(pattern, engine="re2").matches("a" * 100)


@NEEDS_RE2
def test_hostile():
    """A pattern that hangs a backtracking engine ends with RE2 (M-5)."""
    compiled = compile_pattern("(a+)+$", engine="re2")

    assert not compiled.matches("a" * 5000 + "!")
    assert compiled.matches("a" * 5000)


# each is near the most that is accepted
DEAREST = [
    *["^.*foo.*b(?:a|o)r.*$", ".*aaaaaaaaaaaa.*aaaaaaaaaaaab", "((a|b)*)((a|b)*)c"],
    *[r".*?\b.*?\bx", "[a-z]+(-[a-z]+)*", "a?" * 9 + "a{9}.*b", "(a|aa)" * 20 + "x"],
]


@pytest.mark.parametrize("pattern", DEAREST)
def test_dearest(pattern):
    """What `re` accepts ends, whatever the value (M-5)."""
    compiled = compile_pattern(pattern, engine="re")

    for value in ("a" * 4095 + "!", "a-" * 2047 + "!", "foo" * 1365 + "!"):
        assert not compiled.matches(value)


# --- `re` against RE2, at random ---

CHARACTERS = "aAbBkK\u212asS\u017fé١_-1. \n\t\v"


def _classes(members):
    return st.builds(
        "[{}{}]".format,
        st.sampled_from(["", "^"]),
        st.lists(st.sampled_from(members), min_size=1, max_size=3).map("".join),
    )


ATOMS = st.one_of(
    st.sampled_from([*"aBkS.^$_-{}]", " ", "\n", "é", "(?i)", "(?-i)", "(?m)", "(?-s)"]),
    st.sampled_from([*(rf"\{letter}" for letter in "dDwWsSbBAznt.-"), r"\x41", r"\101"]),
    st.sampled_from([r"\Qa.\E", r"\Q\E", "{,2}", "a|", "|k", r"\x{212A}", "\u017f"]),
    _classes(
        [*"ak^]-[&~|:.", "a-k", "A-Z", r"\d", r"\W", r"\S", "[:alpha:]", "[:^upper:]"]
    ),
)
REPEATS = ["", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{1,2}?", "{0}"]


def _larger(parts):
    groups = st.sampled_from(["({})", "(?:{})", "(?i:{})", "(?U:{})", "(?m-s:{})"])
    return st.one_of(
        st.lists(parts, min_size=1, max_size=3).map("".join),
        st.builds("{}|{}".format, parts, parts),
        st.builds(
            lambda group, part, repeat: group.format(part) + repeat,
            groups,
            parts,
            st.sampled_from(REPEATS),
        ),
    )


PATTERNS = st.recursive(
    st.builds("{}{}".format, ATOMS, st.sampled_from(["", "", *REPEATS])),
    _larger,
    max_leaves=8,
)
VALUES = st.lists(st.text(CHARACTERS, max_size=6), min_size=1, max_size=8)


def _compiled(pattern, engine):
    try:
        return compile_pattern(pattern, engine=engine)
    except PatternError as error:
        return error


@NEEDS_RE2
@settings(max_examples=examples(400), deadline=None)
@given(PATTERNS, VALUES)
def test_same(pattern, values):
    """Whatever `re` accepts has the verdicts and groups of RE2 (M-5)."""
    ours, theirs = _compiled(pattern, "re"), _compiled(pattern, "re2")

    if isinstance(theirs, PatternError):
        assert isinstance(ours, PatternError)
    elif isinstance(ours, PatternError):
        assert "[re2]" in ours.reason
    else:
        for value in [*values, "", "\n", *CHARACTERS]:
            assert ours.fullmatch(value) == theirs.fullmatch(value), value
            assert ours.matches(value) == theirs.matches(value), value
        assert ours.group_names == theirs.group_names


@NEEDS_RE2
@settings(max_examples=examples(200), deadline=None)
@given(st.text("ab.*+|()?:\\-", max_size=8), VALUES)
def test_simple_same(pattern, values):
    """A form that needs no engine has the verdicts of RE2 (M-4)."""
    simple = _regex._simple(pattern)

    if simple is not None:
        theirs = _regex._with_re2(pattern)
        for value in [*values, "", "a", "b", "ab", "ba", "aab", "|", pattern]:
            assert simple.fullmatch(value) == theirs.fullmatch(value), value


@NEEDS_RE2
@pytest.mark.parametrize(
    "pattern", [r"\w", r"\s", r"\d", "(?i)k", r"(?i)\W", "(?i)[^s]", "(?i)[a-z]"]
)
def test_every_character(pattern):
    """A set holds the same characters with both engines, over the first planes."""
    ours, theirs = (compile_pattern(pattern, engine=name) for name in ("re", "re2"))
    characters = [chr(c) for c in range(0x3000)]

    assert [c for c in characters if ours.matches(c) != theirs.matches(c)] == []


# --- The choice of the engine ---


def test_default_engine():
    """RE2 is the engine where it is installed, if the environment does not say."""
    if "PROMLATEST_REGEX_ENGINE" in os.environ:
        pytest.skip("the environment picks the engine")

    expected = "re" if _regex.re2 is None else "re2"

    assert expected == _regex.ENGINE


@pytest.mark.parametrize("name", ["re", "re2"])
def test_engine_of_environment(name):
    """PROMLATEST_REGEX_ENGINE picks the engine for a process."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from promlatest._matching import regex; print(regex.ENGINE)",
        ],
        env={**os.environ, "PROMLATEST_REGEX_ENGINE": name},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == name


def test_missing_extra(monkeypatch):
    """Asking for RE2 where it is not installed names the extra."""
    monkeypatch.setattr(_regex, "re2", None)

    with pytest.raises(MissingExtraError, match=r"promlatest\[re2\]"):
        compile_pattern("a", engine="re2")


def test_unknown_engine(monkeypatch):
    """Another engine than the two is a wrong call."""
    monkeypatch.setattr(_regex, "ENGINE", "pcre")

    with pytest.raises(UsageError, match="pcre"):
        compile_pattern("a")


@NEEDS_RE2
def test_quiet(capfd):
    """A refused pattern leaves nothing on stderr (M-5)."""
    with pytest.raises(PatternError):
        compile_pattern("(?=quiet)", engine="re2")

    assert capfd.readouterr() == ("", "")


def test_pattern_is_a_value():
    """Two patterns of the same text are equal, and keep it."""
    assert compile_pattern("a+", engine="re") == compile_pattern("a+", engine="re")
    assert hash(compile_pattern("a+")) == hash(compile_pattern("a+"))
    assert compile_pattern("a+").pattern == "a+"
