"""What is printed: JSON that no terminal obeys, and talk."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from math import isfinite
from typing import Final

from promlatest._matching.floats import format_float


def print_json(document: object, *, line: bool = False) -> None:
    """Print one JSON document; numbers that JSON lacks must be texts already.

    Whatever a terminal could obey is escaped, as JSON allows.

    Args:
        document: what is printed.
        line: whether it is one of many, which stand on a line each.
    """
    import json  # 1 ms; most commands print no JSON

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
