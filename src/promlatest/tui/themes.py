"""Light and dark: two themes of our own, and which of them fits the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

from promlatest.exceptions import UsageError

DARK: Final = Theme(
    name="promlatest-dark",
    primary="#5fafff",
    secondary="#5f87af",
    accent="#d7af5f",
    warning="#ffaf5f",
    error="#ff6b6b",
    success="#87d787",
    foreground="#d8dee9",
    background="#101419",
    surface="#161b22",
    panel="#1f2630",
    dark=True,
    variables={"quiet": "#8b949e", "chosen": "#26415e"},
)
LIGHT: Final = Theme(
    name="promlatest-light",
    primary="#005faf",
    secondary="#5f6f7f",
    accent="#875f00",
    warning="#9a5200",
    error="#b00020",
    success="#1f7a1f",
    foreground="#1c2128",
    background="#fbfbf8",
    surface="#f1f1ec",
    panel="#e4e4de",
    dark=False,
    variables={"quiet": "#5f6873", "chosen": "#cfe3f7"},
)

# For themes that are not ours: a tone has no transparent colours, since nothing is blended
# in it.
DEFAULTS: Final = {"quiet": "ansi_default", "chosen": "ansi_default"}


def theme_for(environment: Mapping[str, str]) -> str:
    """The theme that a terminal seems to want: what was asked for by PROMLATEST_THEME, or
    what it says of its background in COLORFGBG; dark where nothing is known.

    >>> theme_for({"COLORFGBG": "0;15"}), theme_for({"PROMLATEST_THEME": "dark"})
    ('promlatest-light', 'promlatest-dark')

    Raises:
        UsageError: PROMLATEST_THEME names no theme.
    """
    asked = environment.get("PROMLATEST_THEME", "")
    if asked in ("light", "dark"):
        return f"promlatest-{asked}"
    if asked:
        raise UsageError(f"expected light or dark in PROMLATEST_THEME, not {asked!r}")
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in ("7", "15") else DARK.name
