"""The benchmarks run; what they measure is no test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


def test_every_benchmark_runs_and_its_output_can_be_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each runs at a tiny size, ours is in every case, and two outputs compare."""
    pytest.importorskip("yaml")  # rule files are among what is measured
    path = tmp_path / "run.json"

    def benchmarks(*words: str | Path) -> str:
        monkeypatch.setattr("sys.argv", ["benchmarks", *map(str, words)])
        main()
        return capsys.readouterr().out

    # In a process of its own: its imports, threads and memory are measured.
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
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
