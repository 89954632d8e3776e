"""Matchers: a label name, one of four operators, and a value.

Matching is Prometheus' (M-1 to M-3): a label that is not there is matched as the
empty string, and a regular expression must match the whole value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from os.path import commonprefix
from typing import TYPE_CHECKING, Final, Literal

from promlatest._arguments import checked, checked_choice, shown
from promlatest._matching.floats import normalise_bound
from promlatest._matching.labels import quote, quote_name
from promlatest.exceptions import LabelError, UsageError

if TYPE_CHECKING:
    from promlatest._matching.regex import Pattern

MatchType = Literal["=", "!=", "=~", "!~"]

LabelValue = str | re.Pattern[str] | Collection[str] | None
"""What a keyword of a query may be: equal, full match, any of them; None: absent."""

KeywordValue = str | re.Pattern[str] | frozenset[str]
"""The same, hashable."""

# A verdict is kept per distinct value, so a label with millions of values must not
# turn the memory of one matcher into a second store.
_VERDICTS_KEPT: Final = 10_000
_BOUNDS: Final = ("le", "quantile")


class Matcher:
    """One condition on one label.

        >>> Matcher("name", "=~", "pods|nodes").matches("pods")
        True
        >>> print(Matcher("name", "!=", "pods"))
        name!="pods"

    Raises:
        UsageError: the operator is none of ``=``, ``!=``, ``=~``, ``!~``.
        LabelError: the name is empty, or name or value is no text.
        PatternError: the regular expression cannot be read.
    """

    __slots__ = ("_hash", "_key", "_verdicts", "name", "operator", "value")

    name: str
    operator: MatchType
    value: str

    def __init__(self, name: str, operator: MatchType, value: str) -> None:
        checked_choice("operator", operator, MatchType)
        if not isinstance(name, str) or not name or not isinstance(value, str):
            raise LabelError(f"a matcher needs a name and a text: {name!r}, {value!r}")
        verdicts = _VERDICTS[operator](value)
        self._hold(name, operator, value, verdicts, (name, operator, value))

    def _hold(
        self,
        name: str,
        operator: MatchType,
        value: str,
        verdicts: _Verdicts,
        key: tuple[object, ...],
    ) -> None:
        self.name = name
        self.operator = operator
        self.value = value
        self._verdicts = verdicts
        self._key = key  # what it is made of anew
        self._hash = hash(key)

    def matches(self, value: str) -> bool:
        """Whether a label of this value fulfils the condition; "" is an absent one.

        Raises:
            UsageError: the value is no text.
        """
        try:
            return self._verdicts[value]
        except TypeError:  # what has no hash is no text
            checked(value, str, "a label's value as a str")
            raise

    @property
    def literals(self) -> frozenset[str] | None:
        """The only values that can match, where they can be listed; else None.

        It lets a query use an index in place of asking for every value.
        """
        return self._verdicts.only

    @property
    def prefix(self) -> str:
        """What every value that matches begins with; "" if nothing is known of it.

        >>> Matcher("pod", "=~", "web-[0-9]+").prefix
        'web-'
        """
        return self._verdicts.prefix

    @property
    def prefix_decides(self) -> bool:
        """Whether every value that begins with `prefix` matches (``web-.*``, ``.*``)."""
        return self._verdicts.prefix_decides

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Matcher) else NotImplemented

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Callable[..., Matcher], tuple[object, ...]]:
        return Matcher, self._key

    def __str__(self) -> str:
        return f"{quote_name(self.name)}{self.operator}{quote(self.value)}"

    def __repr__(self) -> str:
        return f"Matcher({self.name!r}, {self.operator!r}, {self.value!r})"


def fulfils(labels: Mapping[str, str], matchers: Iterable[Matcher]) -> bool:
    """Whether a label set fulfils all of the matchers; what it lacks is empty."""
    return all(each.matches(labels.get(each.name, "")) for each in matchers)


class _Verdicts(dict[str, bool]):
    """The verdicts of one matcher by value, each worked out once.

    It is a dict, so that the second question about a value costs one look-up in C. Two
    threads that ask first at once work the same verdict out twice, and it is the same.
    """

    __slots__ = ("_judge", "only", "prefix", "prefix_decides")

    def __init__(
        self,
        judge: Callable[[str], bool],
        only: frozenset[str] | None = None,
        prefix: str = "",
        prefix_decides: bool = False,
    ) -> None:
        super().__init__()
        self._judge = judge
        self.only = only
        if only and not prefix:
            prefix = commonprefix([*only])  # noqa: RUF071 texts, no paths
        self.prefix = prefix
        self.prefix_decides = prefix_decides

    def __missing__(self, value: str) -> bool:
        if len(self) >= _VERDICTS_KEPT:
            self.clear()
        checked(value, str, "a label's value as a str")
        verdict = self[value] = self._judge(value)
        return verdict


def _regex(value: str) -> _Verdicts:
    pattern = _compiled(value)
    return _Verdicts(
        pattern.matches, pattern.literals, pattern.prefix, pattern.prefix_decides
    )


def _not_regex(value: str) -> _Verdicts:
    matches = _compiled(value).matches
    return _Verdicts(lambda text: not matches(text))


def _compiled(value: str) -> Pattern:
    from promlatest._matching.regex import compile_pattern  # 4 ms; few matchers have one

    return compile_pattern(value)


_VERDICTS: Final[dict[str, Callable[[str], _Verdicts]]] = {
    "=": lambda value: _Verdicts(value.__eq__, frozenset({value}), value),
    "!=": lambda value: _Verdicts(value.__ne__),
    "=~": _regex,
    "!~": _not_regex,
}


class KeywordMatcher(Matcher):
    """What a keyword can say and a selector text cannot: a compiled Python pattern,
    which keeps the meaning that Python gives it, or a collection of values."""

    __slots__ = ()

    def __init__(self, name: str, given: re.Pattern[str] | frozenset[str]) -> None:
        if isinstance(given, re.Pattern):
            text = given.pattern
            verdicts = _Verdicts(lambda value: given.fullmatch(value) is not None)
        else:
            text = "|".join(sorted(given))
            verdicts = _Verdicts(given.__contains__, given)
        self._hold(name, "=~", text, verdicts, (name, given))

    def __reduce__(self) -> tuple[Callable[..., Matcher], tuple[object, ...]]:
        return KeywordMatcher, self._key


def keyword_matcher(name: str, value: KeywordValue) -> Matcher:
    """The matcher that a query's keyword stands for.

    A text must be equal; "" means that the label is absent; a compiled `re.Pattern`
    must match in full; of a collection any value may match.
    """
    if isinstance(value, str):
        if name not in _BOUNDS or not value or value == normalise_bound(value):
            return Matcher(name, "=", value)
        value = frozenset({value, normalise_bound(value)})  # le="1" is le="1.0"
    return KeywordMatcher(name, value)


def checked_value(name: str, value: LabelValue) -> KeywordValue:
    """What a keyword of a query was given, as the key of a cache can hold it.

    Raises:
        UsageError: it is no text, None, compiled pattern, or collection of texts.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, re.Pattern):
        if not isinstance(value.pattern, str):
            raise UsageError(f"label {name!r}: the pattern must be of str, not bytes")
        return value
    if (
        isinstance(value, Collection)
        and not isinstance(value, bytes | bytearray)  # an empty one would pass
        and all(isinstance(each, str) for each in value)
    ):
        return frozenset(value)
    raise UsageError(
        f"label {name!r}: expected a str, None, a compiled pattern or a collection"
        f" of str, not {shown(value)}"
    )
