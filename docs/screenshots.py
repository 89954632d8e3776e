"""The pictures of the dashboard in README and docs: `make screenshots`.

It drives the dashboard by keys, without a terminal, on the demo operator, and saves what
Textual would have drawn as SVG into `docs/dashboard/`. The demo tells the same story each
time, so that two runs differ in their figures only as far as the clock does.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from html import escape, unescape
from pathlib import Path

from promlatest import Store
from promlatest.demo import serve
from promlatest.scrape import Job, Target
from promlatest.tui import Dashboard, Feed

FOLDER = Path(__file__).parent / "dashboard"

# The name of the picture, the size of the terminal, the theme, and the keys; "wait" is none
# and lets some scrapes come.
PICTURES: Sequence[tuple[str, tuple[int, int], str, Sequence[str]]] = (
    ("overview", (120, 24), "dark", ()),
    ("overview-light", (120, 24), "light", ()),
    ("controller", (120, 40), "dark", ("j", "j", "j", "enter")),
    ("small", (60, 20), "dark", ()),
    ("metrics", (120, 24), "dark", ("m", "slash", *"controller_runtime", "enter")),
    ("series", (120, 24), "dark", ("m", "slash", *"requests_total", "enter", "enter")),
    (
        "chart",
        (120, 24),
        "dark",
        ("m", "slash", *"adds_total", "enter", "enter", "j", "j", "j", "wait", "enter"),
    ),
    (
        "heat",
        (120, 34),
        "dark",
        ("m", "slash", *"queue_duration", "enter", "enter", "j", "j", "j", "wait", "enter"),
    ),
    ("tall", (160, 60), "dark", ("j", "j", "j")),
    ("marked", (120, 20), "dark", ("x", "wait")),
    ("changes", (120, 20), "dark", ("x", "wait", "c")),
    (
        "marked-series",
        (120, 20),
        "dark",
        ("x", "wait", "m", "slash", *"adds_total", "enter", "enter"),
    ),
    ("help", (100, 54), "dark", ("question_mark",)),
)


async def _take(
    url: str, name: str, size: tuple[int, int], theme: str, keys: Sequence[str]
) -> None:
    store = Store()
    work = [(Job(interval=1.0), [Target.parse(url)])]
    app = Dashboard(store, Feed(store, work), theme=theme)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(5.0)
        for key in keys:
            await (pilot.pause(8.0) if key == "wait" else pilot.press(key))
        await pilot.pause(1.0)
        picture = app.export_screenshot(title="promlatest top --demo")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(_self_contained(picture))
    print(FOLDER / f"{name}.svg", file=sys.stderr)


_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_TEXT = re.compile(
    r'<text([^>]*) x="([\d.]+)"( y="[^"]*") textLength="[\d.]+"([^>]*)>([^<]*)</text>'
)
_CELL = 12.2  # of a character, as Rich draws it
_WORDS = re.compile(r"[^\xa0]+(?:\xa0[^\xa0]+)*")  # with single blanks between them
_DOTS = re.compile(r"[⠀-⣿]+")  # whose font has other blanks


def _self_contained(picture: str) -> str:
    """The picture without fonts from elsewhere, and each text without blanks around it,
    which not every renderer keeps: the place says where it begins."""
    return _TEXT.sub(_placed, _FONTS.sub("", picture)).replace("Fira Code, ", "")


def _placed(match: re.Match[str]) -> str:
    before, x, y, behind, text = match.groups()
    words = unescape(text)
    return "".join(
        f'<text{before} x="{float(x) + each.start() * _CELL:.1f}"{y}'
        f' textLength="{len(each[0]) * _CELL:.1f}"{behind}>'
        f"{escape(each[0])}</text>".replace("\xa0", "&#160;")
        for each in (_DOTS if _DOTS.search(words) else _WORDS).finditer(words)
    )


def main() -> None:
    wanted = sys.argv[1:]
    with serve(seed=1) as url:
        for name, size, theme, keys in PICTURES:
            if not wanted or name in wanted:
                asyncio.run(_take(url, name, size, theme, keys))


if __name__ == "__main__":
    main()
