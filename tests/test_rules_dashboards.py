"""Dashboards of Grafana: which queries are found, where, and with what for variables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from promlatest.rules import Rule, read_rules
from promlatest.rules._text import source_text
from promlatest.rules._variables import WILDCARD, filled_in


def read(tmp_path: Path, document: Any) -> tuple[Rule, ...]:
    file = tmp_path / "board.json"
    file.write_text(json.dumps(document, indent=1))
    return read_rules(file).rules


def asked(rules: tuple[Rule, ...]) -> list[tuple[str, str, str]]:
    return [(rule.kind, rule.name, str(rule.expr)) for rule in rules]


def test_panels_of_all_ages(tmp_path: Path) -> None:
    """Panels, panels in rows, old rows and library panels are found, each with its title."""
    rules = read(
        tmp_path,
        {
            "title": "Board",
            "panels": [
                {"title": "One", "targets": [{"expr": "a", "refId": "A"}]},
                {"type": "row", "title": "Row", "panels": [{"title": "Two", "targets": [{"expr": "b"}]}]},
                {"title": "Three", "libraryPanel": {"model": {"targets": [{"expr": "c"}]}}},
            ],
            "rows": [{"panels": [{"title": "Four", "targets": [{"expr": "d"}, {"expr": ""}]}]}],
        },
    )  # fmt: skip

    assert asked(rules) == [
        ("panel", "One (A)", "a"),
        ("panel", "Two", "b"),
        ("panel", "Three", "c"),
        ("panel", "Four", "d"),
    ]


def test_the_newest_schema(tmp_path: Path) -> None:
    """A dashboard as a resource, with elements for panels, is read, too."""
    query = {"kind": "DataQuery", "group": "prometheus", "spec": {"expr": "a"}}
    panel = {"title": "One", "data": {"spec": {"queries": [{"spec": {"query": query}}]}}}
    rules = read(
        tmp_path,
        {
            "kind": "Dashboard",
            "spec": {"elements": {"p": {"kind": "Panel", "spec": panel}}},
        },
    )

    assert asked(rules) == [("panel", "One", "a")]


def test_annotations_and_variables(tmp_path: Path) -> None:
    """Queries of annotations count, and the selectors that variables take values of."""
    rules = read(
        tmp_path,
        {
            "annotations": {"list": [{"name": "Deploys", "expr": "changes(x[5m])"}]},
            "templating": {
                "list": [
                    {"name": "pod", "type": "query", "query": 'label_values(up{job="a"}, pod)'},
                    {"name": "ns", "type": "query", "query": {"query": "label_values(b, ns)", "refId": "x"}},
                    {"name": "top", "type": "query", "query": "query_result(topk(5, c))"},
                    {"name": "any", "type": "query", "query": "label_values(pod)"},
                    {"name": "i", "type": "interval", "query": "1m,5m"},
                ]
            },
        },
    )  # fmt: skip

    assert asked(rules) == [
        ("annotation", "Deploys", "changes(x[5m])"),
        ("variable", "$pod", 'up{job="a"}'),
        ("variable", "$ns", "b"),
        ("variable", "$top", "topk(5, c)"),
    ]


def test_several_dashboards_in_a_file(tmp_path: Path) -> None:
    """A list of dashboards is read like each of them."""
    rules = read(tmp_path, [{"panels": [{"expr": "a"}]}, {"panels": [{"expr": "b"}]}])

    assert [str(rule.expr) for rule in rules] == ["a", "b"]


def test_alerts_of_grafana(tmp_path: Path) -> None:
    """A rule of Grafana's own alerting is read where it asks a Prometheus."""
    data = [
        {"refId": "A", "model": {"expr": "a > 1"}},
        {"refId": "B", "model": {"datasource": {"type": "__expr__"}, "expression": "A"}},
    ]
    rules = read(
        tmp_path, {"groups": [{"name": "g", "rules": [{"title": "T", "data": data}]}]}
    )

    assert asked(rules) == [("panel", "T", "a > 1")]


@pytest.mark.parametrize(
    "source",
    [
        {"type": "loki", "uid": "x"},
        {"type": "loki", "uid": "${DS_LOGS}"},
        {"uid": "$logs"},
        "${DS_LOGS}",
        "Loki",
        "${DS_LOKI}",
    ],
    ids=["type", "both", "uid", "old", "name", "unknown"],
)
def test_other_data_sources_are_left_alone(tmp_path: Path, source: Any) -> None:
    """What a data source of another kind is asked is no PromQL, and is left out."""
    board = {
        "__inputs": [{"name": "DS_LOGS", "type": "datasource", "pluginId": "loki"}],
        "templating": {"list": [{"name": "logs", "type": "datasource", "query": "loki"}]},
        "panels": [
            {"title": "Logs", "datasource": source, "targets": [{"expr": '{a="b"} |= "x"'}]},
            {"title": "Both", "datasource": source,
             "targets": [{"expr": "m", "datasource": {"type": "prometheus"}}]},
        ],
    }  # fmt: skip

    assert asked(read(tmp_path, board)) == [("panel", "Both", "m")]


def test_the_line_of_a_query(tmp_path: Path) -> None:
    """A query's line is its own, and characters that are escaped do not move it."""
    file = tmp_path / "board.json"
    file.write_text('{\n"title": "\\u00e9\\n\\"x\\"",\n"panels": [{\n"expr": "a\\nb"}]\n}')

    (rule,) = read_rules(file)

    assert (rule.line, rule.expr.line(2), rule.name) == (4, 4, 'é\n"x"')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('a{b="$c"}', 'a{b="@"}'),
        ('a{b=~"x-${c:regex}-[[d]]"}', 'a{b=~"x-@-@"}'),
        ('a{b=~"[[:alpha:]]+$"}', 'a{b=~"[[:alpha:]]+$"}'),
        ("rate(a[$__rate_interval])", "rate(a[5m])"),
        ("rate(a[${__range}])", "rate(a[5m])"),
        ("rate(a[${__range_s}s])", "rate(a[1s])"),
        ("rate(a[5$unit])", "rate(a[5m])"),
        ("max_over_time(a[$__range:$__interval])", "max_over_time(a[5m:5m])"),
        ("a offset $shift", "a offset 5m"),
        ("$metric", "@"),
        ("sum(rate([[metric]]{a=\"b\"}[1m]))", 'sum(rate(@{a="b"}[1m]))'),
        ("${prefix}_total - node_$type", "@_total - node_@"),
        ("sum by ($a, ${b}) (x)", "sum by (@, @) (x)"),
        ("x * on (a) group_left ($b) y", "x * on (a) group_left (@) y"),
        ("$aggregate by (a) (x)", "sum by (a) (x)"),
        ("$aggregate(x)", "sum(x)"),
        ("sum($function(x{a=\"b\"}[5m]))", 'sum(rate(x{a="b"}[5m]))'),
        ("$aggregate(rate(x[5m]))", "sum(rate(x[5m]))"),
        ("topk($n, $metric)", "topk(1, @)"),
        ("topk by (a, $b) ($n, x)", "topk by (a, @) (1, x)"),
        ("sum(x) by (a) / ($n)", "sum(x) by (a) / (@)"),
        ('x{a="b"} $operator on (a) y', 'x{a="b"} and on (a) y'),
        ("x > bool $threshold", "x > bool 1"),
        ("clamp_max(x, $most)", "clamp_max(x, 1)"),
        ("$a / $b{c=\"d\"}", '@ / @{c="d"}'),
        ('x{$filters}', 'x{@=~".*"}'),
        ('x{$label="a"}', 'x{@="a"}'),
        ('label_replace(x, "a", "$1", "b", "(.*)")', 'label_replace(x, "a", "$1", "b", "(.*)")'),
        ("x # $comment", "x # $comment"),
    ],
)  # fmt: skip
def test_variables(before: str, after: str) -> None:
    """Each variable is filled in with what can stand in its place."""
    assert filled_in(source_text(before)) == after.replace("@", WILDCARD)


def test_variables_do_not_move_lines() -> None:
    """What stands behind a variable stays in its line."""
    text = filled_in(source_text('a{b="$c"}\n+ ${d}_x\n+ e'))

    assert [text.line(text.index(word)) for word in ("a{", "_x", "e")] == [1, 2, 3]
