"""Prometheus' PromQL test scripts: `load`, `clear`, `eval` and `expect`, run against ours.

A script loads series and evaluates expressions over them, at a moment or over a time,
and says what comes out. What needs something that promlatest does not have (native
histograms, features behind a flag) is skipped, with the reason.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import attrs

from promlatest import Labels, Matcher
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.literals import STRING
from promlatest._matching.selector import parse_selector
from promlatest.exceptions import QueryError, UsageError
from promlatest.promql import (
    Annotations,
    Block,
    Matrix,
    Node,
    Scalar,
    Vector,
    parse,
    query,
    query_range,
    walk,
)
from promlatest.promql._lexer import read_number
from promlatest.promql._tree import VectorSelector

_EVAL = re.compile(
    r"eval(?P<legacy>_fail|_warn|_info|_ordered)?\s+(?:instant\s+at\s+(?P<at>\S+)"
    r"|range\s+from\s+(?P<start>\S+)\s+to\s+(?P<end>\S+)\s+step\s+(?P<step>\S+))\s+(?P<expr>.*)"
)
_SERIES = re.compile(
    r"(?P<name>[a-zA-Z_:][\w:.]*)?\s*"
    r"(?P<labels>\{(?!\{)(?:[^{}\"'`]|" + STRING.pattern + r")*\})?\s*(?P<rest>.*)",
    re.DOTALL,
)


@attrs.define
class Loaded:
    """Series with samples of a script, as blocks of one series each."""

    blocks: dict[Labels, Block] = attrs.field(factory=dict)
    native: set[Labels] = attrs.field(factory=set)
    started: set[Labels] = attrs.field(factory=set)

    def columns(
        self, matchers: Sequence[Matcher], start: int, end: int, /
    ) -> Sequence[Block]:
        found = []
        for labels, block in self.blocks.items():
            if selects(matchers, labels):
                first, last = (
                    bisect_right(block.times, start),
                    bisect_right(block.times, end),
                )
                found.append(
                    Block(block.labels, block.times[first:last], block.values[first:last])
                )
        return found

    def load(self, interval: int, lines: Sequence[str], *, nhcb: bool) -> None:
        for line in lines:
            labels, rest = series_of(line)
            if rest.startswith("@st"):
                self.started.add(labels)
                continue
            if "{{" in rest:
                self.native.add(labels)
            if nhcb and labels.metric.endswith("_bucket"):
                name = labels.metric.removesuffix("_bucket")
                self.native.add(Labels({**labels.without("le"), "__name__": name}))
            values = list(expanded(rest))
            there = [at for at, value in enumerate(values) if value is not MISSING]
            old = self.blocks.get(labels)
            samples = {} if old is None else dict(zip(old.times, old.values, strict=True))
            samples |= {at * interval: (values[at],) for at in there}
            times = sorted(samples)
            kept = (labels,) if old is None else old.labels
            self.blocks[labels] = Block(kept, times, [samples[time] for time in times])


MISSING = object()


def selects(matchers: Sequence[Matcher], labels: Labels) -> bool:
    return all(matcher.matches(labels.get(matcher.name, "")) for matcher in matchers)


def series_of(line: str) -> tuple[Labels, str]:
    """The labels of a series, and what stands behind them."""
    match = _SERIES.match(line.strip())
    assert match is not None, line
    inside = (match["labels"] or "{}").removeprefix("{")
    # A series may be without labels, which no selector may: one more, then.
    matchers = parse_selector(f'{{{_MORE}="1",{inside}')
    pairs = {each.name: each.value for each in matchers if each.name != _MORE}
    if match["name"]:
        pairs[METRIC_NAME] = match["name"]
    return Labels({name: value for name, value in pairs.items() if value}), match["rest"]


_MORE = "of_no_series"


def expanded(text: str) -> Iterator[object]:
    """The samples of a notation: numbers, None for a stale marker, MISSING for none."""
    text = re.sub(r"\{\{.*?\}\}", lambda m: "HISTOGRAM", text)
    for token in text.split():
        yield from _values(token)


def _values(token: str) -> Iterator[object]:
    if "HISTOGRAM" in token:
        return
    match = re.fullmatch(r"(_|stale)(?:x(\d+))?", token)
    if match is not None:
        value = MISSING if match[1] == "_" else None
        yield from [value] * (int(match[2]) if match[2] else 1)
        return
    match = _repeated(token)
    if match is None:
        yield number(token)
        return
    first, by, times = match
    value = first
    for _ in range(times + 1):
        yield value
        value += by


def _repeated(token: str) -> tuple[float, float, int] | None:
    before, x, times = token.rpartition("x")
    if not x or not times.isdigit():
        return None
    match = re.fullmatch(r"(.+?)(?<![eE])([-+].+)", before)
    if match is None:
        return number(before), 0.0, int(times)
    return number(match[1]), number(match[2]), int(times)


def number(text: str) -> float:
    return float(text.replace("Inf", "inf"))


def milliseconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    return sign * round(read_number(text.lstrip("-")) * 1000)


@attrs.frozen
class Case:
    """One `eval`: what is asked, and what must come out."""

    line: int
    expr: str
    moments: tuple[int, ...]  # at, or start, end and step
    expects: tuple[str, ...]
    results: tuple[str, ...]

    @property
    def fails(self) -> bool:
        return any(each.startswith("fail") for each in self.expects)


def run(script: str) -> Iterator[tuple[Case, str, str]]:
    """Each case with why it was skipped and what was wrong; "" and "" if it passed."""
    loaded = Loaded()
    lines = [re.sub(r"^\s*#.*", "", line).rstrip() for line in script.split("\n")]
    at = 0
    while at < len(lines):
        line, at = lines[at], at + 1
        block = []
        start = at
        while at < len(lines) and lines[at][:1] in ("\t", " "):
            block.append(lines[at].strip())
            at += 1
        block = [each for each in block if each]
        if line.startswith("load"):
            command, interval = line.split()[:2]
            loaded.load(milliseconds(interval), block, nhcb=command.endswith("nhcb"))
        elif line.startswith("clear"):
            loaded = Loaded()
        elif line.startswith("eval"):
            case = read_case(start, line, block)
            skipped = why_skipped(case, loaded)
            yield case, skipped, "" if skipped else outcome(case, loaded)
        else:
            assert not line.strip(), line


def read_case(number: int, line: str, block: Sequence[str]) -> Case:
    match = _EVAL.match(line)
    assert match is not None, line
    expects = [_told(each) for each in block if each.startswith("expect")]
    if match["legacy"]:
        expects.append(match["legacy"].removeprefix("_"))
    results = [each for each in block if not each.startswith("expect")]
    names = ("at",) if match["at"] else ("start", "end", "step")
    moments = tuple(milliseconds(match[name]) for name in names)
    return Case(number, match["expr"].strip(), moments, tuple(expects), tuple(results))


def _told(line: str) -> str:
    """What is expected, in today's words."""
    for old, new in (("message", "msg"), ("regexp", "regex")):
        line = line.replace(f"expected_fail_{old} ", f"expect fail {new}: ")
    return line.removeprefix("expect").strip()


def why_skipped(case: Case, loaded: Loaded) -> str:
    """What a case needs that is not ours; "" for nothing."""
    try:
        tree = parse(case.expr)
    except QueryError as error:
        return error.reason if "not supported" in error.reason else ""
    if picks(tree, loaded.native) or any("{{" in each for each in case.results):
        return "native histograms are not kept"
    if picks(tree, loaded.started):
        return "start timestamps are behind a feature flag"
    return ""


def picks(tree: Node, series: set[Labels]) -> bool:
    selectors = [node for node in walk(tree) if isinstance(node, VectorSelector)]
    return any(selects(each.matchers, labels) for each in selectors for labels in series)


def outcome(case: Case, loaded: Loaded) -> str:
    """What is wrong with an answer; "" if it is as it must be."""
    try:
        if len(case.moments) == 1:
            answer = query(loaded, case.expr, *case.moments)
        else:
            start, end, step = case.moments
            answer = query_range(loaded, case.expr, start, end, step / 1000)
    except (QueryError, UsageError) as error:
        return wrong_failure(case, str(error))
    if case.fails:
        return f"expected a failure, got {answer!r}"
    return wrong_annotations(case, answer) or wrong_answer(case, answer, loaded)


def wrong_failure(case: Case, message: str) -> str:
    if not case.fails:
        return f"failed: {message}"
    for expect in case.expects:
        told = re.fullmatch(r"fail\s*(msg|regex):\s*(.*)", expect)
        if told is not None:
            pattern = re.escape(told[2]) if told[1] == "msg" else told[2]
            if not re.search(pattern, message):
                return f"expected {told[2]!r}, got {message!r}"
    return ""


def wrong_annotations(case: Case, answer: object) -> str:
    notes = getattr(answer, "annotations", Annotations())
    found = {"warn": notes.warnings, "info": notes.infos}
    for expect in case.expects:
        negated, kind, how, what = _EXPECT.fullmatch(expect).groups()
        if kind in found and not _ANNOTATED[how or negated](
            found[kind], (what or "").strip()
        ):
            return f"expected {expect!r}, got {found[kind]}"
    return ""


_EXPECT = re.compile(r"(no_)?(\w+)\s*(?:(msg|regex):)?(.*)")
_ANNOTATED = {
    None: lambda notes, what: bool(notes),
    "no_": lambda notes, what: not notes,
    "msg": lambda notes, what: what in notes,
    "regex": lambda notes, what: any(re.fullmatch(what, each) for each in notes),
}


def wrong_answer(case: Case, answer: object, loaded: Loaded) -> str:
    if isinstance(answer, str):
        wanted = f'string "{answer}"'
        return "" if wanted in case.expects else f"got {answer!r}"
    if isinstance(answer, Scalar):
        [wanted] = case.results
        return (
            ""
            if alike(answer.value, number(wanted))
            else f"got {answer.value}, not {wanted}"
        )
    if isinstance(answer, Matrix):
        return wrong_matrix(case, answer)
    assert isinstance(answer, Vector)
    return wrong_vector(case, answer) or wrong_in_range(case, answer, loaded)


def wrong_vector(case: Case, answer: Vector) -> str:
    wanted = [
        (labels, next(iter(expanded(rest))))
        for labels, rest in map(series_of, case.results)
    ]
    got = [(point.labels, point.value) for point in answer]
    if "ordered" not in case.expects:
        wanted.sort(key=lambda each: each[0].flat)
        got.sort(key=lambda each: each[0].flat)
    if [labels for labels, _ in wanted] != [labels for labels, _ in got]:
        return f"got {got}, not {wanted}"
    pairs = zip(wanted, got, strict=True)
    if not all(alike(value, other) for (_, value), (_, other) in pairs):
        return f"got {got}, not {wanted}"
    return ""


def wrong_in_range(case: Case, answer: Vector, loaded: Loaded) -> str:
    """A question of one moment is answered alike as one step of a range."""
    [at] = case.moments
    if re.search(r"@ (start|end)\(\)", case.expr):
        return ""
    matrix = query_range(loaded, case.expr, at - 60_000, at + 60_000, 60)
    there = {
        each.labels: value for each in matrix for time, value in each.samples if time == at
    }
    if there.keys() != set(answer.labels):
        return f"as a step of a range: got {there}"
    if not all(alike(there[point.labels], point.value) for point in answer):
        return f"as a step of a range: got {there}"
    return ""


def wrong_matrix(case: Case, answer: Matrix) -> str:
    times = steps(case)
    wanted = {}
    for line in case.results:
        labels, rest = series_of(line)
        values = list(expanded(rest))
        samples = [(t, v) for t, v in zip(times, values, strict=False) if v is not MISSING]
        if samples:
            wanted[labels] = samples
    got = {series.labels: list(series.samples) for series in answer}
    if wanted.keys() != got.keys():
        return f"got {got}, not {wanted}"
    for labels, samples in wanted.items():
        if [time for time, _ in samples] != [time for time, _ in got[labels]]:
            return f"{labels}: got {got[labels]}, not {samples}"
        pairs = zip(samples, got[labels], strict=True)
        if not all(alike(value, other) for (_, value), (_, other) in pairs):
            return f"{labels}: got {got[labels]}, not {samples}"
    return ""


def steps(case: Case) -> range:
    for expect in case.expects:
        match = re.match(r"range vector from (\S+) to (\S+) step (\S+)", expect)
        if match is not None:
            start, end, step = map(milliseconds, match.groups())
            return range(start, end + 1, step)
    start, end, step = case.moments
    return range(start, end + 1, step)


def alike(one: float, other: float) -> bool:
    """Equal but for rounding, as Prometheus' tests have it."""
    if one == other or (math.isnan(one) and math.isnan(other)):
        return True
    total = abs(one) + abs(other)
    return one != 0 and other != 0 and abs(one - other) < 1e-6 * min(total, 1.7e308)
