"""Histograms: the buckets, sum and count of one moment, as one value.

`_assemble` makes them of points, and a `Histogram` answers what one asks of it: quantiles,
fractions, counts up to a bound, differences and sums. What is wrong with it is told by
`Histogram.problems` and never raised, for an endpoint's faults must not hide its data.

Everything here is pure and immutable: no lock, no store, safe to share and to keep.
Estimates are those of Prometheus (promql/quantile.go, BucketQuantile and BucketFraction;
rules H-1 to H-4 of docs/semantics.md), and `make real` compares them with one that runs.
Native histograms are not read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from math import copysign, inf, isfinite, isnan, nan
from numbers import Real
from operator import add, itemgetter, sub
from typing import Final

import attrs

from promlatest._arguments import checked
from promlatest._cached import cached_property
from promlatest._matching.floats import format_bound, json_number
from promlatest._matching.labels import Labels
from promlatest.exceptions import UsageError

# Prometheus' smallDeltaTolerance: less than this, relative to the sum of both
# counts, is rounding and no change.
_TOLERANCE: Final = 1e-12
_NO_ROUNDING_BELOW: Final = 4e11  # 1 is more than the tolerance of two such counts


@attrs.frozen
class Bucket:
    """How many observations one bucket holds.

    Attributes:
        le: the upper bound, which belongs to the bucket, in the metric's unit.
        count: its observations: all up to `le` in `Histogram.buckets`, those of this
            bucket alone in `Histogram.bucket_counts`.
    """

    le: float
    count: float


def _comparable(value: float) -> float | None:
    """A key under which NaN equals NaN, so that equal expositions are equal."""
    return None if isnan(value) else value


def _all_comparable(values: tuple[float, ...]) -> tuple[float | None, ...]:
    return tuple(map(_comparable, values))


# Not slotted: 1,000 are made at once, and both making them and what they keep of
# themselves (`cached_property`) cost a third less with a dict.
@attrs.frozen(slots=False)
class Histogram:
    """A classic histogram at one moment.

    The constructor trusts what it is given: bounds ascending and none twice. `build`
    sorts and coalesces for those who cannot promise that.

        >>> from promlatest import Histogram, Labels
        >>> latency = Histogram.build(
        ...     Labels(__name__="latency_seconds"),
        ...     [(0.1, 5), (0.5, 9), (float("inf"), 10)],
        ...     sum=2.5,
        ... )
        >>> latency.quantile(0.5), latency.count_le(0.5), latency.mean
        (0.1, 9, 0.25)
        >>> latency.bucket_counts[1]
        Bucket(le=0.5, count=4)
        >>> latency.valid
        True

    Attributes:
        labels: the labels without `le`; `__name__` is the base name, without suffix.
        bounds: the buckets' upper bounds `le`, ascending.
        cumulative: beside each bound, the observations at or below it, as exposed.
        count: all observations; where no `_count` was exposed, what the +Inf bucket
            holds; NaN where that is not there either, since the highest finite
            bucket need not hold all.
        sum: the sum of all observations; NaN where no `_sum` was exposed.
        timestamp: when it was sampled, in milliseconds since the epoch.
    """

    labels: Labels
    bounds: tuple[float, ...]
    cumulative: tuple[float, ...] = attrs.field(eq=_all_comparable)
    count: float = attrs.field(eq=_comparable)
    sum: float = attrs.field(eq=_comparable)
    timestamp: int
    _noted: tuple[str, ...] = ()

    @classmethod
    def build(
        cls,
        labels: Labels,
        buckets: Iterable[tuple[float, float]],
        *,
        count: float | None = None,
        sum: float = nan,  # noqa: A002 the field's word
        timestamp: int = 0,
        noted: Iterable[str] = (),
    ) -> Histogram:
        """A histogram of pairs `(le, cumulative count)` in any order.

        Bounds are sorted as numbers; the counts of equal bounds are added up, as
        Prometheus does it, and a bound that is NaN is left out, for it has no place in
        an order; `problems` tells of both. O(n log n). Raises nothing.

        Args:
            labels: of the histogram, without `le`.
            buckets: the pairs.
            count: all observations; None: what the +Inf bucket holds, or NaN.
            sum: of all observations; NaN where it is not known.
            timestamp: when it was sampled, in milliseconds since the epoch.
            noted: what else `problems` is to tell.
        """
        found = list(noted)
        bounds, cumulative = _coalesced(_ordered(buckets, found), found)
        if count is None:
            count = cumulative[-1] if bounds and bounds[-1] == inf else nan
        noted = tuple(dict.fromkeys(found))
        return cls(labels, bounds, cumulative, count, sum, timestamp, noted)

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """The buckets by ascending bound, with cumulative counts as exposed."""
        return tuple(map(Bucket, self.bounds, self.cumulative))

    @property
    def bucket_counts(self) -> tuple[Bucket, ...]:
        """The buckets by ascending bound, each with the observations of its own.

        Own means above the bound before and up to this one. A histogram that is not
        monotonic shows negative counts here; `problems` then says where.
        """
        below = (0, *self.cumulative)
        return tuple(map(Bucket, self.bounds, map(sub, self.cumulative, below)))

    @property
    def mean(self) -> float:
        """The mean observation, in the metric's unit; NaN if there is none."""
        return _divide(self.sum, self.count)

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong with it, that is whether `problems` is empty."""
        return not self.problems

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with it, a sentence each; empty for a valid histogram.

        Bounds that are unreadable, double or missing, counts that fall, are negative
        or no number, a +Inf bucket unlike the count, parts of different moments.

        >>> torn = Histogram.build(Labels(), [(1, 5), (2, 3), (float("inf"), 7)], count=8)
        >>> print(*torn.problems, sep="\\n")
        not monotonic at le="2.0": 3 after 5
        the +Inf bucket holds 7, the count is 8
        """
        return (*self._noted, *_faults(self))

    @cached_property
    def _climb(self) -> _Climb:
        return _monotonic(self.cumulative)

    def quantile(self, q: float) -> float:
        """The estimated q-quantile, in the metric's unit, as Prometheus estimates it.

        Linear between the bounds of the bucket that holds it, from 0 if that is the
        first; in the +Inf bucket, the highest finite bound. The algorithm is
        `histogram_quantile`'s (promql/quantile.go, BucketQuantile): counts that fall
        are lifted to the count before. It takes a bisection, O(log buckets).

        Returns NaN without observations, without a +Inf bucket, with no other bucket
        or for a q of NaN; -Inf below q = 0 and +Inf above q = 1.

        >>> h = Histogram.build(Labels(), [(1, 2), (2, 4), (float("inf"), 4)])
        >>> h.quantile(0.75), h.quantile(1.5)
        (1.5, inf)

        Raises:
            UsageError: q is no number.
        """
        try:
            is_inside = 0 <= q <= 1
        except TypeError:  # `checked` before each would be a tenth of the cost
            _number(q)
            raise
        if not is_inside:
            return q if isnan(q) else copysign(inf, q)
        bounds, (counts, _, finite) = self.bounds, self._climb
        top = len(bounds) - 1
        if top < 1 or bounds[top] != inf or counts[top] == 0:
            return nan
        rank = q * counts[top]
        if finite:
            at = bisect_left(counts, rank, 0, top)
        else:
            # A NaN count reaches no rank, and nothing reaches a NaN rank; there is no
            # order among them to bisect.
            at = next((at for at in range(top) if counts[at] >= rank), top)
        if at == top:
            return bounds[top - 1]
        if at == 0 and bounds[0] <= 0:
            return bounds[0]
        start, below = (bounds[at - 1], counts[at - 1]) if at else (0.0, 0.0)
        return start + (bounds[at] - start) * _divide(rank - below, counts[at] - below)

    def fraction(self, lower: float, upper: float) -> float:
        """The estimated fraction of observations between two values, from 0 to 1.

        The algorithm is `histogram_fraction`'s (promql/quantile.go, BucketFraction):
        linear inside a bucket; the open-ended buckets are not divided. Bounds in the
        metric's unit. Returns 0 if lower is not below upper; NaN without
        observations, without a +Inf bucket or for a bound of NaN.

        >>> h = Histogram.build(Labels(), [(1, 2), (2, 4), (float("inf"), 4)])
        >>> h.fraction(0, 1.5)
        0.75

        Raises:
            UsageError: a bound is no number.
        """
        if isnan(_number(lower)) or isnan(_number(upper)):
            return nan
        if not self.bounds or self.bounds[-1] != inf:
            return nan
        total = self.cumulative[-1]
        if total == 0:
            return nan
        if lower >= upper:
            return 0.0
        return _divide(self._rank(upper, total) - self._rank(lower, total), total)

    def _rank(self, value: float, total: float) -> float:
        """How many observations are estimated to be at or below the value."""
        rank = _rank_of(value, self.bounds, self.cumulative)
        return total if rank > total else rank

    def count_le(self, bound: float) -> float:
        """How many observations are at or below a bound, exactly.

        Never an estimate, so the bound must be a bucket's; for others there is
        `fraction`. It compares as a number: 1 finds `le="1.0"`.

        Raises:
            UsageError: no bucket has this bound, or it is no number; the message names
                the nearest.
        """
        at = bisect_left(self.bounds, _number(bound))
        if self.bounds[at : at + 1] != (bound,):
            raise UsageError(_no_bucket(self, bound, at))
        return self.cumulative[at]

    def between(self, lower: float, upper: float) -> float:
        """How many observations are above lower and at or below upper, exactly.

        A lower of -Inf counts from the very first.

        >>> h = Histogram.build(Labels(), [(1, 2), (2, 4), (float("inf"), 7)])
        >>> h.between(1, 2), h.between(float("-inf"), 2)
        (2, 4)

        Raises:
            UsageError: no bucket has this bound, or lower is above upper.
        """
        if _number(lower) > _number(upper):
            raise UsageError(f"between needs lower <= upper, not {lower} and {upper}")
        below = 0 if lower == -inf else self.count_le(lower)
        return self.count_le(upper) - below

    def __add__(self, other: Histogram) -> Histogram:
        """Both together: counts and sums added, the labels that they share.

        The timestamp is the later one. `sum(histograms)` works too.

        Raises:
            UsageError: the bounds differ; the message says which.
        """
        if not isinstance(other, Histogram):
            return NotImplemented
        return attrs.evolve(
            _combined(add, self, other),
            labels=_common(self.labels, other.labels),
            timestamp=max(self.timestamp, other.timestamp),
        )

    def __radd__(self, other: int) -> Histogram:
        """So that `sum` may start from its 0."""
        return self if other == 0 else NotImplemented

    def __sub__(self, earlier: Histogram) -> Histogram:
        """What was observed since an earlier moment, with these labels and time.

        Raises:
            UsageError: the bounds differ, or a cumulative count fell, so that no
                difference is what was observed. `since` counts from the reset.
        """
        if not isinstance(earlier, Histogram):
            return NotImplemented
        if fall := _fall(self, earlier):
            raise UsageError(
                f"{fall}: a counter reset, or later and earlier were swapped; "
                "later.since(earlier) counts from the reset"
            )
        return _combined(sub, self, earlier)

    def reset_since(self, earlier: Histogram) -> bool:
        """Whether a bucket's cumulative count or the count fell since earlier.

        The sum is not asked: it may fall, since observations may be negative.

        Raises:
            UsageError: the bounds differ, the message says which; or it is no histogram.
        """
        return bool(_fall(self, checked(earlier, Histogram, "an earlier Histogram")))

    def since(self, earlier: Histogram) -> Histogram:
        """What was observed since an earlier moment, also if the counts were reset.

        After a reset it is all that is there now, as in Prometheus' `increase`: what was
        observed between the earlier moment and the reset is lost. `reset_since` says
        whether there was one.

        >>> before = Histogram.build(Labels(), [(1, 2), (float("inf"), 5)])
        >>> after = Histogram.build(Labels(), [(1, 1), (float("inf"), 3)])
        >>> after.reset_since(before), after.since(before).count
        (True, 3)

        Raises:
            UsageError: the bounds differ, the message says which; or it is no histogram.
        """
        return self if self.reset_since(earlier) else self - earlier

    def as_dict(self) -> dict[str, object]:
        """A dict that JSON can hold; `le` is text as Prometheus writes it (F-3).

        A number that JSON lacks is None for NaN and "+Inf" or "-Inf" else. Bucket
        counts are cumulative.

        >>> Histogram.build(Labels(a="b"), [(1, 2), (float("inf"), 5)], sum=7.5).as_dict()
        ... # doctest: +NORMALIZE_WHITESPACE
        {'labels': {'a': 'b'}, 'timestamp': 0, 'count': 5, 'sum': 7.5,
         'buckets': [{'le': '1.0', 'count': 2}, {'le': '+Inf', 'count': 5}],
         'problems': []}
        """
        return {
            "labels": dict(self.labels),
            "timestamp": self.timestamp,
            "count": json_number(self.count),
            "sum": json_number(self.sum),
            "buckets": [
                {"le": format_bound(bucket.le), "count": json_number(bucket.count)}
                for bucket in self.buckets
            ],
            "problems": list(self.problems),
        }


# -- building ------------------------------------------------------------------------


def _ordered(
    buckets: Iterable[tuple[float, float]], found: list[str]
) -> list[tuple[float, float]]:
    pairs = list(buckets)
    if any(le != le for le, _ in pairs):
        found.append('le="NaN" is no bound')
        pairs = [pair for pair in pairs if not isnan(pair[0])]
    # By the bound alone: equal bounds keep their order, and counts may be NaN.
    pairs.sort(key=itemgetter(0))
    return pairs


def _coalesced(
    pairs: list[tuple[float, float]], found: list[str]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    counts = dict(pairs)
    if len(counts) < len(pairs):
        counts = {}
        for le, count in pairs:
            if le in counts:
                found.append(f"double bound le={_quoted(le)}")
            counts[le] = counts.get(le, 0) + count
    return tuple(counts), tuple(counts.values())


# -- estimating -----------------------------------------------------------------------


_Climb = tuple[tuple[float, ...], tuple[int, ...], bool]
"""Counts that never fall: those exposed, with each fall lifted; the places that were
lifted; and whether all counts are finite."""


def _monotonic(cumulative: tuple[float, ...]) -> _Climb:
    """Lift what falls; take what differs by rounding only as no change (H-2)."""
    if _rises_by_integers(cumulative):
        return cumulative, (), True
    counts, fallen = list(cumulative), []
    before = counts[0] if counts else 0.0
    for at, now in enumerate(counts):
        # Scaled before they are added, so that no two counts add up to infinity.
        rounding = _TOLERANCE * abs(before) + _TOLERANCE * abs(now)
        if now < before:
            counts[at] = before
            if before - now >= rounding:
                fallen.append(at)
        elif now - before < rounding:
            counts[at] = before
        else:
            before = now
    return tuple(counts), tuple(fallen), all(map(isfinite, counts))


def _rises_by_integers(counts: tuple[float, ...]) -> bool:
    """Whether there is nothing to lift: integers below 4e11 that never fall differ by
    nothing or by more than rounding. Told in C, a quarter of the cost of a look at each."""
    try:
        return (
            bool(counts)
            and counts[-1] < _NO_ROUNDING_BELOW
            and list(counts) == sorted(counts)
            and all(map(float.is_integer, counts))
        )
    except TypeError:  # somebody's ints: to make floats of all would be a tenth of the cost
        return False


def _rank_of(value: float, bounds: tuple[float, ...], counts: tuple[float, ...]) -> float:
    """The estimated observations at or below a value; the top bound is +Inf (H-4)."""
    at = bisect_left(bounds, value)
    start, below = (bounds[at - 1], counts[at - 1]) if at else (_floor(bounds), 0.0)
    if start >= value:
        return below
    end, count = bounds[at], counts[at]
    if value == end or start == -inf:
        return count
    if end == inf:
        return below
    return below + (count - below) * (value - start) / (end - start)


def _floor(bounds: tuple[float, ...]) -> float:
    """Where the first bucket starts: at 0, unless it ends there or below."""
    return 0.0 if bounds[0] > 0 else -inf


def _number(value: float) -> float:
    return checked(value, (float, int, Real), "a number")


def _divide(dividend: float, divisor: float) -> float:
    """The quotient as IEEE 754 has it, where Python raises: x/0 is ±Inf, 0/0 NaN."""
    try:
        return dividend / divisor
    except ZeroDivisionError:
        if dividend == 0 or isnan(dividend):
            return nan
        return copysign(inf, dividend) * copysign(1, divisor)


# -- judging and combining ------------------------------------------------------------


def _faults(histogram: Histogram) -> Iterator[str]:
    bounds, counts = histogram.bounds, histogram.cumulative
    if not bounds:
        yield "no buckets"
        return
    if bounds[-1] != inf:
        yield "no +Inf bucket"
    yield from _count_faults(histogram)
    total = histogram.count
    if bounds[-1] == inf and not _alike(counts[-1], total):
        held = number_text(counts[-1])
        yield f"the +Inf bucket holds {held}, the count is {number_text(total)}"


def _count_faults(histogram: Histogram) -> Iterator[str]:
    lifted, fallen, _ = histogram._climb
    for at, count in enumerate(histogram.cumulative):
        if not 0 <= count < inf:
            what = "a negative count" if isfinite(count) else "no finite count"
            yield f"{what} {_where(histogram, at)}: {number_text(count)}"
    for at in fallen:
        fall = f"{number_text(histogram.cumulative[at])} after {number_text(lifted[at])}"
        yield f"not monotonic {_where(histogram, at)}: {fall}"


def _where(histogram: Histogram, at: int) -> str:
    return f"at le={_quoted(histogram.bounds[at])}"


def _combined(
    operator: Callable[[float, float], float], left: Histogram, right: Histogram
) -> Histogram:
    _agree(left, right)
    return attrs.evolve(
        left,
        cumulative=tuple(map(operator, left.cumulative, right.cumulative)),
        count=operator(left.count, right.count),
        sum=operator(left.sum, right.sum),
        noted=tuple(dict.fromkeys(left._noted + right._noted)),
    )


def _agree(left: Histogram, right: Histogram) -> None:
    if left.bounds == right.bounds:
        return
    ours, theirs = set(left.bounds), set(right.bounds)
    sides = (("left", ours - theirs), ("right", theirs - ours))
    differ = (
        f"only the {side} has le={', '.join(map(_quoted, sorted(bounds)))}"
        for side, bounds in sides
        if bounds
    )
    raise UsageError(f"the bounds differ: {'; '.join(differ)}")


def _fall(later: Histogram, earlier: Histogram) -> str:
    """What fell between the two, in words; "" if nothing did.

    Cumulative counts are compared, as each is a counter to Prometheus. A bucket's own
    count may fall without a reset, where the exporter read its buckets one by one;
    the difference is then not monotonic and says so.
    """
    _agree(later, earlier)
    compared = (
        *zip(later.bounds, later.cumulative, earlier.cumulative, strict=True),
        (None, later.count, earlier.count),
    )
    for le, now, before in compared:
        if now < before:
            what = "the count" if le is None else f"the bucket le={_quoted(le)}"
            return f"{what} fell from {number_text(before)} to {number_text(now)}"
    return ""


def _common(left: Labels, right: Labels) -> Labels:
    differ = (name for name, value in left.items() if right.get(name) != value)
    return left.without(*differ)


def _no_bucket(histogram: Histogram, bound: float, at: int) -> str:
    nearest = ", ".join(map(_quoted, histogram.bounds[max(at - 1, 0) : at + 1]))
    return (
        f"{histogram.labels.series()} has no bucket le={_quoted(bound)} to count "
        f"exactly; the nearest: {nearest or 'none'}"
    )


def _alike(one: float, other: float) -> bool:
    return one == other or abs(one - other) < _TOLERANCE * (abs(one) + abs(other))


def _quoted(le: float) -> str:
    return f'"{format_bound(le)}"'


def number_text(value: float) -> str:
    """A count as a person writes it: without a fraction where there is none."""
    return format_bound(value) if not isfinite(value) else repr(value).removesuffix(".0")
