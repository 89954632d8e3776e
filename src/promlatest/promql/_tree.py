"""The tree of an expression: frozen nodes that know where they stand in the text.

`str(node)` is PromQL again, and reading it gives an equal tree. Equality leaves positions
out. Nothing here recurses along a chain of operators (`a + b + c …`), whose tree leans to
the left as deep as the chain is long; it recurses along what is nested only, and the
parser bounds that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final, Literal

import attrs

from promlatest._arguments import checked
from promlatest._matching.floats import format_float
from promlatest._matching.labels import (
    LEGACY_LABEL_NAME,
    LEGACY_METRIC_NAME,
    METRIC_NAME,
    quote,
)
from promlatest._matching.matcher import Matcher
from promlatest._units import format_duration

ValueType = Literal["scalar", "string", "vector", "range"]
"""What an expression gives: a number, a text, a value a series, or many a series."""

TYPE_NAMES: Final[dict[ValueType, str]] = {
    "scalar": "scalar",
    "string": "string",
    "vector": "instant vector",
    "range": "range vector",
}

At = int | Literal["start", "end"] | None
"""Where `@` puts a selector: a moment in ms, an end of the query, or nowhere else."""

Cardinality = Literal["one-to-one", "many-to-one", "one-to-many", "many-to-many"]

# Words that no selector can begin with, though they are fine as a quoted name.
NO_METRIC: Final = frozenset(
    ("bool", "on", "ignoring", "group_left", "group_right", "atan2", "inf", "nan")
)


@attrs.frozen(eq=False, kw_only=True)
class Node:
    """Any expression.

    Attributes:
        start: where it begins in the text, counted in characters from 0.
        end: where it ends.
    """

    start: int = attrs.field(default=0, repr=False)
    end: int = attrs.field(default=0, repr=False)

    @property
    def type(self) -> ValueType:
        """What it gives."""
        return "vector"

    @property
    def children(self) -> tuple[Node, ...]:
        """The expressions that it is made of, in the order of the text."""
        return ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return list(_facts(self)) == list(_facts(other))

    def __hash__(self) -> int:
        return hash(tuple(_facts(self)))


@attrs.frozen(eq=False)
class Number(Node):
    """A number, `1e3`, or a duration that stands for its seconds, `1h30m`."""

    type: ClassVar[ValueType] = "scalar"
    value: float

    def __str__(self) -> str:
        return format_float(self.value).removeprefix("+")


@attrs.frozen(eq=False)
class String(Node):
    """A text."""

    type: ClassVar[ValueType] = "string"
    value: str

    def __str__(self) -> str:
        return quote(self.value)


@attrs.frozen(eq=False)
class VectorSelector(Node):
    """The newest sample of every series that the matchers pick.

    Attributes:
        matchers: the metric's name is one of them.
        offset: how far back to look, in milliseconds; negative: ahead.
        at: the moment to look at in place of the query's.
    """

    matchers: tuple[Matcher, ...]
    offset: int = 0
    at: At = None

    @property
    def metric(self) -> str:
        """The metric's name, where one is given; else ""."""
        named = (each for each in self.matchers if each.name == METRIC_NAME)
        return next((each.value for each in named if each.operator == "="), "")

    def __str__(self) -> str:
        return _selector(self.matchers) + _modifiers(self)


@attrs.frozen(eq=False)
class MatrixSelector(Node):
    """The samples of a time range, `x[5m]`; `range` in milliseconds."""

    type: ClassVar[ValueType] = "range"
    selector: VectorSelector
    range: int

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.selector,)

    def __str__(self) -> str:
        matchers = _selector(self.selector.matchers)
        return f"{matchers}[{format_duration(self.range)}]{_modifiers(self.selector)}"


@attrs.frozen(eq=False)
class _Wrapping(Node):
    """What is put around an expression, and gives what that gives."""

    expr: Node

    @property
    def type(self) -> ValueType:
        return self.expr.type

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.expr,)


@attrs.frozen(eq=False)
class Subquery(_Wrapping):
    """An expression evaluated again and again over a time range, `x[5m:1m]`.

    Attributes:
        range: how far back, in milliseconds.
        step: from one evaluation to the next, in milliseconds; None: the default.
    """

    type: ClassVar[ValueType] = "range"
    range: int
    step: int | None = None
    offset: int = 0
    at: At = None

    def __str__(self) -> str:
        step = "" if self.step is None else format_duration(self.step)
        return f"{self.expr}[{format_duration(self.range)}:{step}]{_modifiers(self)}"


@attrs.frozen(eq=False)
class Paren(_Wrapping):
    """An expression in parentheses."""

    def __str__(self) -> str:
        return f"({self.expr})"


@attrs.frozen(eq=False)
class Unary(_Wrapping):
    """A sign before an expression."""

    operator: Literal["+", "-"]
    expr: Node  # behind the sign, as it stands

    def __str__(self) -> str:
        return f"{self.operator}{self.expr}"


@attrs.frozen
class Matching:
    """How the series of two vectors find each other.

    Attributes:
        on: whether `labels` are the ones to compare, or the ones to leave out.
        cardinality: how many there may be on each side.
        include: the labels that the "one" side gives to the result.
    """

    on: bool = False
    labels: tuple[str, ...] = ()
    cardinality: Cardinality = "one-to-one"
    include: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = []
        if self.on or self.labels:
            words.append(f"{'on' if self.on else 'ignoring'} ({_names(self.labels)})")
        if self.cardinality in _GROUP:
            words.append(f"{_GROUP[self.cardinality]} ({_names(self.include)})")
        return " ".join(words)


_GROUP: Final[dict[Cardinality, str]] = {
    "many-to-one": "group_left",
    "one-to-many": "group_right",
}


@attrs.frozen(eq=False)
class Binary(Node):
    """Two operands and what stands between.

    Attributes:
        bool: whether a comparison gives 0 or 1 in place of leaving out.
        matching: how vectors find each other; None unless both are vectors.
    """

    operator: str
    left: Node
    right: Node
    bool: bool = False
    matching: Matching | None = None
    _type: ValueType = attrs.field(init=False, repr=False)  # looked up along no chain

    @_type.default
    def _of_operands(self) -> ValueType:
        return "vector" if "vector" in (self.left.type, self.right.type) else "scalar"

    @property
    def type(self) -> ValueType:
        return self._type

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    @property
    def words(self) -> str:
        """The operator with its modifiers, as they stand between the operands."""
        matching = "" if self.matching is None else str(self.matching)
        words = (self.operator, "bool" if self.bool else "", matching)
        return " ".join(filter(None, words))

    def __str__(self) -> str:
        first, rest = chain_of(self)
        return str(first) + "".join(f" {each.words} {each.right}" for each in rest)


@attrs.frozen(eq=False)
class Aggregation(Node):
    """Many series to one, or to a few, a group.

    Attributes:
        operator: `sum`, `topk`, …
        parameter: of `topk`, `quantile` and the like; else None.
        grouping: the labels after `by` or `without`.
        without: whether it is `without`.
    """

    operator: str
    expr: Node
    parameter: Node | None = None
    grouping: tuple[str, ...] = ()
    without: bool = False

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.expr,) if self.parameter is None else (self.parameter, self.expr)

    def __str__(self) -> str:
        words = self.operator
        if self.without or self.grouping:
            words += f" {'without' if self.without else 'by'} ({_names(self.grouping)}) "
        return f"{words}({', '.join(map(str, self.children))})"


@attrs.frozen(eq=False)
class Call(Node):
    """A function and its arguments; `returns` is the type of the result."""

    function: str
    args: tuple[Node, ...]
    returns: ValueType = "vector"

    @property
    def type(self) -> ValueType:
        return self.returns

    @property
    def children(self) -> tuple[Node, ...]:
        return self.args

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.args))})"


def chain_of(node: Binary) -> tuple[Node, list[Binary]]:
    """The first operand of a chain, and the operations on it from the left.

    Each operation's `right` is the operand that it adds. Takes time linear in the chain,
    and no stack.
    """
    first: Node = node
    rest = []
    while isinstance(first, Binary):
        rest.append(first)
        first = first.left
    return first, rest[::-1]


def unwrapped(node: Node) -> Node:
    """The expression within its parentheses."""
    while isinstance(node, Paren):
        node = node.expr
    return node


def walk(node: Node) -> Iterator[Node]:
    """Every node of a tree, parents first, from the left. It does not recurse."""
    waiting = [checked(node, Node, "a node of a tree, as parse gives it")]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def selectors_of(node: Node) -> list[VectorSelector]:
    """The selectors of an expression, in the order of its text."""
    return [each for each in walk(node) if isinstance(each, VectorSelector)]


# -- the inside -----------------------------------------------------------------------

_CHILDREN: Final = frozenset(
    ("start", "end", "expr", "left", "right", "args", "parameter", "selector")
)


def _facts(node: Node) -> Iterator[object]:
    """What tells one tree from another, from the top down."""
    for each in walk(node):
        own = attrs.fields(type(each))
        facts = [_fact(getattr(each, a.name)) for a in own if a.name not in _CHILDREN]
        yield type(each), len(each.children), tuple(facts)


def _fact(value: object) -> object:
    # NaN is not equal to itself, and 0 equals -0: their text tells.
    return repr(value) if isinstance(value, float) else value


def _selector(matchers: tuple[Matcher, ...]) -> str:
    """The selector in braces, with the name before them where the grammar has it."""
    inside = [str(each) for each in matchers if each.name != METRIC_NAME]
    named = [each for each in matchers if each.name == METRIC_NAME]
    if len(named) != 1 or named[0].operator != "=" or not named[0].value:
        return "{" + ", ".join(map(str, matchers)) + "}"
    metric = named[0].value
    if LEGACY_METRIC_NAME.fullmatch(metric) and metric.lower() not in NO_METRIC:
        return metric + ("{" + ", ".join(inside) + "}" if inside else "")
    return "{" + ", ".join([quote(metric), *inside]) + "}"


def _modifiers(node: VectorSelector | Subquery) -> str:
    at = ""
    if isinstance(node.at, str):
        at = f" @ {node.at}()"
    elif node.at is not None:
        at = f" @ {'-' * (node.at < 0)}{abs(node.at) // 1000}.{abs(node.at) % 1000:03}"
    return at + (f" offset {format_duration(node.offset)}" if node.offset else "")


def _names(names: tuple[str, ...]) -> str:
    shown = (name if LEGACY_LABEL_NAME.fullmatch(name) else quote(name) for name in names)
    return ", ".join(shown)
