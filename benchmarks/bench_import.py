"""Import: what a program pays for a library that it does not use yet, and what a command
costs before it does anything."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.bodies import body
from benchmarks.harness import OURS, Run

_IMPORTS: Final = {
    OURS: "from promlatest import Store",
    "prometheus_client": "import prometheus_client",
    "prometheus_client and its parser": "import prometheus_client.parser",
    "attrs": "import attrs",
    "nothing": "pass",
}


def run(run: Run) -> None:
    run.begin("import", "a fresh process that only imports")
    rounds = run.pick(1, 7, 15)
    cpu: dict[str, list[float]] = {title: [] for title in _IMPORTS}
    memory: dict[str, list[float]] = {title: [] for title in _IMPORTS}
    for number in range(rounds + 1):  # the first one fills the file cache
        for title, code in _IMPORTS.items():
            took, resident = _process(code)
            if number:
                cpu[title].append(took)
                memory[title].append(resident)
    run.measured("the whole process", cpu, size=1, unit="ms", cpu=True)
    bare = cpu.pop("nothing")
    less = {
        title: [max(0.01, took - base) for took, base in zip(values, bare, strict=False)]
        for title, values in cpu.items()
    }
    run.measured("less that of importing nothing", less, size=1, unit="ms", cpu=True)
    run.measured("memory at its peak", memory, size=1, unit="MB")
    pairs = zip(cpu[OURS], cpu["prometheus_client"], strict=True)
    beyond = [max(0.0, ours - theirs) for ours, theirs in pairs]
    run.measured("beyond prometheus_client", {OURS: beyond}, size=1, unit="ms", cpu=True)
    _commands(run, rounds)


def _commands(run: Run, rounds: int) -> None:
    """Commands as they are typed: the script of the environment, and a page in a file."""
    script = Path(sys.executable).with_name("promlatest")
    with tempfile.TemporaryDirectory() as home:
        page = Path(home, "page.prom")
        page.write_bytes(body(1_000, run.seed).bytes)
        for words in (("--version",), ("get", str(page), "node_cpu_seconds_total")):
            took = [_command(script, *words) for _ in range(rounds + 1)][1:]
            case = "promlatest get FILE" if words[0] == "get" else "promlatest --version"
            run.measured(case, {OURS: took}, size=1, unit="ms", cpu=True)


def _command(*words: str | Path) -> float:
    """CPU in milliseconds of a process."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return 1e3 * (usage.ru_utime + usage.ru_stime)


# ru_maxrss would be that of the process that forked.
_PEAK: Final = """
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


def _process(code: str) -> tuple[float, float]:
    """CPU in milliseconds and memory in MB of a process that runs this."""
    command = [sys.executable, "-c", f"{code}\n{_PEAK}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        peak = int(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, code
    return 1e3 * (usage.ru_utime + usage.ru_stime), peak / 1024
