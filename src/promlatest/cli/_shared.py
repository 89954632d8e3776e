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
import itertools
import json
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import isfinite
from typing import Final, TypeVar

import attrs

from promlatest._matching.floats import format_float
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import parse_selector
from promlatest._storage.limits import Limits
from promlatest._storage.store import Store
from promlatest.exceptions import (
    BodyError,
    ContentTypeError,
    EndpointError,
    LimitError,
    ParseError,
    PromlatestError,
    SelectorError,
    UsageError,
)
from promlatest.scrape import (
    TLS,
    Auth,
    Fetched,
    Job,
    ScrapeLimits,
    Target,
    fetch_once,
    load_config,
)
from promlatest.scrape._units import parse_size
from promlatest.views.near import is_expression

DONE, NOTHING, USAGE, UNREACHABLE, UNREADABLE, UNWRITABLE = range(6)

L = TypeVar("L", Limits, ScrapeLimits)

_NARROWEST: Final = 40
_NO_LIMIT: Final = 1 << 62
_DAY: Final = 86_400

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


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def add_page(parser: argparse.ArgumentParser) -> None:
    """Add how a page is printed: as JSON, or so many columns wide."""
    either = parser.add_mutually_exclusive_group()
    add_json(either)
    either.add_argument(
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
    for name, (metavar, words) in _TEXTS.items():
        group.add_argument(f"--{name}", default="", metavar=metavar, help=words)
    group.add_argument(
        "--insecure-skip-verify", action="store_true", help="trust any certificate"
    )


_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "bearer-token-file": ("FILE", "send the token in this file"),
    "ca-file": ("FILE", "trust the certificates in this file"),
    "cert-file": ("FILE", "show this client certificate"),
    "key-file": ("FILE", "its key, if it is not in the same file"),
    "server-name": ("NAME", "the name that the certificate must have (default: the host)"),
}
_SENT: Final = ("header", "bearer_token_file")
_SECURED: Final = (
    "ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify"
)  # fmt: skip


def add_limit(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add --limit for these limits."""
    parser.add_argument(
        "--limit", action="append", default=[], metavar="NAME=NUMBER",
        help=f"take more, or less: {', '.join(names)}, such as {names[0]}=1GB; 0: no limit",
    )  # fmt: skip
    parser.set_defaults(limits=names)


def limits_of(options: argparse.Namespace, kind: type[L]) -> L:
    """The limits of a kind, with what --limit says of them.

    Raises:
        UsageError: it names no limit, or says no number.
    """
    given: dict[str, int] = {}
    for text in getattr(options, "limit", ()):
        name, number = pair(text, "=", "a limit as NAME=NUMBER")
        if name not in options.limits:
            raise UsageError(
                f"expected a limit of {', '.join(options.limits)}, not {name!r}"
            )
        if name == "body_size" and not number.isdecimal():
            given[name] = parse_size(number)
        elif number.isascii() and number.isdecimal() and len(number) < 19:
            given[name] = int(number)
        else:
            raise UsageError(f"expected a whole number for {name}, not {number!r}")
    known = {field.name for field in attrs.fields(kind)}
    return kind(**{n: most or _NO_LIMIT for n, most in given.items() if n in known})


def add_demo(parser: argparse.ArgumentParser) -> None:
    """Add a demo operator as a target."""
    parser.add_argument("--demo", action="store_true", help="scrape a demo operator")
    parser.add_argument("--seed", type=int, metavar="N", help="of --demo (default: 1)")


def demo(options: argparse.Namespace) -> AbstractContextManager[str]:
    """The demo operator that --demo asks for: its URL, while the context lasts."""
    from promlatest.demo import serve  # a simulation that nobody else needs

    return serve(seed=1 if options.seed is None else options.seed)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add a configuration, and what is done about jobs that want too much."""
    parser.add_argument(
        "--config", metavar="FILE", help="a Prometheus configuration with static targets"
    )
    parser.add_argument(
        "--skip-unsupported", action="store_true",
        help="leave out jobs of it that want what promlatest does not have",
    )  # fmt: skip


def refuse_idle(
    options: argparse.Namespace, uses: Mapping[str, tuple[object, str]]
) -> None:
    """Refuse options that would change nothing, so that nobody relies on them.

    Args:
        options: what was given.
        uses: for each option whether something looks at it, and what it goes with.

    Raises:
        UsageError: one was given that nothing looks at.
    """
    for name, (used, partner) in uses.items():
        value = getattr(options, name)
        given = value is not False and value not in (None, "", [])
        if given and not used:
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag} changes nothing here: it goes with {partner}")


def refuse_idle_asking(options: argparse.Namespace, targets: Iterable[str]) -> None:
    """Refuse what none of these targets is asked with: a file is sent no header."""
    parsed = [Target.parse(text) for text in targets]
    asked = any(target.kind in ("http", "unix") for target in parsed)
    secured = any(target.url.startswith("https:") for target in parsed)
    uses: dict[str, tuple[object, str]] = {
        **dict.fromkeys(_SENT, (asked, "a target that is asked over HTTP")),
        **dict.fromkeys(_SECURED, (secured, "a target at https://")),
    }
    refuse_idle(options, uses)
    refuse_idle(options, {"key_file": (options.cert_file, "--cert-file")})


def refuse_idle_sources(options: argparse.Namespace) -> None:
    """Refuse what belongs to a demo or a configuration that is not there."""
    refuse_idle(
        options,
        {
            "seed": (options.demo, "--demo"),
            "skip_unsupported": (options.config, "--config"),
        },
    )
    if options.config and not (options.targets or options.demo):
        refuse_idle_asking(options, [])


def refuse_standard_input(target: str, again: object) -> None:
    """Refuse to read the standard input again and again: it has one end."""
    if target.strip() == "-" and again:
        raise UsageError("the standard input can be read once only")


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


# Scraping


def scraped(options: argparse.Namespace, target: str) -> Store:
    """A store with what a target says now."""
    store = Store(limits=limits_of(options, Limits))
    ingested(options, target, store)
    return store


def ingested(options: argparse.Namespace, target: str, store: Store) -> None:
    """Scrape a target into a store."""
    fetched = fetch(options, target)
    with _naming(target):
        store.ingest(bytes(fetched.body), fetched.content_type, source=target or "-")


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


def seconds_of(
    options: argparse.Namespace, name: str, default: float, least: float = 0.001
) -> float:
    """The seconds that an option gives.

    Raises:
        UsageError: they are no time between two scrapes.
    """
    given = getattr(options, name)
    seconds: float = default if given is None else given
    if not least <= seconds <= _DAY:
        words = f"expected seconds, {least:g} to {_DAY}, not {seconds:g}"
        raise UsageError(f"--{name}: {words}")
    return seconds


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


# Printing


def print_json(document: object, *, line: bool = False) -> None:
    """Print one JSON document; numbers that JSON lacks must be texts already.

    Whatever a terminal could obey is escaped, as JSON allows.

    Args:
        document: what is printed.
        line: whether it is one of many, which stand on a line each.
    """
    text = json.dumps(
        document, ensure_ascii=ascii_only(), allow_nan=False, indent=None if line else 2
    )
    print(_NO_ASCII.sub(_json_escaped, text))


def json_number(value: float) -> float | str:
    """A number as JSON can have it, which knows neither NaN nor infinities: as text."""
    return value if isfinite(value) else format_float(value)


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
    """The columns of a page.

    Raises:
        UsageError: so few are asked for that nothing can be read.
    """
    given: int | None = options.width
    if given is not None and given < _NARROWEST:
        raise UsageError(f"--width: expected {_NARROWEST} columns or more, not {given}")
    return given or max(_NARROWEST, shutil.get_terminal_size().columns)
