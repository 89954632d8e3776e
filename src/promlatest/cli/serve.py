"""Serve what targets expose by Prometheus' HTTP API: for Grafana, promtool, and a page.

It scrapes the targets, keeps the latest sample of every series, and answers queries,
/federate and /metrics until Ctrl-C. Whoever can reach the address can read everything,
so it listens on this machine only, unless --host says another.

examples:
  promlatest serve :8080 :9100
  promlatest serve --config prometheus.yml --history 300 --port 9090
  promlatest serve --demo
  promlatest serve :8080 --host 0.0.0.0 --token-file token --tls-cert c.pem --tls-key k.pem
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import ssl
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

import attrs

from promlatest._files import file_text
from promlatest._storage.store import Store
from promlatest.api import Api
from promlatest.api._server import Listener, is_loopback
from promlatest.cli._exits import DONE
from promlatest.cli._options import (
    add_config,
    add_demo,
    add_fetching,
    port,
    refuse_idle_sources,
)
from promlatest.cli._targets import configured, demo, target_of
from promlatest.exceptions import UsageError
from promlatest.rules import read_rules
from promlatest.scrape import Job, Scraper, Target

_DEFAULT_INTERVAL: Final = 5.0
_ORIGIN: Final = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[!-.0-~]+")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest serve`."""
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    add_demo(parser)
    add_config(parser)
    parser.add_argument(
        "--interval", type=float, metavar="SECONDS",
        help=f"between two scrapes (default: {_DEFAULT_INTERVAL:g}, or as the config says)",
    )  # fmt: skip
    parser.add_argument(
        "--history", type=int, default=2, metavar="N",
        help="scrapes to keep, for rates and range queries (default: 2)",
    )  # fmt: skip
    parser.add_argument(
        "--partial", action="store_true",
        help="answer rates over what is covered, with a warning, in place of refusing",
    )  # fmt: skip
    parser.add_argument(
        "--rules", action="append", default=[], metavar="FILE",
        help="a rule file to show and evaluate; may be given several times",
    )  # fmt: skip
    group = parser.add_argument_group("where it listens, and who may ask")
    group.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    group.add_argument(
        "--port", type=port, default=9090, help="default: 9090; 0: any that is free"
    )
    group.add_argument(
        "--token-file", metavar="FILE", help="ask clients for the token in this file"
    )
    group.add_argument("--tls-cert", metavar="FILE", help="serve https with it")
    group.add_argument("--tls-key", metavar="FILE", help="its key, if not in the same file")
    group.add_argument(
        "--cors-origin", default="", metavar="ORIGIN",
        help="let pages of this origin ask (default: none)",
    )  # fmt: skip
    add_fetching(parser)


def run(options: argparse.Namespace) -> int:
    """Scrape and serve until SIGINT or SIGTERM."""
    refuse_idle_sources(options)
    if not options.host:  # which would be every address of this machine
        raise UsageError("expected a name or an address behind --host, not ''")
    if options.cors_origin and not _ORIGIN.fullmatch(options.cors_origin):
        raise UsageError(
            "expected an origin as a browser sends it, such as http://localhost:3000, or *,"
            f" behind --cors-origin, not {options.cors_origin!r:.80}"
        )
    if options.history < 2:
        raise UsageError(f"--history: expected at least 2 scrapes, not {options.history}")
    token, context = _token(options.token_file), _context(options)
    with ExitStack() as stack:
        if options.demo:
            options.targets.append(stack.enter_context(demo(options)))
        work = _work(options)
        store = Store(history=options.history)
        scraper = stack.enter_context(Scraper.of_jobs(store, work))
        api = Api(
            store,
            targets=lambda: scraper.jobs,
            partial=options.partial,
            rules=read_rules(*options.rules) if options.rules else (),
            config=_described(work),
            flags={"web.listen-address": f"{options.host}:{options.port}"},
        )
        asyncio.run(_serve(api, options, token, context))
    return DONE


def _work(options: argparse.Namespace) -> list[tuple[Job, list[Target]]]:
    interval = options.interval
    if interval is not None and not interval > 0:
        raise UsageError(f"--interval must be above 0 s, not {interval:g}")
    every = interval or _DEFAULT_INTERVAL
    job = Job(interval=every, timeout=min(options.timeout, every))
    targets = [target_of(options, text) for text in options.targets]
    work = [(job, targets)] if targets else []
    if options.config:
        work += [(_paced(job, interval), them) for job, them in configured(options)]
    if not work:
        raise UsageError("give at least one TARGET, --config or --demo")
    return work


def _paced(job: Job, interval: float | None) -> Job:
    if interval is None:
        return job
    return attrs.evolve(job, interval=interval, timeout=min(job.timeout, interval))


def _described(work: Iterable[tuple[Job, Iterable[Target]]]) -> str:
    """The configuration that is in force, in YAML (which JSON is): what a file says, it
    may say with its passwords."""
    jobs = [
        {
            "job_name": job.name,
            "scrape_interval": f"{job.interval:g}s",
            "scrape_timeout": f"{job.timeout:g}s",
            "static_configs": [{"targets": [target.name for target in targets]}],
        }
        for job, targets in work
    ]
    return json.dumps({"scrape_configs": jobs}, indent=1)


def _token(path: str | None) -> str:
    token = file_text(path).strip() if path else ""
    if path and not token:
        raise UsageError(f"{path}: expected a token, got an empty file")
    return token


def _context(options: argparse.Namespace) -> ssl.SSLContext | None:
    if not options.tls_cert:
        if options.tls_key:
            raise UsageError("--tls-key needs --tls-cert")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.tls_cert, options.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"{options.tls_cert}: no certificate with its key: {error}"
        ) from error
    return context


async def _serve(
    api: Api, options: argparse.Namespace, token: str, context: ssl.SSLContext | None
) -> None:
    """Listen until a signal."""
    listener = Listener(
        api,
        options.host,
        options.port,
        token=token,
        context=context,
        origin=options.cors_origin,
    )
    with _until_signal() as ended:
        try:
            url = await listener.start()
        except OSError as error:
            where = f"{options.host}:{options.port}"
            # asyncio's words have the address once more; a name that is not known has a
            # number of its own, below 0.
            number = error.errno or 0
            words = os.strerror(number) if number > 0 else error.strerror or error
            raise UsageError(f"cannot listen on {where}: {words}") from error
        print(url, flush=True)
        for line in _talk(url, options, token, context):
            print(line, file=sys.stderr)
        await ended.wait()
        api.close()
        await listener.stop()


def _talk(
    url: str, options: argparse.Namespace, token: str, context: ssl.SSLContext | None
) -> Iterator[str]:
    """What is to be said: where it is, and who else can read it."""
    yield f"open {url}/ in a browser, or give {url} to Grafana as a Prometheus"
    if is_loopback(options.host):
        return
    if not token:
        yield f"warning: whoever reaches {url} can read all of it; see --token-file"
    elif context is None:
        yield "warning: the token goes over the network unencrypted; see --tls-cert"


@contextmanager
def _until_signal() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set; elsewhere than on Unix, too."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def end(_: int, __: FrameType | None) -> None:
        loop.call_soon_threadsafe(ended.set)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, end) for each in signals]
    try:
        yield ended
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
