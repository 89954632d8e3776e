"""The clipboard: the system's own if there is one, else the terminal's."""

from __future__ import annotations

from collections.abc import Callable

import pyperclip


def copy(text: str, to_terminal: Callable[[str], None]) -> str:
    """Put a text on a clipboard; gives in words which one it was.

    A terminal does not answer whether it took a text, so nobody can promise that it did.

    Args:
        text: what to copy.
        to_terminal: sends it to the terminal, as OSC 52 says.
    """
    system, _ = pyperclip.determine_clipboard()
    if system:
        try:
            system(text)
        except (pyperclip.PyperclipException, OSError) as error:
            words = str(error).strip().splitlines() or [type(error).__name__]
            to_terminal(text)
            return f"sent to the terminal (the clipboard: {words[0]})"
        return "copied"
    to_terminal(text)
    return "sent to the terminal's clipboard"
