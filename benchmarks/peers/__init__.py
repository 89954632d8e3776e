"""The programs of Debian: Prometheus, VictoriaMetrics, and Go's parser.

`make bench-peers` installs them. Scrape loops are compared by the CPU time of whole
processes: all but the one that is measured are held still. Questions go over HTTP and
are compared by wall time; they are asked of 100,000 series, since a million in
Prometheus and in VictoriaMetrics would be most of a small machine's memory.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count, repeat
from pathlib import Path
from typing import Final

from benchmarks.bench_append import many
from benchmarks.bench_histogram import histograms, quantiles, scraped
from benchmarks.bench_promql import PERIOD, QUESTIONS, SCRAPES, answer, scrapes
from benchmarks.bench_promql import scraped as scraped_shop
from benchmarks.bodies import body as made_body
from benchmarks.harness import OURS, Fed, Run, Way
from benchmarks.peers.pages import LOOPS, loop_cpu, pages
from benchmarks.peers.programs import (
    Commands,
    Go,
    Program,
    cpu_of,
    free_port,
    missing,
    prometheus,
    prometheus_of,
    running,
    victoria,
    victoria_of,
    wait_for,
)
from benchmarks.peers.serve import beside_prometheus, sizes
from benchmarks.peers.server import CASES, queries_body
from benchmarks.series import CONTROLLERS, metric_name, shapes, store_of
from promlatest import Store

_PERIOD: Final = 0.2  # seconds between two scrapes
_WARM: Final = 4  # scrapes before the clock runs


def run(run: Run) -> None:
    if missing():
        sys.exit(f"not installed: {', '.join(missing())}; make bench-peers installs them")
    size = run.pick(400, 20_000, 20_000)
    queried = run.pick(1_000, 100_000, 100_000)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        _go(run, home, size, queried)
        port = free_port()
        server = [sys.executable, "-m", "benchmarks.peers.server"]
        numbers = map(str, (port, size, queried, run.seed))
        with running("the body server", port, "/served", *server, *numbers) as bodies:
            pages(run, home, bodies)
            _scrape_loop(run, home, bodies, size)
            _queries(run, home, bodies, queried)
            _histograms(run, home, bodies)
            for size in run.pick((210,), (10_500,), (10_500, 105_000)):
                _promql(run, size)
            beside_prometheus(run, home, bodies)
            sizes(run, home, bodies)


# Go


def _go(run: Run, home: Path, size: int, queried: int) -> None:
    go = Go(home)
    path = home / "body"
    run.begin("peers: parse", "CPU of a first scrape, beside Go's expfmt")
    for samples in dict.fromkeys((min(size, 1_000), size)):
        path.write_bytes(made_body(samples, run.seed).bytes)
        go.beside_reading(run, "text, first scrape", path, samples)

    run.begin("peers: append", "CPU of appending, beside a Go Append(ref)")
    count = run.pick(100, 10_000, 10_000)
    labels = [{"queue": f"queue-{at:05}", "shard": f"{at % 7}"} for at in range(count)]
    ours = many(labels)[OURS]
    assert isinstance(ours, Fed)
    use, values = ours.use, next(ours.inputs)
    times = run.pick(1, 20, 50)
    theirs: Commands = {"Go Append(ref)": ("append", count, times)}
    go.beside(
        run,
        "many at once",
        lambda: [use(values) for _ in range(times)],
        theirs,
        count,
        times,
    )

    run.begin("peers: scan", "CPU of a query, beside a Go map under a mutex, scanned")
    path.write_bytes(queries_body(queried).bytes)
    go.cpu("load", path)
    go.cpu("store")
    store = store_of(queried)
    name = metric_name(3)
    times = run.pick(1, 1000, 1000)
    controller = CONTROLLERS[1]
    found: dict[str, list[float]] = {OURS: [], "Go map, scanned": []}
    for _ in range(run.pick(1, 5, 9)):
        took = cpu_of(
            lambda: [store.query(name, controller=controller) for _ in range(times)]
        )
        found[OURS].append(1e6 * took / times)
        scanned = go.cpu("scan", name, "controller", controller)
        found["Go map, scanned"].append(1e6 * scanned)
    run.measured("name + label, again", found, size=queried, unit="µs a query", cpu=True)
    go.close()


# The scrape loop


def _scrape_loop(run: Run, home: Path, bodies: Program, size: int) -> None:
    run.begin("peers: scrape loop", f"CPU of whole processes, a scrape each {_PERIOD} s")
    scrapes = run.pick(3, 10, 20)
    rounds = run.pick(1, 2, 4)
    target = f"127.0.0.1:{bodies.port}"
    url = f"http://{target}/metrics"
    with ExitStack() as stack:
        programs = [
            stack.enter_context(start(home, target, "/metrics", _PERIOD))
            for start in (prometheus, victoria)
        ]
        for program in programs:
            _after(bodies, program, _WARM)
            program.hold()
        ways: dict[str, Callable[[], float]] = {
            title: partial(loop_cpu, way, url, _PERIOD, scrapes)
            for title, way in LOOPS.items()
        }
        for program in programs:
            ways[program.title] = partial(_cpu_of_scrapes, bodies, program, scrapes)
        for case in CASES:
            bodies.get("/play", case=case)
            found: dict[str, list[float]] = {title: [] for title in ways}
            for _ in range(rounds):
                for title, way in ways.items():
                    found[title].append(1e9 * way() / size)
            run.measured(case, found, size=size, unit="ns a sample", cpu=True)


def _cpu_of_scrapes(bodies: Program, program: Program, scrapes: int) -> float:
    """CPU seconds a scrape of a program that was held still."""
    program.go_on()
    _after(bodies, program, _WARM)
    before, used = _served(bodies, program), program.cpu()
    _after(bodies, program, scrapes)
    used = program.cpu() - used
    done = _served(bodies, program) - before
    program.hold()
    return used / done


def _after(bodies: Program, program: Program, scrapes: int) -> None:
    """Wait for this many more scrapes of a program."""
    until = _served(bodies, program) + scrapes
    wait_for(program.title, lambda: _served(bodies, program) >= until)


def _served(bodies: Program, program: Program) -> int:
    client = "prometheus" if program.title == "Prometheus" else "victoria"
    return int(bodies.get("/served", client=client))


# Questions over HTTP


def _scraped(
    stack: ExitStack, home: Path, bodies: Program, name: str, counted: str, wanted: int
) -> Iterator[Program]:
    """Both programs, once they hold a static body."""
    for program in _started(stack, home, bodies, f"/static?name={name}", 15.0):

        def counts(program: Program = program) -> bool:
            found = program.instant(counted)
            return bool(found) and f"'{wanted}'" in str(found)

        wait_for(f"{program.title} with {wanted} series", counts)
        yield program


def _started(
    stack: ExitStack, home: Path, bodies: Program, path: str, period: float
) -> Iterator[Program]:
    """Both programs, as they begin to scrape a path."""
    for start in (prometheus, victoria):
        directory = Path(tempfile.mkdtemp(dir=home))
        target = f"127.0.0.1:{bodies.port}"
        yield stack.enter_context(start(directory, target, path, period))


def _promql(run: Run, size: int) -> None:
    """Five questions about 31 scrapes, which the programs were given in one go: of so many
    series they would need a machine of their own to scrape them each two seconds."""
    run.begin("peers: promql", "wall time of a question, over HTTP, 31 scrapes")
    store, last = scraped_shop(size)
    begun = last - round(1000 * PERIOD * (SCRAPES - 1))
    now = f"{last / 1000:.3f}"
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        programs = [
            stack.enter_context(start(home, scrapes(size, begun)))
            for start in (prometheus_of, victoria_of)
        ]
        for title, expr in QUESTIONS.items():
            ours = partial(answer, store, expr, last)
            ways: dict[str, Way] = {OURS: lambda ask=ours: list(ask())}
            for program in programs:
                answers = partial(_answers, program, expr, now, len(ours()))
                wait_for(f"{title} of {program.title}", answers)
                ways[f"{program.title} over HTTP"] = program.asker(expr, time=now)
            run.compare(title, ways, size=size, unit="µs a question", foreign=True)


def _answers(program: Program, expr: str, now: str, count: int) -> bool:
    return len(program.instant(expr, time=now)) == count


def _queries(run: Run, home: Path, bodies: Program, size: int) -> None:
    run.begin("peers: query", "wall time of a query, over HTTP with an open connection")
    store = store_of(size)
    with ExitStack() as stack:
        counted = 'count({__name__=~"app_.*"})'
        programs = list(_scraped(stack, home, bodies, "series", counted, size))
        for shape in shapes(size):
            text = shape.selector
            ways: dict[str, Way] = {OURS: partial(store.select, text)}
            for program in programs:
                assert len(program.instant(text)) == shape.hits, (program.title, shape)
                ways[f"{program.title} over HTTP"] = program.asker(text)
            run.compare(
                f"{shape.title}, again", ways, size=size, unit="µs a query", foreign=True
            )
        names = (metric_name(number) for number in count())
        label = CONTROLLERS[2]
        ways = {OURS: Fed(names, lambda name: store.query(name, controller=label))}
        for program in programs:
            asked = (
                program.asker(f'{metric_name(number)}{{controller="{label}"}}')
                for number in count()
            )
            ways[f"{program.title} over HTTP"] = Fed(asked, lambda ask: ask())
        run.compare(
            "name + label, first", ways, size=size, unit="µs a query", once=True,
            foreign=True, rounds=run.pick(1, 15, 45),
        )  # fmt: skip


def _histograms(run: Run, home: Path, bodies: Program) -> None:
    run.begin("peers: histogram", "wall time of 1,000 quantiles of 20 buckets")
    store = Store()
    body = histograms(1_000, run.seed)
    store.ingest(body.bytes)
    with ExitStack() as stack:
        programs = list(
            _scraped(stack, home, bodies, "histograms", "count(latency_sum)", 1_000)
        )
        query = "histogram_quantile(0.99, latency_bucket)"
        again: dict[str, Way] = {OURS: lambda: quantiles(store)}
        moved: dict[str, Way] = {OURS: scraped(store, body)}
        for program in programs:
            assert len(program.instant(query)) == 1_000, program.title
            again[f"{program.title} over HTTP"] = program.asker(query)
            asked = repeat(program.asker(query))
            moved[f"{program.title} over HTTP"] = Fed(asked, lambda ask: ask())
        run.compare(
            "all quantiles, again", again, size=1_000, unit="ms for all", foreign=True
        )
        run.compare(
            "all quantiles, after a scrape", moved, size=1_000, unit="ms for all",
            once=True, foreign=True,
        )  # fmt: skip
