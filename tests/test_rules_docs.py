"""The tables of docs/rules.md say what is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from promlatest import Store
from promlatest.rules import Rule, Rules
from promlatest.rules._text import source_text

TEXT = (Path(__file__).parent.parent / "docs" / "rules.md").read_text()
PAGE = re.search(r"<!-- page -->\n```text\n(.*?)```", TEXT, re.DOTALL)[1]  # type: ignore[index]


def table(name: str) -> list[list[str]]:
    """The rows of a table, without the marks of code, but for the first cell."""
    lines = TEXT.partition(f"<!-- {name} -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [line.strip("| ").split(" | ") for line in lines]
    return [[row[0][1:-1], *(cell.replace("`", "") for cell in row[1:])] for row in rows]


def rules(expr: str) -> Rules:
    return Rules((Rule(file="r.yml", name="A", kind="alert", expr=source_text(expr)),))


def store(body: str, at: int) -> Store:
    made = Store()
    made.ingest(body, timestamp=at)
    return made


@pytest.mark.parametrize(("expr", "kind", "said"), table("findings"))
def test_findings(expr: str, kind: str, said: str) -> None:
    """Each row of findings is what a check says."""
    found = rules(expr).check(store(PAGE, 1000))

    told = {
        str(each).removeprefix("r.yml:1: A: ").removeprefix("warning: ") for each in found
    }
    assert said in told
    severity = "warning" if "warning" in kind else "failure"
    assert (kind.partition(",")[0], severity) in {
        (each.kind, each.severity) for each in found
    }


@pytest.mark.parametrize(("expr", "said"), table("problems"))
def test_problems(expr: str, said: str) -> None:
    """Each row of problems is why an alert cannot be judged."""
    before, after = store(PAGE, 1000), store(f"{PAGE}mails_total 3\n", 2000)

    (verdict,) = rules(expr).evaluate(before, after)

    assert verdict.problem == said
