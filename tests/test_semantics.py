"""The rules of docs/semantics.md: all that are named stand there, all are proved."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RULE = re.compile(r"\b[SLMCFHQZ]-\d+\b")
TEXT = (ROOT / "docs" / "semantics.md").read_text()
RULES = dict(
    re.findall(r"^\*\*([A-Z]-\d+)\. (.*?)(?=^\*\*[A-Z]-\d+\.|^## |\Z)", TEXT, re.M | re.S)
)
PROOFS = [
    (rule, proof)
    for rule, words in RULES.items()
    for proof in re.findall(r"`(test_\w+\.py::\w+)`", words)
]
NAMING = sorted(
    path
    for folder in ("src", "tests", "docs", "examples")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md") and path.name != "semantics.md"
)


SCRIPTS = sorted(set(re.findall(r"`(promql/\w+\.test)`", TEXT)))


@cache
def sources_of(name: str) -> dict[str, str]:
    """The source of each test of a file, by its name."""
    [path] = (ROOT / "tests").rglob(name)
    text = path.read_text()
    lines = text.splitlines()
    return {
        node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_rule_that_is_named_stands_there() -> None:
    """Who meets the name of a rule finds the rule."""
    named = {rule: path for path in NAMING for rule in RULE.findall(path.read_text())}

    assert {rule: path for rule, path in named.items() if rule not in RULES} == {}


def test_every_rule_says_where_it_comes_from() -> None:
    """Each rule has its file in Prometheus."""
    assert [rule for rule, words in RULES.items() if "\nIn: `" not in words] == []


def test_every_rule_is_proved() -> None:
    """Each rule names a test of ours, or a script of expressions."""
    assert [rule for rule, words in RULES.items() if " Test: `" not in words] == []


@pytest.mark.parametrize(("rule", "proof"), PROOFS, ids=map("-".join, PROOFS))
def test_every_proof_is_there(rule: str, proof: str) -> None:
    """A test that proves a rule exists, and names the rule."""
    file, name = proof.split("::")

    assert name in sources_of(file)
    assert rule in sources_of(file)[name]


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_there(script: str) -> None:
    """A script of expressions that proves a rule exists."""
    assert (ROOT / "tests" / script).is_file()


def test_rules_that_tests_name_are_proved() -> None:
    """A rule that some test names has a proof."""
    named = {
        rule
        for path in (ROOT / "tests").rglob("test_*.py")
        for rule in RULE.findall(path.read_text())
    }

    assert named & set(RULES) <= {rule for rule, _ in PROOFS}
