"""The options that several commands have, what they say, and which change nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import inf
from typing import Final, TypeVar

import attrs

from promlatest._storage.limits import Limits
from promlatest.exceptions import UsageError
from promlatest.scrape import ScrapeLimits, Target
from promlatest.views.text import shorten

L = TypeVar("L", Limits, ScrapeLimits)

_NARROWEST: Final = 40
_WIDEST: Final = 10_000
_NO_LIMIT: Final = 1 << 62
_DAY: Final = 86_400
_LAST_PORT: Final = 65_535
_DIGITS: Final = 19  # of a number that nothing here can be


def add_target(parser: argparse.ArgumentParser, *, stdin: bool = True) -> None:
    """Add TARGET and the options of fetching it.

    Args:
        parser: of the command.
        stdin: whether the command can read the standard input, which has one end.
    """
    places = "a URL, a path, or - for stdin" if stdin else "a URL, or a path"
    parser.add_argument("target", metavar="TARGET", help=f":8080, host:port, {places}")
    add_fetching(parser)


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def add_page(parser: argparse.ArgumentParser) -> None:
    """Add how a page is printed: as JSON, or so many columns wide."""
    either = parser.add_mutually_exclusive_group()
    add_json(either)
    either.add_argument(
        "--width", type=whole_number, metavar="COLUMNS", help="default: the terminal's"
    )


def add_fetching(parser: argparse.ArgumentParser) -> None:
    """Add how a target is asked: time, headers, authorization, TLS."""
    group = parser.add_argument_group("how the target is asked")
    group.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="SECONDS",
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


def _seconds(text: str) -> float:
    with suppress(ValueError):
        seconds = float(text)
        if 0 < seconds < inf:
            return seconds
    raise argparse.ArgumentTypeError(f"expected seconds above 0, not {shorten(text, 40)!r}")


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
            from promlatest._units import parse_size

            given[name] = parse_size(number)
        elif number.isascii() and number.isdecimal() and len(number) < _DIGITS:
            given[name] = int(number)
        else:
            came = shorten(number, 40)
            raise UsageError(f"expected a whole number for {name}, not {came!r}")
    known = {field.name for field in attrs.fields(kind)}
    return kind(**{n: most or _NO_LIMIT for n, most in given.items() if n in known})


def add_demo(parser: argparse.ArgumentParser) -> None:
    """Add a demo operator as a target."""
    parser.add_argument("--demo", action="store_true", help="scrape a demo operator")
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", help="of --demo (default: 1)"
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


def typed(text: str) -> str:
    """What was typed, in UTF-8, where the locale has no such letters and Python took each
    byte for a lone surrogate. A path stays as Python took it."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def whole_number(text: str) -> int:
    """What an option says in digits; of no more than any number of them can mean.

    Raises:
        ArgumentTypeError: it is no such number.
    """
    digits = text.strip().lstrip("+-")
    if digits.isascii() and digits.isdecimal() and len(digits) < _DIGITS:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number, not {shorten(text, 40)!r}")


def port(text: str) -> int:
    """The port of an option.

    Raises:
        ArgumentTypeError: there is no such port.
    """
    number = whole_number(text)
    if not 0 <= number <= _LAST_PORT:
        words = f"expected a port, 0 to {_LAST_PORT}, not {number}"
        raise argparse.ArgumentTypeError(words)
    return number


def pair(text: str, separator: str, form: str) -> tuple[str, str]:
    """The two sides of an argument such as ``name=value``.

    Raises:
        UsageError: a side is missing; ``form`` says what was expected.
    """
    name, there, value = text.partition(separator)
    if not name or not there:
        raise UsageError(f"expected {form}, not {text!r}")
    return name.strip(), value


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


def width(options: argparse.Namespace) -> int:
    """The columns of a page.

    Raises:
        UsageError: so few are asked for that nothing can be read, or more than anybody has.
    """
    import shutil  # 2 ms, with every kind of compression; most commands print no page

    given: int | None = options.width
    if given is not None and not _NARROWEST <= given <= _WIDEST:
        words = f"expected {_NARROWEST} to {_WIDEST} columns, not {given}"
        raise UsageError(f"--width: {words}")
    return given or max(_NARROWEST, shutil.get_terminal_size().columns)
