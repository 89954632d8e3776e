"""String literals as PromQL and Go write them: quotes with escapes, or backticks without.

Used where a text holds them (selectors, PromQL); a matcher or label is no concern of
this file.
"""

from __future__ import annotations

import re
from typing import Final

STRING: Final = re.compile(
    r'"(?:[^"\\\n]|\\.)*"' r"|'(?:[^'\\\n]|\\.)*'" r"|`[^`]*`", re.DOTALL
)
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\'\"])|([0-3][0-7]{2})|x([0-9a-fA-F]{2})"
    r"|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))",
    re.DOTALL,
)
_SIMPLE: Final = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))


class LiteralError(ValueError):
    """An escape that stands for nothing; `offset` is where it begins in the literal."""

    def __init__(self, offset: int, reason: str) -> None:
        self.offset = offset
        super().__init__(reason)


def unquote(literal: str) -> str:
    r"""The text that a literal, quotes included, stands for.

    Escaped bytes that are no UTF-8 come as lone surrogates, as `surrogateescape` has
    them: Go's strings may hold them, label values may not.

        >>> unquote(r'"a\tb\u00e9\xc3\xa9"'), unquote("`a\\tb`")
        ('a\tbéé', 'a\\tb')

    Raises:
        LiteralError: an escape that Go does not know.
    """
    body = literal[1:-1]
    if literal[0] == "`" or "\\" not in body:
        return body

    def unescape(match: re.Match[str]) -> str:
        simple, octal, hexa, short, long, other = match.groups()
        if other is not None or (simple in ("'", '"') and simple != literal[0]):
            reason = f"unknown escape {match.group()!r} in a string"
            raise LiteralError(1 + match.start(), reason)
        if simple is not None:
            return _SIMPLE[simple]
        if octal or hexa:  # one byte of UTF-8, not one character
            byte = bytes([int(octal or hexa, 8 if octal else 16)])
            return byte.decode("utf-8", "surrogateescape")
        return _character(int(short or long, 16), 1 + match.start())

    raw = _ESCAPE.sub(unescape, body).encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "surrogateescape")


def _character(code: int, offset: int) -> str:
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise LiteralError(offset, f"no character has the code {code:#x}")
    return chr(code)
