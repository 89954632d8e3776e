"""Patterns, values, and what the ones say of the others: for RE2 and for Go as well."""

from __future__ import annotations

from hypothesis import strategies as st

# pattern, values that match, values that do not
VERDICTS = [
    # A repeat takes one character, whatever that is nothing stands before it
    ("ab(?i)+", ["ab", "abb", "abbb"], ["abab", "a", "abB"]),
    (r"ab\Q\E*", ["a", "abb"], ["", "abab"]),
    ("ab(?i)(?s){2}", ["abb"], ["ab", "abab"]),
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
    ("(?i)straße", ["STRASSE".replace("SS", "ß"), "straẞe"], ["strasse"]),
    ("(?i)σ", ["σ", "ς", "Σ"], ["s"]),
    ("(?i)[à-é]", ["À", "é"], ["e"]),
    # Unicode's classes
    (r"\p{Greek}+", ["αΩ", "ἀ"], ["", "a", "·"]),
    (r"\pN\PN", ["1a", "٣-"], ["a1"]),
    (r"\p{^Lu}[\p{Lu}\d]", ["aÀ", "-1"], ["Àa", "AA"]),
    (r"[^\P{Cyrillic}]", ["ж"], ["x"]),
    (r"(?i)\p{Lu}", ["a", "A"], ["1"]),
    (r"\p{Any}", ["a", "\n"], [""]),
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
    ("(a?b?){2,3}c", ["c", "abc", "ababbc"], ["abababbac"]),
    (r"(\b|a){2}b", ["ab", "aab", "b"], ["aaab"]),
    (r"(?:a|\b){0,3}\B-", [], ["a-", "aa-", "b"]),
    # empty parts
    ("()a(|b)(?:)", ["a", "ab"], ["b"]),
    ("(?)a|", ["a", ""], ["b"]),
]

# pattern, value, the text of each group, the numbers of named ones
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
    ("([a-z]+)", "ab", ("ab",), {}),
    ("(a){0}b", "b", (None,), {}),
    ("(a|b)*", "ab", ("b",), {}),
    ("(a*)*", "aa", ("aa",), {}),
    ("(a*){2}", "a", ("",), {}),
    ("($|a){0,2}", "a", ("",), {}),
    (r"(\d*?)*", "11", ("11",), {}),
    ("(|a)+", "aa", ("a",), {}),
    ("(a)?(b)??(.*)", "ab", ("a", None, "b"), {}),
    (r"(\w+?)(\b.*)", "ab-c", ("ab", "-c"), {}),
]

# what Prometheus refuses
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

# At random

CHARACTERS = "aAbBkK\u212asS\u017féσςΣ١_-1. \n\t\v"


def _classes(members):
    return st.builds(
        "[{}{}]".format,
        st.sampled_from(["", "^"]),
        st.lists(st.sampled_from(members), min_size=1, max_size=3).map("".join),
    )


ATOMS = st.one_of(
    st.sampled_from([*"aBkS.^$_-{}]", " ", "\n", "é", "(?i)", "(?-i)", "(?m)", "(?-s)"]),
    st.sampled_from([*(rf"\{letter}" for letter in "dDwWsSbBAznt.-"), r"\x41", r"\101"]),
    st.sampled_from([r"\p{Greek}", r"\PL", r"[\p{^Lu}\d]", "σ", "(?i)é", "(?i)[α-ω]"]),
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
