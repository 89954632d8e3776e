"""The functions of PromQL: a table of name, signature and arithmetic.

A row's last entry makes, for one call in one expression, the function that works on the
values of its arguments (`Work`); so each call keeps what it has found out about labels.
What is PromQL and not ours stands in `REFUSED`, with the reason.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from math import copysign, floor, inf, isfinite, isnan, nan
from typing import Any, Final, Literal, NamedTuple, NoReturn, Protocol, cast

import attrs

from promlatest._histogram import Histogram
from promlatest._interfaces import Values
from promlatest._matching.expansion import filler
from promlatest._matching.floats import format_float, parse_bound
from promlatest._matching.labels import METRIC_NAME, Labels, quote
from promlatest._matching.regex import compile_pattern
from promlatest.exceptions import PatternError
from promlatest.promql._arithmetic import mapped
from promlatest.promql._ranges import (
    OVER_TIME,
    Falls,
    Kernel,
    derivative,
    moved,
    over_each,
    prediction,
    quantile_of,
)
from promlatest.promql._series import (
    Pick,
    Relabelling,
    grouped,
    joined,
    picker,
    without_metadata,
)
from promlatest.promql._tree import (
    Call,
    MatrixSelector,
    Node,
    ValueType,
    VectorSelector,
    unwrapped,
)
from promlatest.promql._values import Kept, Lately, Span, VectorColumn, Window


class Asked(Protocol):
    """What a function may know of the question."""

    ranged: bool

    def warn(self, at: int, text: str) -> None: ...
    def inform(self, at: int, text: str) -> None: ...
    def fail(self, at: int, reason: str) -> NoReturn: ...


Work = Callable[..., Any]
"""Takes the question, the moment (ms) and the arguments' values; gives the result's."""
MakeFunction = Callable[[Call], Work]


@attrs.frozen
class Function:
    """A row of the table.

    Attributes:
        args: the type of each argument; the last one's is that of all further ones.
        least: how many there must be.
        most: how many there may be; None: any number.
        returns: the type of the result.
        make: makes what works.
        scaled: whether the result grows with the part of the range that is known.
        whole: whether the whole range must be known.
        moved: of what it says how it moved, for which it needs two samples; "" where it
            says no such thing.
    """

    args: tuple[ValueType, ...]
    least: int
    most: int | None
    returns: ValueType
    make: MakeFunction
    scaled: bool = False
    whole: bool = False
    moved: Literal["counter", "gauge", ""] = ""

    @classmethod
    def read(cls, text: str, make: MakeFunction, **how: Any) -> Function:
        """`vector, scalar? -> vector`: the `?` may be left out; `*`: none or more."""
        before, _, returns = text.partition("->")
        args = before.split(",") if before.strip() else []
        names = [cast(ValueType, arg.strip(" ?*")) for arg in args]
        least = sum(not arg.strip().endswith(("?", "*")) for arg in args)
        most = None if before.rstrip().endswith("*") else len(args)
        return cls(tuple(names), least, most, cast(ValueType, returns.strip()), make, **how)

    def expected(self) -> str:
        """How many arguments, in words."""
        if self.most is None:
            return f"at least {_arguments(self.least)}"
        if self.most == self.least:
            return _arguments(self.least)
        return f"{self.least} to {_arguments(self.most)}"


def _arguments(count: int) -> str:
    return f"{count} argument{'s' * (count != 1)}" if count else "no argument"


# -- a value at a time ----------------------------------------------------------------


def _simple(function: Callable[[float], float]) -> MakeFunction:
    """Each value under a function; the name goes, for it is another value now."""
    return _with_numbers(lambda: function)


def _with_numbers(function: Callable[..., Callable[[float], float] | None]) -> MakeFunction:
    """The same, with numbers that say which function; None: the result is empty."""

    def make(call: Call) -> Work:
        renamed = Relabelling(without_metadata)

        def work(
            asked: Asked, now: int, column: VectorColumn, *numbers: float
        ) -> VectorColumn:
            applied = function(*numbers)
            if applied is None:
                return VectorColumn((), ())
            return renamed(column.labels, mapped(applied, column.values))

        return work

    return make


def _ceil(value: float) -> float:
    return float(math.ceil(value)) if isfinite(value) else value


def _floor(value: float) -> float:
    return float(floor(value)) if isfinite(value) else value


def _sign(value: float) -> float:
    return float((value > 0) - (value < 0)) if value == value else nan


def _clamp(least: float, most: float) -> Callable[[float], float] | None:
    return None if least > most else lambda value: _max(_min(value, most), least)


def _min(a: float, b: float) -> float:
    """The lesser as Go has it: -Inf before NaN, NaN before all else."""
    if isnan(a) or isnan(b):
        return -inf if -inf in (a, b) else nan
    return min(a, b)


def _max(a: float, b: float) -> float:
    return -_min(-a, -b)


def _round(to: float = 1.0) -> Callable[[float], float]:
    inverse = 1 / to if to else copysign(inf, to)

    def rounded(value: float) -> float:
        scaled = value * inverse + 0.5
        return (floor(scaled) if isfinite(scaled) else scaled) / inverse

    return rounded


def _date(part: Callable[[datetime], int], *, each_cycle: int = 0) -> MakeFunction:
    """A part of the date that a value is the seconds of; of now without an argument.

    Args:
        each_cycle: how much it grows in 400 years, after which the calendar repeats.
    """

    def of(value: float) -> float:
        if not isfinite(value):
            return nan
        cycles, seconds = divmod(int(value), _CYCLE)
        return float(part(_EPOCH + timedelta(seconds=seconds)) + each_cycle * cycles)

    def make(call: Call) -> Work:
        if call.args:
            return _simple(of)(call)
        return lambda asked, now: VectorColumn(_NO_LABELS, (of(now / 1000),))

    return make


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CYCLE: Final = 146_097 * 86_400  # seconds of 400 years
_NO_LABELS: Final = (Labels(),)


def _timestamp(call: Call) -> Work:
    """The engine hands on the samples' own times for a selector; else it is now."""
    renamed = Relabelling(without_metadata)

    def work(asked: Asked, now: int, column: VectorColumn) -> VectorColumn:
        if isinstance(unwrapped(call.args[0]), VectorSelector):
            return renamed(column.labels, column.values)
        values = [None if value is None else now / 1000 for value in column.values]
        return renamed(column.labels, values)

    return work


# -- order, absence, types ------------------------------------------------------------


def _sorted(*, descending: bool) -> MakeFunction:
    def make(call: Call) -> Work:
        def work(asked: Asked, now: int, column: VectorColumn) -> VectorColumn:
            if asked.ranged:
                asked.warn(
                    call.start,
                    "sort is ineffective for range queries since results are always"
                    " ordered by labels",
                )
            return column._replace(order=in_order(column.values, descending))

        return work

    return make


def in_order(values: Values, descending: bool) -> list[int]:
    """The places of values in their order: NaN last, equal ones as they stand."""
    sign = -1 if descending else 1

    def key(place: int) -> tuple[bool, float]:
        value = values[place]
        assert value is not None  # only those that are there are sorted
        return (True, 0.0) if isnan(value) else (False, sign * value)

    there = [place for place, value in enumerate(values) if value is not None]
    return sorted(there, key=key)


def _absent(call: Call) -> Work:
    labels = (_told(call.args[0]),)

    def work(asked: Asked, now: int, column: VectorColumn) -> VectorColumn:
        there = any(value is not None for value in column.values)
        return VectorColumn((), ()) if there else VectorColumn(labels, (1.0,))

    return work


def _absent_over_time(call: Call) -> Work:
    labels = (_told(call.args[0]),)

    def work(asked: Asked, now: int, window: Window) -> VectorColumn:
        columns = (column for span in window.spans for column in span.columns)
        there = any(value is not None for column in columns for value in column)
        return VectorColumn((), ()) if there else VectorColumn(labels, (1.0,))

    return work


def _told(node: Node) -> Labels:
    """The labels that a selector says its series have."""
    node = unwrapped(node)
    node = node.selector if isinstance(node, MatrixSelector) else node
    matchers = node.matchers if isinstance(node, VectorSelector) else ()
    told: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in matchers:
        # One that is named again is left out, whatever is said of it.
        if matcher.operator == "=" and matcher.name not in seen:
            seen.add(matcher.name)
            told[matcher.name] = matcher.value
        else:
            told.pop(matcher.name, None)
    told.pop(METRIC_NAME, None)
    return Labels(told)


def _scalar(call: Call) -> Work:
    def work(asked: Asked, now: int, column: VectorColumn) -> float:
        there = [value for value in column.values if value is not None]
        return there[0] if len(there) == 1 else nan

    return work


def _vector(call: Call) -> Work:
    return lambda asked, now, value: VectorColumn(_NO_LABELS, (value,))


# -- labels ---------------------------------------------------------------------------


def _label_replace(call: Call) -> Work:
    target, template, source, regex = map(text_of, call.args[1:])

    def change(labels: Labels) -> Labels:
        fill = filler(pattern, labels.get(source, ""))
        return labels if fill is None else Labels({**labels, target: fill(template)})

    try:
        pattern = compile_pattern(regex)
    except PatternError as error:
        return _failing(call.args[4].start, str(error))
    return _relabelled(call, target, change)


def _label_join(call: Call) -> Work:
    target, separator, *sources = map(text_of, call.args[1:])

    def change(labels: Labels) -> Labels:
        value = separator.join(labels.get(source, "") for source in sources)
        return Labels({**labels, target: value})

    return _relabelled(call, target, change)


def _relabelled(call: Call, target: str, change: Callable[[Labels], Labels]) -> Work:
    if not is_label_name(target):
        return _failing(call.args[1].start, f"invalid label name {quote(target)}")
    relabelled = Relabelling(change)
    return lambda asked, now, column, *_: relabelled(column.labels, column.values)


def _failing(at: int, reason: str) -> Work:
    return lambda asked, *_: asked.fail(at, reason)


def is_label_name(name: str) -> bool:
    return bool(name) and not any("\ud800" <= each <= "\udfff" for each in name)


def text_of(node: Node) -> str:
    """The text of a string argument; there is nothing that would work one out."""
    return cast(str, getattr(unwrapped(node), "value"))  # noqa: B009 a String's


# -- ranges ---------------------------------------------------------------------------


OverWindow = Callable[..., list[Values]]
"""Takes the question, the moment, a window and numbers; gives a column for each span."""


def _ranged(worker: Callable[[Call], OverWindow], *, name: bool = False) -> MakeFunction:
    """A function of each span of a range, its results put together."""

    def make(call: Call) -> Work:
        over_window = worker(call)
        renamed = Relabelling((lambda labels: labels) if name else without_metadata)
        together: Kept[tuple[Labels, ...]] = Kept(joined)
        at = next(at for at, arg in enumerate(call.args) if arg.type == "range")

        def work(asked: Asked, now: int, *args: Any) -> VectorColumn:
            window: Window = args[at]
            results = over_window(asked, now, window, *args[:at], *args[at + 1 :])
            tuples = [span.labels for span in window.spans]
            if len(results) == 1:
                return renamed(tuples[0], results[0])
            values = [value for result in results for value in result]
            return renamed(together(*tuples), values)

        return work

    return make


def _each_span(kernel: Kernel, window: Window) -> list[Values]:
    return [over_each(kernel, span, window.end) for span in window.spans]


def _over_time(kernel: Kernel, *, name: bool = False) -> MakeFunction:
    """A kernel for each series; only `last_over_time` keeps the name."""
    return _ranged(
        lambda call: lambda asked, now, window: _each_span(kernel, window), name=name
    )


class _Memory(NamedTuple):
    """What is known of a span: its falls, and which of it are no counters."""

    falls: Falls
    gauges: dict[str, list[int]]


def _moved(*, counter: bool, rate: bool, hint: bool) -> MakeFunction:
    def remembered(labels: tuple[Labels, ...]) -> _Memory:
        return _Memory(Falls(), _not_counters(labels) if hint else {})

    def worker(call: Call) -> OverWindow:
        lately = Lately(remembered)

        def work(asked: Asked, now: int, window: Window) -> list[Values]:
            lately.turn()
            return [over_span(asked, span, window.end) for span in window.spans]

        def over_span(asked: Asked, span: Span, end: int) -> Values:
            falls, gauges = lately(span.labels)
            values = moved(span, end, falls, counter=counter, rate=rate)
            for metric, places in gauges.items():
                if any(values[place] is not None for place in places):
                    asked.inform(call.args[0].start, f"{_NO_COUNTER}: {quote(metric)}")
            return values

        return work

    return _ranged(worker)


_NO_COUNTER: Final = (
    "metric might not be a counter, name does not end in _total/_sum/_count/_bucket"
)


def _not_counters(labels: tuple[Labels, ...]) -> dict[str, list[int]]:
    """The metrics whose names are not those of counters, and where they stand."""
    places: dict[str, list[int]] = {}
    for place, each in enumerate(labels):
        places.setdefault(each.metric, []).append(place)
    endings = ("_total", "_sum", "_count", "_bucket")
    return {name: at for name, at in places.items() if name and not name.endswith(endings)}


def _quantile_over_time(call: Call) -> OverWindow:
    def work(asked: Asked, now: int, window: Window, q: float) -> list[Values]:
        check_quantile(asked, q, call.args[0].start)
        return _each_span(quantile_of(q), window)

    return work


def _predict_linear(call: Call) -> OverWindow:
    return lambda asked, now, window, seconds: _each_span(prediction(seconds, now), window)


def check_quantile(asked: Asked, q: float, at: int) -> None:
    """Warn of a q that is none."""
    if not 0 <= q <= 1:
        text = f"quantile value should be between 0 and 1, got {format_float(q)}"
        asked.warn(at, text)


# -- histograms -----------------------------------------------------------------------


class _Buckets(NamedTuple):
    """The histograms among some series.

    Attributes:
        labels: of each histogram, those of its buckets but `le`.
        parts: of each histogram its bounds, rising, and how to pick their counts; None
            where a bound stands twice.
        bounds: of each series the bound; None where it has none.
        places: of each histogram, where its buckets stand.
    """

    labels: tuple[Labels, ...]
    parts: tuple[tuple[tuple[float, ...], Pick] | None, ...]
    bounds: tuple[float | None, ...]
    places: tuple[tuple[int, ...], ...]


def _buckets(labels: tuple[Labels, ...]) -> _Buckets:
    groups = grouped(labels, lambda each: each.without("le"))
    bounds = tuple(parse_bound(each.get("le", "")) for each in labels)
    parts = (_part(places, bounds) for places in groups.places)
    return _Buckets(groups.labels, tuple(parts), bounds, groups.places)


def _part(
    places: Sequence[int], bounds: Sequence[float | None]
) -> tuple[tuple[float, ...], Pick] | None:
    known = [(bound, place) for place in places if (bound := bounds[place]) is not None]
    known.sort()
    rising = tuple(bound for bound, _ in known)
    if not known or len(set(rising)) < len(rising):
        return None
    return rising, picker([place for _, place in known], len(bounds))


def _histogram(estimate: Callable[..., float], *, counted: bool) -> MakeFunction:
    """An estimate from the buckets of each histogram."""

    def make(call: Call) -> Work:
        buckets: Kept[_Buckets] = Kept(_buckets)
        renamed = Relabelling(without_metadata)
        at = call.args[-1].start

        def work(asked: Asked, now: int, *args: Any) -> VectorColumn:
            *numbers, column = args
            if counted:
                check_quantile(asked, numbers[0], call.args[0].start)
            found = buckets(column.labels)
            _warn_of_bounds(asked, column, found, at)
            values: list[float | None] = []
            for histogram in _assembled(column.values, found):
                if histogram is not None and counted and _fell(histogram):
                    asked.inform(at, _NOT_MONOTONIC)
                known = histogram is not None
                values.append(estimate(histogram, *numbers) if known else None)
            return renamed(found.labels, values)

        return work

    return make


_NOT_MONOTONIC: Final = (
    "input to histogram_quantile needed to be fixed for monotonicity (see"
    " https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


def _warn_of_bounds(asked: Asked, column: VectorColumn, found: _Buckets, at: int) -> None:
    if None not in found.bounds:
        return
    for labels, bound, value in zip(
        column.labels, found.bounds, column.values, strict=True
    ):
        if bound is None and value is not None:
            name = f" for metric name {quote(labels.metric)}" if labels.metric else ""
            told = quote(labels.get("le", ""))
            text = f'bucket label "le" is missing or has a malformed value of {told}{name}'
            asked.warn(at, text)


def _assembled(values: Values, found: _Buckets) -> Iterator[Histogram | None]:
    """The histograms of those buckets that have a value; None where there is none."""
    for part, places in zip(found.parts, found.places, strict=True):
        counts = None if part is None else part[1](values)
        if part is None or counts is None or None in counts:
            yield _of_some(values, found.bounds, places)
        else:
            yield _of_counts(part[0], tuple(counts))


def _of_some(
    values: Values, bounds: Sequence[float | None], places: Sequence[int]
) -> Histogram | None:
    """The same where a bucket is not there, or stands twice: these are added up."""
    counts: dict[float, float] = {}
    for place in places:
        bound, value = bounds[place], values[place]
        if bound is not None and value is not None:
            counts[bound] = counts.get(bound, 0.0) + value
    rising = tuple(sorted(counts))
    return _of_counts(rising, tuple(map(counts.__getitem__, rising))) if counts else None


def _of_counts(bounds: tuple[float, ...], counts: tuple[float, ...]) -> Histogram:
    return Histogram(_NO_LABELS[0], bounds, counts, counts[-1], nan, 0, ())


def _fell(histogram: Histogram) -> bool:
    """Whether counts fall by more than rounding."""
    counts = histogram.cumulative
    if all(a <= b for a, b in pairwise(counts)):
        return False
    return any(each.startswith("not monotonic") for each in histogram.problems)


# -- the table ------------------------------------------------------------------------

_row = Function.read
_OF_EACH: Final = "vector -> vector"
_OF_RANGE: Final = "range -> vector"
_OF_DATE: Final = "vector? -> vector"
_counted = partial(_moved, counter=True, hint=True)

_OF_MATH: Final = (
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "sin", "sinh",
    "sqrt", "tan", "tanh",
)  # fmt: skip
_OF_THE_WHOLE: Final = (
    "avg_over_time", "count_over_time", "max_over_time", "min_over_time",
    "stddev_over_time", "stdvar_over_time", "sum_over_time",
)  # fmt: skip
_OF_A_PART: Final = ("changes", "present_over_time", "resets")

FUNCTIONS: Final[dict[str, Function]] = {
    **{name: _row(_OF_EACH, _simple(getattr(math, name))) for name in _OF_MATH},
    **{
        name: _row(_OF_RANGE, _over_time(OVER_TIME[name]), whole=name in _OF_THE_WHOLE)
        for name in (*_OF_THE_WHOLE, *_OF_A_PART)
    },
    "abs": _row(_OF_EACH, _simple(abs)),
    "absent": _row(_OF_EACH, _absent),
    "absent_over_time": _row(_OF_RANGE, _absent_over_time),
    "ceil": _row(_OF_EACH, _simple(_ceil)),
    "clamp": _row("vector, scalar, scalar -> vector", _with_numbers(_clamp)),
    "clamp_max": _row("vector, scalar -> vector", _with_numbers(partial(_clamp, -inf))),
    "clamp_min": _row(
        "vector, scalar -> vector", _with_numbers(lambda least: _clamp(least, inf))
    ),
    "day_of_month": _row(_OF_DATE, _date(lambda date: date.day)),
    "day_of_week": _row(_OF_DATE, _date(lambda date: date.isoweekday() % 7)),
    "day_of_year": _row(_OF_DATE, _date(lambda date: date.timetuple().tm_yday)),
    "days_in_month": _row(
        _OF_DATE, _date(lambda date: monthrange(date.year, date.month)[1])
    ),
    "deg": _row(_OF_EACH, _simple(math.degrees)),
    "delta": _row(
        _OF_RANGE, _moved(counter=False, rate=False, hint=False), scaled=True, moved="gauge"
    ),
    "deriv": _row(_OF_RANGE, _over_time(derivative), whole=True, moved="gauge"),
    "floor": _row(_OF_EACH, _simple(_floor)),
    "histogram_fraction": _row(
        "scalar, scalar, vector -> vector", _histogram(Histogram.fraction, counted=False)
    ),
    "histogram_quantile": _row(
        "scalar, vector -> vector", _histogram(Histogram.quantile, counted=True)
    ),
    "hour": _row(_OF_DATE, _date(lambda date: date.hour)),
    "idelta": _row(_OF_RANGE, _over_time(OVER_TIME["idelta"]), moved="gauge"),
    "increase": _row(_OF_RANGE, _counted(rate=False), scaled=True, moved="counter"),
    "irate": _row(_OF_RANGE, _over_time(OVER_TIME["irate"]), moved="counter"),
    "label_join": _row("vector, string, string, string* -> vector", _label_join),
    "label_replace": _row(
        "vector, string, string, string, string -> vector", _label_replace
    ),
    "last_over_time": _row(_OF_RANGE, _over_time(OVER_TIME["last_over_time"], name=True)),
    "ln": _row(_OF_EACH, _simple(math.log)),
    "log10": _row(_OF_EACH, _simple(math.log10)),
    "log2": _row(_OF_EACH, _simple(math.log2)),
    "minute": _row(_OF_DATE, _date(lambda date: date.minute)),
    "month": _row(_OF_DATE, _date(lambda date: date.month)),
    "pi": _row(" -> scalar", lambda call: lambda asked, now: math.pi),
    "predict_linear": _row(
        "range, scalar -> vector", _ranged(_predict_linear), whole=True, moved="gauge"
    ),
    "quantile_over_time": _row(
        "scalar, range -> vector", _ranged(_quantile_over_time), whole=True
    ),
    "rad": _row(_OF_EACH, _simple(math.radians)),
    "rate": _row(_OF_RANGE, _counted(rate=True), scaled=True, moved="counter"),
    "round": _row("vector, scalar? -> vector", _with_numbers(_round)),
    "scalar": _row("vector -> scalar", _scalar),
    "sgn": _row(_OF_EACH, _simple(_sign)),
    "sort": _row(_OF_EACH, _sorted(descending=False)),
    "sort_desc": _row(_OF_EACH, _sorted(descending=True)),
    "time": _row(" -> scalar", lambda call: lambda asked, now: now / 1000),
    "timestamp": _row(_OF_EACH, _timestamp),
    "vector": _row("scalar -> vector", _vector),
    "year": _row(_OF_DATE, _date(lambda date: date.year, each_cycle=400)),
}

_EXPERIMENTAL: Final = "Prometheus has it behind a feature flag only"
_NATIVE: Final = "it is for native histograms, which promlatest does not keep"

_FLAGGED: Final = (
    "double_exponential_smoothing end first_over_time histogram_quantiles info limit_ratio"
    " limitk mad_over_time max_of min_of range sort_by_label sort_by_label_desc start step"
    " ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time"
)
_ON_NATIVE: Final = (
    "histogram_avg histogram_count histogram_stddev histogram_stdvar histogram_sum"
)

REFUSED: Final[dict[str, str]] = {
    **dict.fromkeys(_FLAGGED.split(), _EXPERIMENTAL),
    **dict.fromkeys(_ON_NATIVE.split(), _NATIVE),
    "holt_winters": "Prometheus 3 does not know it any more",
}
"""Functions and aggregations that are PromQL and not read here, and why."""
