"""Why nothing fits: which word of a selection does not exist, and what comes close.

The same explanations say whether "there is none" may be a slip of the finger. It may, if
a name, a label or a value stands near one that is there, or if a word of the selection
(a label's name, a pattern of names) fits nothing at all. Then a test that says "none" has
to say that it is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from promlatest._matching.labels import METRIC_NAME, quote
from promlatest._matching.matcher import Matcher, keyword_matcher
from promlatest.testing._errors import (
    NoSeriesError,
    SelectionFailure,
    UnknownLabelError,
    UnknownMetricError,
)
from promlatest.testing._selection import Wanted
from promlatest.testing._words import (
    closest,
    is_near,
    is_slip,
    listed,
    many,
    series_lines,
)

if TYPE_CHECKING:
    from promlatest.testing._reading import Reading

_SYNTAX: Final = re.compile(r"[^A-Za-z0-9_:]+")


@attrs.frozen
class Why:
    """Why nothing fits.

    Attributes:
        kind: of the failure that it makes.
        verdict: in one line.
        details: what is there in its place.
        doubtful: whether it may be a slip of the finger.
    """

    kind: type[SelectionFailure]
    verdict: str
    details: tuple[str, ...] = ()
    doubtful: bool = False

    @property
    def answers(self) -> bool:
        """Whether "there is none" is an answer: the metric exists, and nothing is
        doubtful."""
        return not self.doubtful and self.kind is not UnknownMetricError


def why_nothing(reading: Reading, wanted: Wanted) -> Why:
    """Why nothing fits; of what does."""
    return next(why for explain in _EXPLANATIONS if (why := explain(reading, wanted)))


def unknown_label(reading: Reading, wanted: Wanted) -> Why | None:
    """The first condition on a label that none of the series has, whatever it says of
    the label: `outcme!="taken"` would let everything in."""
    named = _name_matchers(reading, wanted)
    if not wanted.rest or not reading.names:
        return None
    names = [n for n in reading.snapshot.label_names(*named) if n != METRIC_NAME]
    for matcher in wanted.rest:
        if matcher.name not in names:
            return _no_label(wanted, matcher.name, names)
    return None


def _no_label(wanted: Wanted, name: str, names: Sequence[str]) -> Why:
    subject = f"{wanted.metric} has no label" if wanted.metric else "no series has a label"
    return Why(
        UnknownLabelError,
        f"{subject} {name}{_hint(closest(name, names))}",
        (f"its labels: {listed(names)}" if wanted.metric else f"labels: {listed(names)}",),
        doubtful=True,
    )


def _hint(near: Sequence[str]) -> str:
    return f"; did you mean {listed(near)}?" if near else ""


def _name_matchers(reading: Reading, wanted: Wanted) -> Sequence[Matcher]:
    """The conditions on the name, with those of its series for the name of a family."""
    if not wanted.metric or wanted.metric in reading.names:
        return wanted.named
    parts = reading.families.get(wanted.metric, frozenset())
    return (keyword_matcher(METRIC_NAME, parts),)


# The explanations, in their order


def _nothing_at_all(reading: Reading, wanted: Wanted) -> Why | None:
    if reading.names or reading.metadata:
        return None
    words = f"{reading.target} exposes nothing at all, so that no question has an answer"
    return Why(NoSeriesError, words, doubtful=True)


def _unknown_name(reading: Reading, wanted: Wanted) -> Why | None:
    metric = wanted.metric
    known = reading.names | set(reading.metadata)
    if not metric or metric in known:
        return None
    return Why(
        UnknownMetricError,
        f"no metric is called {metric}{_hint(closest(metric, known))}",
        (_what_exists(reading),),
        doubtful=any(is_near(metric, name) for name in known),
    )


def _unknown_pattern(reading: Reading, wanted: Wanted) -> Why | None:
    """Conditions on the name that no name fulfils."""
    if wanted.metric or not wanted.named:
        return None
    if any(all(m.matches(name) for m in wanted.named) for name in reading.names):
        return None
    bare = _SYNTAX.sub("", wanted.named[0].value)
    return Why(
        UnknownMetricError,
        f"no metric fits {wanted.named[0]}{_hint(closest(bare, reading.names))}",
        (_what_exists(reading),),
        doubtful=True,
    )


def _empty_family(reading: Reading, wanted: Wanted) -> Why | None:
    """A family that is described, and has no series, or none of its own name."""
    metric = wanted.metric
    if not metric or metric in reading.names:
        return None
    parts = sorted(reading.families.get(metric, ()))
    if not parts:
        return Why(NoSeriesError, f"{metric} is declared, and has no series yet")
    if (why := _mislabelled(reading, wanted)) is not None:
        return why
    kind = reading.metadata[metric].type
    words = f"it is a {kind}, and its series are {listed(parts)}"
    return Why(NoSeriesError, f"no series is called {metric}: {words}", doubtful=True)


def _mislabelled(reading: Reading, wanted: Wanted) -> Why | None:
    return unknown_label(reading, wanted) or _unknown_value(reading, wanted)


def _unknown_value(reading: Reading, wanted: Wanted) -> Why | None:
    named = _name_matchers(reading, wanted)
    for matcher in wanted.rest:
        values = reading.snapshot.label_values(matcher.name, *named)
        if not any(map(matcher.matches, ["", *values])):
            asked = matcher.literals or {matcher.value}
            return Why(
                NoSeriesError,
                f"no series{_of(wanted)} has {matcher}"
                f"{_hint([quote(each) for each in closest(matcher.value, values)])}",
                (f"{matcher.name} is one of: {listed(map(quote, values))}",),
                doubtful=any(is_slip(one, each) for one in asked for each in values),
            )
    return None


def _of(wanted: Wanted) -> str:
    return f" of {wanted.metric}" if wanted.metric else ""


def _nothing_fits(reading: Reading, wanted: Wanted) -> Why:
    """Every word exists, and no series has all of them."""
    if not wanted.metric:
        words = f"no series fits {wanted.text}"
        return Why(NoSeriesError, words, (_what_exists(reading),))
    words = f"no series fits {wanted.text}; {wanted.metric} has others"
    others = series_lines(reading.snapshot.query(wanted.metric))
    return Why(NoSeriesError, words, tuple(others))


_EXPLANATIONS: Final[Sequence[Callable[[Reading, Wanted], Why | None]]] = (
    _nothing_at_all,
    _unknown_name,
    _unknown_pattern,
    _empty_family,
    _mislabelled,
    _nothing_fits,
)


def _what_exists(reading: Reading) -> str:
    names = sorted(reading.names)
    return f"{reading.target} has {many(len(names), 'metric')}: {listed(names)}"
