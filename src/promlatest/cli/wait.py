"""Wait until a series is as it should be, and fail if it is not in time: for shells and CI.

A wait that proves nothing fails: one for what was so before (--already-ok takes that), or
for a name that looks like a slip. So does one that goes past its goal, and one whose
counter begins anew. What stands behind -- is run after the first look, so that
--increases-by counts what it does.

examples:
  promlatest wait :8080 'workqueue_depth{name="pods"}' --at-most 0 --sum --within 1m
  promlatest wait :8080 'ready{name="pods"}' --present --already-ok --within 30s
  promlatest wait :8080 'orders_total{status="ok"}' --increases-by 1 -- ./place-order.sh

exit codes: 0 it is so, 1 it is not, 2 wrong usage, 3 the target was not to be seen, and
that of the command behind -- if it fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from promlatest._matching.floats import format_float
from promlatest._units import parse_duration
from promlatest.cli._exits import DONE, NOTHING, UNREACHABLE
from promlatest.cli._options import (
    add_json,
    add_target,
    refuse_idle,
    refuse_standard_input,
    typed,
)
from promlatest.cli._printing import json_number, print_json
from promlatest.cli._targets import matchers_of, target_of
from promlatest.exceptions import UsageError
from promlatest.testing import (
    Expectation,
    ExpectationError,
    Outcome,
    ScrapeTarget,
    StaleScrapeError,
    TargetDownError,
)

_Wait = Callable[[Expectation[Outcome], argparse.Namespace], Outcome]


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promlatest wait`."""
    goals = parser.add_argument_group("what is to become of it, one of")
    add_target(parser, stdin=False)
    parser.add_argument("selector", type=typed, metavar="SELECTOR", help="of one series")
    goal = goals.add_mutually_exclusive_group(required=True)
    for name, words in _NUMBERS.items():
        goal.add_argument(f"--{name}", type=float, metavar="N", help=words)
    for name, words in _STATES.items():
        goal.add_argument(f"--{name}", action="store_const", const=0.0, help=words)
    parser.add_argument(
        "--within",
        default="30s",
        metavar="TIME",
        help="such as 30s, 500ms, 1m (default: 30s)",
    )
    parser.add_argument("--settle", metavar="TIME", help="and stays so for this long")
    parser.add_argument(
        "--sum", action="store_true", help="add up all series that the selector finds"
    )
    parser.add_argument(
        "--already-ok", action="store_true", help="it may have been so before the wait"
    )
    parser.add_argument(
        "--from-zero",
        action="store_const",
        const=0.0,
        help="with --increases-by: a series that was not there counts from 0",
    )
    add_json(parser)
    parser.set_defaults(command=[])


def run(options: argparse.Namespace) -> int:
    """Wait; what was seen is data, and why it failed is talk."""
    name = next(each for each in _WAITS if getattr(options, _attribute(each)) is not None)
    gains = name == "increases-by"
    refuse_idle(
        options,
        {
            "from_zero": (gains, "--increases-by"),
            "already_ok": (
                not gains,
                "--at-least, --at-most, --equals, --present, --absent",
            ),
            "settle": (name in _SETTLING, " and ".join(f"--{each}" for each in _SETTLING)),
        },
    )
    refuse_standard_input(options.target, again=True)
    matchers_of(options.selector, options.target)  # no name is read into a question
    options.goal = getattr(options, _attribute(name))
    options.seconds = _seconds(options.within)
    options.settled = parse_duration(options.settle or "0")
    target = ScrapeTarget(
        target_of(options, options.target), within=options.seconds, timeout=options.timeout
    )
    with target:
        try:
            return _waited(target, name, options)
        except (TargetDownError, StaleScrapeError) as error:
            print(error, file=sys.stderr)
            return UNREACHABLE
        except ExpectationError as error:
            print(_in_words_of_a_shell(str(error)), file=sys.stderr)
            return NOTHING
        except UsageError as error:
            raise UsageError(_in_words_of_a_shell(str(error))) from error


# What the harness advises a test to do, and what that is here.
_ADVICE: Final[Mapping[str, str]] = {
    "mark before the program acts and wait on the mark": "have the wait run it, behind --",
    "mark before the program acts, and wait on the mark": "have the wait run it, behind --",
    "say already_ok=True": "say --already-ok",
    "missing=0 counts": "--from-zero counts",
    "; to_stay watches that nothing moves": "",
}
# What a test may allow, and no option does.
_NO_ADVICE: Final = ("unknown_ok=", "on_reset=", "untaken_ok=")


def _in_words_of_a_shell(text: str) -> str:
    for words, here in _ADVICE.items():
        text = text.replace(words, here)
    lines = text.split("\n")
    return "\n".join(
        line for line in lines if not any(words in line for words in _NO_ADVICE)
    )


def _waited(target: ScrapeTarget, name: str, options: argparse.Namespace) -> int:
    watched: Any = target
    if options.command:
        watched = target.mark()
        code = _ran(options.command)
        if code:
            return code
    expect = watched.expect_sum if options.sum else watched.expect
    outcome = _WAITS[name](expect(options.selector), options)
    _tell(outcome, options)
    return DONE


def _ran(command: list[str]) -> int:
    """Run what stands behind ``--``; gives its exit code, as a shell has it: 128 and the
    number of the signal that ended it."""
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise UsageError(f"cannot run {command[0]}: {error.strerror}") from error
    return code if code >= 0 else 128 - code


def _tell(outcome: Outcome, options: argparse.Namespace) -> None:
    value, gain = outcome.value, outcome.gain
    if options.json:
        told = {"value": value, "gain": gain}
        numbers = {n: None if v is None else json_number(float(v)) for n, v in told.items()}
        print_json({**numbers, "seconds": outcome.seconds})
    elif value is not None:
        print(format_float(value))
    print(f"{options.selector}: after {outcome.seconds:.2f} s", file=sys.stderr)


def _seconds(text: str) -> float:
    seconds = float(text) if text.replace(".", "", 1).isdigit() else parse_duration(text)
    if seconds <= 0:
        raise UsageError(f"expected a time above 0 in --within, not {text}")
    return seconds


def _attribute(name: str) -> str:
    return name.replace("-", "_")


_NUMBERS: Final = {
    "at-least": "it is this or more",
    "at-most": "it is this or less",
    "equals": "it is exactly this",
    "increases-by": "it increases by exactly this, from the first look on",
}
_STATES: Final = {
    "present": "it is there",
    "absent": "it is there no more",
}
_SETTLING: Final = ("at-most", "equals", "increases-by")
_WAITS: Final[Mapping[str, _Wait]] = {
    "at-least": lambda it, o: it.to_reach(o.goal, already_ok=o.already_ok),
    "at-most": lambda it, o: it.to_fall_to(
        o.goal, settle=o.settled, already_ok=o.already_ok
    ),
    "equals": lambda it, o: it.to_equal(o.goal, settle=o.settled, already_ok=o.already_ok),
    "increases-by": lambda it, o: it.to_increase_by(
        o.goal, settle=o.settled, missing=o.from_zero
    ),
    "present": lambda it, o: it.to_appear(already_ok=o.already_ok),
    "absent": lambda it, o: it.to_disappear(already_ok=o.already_ok),
}
