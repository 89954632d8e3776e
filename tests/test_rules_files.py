"""Rule files, resources, ConfigMaps and folders: what is read of them, and at which line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("yaml")

from promlatest import Store
from promlatest.exceptions import UsageError
from promlatest.rules import Rules, read_rules

Read = Callable[..., Rules]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def write_and_read(text: str, name: str = "r.yml") -> Rules:
        file = tmp_path / name
        file.write_text(dedent(text))
        return read_rules(file)

    return write_and_read


def wrong(read: Read, text: str, name: str = "r.yml") -> str:
    """What is said about a file, without the folder it is in."""
    with pytest.raises(UsageError) as caught:
        read(text, name)
    message = str(caught.value)
    return message[message.index(name) :]


def places(rules: Rules) -> list[tuple[int, str]]:
    return [(rule.line, str(rule.expr)) for rule in rules]


def test_a_rule_file(read: Read) -> None:
    """An alert has its group, its expression, its durations, labels and annotations."""
    (alert,) = read("""\
        groups:
          - name: shop
            labels: {team: shop, severity: none}
            rules:
              - alert: HighErrorRate
                expr: errors > 1
                for: 1h30m
                keep_firing_for: 10m
                labels: {severity: page}
                annotations:
                  summary: "{{ $value }} errors"
        """)

    assert (alert.name, alert.kind, alert.group) == ("HighErrorRate", "alert", "shop")
    assert (alert.expr, alert.line) == ("errors > 1", 6)
    assert (alert.hold, alert.keep_firing_for) == (5400.0, 600.0)
    assert alert.labels == {"team": "shop", "severity": "page"}
    assert alert.annotations == {"summary": "{{ $value }} errors"}


def test_a_recording_rule(read: Read) -> None:
    """A recording rule is called by the metric that it makes."""
    (rule,) = read("""\
        groups:
          - name: shop
            rules:
              - record: job:errors:rate5m
                expr: rate(errors_total[5m])
        """)

    assert (rule.name, rule.kind) == ("job:errors:rate5m", "record")


GROUP = """\
groups:
- name: g
  rules:
  - alert: A
    expr: {}
"""


@pytest.mark.parametrize(
    ("scalar", "expression", "lines"),
    [
        pytest.param("a > b", "a > b", {"a": 5, "b": 5}, id="plain"),
        pytest.param("a >\n      b", "a > b", {"a": 5, "b": 6}, id="plain-folded"),
        pytest.param("'a{x=\"''\"}\n      > b'", "a{x=\"'\"} > b", {"a": 5, "b": 6}, id="single"),
        pytest.param('"a{x=\\"y\\"}\\n\\\n      > b"', 'a{x="y"}\n> b', {"a": 5, "b": 6}, id="double"),
        pytest.param("|\n      a\n      > b\n", "a\n> b\n", {"a": 6, "b": 7}, id="literal"),
        pytest.param("|-  # why\n\n      a\n      > b\n", "\na\n> b", {"a": 7, "b": 8}, id="literal-blank"),
        pytest.param(">\n      a\n      > b\n\n      > c\n", "a > b\n> c\n", {"a": 6, "b": 7, "c": 9}, id="folded"),
    ],
)  # fmt: skip
def test_each_character_knows_its_line(
    read: Read, scalar: str, expression: str, lines: dict[str, int]
) -> None:
    """In every style of YAML each word of an expression knows its line in the file."""
    (rule,) = read(GROUP.replace("{}", scalar))

    assert rule.expr == expression
    found = {word: rule.expr.line(rule.expr.index(word)) for word in lines}
    assert found == lines


def test_lines_end_as_on_windows(tmp_path: Path) -> None:
    """Lines that end in CR LF, behind a byte order mark, are counted as everywhere."""
    file = tmp_path / "r.yml"
    file.write_bytes(
        b"\xef\xbb\xbf" + GROUP.replace("{}", "up").replace("\n", "\r\n").encode()
    )

    assert places(read_rules(file)) == [(5, "up")]


def test_a_resource_among_others(read: Read) -> None:
    """A PrometheusRule is found among the documents of a file, and inside a List."""
    rules = read("""\
        apiVersion: v1
        kind: Service
        ---
        apiVersion: monitoring.coreos.com/v1
        kind: PrometheusRule
        spec:
          groups:
          - name: g
            rules:
            - {alert: A, expr: a}
        ---
        kind: List
        items:
        - kind: PrometheusRule
          spec:
            groups:
            - {name: g, rules: [{alert: B, expr: b}]}
        """)

    assert places(rules) == [(10, "a"), (17, "b")]


def test_a_config_map(read: Read) -> None:
    """Files inside a ConfigMap are read where they are rules; lines are the map's."""
    rules = read("""\
        kind: ConfigMap
        data:
          start.sh: "expr 1 + 1 > {"
          prometheus.yml: |
            scrape_configs: []
          alerts.yml: |
            groups:
            - name: g
              rules:
              - alert: A
                expr: |
                  a
                  > b
          board.json: |
            {"panels": [
              {"title": "P", "targets": [{"expr": "c"}]}]}
        """)

    assert places(rules) == [(12, "a\n> b\n"), (16, "c")]
    assert rules.rules[0].expr.line(4) == 13


def test_a_dashboard_resource(read: Read) -> None:
    """A GrafanaDashboard holds its JSON as a text; a List may hold the resource."""
    rules = read("""\
        kind: List
        items:
        - kind: GrafanaDashboard
          spec:
            json: >
              {"panels": [
                {"title": "P", "targets": [{"expr": "a"}]}]}
        """)

    assert places(rules) == [(7, "a")]


def test_rules_as_json(read: Read) -> None:
    """A rule file may be JSON, as what jsonnet writes."""
    text = json.dumps(
        {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "a"}]}]}, indent=1
    )

    assert places(read(text, "r.json")) == [(8, "a")]


def test_merge_keys_and_aliases(read: Read) -> None:
    """Anchors, aliases and merge keys mean what they mean to Prometheus."""
    rules = read("""\
        groups:
        - name: g
          rules:
          - &a
            alert: A
            expr: a
            labels: {severity: page}
          - <<: *a
            alert: B
        """)

    assert [(r.name, str(r.expr), r.labels["severity"]) for r in rules] == [
        ("A", "a", "page"),
        ("B", "a", "page"),
    ]


def test_a_folder_is_walked(tmp_path: Path) -> None:
    """Of a folder every file is read, in order; those without rules are listed."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "r.yaml").write_text(GROUP.replace("{}", "b"))
    (tmp_path / "a.json").write_text('{"panels": [{"expr": "a"}]}')
    (tmp_path / "values.yml").write_text("replicas: 1")
    (tmp_path / "README.md").write_text("# no rules")
    (tmp_path / ".hidden.yml").write_text("{")

    rules = read_rules(tmp_path)

    assert [str(rule.expr) for rule in rules] == ["a", "b"]
    assert rules.passed == (str(tmp_path / "values.yml"),)


def test_what_is_no_document_in_a_folder(tmp_path: Path) -> None:
    """In a folder, a file that cannot be read is passed by, unless it may have rules."""
    (tmp_path / "a.yml").write_text(GROUP.replace("{}", "a"))
    (tmp_path / "tsconfig.json").write_text("{ // a comment\n}")
    (tmp_path / "values.yaml").write_text("a: {{ .Values.a }}")

    assert read_rules(tmp_path).passed == (
        str(tmp_path / "tsconfig.json"),
        str(tmp_path / "values.yaml"),
    )

    (tmp_path / "values.yaml").write_text("expr: {{ .Values.a }}")
    with pytest.raises(UsageError, match=r"values\.yaml:1: a template of Helm"):
        read_rules(tmp_path)


def test_every_file_says_what_is_wrong(tmp_path: Path) -> None:
    """An error in one file does not hide that of another."""
    (tmp_path / "a.yml").write_text("groups: 1  # expr")
    (tmp_path / "b.json").write_text('{"expr",}')

    with pytest.raises(UsageError) as caught:
        read_rules(tmp_path)

    first, second = str(caught.value).splitlines()
    assert first.endswith("a.yml:1: expected a list of groups")
    assert "b.json:1: no JSON: " in second


def test_a_named_file_must_have_rules(read: Read) -> None:
    """A file that was named and has no expression is an error: it was meant."""
    assert wrong(read, "a: 1") == (
        "r.yml: expected rule groups, a PrometheusRule, a dashboard of Grafana or a"
        " ConfigMap with one of them, and found no expression"
    )


def test_a_pipe_in_a_folder(tmp_path: Path) -> None:
    """A pipe that nobody writes to is not waited for."""
    (tmp_path / "a.yml").write_text(GROUP.replace("{}", "a"))
    os.mkfifo(tmp_path / "b.yml")

    assert places(read_rules(tmp_path)) == [(5, "a")]


def test_a_folder_without_rules(tmp_path: Path) -> None:
    """A folder in which nothing is asked is an error, too: nothing would be checked."""
    with pytest.raises(UsageError, match="and found no expression"):
        read_rules(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named, with what the system says."""
    with pytest.raises(UsageError, match=r"no\.yml cannot be read: No such file"):
        read_rules(tmp_path / "no.yml")


def test_nothing_to_read() -> None:
    """Without a path there is nothing to check, and that is no success."""
    with pytest.raises(UsageError, match="at least one file or folder"):
        read_rules()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups:\n- name: g\n  rules:\n  - expr: a", "r.yml:4: expected a rule with `alert` or `record`, and one of them"),
        ("groups:\n- name: g\n  rules:\n  - {alert: a, record: b, expr: a}", "r.yml:4: expected a rule with `alert` or `record`, and one of them"),
        ("groups:\n- name: g\n  rules:\n  - alert: A", "r.yml:4: expected an `expr` in the alert rule A"),
        ("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a\n    for: 5 minutes", "r.yml:6: expected a duration such as 5m for `for`, got '5 minutes'"),
        ("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a\n    expr: b", "r.yml:6: the key 'expr' stands twice"),
        ("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a\n    labels: [x]", "r.yml:6: expected a mapping of names to texts: labels"),
        ("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a\n    labels: {a: [1]}", "r.yml:6: expected a text for 'a' of labels"),
        ("groups:\n- a", "r.yml:2: expected a group with a name and rules"),
        ("groups:\n- name: g\n  rules: [a]", "r.yml:3: expected a rule, got no mapping"),
        ("groups:\n  {a: 1}: 2\n", "r.yml:2: expected a key, got a list or a mapping"),
        ("groups: [*x]", "r.yml:1: the alias *x names nothing before it"),
        ("groups:\n  - a\n b", "r.yml:3: no YAML: "),
        ("groups: \x07", "r.yml:1: no YAML: "),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_line(read: Read, text: str, said: str) -> None:
    """Whatever is wrong with a file is said at its line, in words."""
    assert wrong(read, text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{- if .Values.on }}\n" + GROUP.replace("{}", "a"), "r.yml:1: a template of Helm"),
        (GROUP.replace("{}", "a") + "    annotations: {s: '{{`{{ $value }}`}}'}", "r.yml:6: a template of Helm"),
        (GROUP.replace("{}", "a{n=\"{{ .Release.Namespace }}\"}"), "r.yml:5: a template of Helm"),
        (GROUP.replace("{}", "a") + '    labels:\n{{ include "x" . }}', "r.yml:7: a template of Helm"),
        ("{% for a in b %}\n" + GROUP.replace("{}", "a"), "r.yml:1: a template of Jinja"),
        (GROUP.replace("{}", "{{ expr }} > [1"), "r.yml:5: a template"),
    ],
)  # fmt: skip
def test_template_sources_are_refused(read: Read, text: str, said: str) -> None:
    """A source of Helm or Jinja is refused, with what to do first."""
    message = wrong(read, text)

    assert message.startswith(said)
    assert "render it first (helm template RELEASE CHART > rendered.yaml)" in message


def test_templates_of_alerts_are_no_sources(read: Read) -> None:
    """What Prometheus itself renders, conditions and queries too, is read as it stands."""
    text = GROUP.replace("{}", "a") + (
        "    annotations:\n"
        "      a: '{{ if gt $value 1.0 }}{{ printf `x{a=\"%s\"}` $labels.a | query }}{{ end }}'\n"
        "      b: '{{ with query \"up\" }}{{ . | first | value }}{{ end }}'\n"
    )

    assert [rule.name for rule in read(text)] == ["A"]


def test_a_billion_laughs(read: Read) -> None:
    """Aliases that would make a thousand million nodes are refused at once."""
    lines = [
        "a0: &a0 [x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)),
    ]

    assert wrong(read, "\n".join(lines)) == (
        "r.yml:7: more than 1000000 values, with every alias written out"
    )


@pytest.mark.parametrize("name", ["r.yml", "r.json"])
def test_nesting_is_bounded(read: Read, name: str) -> None:
    """A document of 100,000 brackets is an error, and no end of the process."""
    deep, very_deep = ("[" * depth + "]" * depth for depth in (100, 100_000))

    assert wrong(read, deep, name) == f"{name}:1: nested deeper than 60"
    assert "nest" in wrong(read, very_deep, name)


def test_size_is_bounded(tmp_path: Path) -> None:
    """A file of more than 16 MiB is not read."""
    file = tmp_path / "r.yml"
    file.write_bytes(b"# " + b"x" * (16 << 20))

    with pytest.raises(UsageError, match=r"r\.yml has more than 16777216 bytes"):
        read_rules(file)


@pytest.mark.slow
def test_without_pyyaml(tmp_path: Path) -> None:
    """Without the extra, YAML ends in the line that names it, and JSON is read."""
    (tmp_path / "r.yml").write_text(GROUP.replace("{}", "a"))
    (tmp_path / "r.json").write_text('{"panels": [{"expr": "a"}]}')
    code = """
import sys
sys.modules["yaml"] = None
from promlatest.rules import read_rules
print(len(read_rules("r.json")))
try:
    read_rules("r.json", "r.yml")
except ImportError as error:
    print(error)
"""

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    needs = "Reading r.yml as YAML needs: pip install 'promlatest[rules]'"
    assert done.stdout == f"1\n{needs}\n"


def test_no_utf8(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are an error at their line."""
    file = tmp_path / "r.yml"
    file.write_bytes(b"a: 1\nb: \xff\n")

    with pytest.raises(UsageError, match=r"r\.yml:2: expected UTF-8"):
        read_rules(file)


WHOLE = """\
kind: ConfigMap
data:
  alerts.yml: |
    groups:
    - name: g
      rules:
      - &a
        alert: "A\\tb"
        expr: >-
          rate(x{a='b', c=~"d|e"}[5m])

          > 0.5
        for: 5m
        labels: {severity: 'p''age'}
      - <<: *a
        alert: B
  board.json: |
    {"panels": [{"title": "P \\u00e9", "targets": [{"expr": "sum by ($a) (x{b=\\"$b\\"})"}]}]}
"""


@pytest.mark.parametrize("name", ["r.yml", "r.json"])
def test_files_cut_anywhere(tmp_path: Path, name: str) -> None:
    """A file that is cut off anywhere, or begins anywhere, is read or refused in words, and
    what is read of it can be checked."""
    file, store = tmp_path / name, Store()
    store.ingest('x{a="b"} 1')
    parts = (part for at in range(0, len(WHOLE), 5) for part in (WHOLE[:at], WHOLE[at:]))
    for part in parts:
        file.write_text(part)
        try:
            rules = read_rules(file)
        except UsageError as error:
            assert str(file) in str(error)  # noqa: PT017 most parts raise, and some do not
        else:
            assert all(str(each).startswith(f"{file}:") for each in rules.check(store))
