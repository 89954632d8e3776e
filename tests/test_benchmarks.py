"""The benchmarks run; what they measure is no test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


def benchmarks(*words: str | Path) -> str:
    command = [sys.executable, "-m", "benchmarks", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_benchmark_runs_and_its_output_can_be_judged(tmp_path: Path) -> None:
    """Each runs at a tiny size, ours is in every case, and two outputs compare."""
    pytest.importorskip("yaml")  # rule files are among what is measured
    path = tmp_path / "run.json"

    benchmarks("--smoke", "--json", path)
    rows = json.loads(path.read_text())["results"]
    compared = benchmarks("compare", path, path)
    judged = benchmarks("targets", path)
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- table append -->\n\nold\n\nAfter.\n")
    benchmarks("page", page, path)

    names = {found.stem.removeprefix("bench_") for found in ROOT.glob("benchmarks/bench_*")}
    assert {row["bench"] for row in rows} == names
    cases = {(row["bench"], row["case"], row["size"]) for row in rows}
    assert all((*case, "promlatest") in _ways(rows) for case in cases)
    assert "MORE" not in compared
    assert "not measured" in judged
    assert page.read_text().count("| promlatest |") == sum(
        row["bench"] == "append" and row["way"] == "promlatest" for row in rows
    )
    assert page.read_text().endswith("|\n\nAfter.\n")


def _ways(rows: list[dict[str, object]]) -> set[tuple[object, ...]]:
    return {(row["bench"], row["case"], row["size"], row["way"]) for row in rows}
