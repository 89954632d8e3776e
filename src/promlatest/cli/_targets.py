"""Targets as the options say to ask them, and what they answer, once or in rounds."""

from __future__ import annotations

import argparse
import itertools
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final

from promlatest._escape import escaped
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import parse_selector
from promlatest._storage.limits import Limits
from promlatest._storage.store import Store
from promlatest.cli._options import limits_of, pair, refuse_idle_asking
from promlatest.exceptions import (
    EndpointError,
    SelectorError,
    UsageError,
)
from promlatest.scrape import TLS, Auth, Fetched, ScrapeLimits, Target, fetch_once
from promlatest.views.nothing_found import is_expression

if TYPE_CHECKING:
    from promlatest.scrape import Job


def demo(options: argparse.Namespace) -> AbstractContextManager[str]:
    """The demo operator that --demo asks for: its URL, while the context lasts."""
    from promlatest.demo import serve  # a simulation that nobody else needs

    return serve(seed=1 if options.seed is None else options.seed)


def configured(options: argparse.Namespace) -> list[tuple[Job, list[Target]]]:
    """The jobs of the configuration, and their targets."""
    from promlatest.scrape import load_config  # most commands read no configuration

    try:
        return load_config(options.config, skip_unsupported=options.skip_unsupported)
    except UsageError as error:  # which advises those who write Python
        words = str(error).replace("skip_unsupported leaves", "--skip-unsupported leaves")
        raise UsageError(words) from None


def matchers_of(text: str, target: str) -> Sequence[Matcher]:
    """The matchers of a selector that was typed to be asked of a target.

    Raises:
        SelectorError: it cannot be read.
        UsageError: it is PromQL, which is asked elsewhere.
    """
    try:
        return parse_selector(text)
    except SelectorError as error:
        if not is_expression(text):
            raise
        raise UsageError(
            f'expected a selector, such as up{{job="a"}}; {text!r} is PromQL:'
            f" promlatest query {target} {shlex.quote(text)}"
        ) from error


def scraped(options: argparse.Namespace, target: str) -> Store:
    """A store with what a target says now."""
    store = Store(limits=limits_of(options, Limits))
    ingested(options, target, store)
    return store


def ingested(options: argparse.Namespace, target: str, store: Store) -> None:
    """Scrape a target into a store, and tell of samples that it does not take."""
    fetched = fetch(options, target)
    before = store.counts.untaken
    with _naming(target):
        store.ingest(bytes(fetched.body), fetched.content_type, source=shown(target))
    if untaken := store.counts.untaken - before:
        tell_untaken(target, untaken, store.counts.example)


def tell_untaken(target: str, number: int, example: str) -> None:
    """Say that no store takes some samples, and of the first why."""
    told = f"samples not taken: {number}, the first since {example}"
    print(escaped(f"promlatest: {shown(target)}: {told}"), file=sys.stderr)


def rounds(seconds: float, count: int | None = None) -> Iterator[int]:
    """Number scrapes so that one begins so many seconds after the one before.

    Args:
        seconds: from one to the next.
        count: how many there are; None: as many as come until Ctrl-C.
    """
    for number in itertools.count() if count is None else range(count):
        begun = time.monotonic()
        yield number
        if number + 1 != count:
            time.sleep(max(begun + seconds - time.monotonic(), 0))


@contextmanager
def telling() -> Iterator[None]:
    """Tell of a target that cannot be asked or read, where it is asked again later."""
    try:
        yield
    except EndpointError as error:
        print(f"promlatest: {error}", file=sys.stderr)


def fetch(options: argparse.Namespace, target: str) -> Fetched:
    """What a target answers, asked as the options say."""
    try:
        limits = limits_of(options, ScrapeLimits)
        return fetch_once(
            target_of(options, target), timeout=options.timeout, limits=limits
        )
    except EndpointError as error:  # which advises those who write Python
        error.message = _OPTION.sub(lambda match: _OPTIONS[match[0]], error.message)
        raise


_OPTIONS: Final[Mapping[str, str]] = {
    "ca_file": "--ca-file",
    "cert_file": "--cert-file",
    "key_file": "--key-file",
    "server_name": "--server-name",
    "skip_verify": "--insecure-skip-verify",
}


_OPTION: Final = re.compile(rf"\b(?:{'|'.join(_OPTIONS)})\b")


def target_of(options: argparse.Namespace, text: str) -> Target:
    """The target of an argument, with the authorization that the options give.

    Raises:
        UsageError: it is no target, or is not asked with what the options give.
    """
    refuse_idle_asking(options, getattr(options, "targets", None) or [text])
    headers = (pair(text, ":", "a header as 'Name: value'") for text in options.header)
    return Target.parse(
        text,
        headers={name: value.strip() for name, value in headers},
        auth=Auth(bearer_token_file=options.bearer_token_file),
        tls=TLS(
            ca_file=options.ca_file,
            cert_file=options.cert_file,
            key_file=options.key_file,
            server_name=options.server_name,
            skip_verify=options.insecure_skip_verify,
        ),
    )


def shown(target: str) -> str:
    """The target without its secrets."""
    return Target.parse(target).name


@contextmanager
def _naming(target: str) -> Iterator[None]:
    """Put the target into an error of reading, which knows the text only."""
    try:
        yield
    except EndpointError as error:
        error.target = error.target or shown(target)
        raise
