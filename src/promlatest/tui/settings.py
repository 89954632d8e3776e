"""What the dashboard keeps from one start to the next: window, theme, sort orders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import attrs
import platformdirs

WINDOWS: Final = (10.0, 30.0, 60.0, 120.0, 300.0)


@attrs.define
class Settings:
    """What somebody chose.

    Attributes:
        window: seconds that rates count from.
        since_start: whether latencies are those since the start.
        theme: "light" or "dark"; "": what fits the terminal.
        sorts: by the name of a table: the group and title of the column, and whether the
            most comes first.
    """

    window: float = 60.0
    since_start: bool = False
    theme: str = ""
    sorts: dict[str, tuple[str, str, bool]] = attrs.field(factory=dict)


def usual_path() -> Path:
    """Where the settings are kept: ``~/.config/promlatest`` on Linux."""
    return platformdirs.user_config_path("promlatest") / "dashboard.json"


def load_settings(path: Path | None) -> tuple[Settings, str]:
    """The settings in a file, and what is wrong with it; "" if nothing is.

    A file that cannot be read, or holds something else, is said and left alone: the
    dashboard starts as it would without one.
    """
    if path is None:
        return Settings(), ""
    try:
        return _read(json.loads(path.read_text(encoding="utf-8"))), ""
    except (FileNotFoundError, NotADirectoryError):
        return Settings(), ""
    except OSError as error:
        return Settings(), f"{path}: {error.strerror}"
    except (ValueError, RecursionError) as error:
        return Settings(), f"{path}: {error}"


def _read(found: Any) -> Settings:
    if not isinstance(found, dict):
        raise ValueError("expected an object")
    made = Settings()
    if found.get("window", made.window) not in WINDOWS:
        raise ValueError(f"expected a window of {WINDOWS}, not {found['window']!r}")
    if found.get("theme", "") not in ("", "light", "dark"):
        raise ValueError(f"expected the theme light or dark, not {found['theme']!r}")
    sorts = found.get("sorts", {})
    if not isinstance(sorts, dict) or not all(map(_is_sort, sorts.values())):
        raise ValueError("expected in sorts a group, a title and true or false")
    return Settings(
        float(found.get("window", made.window)),
        bool(found.get("since_start", False)),
        found.get("theme", ""),
        {name: tuple(each) for name, each in sorts.items()},
    )


def _is_sort(found: object) -> bool:
    return isinstance(found, list) and [type(each) for each in found] == [str, str, bool]


def save_settings(path: Path | None, settings: Settings) -> str:
    """Keep settings in a file; gives what went wrong, "" if nothing did."""
    if path is None:
        return ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(attrs.asdict(settings), indent=2)
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""
