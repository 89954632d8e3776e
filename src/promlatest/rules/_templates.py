"""Templates of labels and annotations: `{{ $value | humanize }}`, as Prometheus shows it.

What people write most is rendered: values, labels, and a pipeline of the functions in
`_FUNCTIONS`. Everything else (conditions, loops, queries, functions that are not here)
is left in the text as it stands, so that nothing is shown that Prometheus would not show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Final

from promlatest._matching.floats import format_float
from promlatest._matching.literals import unquote

__all__ = ["render"]

Value = str | float | Mapping[str, str]

_ACTION: Final = re.compile(
    r"""(?P<left>\s*\{\{-\s|\{\{)(?P<inside>(?:"(?:[^"\\\n]|\\.)*"|`[^`]*`|[^"`}]|\}(?!\}))*?)"""
    r"""(?P<right>\s-\}\}\s*|\}\})"""
)
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`)"""
    r"""|(?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"""
    r"""|(?P<name>[$.]?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?P<mark>[|()]))"""
)
_VERB: Final = re.compile(r"%([-+ 0#]*\d*(?:\.\d+)?)([a-zA-Z%])")
_SMALL: Final = "munpfazy"
_LARGE: Final = "kMGTPEZY"
_DURATIONS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


class _LeftAlone(Exception):
    """An action that is not rendered here."""


def render(
    text: str, labels: Mapping[str, str], value: float, foreign: Collection[str] = ()
) -> str:
    """A template with what is known filled in.

    Args:
        text: the template.
        labels: of the series that the alert is true for.
        value: of the expression for it.
        foreign: labels that somebody else adds: one that is not there is left alone.

    >>> render("{{ $labels.path }}: {{ $value | humanizePercentage }}", {"path": "/"}, 0.25)
    '/: 25%'
    >>> render("{{ if gt $value 1.0 }}many{{ end }}", {}, 2)
    '{{ if gt $value 1.0 }}many{{ end }}'
    """
    known: dict[str, Value] = {
        "$value": value,
        ".Value": value,
        "$labels": labels,
        ".Labels": labels,
    }

    def action(match: re.Match[str]) -> str:
        try:
            return _shown(_Pipeline(match["inside"], known, foreign).run())
        except _LeftAlone:
            return match.group()

    return _ACTION.sub(action, text)


class _Pipeline:
    """One action: commands between pipes, each given what the one before it gave."""

    def __init__(
        self, text: str, known: Mapping[str, Value], foreign: Collection[str]
    ) -> None:
        self.known = known
        self.foreign = foreign
        self.tokens = list(_tokens(text))
        self.at = 0

    def run(self) -> Value:
        result = self.commands()
        if self.at < len(self.tokens):
            raise _LeftAlone
        return result

    def commands(self) -> Value:
        result = self.command(())
        while self.taken("|"):
            result = self.command((result,))
        return result

    def command(self, piped: tuple[Value, ...]) -> Value:
        kind, token = self.next()
        function = _FUNCTIONS.get(token) if kind == "name" else None
        if function is None:
            if piped:
                raise _LeftAlone
            return self.operand(kind, token)
        arguments: list[Value] = []
        while self.at < len(self.tokens) and self.tokens[self.at][1] not in ("|", ")"):
            arguments.append(self.operand(*self.next()))
        try:
            return function(*arguments, *piped)
        except (TypeError, ValueError):  # too many arguments, or of a wrong kind
            raise _LeftAlone from None

    def operand(self, kind: str, token: str) -> Value:
        if token == "(":
            result = self.commands()
            if not self.taken(")"):
                raise _LeftAlone
            return result
        if kind == "text":
            return _unquoted(token)
        if kind == "number":
            return float(token)
        if kind == "name":
            return self.variable(token)
        raise _LeftAlone

    def variable(self, token: str) -> Value:
        if token in self.known:
            return self.known[token]
        dot = token.find(".", 1)
        labels = self.known.get(token[:dot]) if dot > 0 else None
        name = token[dot + 1 :]
        if not isinstance(labels, Mapping) or (name in self.foreign and name not in labels):
            raise _LeftAlone
        return labels.get(name, "")

    def next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise _LeftAlone
        self.at += 1
        return self.tokens[self.at - 1]

    def taken(self, mark: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == ("mark", mark)
        self.at += found
        return found


def _tokens(text: str) -> Sequence[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise _LeftAlone
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _unquoted(token: str) -> str:
    try:
        text = unquote(token)
        text.encode()  # bytes that are no UTF-8 are not shown
    except ValueError:
        raise _LeftAlone from None
    return text


def _shown(value: Value) -> str:
    """A value as Go's templates print it."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{name}:{value[name]}' for name in sorted(value))}]"
    return format_float(value)


# Functions


def _number(value: Value) -> float:
    if isinstance(value, Mapping):
        raise ValueError
    return float(value)


def _short(value: float) -> str:
    return f"{value:.4g}" if isfinite(value) else format_float(value)


def _scaled(value: float, base: float, units: str, after: str = "") -> str:
    unit = ""
    for each in units:
        if abs(value) < base:
            break
        value, unit = value / base, each + after
    return _short(value) + unit


def _shrunk(value: float) -> str:
    unit = ""
    for each in _SMALL:
        if abs(value) >= 1:
            break
        value, unit = value * 1000, each
    return _short(value) + unit


def _humanize(given: Value) -> str:
    value = _number(given)
    if value == 0 or not isfinite(value):
        return _short(value)
    return _scaled(value, 1000, _LARGE) if abs(value) >= 1 else _shrunk(value)


def _humanize1024(given: Value) -> str:
    value = _number(given)
    if abs(value) <= 1 or not isfinite(value):
        return _short(value)
    return _scaled(value, 1024, _LARGE, "i")


def _humanize_percentage(given: Value) -> str:
    return f"{_short(_number(given) * 100)}%"


def _humanize_duration(given: Value) -> str:
    value = _number(given)
    if not isfinite(value):
        return _short(value)
    if abs(value) < 60:
        return f"{_short(value)}s" if abs(value) >= 1 or not value else f"{_shrunk(value)}s"
    rest = int(abs(value))
    parts: list[str] = []
    for size, unit in _DURATIONS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return "-" * (value < 0) + " ".join(parts)


def _humanize_timestamp(given: Value) -> str:
    value = _number(given)
    if not isfinite(value):
        return _short(value)
    try:
        moment = datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError from error
    fraction = f"{moment.microsecond / 1e6:.6f}".rstrip("0").rstrip(".")[1:]
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def _printf(form: Value, *values: Value) -> str:
    if not isinstance(form, str):
        raise ValueError
    waiting = list(values)

    def verb(match: re.Match[str]) -> str:
        flags, letter = match.groups()
        if letter == "%":
            return "%"
        if not waiting:
            raise ValueError
        return _VERBS[letter](flags, waiting.pop(0))

    try:
        text = _VERB.sub(verb, form)
    except KeyError:
        raise ValueError from None
    if waiting:  # Go says so in the text
        raise ValueError
    return text


def _as_float(letter: str) -> Callable[[str, Value], str]:
    def shown(flags: str, value: Value) -> str:
        if not isinstance(value, float | int):
            raise ValueError
        if not isfinite(value) or (letter == "g" and "." not in flags):
            width = flags.partition(".")[0].lstrip("+ 0#")
            return f"%{width}s" % format_float(value)
        return f"%{flags}{letter}" % value

    return shown


def _as_text(flags: str, value: Value) -> str:
    if not isinstance(value, str):
        raise ValueError
    return f"%{flags}s" % value


_VERBS: Final[Mapping[str, Callable[[str, Value], str]]] = {
    **{letter: _as_float(letter) for letter in "feEgG"},
    "s": _as_text,
    "v": lambda flags, value: f"%{flags}s" % _shown(value),
    "q": lambda flags, value: f'"{_as_text(flags, value)}"',
}


def _index(labels: Value, name: Value) -> str:
    if not isinstance(labels, Mapping) or not isinstance(name, str):
        raise ValueError
    return labels.get(name, "")


def _of_text(change: Callable[[str], str]) -> Callable[[Value], str]:
    def changed(value: Value) -> str:
        if not isinstance(value, str):
            raise ValueError
        return change(value)

    return changed


def _title(text: str) -> str:
    return re.sub(r"(^|\s)(\S)", lambda match: match[1] + match[2].upper(), text)


_FUNCTIONS: Final[Mapping[str, Callable[..., Value]]] = {
    "humanize": _humanize,
    "humanize1024": _humanize1024,
    "humanizeDuration": _humanize_duration,
    "humanizePercentage": _humanize_percentage,
    "humanizeTimestamp": _humanize_timestamp,
    "index": _index,
    "printf": _printf,
    "title": _of_text(_title),
    "toLower": _of_text(str.lower),
    "toUpper": _of_text(str.upper),
}
