"""The real programs on loopback, each started once, each ended at the end.

A target's values move between two scrapes, so what is compared goes through `Frozen`: it
fetches a program's answer once and gives the same bytes to everybody who asks.

A Prometheus that scrapes every second gives a scrape up after a second, and on a busy
machine it does: what it holds is asked at a moment at which a scrape was good.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import attrs
import pytest
from served import Answer, Served

from promlatest.testing._process import free_port

T = TypeVar("T")


def get(url: str, accept: str = "*/*") -> tuple[bytes, str]:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), answer.headers.get("Content-Type", "")


@contextmanager
def running(name: str, url: str, *command: str) -> Iterator[str]:
    """A program of Debian's, until it answers and while the block runs."""
    path = shutil.which(command[0])
    if path is None:
        pytest.fail(f"{command[0]} is not installed: make real installs it")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([path, *command[1:]], stdout=said, stderr=said)

        def answers() -> bool:
            if process.poll() is None:
                return bool(get(url))
            said.seek(0)
            words = said.read().decode(errors="replace")
            pytest.fail(f"{name} ended with {process.returncode}: {words[-2000:]}")

        try:
            wait_for(name, answers)
            yield url
        finally:
            process.kill()  # some take seconds to save what nobody asks for again
            process.wait()


def wait_for(what: str, condition: Callable[[], T], seconds: float = 120) -> T:
    """What the condition gives, once that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (OSError, HTTPException):
            pass
        time.sleep(0.1)
    pytest.fail(f"{what} did not happen within {seconds:g} s")


def agree(differences: Callable[[], object], seconds: float = 60) -> None:
    """Wait until nothing differs: either of two that scrape may have missed a scrape."""
    deadline = time.monotonic() + seconds
    while found := differences():
        if time.monotonic() > deadline:
            pytest.fail(f"different for {seconds:g} s: {found}")
        time.sleep(0.1)


@attrs.frozen
class Programs:
    """The metrics URLs of the exporters, by name."""

    urls: dict[str, str]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    home = tmp_path_factory.mktemp("programs")
    alertmanager = home / "alertmanager.yml"
    alertmanager.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    node, alert, etcd, peer = (free_port() for _ in range(4))
    urls = {
        "node": f"http://127.0.0.1:{node}/metrics",
        "alertmanager": f"http://127.0.0.1:{alert}/metrics",
        "etcd": f"http://127.0.0.1:{etcd}/metrics",
    }
    commands = {
        "node": ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}"],
        "alertmanager": [
            "prometheus-alertmanager",
            f"--config.file={alertmanager}",
            f"--storage.path={home / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{alert}",
            "--cluster.listen-address=",
        ],
        "etcd": [
            "etcd",
            f"--data-dir={home / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
        ],
    }
    with ExitStack() as stack:
        for name, command in commands.items():
            stack.enter_context(running(name, urls[name], *command))
        yield Programs(urls)


class Frozen(Served):
    """Serves bodies that do not move: path -> (body, Content-Type)."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[bytes, str]] = {}
        super().__init__(self._answer)

    def _answer(self, path: str) -> Answer:
        if path not in self.answers:
            return 404, "text/plain", b"no such path"
        body, content_type = self.answers[path]
        return 200, content_type, body


@attrs.frozen
class Prometheus:
    """A running Prometheus."""

    url: str

    def api(self, path: str, **parameters: str) -> Any:
        body, _ = get(f"{self.url}/api/v1/{path}?{urlencode(parameters)}")
        answer = json.loads(body)
        assert answer["status"] == "success", answer
        return answer["data"]

    def targets(self) -> dict[str, dict[str, Any]]:
        """The active targets, by job."""
        found = self.api("targets", state="active")["activeTargets"]
        return {target["labels"]["job"]: target for target in found}

    def instant(self, query: str, **parameters: str) -> list[dict[str, Any]]:
        return self.api("query", query=query, **parameters)["result"]

    def stored(self, job: str) -> list[dict[str, Any]]:
        """The series of a job at its last good scrape."""
        return self.instant(f"{{job={json.dumps(job)}}}", time=self.last_good(job))

    def last_good(self, job: str) -> str:
        """When the last good scrape of a job was, in seconds."""
        [found] = self.instant(f"up{{job={json.dumps(job)}}}[1h]")
        return f"{max(at for at, value in found['values'] if value == '1'):.3f}"


@contextmanager
def configured(config: Path) -> Iterator[Prometheus]:
    """A Prometheus with this configuration, and its data beside the file."""
    address = f"127.0.0.1:{free_port()}"
    words = (
        f"--config.file={config}",
        f"--storage.tsdb.path={config.parent / 'data'}",
        f"--web.listen-address={address}",
    )
    url = f"http://{address}"
    with running("prometheus", f"{url}/-/ready", "prometheus", *words):
        yield Prometheus(url)


@contextmanager
def prometheus(
    home: Path,
    jobs: dict[str, tuple[str, str]],
    rules: dict[str, Any] | None = None,
    interval: str = "1s",
) -> Iterator[Prometheus]:
    """A Prometheus that scrapes jobs, name -> (address, path), and evaluates rules."""
    configs = [
        {
            "job_name": job,
            "scrape_interval": interval,
            "metrics_path": path,
            "static_configs": [{"targets": [address]}],
        }
        for job, (address, path) in jobs.items()
    ]
    config = home / "prometheus.yml"
    rule_file = home / "rules.yml"
    rule_file.write_text(json.dumps(rules or {"groups": []}))  # JSON is YAML
    config.write_text(
        json.dumps(
            {
                "global": {"evaluation_interval": "1s"},
                "rule_files": [str(rule_file)],
                "scrape_configs": configs,
            }
        )
    )
    with configured(config) as server:
        wait_for(
            "the first scrapes",
            lambda: (
                {
                    job: target["health"] != "unknown"
                    for job, target in server.targets().items()
                }
                == dict.fromkeys(jobs, True)
            ),
        )
        yield server
