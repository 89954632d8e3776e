"""From the text of an expression to its tree, by precedence climbing.

Types are checked as the tree is built, by Prometheus' rules, so that every error has the
place it is about. Words are taken by where they stand: at the start of an operand `sum`
is an aggregation if `(`, `by` or `without` follows, and a metric else.

Depth is bounded: each operand within another (parentheses, arguments, the right side of
an operator that binds tighter, a sign) is one of at most `NESTING` levels, and a chain of
operators on one level has at most `CHAIN`. So nothing ends in a RecursionError, here or
in what walks the tree. An expression has at most `PARTS` operands, signs, matchers and
labels, so that a megabyte of text is read, or refused, within a second.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from math import isfinite
from typing import Any, Final, Literal, NoReturn

import attrs

from promlatest._arguments import shown
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.literals import LiteralError, unquote
from promlatest._matching.matcher import Matcher, MatchType
from promlatest._matching.near import close_names
from promlatest._units import MOST_MS
from promlatest.exceptions import LabelError, PatternError, UsageError
from promlatest.promql._aggregations import AGGREGATIONS
from promlatest.promql._arithmetic import COMPARISONS
from promlatest.promql._functions import FUNCTIONS, REFUSED, Function
from promlatest.promql._lexer import QueryText, Token, read_number
from promlatest.promql._tree import (
    NO_METRIC,
    TYPE_NAMES,
    Aggregation,
    At,
    Binary,
    Call,
    Matching,
    MatrixSelector,
    Node,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
)

NESTING: Final = 100
CHAIN: Final = 400
LENGTH: Final = 1_000_000
PATTERNS: Final = 30_000  # characters: a hostile pattern takes 20 µs for each
PARTS: Final = 20_000  # operands, signs, matchers and labels: 20 µs for each

_PRECEDENCE: Final = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(COMPARISONS, 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
SET_OPERATORS: Final = frozenset(("and", "or", "unless"))
_MATCHERS: Final[dict[str, MatchType]] = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~"}
_BEHIND: Final = frozenset(("[", "@", "name"))  # what may follow an operand, and change it
_PLAIN: Final = re.compile(r"[\w|:/@ -]*")  # names to choose from: read at once
_FILLS: Final = frozenset(("fill", "fill_left", "fill_right"))
_DURATIONS: Final = ("arithmetic with durations", "write the sum as one duration")


def parse(text: str) -> Node:
    """The tree of a PromQL expression, as Prometheus 3.14 reads it by default.

        >>> tree = parse("sum by(code) (rate(http_requests_total[5m]))  # a comment")
        >>> print(tree)
        sum by (code) (rate(http_requests_total[5m]))
        >>> parse("rate(x)")
        Traceback (most recent call last):
        promlatest.exceptions.QueryError: 1:6: expected a range vector in the call of \
'rate', got an instant vector

    Takes time linear in the text: a megabyte of it less than a second.

    Raises:
        QueryError: the text is no such expression, or one that needs what promlatest
            does not have; it carries line and column.
        UsageError: it is no text.
    """
    if not isinstance(text, str):
        raise UsageError(f"expected an expression as a str, not {shown(text)}")
    if len(text) > LENGTH:
        reason = f"expected at most {LENGTH} characters, got {len(text)}"
        raise QueryText("").error(0, reason)
    return _Parser(QueryText(text)).read()


# Trees are frozen: who looks a text up and who answers it share one. As many are kept as
# the engine keeps compiled.
parsed: Final = lru_cache(maxsize=128)(parse)


class _Parser:
    """Reads one expression from left to right; `next` is the token it stands before."""

    def __init__(self, text: QueryText) -> None:
        self.text = text
        self.depth = 0
        self.patterns = 0
        self.parts = 0
        self.inside = False
        self.end = 0
        self.next = text.token(0)

    def read(self) -> Node:
        if not self.next.kind:
            self.fail("expected an expression, got nothing")
        tree = self.expression()
        if self.next.kind:
            self.fail(f"expected an operator or the end, got {self.next.shown}")
        return tree

    # -- tokens -----------------------------------------------------------------------

    def take(self) -> Token:
        token = self.next
        self.end = token.end
        self.next = self.text.token(token.end, self.inside)
        return token

    def taken(self, kind: str) -> bool:
        if self.next.kind != kind:
            return False
        self.take()
        return True

    def expect(self, kind: str) -> Token:
        if self.next.kind != kind:
            self.fail(f"expected {kind!r}, got {self.next.shown}")
        return self.take()

    def word(self) -> str:
        """The next token in small letters if it is a word, else ""."""
        return self.next.text.lower() if self.next.kind == "name" else ""

    def fail(self, reason: str, at: int | None = None) -> NoReturn:
        raise self.text.error(self.next.start if at is None else at, reason)

    def refuse(self, what: str, why: str, at: int | None = None) -> NoReturn:
        self.fail(f"{what} is not supported: {why}", at)

    # -- operators --------------------------------------------------------------------

    def expression(self, least: int = 1) -> Node:
        """An operand, and the operators behind it that bind at least that tight."""
        self.deepen(1)
        left = self.operand()
        for _ in range(CHAIN):
            operator = self.operator()
            level = _PRECEDENCE.get(operator, 0)
            if level < least:
                self.depth -= 1
                return left
            left = self.binary(left, operator, level)
        if _PRECEDENCE.get(self.operator(), 0) >= least:
            self.fail(f"expected at most {CHAIN} operators in a chain, got more")
        self.depth -= 1
        return left

    def count(self) -> None:
        """One part more of the expression."""
        self.parts += 1
        if self.parts > PARTS:
            self.fail(
                f"expected at most {PARTS} operands, signs, matchers and labels, got more"
            )

    def deepen(self, levels: int) -> None:
        self.depth += levels
        if self.depth > NESTING:
            self.fail(f"expected at most {NESTING} levels of nesting, got more")

    def operator(self) -> str:
        if self.next.kind in ("</", ">/"):
            why = "it is for native histograms, which promlatest does not keep"
            self.refuse(f"the operator {self.next.shown}", why)
        return self.word() or self.next.kind

    def operand(self) -> Node:
        signs: list[Token] = []
        while self.next.kind in ("+", "-"):
            self.deepen(1)
            self.count()
            signs.append(self.take())
        if not signs:
            return self.postfixed(self.primary())
        operand = self.expression(_PRECEDENCE["^"])
        for sign in reversed(signs):
            operand = self.signed(sign, operand)
        self.depth -= len(signs)
        return operand

    def signed(self, sign: Token, operand: Node) -> Node:
        minus = sign.kind == "-"
        if isinstance(operand, Number):
            value = -operand.value if minus else operand.value
            return Number(value, start=sign.start, end=operand.end)
        if operand.type not in ("scalar", "vector"):
            self.wrong_type(operand, "a scalar or an instant vector", "after a sign")
        operator: Literal["+", "-"] = "-" if minus else "+"
        return Unary(operator, operand, start=sign.start, end=operand.end)

    def binary(self, left: Node, operator: str, level: int) -> Node:
        at = self.take().start
        is_bool = self.word() == "bool"
        if is_bool:
            if operator not in COMPARISONS:
                self.fail("'bool' can only stand behind a comparison")
            self.take()
        at_matching = self.next.start
        matching = self.matching(operator)
        right = self.expression(level if operator == "^" else level + 1)
        for operand in (left, right):
            if operand.type not in ("scalar", "vector"):
                where = f"beside {operator!r}"
                self.wrong_type(operand, "a scalar or an instant vector", where)
        both_vectors = left.type == right.type == "vector"
        if matching is not None and not both_vectors:
            self.fail("vectors can only be matched with vectors", at_matching)
        if operator in SET_OPERATORS and not both_vectors:
            self.fail(f"{operator!r} needs an instant vector on both sides", at)
        if operator in COMPARISONS and not is_bool and left.type == right.type == "scalar":
            self.fail(f"between scalars a comparison needs 'bool': {operator} bool", at)
        if both_vectors:
            matching = matching or Matching()
            if operator in SET_OPERATORS:
                matching = attrs.evolve(matching, cardinality="many-to-many")
        place = {"start": left.start, "end": right.end}
        return Binary(operator, left, right, is_bool, matching, **place)

    def matching(self, operator: str) -> Matching | None:
        """What stands behind an operator on how vectors match; None: nothing."""
        matching = None
        if self.word() in ("on", "ignoring"):
            on = self.take().text.lower() == "on"
            matching = Matching(on=on, labels=self.labels())
            if self.word() in ("group_left", "group_right"):
                matching = self.grouped(matching, operator)
        if self.word() in _FILLS and self.followed_by("("):
            self.refuse(
                f"{self.next.shown}", "Prometheus has it behind a feature flag only"
            )
        return matching

    def grouped(self, matching: Matching, operator: str) -> Matching:
        if operator in SET_OPERATORS:
            self.fail(f"{self.next.shown} cannot stand behind {operator!r}")
        at = self.next.start
        left = self.take().text.lower() == "group_left"
        include = self.labels() if self.next.kind == "(" else ()
        both = sorted(set(include) & set(matching.labels)) if matching.on else []
        if both:
            self.fail(f"the label {both[0]!r} cannot be matched on and included", at)
        cardinality: Literal["many-to-one", "one-to-many"]
        cardinality = "many-to-one" if left else "one-to-many"
        return attrs.evolve(matching, cardinality=cardinality, include=include)

    def followed_by(self, kind: str) -> bool:
        return self.text.token(self.next.end, self.inside).kind == kind

    def labels(self) -> tuple[str, ...]:
        """Label names in parentheses, bare or in quotes."""
        self.expect("(")
        names = []
        while not self.taken(")"):
            if self.next.kind not in ("name", "string"):
                self.fail(f"expected a label name or ')', got {self.next.shown}")
            self.count()
            token = self.take()
            names.append(self.label(token))
            if self.next.kind != ")":
                if self.next.kind != ",":
                    self.fail(f"expected ',' or ')', got {self.next.shown}")
                self.take()
        return tuple(names)

    def label(self, token: Token) -> str:
        name = self.string(token) if token.kind == "string" else token.text
        if not name or _not_utf8(name):
            self.fail(f"expected a label name, got {token.shown}", token.start)
        return name

    # -- operands ---------------------------------------------------------------------

    def primary(self) -> Node:
        self.count()
        read = _PRIMARIES.get(self.next.kind)
        if read is None:
            self.fail(f"expected an expression, got {self.next.shown}")
        return read(self)

    def parenthesised(self) -> Node:
        start = self.take().start
        expr = self.expression()
        self.expect(")")
        return Paren(expr, start=start, end=self.end)

    def number(self) -> Number:
        token = self.take()
        return Number(self.number_of(token), start=token.start, end=token.end)

    def number_of(self, token: Token) -> float:
        if token.text.lower() in ("inf", "nan"):
            return float(token.text)
        try:
            return read_number(token.text)
        except ValueError as error:
            self.fail(str(error), token.start)

    def text_literal(self) -> String:
        token = self.take()
        return String(self.string(token), start=token.start, end=token.end)

    def string(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except LiteralError as error:
            self.fail(str(error), token.start + error.offset)

    def named(self) -> Node:
        """What begins with a word: a number, a call, an aggregation or a selector."""
        word = self.word()
        if word in ("inf", "nan"):
            return self.number()
        token = self.take()
        before_list = self.next.kind == "("
        if before_list or self.word() in ("by", "without"):
            if word in AGGREGATIONS:
                return self.aggregation(word, token)
            if word in REFUSED:
                self.refuse(repr(word), REFUSED[word], token.start)
        if before_list:
            return self.call(token)
        if word in NO_METRIC:
            self.fail(f"expected an expression, got {token.shown}", token.start)
        return self.selector(token)

    def call(self, name: Token) -> Node:
        signature = FUNCTIONS.get(name.text)
        if signature is None:
            self.fail(_unknown(name.text), name.start)
        args = self.arguments()
        place = {"start": name.start, "end": self.end}
        self.check_count(name, args, signature)
        if name.text == "label_replace":
            self.count_pattern(Token("string", str(args[-1]), args[-1].start, 0))
        for at, arg in enumerate(args):
            wanted = signature.args[min(at, len(signature.args) - 1)]
            self.check_type(arg, wanted, f"in the call of {name.text!r}")
        return Call(name.text, args, signature.returns, **place)

    def check_count(self, name: Token, args: tuple[Node, ...], signature: Function) -> None:
        too_many = signature.most is not None and len(args) > signature.most
        if too_many or len(args) < signature.least:
            reason = f"{name.text!r} takes {signature.expected()}, got {len(args)}"
            self.fail(reason, name.start)

    def arguments(self) -> tuple[Node, ...]:
        self.expect("(")
        args: list[Node] = []
        while not (not args and self.next.kind == ")"):
            # Nothing may follow a text, so a long list of them takes a short way.
            is_text = self.next.kind == "string"
            args.append(self.text_literal() if is_text else self.expression())
            if self.next.kind == ")":
                break
            if self.next.kind != ",":
                self.fail(f"expected ',' or ')', got {self.next.shown}")
            self.take()
        self.take()
        return tuple(args)

    def aggregation(self, operator: str, name: Token) -> Node:
        clause = self.grouping()
        args = self.arguments()
        clause = clause or self.grouping()
        wanted = AGGREGATIONS[operator].parameter
        count = 1 if wanted is None else 2
        if len(args) != count:
            plural = "argument" if count == 1 else "arguments"
            reason = f"{operator!r} takes {count} {plural}, got {len(args)}"
            self.fail(reason, name.start)
        where = f"in {operator!r}"
        self.check_type(args[-1], "vector", where)
        if wanted is not None:
            self.check_type(args[0], wanted, where)
        without, labels = clause or (False, ())
        parameter = None if wanted is None else args[0]
        place = {"start": name.start, "end": self.end}
        return Aggregation(operator, args[-1], parameter, labels, without, **place)

    def grouping(self) -> tuple[bool, tuple[str, ...]] | None:
        if self.word() not in ("by", "without"):
            return None
        without = self.take().text.lower() == "without"
        return without, self.labels()

    def check_type(self, node: Node, wanted: ValueType, where: str) -> None:
        if node.type != wanted:
            self.wrong_type(node, _a(TYPE_NAMES[wanted]), where)

    def wrong_type(self, node: Node, wanted: str, where: str) -> NoReturn:
        reason = f"expected {wanted} {where}, got {_a(TYPE_NAMES[node.type])}"
        self.fail(reason, node.start)

    # -- selectors --------------------------------------------------------------------

    def bare_selector(self) -> Node:
        return self.selector(None)

    def selector(self, name: Token | None) -> Node:
        start = self.next.start if name is None else name.start
        matchers: list[Matcher] = []
        if name is not None:
            matchers.append(_metric(name.text))
        if self.taken("{"):
            while not self.taken("}"):
                self.matcher(matchers, name is not None)
                if self.next.kind != "}":
                    if self.next.kind != ",":
                        self.fail(f"expected ',' or '}}', got {self.next.shown}")
                    self.take()
        if all(matcher.matches("") for matcher in matchers):
            reason = "a selector needs a name or a matcher that rules out the empty value"
            self.fail(reason, start)
        return VectorSelector(tuple(matchers), start=start, end=self.end)

    def matcher(self, matchers: list[Matcher], named: bool) -> None:
        """One condition, or the metric's name in quotes; put where it belongs."""
        if self.next.kind not in ("name", "string"):
            self.fail(f"expected a label name or '}}', got {self.next.shown}")
        self.count()
        token = self.take()
        if token.kind == "string" and self.next.kind in (",", "}"):
            self.set_name(self.string(token), token, matchers)
            return
        name = self.label(token)
        if ":" in name and token.kind == "name":
            self.fail(f"expected a label name, got {token.shown}", token.start)
        operator = _MATCHERS.get(self.next.kind)
        if operator is None:
            self.fail(f"expected one of = != =~ !~, got {self.next.shown}")
        self.take()
        if self.next.kind != "string":
            self.fail(f"expected a value in quotes, got {self.next.shown}")
        value = self.take()
        if operator in ("=~", "!~"):
            self.count_pattern(value)
        try:
            matcher = Matcher(name, operator, self.valid(value))
        except (PatternError, LabelError) as error:
            self.fail(str(error), value.start)
        if name == METRIC_NAME and named:
            self.set_name(matcher.value, token, matchers)
        matchers.append(matcher)

    def count_pattern(self, token: Token) -> None:
        """Refuse more of regular expressions than are read in under a second."""
        if not _PLAIN.fullmatch(token.text, 1, len(token.text) - 1):
            self.patterns += len(token.text)
        if self.patterns > PATTERNS:
            reason = f"expected at most {PATTERNS} characters of regular expressions"
            self.fail(f"{reason}, got more", token.start)

    def set_name(self, metric: str, token: Token, matchers: list[Matcher]) -> None:
        """The name in quotes, which stands first; the only one."""
        for other in matchers:
            if other.name == METRIC_NAME:
                reason = f"the metric's name is set twice: {other.value!r} and {metric!r}"
                self.fail(reason, token.start)
        if not metric or _not_utf8(metric):
            self.fail("expected a metric's name, got an empty text", token.start)
        matchers.insert(0, Matcher(METRIC_NAME, "=", metric))

    def valid(self, token: Token) -> str:
        value = self.string(token)
        if _not_utf8(value):
            self.fail("the escapes of this string are no valid UTF-8", token.start)
        return value

    # -- what stands behind an operand ------------------------------------------------

    def postfixed(self, node: Node) -> Node:
        while self.next.kind in _BEHIND:
            if self.next.kind == "[":
                node = self.ranged(node)
            elif self.word() == "offset":
                node = self.offset(node)
            elif self.next.kind == "@":
                node = self.at(node)
            elif self.word() in ("smoothed", "anchored"):
                why = "Prometheus has it behind a feature flag only"
                self.refuse(self.next.shown, why)
            else:
                break
        return node

    def ranged(self, node: Node) -> Node:
        at = self.next.start
        self.inside = True
        self.take()
        span = self.span("]")
        if self.taken(":"):
            step = None if self.next.kind == "]" else self.span("]")
            self.close_bracket()
            if node.type != "vector":
                self.wrong_type(node, "an instant vector", "before a subquery")
            return Subquery(node, span, step, start=node.start, end=self.end)
        self.close_bracket()
        if not isinstance(node, VectorSelector):
            self.fail("a range can only stand behind a selector", at)
        if node.offset or node.at is not None:
            self.fail("a range stands before 'offset' and '@', not behind", at)
        return MatrixSelector(node, span, start=node.start, end=self.end)

    def span(self, end: str) -> int:
        """The milliseconds of a range or step: more than nothing."""
        at = self.next.start
        span = self.duration(f"a duration in brackets, as in [5m{end}")
        if self.next.kind not in (":", end):
            if self.next.kind in _PRECEDENCE or self.next.kind in ("(", "name"):
                self.refuse(*_DURATIONS)
            self.fail(f"expected {end!r}, got {self.next.shown}")
        if span <= 0:
            self.fail("expected a duration greater than 0", at)
        return span

    def close_bracket(self) -> None:
        self.inside = False
        self.expect("]")

    def duration(self, expected: str) -> int:
        if self.next.kind in ("(", "name", "+", "-") and self.inside:
            self.refuse(*_DURATIONS)
        if self.next.kind != "number":
            self.fail(f"expected {expected}, got {self.next.shown}")
        token = self.take()
        milliseconds = round(self.number_of(token) * 1000)
        if milliseconds > MOST_MS:
            self.fail(f"the duration {token.text!r} is too long", token.start)
        return milliseconds

    def offset(self, node: Node) -> Node:
        at = self.take().start
        sign = self.sign()
        if self.next.kind == "(" or self.word() in ("step", "range", "min_of", "max_of"):
            self.refuse(*_DURATIONS)
        offset = sign * self.duration("a duration, as in offset 5m")
        if (target := _modified(node)) is None:
            self.fail("'offset' can only stand behind a selector or a subquery", at)
        if target.offset:
            self.fail("'offset' is set twice", at)
        return self.modified(node, target, offset=offset)

    def sign(self) -> int:
        sign = 1
        if self.next.kind in ("+", "-"):
            sign = -1 if self.take().kind == "-" else 1
        return sign

    def at(self, node: Node) -> Node:
        start = self.take().start
        moment = self.moment()
        if (target := _modified(node)) is None:
            self.fail("'@' can only stand behind a selector or a subquery", start)
        if target.at is not None:
            self.fail("'@' is set twice", start)
        return self.modified(node, target, at=moment)

    def modified(
        self, node: Node, target: VectorSelector | Subquery, **change: Any
    ) -> Node:
        if isinstance(node, MatrixSelector) and isinstance(target, VectorSelector):
            selector = attrs.evolve(target, **change)
            return attrs.evolve(node, selector=selector, end=self.end)
        return attrs.evolve(target, **change, end=self.end)

    def moment(self) -> At:
        word = self.word()
        if word in ("start", "end"):
            self.take()
            self.expect("(")
            self.expect(")")
            return "start" if word == "start" else "end"
        sign = self.sign()
        if self.next.kind != "number" and self.word() not in ("inf", "nan"):
            expected = "expected seconds, start() or end() behind '@'"
            self.fail(f"{expected}, got {self.next.shown}")
        token = self.take()
        seconds = sign * self.number_of(token)
        if not isfinite(seconds) or abs(seconds) > 2**63 / 1000:
            self.fail(f"the moment {token.text!r} is out of bounds", token.start)
        return round(seconds * 1000)


_PRIMARIES: Final[dict[str, Callable[[_Parser], Node]]] = {
    "number": _Parser.number,
    "string": _Parser.text_literal,
    "name": _Parser.named,
    "(": _Parser.parenthesised,
    "{": _Parser.bare_selector,
}


def _modified(node: Node) -> VectorSelector | Subquery | None:
    """What `offset` and `@` behind a node are about."""
    node = node.selector if isinstance(node, MatrixSelector) else node
    return node if isinstance(node, VectorSelector | Subquery) else None


@lru_cache(maxsize=1024)  # half the price of a selector
def _metric(name: str) -> Matcher:
    return Matcher(METRIC_NAME, "=", name)


@lru_cache(maxsize=256)
def _unknown(name: str) -> str:
    close = close_names(name[:60], [*FUNCTIONS, *AGGREGATIONS], alike=0.6)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"unknown function {name[:60]!r}{hint}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _not_utf8(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text)
