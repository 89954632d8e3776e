"""Files and folders to rules: which kind of document is in them, and what it asks.

Nothing is passed over without a word: a file that was named must have rules, one that a
folder has is listed as passed by, and whatever cannot be read is an error at its line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from promlatest._files import checked_path, file_text
from promlatest._units import read_duration
from promlatest.exceptions import MissingExtraError, UsageError
from promlatest.rules._dashboards import dashboard_rules, is_dashboard
from promlatest.rules._rule import Rule, RuleKind
from promlatest.rules._text import Text, source_text
from promlatest.rules._tree import (
    DocumentMapping,
    DocumentNode,
    Items,
    documents,
    fail,
    json_events,
)

__all__ = ["read_files"]

_MOST_RULES: Final = 100_000
_SUFFIXES: Final = frozenset((".yml", ".yaml", ".json", ".rules"))

# What only Helm's sources have: its objects, its functions, and the quotes that keep a
# template of Prometheus from being carried out.
_HELM: Final = re.compile(
    r"""\{\{-?\s*(?:`|"\{\{|'\{\{"""
    r"""|(?:[^}]*?[\s($])?\.(?:Values|Release|Chart|Capabilities|Files)\b"""
    r"""|[^}]*?\b(?:include|tpl)\s)"""
)
_JINJA: Final = re.compile(r"\{%-?\s*\w")
_STRUCTURE: Final = re.compile(r"^\s*(?:- )?(?:[\w.-]+:\s*)?\{\{", re.MULTILINE)


def read_files(
    paths: Sequence[str | os.PathLike[str]],
) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """The rules of files and folders, and the files of folders that have none.

    Raises:
        UsageError: something cannot be read; every error stands in a line, at its file
            and line.
        MissingExtraError: it is YAML, and the extra ``[rules]`` is missing.
    """
    rules: list[Rule] = []
    passed: list[str] = []
    errors: list[str] = []
    for path, named in _walked(paths):
        try:
            found = list(_rules_of_file(path))
        except MissingExtraError:
            raise
        except UsageError as error:
            if named or _may_ask(path):
                errors.append(str(error))
            else:
                passed.append(str(path))
            continue
        if not found and named:
            errors.append(f"{path}: {_NOTHING}")
        if not found:
            passed.append(str(path))
        rules += found
        if len(rules) > _MOST_RULES:
            raise UsageError(f"{path}: more than {_MOST_RULES} expressions")
    if not rules and not errors:
        errors = [f"{', '.join(map(str, paths))}: {_NOTHING}"]
    if errors:
        raise UsageError("\n".join(errors))
    return tuple(rules), tuple(passed)


def _may_ask(path: Path) -> bool:
    """Whether a file of a folder that cannot be read may have rules: all of them have an
    `expr`. A settings file with comments in its JSON is nobody's mistake here."""
    try:
        return b"expr" in path.read_bytes()
    except OSError:
        return True


_NOTHING: Final = (
    "expected rule groups, a PrometheusRule, a dashboard of Grafana or a ConfigMap with"
    " one of them, and found no expression"
)


def _walked(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[Path, bool]]:
    """Every file, and whether it was named; a folder's in the order of their names."""
    for path in map(Path, map(checked_path, paths)):
        if not path.is_dir():
            yield path, True
            continue
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for file in sorted(files):
                found = Path(folder, file)
                known = found.suffix.lower() in _SUFFIXES and not file.startswith(".")
                if known and found.is_file():  # a pipe would be waited for
                    yield found, False


def _rules_of_file(path: Path) -> Iterator[Rule]:
    content = file_text(path)
    file, text = str(path), source_text(content)
    for document in _documents(text, file, is_json=_is_json(path, content)):
        yield from _rules(document, file)


def _is_json(path: Path, content: str) -> bool:
    """By the suffix; of what has none, such as a pipe, by how it begins."""
    if suffix := path.suffix.lower():
        return suffix == ".json"
    return content.lstrip()[:1] in ("{", "[")


def _documents(text: Text, file: str, *, is_json: bool) -> list[DocumentNode]:
    if is_json:
        return documents(json_events(text, file), text, file)
    _refuse_templates(text, file)
    # PyYAML is an extra of its own, which dashboards in JSON do without.
    try:
        from promlatest.rules._yaml import yaml_events
    except ModuleNotFoundError as error:
        if error.name != "yaml":
            raise
        raise MissingExtraError("rules", f"Reading {file} as YAML") from None
    try:
        return documents(yaml_events(text, file), text, file)
    except UsageError as error:
        if match := _STRUCTURE.search(text):
            fail(file, text.line(match.end() - 2), _template_words("a template"))
        raise error from None


def _refuse_templates(text: Text, file: str) -> None:
    for pattern, words in ((_HELM, "a template of Helm"), (_JINJA, "a template of Jinja")):
        if match := pattern.search(text):
            fail(file, text.line(match.start()), _template_words(words))


def _template_words(what: str) -> str:
    return (
        f"{what} and no YAML yet: render it first"
        " (helm template RELEASE CHART > rendered.yaml), and read what comes out"
    )


# Documents to rules


def _rules(document: DocumentNode, file: str) -> Iterator[Rule]:
    if isinstance(document, DocumentMapping):
        kind = document.get("kind")
        if isinstance(kind, Text) and kind in _BY_KIND:
            yield from _BY_KIND[kind](document, file)
        elif "groups" in document:
            yield from _groups(document, file)
        elif is_dashboard(document):
            yield from dashboard_rules(document, file)
    elif is_dashboard(document):
        yield from dashboard_rules(document, file)


def _resource(document: DocumentMapping, file: str) -> Iterator[Rule]:
    """A PrometheusRule: the same groups, under `spec`."""
    spec = document.get("spec")
    if isinstance(spec, DocumentMapping):
        yield from _groups(spec, file)


def _dashboard(document: DocumentMapping, file: str) -> Iterator[Rule]:
    yield from dashboard_rules(document.get("spec"), file)


def _list(document: DocumentMapping, file: str) -> Iterator[Rule]:
    for each in _items(document, "items", file):
        yield from _rules(each, file)


def _config_map(document: DocumentMapping, file: str) -> Iterator[Rule]:
    """Files inside a file. Such a map may hold anything; what is no rule is passed by."""
    data = document.get("data")
    for name, content in data.items() if isinstance(data, DocumentMapping) else ():
        suffix = Path(name).suffix.lower()
        if isinstance(content, Text) and suffix in _SUFFIXES:
            yield from _inner(content, file, is_json=suffix == ".json")


def _grafana_resource(document: DocumentMapping, file: str) -> Iterator[Rule]:
    """A GrafanaDashboard: the JSON of a dashboard, as a text."""
    spec = document.get("spec")
    content = spec.get("json") if isinstance(spec, DocumentMapping) else None
    if isinstance(content, Text):
        yield from _inner(content, file, is_json=True)


def _inner(content: Text, file: str, *, is_json: bool) -> Iterator[Rule]:
    if "expr" in content:
        for document in _documents(content, file, is_json=is_json):
            yield from _rules(document, file)


_BY_KIND: Final[Mapping[str, Callable[[DocumentMapping, str], Iterator[Rule]]]] = {
    "ConfigMap": _config_map,
    "ConfigMapList": _list,
    "Dashboard": _dashboard,
    "GrafanaDashboard": _grafana_resource,
    "List": _list,
    "PrometheusRule": _resource,
    "PrometheusRuleList": _list,
    "VMRule": _resource,
}


# Groups of rules


def _groups(document: DocumentMapping, file: str) -> Iterator[Rule]:
    for group in _items(document, "groups", file):
        if not isinstance(group, DocumentMapping):
            fail(file, _line(group, document), "expected a group with a name and rules")
        for rule in _items(group, "rules", file):
            if not isinstance(rule, DocumentMapping):
                fail(file, _line(rule, group), "expected a rule, got no mapping")
            yield from _rules_of_group(rule, group, file)


def _rules_of_group(
    rule: DocumentMapping, group: DocumentMapping, file: str
) -> Iterator[Rule]:
    if isinstance(rule.get("data"), Items):  # of Grafana's own alerting
        yield from dashboard_rules(rule, file)
        return
    names = [each for each in ("alert", "record") if rule.get(each)]
    if len(names) != 1:
        fail(file, rule.line, "expected a rule with `alert` or `record`, and one of them")
    kind: RuleKind = "alert" if names[0] == "alert" else "record"
    expr = rule.get("expr")
    name = rule[kind]
    if not isinstance(expr, Text) or not expr.strip() or not isinstance(name, Text):
        fail(file, rule.line, f"expected an `expr` in the {kind} rule {name}")
    yield Rule(
        file=file,
        name=str(name),
        kind=kind,
        expr=expr,
        labels={**_texts(group, "labels", file), **_texts(rule, "labels", file)},
        hold=_seconds(rule, "for", file),
        keep_firing_for=_seconds(rule, "keep_firing_for", file),
        annotations=_texts(rule, "annotations", file),
        group=str(group.get("name") or ""),
    )


def _items(table: DocumentMapping, key: str, file: str) -> Items:
    found = table.get(key)
    if found is None:
        return Items()
    if not isinstance(found, Items):
        fail(file, _line(found, table), f"expected a list of {key}")
    return found


def _texts(table: DocumentMapping, key: str, file: str) -> dict[str, str]:
    found = table.get(key)
    if found is None:
        return {}
    if not isinstance(found, DocumentMapping):
        fail(file, _line(found, table), f"expected a mapping of names to texts: {key}")
    for name, value in found.items():
        if isinstance(value, DocumentMapping | Items):
            fail(file, value.line, f"expected a text for {name!r} of {key}")
    return {name: value for name, value in found.items() if isinstance(value, Text)}


def _seconds(rule: DocumentMapping, key: str, file: str) -> float:
    found = rule.get(key)
    if found is None or found == "0":
        return 0.0
    try:
        return read_duration(str(found)) / 1000
    except ValueError:
        words = f"expected a duration such as 5m for `{key}`, got {str(found)[:40]!r}"
        fail(file, _line(found, rule), words)


def _line(node: DocumentNode, around: DocumentMapping) -> int:
    if isinstance(node, Text):
        return node.line()
    return around.line if node is None else node.line
