"""What rows are narrowed down to: a regular expression, or a selector."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from promlatest._datapoint import family_of
from promlatest._interfaces import Queryable
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher, fulfils
from promlatest._matching.selector import parse_selector
from promlatest.exceptions import UsageError
from promlatest.views.catalog import MetricRow
from promlatest.views.operator import controller_names


@attrs.frozen
class Filter:
    """One filter, as it was typed.

    Attributes:
        text: what was typed; "" lets everything pass.
        matchers: those of a selector.
        found: whether a text has what a regular expression asks for.
    """

    text: str = ""
    matchers: tuple[Matcher, ...] = ()
    found: Callable[[str], bool] | None = attrs.field(default=None, eq=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.text)

    def passes(self, text: str) -> bool:
        """Whether a name, or any other text, passes; a selector lets every text pass."""
        return self.found is None or self.found(text)

    def passes_series(self, labels: Labels) -> bool:
        """Whether a series passes."""
        if self.matchers:
            return fulfils(labels, self.matchers)
        return self.passes(labels.series())

    def controllers(self, state: Queryable, names: Iterable[str]) -> list[str]:
        """The controllers that pass; by a selector those that have such a series."""
        if not self.matchers:
            return [name for name in names if self.passes(name)]
        found = {*controller_names(state, *self.matchers)}
        return [name for name in names if name in found]

    def passes_target(self, name: str, state: Queryable) -> bool:
        """Whether a target passes; by a selector one that has such a series."""
        if not self.matchers:
            return self.passes(name)
        return bool(state.label_values(METRIC_NAME, *self.matchers))

    def families(self, state: Queryable, rows: Iterable[MetricRow]) -> list[MetricRow]:
        """The families that have a series which passes."""
        if not self.matchers:
            return [row for row in rows if self.passes(row.name)]
        known = state.metrics()
        names = state.label_values(METRIC_NAME, *self.matchers)
        wanted = {family_of(name, known) for name in names}
        return [row for row in rows if row.name in wanted]


NO_FILTER = Filter()


def parse_filter(text: str) -> Filter:
    """The filter that a person means: with a brace it is a selector, else a regular
    expression that is found anywhere, in Prometheus' meaning.

        >>> parse_filter("queue.*dur").passes("workqueue_queue_duration_seconds")
        True
        >>> parse_filter('{name="pods"}').passes_series(Labels(__name__="x", name="pods"))
        True

    Raises:
        UsageError: it is neither; it says why in one line or more.
    """
    text = text.strip()
    if not text:
        return NO_FILTER
    if "{" in text and not _is_counted(text):
        return Filter(text, tuple(parse_selector(text)))
    matcher = Matcher("text", "=~", f".*(?:{text}).*")
    return Filter(text, (), matcher.matches)


def _is_counted(text: str) -> bool:
    """Whether the braces are those of a repetition, as in ``a{2,3}``."""
    inside = text.partition("{")[2].partition("}")[0]
    return bool(inside) and inside.replace(",", "").isdigit()


def reason(error: UsageError) -> str:
    """Why a filter cannot be read, in one line."""
    said = str(getattr(error, "reason", "") or error).splitlines()[0]
    # What an engine says repeats the pattern, which has more in it than was typed.
    return said.partition(": .*(?:")[0]
