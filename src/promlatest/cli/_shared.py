"""What the commands share: exit codes, the arguments of a scrape, and printing.

====  ==================================================================
0     done
1     nothing matched (`get`, `histogram`), something was found (`check`), or a
      contract is broken (`contract`)
2     the command itself cannot be carried out as it was given
3     the target cannot be reached, refuses, or does not answer in time
4     the target answered with something that cannot be read
5     the output cannot be written
====  ==================================================================
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from promlatest._storage.store import Store
from promlatest.exceptions import (
    BodyError,
    ContentTypeError,
    EndpointError,
    LimitError,
    ParseError,
    PromlatestError,
    UsageError,
)
from promlatest.scrape import TLS, Auth, Fetched, Job, Target, fetch_once, load_config

DONE, NOTHING, USAGE, UNREACHABLE, UNREADABLE, UNWRITABLE = range(6)

_NARROWEST: Final = 40

# The first that fits.
_EXIT_CODES: Final[Sequence[tuple[type[PromlatestError], int]]] = (
    (UsageError, USAGE),
    (ParseError, UNREADABLE),
    (ContentTypeError, UNREADABLE),
    (BodyError, UNREADABLE),
    (LimitError, UNREADABLE),
    (EndpointError, UNREACHABLE),
    (PromlatestError, USAGE),
)


def exit_code(error: PromlatestError) -> int:
    """The exit code that says what kind of error ended a command."""
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))


# Arguments


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add TARGET and the options of fetching it."""
    parser.add_argument(
        "target", metavar="TARGET", help=":8080, host:port, a URL, a path, or - for stdin"
    )
    add_fetching(parser)


def add_printing(parser: argparse.ArgumentParser) -> None:
    """Add how the answer is printed."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--width", type=int, metavar="COLUMNS", help="default: the terminal's"
    )


def add_fetching(parser: argparse.ArgumentParser) -> None:
    """Add how a target is asked: time, headers, authorization, TLS."""
    group = parser.add_argument_group("how the target is asked")
    group.add_argument(
        "--timeout", type=float, default=10.0, metavar="SECONDS",
        help="for the whole scrape (default: 10)",
    )  # fmt: skip
    group.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'",
        help="send this header too; may be given several times",
    )  # fmt: skip
    group.add_argument(
        "--bearer-token-file", default="", metavar="FILE",
        help="send the token in this file",
    )  # fmt: skip
    group.add_argument(
        "--ca-file", default="", metavar="FILE",
        help="trust the certificates in this file",
    )  # fmt: skip
    group.add_argument(
        "--cert-file", default="", metavar="FILE", help="show this client certificate"
    )
    group.add_argument(
        "--key-file", default="", metavar="FILE",
        help="its key, if it is not in the same file",
    )  # fmt: skip
    group.add_argument(
        "--server-name", default="", metavar="NAME",
        help="the name that the certificate must have (default: the host)",
    )  # fmt: skip
    group.add_argument(
        "--insecure-skip-verify", action="store_true", help="trust any certificate"
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add a configuration, and what is done about jobs that want too much."""
    parser.add_argument(
        "--config", metavar="FILE", help="a Prometheus configuration with static targets"
    )
    parser.add_argument(
        "--skip-unsupported", action="store_true",
        help="leave out jobs of it that want what promlatest does not have",
    )  # fmt: skip


def configured(options: argparse.Namespace) -> list[tuple[Job, list[Target]]]:
    """The jobs of the configuration, and their targets."""
    try:
        return load_config(options.config, skip_unsupported=options.skip_unsupported)
    except UsageError as error:  # which advises those who write Python
        words = str(error).replace("skip_unsupported leaves", "--skip-unsupported leaves")
        raise UsageError(words) from None


def pair(text: str, separator: str, form: str) -> tuple[str, str]:
    """The two sides of an argument such as ``name=value``.

    Raises:
        UsageError: a side is missing; ``form`` says what was expected.
    """
    name, there, value = text.partition(separator)
    if not name or not there:
        raise UsageError(f"expected {form}, not {text!r}")
    return name.strip(), value


# Scraping


def scraped(options: argparse.Namespace, target: str) -> Store:
    """A store with what a target says now."""
    store = Store()
    ingested(options, target, store)
    return store


def ingested(options: argparse.Namespace, target: str, store: Store) -> None:
    """Scrape a target into a store."""
    fetched = fetch(options, target)
    with _naming(target):
        store.ingest(bytes(fetched.body), fetched.content_type, source=target or "-")


def fetch(options: argparse.Namespace, target: str) -> Fetched:
    """What a target answers, asked as the options say."""
    try:
        return fetch_once(target_of(options, target), timeout=options.timeout)
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
    """The target of an argument, with the authorization that the options give."""
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


# Printing


def print_json(document: object) -> None:
    """Print one JSON document; numbers that JSON lacks must be texts already.

    Whatever a terminal could obey is escaped, as JSON allows.
    """
    text = json.dumps(document, ensure_ascii=ascii_only(), allow_nan=False, indent=2)
    print(_NO_ASCII.sub(_json_escaped, text))


_NO_ASCII: Final = re.compile(r"[^ -~\n]")  # a line break stands between lines only


def _json_escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def ascii_only() -> bool:
    """Whether the output can hold no other characters, bars and dashes for two."""
    try:
        "█–".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return True
    return False


def say_nothing(words: str, hints: Iterable[str]) -> None:
    """Say that nothing was found, and what was probably meant."""
    print("\n  ".join([words, *hints]), file=sys.stderr)


def width(options: argparse.Namespace) -> int:
    """The columns of a page."""
    given: int | None = options.width
    return max(_NARROWEST, given or shutil.get_terminal_size().columns)
