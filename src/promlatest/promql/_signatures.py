"""Every function and aggregation by name, with what it takes and gives.

`vector, scalar? -> vector` reads: an instant vector, then a number that may be left out,
give an instant vector; `*` stands for none or more. What is PromQL and not ours has a
sentence that says why.
"""

from __future__ import annotations

from typing import Final, cast

import attrs

from promlatest.promql._tree import Type


@attrs.frozen
class Signature:
    """What a function takes and gives.

    Attributes:
        args: the type of each argument; the last one's is that of all further ones.
        least: how many there must be.
        most: how many there may be; None: any number.
        returns: the type of the result.
    """

    args: tuple[Type, ...]
    least: int
    most: int | None
    returns: Type

    @classmethod
    def read(cls, text: str) -> Signature:
        before, _, returns = text.partition("->")
        args = before.split(",") if before.strip() else []
        names = [cast(Type, arg.strip(" ?*")) for arg in args]
        least = sum(not arg.strip().endswith(("?", "*")) for arg in args)
        most = None if before.rstrip().endswith("*") else len(args)
        return cls(tuple(names), least, most, cast(Type, returns.strip()))

    def expected(self) -> str:
        """How many arguments, in words."""
        if self.most is None:
            return f"at least {_arguments(self.least)}"
        if self.most == self.least:
            return _arguments(self.least)
        return f"{self.least} to {_arguments(self.most)}"


def _arguments(count: int) -> str:
    return f"{count} argument{'s' * (count != 1)}" if count else "no argument"


_SIMPLE: Final = (
    "abs acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad"
    " sgn sin sinh sort sort_desc sqrt tan tanh timestamp"
)
_OVER_RANGE: Final = (
    "absent_over_time avg_over_time changes count_over_time delta deriv idelta increase"
    " irate last_over_time max_over_time min_over_time present_over_time rate resets"
    " stddev_over_time stdvar_over_time sum_over_time"
)
_DATES: Final = "day_of_month day_of_week day_of_year days_in_month hour minute month year"

FUNCTIONS: Final[dict[str, Signature]] = {
    name: Signature.read(text)
    for names, text in (
        (_SIMPLE, "vector -> vector"),
        (_OVER_RANGE, "range -> vector"),
        (_DATES, "vector? -> vector"),
        ("absent", "vector -> vector"),
        ("clamp", "vector, scalar, scalar -> vector"),
        ("clamp_max clamp_min", "vector, scalar -> vector"),
        ("histogram_fraction", "scalar, scalar, vector -> vector"),
        ("histogram_quantile", "scalar, vector -> vector"),
        ("label_join", "vector, string, string, string* -> vector"),
        ("label_replace", "vector, string, string, string, string -> vector"),
        ("pi time", " -> scalar"),
        ("predict_linear", "range, scalar -> vector"),
        ("quantile_over_time", "scalar, range -> vector"),
        ("round", "vector, scalar? -> vector"),
        ("scalar", "vector -> scalar"),
        ("vector", "scalar -> vector"),
    )
    for name in names.split()
}

AGGREGATIONS: Final[dict[str, Type | None]] = {
    "avg": None,
    "bottomk": "scalar",
    "count": None,
    "count_values": "string",
    "group": None,
    "max": None,
    "min": None,
    "quantile": "scalar",
    "stddev": None,
    "stdvar": None,
    "sum": None,
    "topk": "scalar",
}
"""The type of an aggregation's parameter, where it has one."""

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
