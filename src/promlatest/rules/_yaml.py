"""YAML to events: the one module of the rules that imports PyYAML (the extra ``[rules]``).

Events and not objects: they know their lines, no tag is carried out, and depth and aliases
are bounded by who builds on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from promlatest.rules._text import Text
from promlatest.rules._tree import Event, fail

__all__ = ["yaml_events"]

# libyaml where the wheel has it: 20 times as fast, with the same events.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def yaml_events(source: Text, file: str) -> Iterator[Event]:
    """The events of the documents of a YAML text.

    Raises:
        UsageError: it is no YAML; with the line, and why.
    """
    try:
        for event in yaml.parse(str(source), _LOADER):
            if made := _event(event):
                yield made
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = source.line(mark.index) if mark else source.line()
        words = " ".join(filter(None, [error.context, error.problem]))
        fail(file, place, f"no YAML: {words}")
    except (yaml.reader.ReaderError, UnicodeError) as error:
        fail(file, source.line(), f"no YAML: {str(error).splitlines()[0]}")


def _event(event: Any) -> Event | None:
    start, kind = event.start_mark.index, type(event)
    if kind is yaml.ScalarEvent:
        style, anchor = event.style or "", event.anchor or ""
        return Event("=", start, event.end_mark.index, event.value, style, anchor)
    if kind is yaml.AliasEvent:
        return Event("*", start, value=event.anchor)
    if kind in _KINDS:
        return Event(_KINDS[kind], start, anchor=getattr(event, "anchor", None) or "")
    return None


_KINDS: Final = {
    yaml.MappingStartEvent: "{",
    yaml.MappingEndEvent: "}",
    yaml.SequenceStartEvent: "[",
    yaml.SequenceEndEvent: "]",
    yaml.DocumentEndEvent: ".",
}
