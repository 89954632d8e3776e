"""Documents as trees of tables, lists and `Text`, each of which knows its line.

YAML and JSON come as the same events, and one builder makes trees of them: so both are
bounded in the same words, whatever they hold. An alias is the node that it names, not a
copy of it; what a document would be with every alias written out is counted and bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple, NoReturn

from promlatest.exceptions import UsageError
from promlatest.rules._text import Text, scalar_text

__all__ = [
    "DocumentMapping",
    "DocumentNode",
    "Event",
    "Items",
    "documents",
    "fail",
    "json_events",
]

_DEEPEST: Final = 60
# Nodes with every alias written out. The largest dashboard on grafana.com has some 40,000.
_MOST_NODES: Final = 1_000_000


class Event(NamedTuple):
    """A piece of a document: `{`, `}`, `[`, `]`, `*` (an alias), a document's end `.`,
    or a scalar `=`."""

    kind: str
    start: int
    end: int = 0
    value: str = ""
    style: str = ""
    anchor: str = ""


class DocumentMapping(dict[str, "DocumentNode"]):
    """A mapping of a document.

    Attributes:
        line: where it begins.
        size: how many nodes it has, itself included, with every alias written out.
    """

    __slots__ = ("line", "size")
    line: int
    size: int


class Items(list["DocumentNode"]):
    """A sequence of a document; attributes as of `DocumentMapping`."""

    __slots__ = ("line", "size")
    line: int
    size: int


DocumentNode = DocumentMapping | Items | Text | None


def fail(file: str, line: int, words: str) -> NoReturn:
    """Raise the error of a place in a file."""
    raise UsageError(f"{file}:{line}: {words}")


def documents(events: Iterator[Event], source: Text, file: str) -> list[DocumentNode]:
    """The documents that events make.

    Raises:
        UsageError: they are nested too deeply, have too many nodes, or a table says the
            same key twice.
    """
    builder = _Builder(events, source, file)
    found = []
    for event in events:
        if event.kind == ".":
            builder.anchors.clear()
        else:
            found.append(builder.node(event, 0))
    return found


class _Builder:
    def __init__(self, events: Iterator[Event], source: Text, file: str) -> None:
        self.events = events
        self.source = source
        self.file = file
        self.anchors: dict[str, DocumentNode] = {}

    def node(self, event: Event, depth: int) -> DocumentNode:
        line = self.source.line(event.start)
        if depth > _DEEPEST:
            fail(self.file, line, f"nested deeper than {_DEEPEST}")
        made: DocumentNode
        if event.kind == "{":
            made = self.table(line, depth)
        elif event.kind == "[":
            made = self.items(line, depth)
        elif event.kind == "*":
            if event.value not in self.anchors:
                fail(self.file, line, f"the alias *{event.value} names nothing before it")
            return self.anchors[event.value]
        else:
            made = _scalar(event, self.source)
        if event.anchor:
            self.anchors[event.anchor] = made
        return made

    def table(self, line: int, depth: int) -> DocumentMapping:
        made, merged = DocumentMapping(), DocumentMapping()
        made.line, made.size = line, 1
        for event in iter(self.events.__next__, None):
            if event.kind == "}":
                break
            if event.kind != "=":
                place = self.source.line(event.start)
                fail(self.file, place, "expected a key, got a list or a mapping")
            value = self.node(next(self.events), depth + 1)
            self.grow(made, value)
            if event.value == "<<" and not event.style:
                for each in value if isinstance(value, Items) else [value]:
                    if isinstance(each, DocumentMapping):
                        merged = DocumentMapping({**each, **merged})
            elif event.value in made and event.style != "json":
                place = self.source.line(event.start)
                fail(self.file, place, f"the key {event.value!r} stands twice")
            else:
                made[event.value] = value
        for key, value in merged.items():
            made.setdefault(key, value)
        return made

    def items(self, line: int, depth: int) -> Items:
        made = Items()
        made.line, made.size = line, 1
        for event in iter(self.events.__next__, None):
            if event.kind == "]":
                break
            value = self.node(event, depth + 1)
            self.grow(made, value)
            made.append(value)
        return made

    def grow(self, made: DocumentMapping | Items, value: DocumentNode) -> None:
        made.size += value.size if isinstance(value, DocumentMapping | Items) else 1
        if made.size > _MOST_NODES:
            fail(
                self.file, made.line,
                f"more than {_MOST_NODES} values, with every alias written out",
            )  # fmt: skip


def _scalar(event: Event, source: Text) -> Text | None:
    if not event.style and event.value in ("", "~", "null", "Null", "NULL"):
        return None
    return scalar_text(event.value, source, event.start, event.end, event.style)


# JSON: the standard library says whether it is valid, and then where what stands is a
# matter of cutting it into tokens.

_TOKEN: Final = re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')


def json_events(source: Text, file: str) -> Iterator[Event]:
    """The events of a JSON document.

    Raises:
        UsageError: it is none.
    """
    try:
        json.loads(source)
    except json.JSONDecodeError as error:
        fail(file, source.line(error.pos), f"no JSON: {error.msg}")
    except RecursionError:
        fail(file, source.line(), f"nested deeper than {_DEEPEST}")
    for match in _TOKEN.finditer(source):
        token, start = match.group(), match.start()
        if token[0] == '"':
            yield Event("=", start, match.end(), json.loads(token), "json")
        elif token in "{}[]":
            yield Event(token, start)
        else:
            yield Event("=", start, match.end(), token)
