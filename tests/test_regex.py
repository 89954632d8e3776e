"""Regular expressions mean what they mean in Prometheus, whose language RE2 decides."""

from __future__ import annotations

import pickle
import re
import sys
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from random import Random

import pytest
from fuzz import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from regex_cases import CHARACTERS, GROUPS, PATTERNS, VALUES, VERDICTS, WRONG

from promlatest._matching import charsets, regex_machine
from promlatest._matching.regex import compile_pattern
from promlatest.exceptions import PatternError


@pytest.fixture(scope="module")
def oracle():
    """google-re2, told to read as Prometheus does; what it refuses is a PatternError."""
    re2 = pytest.importorskip("re2")
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = 64 << 20

    def compiled(pattern):
        try:
            return re2.compile(pattern, options)
        except re2.error as error:
            raise PatternError(pattern, str(error)) from None

    return compiled


def groups(found):
    return found.groups() if found else None


@pytest.mark.parametrize(("pattern", "yes", "no"), VERDICTS)
def test_verdicts(pattern, yes, no):
    """A pattern matches the whole value, in Go's syntax (M-3, M-5)."""
    compiled = compile_pattern(pattern)

    assert [value for value in yes if not compiled.matches(value)] == []
    assert [value for value in no if compiled.matches(value)] == []


@pytest.mark.parametrize(("pattern", "yes", "no"), VERDICTS)
def test_verdicts_of_re2(pattern, yes, no, oracle):
    """RE2 gives the verdicts of this table, so the table is right (M-3)."""
    compiled = oracle(pattern)

    assert [value for value in yes if not compiled.fullmatch(value)] == []
    assert [value for value in no if compiled.fullmatch(value)] == []


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
def test_literals(pattern, literals):
    """A choice of plain texts names the values it matches, so an index can (M-4)."""
    try:
        found = compile_pattern(pattern).literals
    except PatternError:
        found = None

    assert found == literals


def test_many_literals():
    """A choice may be of thousands of texts (M-4)."""
    pods = [f"pod-{number}" for number in range(2000)]

    assert compile_pattern("|".join(pods)).literals == set(pods)


@pytest.mark.parametrize(("pattern", "value", "texts", "names"), GROUPS)
def test_groups(pattern, value, texts, names):
    """A match gives the text of each group, numbered and named as in Go (C-10)."""
    compiled = compile_pattern(pattern)

    assert compiled.fullmatch(value) == texts
    assert compiled.group_names == names


@pytest.mark.parametrize(("pattern", "value", "texts", "names"), GROUPS)
def test_groups_of_re2(pattern, value, texts, names, oracle):
    """RE2 gives the groups of this table (C-10)."""
    compiled = oracle(pattern)

    assert groups(compiled.fullmatch(value)) == texts
    assert compiled.groupindex == names


# google-re2 is milder here than Go.
MILD = {r"\C", r"a\\\C", "(?P<é>a)", "\ud800"}


@pytest.mark.parametrize("pattern", WRONG)
def test_wrong(pattern):
    """What Prometheus refuses is refused, with the pattern and a reason (M-5)."""
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)

    assert caught.value.pattern == pattern
    assert caught.value.reason


@pytest.mark.parametrize("pattern", [each for each in WRONG if each not in MILD])
def test_wrong_for_re2(pattern, oracle):
    """RE2 refuses what this table lists (M-5)."""
    with pytest.raises(PatternError):
        oracle(pattern)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern",
    [
        "x{1000}" * 7_000,
        "([a-z]{30}){30}" * 23,
        "a?b?c?d?" * 6_000,
        "x*" * 24_000,
    ],
    ids=lambda pattern: pattern[:12],
)
def test_too_large(pattern):
    """A pattern that would fill the memory is refused (M-5)."""
    with pytest.raises(PatternError, match="too large"):
        compile_pattern(pattern)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", [r"(?i)" + r"\PL" * 10_000, r"[\pL\PL]" * 5_000])
def test_classes_of_very_many_ranges(pattern):
    """Classes that take minutes to make, and a gigabyte, are refused; hundreds are not."""
    with pytest.raises(PatternError, match="too large"):
        compile_pattern(pattern)

    assert compile_pattern(r"\pL" * 250).matches("é" * 250)


def test_one_text_of_a_million_characters():
    """A text is read in time linear in its length."""
    assert compile_pattern("a" * 1_000_000).matches("a" * 1_000_000)


def test_a_loop_of_what_may_all_be_left_out():
    """Where everything may follow everything, that is one fact."""
    pattern = compile_pattern("(" + "a?b?c?d?" * 500 + ")*")

    assert pattern.matches("dcba" * 50)
    assert not pattern.matches("dcba" * 50 + "e")


def test_too_long():
    """A pattern that would be read for seconds is refused; a choice of texts never is."""
    with pytest.raises(PatternError, match="60001 characters, at most 50000") as caught:
        compile_pattern("[ab]" * 15_000 + "+")

    assert len(str(caught.value)) < 400
    assert compile_pattern("|".join(["text"] * 20_000)).matches("text")


def test_nested():
    """Groups may stand in each other 999 times, as in Go, and no more (M-5)."""
    assert compile_pattern("(" * 999 + "a*b" + ")" * 999).matches("aab")
    with pytest.raises(PatternError, match="nests too deeply"):
        compile_pattern("(" * 1001 + "a*b" + ")" * 1001)


# Each keeps an engine that backtracks busy for hours, or blows an eager automaton up.
HOSTILE = [
    *["(a+)+$", "(a|a)*b", "(.*)*b", "(a|aa)+$", "(a*b*)*c", "(a?)*b", "(|a)*b"],
    *["(|)" * 40 + "b", "(^)?" * 40 + "b", "(a|a)" * 40 + "b", "a?" * 40 + "a{40}b"],
    *["(a*|b*)" * 20 + "c", "((a|a){9}){9}b", "(ba*)*b", ".*a.*a.*a.*b", ".*-.*-z"],
    *["(.*a.{200}){2}b", "a{0,1000}b", "(a?b?c?){333}d", "((a{10}){10}){10}b"],
    *[r"(\b\w*){5}x", "(?m)(^a*$){3}b", r"(\w+\b\W*){200}b"],
]


@pytest.mark.parametrize("pattern", HOSTILE)
def test_hostile(pattern):
    """Time is linear in the value, whatever the pattern (M-5)."""
    compiled = compile_pattern(pattern)
    random = Random(1)
    noise = "".join(random.choices("ab-", k=20_000))

    for value in ("a" * 65_535 + "!", "a-" * 32_767 + "!", noise + "!"):
        assert not compiled.matches(value)


@pytest.mark.slow
def test_hostile_groups():
    """Groups are found in linear time too (C-10)."""
    value = "a" * 20_000

    assert compile_pattern("((a|b)*)((a*)*)(c?)").fullmatch(value) == (
        *(value, "a", "", "", ""),
    )


# --- Against RE2, at random ---


def compiled_or_none(compiler, pattern):
    try:
        return compiler(pattern)
    except PatternError:
        return None


# RE2 makes one of the neighbours in `(a*?a*?)*?`, which moves what a group around them is;
# Go does not: with `aaa` the group is `aa`, as here.
MERGED = re.compile(
    r"(\[.*?\]|\\[pP]\{.*?\}|\\[pP].|\\.|.)(?:[*+?]|\{[0-9,]*\})\??\1", re.DOTALL
)


def is_merged(pattern: str) -> bool:
    return bool(MERGED.search(pattern.replace("(?:", "").replace(")", "")))


@pytest.mark.slow
@settings(max_examples=examples(500), deadline=None)
@given(pattern=PATTERNS, values=VALUES)
@example(pattern="(a*?a*?)*?", values=["aaa"])
def test_same(oracle, pattern, values):
    """Any pattern is refused, matches and has groups as with RE2 (M-3, M-5)."""
    ours, theirs = (compiled_or_none(each, pattern) for each in (compile_pattern, oracle))

    assert (ours is None) == (theirs is None)
    if ours and theirs:
        for value in [*values, "", "\n", *CHARACTERS]:
            expected = theirs.fullmatch(value)
            assert ours.matches(value) == bool(expected), value
            if not is_merged(pattern):
                assert ours.fullmatch(value) == groups(expected), value
        assert ours.group_names == theirs.groupindex


def test_neighbours_stay_apart():
    """Of neighbours that are alike each is a repeat of its own, as in Go (C-10)."""
    assert compile_pattern("(a*?a*?)*?").fullmatch("aaa") == ("aa",)


@settings(max_examples=examples(200), deadline=None)
@given(pattern=st.text("ab.*+|()?:\\-", max_size=8), values=VALUES)
def test_simple_same(oracle, pattern, values):
    """Forms that need no machine have the verdicts of RE2 too (M-4)."""
    ours, theirs = (compiled_or_none(each, pattern) for each in (compile_pattern, oracle))

    assert (ours is None) == (theirs is None)
    if ours and theirs:
        for value in [*values, "", "a", "b", "ab", "ba", "aab", "|", pattern]:
            assert ours.fullmatch(value) == groups(theirs.fullmatch(value)), value


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None)
@given(
    pattern=st.one_of(PATTERNS, st.text("ab.*+|()?\\-^$", max_size=8)),
    values=st.lists(st.text("abk-.", max_size=4)),
)
def test_prefix_is_a_law(pattern, values):
    """All that matches begins with the prefix; where the prefix decides, all that begins
    with it matches (M-4)."""
    compiled = compiled_or_none(compile_pattern, pattern)

    if compiled:
        for value in [*values, *(compiled.prefix + value for value in values)]:
            begins = value.startswith(compiled.prefix)
            assert begins or not compiled.matches(value)
            assert not (begins and compiled.prefix_decides) or compiled.matches(value)


# --- Unicode ---


@cache
def assigned() -> str:
    """The characters that this Python knows, and Unicode 15.0, which Go and ours follow."""
    every: Iterable[int] = range(sys.maxunicode + 1)
    if unicodedata.unidata_version > "15.0.0":  # all of 15.0 have a script
        every = (
            c for ranges in SCRIPTS.values() for a, b in ranges for c in range(a, b + 1)
        )
    return "".join(c for c in map(chr, sorted(every)) if is_assigned(c))


@cache
def known_characters() -> frozenset[str]:
    return frozenset(assigned())


def is_assigned(character: str) -> bool:
    return unicodedata.category(character) not in ("Cn", "Cs")


def test_a_class_is_folded_once(monkeypatch):
    """However often a pattern names it: to fold all letters takes 1 ms."""
    compile_pattern(r"(?i)\pL")
    monkeypatch.setattr(charsets, "_orbits", None)

    assert compile_pattern(r"(?i)\PL\pL\PL").matches("1ä2")


SCRIPTS = charsets._scripts()  # the names in Unicode's table
CATEGORIES = [
    *("L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P"),
    *("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl"),
    *("Zp", "Zs", "C", "Cc", "Cf", "Co"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Greek", "Latin", "Han", "Common", *CATEGORIES])
def test_classes_of_unicode(name, oracle):
    """A class of Unicode holds the characters that it holds in RE2 (M-3)."""
    ranges = charsets.unicode_class(name)
    assert ranges is not None

    ours = {chr(code) for low, high in ranges for code in range(low, high + 1)}
    theirs = "".join(oracle(rf"\p{{{name}}}+").findall(assigned()))

    assert ours & known_characters() == set(theirs)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts(name, oracle):
    """A script holds the first and last characters of its ranges, and not the next (M-3)."""
    ours, theirs = compile_pattern(rf"\p{{{name}}}"), oracle(rf"\p{{{name}}}")
    edges = {each for low, high in SCRIPTS[name] for each in (low - 1, low, high, high + 1)}
    known = [chr(c) for c in edges if c >= 0 and chr(c) in known_characters()]

    assert [c for c in known if ours.matches(c) != bool(theirs.fullmatch(c))] == []


@pytest.mark.slow
def test_folding(oracle):
    """(?i) takes for one letter what RE2 takes for one (M-3)."""
    different = []
    for letter in assigned():
        others = {letter.lower(), letter.upper(), letter.title(), letter.casefold()}
        for other in others - {letter}:
            theirs = oracle(f"(?i){letter}").fullmatch(other)
            if bool(theirs) != compile_pattern(f"(?i){letter}").matches(other):
                different.append((letter, other))

    assert different == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern",
    [r"\w", r"\s", r"\d", "(?i)k", r"(?i)\W", "(?i)[^s]", "(?i)[a-z]", "[[:punct:]]"],
)
def test_every_character(pattern, oracle):
    """A set holds the same characters as in RE2, over the first planes (M-3)."""
    ours, theirs = compile_pattern(pattern), oracle(pattern)
    characters = [chr(c) for c in range(0x3000)]

    assert [c for c in characters if ours.matches(c) != bool(theirs.fullmatch(c))] == []


# --- The machine ---


def test_memory_is_bounded(monkeypatch):
    """States are let go when there are too many, and the verdicts stay right (M-4)."""
    monkeypatch.setattr(regex_machine, "_MOST_KEPT", 50)
    pattern = compile_pattern("[ab]*a[ab]{6}")
    random = Random(2)
    values = ["".join(random.choices("ab", k=40)) for _ in range(200)]

    verdicts = [pattern.matches(value) for value in values]

    machine = pattern.matches.__self__  # type: ignore[attr-defined]  # a method
    assert verdicts == [value[-7] == "a" for value in values]
    assert 0 < len(machine._states) <= 60


def test_threads_share_it():
    """Threads that make the same states at once have the same verdicts."""
    pattern = compile_pattern("[ab]*a[ab]{9}")
    random = Random(3)
    values = ["".join(random.choices("ab", k=60)) for _ in range(400)]

    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda _: [pattern.matches(v) for v in values], range(4)))

    assert verdicts == [[value[-10] == "a" for value in values]] * 4


def test_pattern_is_a_value():
    """Two patterns of the same text are equal, and keep it."""
    assert compile_pattern("a+") == compile_pattern("a+")
    assert hash(compile_pattern("a+")) == hash(compile_pattern("a+"))
    assert compile_pattern("a+").pattern == "a+"


def test_pattern_travels():
    """A pattern can be pickled."""
    copy = pickle.loads(pickle.dumps(compile_pattern("(a+)b")))

    assert copy.fullmatch("aab") == ("aa",)
