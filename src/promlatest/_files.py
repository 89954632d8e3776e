"""Files that somebody wrote by hand: rules, a configuration, a contract."""

from __future__ import annotations

import os
from typing import Final

from promlatest._arguments import checked
from promlatest._escape import escaped
from promlatest.exceptions import UsageError

_MOST_BYTES: Final = 16 << 20


def checked_path(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The path that was given.

    Raises:
        UsageError: it is none; "" would be the folder where the program runs.
    """
    if path == "":
        raise UsageError("expected a path, not ''")
    return checked(path, (str, os.PathLike), "a path")


def file_bytes(path: str | os.PathLike[str]) -> bytes:
    """What is in such a file.

    Raises:
        UsageError: the path is none, or the file cannot be read, or is too large.
    """
    shown = escaped(str(checked_path(path)))
    try:
        with open(path, "rb") as file:
            body = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{shown} cannot be read: {reason}") from None
    if len(body) > _MOST_BYTES:
        raise UsageError(f"{shown} has more than {_MOST_BYTES} bytes")
    return body


def file_text(path: str | os.PathLike[str]) -> str:
    """The same as text, with a byte order mark or without.

    Raises:
        UsageError: as of `file_bytes`; or it is no UTF-8, with the line.
    """
    body = file_bytes(path)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{escaped(str(path))}:{line}: expected UTF-8") from None
