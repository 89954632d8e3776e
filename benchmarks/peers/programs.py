"""The programs beside us: started on free ports, held still while another is measured,
ended at the end."""

from __future__ import annotations

import gc
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from benchmarks.harness import OURS, Run
from promlatest import Store

_GO_CODE: Final = Path(__file__).parent / "go"

Commands = dict[str, tuple[object, ...]]  # to the Go program, by title


class Program:
    """A running program that answers over HTTP."""

    def __init__(self, title: str, process: subprocess.Popen[bytes], port: int) -> None:
        self.title = title
        self.process = process
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str, **query: str) -> bytes:
        return self._fetch(f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: bytes) -> None:
        self._fetch(path, body)

    def _fetch(self, path: str, sent: bytes | None = None) -> bytes:
        try:
            self.connection.request("GET" if sent is None else "POST", path, sent)
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()  # it opens again with the next request
            raise
        if answer.status not in (
            200,
            204,
        ):  # a Prometheus that is not ready says so in words
            raise http.client.HTTPException(f"{path}: {answer.status} {answer.reason}")
        return body

    def instant(self, query: str, **more: str) -> list[object]:
        """The result of a PromQL query."""
        answer = json.loads(self.get("/api/v1/query", query=query, **more))
        found = answer["data"]["result"]
        assert isinstance(found, list)
        return found

    def asker(self, query: str, **more: str) -> Callable[[], bytes]:
        """A function that asks over the open connection and reads the whole answer."""
        path = f"/api/v1/query?{urlencode({'query': query, **more})}"
        return lambda: self._fetch(path)

    def cpu(self) -> float:
        """Seconds of CPU time so far, of all its threads."""
        # Linux' CPU clock of another process, to the nanosecond; /proc/PID/stat counts
        # ticks of 10 ms, and a scrape of 500 samples takes one.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def hold(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def running(title: str, port: int, ready: str, *command: str) -> Iterator[Program]:
    """A program, once it answers and while the block runs."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    program = Program(title, process, port)
    try:
        wait_for(title, lambda: bool(program.get(ready)))
        yield program
    finally:
        program.go_on()
        process.terminate()
        process.wait(20)


@contextmanager
def prometheus(home: Path, target: str, path: str, seconds: float) -> Iterator[Program]:
    """A Prometheus that scrapes this path of a target."""
    config = _config(home, target, path, seconds, "prometheus")
    with _prometheus(config, home / "prometheus") as program:
        yield program


@contextmanager
def prometheus_of(home: Path, scrapes: Iterable[tuple[int, str]]) -> Iterator[Program]:
    """A Prometheus that was given these scrapes, (ms, text), as a block, and scrapes
    nothing."""
    text, config = home / "scrapes.om", home / "nothing.yml"
    config.write_text("{}")
    with text.open("w") as file:
        for moment, body in scrapes:
            file.writelines(stamped(body, f"{moment / 1000:.3f}"))
        file.write("# EOF\n")
    data = home / "backfilled"
    fill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
    subprocess.run(fill, check=True, stdout=subprocess.DEVNULL)
    text.unlink()
    with _prometheus(config, data) as program:
        yield program


def stamped(body: str, moment: str) -> Iterator[str]:
    """The samples of a text, each with a timestamp, and no comments."""
    lines = (line for line in body.splitlines() if not line.startswith("#"))
    return (f"{line} {moment}\n" for line in lines)


@contextmanager
def _prometheus(config: Path, data: Path) -> Iterator[Program]:
    port = free_port()
    with running(
        "Prometheus",
        port,
        "/-/ready",
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
    ) as program:
        yield program


@contextmanager
def victoria(home: Path, target: str, path: str, seconds: float) -> Iterator[Program]:
    """A VictoriaMetrics that does the same."""
    config = _config(home, target, path, seconds, "victoria")
    with _victoria(home, f"-promscrape.config={config}") as program:
        yield program


@contextmanager
def victoria_of(home: Path, scrapes: Iterable[tuple[int, str]]) -> Iterator[Program]:
    """A VictoriaMetrics that was given these scrapes, (ms, text)."""
    with _victoria(home) as program:
        for moment, body in scrapes:
            text = "".join(stamped(body, str(moment)))
            program.post("/api/v1/import/prometheus", text.encode())
        yield program


@contextmanager
def _victoria(home: Path, *options: str) -> Iterator[Program]:
    port = free_port()
    with running(
        "VictoriaMetrics",
        port,
        "/health",
        "victoria-metrics",
        *options,
        f"-storageDataPath={home / f'victoria-{port}'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-promscrape.maxScrapeSize=256MB",
        "-search.latencyOffset=0s",
        "-search.disableCache",
    ) as program:
        yield program


def _config(home: Path, target: str, path: str, seconds: float, client: str) -> Path:
    where, _, query = path.partition("?")
    period = f"{round(1000 * seconds)}ms"
    params = {"client": client}
    if query:
        name, _, value = query.partition("=")
        params[name] = value
    job = {
        "job_name": "bench",
        "scrape_interval": period,
        "scrape_timeout": period,
        "metrics_path": where,
        "params": {name: [value] for name, value in params.items()},
        "static_configs": [{"targets": [target]}],
    }
    config = home / f"{client}.yml"
    config.write_text(json.dumps({"scrape_configs": [job]}))  # JSON is YAML
    return config


class Go:
    """The Go program: a command in, its CPU seconds out."""

    def __init__(self, home: Path) -> None:
        binary = home / "go-peer"
        # Debian's libraries lie in a GOPATH, and nothing is to be downloaded.
        setting = {
            "GO111MODULE": "off",
            "GOPATH": "/usr/share/gocode",
            "GOFLAGS": "",
            "GOCACHE": str(home / "go-cache"),
        }
        build = ["go", "build", "-o", str(binary), str(_GO_CODE / "main.go")]
        subprocess.run(build, env={**os.environ, **setting}, check=True)
        self.process = subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def cpu(self, *command: object) -> float:
        """Have a command done; the CPU seconds that it took."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(" ".join(map(str, command)) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline().split()[0])

    def beside(
        self,
        run: Run,
        case: str,
        ours: Callable[[], object],
        theirs: Commands,
        size: int,
        times: int = 1,
    ) -> None:
        """Compare the CPU of ours with that of commands of its."""
        found: dict[str, list[float]] = {OURS: [], **{title: [] for title in theirs}}
        gc.collect()
        gc.freeze()  # what the benchmarks hold themselves, as `Run.compare` does
        for number in range(run.pick(1, 7, 15) + 1):
            took = {OURS: cpu_of(ours)}
            took |= {title: self.cpu(*command) for title, command in theirs.items()}
            for title, seconds in took.items():
                if number:  # the first one warms up
                    found[title].append(1e9 * seconds / size / times)
        run.measured(case, found, size=size, unit="ns a sample", cpu=True)

    def beside_reading(self, run: Run, case: str, path: Path, size: int) -> None:
        """Compare a first reading of a body, parsed and stored."""
        raw = path.read_bytes()
        self.cpu("load", path)
        theirs: Commands = {"Go expfmt": ("parse",), "Go expfmt + map": ("store",)}
        # A body of 500 samples takes Go 2 ms: several, so that the clock is no part of it.
        times = max(1, 20_000 // size)
        theirs = {title: (*words, times) for title, words in theirs.items()}

        def ours() -> None:
            for _ in range(times):
                Store().ingest(raw)

        self.beside(run, case, ours, theirs, size, times)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)


def cpu_of(way: Callable[[], object]) -> float:
    """Seconds of CPU time of this process that a call takes."""
    start = time.process_time()
    way()
    return time.process_time() - start


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port


def missing() -> list[str]:
    """The programs that are not installed."""
    wanted = (
        "prometheus", "promtool", "victoria-metrics", "go", "prometheus-node-exporter", "etcd",
    )  # fmt: skip
    return [name for name in wanted if not shutil.which(name)]


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise TimeoutError(f"{what}: not ready within {seconds:g} s")
