"""Rules and alerts of given files, evaluated when somebody asks.

Nobody evaluates them in between, so there is no "since when": an alert whose expression
is true now is firing, or pending if it has a `for` to wait for. What recording rules make
is there for the rules of these files, and for nobody else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from time import perf_counter

import attrs

from promlatest._datapoint import DataPoint
from promlatest._interfaces import Block, Queryable
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher, fulfils
from promlatest.api._params import Params
from promlatest.api._promql import rows_of
from promlatest.api._site import Site
from promlatest.api._status import Json, rfc3339
from promlatest.exceptions import PromlatestError, UsageError
from promlatest.promql._columns import read
from promlatest.rules import Rule
from promlatest.rules._evaluation import firing_of, in_order

__all__ = ["alerts", "rules"]

_TYPES = {"alert": "alerting", "record": "recording"}


@attrs.frozen
class _Evaluated:
    """A rule, and what its expression gave."""

    rule: Rule
    points: Sequence[DataPoint]
    error: str
    seconds: float
    at: int


def rules(site: Site, params: Params) -> Json:
    """Groups of rules, each with its state; `type` picks alerts or records."""
    wanted = params.text("type").lower()
    if wanted not in ("", *_TYPES):
        raise UsageError(f'invalid parameter "type": not supported value "{wanted:.40}"')
    chosen = [each for each in _evaluated(site) if wanted in ("", each.rule.kind)]
    grouped = groupby(chosen, lambda each: (each.rule.file, each.rule.group))
    return {"groups": [_group(*key, tuple(found)) for key, found in grouped]}


def alerts(site: Site, _: Params) -> Json:
    """The alerts that are true now."""
    found = (each for each in _evaluated(site) if each.rule.kind == "alert")
    return {"alerts": [alert for each in found for alert in _alerts(each)]}


class _Recording:
    """What is held, and beside it what recording rules made of it now."""

    def __init__(self, held: Queryable) -> None:
        self._held = held
        self._made: list[Block] = []

    def columns(
        self, matchers: Sequence[Matcher], start: int, end: int, /
    ) -> Sequence[Block]:
        made = (each for each in self._made if start < each.times[0] <= end)
        return [
            *read(self._held, matchers, start, end),
            *(each for each in made if fulfils(each.labels[0], matchers)),
        ]

    def record(self, each: _Evaluated) -> None:
        own = {METRIC_NAME: each.rule.name, **each.rule.labels}
        for labels, _, value in each.points:
            made = (Labels({**labels, **own}),)
            self._made.append(Block(made, (each.at,), ((value,),), since=each.at))


def _evaluated(site: Site) -> Iterator[_Evaluated]:
    asked = _Recording(site.queryable)
    rules = [rule for rule in site.rules if rule.kind in _TYPES]
    made: dict[int, _Evaluated] = {}
    for rule in in_order(rule for rule in rules if rule.kind == "record"):
        made[id(rule)] = _evaluate(site, rule, asked)
        asked.record(made[id(rule)])
    for rule in rules:
        yield made.get(id(rule)) or _evaluate(site, rule, asked)


def _evaluate(site: Site, rule: Rule, asked: _Recording) -> _Evaluated:
    started, error = perf_counter(), ""
    points: Sequence[DataPoint] = ()
    try:
        points, _ = rows_of(site, str(rule.expr), asked)
    except PromlatestError as failure:
        error = str(failure)
    return _Evaluated(rule, points, error, perf_counter() - started, site.clock())


def _group(file: str, name: str, found: Sequence[_Evaluated]) -> Json:
    return {
        "name": name,
        "file": file,
        "interval": 0,
        "limit": 0,
        "rules": [_rule(each) for each in found],
        "evaluationTime": sum(each.seconds for each in found),
        "lastEvaluation": rfc3339(found[0].at),
    }


def _rule(each: _Evaluated) -> Json:
    rule = each.rule
    told: dict[str, Json] = {
        "name": rule.name,
        "query": str(rule.expr),
        "labels": dict(rule.labels),
        "health": "err" if each.error else "ok",
        "lastError": each.error,
        "evaluationTime": each.seconds,
        "lastEvaluation": rfc3339(each.at),
        "type": _TYPES[rule.kind],
    }
    if rule.kind == "alert":
        found = _alerts(each)
        told |= {
            "state": found[0]["state"] if found else "inactive",
            "duration": rule.hold,
            "keepFiringFor": rule.keep_firing_for,
            "annotations": dict(rule.annotations),
            "alerts": found,
        }
    return told


def _alerts(each: _Evaluated) -> list[Json]:
    return [_alert(each, *point) for point in each.points]


def _alert(each: _Evaluated, labels: Labels, _: int, value: float) -> Json:
    firing = firing_of(each.rule, labels, value)
    return {
        "labels": dict(firing.labels),
        "annotations": firing.annotations,
        "state": "pending" if each.rule.hold else "firing",
        "activeAt": rfc3339(each.at),
        "value": _scientific(value),
    }


def _scientific(value: float) -> str:
    """A number as Go's "e" form has it, which alerts use.

    >>> [_scientific(each) for each in (1.0, 0.25, -1500.0, float("inf"))]
    ['1e+00', '2.5e-01', '-1.5e+03', '+Inf']
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value:+}".replace("inf", "Inf")
    mantissa, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:]:0>2}"
