"""What a test looks at: a metric's name or a selector text, and further conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from promlatest._datapoint import BOUND_LABEL
from promlatest._matching.conditions import matchers_of
from promlatest._matching.floats import normalise_bound
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.matcher import LabelValue, Matcher, checked_value, keyword_matcher
from promlatest._matching.selector import format_selector, parse_selector
from promlatest.testing._errors import hides

__tracebackhide__ = hides

BOUNDS = frozenset(BOUND_LABEL.values())


@attrs.frozen
class Wanted:
    """What a test looks at.

    Attributes:
        matchers: the conditions, that of the name among them.
        text: the same as a selector text.
        metric: the metric's name; "" if it is not given as such.
    """

    matchers: tuple[Matcher, ...]
    text: str
    metric: str

    @property
    def named(self) -> tuple[Matcher, ...]:
        """The conditions on the name."""
        return tuple(m for m in self.matchers if m.name == METRIC_NAME)

    @property
    def rest(self) -> tuple[Matcher, ...]:
        """The conditions on all other labels."""
        return tuple(m for m in self.matchers if m.name != METRIC_NAME)


def selection(
    metric: str, matchers: Sequence[Matcher] = (), labels: Mapping[str, LabelValue] = {}
) -> Wanted:
    """The selection of a metric's name or a selector text, and further conditions.

        >>> selection('jobs_total{queue="mail"}', labels={"status": "ok"}).text
        'jobs_total{queue="mail",status="ok"}'

    Raises:
        SelectorError: the text cannot be read.
        UsageError: no name, or a label's value that is none.
    """
    if isinstance(metric, str) and "{" in metric:
        keywords = (
            keyword_matcher(name, checked_value(name, value))
            for name, value in labels.items()
        )
        wanted: tuple[Matcher, ...] = (*parse_selector(metric), *matchers, *keywords)
    else:
        wanted = matchers_of(metric, matchers, labels)
    exact = [m.value for m in wanted if m.name == METRIC_NAME and m.operator == "="]
    return Wanted(
        tuple(map(_in_any_spelling, wanted)),
        format_selector(wanted),
        exact[0] if exact else "",
    )


def _in_any_spelling(matcher: Matcher) -> Matcher:
    """A bound is a number: `le="1"` finds what is exposed, or held, as "1.0"."""
    spelled = normalise_bound(matcher.value)
    if matcher.name not in BOUNDS or matcher.operator != "=" or spelled == matcher.value:
        return matcher
    return keyword_matcher(matcher.name, frozenset({matcher.value, spelled}))
