"""What a process exposes, as a check of rules asks for it: names, types, labels, values.

A `Queryable` is asked once for each metric that some rule names; what it answers is kept
for as long as the check lasts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final, Literal, Protocol, runtime_checkable

import attrs

from promlatest._datapoint import DataPoint, Metadata, family_of
from promlatest._interfaces import Queryable
from promlatest._matching.floats import parse_float
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import Matcher
from promlatest._matching.near import close_names
from promlatest.scrape._ingest import SYNTHETIC

__all__ = ["MADE_ELSEWHERE", "Known", "SampleType", "Vocabulary"]

SampleType = Literal["counter", "gauge", "unknown"]

# What a Prometheus makes of a scrape and of its alerts, whatever the process exposes.
MADE_ELSEWHERE: Final = frozenset(
    (
        *SYNTHETIC, "scrape_timeout_seconds", "scrape_sample_limit",
        "scrape_body_size_bytes", "ALERTS", "ALERTS_FOR_STATE",
    )
)  # fmt: skip

_COUNTING: Final = ("_bucket", "_count", "_sum")
_COUNTED: Final = re.compile(r"_(?:bucket|count|sum)$")
_GAUGES: Final = frozenset(("gauge", "gaugehistogram", "info", "stateset"))
_ALIKE: Final = 12  # names that share the most words, of which the closest are picked


@runtime_checkable
class Declaring(Protocol):
    """Knows families that were described and have no series yet, as a store does."""

    def declared(self) -> Mapping[str, Metadata]: ...


@attrs.frozen
class Vocabulary:
    """Names, and which of them was probably meant.

    difflib compares letters, 20 µs a name; names with words in common are looked for
    first, in an index, so that a page of 2,000 names costs 0.3 ms a question and not 40.
    """

    names: Collection[str]

    @cached_property
    def _by_word(self) -> Mapping[str, Collection[str]]:
        index: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.names):
            for word in set(name.split("_")):
                index[word].append(name)
        return index

    def __contains__(self, name: object) -> bool:
        return name in self._set

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    @cached_property
    def _set(self) -> frozenset[str]:
        return frozenset(self.names)

    @cached_property
    def _found(self) -> dict[str, tuple[str, ...]]:
        return {}

    def closest(self, name: str) -> tuple[str, ...]:
        """The up to three names closest to one, the closest first; () if none is close."""
        if name not in self._found:
            self._found[name] = self._closest(name)
        return self._found[name]

    def _closest(self, name: str) -> tuple[str, ...]:
        words = set(name.split("_"))
        shared: dict[str, float] = defaultdict(float)
        for word in words:
            found = self._by_word.get(word, ())
            for each in found:
                shared[each] += 1 / len(found)  # a rare word says more than `total`
        alike = sorted(shared, key=lambda each: (-shared[each], each))[:_ALIKE]
        if len(self.names) <= 10 * _ALIKE or not alike:
            alike = sorted(self.names)
        return tuple(close_names(name, alike))


class Known:
    """What is exposed, and what is made of it elsewhere.

    Args:
        queryable: what the process exposes.
        recorded: metrics that recording rules make.
        optional: patterns of the shell for metrics that need not be there.
        target_labels: labels that the target has, and the process does not expose.
    """

    def __init__(
        self,
        queryable: Queryable,
        recorded: Iterable[str],
        optional: Iterable[str],
        target_labels: Iterable[str],
    ) -> None:
        self._queryable: Final = queryable
        self._recorded: Final = frozenset(recorded)
        self._optional: Final = tuple(optional)
        self._alive: Final = queryable.metrics()
        declared = queryable.declared() if isinstance(queryable, Declaring) else {}
        self._families: Final = {**declared, **self._alive}
        self.target_labels: Final = frozenset(target_labels)
        self.names: Final = Vocabulary(queryable.label_values(METRIC_NAME))
        self._metrics: Final[dict[str, Metric]] = {}

    def may_be_missing(self, name: str) -> bool:
        """Whether a metric is made by a rule or by Prometheus, or said to be optional."""
        return (
            name in self._recorded
            or name in MADE_ELSEWHERE
            or any(
                fnmatchcase(each, pattern)
                for pattern in self._optional
                for each in (name, _COUNTED.sub("", name))
            )
        )

    def silent_type(self, name: str) -> str:
        """The type of a metric whose family is declared and has no series at all; or ""."""
        family = family_of(name, self._families)
        silent = family in self._families and family not in self._alive
        return self._families[family].type if silent else ""

    def metric(self, name: str) -> Metric:
        """What is known of a metric."""
        if name not in self._metrics:
            points = self._queryable.query(name)
            told = self._families.get(family_of(name, self._families), Metadata())
            self._metrics[name] = Metric(name, told.type, points)
        return self._metrics[name]

    def matching(self, matchers: Iterable[Matcher]) -> list[Metric]:
        """The metrics whose names fulfil some matchers of the name."""
        wanted = tuple(matchers)
        names = [n for n in self.names.names if all(m.matches(n) for m in wanted)]
        return [self.metric(name) for name in names]


@attrs.frozen(eq=False)
class Metric:
    """One metric and all its series."""

    name: str
    type: str
    points: list[DataPoint]

    @property
    def sample_type(self) -> SampleType:
        """Whether it counts up for ever, or goes up and down; "unknown" if untyped."""
        if self.name.endswith("_created"):  # a time, whatever its family counts
            return "unknown"
        if self.type == "counter":
            return "counter"
        if self.type in ("histogram", "summary"):
            return "counter" if self.name.endswith(_COUNTING) else "gauge"
        return "gauge" if self.type in _GAUGES else "unknown"

    @cached_property
    def labels(self) -> frozenset[str]:
        """The names of the labels that some series of it has."""
        return frozenset().union(*(p.labels for p in self.points)) - {METRIC_NAME}

    @cached_property
    def always(self) -> frozenset[str]:
        """The names of the labels that each series of it has."""
        return frozenset.intersection(*(frozenset(p.labels) for p in self.points)) - {
            METRIC_NAME
        }

    @cached_property
    def bounds(self) -> frozenset[float]:
        """The bounds of its buckets."""
        found = set()
        for le in self.values.get("le", ()):
            with suppress(ValueError):  # a label of that name that is no bound
                found.add(parse_float(le))
        return frozenset(found)

    @cached_property
    def values(self) -> Mapping[str, frozenset[str]]:
        """The values of each label; "" among them if some series does not have it."""
        return {
            name: frozenset(point.labels.get(name, "") for point in self.points)
            for name in self.labels
        }
