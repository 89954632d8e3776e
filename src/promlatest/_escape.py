"""The one door out for text that others wrote: label values, error texts, names of files.

A terminal obeys control characters, a log is read line by line, and marks that turn the
direction of writing make a text look like another. So nothing of it is shown before it
went through here.
"""

from __future__ import annotations

__all__ = ["escaped", "escaped_lines"]


def escaped(text: str) -> str:
    r"""The text, with every character escaped that has no shape of its own.

    >>> print(escaped("\x1b[2J\npods\u202e"))
    \x1b[2J\npods\u202e
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def escaped_lines(text: str) -> str:
    """The text escaped line by line: its line breaks are ours."""
    return "\n".join(map(escaped, text.split("\n")))
