"""The command line: `promlatest COMMAND`, one file of this folder for each command.

Data goes to standard output and talk to standard error. With ``--json`` the data is one
JSON document. The exit codes stand in `_exits`.

A command is one line in ``_COMMANDS`` and a module of its name with two functions,
``add(parser)``, which adds its arguments, and ``run(options)``, which carries it out and
returns its exit code. The module's docstring is what ``--help`` prints. A module is
imported when its command is used, so that it may import what it needs at its top and
costs the others nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final

from promlatest._version import __version__
from promlatest.exceptions import PromlatestError

_COMMANDS: Final = {
    "top": "watch what an operator, or any process, is doing",
    "get": "print the series that match a selector",
    "histogram": "draw histograms as bars",
    "query": "answer PromQL about a target",
    "wait": "wait until a series is as it should be",
    "check": "report what is wrong with an exposition",
    "contract": "keep what dashboards and alerts rely on across releases",
    "rules": "hold alerts and dashboards against what they watch",
    "serve": "serve targets by Prometheus' HTTP API, and as a page",
    "demo": "serve a demo operator until Ctrl-C",
}

_EPILOG: Final = """\
TARGET is one of
  localhost:8080 or :8080       what listens there, at /metrics
  https://host/path             a URL
  ./metrics.prom                a file
  unix:/run/app.sock            a Unix socket
  -                             the standard input

exit codes
  0  done
  1  nothing matched, or something was found
  2  wrong usage
  3  the target cannot be reached
  4  the target's answer cannot be read
  5  the output cannot be written

examples
  promlatest top :8080
  promlatest get :8080 'workqueue_depth{name="pods"}'
  promlatest COMMAND --help
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command.

    Args:
        arguments: the words behind the program's name; None: those of this process.

    Returns:
        The exit code.

    Raises:
        SystemExit: the arguments cannot be parsed (2), or ask for help (0).
    """
    if sys.stdout is None:
        print("promlatest: cannot write the output: it is closed", file=sys.stderr)
        return 5
    try:
        try:
            return _carried_out(arguments)
        finally:  # the help, too, which ends by SystemExit
            sys.stdout.flush()
    except PromlatestError as error:
        from promlatest.cli._exits import exit_code  # every command has loaded it

        print(f"promlatest: {error}", file=sys.stderr)
        return exit_code(error)
    except BrokenPipeError:
        # The reader, `head` for one, has seen enough. What Python still holds of
        # the output must not fail once more when it flushes at the end.
        _let_go_of_output()
        return 0
    except OSError as error:
        # No other: what a target or a file does is an EndpointError or a UsageError.
        _let_go_of_output()
        print(f"promlatest: cannot write the output: {error.strerror}", file=sys.stderr)
        return 5
    except KeyboardInterrupt:
        return 130  # as a shell says of a program that SIGINT ended


def _carried_out(arguments: Sequence[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    parser = _parser(words[0] if words else "")
    _complete(parser)
    options = parser.parse_args(words)
    _prepare_output()
    if options.run is None:
        parser.print_help(sys.stderr)
        return 2
    code: int = options.run(options)
    return code


def _prepare_output() -> None:
    """Have data leave as it is where it is piped, and escaped on a terminal that cannot
    show it; an exposition and JSON are UTF-8 whatever the locale is."""
    if isinstance(sys.stdout, TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _OptionParser(argparse.ArgumentParser):
    """A parser that says so where its help cannot be written: argparse keeps silent."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if not isinstance(action, argparse._SubParsersAction):
            super()._check_value(action, value)
        elif value not in _COMMANDS:
            from promlatest._matching.near import close_names  # where one is misspelt only

            near = close_names(value, _COMMANDS, alike=0.5)
            looks = f"promlatest {near[0]}" if near else f"promlatest top {value}"
            self.error(f"there is no command {value!r}; did you mean: {looks}")

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stderr).write(message)


class _CommandParser(_OptionParser):
    """The parser of one command: it imports the command when it is used.

    Options may stand anywhere between the arguments, which argparse allows by another
    method than the one that it calls for a subparser.
    """

    _loaded = False
    intermixed = True

    def load(self) -> None:
        """Import the command and add its arguments."""
        self._loaded = True
        command = import_module(f"promlatest.cli.{self.prog.split()[-1]}")
        self.description, _, self.epilog = (command.__doc__ or "").partition("\n\n")
        self.set_defaults(run=command.run)
        command.add(self)
        formatter = self._get_formatter()
        words = [
            formatter._format_args(each, str(each.metavar or each.dest))
            for each in self._get_positional_actions()
        ]
        self.usage = " ".join([self.prog, *words, "[options]"])
        self._positionals.title = "arguments"

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if not self._loaded:
            self.load()
        if not self.intermixed:
            return super().parse_known_args(args, namespace)
        own, behind = self._split(list(args))
        self.intermixed = False  # it calls this method for each of its two passes
        try:
            found, unknown = self.parse_known_intermixed_args(own, namespace)
        finally:
            self.intermixed = True
        if unknown:  # here, so that the usage said is this command's
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        if behind:
            found.command = behind
        return found, unknown

    def _split(self, words: list[str]) -> tuple[list[str], list[str]]:
        """The words before and behind ``--``, if the command takes another one there."""
        if "--" not in words or self.get_default("command") is None:
            return words, []
        at = words.index("--")
        return words[:at], words[at + 1 :]


def _parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of a line that begins with this command, or of any other line.

    To make the parsers of all commands takes 2 ms.
    """
    parser = _OptionParser(
        prog="promlatest",
        usage="promlatest COMMAND [arguments] [options]",
        description="The metrics of a process, now, without a Prometheus server.",
        epilog=_EPILOG,
        formatter_class=_Formatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {__version__}",
        help="print the version and end",
    )  # fmt: skip
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(
        metavar="COMMAND ...",
        title="commands",
        prog="promlatest",
        parser_class=_CommandParser,
    )
    for name in [command] if command in _COMMANDS else _COMMANDS:
        commands.add_parser(name, help=_COMMANDS[name], formatter_class=_Formatter)
    return parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with room for the longest option, in lines that fit a page."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=92)


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks how the line goes on, and end; do nothing otherwise."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete

    words = os.environ.get("COMP_LINE", "").split()
    for name, command in _commands(parser).items():
        command.intermixed = False  # its two passes would be asked for words twice
        if name in words:
            command.load()
    argcomplete.autocomplete(parser)


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, _CommandParser]:
    return next(
        action.choices
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    )
