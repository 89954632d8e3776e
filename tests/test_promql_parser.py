"""Expressions to trees and back, and the place and words of every error."""

from __future__ import annotations

import json
import sys
import threading

import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from promql_shared import SHARED, needs

from promlatest.exceptions import QueryError, UsageError
from promlatest.promql import parse, walk

EXPRESSIONS = SHARED / "promql" / "expressions.jsonl"

# an expression, and how it is written back
READ = [
    ("1", "1"),
    ("1_000", "1000"),
    ("010", "8"),
    ("0x1F", "31"),
    (".5e1", "5"),
    ("1h30m", "5400"),
    ("1y2w3d4h5m6s7ms", "3.3019506007e+07"),
    ("-Inf + nan", "-Inf + NaN"),
    ("--1", "1"),
    ("-2 ^ 2", "-2 ^ 2"),
    ("2^-1^3*4", "2 ^ -1 ^ 3 * 4"),
    ("'it\\'s'", '"it\'s"'),
    ("`a\\n`", '"a\\\\n"'),
    (r'"\xff"', r'"\xff"'),
    ("up # the state\n  + 1", "up + 1"),
    ("foo:bar{a='b',}", 'foo:bar{a="b"}'),
    ('{"my.metric", "a.b"=~"c"}', '{"my.metric", "a.b"=~"c"}'),
    ('{a="1", "m"}', 'm{a="1"}'),
    ('{__name__="bool"}', '{"bool"}'),
    ('{__name__=~"a|b"}', '{__name__=~"a|b"}'),
    ("x offset 1h30m @ 5.5", "x @ 5.500 offset 1h30m"),
    ("x @ -1.5", "x @ -1.500"),
    ("x[90] offset -5m", "x[1m30s] offset -5m"),
    ("x[5m] @ end()", "x[5m] @ end()"),
    ("x[7d] offset -14d", "x[1w] offset -2w"),
    ("x[365d:8d]", "x[1y:8d]"),
    ("(x)[5m:] @ start()", "(x)[5m:] @ start()"),
    ("rate(x[1m])[5m:30s] offset 1m", "rate(x[1m])[5m:30s] offset 1m"),
    ("SUM(x) BY (y, 'a.b')", 'sum by (y, "a.b") (x)'),
    ("sum without () (x)", "sum without () (x)"),
    ("topk by(a)(2, x)", "topk by (a) (2, x)"),
    ('count_values("v", x)', 'count_values("v", x)'),
    ("a == bool on(x) group_right(y) b", "a == bool on (x) group_right (y) b"),
    ("a * ignoring(x) group_left b", "a * ignoring (x) group_left () b"),
    ("a + ignoring() b", "a + b"),
    ("a AND on() b OR c UNLESS d", "a and on () b or c unless d"),
    ("a atan2 b % c", "a atan2 b % c"),
    ("1 == bool 2", "1 == bool 2"),
    ("days_in_month()", "days_in_month()"),
    ('label_join(x, "a", ",")', 'label_join(x, "a", ",")'),
    # words are keywords only where they can be
    ("sum", "sum"),
    ("and and and", "and and and"),
    ("offset offset 5m", "offset offset 5m"),
    ("sum by (by, on, sum) (by)", "sum by (by, on, sum) (by)"),
    ('rate{by="x", bool="y"}', 'rate{by="x", bool="y"}'),
    ("fill + step", "fill + step"),
]

# an expression, and the error
REFUSED = [
    ("", "1:1: expected an expression, got nothing"),
    (" # only this", "1:13: expected an expression, got nothing"),
    ("foo bar", "1:5: expected an operator or the end, got 'bar'"),
    ("sum by foo", "1:8: expected '(', got 'foo'"),
    ("(1", "1:3: expected ')', got the end"),
    ("1 +\n  )", "2:3: expected an expression, got ')'"),
    ("a\n~", "2:1: unexpected '~'"),
    ('x{a="b', "1:5: this string has no end"),
    (r'"\q"', r"1:2: unknown escape '\\q' in a string"),
    ("x{a=b}", "1:5: expected a value in quotes, got 'b'"),
    ("x{a}", "1:4: expected one of = != =~ !~, got '}'"),
    ('x{a:b="c"}', "1:3: expected a label name, got 'a:b'"),
    ('x{a="b" c="d"}', "1:9: expected ',' or '}', got 'c'"),
    ('x{a=~"("}', "1:6: regular expression '(': "),
    (r'x{a="\xff"}', "1:5: the escapes of this string are no valid UTF-8"),
    ('x{"y"}', "1:3: the metric's name is set twice: 'x' and 'y'"),
    ('x{__name__="y"}', "1:3: the metric's name is set twice: 'x' and 'y'"),
    ("{}", "1:1: a selector needs a name or a matcher that rules out the empty value"),
    ('{a!="x"}', "1:1: a selector needs a name or a matcher"),
    ("on", "1:1: expected an expression, got 'on'"),
    ("rat(x[5m])", "1:1: unknown function 'rat'; did you mean 'rate'"),
    ("abs()", "1:1: 'abs' takes 1 argument, got 0"),
    ("round(x, 1, 2)", "1:1: 'round' takes 1 to 2 arguments, got 3"),
    ('label_join(x, "a")', "1:1: 'label_join' takes at least 3 arguments, got 2"),
    ("topk(x)", "1:1: 'topk' takes 2 arguments, got 1"),
    ("sum(x,)", "1:7: expected an expression, got ')'"),
    ("rate(x)", "1:6: expected a range vector in the call of 'rate', got an instant"),
    ("sum(1)", "1:5: expected an instant vector in 'sum', got a scalar"),
    ("topk(x, x)", "1:6: expected a scalar in 'topk', got an instant vector"),
    ("-x[5m]", "1:2: expected a scalar or an instant vector after a sign, got a range"),
    ("'a' + 1", "1:1: expected a scalar or an instant vector beside '+', got a string"),
    ("1 == 1", "1:3: between scalars a comparison needs 'bool': == bool"),
    ("1 and x", "1:3: 'and' needs an instant vector on both sides"),
    ("x + bool y", "1:5: 'bool' can only stand behind a comparison"),
    ("x + on(a) 1", "1:5: vectors can only be matched with vectors"),
    ("x and on(a) group_left y", "1:13: 'group_left' cannot stand behind 'and'"),
    ("x * on(a) group_left(a) y", "1:11: the label 'a' cannot be matched on and"),
    ("sum by (1) (x)", "1:9: expected a label name or ')', got '1'"),
    ("x[5m", "1:5: expected ']', got the end"),
    ("x[0]", "1:3: expected a duration greater than 0"),
    ("x[5q]", "1:3: '5q' is neither a number nor a duration"),
    ("x[9999999999y]", "1:3: the duration '9999999999y' is too long"),
    ("(x)[5m]", "1:4: a range can only stand behind a selector"),
    ("x offset 5m [5m]", "1:13: a range stands before 'offset' and '@', not behind"),
    ("x[5m][1m:]", "1:1: expected an instant vector before a subquery, got a range"),
    ("x offset 1m offset 1m", "1:13: 'offset' is set twice"),
    ("x @ 1 @ 1", "1:7: '@' is set twice"),
    ("sum(x) offset 5m", "1:8: 'offset' can only stand behind a selector or a subquery"),
    ("x offset Inf", "1:10: expected a duration, as in offset 5m, got 'Inf'"),
    ("x @ NaN", "1:5: the moment 'NaN' is out of bounds"),
    ("5m30", "1:1: '5m30' is neither a number nor a duration"),
    ("1e400", "1:1: the number '1e400' is too large"),
]

# PromQL that Prometheus reads, or reads behind a flag, and promlatest does not
UNSUPPORTED = [
    ("x + fill(0) y", "1:5: 'fill' is not supported"),
    ("limitk by (a) (2, x)", "1:1: 'limitk' is not supported"),
    ("info(x)", "1:1: 'info' is not supported"),
    ("1 + start()", "1:5: 'start' is not supported"),
    ("histogram_count(x)", "1:1: 'histogram_count' is not supported: it is for native"),
    ("x </ 1", "1:3: the operator '</' is not supported: it is for native"),
    ("rate(x[5m] smoothed)", "1:12: 'smoothed' is not supported"),
    ("x[1m+1m]", "1:5: arithmetic with durations is not supported"),
    ("x[-1m]", "1:3: arithmetic with durations is not supported"),
    ("x offset (1m)", "1:10: arithmetic with durations is not supported"),
]


@pytest.mark.parametrize(("text", "written"), READ)
def test_what_is_read_is_written_back(text, written):
    """An expression is read as PromQL has it, and its text reads as an equal tree."""
    tree = parse(text)

    assert str(tree) == written
    assert parse(written) == tree


@pytest.mark.parametrize(("text", "error"), REFUSED + UNSUPPORTED)
def test_an_error_says_where_and_what(text, error):
    """What is wrong is named with its line and column, what was expected and what came."""
    with pytest.raises(QueryError) as caught:
        parse(text)

    assert str(caught.value).startswith(error)
    assert error.startswith(f"{caught.value.line}:{caught.value.column}: ")


def test_trees_of_different_meaning_differ():
    """Equality looks at everything but positions."""
    texts = [text for text, written in READ] + ["x", "x[5m]", "x @ 5", "a * b", "-(1)"]
    trees = {parse(text) for text in texts}

    assert len(trees) == len({str(parse(text)) for text in texts})
    assert parse("a+b") == parse("a  +  b")


def test_a_node_knows_its_place():
    """Every node says which piece of the text it is."""
    text = "sum by (a) (rate(x[5m] offset 1m)) / (2)"

    pieces = [text[node.start : node.end] for node in walk(parse(text))]

    assert pieces[1:] == [
        "sum by (a) (rate(x[5m] offset 1m))",
        "rate(x[5m] offset 1m)",
        "x[5m] offset 1m",
        "x",
        "(2)",
        "2",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "-" * 100_000 + "x",
        "abs(" * 101 + "x" + ")" * 101,
        "1 or (1 and (" * 50 + "x" + "))" * 50,
        "2^" * 150 + "2",
    ],
)
def test_nesting_is_bounded_in_words(text):
    """What is nested too deep is refused, and nothing ends in a RecursionError."""
    with pytest.raises(QueryError, match="at most 100 levels of nesting"):
        parse(text)


def test_a_chain_is_bounded_in_words():
    """400 operators may stand in a chain, and one more is refused."""
    assert len(list(walk(parse("1" + "+1" * 400)))) == 801
    with pytest.raises(QueryError, match="at most 400 operators in a chain"):
        parse("1" + "+1" * 401)


def test_patterns_are_bounded_in_words():
    """Regular expressions may take 30,000 characters of a text, names to choose from
    more."""
    choice = "|".join(f"pod-{at}" for at in range(10_000))

    assert parse(f'x{{a=~"{choice}"}}')
    with pytest.raises(QueryError, match="at most 30000 characters of regular expressions"):
        parse('x{a=~"' + "a*" * 20_000 + '"}')
    with pytest.raises(QueryError, match="at most 30000 characters of regular expressions"):
        parse('label_replace(x, "a", "", "b", "' + "a*" * 20_000 + '")')


def test_a_long_text_is_refused_in_words():
    """More than a million characters are no question."""
    with pytest.raises(QueryError, match="at most 1000000 characters, got 1000001"):
        parse("x" * 1_000_001)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "sum(" + "x, " * 20_001 + "x)",
        "sum by (" + "a, " * 20_001 + "a) (x)",
        "x{" + 'a="1", ' * 20_001 + "}",
        " or ".join(["(" + " or ".join(["x"] * 200) + ")"] * 101),
        " or ".join(["-" * 80 + "x"] * 300),
    ],
    ids=["arguments", "labels", "matchers", "operands", "signs"],
)
def test_parts_are_bounded_in_words(text):
    """An expression has at most 20,000 operands, signs, matchers and labels."""
    with pytest.raises(QueryError, match="at most 20000 operands, signs, matchers and"):
        parse(text)


@pytest.mark.slow
def test_texts_are_not_counted():
    """A call may have as many texts as fit."""
    call = parse("label_join(x, 'a', ',', " + '"b", ' * 30_000 + '"c")')

    assert len(call.children) == 30_004


@pytest.mark.slow
def test_the_type_of_a_long_chain_is_known():
    """A chain of scalars within chains gives a scalar, whatever their length."""
    chain = "(" + "+".join(["1"] * 100) + ")"

    assert parse("+".join([chain] * 100)).type == "scalar"
    assert parse("+".join([chain] * 100 + ["x"])).type == "vector"


def test_the_deepest_tree_needs_little_stack():
    """What the bounds allow is read, written and compared on the stack of a thread."""
    text = "(" * 98 + "1" + "+1" * 400 + ")" * 98
    done = []

    def work():
        limit = sys.getrecursionlimit()
        assert limit <= 1000
        tree = parse(text)
        done.append(parse(str(tree)) == tree and hash(tree) == hash(parse(text)))

    threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(0)
    thread.join()

    assert done == [True]


@needs(EXPRESSIONS)
def test_public_expressions_are_read_and_written_back():
    """Alert rules, recording rules and dashboards: each is read, and reads back."""
    lines = EXPRESSIONS.read_text().splitlines()

    for expression in map(json.loads, lines):
        tree = parse(expression)
        assert parse(str(tree)) == tree
    assert len(lines) > 800


PIECES = [text for text, _ in READ] + [text for text, _ in REFUSED]


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_any_text_gives_a_tree_or_the_one_error(data):
    """Pieces of expressions, cut and spliced anywhere: a tree, or an error with a place."""
    pick = st.sampled_from(PIECES)
    text = ""
    for _ in range(data.draw(st.integers(1, 4))):
        piece = data.draw(pick)
        begin = data.draw(st.integers(0, len(piece)))
        text += piece[begin : data.draw(st.integers(begin, len(piece)))]
        text += data.draw(st.sampled_from(["", " ", "(", ")", "[", "+", "offset ", "\n"]))
    tree, error = outcome(text)

    if error is None:
        assert parse(str(tree)) == tree
    else:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1


def outcome(text):
    try:
        return parse(text), None
    except QueryError as error:
        return None, error


@settings(max_examples=examples(200), deadline=None)
@given(st.text(max_size=30))
def test_any_characters_give_a_tree_or_the_one_error(text):
    """No text ends in any other way."""
    tree, error = outcome(text)

    assert (tree is None) == (error is not None)


def test_an_expression_is_a_text():
    """What is no text is refused in words."""
    with pytest.raises(UsageError, match="expected an expression as a str, not 5"):
        parse(5)  # type: ignore[arg-type]
