"""What a run ran on: without it, a figure says nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_PACKAGES: Final = (
    "promlatest", "prometheus-client", "attrs", "duckdb", "polars", "pandas",
    "numpy",
)  # fmt: skip


def about() -> Mapping[str, object]:
    """The interpreter, the versions, the machine, and the commit."""
    return {
        "python": platform.python_version(),
        "build": build(),
        "optimised": optimised(),
        "loop_ms": round(loop_ms(), 1),
        "versions": {name: _version(name) for name in _PACKAGES},
        "machine": f"{_cpu()}, {os.cpu_count()} cores, {_memory()}, {platform.system()}",
        "load": round(os.getloadavg()[0], 2),
        "commit": _commit(),
        "when": time.strftime("%Y-%m-%d %H:%M"),
    }


def show() -> None:
    """Print it."""
    known = about()
    print(f"Python {known['python']}, {known['build']}; plain loop {known['loop_ms']} ms")
    print(f"{known['machine']}; load {known['load']}; commit {known['commit']}")
    versions = known["versions"]
    assert isinstance(versions, dict)
    print(", ".join(f"{name} {number}" for name, number in versions.items() if number))


def optimised() -> bool:
    """Whether the interpreter was built with profile-guided optimisation."""
    return "--enable-optimizations" in _config() or _is_debians()


def build() -> str:
    """How the interpreter was built, in words."""
    if _is_debians():
        # Its CONFIG_ARGS are those of another build: debian/rules runs profile-opt.
        return "optimised (Debian's, PGO and LTO)"
    return "optimised (PGO)" if optimised() else "NOT optimised: 1.2 to 1.7x the CPU"


def loop_ms() -> float:
    """What a plain loop takes here and now: how much two runs can be compared."""
    took = []
    for _ in range(3):
        start = time.process_time()
        total = 0
        for number in range(500_000):
            total += number & 7
        took.append(time.process_time() - start)
    return 1e3 * min(took)


def _config() -> str:
    return str(sysconfig.get_config_var("CONFIG_ARGS") or "")


def _is_debians() -> bool:
    return sys.base_prefix == "/usr" and Path("/etc/debian_version").exists()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _cpu() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor() or "unknown CPU"


def _memory() -> str:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal"):
            return f"{int(line.split()[1]) / 2**20:.0f} GB"
    return "unknown memory"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    here = Path(__file__).parent
    try:
        done = subprocess.run(command, cwd=here, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
