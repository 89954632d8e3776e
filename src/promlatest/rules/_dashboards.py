"""Dashboards of Grafana, as JSON, to rules: whatever in them is asked of a Prometheus.

Panels, rows of panels, library panels, annotations and alert rules differ in where they
keep a query and agree in how they call it: `expr`, beside or below a data source. So one
walk finds them all, in schemas old and new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from promlatest.rules._rule import Rule, RuleKind
from promlatest.rules._text import Text
from promlatest.rules._tree import DocumentMapping, DocumentNode, Items
from promlatest.rules._variables import filled_in

__all__ = ["dashboard_rules", "is_dashboard"]

_MARKS: Final = frozenset(
    ("panels", "templating", "rows", "elements", "dashboard", "targets", "schemaVersion")
)
_KINDS: Final[Mapping[str, RuleKind]] = {
    "annotations": "annotation",
    "templating": "variable",
    "variables": "variable",
}
# A data source that nothing describes is often called by what it is.
_OTHERS: Final = ("loki", "tempo", "elastic", "influx", "cloudwatch", "graphite")
_VARIABLE: Final = re.compile(r"\$\{?(\w+)\}?|\[\[(\w+)\]\]")
# label_values(selector, label): what counts is the selector; all else that a variable
# may ask (label_names(), metrics(regex), label_values(label)) names no series.
_LABEL_VALUES: Final = re.compile(
    r"\s*label_values\(\s*(?P<selector>.+)\s*,\s*(?P<label>[\w.$\"{}\[\]]+)\s*\)\s*",
    re.DOTALL,
)
_QUERY_RESULT: Final = re.compile(r"\s*query_result\((?P<selector>.+)\)\s*", re.DOTALL)


def is_dashboard(document: DocumentNode) -> bool:
    """Whether a document looks like a dashboard, or a list of them."""
    if isinstance(document, Items):
        return any(map(is_dashboard, document))
    return isinstance(document, DocumentMapping) and not _MARKS.isdisjoint(document)


def dashboard_rules(document: DocumentNode, file: str) -> Iterator[Rule]:
    """The expressions of a dashboard, in the order of the file."""
    place = _Panel(file=file, sources=_source_types(document))
    for rule in _walk(document, place):
        yield attrs.evolve(rule, expr=filled_in(rule.expr))


@attrs.frozen
class _Panel:
    """What the objects around a query say about it.

    Attributes:
        file: as it was named.
        sources: the type of each data source that the dashboard declares, by name.
        title: of the nearest object that has one.
        source: the type of the data source; "" if unknown.
        kind: what the query is for.
    """

    file: str
    sources: Mapping[str, str]
    title: str = "dashboard"
    source: str = ""
    kind: RuleKind = "panel"

    def within(self, table: DocumentMapping) -> _Panel:
        title = _text(table, "title") or _text(table, "name") or self.title
        source = self.source
        if "datasource" in table:
            source = self._type_of(table["datasource"]) or source
        return attrs.evolve(self, title=title, source=source)

    def _type_of(self, source: DocumentNode) -> str:
        """The type of a data source; of one that is a variable, what that stands for."""
        if isinstance(source, DocumentMapping):
            if kind := _text(source, "type"):
                return kind
            source = source.get("uid")
        if not isinstance(source, Text):
            return ""
        match = _VARIABLE.fullmatch(source)
        name = (match[1] or match[2]) if match else str(source)
        named_after = (each for each in _OTHERS if each in name.lower())
        return self.sources.get(name) or next(named_after, "")

    @property
    def foreign(self) -> bool:
        """Whether the query is in another language: Loki's has an `expr`, too."""
        known = self.source not in ("", "datasource", "mixed", "-- Mixed --")
        return known and "prometheus" not in self.source and "metrics" not in self.source


def _walk(node: DocumentNode, place: _Panel) -> Iterator[Rule]:
    if isinstance(node, Items):
        for each in node:
            yield from _walk(each, place)
    if not isinstance(node, DocumentMapping):
        return
    place = place.within(node)
    for key, value in node.items():
        if isinstance(value, Text):
            if key == "expr" and value.strip() and not place.foreign:
                yield _rule(value, node, place)
        else:
            yield from _walk(value, attrs.evolve(place, kind=_KINDS.get(key, place.kind)))
    if place.kind == "variable" and not place.foreign:
        yield from _asked_by_variable(node, place)


def _rule(expr: Text, node: DocumentMapping, place: _Panel) -> Rule:
    ref = _text(node, "refId")
    name = f"{place.title} ({ref})" if ref and place.kind == "panel" else place.title
    return Rule(file=place.file, name=name, kind=place.kind, expr=expr)


def _asked_by_variable(node: DocumentMapping, place: _Panel) -> Iterator[Rule]:
    query = node.get("query")
    if not isinstance(query, Text):
        return
    for pattern in (_LABEL_VALUES, _QUERY_RESULT):
        if match := pattern.fullmatch(query):
            start, end = match.span("selector")
            expr = query.replaced([(0, start, ""), (end, len(query), "")])
            yield Rule(file=place.file, name=f"${place.title}", kind="variable", expr=expr)


def _source_types(document: DocumentNode) -> dict[str, str]:
    """The types of data sources that are inputs or variables of the dashboard."""
    found: dict[str, str] = {}
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Items):
            waiting += node
        elif isinstance(node, DocumentMapping):
            name = _text(node, "name")
            if _text(node, "type") == "datasource":
                found[name] = _text(node, "pluginId") or _text(node, "query")
            waiting += node.values()
    return found


def _text(table: DocumentMapping, key: str) -> str:
    value = table.get(key)
    return str(value) if isinstance(value, Text) else ""
