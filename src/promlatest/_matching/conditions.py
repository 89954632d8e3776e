"""What the arguments of a question stand for: matchers, whatever form they came in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from promlatest._arguments import checked, shown
from promlatest._matching.labels import LEGACY_METRIC_NAME, METRIC_NAME
from promlatest._matching.matcher import LabelValue, Matcher, checked_value, keyword_matcher
from promlatest._matching.selector import parse_selector
from promlatest.exceptions import SelectorError, UsageError

Condition = Matcher | str | Iterable["Matcher | str"]
"""What `match` and its like take: a matcher, a selector text, or several of them."""


def flat_matchers(conditions: Iterable[Condition]) -> Iterator[Matcher]:
    """The matchers that conditions stand for.

    Raises:
        UsageError: one is none.
        SelectorError: a text is no selector.
    """
    for each in conditions:
        if isinstance(each, Matcher):
            yield each
        elif isinstance(each, str):
            yield from parse_selector(each)
        elif isinstance(each, Iterable) and not isinstance(each, bytes | Mapping):
            yield from flat_matchers(each)
        else:
            raise UsageError(f"expected a Matcher or a selector text, not {shown(each)}")


def matchers_of(
    metric: str, matchers: Collection[Matcher], labels: Mapping[str, LabelValue]
) -> tuple[Matcher, ...]:
    """The matchers that the arguments of a query stand for, that of the name first.

    Raises:
        UsageError: the metric is no name, or a value or matcher none of what it may be.
    """
    check_named(metric, matchers)
    if not LEGACY_METRIC_NAME.fullmatch(metric) and _is_selector(metric):
        raise UsageError(f"{metric!r} is a selector, and no name: use select({metric!r})")
    rest = [
        keyword_matcher(name, checked_value(name, value)) for name, value in labels.items()
    ]
    return (Matcher(METRIC_NAME, "=", metric), *matchers, *rest)


def check_named(metric: str, matchers: Collection[Matcher]) -> None:
    if not checked(metric, str, "a metric's name"):
        raise UsageError("expected a metric's name, not ''")
    for matcher in matchers:
        checked(matcher, Matcher, "a Matcher")


def _is_selector(text: str) -> bool:
    try:
        parse_selector(text)
    except SelectorError:
        return False
    return "{" in text
