"""`promlatest rules`: what it prints, where to, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("yaml")

from promlatest.cli import main

PAGE = """\
# TYPE orders_total counter
orders_total{route="/buy"} 9
# TYPE stock gauge
stock 3
"""

ALERTS = """\
groups:
- name: shop
  rules:
  - alert: NoOrders
    expr: rate(orders_total{route="/buy"}[5m]) == 0
  - alert: SoldOut
    expr: stock < 1
"""


@pytest.fixture
def page(tmp_path: Path) -> str:
    file = tmp_path / "metrics.prom"
    file.write_text(PAGE)
    return str(file)


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    file = tmp_path / "alerts.yml"
    file.write_text(ALERTS)
    return file


Output = pytest.CaptureFixture[str]


def test_rules_that_fit(page: str, alerts: Path, capsys: Output) -> None:
    """Where everything is there, nothing is printed, and the exit code is 0."""
    assert main(["rules", "check", str(alerts), page]) == 0

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "2 expressions, 0 failures, 0 warnings\n"


def test_what_is_not_there(page: str, alerts: Path, capsys: Output) -> None:
    """A failure is a line of the data, and exit code 1."""
    alerts.write_text(ALERTS.replace("orders_total", "order_total"))

    assert main(["rules", "check", str(alerts), page]) == 1

    printed = capsys.readouterr()
    assert printed.out == (
        f"{alerts}:5: NoOrders: no metric is called order_total; close names: orders_total\n"
    )
    assert printed.err == "2 expressions, 1 failure, 0 warnings\n"


def test_a_warning_is_no_failure(page: str, alerts: Path, capsys: Output) -> None:
    """A value that was never seen is printed, and the exit code is 0."""
    alerts.write_text(ALERTS.replace("/buy", "/by"))

    assert main(["rules", "check", str(alerts), page]) == 0
    assert (
        "NoOrders: warning: no series of orders_total has route" in capsys.readouterr().out
    )


def test_json(page: str, alerts: Path, capsys: Output) -> None:
    """As JSON, each finding is an object with its place."""
    alerts.write_text(ALERTS.replace("stock", "stocks"))

    main(["rules", "check", str(alerts), page, "--json"])

    assert json.loads(capsys.readouterr().out) == [
        {
            "file": str(alerts),
            "line": 7,
            "rule": "SoldOut",
            "kind": "metric",
            "about": "stocks",
            "what": "no metric is called stocks",
            "close": ["stock"],
            "severity": "failure",
        }
    ]


def test_optional_and_target_labels(page: str, alerts: Path, capsys: Output) -> None:
    """What need not be there, and what scraping adds, is said by options."""
    alerts.write_text(
        ALERTS.replace('route="/buy"', 'dc="a",az="b"').replace("stock", "stocks")
    )
    labels = ["--target-labels", "dc,az", "--optional", "stock*"]

    assert main(["rules", "check", *labels, str(alerts), page]) == 0
    assert main(["rules", "check", str(alerts), page]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("text", [ALERTS, '{"panels": [{"title": "P", "expr": "stock"}]}'])
def test_rules_from_a_pipe(page: str, text: str) -> None:
    """What helm or jsonnet prints is read from the standard input, YAML or JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "promlatest", "rules", "check", "-", page],
        input=text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "")
    assert ", 0 failures" in done.stderr


def test_a_label_that_nothing_has(page: str, alerts: Path, capsys: Output) -> None:
    """A label that is asked for again and again, and nowhere, gets a hint that helps."""
    more = "".join(
        f"  - {{alert: A{n}, expr: 'stock{{dc=\"{n}\"}} > 1'}}\n" for n in range(3)
    )
    alerts.write_text(ALERTS + more)

    assert main(["rules", "check", str(alerts), page]) == 1

    hint = capsys.readouterr().err.splitlines()[0]
    assert hint.startswith("3 times nothing has the label dc: if scraping adds it")
    assert main(["rules", "check", str(alerts), page, *hint.split()[-2:]]) == 0


def test_a_folder(page: str, alerts: Path, capsys: Output) -> None:
    """A folder is walked, and what it has that is no rule is named."""
    folder = alerts.parent / "rules"
    folder.mkdir()
    alerts.rename(folder / "alerts.yml")
    (folder / "values.yaml").write_text("a: 1")

    assert main(["rules", "check", str(folder), page]) == 0
    assert (
        f"{folder / 'values.yaml'}: no rules and no dashboard, passed by"
        in capsys.readouterr().err
    )


@pytest.mark.slow
def test_eval(page: str, alerts: Path, capsys: Output) -> None:
    """Two scrapes judge alerts; what is true, or cannot be judged, is exit code 1."""
    alerts.write_text(ALERTS + "  - {alert: Gone, expr: gone > 1}\n")

    assert main(["rules", "eval", str(alerts), page, "--interval", "0.01"]) == 1

    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == (
        f'{alerts}:5: NoOrders{{route="/buy"}} 0: true now; fires'
    )
    assert f"{alerts}:7: SoldOut: not true" in printed.out
    assert f"{alerts}:8: Gone: cannot be judged: no metric is called gone" in printed.out
    assert printed.err == "3 alerts, 1 true, 1 not to be judged\n"


@pytest.mark.slow
def test_eval_as_json(page: str, alerts: Path, capsys: Output) -> None:
    """As JSON, each alert is an object with what is true of it."""
    alerts.write_text(ALERTS.replace("stock < 1", "stock / 0 > 1"))

    main(["rules", "eval", str(alerts), page, "--json", "--interval", "0"])

    assert json.loads(capsys.readouterr().out)[1] == {
        "file": str(alerts),
        "line": 7,
        "alert": "SoldOut",
        "for": 0.0,
        "keep_firing_for": 0.0,
        "true": [{"labels": {"alertname": "SoldOut"}, "value": "+Inf", "annotations": {}}],
        "problem": "",
        "notes": [],
    }


def test_what_was_scraped_is_up(page: str, alerts: Path, capsys: Output) -> None:
    """One scrape is enough to know that the target is up."""
    alerts.write_text("groups: [{name: a, rules: [{alert: Up, expr: up == 1}]}]")

    main(["rules", "eval", str(alerts), page, "--scrapes", "1"])

    assert capsys.readouterr().out == f"{alerts}:1: Up 1: true now; fires\n"


def test_eval_by_one_scrape(page: str, alerts: Path, capsys: Output) -> None:
    """By one scrape, a rate cannot be judged, and a gauge can."""
    assert main(["rules", "eval", str(alerts), page, "--scrapes", "1"]) == 1

    printed = capsys.readouterr().out.splitlines()
    assert "NoOrders: cannot be judged: " in printed[0]
    assert "SoldOut: not true" in printed[1]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["missing.yml", "page"], 2, "promlatest: missing.yml cannot be read: No such file"),
        (["alerts", "nowhere.prom"], 3, "nowhere.prom"),
    ],
    ids=["no file", "no page"],
)  # fmt: skip
def test_what_cannot_be_done(
    words: list[str], code: int, said: str, page: str, alerts: Path, capsys: Output
) -> None:
    """What is wrong with the arguments, or with the target, is said with its exit code."""
    known = {"page": page, "alerts": str(alerts)}

    assert main(["rules", "check", *(known.get(word, word) for word in words)]) == code
    assert said in capsys.readouterr().err
