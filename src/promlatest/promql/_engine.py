"""Questions answered: a tree becomes functions once, and these work on columns.

Each node of the tree becomes a function of the question and a moment, with what it has
found out about labels in its closure. An expression is compiled once per text, so the
next time it is asked that is still there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NoReturn

import attrs

from promlatest._arguments import checked, checked_seconds, shown
from promlatest._clock import check_deadline, now_ms
from promlatest._interfaces import Queryable
from promlatest._matching.labels import Labels
from promlatest._units import format_duration
from promlatest.exceptions import CoverageError, EvaluationError, UsageError
from promlatest.promql._aggregations import AGGREGATIONS
from promlatest.promql._arithmetic import combined_with
from promlatest.promql._columns import LOOKBACK, Block, Columnar, read
from promlatest.promql._functions import FUNCTIONS
from promlatest.promql._lexer import QueryText
from promlatest.promql._operators import operation, relabelled
from promlatest.promql._parser import parsed
from promlatest.promql._ranges import each_series
from promlatest.promql._scale import cancelled, scale
from promlatest.promql._selectors import (
    Newer,
    Policy,
    Ranges,
    newest,
    too_short,
)
from promlatest.promql._series import SAME_LABELS, Conflict, any_twice, picker
from promlatest.promql._tree import (
    TYPE_NAMES,
    Aggregation,
    Binary,
    Call,
    MatrixSelector,
    Node,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
    chain_of,
    selectors_of,
    unwrapped,
)
from promlatest.promql._values import (
    Annotations,
    Kept,
    Matrix,
    Result,
    Scalar,
    Series,
    Span,
    Vector,
    VectorColumn,
    Window,
    has_gaps,
)

STEPS: Final = 11_000
"""The most steps of one `query_range`, from a moment to the next: Prometheus' own limit."""
_INNER_STEPS: Final = 500_000  # of all subqueries of one question: some seconds of work
_INNER_VALUES: Final = 20_000_000
_SUBQUERY_STEP: Final = 60_000  # Prometheus' default evaluation interval
_EVER: Final = -(1 << 62)  # ms; before every sample
_SHOWN: Final = 10  # annotations of a kind; a name or two tell the story

Evaluate = Callable[["EvalContext", int], Any]


class EvalContext:
    """One question while it is answered: whom it asks, about when, and what was noted."""

    def __init__(
        self,
        queryable: Columnar | Queryable,
        text: QueryText,
        start: int,
        end: int,
        *,
        ranged: bool,
        partial: bool,
    ) -> None:
        self.queryable = queryable
        self.text = text
        self.start = start
        self.end = end
        self.ranged = ranged
        self.partial = partial
        self.blocks: dict[int, Sequence[Block]] = {}
        self.inner: dict[int, dict[int, VectorColumn]] = {}
        self.steps = 0
        self.values = 0
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}

    def warn(self, at: int, text: str) -> None:
        self._warnings[f"PromQL warning: {text} ({self.place(at)})"] = None

    def inform(self, at: int, text: str) -> None:
        self._infos[f"PromQL info: {text} ({self.place(at)})"] = None

    def fail(self, at: int, reason: str) -> NoReturn:
        raise EvaluationError(*self.text.place(at), reason)

    def place(self, at: int) -> str:
        line, column = self.text.place(at)
        return f"{line}:{column}"

    def annotations(self) -> Annotations:
        if not self._warnings and not self._infos:
            return _NOTHING_NOTED
        return Annotations(_some(self._warnings, "warning"), _some(self._infos, "info"))


_NOTHING_NOTED: Final = Annotations()


def _some(notes: dict[str, None], kind: str) -> tuple[str, ...]:
    shown = tuple(notes)[:_SHOWN]
    left = len(notes) - len(shown)
    return (*shown, f"{left} more {kind} annotations omitted") if left else shown


# -- asking ---------------------------------------------------------------------------


def query(
    queryable: Columnar | Queryable,
    expr: str,
    at: int | None = None,
    *,
    partial: bool = False,
) -> Result:
    """The answer to a PromQL expression at one moment.

        >>> from promlatest import Store
        >>> store = Store()
        >>> _ = store.ingest('hits{code="200"} 3\\nhits{code="500"} 1', timestamp=1000)
        >>> [point.labels["code"] for point in query(store, "hits > 1", 1000)]
        ['200']
        >>> query(store, "sum(hits)", 1000)[0].value
        4.0

    An expression is compiled at its first use, and kept. A range that the scrapes kept
    do not reach is refused, where the answer depends on it.

    Args:
        at: the moment, in milliseconds since the epoch; None: now, by the store's clock,
            however old the newest sample is: one that is five minutes old is none.
        partial: answer over the part of a range that is covered, and say so, in place of
            refusing.

    Returns:
        A `Vector`, a `Scalar`, a text; or a `Matrix` for a range vector, `x[5m]`.

    Raises:
        QueryError: the expression cannot be read.
        EvaluationError: it cannot be answered; as a `CoverageError`, because the scrapes
            that are kept do not reach far enough back.
    """
    moment = _now(queryable) if at is None else _moment("at", at)
    compiled = _compiled(checked(expr, str, "an expression as a str"))
    source = compiled.frozen(queryable)
    asked = EvalContext(
        source, compiled.text, moment, moment, ranged=False, partial=partial
    )
    value = compiled.evaluate(asked, moment)
    return compiled.answer(asked, moment, value)


def _now(queryable: Columnar | Queryable) -> int:
    """Now, by the clock of a store, which may have one of its own."""
    clock: Callable[[], int] = getattr(queryable, "clock", now_ms)
    return clock()


def query_range(
    queryable: Columnar | Queryable,
    expr: str,
    start: int,
    end: int,
    step: float,
    *,
    partial: bool = False,
) -> Matrix:
    """The answers to a PromQL expression at every step from `start` to `end`.

    Moments that the scrapes kept do not reach are left out, with a warning.

    Args:
        start: the first moment, in milliseconds since the epoch.
        end: the last, if a step falls on it.
        step: from one to the next, in seconds.
        partial: as in `query`.

    Raises:
        QueryError: the expression cannot be read, or gives neither an instant vector
            nor a scalar.
        EvaluationError: it cannot be answered.
        UsageError: the moments make no sense, or make more than 11,000 steps.
    """
    moments = _moments(_moment("start", start), _moment("end", end), step)
    compiled = _compiled(checked(expr, str, "an expression as a str"))
    if compiled.tree.type not in ("vector", "scalar"):
        got = TYPE_NAMES[compiled.tree.type]
        reason = f"expected an instant vector or a scalar over a time, got a {got}"
        raise compiled.text.error(compiled.tree.start, reason)
    source = compiled.frozen(queryable)
    asked = EvalContext(source, compiled.text, start, end, ranged=True, partial=partial)
    return _over(moments, compiled, asked)


def _over(moments: range, compiled: _Compiled, asked: EvalContext) -> Matrix:
    samples: dict[Labels, list[tuple[int, float]]] = {}
    missed: list[CoverageError] = []
    for moment in moments:
        check_deadline()
        try:
            value = compiled.evaluate(asked, moment)
        except CoverageError as error:
            missed.append(error)
            continue
        if not isinstance(value, VectorColumn):
            value = VectorColumn((Labels(),), (value,))
        for labels, each in zip(value.labels, value.values, strict=True):
            if each is not None:
                own = samples.setdefault(labels, [])
                if own and own[-1][0] == moment:
                    asked.fail(compiled.tree.start, SAME_LABELS)
                own.append((moment, each))
    if len(missed) == len(moments):
        raise missed[-1]
    if missed:
        text = f"{len(missed)} of {len(moments)} moments left out: {missed[-1].reason}"
        asked.warn(compiled.tree.start, text)
    series = [Series(labels, tuple(own)) for labels, own in samples.items()]
    series.sort(key=lambda each: each.labels.flat)
    return Matrix(series, asked.annotations())


def _moment(name: str, value: int) -> int:
    checked(value, int, f"{name} in milliseconds as an int")
    if not -(1 << 63) <= value < 1 << 63:
        raise UsageError(f"{name}: expected milliseconds in 64 bits, not {shown(value)}")
    return value


def _moments(start: int, end: int, step: float) -> range:
    if end < start:
        raise UsageError(f"end: expected no less than start, {start}, not {end}")
    checked_seconds("step", step, least=0.001)
    width = round(step * 1000)
    if (steps := (end - start) // width) > STEPS:
        raise UsageError(f"expected at most {STEPS} steps, not {steps}")
    return range(start, end + 1, width)


# -- compiling ------------------------------------------------------------------------


class _Compiled:
    """An expression, ready to be asked."""

    def __init__(self, text: str) -> None:
        self.tree = parsed(text)
        self.text = QueryText(text)
        self.evaluate = compiled(self.tree, _Scope(lambda start, end: (start, end)))
        self._sorted = Kept(_in_order)
        self._reads = len(selectors_of(self.tree))

    def frozen(self, queryable: Columnar | Queryable) -> Columnar | Queryable:
        """Where several selectors are to see one state, a snapshot that does not move."""
        # To ask whether it is a Protocol's would cost 10 µs.
        freeze = getattr(queryable, "snapshot", None) if self._reads > 1 else None
        return queryable if freeze is None else freeze()

    def answer(self, asked: EvalContext, now: int, value: Any) -> Result:
        if isinstance(value, VectorColumn):
            return self._vector(asked, now, value)
        if isinstance(value, str):
            return value
        if isinstance(value, Window):
            return _matrix(asked, value)
        return Scalar(value, now, asked.annotations())

    def _vector(self, asked: EvalContext, now: int, column: VectorColumn) -> Vector:
        if column.order is not None:
            pick = picker(column.order, len(column.values))
            labels, values = pick(column.labels), pick(column.values)
        else:
            labels, pick = self._sorted(column.labels)
            values = pick(column.values)
        if has_gaps(values):
            there = [at for at, value in enumerate(values) if value is not None]
            labels, values = [labels[at] for at in there], [values[at] for at in there]
        return Vector(labels, list(values), now, asked.annotations())


def _in_order(labels: tuple[Labels, ...]) -> tuple[tuple[Labels, ...], Callable[..., Any]]:
    places = sorted(range(len(labels)), key=lambda place: labels[place].flat)
    pick = picker(places, len(labels))
    return tuple(pick(labels)), pick


def _matrix(asked: EvalContext, window: Window) -> Matrix:
    series = [
        Series(labels, tuple(zip(times, values, strict=True)))
        for span in window.spans
        for labels, (times, values) in zip(span.labels, each_series(span), strict=True)
        if values
    ]
    series.sort(key=lambda each: each.labels.flat)
    return Matrix(series, asked.annotations())


@lru_cache(maxsize=128)
def _compiled(text: str) -> _Compiled:
    return _Compiled(text)


@attrs.frozen
class _Scope:
    """Where in an expression a node stands.

    Attributes:
        moments: the first and last moment at which it is asked, of the question's.
        nested: whether it stands in a subquery, whose moments must all be known.
        policy: what becomes of a range that is known in part.
        free: what becomes of it within something that does not depend on how much is
            known; None: it does.
    """

    moments: Callable[[int, int], tuple[int, int]]
    nested: bool = False
    policy: Policy = "any"
    free: Policy | None = None


def compiled(node: Node, scope: _Scope) -> Evaluate:
    """What answers a node."""
    return _COMPILE[type(node)](node, scope)


def _constant(node: Any, scope: _Scope) -> Evaluate:
    value = node.value
    return lambda asked, now: value


def _paren(node: Any, scope: _Scope) -> Evaluate:
    return compiled(unwrapped(node), scope)


def _unary(node: Any, scope: _Scope) -> Evaluate:
    inner = compiled(node.expr, scope)
    if node.operator == "+":
        return inner
    if node.type == "scalar":
        return lambda asked, now: -inner(asked, now)
    renamed = relabelled(node)

    def work(asked: EvalContext, now: int) -> VectorColumn:
        column = inner(asked, now)
        values = combined_with("*", column.values, -1.0, swapped=False)
        return renamed(asked, column.labels, values)

    return work


# -- selectors ------------------------------------------------------------------------


def _anchor(node: VectorSelector | Subquery) -> Callable[[EvalContext, int], int]:
    """The moment that `offset` and `@` make of another."""
    at, offset = node.at, node.offset
    if at is None:
        return lambda asked, now: now - offset
    if at == "start":
        return lambda asked, now: asked.start - offset
    if at == "end":
        return lambda asked, now: asked.end - offset
    return lambda asked, now: at - offset


def _reader(
    node: VectorSelector, scope: _Scope, back: int
) -> Callable[[EvalContext], Sequence[Block]]:
    """The blocks that a selector can see in the course of a question, read once."""
    anchor = _anchor(node)

    def blocks(asked: EvalContext) -> Sequence[Block]:
        found = asked.blocks.get(id(node))
        if found is None:
            first, last = scope.moments(asked.start, asked.end)
            start, end = anchor(asked, first) - back, anchor(asked, last)
            found = read(asked.queryable, node.matchers, start, end)
            asked.blocks[id(node)] = found
            if start + back == end and not any(map(_is_recent, found)):
                _note_age(asked, node, end)
        return found

    return blocks


def _is_recent(block: Block) -> bool:
    """Whether there was a scrape of a source, with some of the series or without; what was
    appended one by one is there with its series only."""
    return bool(block.times) and (block.stamps is None or bool(block.labels))


def _note_age(asked: EvalContext, node: VectorSelector, end: int) -> None:
    """Say how old the newest sample is, where all are too old for a moment."""
    ever = read(asked.queryable, node.matchers, _EVER, end)
    times = (block.times[-1] for block in ever if block.labels and block.times)
    newest = max(times, default=None)
    if newest is not None:
        age = format_duration(end - newest)
        text = f"the newest sample is {age} older than the moment asked for"
        asked.inform(node.start, f"{text} (timestamps are milliseconds)")


def _vector_selector(node: Any, scope: _Scope, *, times: bool = False) -> Evaluate:
    blocks = _reader(node, scope, LOOKBACK)
    anchor = _anchor(node)
    together = Newer()

    def work(asked: EvalContext, now: int) -> VectorColumn:
        moment = anchor(asked, now)
        found = []
        for block in blocks(asked):
            visible = newest(block, moment)
            if visible is not None:
                found.append(visible)
            elif block.since is not None and moment < block.since:
                _before_all(asked, node, scope, moment, block.since)
        return together(found, times=times)

    return work


def _before_all(
    asked: EvalContext, node: Node, scope: _Scope, moment: int, since: int
) -> None:
    """A moment before everything that was kept: empty as in Prometheus, and said."""
    ago = format_duration(since - moment)
    text = f"the scrapes kept begin {ago} after the moment asked for (history=)"
    if scope.nested and scope.policy != "any" and not asked.partial:
        raise CoverageError(*asked.text.place(node.start), text, asked=moment, since=since)
    asked.warn(node.start, text)


def _matrix_selector(node: Any, scope: _Scope) -> Evaluate:
    selector, back = node.selector, node.range
    blocks = _reader(selector, scope, back)
    anchor = _anchor(selector)
    together = Ranges()

    def work(asked: EvalContext, now: int) -> Window:
        end = anchor(asked, now)
        start = end - back

        def partly(known: int) -> int:
            return _in_part(asked, node, scope, start, end, known)

        return together(blocks(asked), start, end, partly)

    return work


def _in_part(
    asked: EvalContext, node: Node, scope: _Scope, start: int, end: int, known: int
) -> int:
    """From when on a range counts that is known from a later moment on only."""
    if scope.policy == "any":
        return start
    if scope.policy == "free":
        return known
    if scope.policy == "noted" or asked.partial:
        part, whole = format_duration(max(0, end - known)), format_duration(end - start)
        asked.warn(node.start, f"the answer is over {part} of {whole}: all that was kept")
        return known
    reason = too_short(start, end, known)
    raise CoverageError(*asked.text.place(node.start), reason, asked=start, since=known)


def _subquery(node: Any, scope: _Scope) -> Evaluate:
    back, step = node.range, node.step or _SUBQUERY_STEP
    anchor = _anchor(node)

    def moments(start: int, end: int) -> tuple[int, int]:
        first, last = scope.moments(start, end)
        if node.at is not None:
            first = last = {"start": start, "end": end}.get(node.at, node.at)
        return first - node.offset - back, last - node.offset

    inner_scope = attrs.evolve(scope, moments=moments, nested=True)
    inner = compiled(node.expr, inner_scope)

    def work(asked: EvalContext, now: int) -> Window:
        end = anchor(asked, now)
        start = end - back
        times = range(_first_step(start, step), end + 1, step)
        asked.steps += len(times)
        if asked.steps > _INNER_STEPS:
            reason = f"expected at most {_INNER_STEPS} steps of subqueries, got more"
            asked.fail(node.start, reason)
        again = asked.ranged or scope.nested
        known = asked.inner.setdefault(id(node), {}) if again else {}
        columns = []
        for moment in times:
            check_deadline()
            column = known.get(moment)
            if column is None:
                column = known[moment] = inner(asked, moment)
                asked.values += len(column.labels)
                if asked.values > _INNER_VALUES:
                    reason = f"expected at most {_INNER_VALUES} values of subqueries"
                    asked.fail(node.start, f"{reason}, got more")
            columns.append(column)
        for moment in [each for each in known if each <= start]:
            del known[moment]  # steps go ahead, and do not look back at it
        spans = _spans(times, columns, start)
        return Window(spans, start, end)

    return work


def _first_step(start: int, step: int) -> int:
    """The first multiple of the step after `start`."""
    return (start // step + 1) * step


def _spans(times: range, columns: Sequence[VectorColumn], start: int) -> list[Span]:
    """Columns of one moment each as samples over a time."""
    there = [(at, each) for at, each in zip(times, columns, strict=True) if each.labels]
    if not there:
        return []
    labels = there[0][1].labels
    if all(column.labels is labels for _, column in there) and not any_twice(labels):
        moments = [at for at, _ in there]
        return [Span(labels, moments, [column.values for _, column in there], start)]
    places: dict[Labels, int] = {}
    for _, column in there:
        for each in column.labels:
            places.setdefault(each, len(places))
    rows: list[list[float | None]] = []
    for _, column in there:
        row: list[float | None] = [None] * len(places)
        for each, value in zip(column.labels, column.values, strict=True):
            if value is not None:
                row[places[each]] = value
        rows.append(row)
    return [Span(tuple(places), [at for at, _ in there], rows, start)]


# -- calls and aggregations -----------------------------------------------------------


def _call(node: Any, scope: _Scope) -> Evaluate:
    function = FUNCTIONS[node.function]
    work = function.make(node)
    policy: Policy = "whole" if function.whole or function.scaled else "any"
    if function.scaled and scope.free is not None:
        policy = scope.free
    inner = attrs.evolve(scope, policy=policy)
    if node.function.startswith("histogram_") and scale(node.args[-1]):
        inner = attrs.evolve(inner, free="free")
    if node.function == "timestamp" and isinstance(
        selector := unwrapped(node.args[0]), VectorSelector
    ):
        args = [_vector_selector(selector, inner, times=True)]
    else:
        args = [compiled(arg, inner) for arg in node.args]

    def evaluate(asked: EvalContext, now: int) -> Any:
        try:
            return work(asked, now, *[arg(asked, now) for arg in args])
        except Conflict as conflict:
            asked.fail(node.start, str(conflict))

    return evaluate


def _aggregation(node: Any, scope: _Scope) -> Evaluate:
    work = AGGREGATIONS[node.operator].make(node)
    args = [compiled(child, scope) for child in node.children]
    return lambda asked, now: work(asked, now, *[arg(asked, now) for arg in args])


# -- chains of operators --------------------------------------------------------------


def _binary(node: Any, scope: _Scope) -> Evaluate:
    """A chain, from the left: as long as it is, it takes one frame of the stack."""
    first, rest = chain_of(node)
    free = cancelled(node)
    operands = [first, *(each.right for each in rest)]
    start, *others = [
        compiled(operand, attrs.evolve(scope, free=free.get(place, scope.free)))
        for place, operand in enumerate(operands)
    ]
    steps = [(operation(each), operand) for each, operand in zip(rest, others, strict=True)]

    def work(asked: EvalContext, now: int) -> Any:
        value = start(asked, now)
        for step, operand in steps:
            value = step(asked, value, operand(asked, now))
        return value

    return work


_COMPILE: Final[dict[type[Node], Callable[[Any, _Scope], Evaluate]]] = {
    Number: _constant,
    String: _constant,
    Paren: _paren,
    Unary: _unary,
    Binary: _binary,
    VectorSelector: _vector_selector,
    MatrixSelector: _matrix_selector,
    Subquery: _subquery,
    Call: _call,
    Aggregation: _aggregation,
}
