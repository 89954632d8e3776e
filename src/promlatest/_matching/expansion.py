"""Templates, filled with what the groups of a pattern matched, as Go's Expand does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from promlatest._matching.regex import Pattern

_REFERENCE: Final = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)


def filler(pattern: Pattern, value: str) -> Callable[[str], str] | None:
    """What fills the references (`$1`, `${name}`) in a template; None if the value does
    not match.

    >>> from promlatest._matching.regex import compile_pattern
    >>> fill = filler(compile_pattern("(a+)-(?P<rest>.*)"), "aa-b")
    >>> fill and fill("$1, $rest, ${9}, $$")
    'aa, b, , $'
    """
    groups = pattern.fullmatch(value)
    if groups is None:
        return None
    numbered = [value, *((group or "") for group in groups)]

    def group(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        number = int(name[:9]) if name.isdecimal() else pattern.group_names.get(name, -1)
        return numbered[number] if 0 <= number < len(numbered) else ""

    return lambda template: _REFERENCE.sub(group, template)
