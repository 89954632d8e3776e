"""Regular expressions with the meaning they have in Prometheus (M-3, M-5).

A pattern is Go's RE2 syntax, matched against the whole value; its dot matches a newline.
`str` answers the simple forms; `regex_machine` runs all others, in time linear in
the value (about 35 ns a character once it is warm, and a few microseconds at worst). Values
are text that UTF-8 can hold, as `Labels` makes sure. Verdicts are not remembered here: the
matcher does that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from promlatest.exceptions import PatternError

Test = Callable[[str], bool]
GroupTexts = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; is safe to share between threads.

    Attributes:
        pattern: the expression as it was given.
        matches: whether a whole value matches.
        fullmatch: the text of each group, from the first on; None if there is no match.
        prefix: what every value that matches begins with; "" if nothing is known.
        prefix_decides: every value with that prefix matches (``pod-.*``).
        group_names: the number of each named group; of two of a name the first.
        literals: the values it matches, where it names them all (``a|b``), else None.
    """

    pattern: str
    matches: Test = field(compare=False, repr=False)
    fullmatch: Callable[[str], GroupTexts | None] = field(compare=False, repr=False)
    prefix: str = field(default="", compare=False)
    prefix_decides: bool = field(default=False, compare=False)
    group_names: Mapping[str, int] = field(default_factory=dict, compare=False)
    literals: frozenset[str] | None = field(default=None, compare=False)

    def __reduce__(self) -> tuple[Callable[[str], Pattern], tuple[str]]:
        return compile_pattern, (self.pattern,)


def compile_pattern(pattern: str) -> Pattern:
    """A pattern that means what it means in Prometheus.

        >>> compile_pattern("web-[0-9]+").matches("web-12")
        True

    Raises:
        PatternError: the pattern is wrong, or too large.
    """
    if any("\ud800" <= character <= "\udfff" for character in pattern):
        raise PatternError(pattern, "invalid UTF-8")
    simple = _simple(pattern)
    if simple is not None:
        return simple
    # 6 ms, 7 % of what importing `Store` costs, which the simple forms do without.
    from promlatest._matching.regex_machine import Machine

    engine = Machine(pattern)
    return Pattern(
        pattern,
        engine.matches,
        engine.fullmatch,
        engine.prefix,
        engine.prefix_decides,
        engine.names,
    )


# --- Forms that need no machine (M-4) ---
#
# Most patterns are one of these, and `str` answers in 60 ns where the engine takes 600 for
# 15 characters. Go escapes no letter or digit to itself, and every ASCII punctuation mark.

_LITERAL = r"(?:[^\\.+*?()|\[\]{}^$]|\\[!-/:-@\[-`{-~])*"
_LITERALS: Final = re.compile(rf"{_LITERAL}(?:\|{_LITERAL})*")
_AFFIX: Final = re.compile(rf"(\.[*+])??({_LITERAL})(\.[*+])?")
_TOKEN: Final = re.compile(r"\\.|[^\\]", re.DOTALL)

_AFFIX_TESTS: Final[dict[tuple[str, str], Callable[[str], Callable[[str], bool]]]] = {
    ("", ".*"): lambda fragment: lambda value: value.startswith(fragment),
    ("", ".+"): lambda fragment: (
        lambda value: value.startswith(fragment) and len(value) > len(fragment)
    ),
    (".*", ""): lambda fragment: lambda value: value.endswith(fragment),
    (".+", ""): lambda fragment: (
        lambda value: value.endswith(fragment) and len(value) > len(fragment)
    ),
    (".*", ".*"): lambda fragment: lambda value: fragment in value,
}


def _simple(pattern: str) -> Pattern | None:
    inner, captures = _unwrap(pattern)
    literals = None
    prefix, decides = "", False
    test: Test
    if _LITERALS.fullmatch(inner):
        literals = frozenset(_alternatives(inner))
        test = literals.__contains__
    elif (form := _AFFIX.fullmatch(inner)) and (
        make := _AFFIX_TESTS.get((form[1] or "", form[3] or ""))
    ):
        text = _alternatives(form[2])[0]
        test = make(text)
        prefix = "" if form[1] else text
        decides = form[3] == ".*" and not form[1]
    else:
        return None

    def groups(value: str) -> GroupTexts | None:
        return ((value,) if captures else ()) if test(value) else None

    return Pattern(pattern, test, groups, prefix, decides, literals=literals)


def _unwrap(pattern: str) -> tuple[str, bool]:
    # Grafana writes a choice of several values as (a|b|c).
    for opening, captures in (("(?:", False), ("(", True)):
        if pattern.startswith(opening) and pattern.endswith(")"):
            return pattern[len(opening) : -1], captures
    return pattern, False


def _alternatives(text: str) -> list[str]:
    parts: list[list[str]] = [[]]
    for token in _TOKEN.findall(text):
        if token == "|":
            parts.append([])
        else:
            parts[-1].append(token[-1])
    return ["".join(part) for part in parts]
