"""Relabelling: rules over a label set, as in Prometheus' `relabel_configs` (C-10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

import attrs

from promlatest._arguments import as_tuple, checked, checked_choice
from promlatest._matching.expansion import filler
from promlatest._matching.regex import Pattern, compile_pattern
from promlatest.exceptions import UsageError
from promlatest.scrape._kinds import kinds_checked

__all__ = ["Relabel", "relabel"]

Action = Literal[
    "replace",
    "keep",
    "drop",
    "keepequal",
    "dropequal",
    "hashmod",
    "labelmap",
    "labeldrop",
    "labelkeep",
    "lowercase",
    "uppercase",
]


def _lower(action: str) -> Action:
    return checked(action, str, "a text for action").lower()  # type: ignore[return-value]  # looked at in post_init


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    names = as_tuple(given, "label names for source_labels")
    return tuple(checked(each, str, "texts in source_labels") for each in names)


@attrs.frozen(kw_only=True, field_transformer=kinds_checked)
class Relabel:
    """One rule; its fields are those of a `relabel_config`.

    Attributes:
        source_labels: whose values are joined and looked at.
        separator: what they are joined with.
        regex: must match the whole of it.
        modulus: of `hashmod`.
        target_label: the label to set.
        replacement: its value, or a name for `labelmap`; `$1` is a group of the regex.
        action: what to do.
    """

    source_labels: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    separator: str = ";"
    regex: str = "(.*)"
    modulus: int = 0
    target_label: str = ""
    replacement: str = "$1"
    action: Action = attrs.field(default="replace", converter=_lower)
    _pattern: Pattern = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        checked_choice("action", self.action, Action)
        for needed in _NEEDED.get(self.action, ()):
            if not getattr(self, needed):
                raise UsageError(f"the action {self.action} needs {needed}")
        if self.modulus < 0:
            raise UsageError(f"expected a modulus from 1 on, not {self.modulus}")
        fields = attrs.fields(Relabel)
        for unwanted in _UNWANTED.get(self.action, ()):
            if getattr(self, unwanted) != getattr(fields, unwanted).default:
                raise UsageError(f"the action {self.action} takes no {unwanted}")
        object.__setattr__(self, "_pattern", compile_pattern(self.regex))


_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "replace": ("target_label",),
    "hashmod": ("target_label", "modulus"),
    "keepequal": ("source_labels", "target_label"),
    "dropequal": ("source_labels", "target_label"),
    "lowercase": ("target_label",),
    "uppercase": ("target_label",),
    "labelmap": ("replacement",),
}
_NO_VALUE: Final = ("source_labels", "target_label", "modulus", "separator", "replacement")
_NO_PATTERN: Final = ("regex", "modulus", "separator", "replacement")
_UNWANTED: Final[Mapping[str, tuple[str, ...]]] = {
    "labeldrop": _NO_VALUE,
    "labelkeep": _NO_VALUE,
    "keepequal": _NO_PATTERN,
    "dropequal": _NO_PATTERN,
    "lowercase": ("replacement",),
    "uppercase": ("replacement",),
}


def relabel(labels: Mapping[str, str], rules: Iterable[Relabel]) -> dict[str, str] | None:
    """The labels after all rules; None once a rule drops them.

    >>> rule = Relabel(source_labels=["pod"], regex="(.*)-.*", target_label="app")
    >>> relabel({"pod": "web-1"}, [rule])
    {'pod': 'web-1', 'app': 'web'}
    """
    after: dict[str, str] | None = {name: v for name, v in labels.items() if v}
    for rule in rules:
        if after is None:
            break
        after = _ACTIONS[rule.action](rule, after)
    return after


LabelDict = dict[str, str]


def _value(rule: Relabel, labels: LabelDict) -> str:
    return rule.separator.join(labels.get(name, "") for name in rule.source_labels)


def _replace(rule: Relabel, labels: LabelDict) -> LabelDict:
    match = filler(rule._pattern, _value(rule, labels))
    name = match(rule.target_label) if match else ""
    if match is None or not name:
        return labels
    return _set(labels, name, match(rule.replacement))


def _keep(rule: Relabel, labels: LabelDict) -> LabelDict | None:
    return labels if rule._pattern.matches(_value(rule, labels)) else None


def _drop(rule: Relabel, labels: LabelDict) -> LabelDict | None:
    return None if rule._pattern.matches(_value(rule, labels)) else labels


def _keepequal(rule: Relabel, labels: LabelDict) -> LabelDict | None:
    return labels if labels.get(rule.target_label, "") == _value(rule, labels) else None


def _dropequal(rule: Relabel, labels: LabelDict) -> LabelDict | None:
    return None if labels.get(rule.target_label, "") == _value(rule, labels) else labels


def _hashmod(rule: Relabel, labels: LabelDict) -> LabelDict:
    from hashlib import md5  # 3 ms that no other action should cost

    digest = md5(_value(rule, labels).encode(), usedforsecurity=False).digest()
    number = int.from_bytes(digest[8:], "big") % rule.modulus
    return _set(labels, rule.target_label, str(number))


def _labelmap(rule: Relabel, labels: LabelDict) -> LabelDict:
    mapped = dict(labels)
    for name, value in labels.items():
        match = filler(rule._pattern, name)
        to = match(rule.replacement) if match else ""
        if to:
            mapped[to] = value
    return mapped


def _labeldrop(rule: Relabel, labels: LabelDict) -> LabelDict:
    return {n: v for n, v in labels.items() if not rule._pattern.matches(n)}


def _labelkeep(rule: Relabel, labels: LabelDict) -> LabelDict:
    return {n: v for n, v in labels.items() if rule._pattern.matches(n)}


def _lowercase(rule: Relabel, labels: LabelDict) -> LabelDict:
    return _set(labels, rule.target_label, _each(str.lower, _value(rule, labels)))


def _uppercase(rule: Relabel, labels: LabelDict) -> LabelDict:
    return _set(labels, rule.target_label, _each(str.upper, _value(rule, labels)))


_ACTIONS: Final[Mapping[str, Callable[[Relabel, LabelDict], LabelDict | None]]] = {
    "replace": _replace,
    "keep": _keep,
    "drop": _drop,
    "keepequal": _keepequal,
    "dropequal": _dropequal,
    "hashmod": _hashmod,
    "labelmap": _labelmap,
    "labeldrop": _labeldrop,
    "labelkeep": _labelkeep,
    "lowercase": _lowercase,
    "uppercase": _uppercase,
}


def _set(labels: LabelDict, name: str, value: str) -> LabelDict:
    """The labels with one set; an empty value takes it away."""
    if value:
        return {**labels, name: value}
    return {n: v for n, v in labels.items() if n != name}


def _each(change: Callable[[str], str], text: str) -> str:
    """Change letter by letter, as Go does: ß has no capital of one letter."""
    changed = ((letter, change(letter)) for letter in text)
    return "".join(new if len(new) == 1 else old for old, new in changed)
