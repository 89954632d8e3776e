"""Regular expressions with the meaning they have in Prometheus (M-3, M-5).

A pattern is Go's RE2 syntax, matched against the whole value; its dot matches a
newline. google-re2 (the extra ``re2``) is the same language in linear time and is
used where it is installed. Elsewhere Python's `re` does the work, behind a translator:
`_regex_syntax` writes the pattern in Python's words with the same meaning, or refuses
it. What only `re` refuses says so and names the extra:

* ``\\p{Greek}`` and ``(?i)`` on letters outside ASCII: their tables are not in Python;
* what could make `re` try too many ways to match (`_regex_syntax`);
* more than 1000 characters, or groups more than 50 deep.

The environment variable ``PROMLATEST_REGEX_ENGINE`` (``re2`` or ``re``) picks the
engine for a whole process. Values are text that UTF-8 can hold, as `Labels` makes
sure. Verdicts are not remembered here: the matcher does that.

Known to differ from Go, and left so: google-re2 reads ``x{9876543210}`` as text where
Go refuses the count, and groups more than 1000 deep, and limits a program to 8 MiB.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from promlatest._matching.regex_syntax import python_source
from promlatest.exceptions import MissingExtraError, PatternError, UsageError

try:
    import re2
except ImportError:  # the extra is not installed
    re2 = None

ENGINE: Final[str] = os.environ.get("PROMLATEST_REGEX_ENGINE") or ("re2" if re2 else "re")

Groups = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; is safe to share between threads.

    Attributes:
        pattern: the expression as it was given.
        literals: the values it matches, where it names them all (``a|b``), else None.
        prefix: what every value that matches begins with; "" if nothing is known.
        prefix_decides: every value with that prefix matches (``pod-.*``).
        group_names: the number of each named group; of two of a name the first.
    """

    pattern: str
    literals: frozenset[str] | None = field(compare=False)
    group_names: Mapping[str, int] = field(compare=False)
    _test: Callable[[str], object] = field(compare=False, repr=False)
    _groups: Callable[[str], Groups | None] = field(compare=False, repr=False)
    prefix: str = field(default="", compare=False)
    prefix_decides: bool = field(default=False, compare=False)

    def matches(self, value: str) -> bool:
        """Whether the whole value matches."""
        return bool(self._test(value))

    def fullmatch(self, value: str) -> Groups | None:
        """The text of each group, from the first on; None if there is no match."""
        return self._groups(value)


def compile_pattern(pattern: str, *, engine: Literal["re2", "re"] | None = None) -> Pattern:
    """A pattern that means what it means in Prometheus.

        >>> compile_pattern("web-[0-9]+").matches("web-12")
        True

    Args:
        engine: "re2" or "re" instead of `ENGINE`.

    Raises:
        PatternError: the pattern is wrong, or beyond what the engine can do.
        MissingExtraError: google-re2 is asked for and not installed.
    """
    name = engine or ENGINE
    if name not in _ENGINES:
        raise UsageError(f"the regex engine must be 're2' or 're', not {name!r}")
    if name == "re2" and re2 is None:
        raise MissingExtraError("re2", "the regex engine 're2'")
    if any("\ud800" <= character <= "\udfff" for character in pattern):
        raise PatternError(pattern, "invalid UTF-8")
    return _simple(pattern) or _ENGINES[name](pattern)


# --- Forms that need no engine (M-4) ---
#
# Each is valid in both engines, and means the same as if it had gone through one. Go
# escapes no letter or digit to itself, and every ASCII punctuation mark.

_LITERAL = r"(?:[^\\.+*?()|\[\]{}^$]|\\[!-/:-@\[-`{-~])*"
_LITERALS: Final = re.compile(rf"{_LITERAL}(?:\|{_LITERAL})*")
_AFFIX: Final = re.compile(rf"(\.[*+])?({_LITERAL})(\.[*+])?")
_PREFIX: Final = re.compile(rf"({_LITERAL})(?![*+?{{])(\.\*)?")
_TOKEN: Final = re.compile(r"\\.|[^\\]", re.DOTALL)

_AFFIX_TESTS: Final[dict[tuple[str, str], Callable[[str], Callable[[str], bool]]]] = {
    ("", ".*"): lambda part: lambda value: value.startswith(part),
    ("", ".+"): lambda part: (
        lambda value: value.startswith(part) and len(value) > len(part)
    ),
    (".*", ""): lambda part: lambda value: value.endswith(part),
    (".+", ""): lambda part: lambda value: value.endswith(part) and len(value) > len(part),
    (".*", ".*"): lambda part: lambda value: part in value,
}


def _simple(pattern: str) -> Pattern | None:
    inner, captures = _unwrap(pattern)
    literals: frozenset[str] | None = None
    test: Callable[[str], bool]
    if _LITERALS.fullmatch(inner):
        literals = frozenset(_alternatives(inner))
        test = literals.__contains__
    elif (form := _AFFIX.fullmatch(inner)) and (
        make := _AFFIX_TESTS.get((form[1] or "", form[3] or ""))
    ):
        test = make(_alternatives(form[2])[0])
    else:
        return None

    def groups(value: str) -> Groups | None:
        return ((value,) if captures else ()) if test(value) else None

    return Pattern(pattern, literals, {}, test, groups, *_prefix(pattern))


def _prefix(pattern: str) -> tuple[str, bool]:
    """What every match begins with, and whether that decides."""
    found = _PREFIX.match(pattern)
    if found is None or "|" in pattern:
        return "", False
    rest = pattern[found.end() :]
    return _alternatives(found[1])[0], bool(found[2]) and not rest


def _unwrap(pattern: str) -> tuple[str, bool]:
    # Grafana writes a choice of several values as (a|b|c).
    for opening, captures in (("(?:", False), ("(", True)):
        if pattern.startswith(opening) and pattern.endswith(")"):
            return pattern[len(opening) : -1], captures
    return pattern, False


def _alternatives(text: str) -> list[str]:
    parts = [""]
    for token in _TOKEN.findall(text):
        if token == "|":
            parts.append("")
        else:
            parts[-1] += token[-1]
    return parts


# --- google-re2 ---

# Go knows no \C (any byte). What stands between \Q and \E is text.
_ANY_BYTE: Final = re.compile(r"(?:[^\\]|\\Q.*?(?:\\E|\Z)|\\[^CQ])*+\\C", re.DOTALL)


def _with_re2(pattern: str) -> Pattern:
    if _ANY_BYTE.match(pattern):
        raise PatternError(pattern, "invalid escape sequence: \\C")
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False  # they would go to stderr
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        raise PatternError(pattern, text) from error
    names = compiled.groupindex
    for name in names:
        if not name.isascii():  # newer RE2 takes letters here, Go does not
            raise PatternError(pattern, f"invalid named capture: {name}")
    return _pattern(pattern, names, compiled.fullmatch)


def _pattern(
    pattern: str, names: Mapping[str, int], fullmatch: Callable[[str], Any]
) -> Pattern:
    def groups(value: str) -> Groups | None:
        match = fullmatch(value)
        return match.groups() if match else None

    return Pattern(pattern, None, names, fullmatch, groups, *_prefix(pattern))


# --- Python's re ---


def _with_re(pattern: str) -> Pattern:
    source, names = python_source(pattern)
    return _pattern(pattern, names, re.compile(source, re.DOTALL).fullmatch)


_ENGINES: Final = {"re2": _with_re2, "re": _with_re}
