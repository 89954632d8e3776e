"""The dashboard, driven by keys; what it shows beside what the store answers."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from copy import deepcopy
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("textual")

from prometheus_client import CollectorRegistry, generate_latest
from textual import events
from textual._wait import wait_for_idle
from textual.binding import Binding
from textual.widgets import ContentSwitcher, Input

from promlatest import Labels, Store
from promlatest._storage.query import QueryMethods
from promlatest.cli import main
from promlatest.demo import Operator, OperatorCollector
from promlatest.demo._simulation import Process
from promlatest.exceptions import ConnectError, ParseError, UsageError
from promlatest.scrape import Job, Target
from promlatest.tui import Dashboard, Feed, run
from promlatest.tui.model.keys import KEYS, hints
from promlatest.tui.model.series import listing
from promlatest.tui.pages import changes
from promlatest.tui.pages.help import HelpScreen
from promlatest.tui.pages.subject import SubjectPage
from promlatest.tui.settings import Settings, load_settings
from promlatest.tui.widgets import keybar
from promlatest.tui.widgets.exportbar import ExportBar
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.keybar import KeyBar
from promlatest.tui.widgets.textpane import TextPane
from promlatest.tui.widgets.toned import rule
from promlatest.views.cells import Cell, line
from promlatest.views.units import count, duration, plain, rate

pytestmark = pytest.mark.slow

SIZES = [(60, 20), (80, 24), (120, 40), (200, 60)]
T0 = 1_700_000_000_000
QUEUE = "workqueue_queue_duration_seconds"


class Still:
    """A feed that leaves scraping to the test."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.paused = False
        self.asked = 0
        self.seconds = 1.0

    async def run(self) -> None:
        await asyncio.Event().wait()

    def interval(self, name: str) -> float:
        return self.seconds

    def scrape_now(self) -> None:
        self.asked += 1

    def pause(self) -> None:
        self.paused = not self.paused

    def change_interval(self, name: str, step: int) -> float:
        self.seconds = self.seconds * 2 if step > 0 else self.seconds / 2
        return self.seconds


@cache
def after_20_minutes() -> Process:
    """What an operator is after 1200 s, which take 75 ms; a copy of it takes 3."""
    operator = Operator(seed=1)
    operator.advance(1200)
    return operator._process


class Demo:
    """A dashboard over the demo operator, whose clock is the test's."""

    def __init__(self, **options: object) -> None:
        self.operator = Operator(seed=1)
        self.operator._process = deepcopy(after_20_minutes())
        self.now = T0
        self.store = Store(clock=lambda: self.now)
        self.app = Dashboard(self.store, Still("demo"), **options)

    def scrape(self, seconds: float = 10) -> None:
        self.operator.advance(seconds)
        self.now += int(seconds * 1000)
        registry = CollectorRegistry()
        registry.register(OperatorCollector(self.operator))
        body = generate_latest(registry)
        self.store.ingest(body, source="demo", timestamp=self.now)

    def fail(self, error: Exception, seconds: float = 10) -> None:
        self.now += int(seconds * 1000)
        self.store.fail("demo", error, timestamp=self.now)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Textual waits a second for the application to be idle: too little on a busy machine.

    Nor is what was said for three seconds still there when a busy machine looks; and a
    process is busy as long as a thread is that another test left.
    """
    waiting = partial(wait_for_idle, max_sleep=30)
    monkeypatch.setattr("textual.pilot.wait_for_idle", waiting)
    monkeypatch.setattr(keybar, "SAID_FOR", 3600)


@pytest.fixture(name="demo")
def demo_fixture() -> Demo:
    return Demo()


def screen(app: Dashboard) -> str:
    """What is on the screen, line by line."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def last_line(app: Dashboard) -> str:
    """The keys, or what was just done."""
    return screen(app).split("\n")[-1] + " "


def grid(app: Dashboard) -> Grid:
    return app.page.query_one(Grid)


async def find(pilot, text: str) -> None:
    """Type a filter, as fast as a person pastes."""
    await pilot.press("slash")
    pilot.app.query_one(Input).value = text
    await pilot.press("enter")


def cells_by_key(app: Dashboard, title: str, group: str = "") -> dict[object, str]:
    """What a column says of each row."""
    sheet = grid(app)._sheet
    column = next(c for c in sheet.columns if (c.title, c.group) == (title, group))
    return {key: column.cell(row).text.strip() for key, row in sheet.rows.items()}


def cells(app: Dashboard, title: str, group: str = "") -> dict[str, str]:
    """The same, by the key as text."""
    return {str(key): text for key, text in cells_by_key(app, title, group).items()}


# -- the figures ----------------------------------------------------------------------


async def test_figures_are_what_the_store_answers(demo):
    """For the same two scrapes, with `priority` summed."""
    async with demo.app.run_test(size=(200, 60)) as pilot:
        demo.scrape()
        before = demo.store.snapshot()
        demo.scrape()
        await pilot.pause()
        now = demo.store

        def total(q, metric: str, name: str, **labels: str) -> float:
            return sum(p.value for p in q.query(metric, controller=name, **labels))

        def grown(metric: str, name: str, **labels: str) -> str:
            gained = total(now, metric, name, **labels) - total(
                before, metric, name, **labels
            )
            return rate(gained / 10)

        names = now.label_values("controller")
        assert len(now.query("workqueue_depth", name="pods")) == 2
        for name in names:
            if now.query("workqueue_depth", name=name):
                depth = total(now, "workqueue_depth", name)
                assert cells(demo.app, "depth")[name] == count(depth)
            reconciles = "controller_runtime_reconcile_total"
            assert cells(demo.app, "per s", "reconciles")[name] == grown(reconciles, name)
            assert cells(demo.app, "ok", "results per s")[name] == grown(
                reconciles, name, result="success"
            )
            errors = "controller_runtime_reconcile_errors_total"
            assert cells(demo.app, "errors/s", "reconciles")[name] == grown(errors, name)
            retried = grown("workqueue_retries_total", name)
            assert cells(demo.app, "retries", "queue per s")[name] == retried
        for name, shown in cells(demo.app, "controller").items():
            assert shown.endswith(name)


async def test_a_restart_is_shown_and_no_rate_is_negative(demo):
    """↺ before the rates, and in words at the top."""
    async with demo.app.run_test(size=(200, 60)) as pilot:
        demo.scrape()
        demo.scrape()
        demo.operator.restart()
        demo.scrape()
        await pilot.pause()
        reconciles = cells(demo.app, "per s", "reconciles")
        total = sum(
            point.value
            for point in demo.store.query(
                "controller_runtime_reconcile_total", controller="pods"
            )
        )

        assert reconciles["pods"] == f"↺ {rate(total / 10)}"
        assert "↺ restarted once" in screen(demo.app)
        assert not re.search(r"-\d[\d.]*k?/s", screen(demo.app))


async def test_series_are_what_the_store_answers(demo):
    """The values of the series page, under the type and the help of their metric."""
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.press("m")
        await find(pilot, "workqueue_adds")
        await pilot.press("enter")
        series = {
            labels["name"]: cell.removesuffix(" ▴")
            for labels, cell in cells_by_key(demo.app, "value").items()
        }

        points = demo.store.query("workqueue_adds_total")
        assert series == {p.labels["name"]: plain(p.value, 4) for p in points}
        assert "counter" in screen(demo.app)
        assert demo.store.metrics()["workqueue_adds_total"].help in screen(demo.app)


# -- every page at every size ---------------------------------------------------------

PATHS = {
    "overview": ["o"],
    "controller": ["j", "enter"],
    "metrics": ["escape", "m"],
    "series": ["g", "enter"],
    "over-time": ["escape", "G", "enter", "enter"],
    "targets": ["t"],
    "help": ["question_mark"],
}


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_nothing_is_cut_off_or_overlaps(demo, size):
    """Every widget is on the screen, none lies over another, and no line is too long."""
    async with demo.app.run_test(size=size) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.pause()
        for path, keys in PATHS.items():
            await pilot.press(*keys)
            await pilot.pause()
            assert path in (demo.app.page.id, "help")
            check_screen(demo.app, size)


def check_screen(app: Dashboard, size: tuple[int, int]) -> None:
    lines = screen(app).split("\n")
    assert len(lines) == size[1]
    assert all(len(each) <= size[0] for each in lines)
    shown = [
        each
        for each in app.screen.query("TextPane, Grid, Tabs, KeyBar")
        if each.display and each.region.area
    ]
    for at, each in enumerate(shown):
        assert app.screen.region.contains_region(each.region)
        assert not any(each.region.overlaps(other.region) for other in shown[at + 1 :])


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_nothing_jumps_while_values_change(demo, size):
    """From one scrape to the next every row, head and pane stays in its place."""
    async with demo.app.run_test(size=size) as pilot:
        for _ in range(3):
            demo.scrape()
        await pilot.pause()
        before = screen(demo.app).split("\n")
        demo.scrape(1)
        await pilot.pause()
        after = screen(demo.app).split("\n")

        def frame(lines):
            return [re.findall(r"[a-z]{5,}|[━─]{3,}", each) for each in lines[2:12]]

        assert frame(before) == frame(after)


async def test_the_last_line_names_how_to_quit(demo):
    """Also at the smallest size."""
    async with demo.app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()

        assert "? help" in last_line(demo.app)
        assert "q quit" in last_line(demo.app)


# -- keys -----------------------------------------------------------------------------


async def test_enter_opens_and_keys_switch_the_controller_from_anywhere(demo):
    """j and k go on in the detail too, and esc leads back to the same row."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("j", "enter")
        assert demo.app.page.path() == "certificates"
        assert "reconcile time" in screen(demo.app)

        await pilot.press("down", "j", "k", "pagedown", "j")
        assert demo.app.page.path() == "pods"
        await pilot.press("j", "j", "j")
        assert demo.app.page.path() == "restores"

        await pilot.press("escape")
        assert demo.app.page.id == "overview"
        assert grid(demo.app).chosen == "restores"


async def test_a_resize_keeps_the_place(demo):
    """The controller, and the histogram that was scrolled to."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.pause()
        await pilot.press("j", "j", "j", "enter", "tab", "tab")
        lines = demo.app.page.query_one(TextPane)
        at = "".join(cell.text for cell in lines.lines[lines.top])
        for size in ((60, 20), (120, 40), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert demo.app.page.path() == "pods"

        assert at.startswith("── queue time")
        assert "".join(cell.text for cell in lines.lines[lines.top])[:24] == at[:24]


async def test_tab_goes_round_the_pages(demo):
    """Forth and back."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        demo.scrape()
        await pilot.pause()
        seen = []
        for _ in range(4):
            await pilot.press("tab")
            seen.append(demo.app.page.id)
        await pilot.press("shift+tab")

        assert seen == ["metrics", "changes", "targets", "overview"]
        assert demo.app.page.id == "targets"


async def test_sorting_stays_until_it_is_asked_for_again(demo):
    """Rows do not change places with their values."""
    async with demo.app.run_test(size=(200, 60)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("s", "s")
        sheet = grid(demo.app)
        depth = {key: row.depth for key, row in sheet._sheet.rows.items()}
        order = sheet.keys
        known = [key for key in order if depth[key] is not None]
        assert known == sorted(known, key=lambda key: -depth[key])
        assert "↓depth" in screen(demo.app)

        for _ in range(5):
            demo.scrape(30)
        await pilot.pause()
        assert grid(demo.app).keys == order

        await pilot.press("S")
        assert "↑depth" in screen(demo.app)


async def test_new_rows_move_no_old_ones():
    """A sorted table keeps its order when rows come and go."""
    store = Store(clock=lambda: T0 + 10**6)
    app = Dashboard(store, Still("x"))

    def say(second: int, **depths: int) -> None:
        lines = (f'workqueue_depth{{name="{k}"}} {v}\n' for k, v in depths.items())
        store.ingest("".join(lines), source="x", timestamp=T0 + second)

    async with app.run_test(size=(80, 24)) as pilot:
        say(1, a=1, b=2, c=3, d=4)
        await pilot.pause()
        await pilot.press("s", "s")
        assert grid(app).keys == ["d", "c", "b", "a"]

        say(2, a=9, b=8, c=1, e=5)
        await pilot.pause()
        assert [key for key in grid(app).keys if key != "e"] == ["c", "b", "a"]
        assert "e" in grid(app).keys


async def test_a_chosen_row_stays_chosen(demo):
    """Whatever the order."""
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("j", "s", "s")
        demo.scrape()
        await pilot.pause()

        assert grid(demo.app).chosen == "certificates"


async def test_where_a_chosen_row_was_another_is_chosen():
    """If the chosen row goes, the one that comes in its place is chosen; if it was the
    last one, the one before."""
    store = Store(clock=lambda: T0 + 10**6)
    app = Dashboard(store, Still("x"))

    def say(second: int, names: str) -> None:
        lines = (f'workqueue_depth{{name="{name}"}} 1\n' for name in names)
        store.ingest("".join(lines), source="x", timestamp=T0 + second)

    async with app.run_test(size=(80, 24)) as pilot:
        say(1, "abcd")
        await pilot.pause()
        await pilot.press("j", "j")
        assert grid(app).chosen == "c"

        for second, names, chosen in [(2, "abd", "d"), (3, "ab", "b")]:
            say(second, names)
            await pilot.pause()
            assert grid(app).chosen == chosen


async def test_further_columns_are_shown_whole(demo):
    """→ and ← go by groups, and the names stay."""
    async with demo.app.run_test(size=(60, 20)) as pilot:
        demo.scrape()
        await pilot.pause()
        seen = set()
        for _ in range(20):
            seen.update(grid(demo.app)._shape().columns)
            await pilot.press("right")
        assert len(seen) == len(grid(demo.app)._sheet.columns)
        assert "certificates" in screen(demo.app)

        await pilot.press(*["left"] * 12)
        assert "busy" in screen(demo.app)


async def test_filters_narrow_while_one_types(demo):
    """A wrong one is said to be, and esc ends it."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("m", "slash", *"hook")
        await pilot.pause()
        assert all("hook" in str(key) for key in grid(demo.app).keys)

        await pilot.press("(")
        await pilot.pause()
        assert "!" in screen(demo.app).split("\n")[-2]
        assert grid(demo.app).keys

        await pilot.press("escape")
        await pilot.pause()
        assert len(grid(demo.app).keys) > 40
        assert demo.app.focused is grid(demo.app)


async def test_a_selector_narrows_metrics_and_their_series(demo):
    """It goes along into the series."""
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("m")
        await find(pilot, '{name="pods"}')
        await pilot.pause()
        assert all(str(key).startswith("workqueue_") for key in grid(demo.app).keys)

        await pilot.press("enter")
        await pilot.pause()
        assert {key["name"] for key in grid(demo.app).keys} == {"pods"}

        await pilot.press("escape")
        await pilot.pause()
        assert len(grid(demo.app).keys) >= 5
        await pilot.press("escape")
        assert demo.app.page.id == "metrics"


async def test_histograms_of_the_browser_open_as_bars(demo):
    """And up and down go through the family."""
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.pause()
        await pilot.press("m")
        await find(pilot, "queue_duration")
        await pilot.press("enter", "enter")
        assert demo.app.page.id == "over-time"
        assert "since start" in screen(demo.app)
        assert "last 10 s" in screen(demo.app)
        assert 'name="backups"' in screen(demo.app)

        await pilot.press("down")
        assert 'name="certificates"' in screen(demo.app)
        await pilot.press("escape", "escape")
        assert demo.app.page.id == "metrics"


@pytest.fixture(autouse=True)
def no_clipboard(monkeypatch):
    """No test touches the clipboard of who runs it."""
    monkeypatch.setattr("pyperclip.determine_clipboard", lambda: (None, None))


async def test_copying_goes_to_the_clipboard_of_the_system(demo, monkeypatch):
    """Where there is one; and it is said which one it was."""
    copied: list[str] = []
    monkeypatch.setattr("pyperclip.determine_clipboard", lambda: (copied.append, None))
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("y")
        await until(pilot, lambda: "✓ copied:" in last_line(demo.app))

        assert copied == ['{controller="backups"}']


async def test_copying_gives_a_selector_that_finds_the_series(demo):
    """And the value in full."""
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("m")
        await find(pilot, "adds_total")
        await pilot.press("enter", "j", "y")
        sent = "sent to the terminal's clipboard"
        await until(pilot, lambda: sent in last_line(demo.app))
        (point,) = demo.store.select(demo.app.clipboard)
        assert point.labels["name"] == "certificates"
        assert "job" not in demo.app.clipboard

        await pilot.press("Y")
        await until(pilot, lambda: "{" not in demo.app.clipboard)
        assert float(demo.app.clipboard) == point.value


async def test_help_explains_everything_that_can_be_pressed(demo):
    """Each key that anything binds stands on the page, and the page opens and closes."""
    bound = set()
    for owner in (Dashboard, Grid, TextPane, SubjectPage):
        for binding in owner.BINDINGS:
            assert isinstance(binding, Binding)
            bound.update(binding.key.split(","))
    told = {each for _, keys in KEYS for key in keys for each in key.keys}

    assert bound == told
    async with demo.app.run_test(size=(60, 20)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(demo.app.screen, HelpScreen)
        await pilot.press("G")
        assert "Filters" in screen(demo.app)
        await pilot.press("escape")
        assert not isinstance(demo.app.screen, HelpScreen)


async def test_the_help_is_scrolled_line_by_line(demo):
    """Where it is longer than the screen."""
    async with demo.app.run_test(size=(60, 20)) as pilot:
        await pilot.press("question_mark")
        lines = demo.app.screen.query_one(TextPane)
        tops = []
        for key in ("j", "down", "k"):
            await pilot.press(key)
            tops.append(lines.top)
        assert tops == [1, 2, 1]


@pytest.mark.parametrize("key", ["q", "escape", "question_mark", "enter"])
async def test_what_leaves_the_help_leaves_nothing_else(demo, key):
    """Each of the keys closes the page, and none the program behind it."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark", key)
        await pilot.pause()

        assert not isinstance(demo.app.screen, HelpScreen)
        assert demo.app.is_running
        assert demo.app.return_code is None


async def test_pause_interval_window_and_scrape(demo):
    """Are asked of the feed, and said at the top."""
    async with demo.app.run_test(size=(200, 60)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("p", "plus", "r", "left_square_bracket")
        await pilot.pause()

        assert demo.app.feed.asked == 1
        for words in ("‖ PAUSED", "every 2 s", "rates over 30 s"):
            assert words in screen(demo.app)
        await pilot.press("p", "minus", "right_square_bracket")
        await pilot.pause()
        assert "PAUSED" not in screen(demo.app)
        assert "every 1 s" in screen(demo.app)


async def test_the_mouse_chooses_opens_sorts_and_scrolls(demo):
    """It works, and is never needed."""
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        await pilot.pause()
        sheet = grid(demo.app)
        await pilot.click(sheet, offset=(5, 3 + 3))
        assert sheet.chosen == "pods"
        await pilot.click(sheet, offset=(18, 2))
        assert "busy" in screen(demo.app)
        assert sheet._by == 1
        assert sheet.chosen == sheet.keys[0]  # what one sorted for stands first
        for _ in range(2):
            await pilot.click(sheet, offset=(5, 3 + sheet.keys.index("pods")))
            await pilot.pause(0.5)
        assert demo.app.page.path() == "pods"

        await pilot.click("Tabs", offset=(12, 0))
        await pilot.pause()
        assert demo.app.page.id == "metrics"
        await pilot.click(KeyBar, offset=(3, 0))
        await pilot.pause()
        assert isinstance(demo.app.screen, HelpScreen)


async def test_light_and_dark(demo):
    """By the key, and as asked for at the start."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        assert demo.app.theme == "promlatest-dark"
        await pilot.press("d")
        assert demo.app.theme == "promlatest-light"
    other = Demo(theme="light")
    async with other.app.run_test(size=(80, 24)):
        assert other.app.theme == "promlatest-light"


async def test_no_color_is_honoured(monkeypatch):
    """No colour at all is sent, and the chosen row has its sign."""
    monkeypatch.setenv("NO_COLOR", "1")
    demo = Demo()
    async with demo.app.run_test(size=(80, 24)) as pilot:
        demo.scrape()
        await pilot.pause()
        picture = [
            segment.style
            for y in range(grid(demo.app).size.height)
            for segment in grid(demo.app)._styles_cache.render_widget(
                grid(demo.app), grid(demo.app).size.region
            )[y]
        ]

        assert demo.app.no_color
        assert all(
            style is None or style.color is None or style.color.is_default
            for style in picture
        )
        assert "▸ ▶ backups" in screen(demo.app)


async def test_a_refresh_draws_only_what_changed(demo):
    """The same rows again draw nothing."""
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.pause()
        drawn = []
        sheet = grid(demo.app)
        sheet.refresh = lambda *regions, **options: drawn.append(regions)
        demo.app.draw_page()
        assert drawn == []

        demo.scrape(5)
        await pilot.pause()
        assert drawn
        assert all(len(regions) == 1 and regions[0].height == 1 for regions in drawn)


@pytest.mark.parametrize("page", ["o", "m", "c"])
async def test_a_refresh_asks_no_scrape_again(demo, page, monkeypatch):
    """What is kept of a window is not gone through anew: after thirty scrapes not five times
    as many questions are asked as after six."""
    asked: list[str] = []
    real = QueryMethods.query
    monkeypatch.setattr(
        QueryMethods, "query", lambda q, *a, **k: asked.append(a[0]) or real(q, *a, **k)
    )
    async with demo.app.run_test(size=(120, 40)) as pilot:
        numbers = []
        for scrapes in (6, 24):
            for _ in range(scrapes):
                demo.scrape(1)
            await pilot.press(page)
            await pilot.pause()
            asked.clear()
            demo.scrape(1)
            await pilot.pause()
            numbers.append(len(asked))
        assert numbers[0] > 0
        assert numbers[1] < 2 * numbers[0]  # the clock of the first line asks, too


async def test_nothing_is_left_of_a_longer_text():
    """A help of two lines goes as a whole when one of one line comes."""
    store = Store(clock=lambda: T0)
    app = Dashboard(store, Still("x"))
    async with app.run_test(size=(60, 20)) as pilot:
        body = f"# HELP a {'long ' * 14}end\na 1\n# HELP b short\nb 1\n"
        store.ingest(body, source="x", timestamp=T0)
        await pilot.pause()
        assert "end" in screen(app)

        await pilot.press("j")
        await pilot.pause()
        assert "short" in screen(app)
        assert "long" not in screen(app)


# -- errors ---------------------------------------------------------------------------


async def test_a_dead_target_keeps_its_last_known_values_and_recovers(demo):
    """They are marked, the reason stands above them, and it all goes by itself."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.pause()
        demo.fail(ConnectError("connection refused: nothing listens there"))
        await pilot.pause()
        dead = screen(demo.app)
        assert "✖ DOWN" in dead
        assert "connection refused" in dead
        assert "STALE" in dead
        assert "certificates" in dead

        demo.scrape()
        await pilot.pause()
        again = screen(demo.app)
        assert "● up" in again
        assert "STALE" not in again
        assert "connection refused" not in again


async def test_a_parse_error_has_line_and_column_on_the_screen(demo):
    """And nothing of an operator that was never seen."""
    async with demo.app.run_test(size=(60, 20)) as pilot:
        demo.fail(ParseError(3, 19, "3", "expected a label name"))
        await pilot.pause()

        assert "line 3, column 19" in screen(demo.app)
        assert not demo.app.query_one(ContentSwitcher).display


async def test_the_first_time_says_how_to_go_on():
    """Without a target: the port that was tried, the demo, and kubebuilder's flags."""
    demo = Demo(first_time=True)
    words = "connection refused. It is started so:\n  go run ./cmd/main.go --metrics"
    async with demo.app.run_test(size=(60, 20)) as pilot:
        demo.fail(ConnectError(words))
        await pilot.pause()
        said = screen(demo.app)

        for part in ("go run ./cmd/main.go", "promlatest top :PORT", "--demo", "q quits"):
            assert part in said.replace("\n ", " ")


# -- several targets ------------------------------------------------------------------


async def test_targets_are_listed_and_switched():
    """By number and from their page; what is no operator opens as metrics."""
    now = [T0]
    store = Store(clock=lambda: now[0])
    app = Dashboard(store, Still("one", "two", "three"))
    async with app.run_test(size=(120, 40)) as pilot:
        store.ingest('workqueue_depth{name="a"} 3\n', source="one", timestamp=T0)
        store.ingest("jobs 3\n", source="two", timestamp=T0)
        store.fail("three", ConnectError("refused"), timestamp=T0)
        await pilot.pause()
        await pilot.press("t")
        await pilot.pause()
        said = screen(app)
        assert "target 1 of 3, 1 down" in said
        for part in ("one", "two", "three", "● up", "✖ DOWN", "refused"):
            assert part in said

        await pilot.press("j", "enter")
        await pilot.pause()
        assert (app.shown, app.page.id) == ("two", "metrics")
        assert "jobs" in screen(app)
        await pilot.press("1", "o")
        await pilot.pause()
        assert app.shown == "one"
        assert cells(app, "depth")["a"] == "3"
        await pilot.press("9")
        assert app.shown == "one"


async def test_what_is_no_operator_opens_as_metrics():
    """Until somebody chose a page."""
    store = Store(clock=lambda: T0)
    app = Dashboard(store, Still("x"))
    async with app.run_test(size=(80, 24)) as pilot:
        store.ingest("jobs 3\n", source="x", timestamp=T0)
        await pilot.pause()
        assert app.page.id == "metrics"

        await pilot.press("o")
        assert app.page.id == "overview"
        assert "this is no operator" in screen(app)


# -- the feed -------------------------------------------------------------------------


async def until(pilot, condition) -> None:
    for _ in range(3000):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not come to that")


async def test_the_feed_scrapes_pauses_and_recovers():
    """With a target that answers, dies and comes back."""
    answers: list[bytes | Exception] = [b"jobs 1\n"]
    scrapes: list[int] = []

    def read() -> bytes:
        scrapes.append(len(scrapes))
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]

    store = Store()
    feed = Feed(store, [(Job(interval=0.02), [Target.of(read)])])
    app = Dashboard(store, feed)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(scrapes) > 3)
        assert store.query("jobs")[0].value == 1

        answers[0] = OSError("it died")
        await until(pilot, lambda: app.view().stale)
        answers[0] = b"jobs 2\n"
        await until(pilot, lambda: not app.view().stale)
        assert app.view().state.query("jobs")[0].value == 2

        await pilot.press("p")
        await pilot.pause(0.1)
        held = len(scrapes)
        await pilot.pause(0.15)
        assert len(scrapes) == held
        await pilot.press("r")
        await until(pilot, lambda: len(scrapes) == held + 1)
        await pilot.press("p")
        await until(pilot, lambda: len(scrapes) > held + 2)


async def test_the_interval_goes_in_steps():
    """And does not leave them."""
    feed = Feed(Store(), [(Job(interval=1.0), [Target.of(lambda: b"a 1\n")])])
    (name,) = feed.names

    assert [feed.change_interval(name, 1) for _ in range(3)] == [2.0, 5.0, 10.0]
    assert [feed.change_interval(name, -1) for _ in range(6)][-2:] == [0.5, 0.5]


async def test_typing_goes_into_the_filter_and_nowhere_else(demo):
    """q is a letter there."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("slash", *"qsp")
        await pilot.pause()

        assert demo.app.query_one(Input).value == "qsp"
        assert not demo.app.feed.paused


async def test_text_that_comes_with_the_slash_is_typed(demo):
    """What arrives in one read goes where the slash sends it; no letter is a command."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("m")
        for key, character in [("slash", "/"), *((each, each) for each in "pods")]:
            demo.app.post_message(events.Key(key, character))
        await pilot.pause()

        assert demo.app.query_one(Input).value == "pods"
        assert not demo.app.feed.paused
        assert grid(demo.app)._by is None


async def test_keys_work_when_the_operator_comes_later(demo):
    """The dashboard started first: the table that appears has the keys."""
    async with demo.app.run_test(size=(80, 24)) as pilot:
        demo.fail(ConnectError("refused"))
        await pilot.pause()
        demo.scrape()
        await pilot.pause()
        before = grid(demo.app).chosen
        await pilot.press("j")

        assert grid(demo.app).chosen != before


async def test_keys_work_after_a_look_at_a_dead_target():
    """Going to a target that is down and back loses no key."""
    store = Store(clock=lambda: T0)
    app = Dashboard(store, Still("a", "b"))
    async with app.run_test(size=(100, 24)) as pilot:
        body = "".join(f'workqueue_depth{{name="{name}"}} 1\n' for name in "xyz")
        store.ingest(body, source="a", timestamp=T0)
        store.fail("b", ConnectError("refused"), timestamp=T0)
        await pilot.pause()
        await pilot.press("2")
        await pilot.pause()
        await pilot.press("1")
        await pilot.pause()
        await pilot.press("j")

        assert grid(app).chosen == "y"


async def test_every_word_of_the_last_line_can_be_clicked(demo, monkeypatch):
    """Each does what its key does, and none ends in a crash; what was copied is said for a
    moment only."""
    monkeypatch.setattr(keybar, "SAID_FOR", 0.1)
    async with demo.app.run_test(size=(200, 40)) as pilot:
        demo.scrape()
        await pilot.pause()
        usual = [key.short for key in hints() if key.short not in ("copy", "quit")]
        for word in [*usual, "older", "newer", "go on", "copy", "quit"]:
            await until(pilot, lambda word=word: f" {word} " in last_line(demo.app))
            await pilot.click(
                KeyBar, offset=(last_line(demo.app).index(f" {word} ") + 1, 0)
            )
            await pilot.pause()
            if isinstance(demo.app.screen, HelpScreen) or isinstance(
                demo.app.focused, Input
            ):
                await pilot.press("escape")
                await pilot.pause()
        assert demo.app.feed.paused
        assert demo.app.feed.asked == 1
        assert demo.app.clipboard
    assert demo.app.return_code == 0


async def test_a_selector_narrows_the_overview_and_the_targets(demo):
    """What is shown as active is active."""
    async with demo.app.run_test(size=(100, 30)) as pilot:
        demo.scrape()
        await pilot.pause()
        await find(pilot, '{name="pods"}')
        await pilot.pause()
        assert grid(demo.app).keys == ["pods"]
        await pilot.press("t")
        await find(pilot, '{name="service"}')
        await pilot.pause()
        assert grid(demo.app).keys == []


async def test_latencies_are_of_the_window_and_a_key_has_them_since_the_start(demo):
    """As the store's histograms between the two scrapes; the head says which."""
    async with demo.app.run_test(size=(200, 50)) as pilot:
        demo.scrape()
        before = demo.store.histogram(QUEUE, controller="pods", name="pods")
        demo.scrape()
        await pilot.pause()
        now = demo.store.histogram(QUEUE, controller="pods", name="pods")

        window, ever = (
            duration(now.since(before).quantile(0.99)),
            duration(now.quantile(0.99)),
        )
        assert window != ever
        assert cells(demo.app, "p99", "queue time")["pods"] == window
        assert "p50, p99 of the last 10 s of 1 min" in screen(demo.app)
        await pilot.press("w")
        assert cells(demo.app, "p99", "queue time")["pods"] == ever
        assert "p50, p99 since start" in screen(demo.app)


async def test_an_order_that_is_old_is_not_called_one():
    """Rows stay where they are; the sign at the head says that values have changed."""
    store = Store(clock=lambda: T0)
    app = Dashboard(store, Still("x"))
    async with app.run_test(size=(100, 24)) as pilot:
        for second, values in enumerate([(1, 2), (3, 2)]):
            body = "".join(
                f'workqueue_depth{{name="{name}"}} {value}\n'
                for name, value in zip("ab", values, strict=True)
            )
            store.ingest(body, source="x", timestamp=T0 + second * 1000)
            await pilot.pause()
            if not second:
                await pilot.press("s", "s")
                assert grid(app).keys == ["b", "a"]
                assert "↓depth" in screen(app)

        assert grid(app).keys == ["b", "a"]
        assert "⇅depth" in screen(app)


async def test_a_controller_that_another_target_lacks_is_left():
    """Switching the target there leads to its overview, not to an empty page."""
    store = Store(clock=lambda: T0)
    app = Dashboard(store, Still("a", "b"))
    async with app.run_test(size=(100, 24)) as pilot:
        for source, name in (("a", "pods"), ("b", "jobs")):
            body = f'workqueue_depth{{name="{name}"}} 1\n'
            store.ingest(body, source=source, timestamp=T0)
        await pilot.pause()
        await pilot.press("enter", "2")
        await pilot.pause()

        assert app.page.id == "overview"
        assert grid(app).keys == ["jobs"]


async def test_why_a_target_is_down_is_on_the_screen():
    """Whole, at any width, for the target that is chosen."""
    store = Store(clock=lambda: T0)
    app = Dashboard(store, Still("a", "b"))
    async with app.run_test(size=(60, 20)) as pilot:
        store.ingest("up 1\n", source="a", timestamp=T0)
        store.fail("b", ConnectError("nobody listens at b port 1"), timestamp=T0)
        await pilot.press("t", "j")
        await pilot.pause()

        assert "nobody listens at b port 1" in screen(app)


async def test_a_long_name_is_shown_whole_somewhere():
    """Names that are cut alike are told apart by the line of the chosen one."""
    name = "a-controller-with-a-name-that-no-column-has-room-for-at-all"
    store = Store(clock=lambda: T0)
    app = Dashboard(store, Still("x"))
    async with app.run_test(size=(80, 24)) as pilot:
        store.ingest(f'workqueue_depth{{name="{name}"}} 1\n', source="x", timestamp=T0)
        await pilot.pause()

        assert name in screen(app)


def controllers_of(number: int) -> str:
    return "".join(f'workqueue_depth{{name="c{n:02}"}} 1\n' for n in range(number))


@pytest.mark.parametrize(("lines", "rows"), [(20, 10), (40, 30)])
async def test_as_many_rows_as_there_is_room(lines, rows):
    """What stands below the controllers takes what it fills and no more."""
    store = Store(clock=lambda: T0)
    app = Dashboard(store, Still("x"))
    async with app.run_test(size=(100, lines)) as pilot:
        body = controllers_of(60) + "process_resident_memory_bytes 1\n"
        store.ingest(body, source="x", timestamp=T0)
        await pilot.pause()

        shown = [
            each for each in screen(app).split("\n") if re.match(r" .{2}· c\d\d ", each)
        ]
        assert len(shown) == rows
        assert "memory" in screen(app)


async def test_a_tall_screen_shows_the_chosen_controller_in_full(demo):
    """Its trends and histograms, live, and those of the next one with the next key."""
    async with demo.app.run_test(size=(200, 60)) as pilot:
        for _ in range(3):
            demo.scrape()
        await pilot.pause()
        await pilot.press("j", "j", "j")
        await pilot.pause()
        said = screen(demo.app)
        assert "── pods  enter opens it" in said
        assert "── reconcile time" in said
        assert "last 20 s" in said
        assert "depth" in said
    app = Demo().app
    async with app.run_test(size=(80, 24)):
        assert not app.page.query_one("#chosen").display


@pytest.mark.parametrize("many", [0, 10**6], ids=["apart", "at once"])
async def test_what_changed_is_found_and_copied(demo, many, monkeypatch):
    """Of so many series that a thread compares them, too, though a filter is typed while
    it does."""
    monkeypatch.setattr(changes, "_MANY", many)
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.press("c")
        await find(pilot, '{__name__="workqueue_adds_total",name="pods"}')
        await until(pilot, lambda: len(grid(demo.app).keys) == 1)

        await pilot.press("y")
        await until(pilot, lambda: "workqueue_adds_total" in demo.app.clipboard)
        (point,) = demo.store.select(demo.app.clipboard)
        await pilot.press("Y")
        await until(pilot, lambda: "{" not in demo.app.clipboard)
        view = demo.app.view()
        before = view.earlier.value("workqueue_adds_total", **point.labels)
        assert float(demo.app.clipboard) == point.value - before


async def test_mark_and_compare(demo):
    """A key marks now; pages show what came since, and again lets go."""
    async with demo.app.run_test(size=(160, 50)) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.pause()
        before = demo.store.value("workqueue_adds_total", controller="pods", name="pods")
        await pilot.press("x")
        for _ in range(3):
            demo.scrape()
        await pilot.pause()
        now = demo.store.value("workqueue_adds_total", controller="pods", name="pods")
        gained = f"+{plain(now - before, 4)}"
        assert "⚑ marked" in screen(demo.app)
        assert "30 s since the mark" in screen(demo.app)

        await pilot.press("c")
        await pilot.pause()
        row = next(
            row
            for row in grid(demo.app)._sheet.rows.values()
            if row.labels.metric == "workqueue_adds_total" and row.labels["name"] == "pods"
        )
        assert (row.kind, row.before, row.now) == ("gained", before, now)
        assert demo.app.page.path() == ""

        await pilot.press("m")
        await find(pilot, "workqueue_adds")
        await pilot.pause()
        assert cells(demo.app, "since mark")["workqueue_adds_total"].startswith("+")
        await pilot.press("enter")
        await pilot.pause()
        series = {
            labels["name"]: text
            for labels, text in cells_by_key(demo.app, "since mark").items()
        }
        assert series["pods"] == gained
        await pilot.press("x")
        await pilot.pause()
        assert "marked" not in screen(demo.app)
        assert "since mark" not in screen(demo.app)


async def test_what_changed_is_opened(demo):
    """Enter leads from a change to its series, and esc back to the changes; a histogram is
    known by its count."""
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.press("c")
        await pilot.pause()
        for metric, family in (
            ("rest_client_requests_total", "rest_client_requests_total"),
            (f"{QUEUE}_count", QUEUE),
        ):
            keys = [key for key in grid(demo.app).keys if isinstance(key, Labels)]
            key = next(key for key in keys if key.metric == metric)
            grid(demo.app).choose(key)
            await pilot.press("enter")
            await pilot.pause()
            assert demo.app.page.path() == family
            assert demo.app.page.chosen_labels().without("__name__") == key.without(
                "__name__"
            )
            await pilot.press("escape")
            assert demo.app.page.id == "changes"


async def test_the_view_freezes_and_steps_through_the_scrapes(demo):
    """Scraping goes on; the arrows show what was, and the key shows what is."""
    async with demo.app.run_test(size=(160, 30)) as pilot:
        depths = []
        for _ in range(4):
            demo.scrape()
            await pilot.pause()
            depths.append(cells(demo.app, "adds", "queue in all")["pods"])
        assert len(set(depths)) == 4
        await pilot.press("f")
        demo.scrape()
        await pilot.pause()
        assert cells(demo.app, "adds", "queue in all")["pods"] == depths[3]
        assert re.search(r"FROZEN \d+ \w+ ago, 1 newer", screen(demo.app))
        await pilot.press("left", "left")
        assert cells(demo.app, "adds", "queue in all")["pods"] == depths[1]
        await pilot.press("right")
        assert cells(demo.app, "adds", "queue in all")["pods"] == depths[2]
        await pilot.press("f")
        assert cells(demo.app, "adds", "queue in all")["pods"] not in depths
        assert "FROZEN" not in screen(demo.app)


async def test_the_mouse_freezes_and_steps(demo):
    """A frozen view names its steps in the last line, at 60 columns too."""
    async with demo.app.run_test(size=(60, 20)) as pilot:
        for _ in range(3):
            demo.scrape()
        await pilot.pause()
        await pilot.press("f")
        newest = demo.app.until
        for word, steps in (("older", 1), ("older", 2), ("newer", 1)):
            await pilot.click(
                KeyBar, offset=(last_line(demo.app).index(f" {word} ") + 1, 0)
            )
            assert newest - demo.app.until == 10_000 * steps
        await pilot.click(KeyBar, offset=(last_line(demo.app).index(" go on ") + 1, 0))
        assert demo.app.until is None
        assert "older" not in screen(demo.app)


async def test_nothing_is_said_to_have_come_since_a_mark_that_is_new(demo):
    """Until a scrape is behind the mark, figures are of the window, as they are called."""
    async with demo.app.run_test(size=(160, 50)) as pilot:
        demo.scrape()
        demo.scrape()
        await pilot.press("x", "m")
        await pilot.pause()
        assert "⚑ marked" in screen(demo.app)
        assert "since mark" not in screen(demo.app)
        assert "since the mark" not in screen(demo.app)
        demo.scrape()
        await pilot.pause()
        assert "10 s since the mark" in screen(demo.app)
        assert "since mark" in screen(demo.app)


async def test_what_is_shown_is_marked(demo):
    """Who stepped back to what happened compares with that, and not with now."""
    async with demo.app.run_test(size=(160, 50)) as pilot:
        for _ in range(4):
            demo.scrape()
        await pilot.press("f", "left", "left", "x", "f")
        await pilot.pause()
        assert "20 s since the mark" in screen(demo.app)


async def test_series_are_listed_when_one_comes_or_goes(monkeypatch):
    """A refresh costs what is on the screen: all series are gone through once, and again
    only when the set of them is another one."""
    listed: list[int] = []
    monkeypatch.setattr(
        "promlatest.tui.pages.series.listing",
        lambda name, state, filter_: (
            listed.append(len(state)),
            listing(name, state, filter_),
        )[1],
    )
    store = Store(clock=lambda: T0 + 10**6)
    app = Dashboard(store, Still("x"))

    def scrape(second: int, series: int) -> None:
        body = "".join(f'x_total{{n="{n}"}} {second}\n' for n in range(series))
        store.ingest(body, source="x", timestamp=T0 + second * 1000)

    async with app.run_test(size=(100, 24)) as pilot:
        scrape(0, 300)
        await pilot.pause()
        await pilot.press("m", "enter")
        for second in range(1, 5):
            scrape(second, 300)
            await pilot.pause()
        assert listed == [300]
        assert {text[0] for text in cells(app, "value").values()} == {"4"}
        scrape(5, 301)
        await pilot.pause()
        assert listed == [300, 301]


async def test_sorting_by_pointing(demo):
    """Shift and the arrows go to the column beside, and turn the order."""
    async with demo.app.run_test(size=(200, 40)) as pilot:
        demo.scrape()
        await pilot.pause()
        titles = [column.title for column in grid(demo.app).sheet.columns]
        await pilot.press("shift+right", "shift+right", "shift+right")
        assert titles[grid(demo.app)._by] == "depth"
        assert grid(demo.app).keys[0] == "certificates"
        await pilot.press("shift+down")
        assert grid(demo.app).keys[0] != "certificates"
        await pilot.press("shift+left")
        assert titles[grid(demo.app)._by] == "busy"


async def test_the_controllers_of_all_targets_in_one_table():
    """With their target; enter opens one of them, whichever target was shown."""
    store = Store(clock=lambda: T0)
    app = Dashboard(store, Still("one", "two"))
    async with app.run_test(size=(120, 30)) as pilot:
        for source, names in (("one", "ab"), ("two", "bc")):
            body = "".join(f'workqueue_depth{{name="{name}"}} 1\n' for name in names)
            store.ingest(body, source=source, timestamp=T0)
        await pilot.press("a")
        await pilot.pause()
        assert grid(app).keys == [("one", "a"), ("one", "b"), ("two", "b"), ("two", "c")]
        await find(pilot, '{name="b"}')
        await pilot.pause()
        assert grid(app).keys == [("one", "b"), ("two", "b")]
        await pilot.press("escape", "G", "enter")
        await pilot.pause()
        assert (app.shown, app.page.path()) == ("two", "c")
        await pilot.press("escape", "a")
        await pilot.pause()
        assert grid(app).keys == ["b", "c"]


async def test_what_is_shown_is_written_to_a_file(demo, tmp_path):
    """As text, CSV or JSON, and a name that is none of these is refused in words."""
    async with demo.app.run_test(size=(120, 40)) as pilot:
        demo.scrape()
        await pilot.pause()

        async def write(name: str) -> Path:
            await pilot.press("e")
            demo.app.query_one(ExportBar).query_one(Input).value = str(tmp_path / name)
            await pilot.press("enter")
            await pilot.pause()
            return tmp_path / name

        rows = list(csv.DictReader((await write("a.csv")).read_text().splitlines()))
        assert [row["controller"] for row in rows] == grid(demo.app).keys
        shown = demo.app.view().state
        waiting = sum(p.value for p in shown.query("workqueue_depth", name="certificates"))
        assert float(rows[1]["depth"]) == waiting
        await until(pilot, lambda: "5 rows written to" in screen(demo.app))
        told = json.loads((await write("a.json")).read_text())
        assert told[1]["depth"] == waiting
        assert [{k: "" if v is None else v for k, v in row.items()} for row in told] == [
            {k: v if k == "controller" or not v else float(v) for k, v in row.items()}
            for row in rows
        ]
        assert "certificates" in (await write("a.txt")).read_text()
        assert not (await write("a.pdf")).exists()
        refused = "expected a name that ends in .txt, .csv, .json"
        await until(pilot, lambda: refused in screen(demo.app))
        await pilot.press("enter")
        await pilot.pause()
        assert "reconcile time" in (await write("page.txt")).read_text()


async def test_settings_are_kept_for_the_next_start(tmp_path):
    """Window, theme and order; a file that cannot be read is said and left alone."""
    path = tmp_path / "there" / "dashboard.json"
    first = Demo(settings=path)
    async with first.app.run_test(size=(160, 30)) as pilot:
        first.scrape()
        await pilot.pause()
        await pilot.press("right_square_bracket", "w", "d", "s", "s", "S")
        await pilot.pause()
        keys = grid(first.app).keys
    second = Demo(settings=path)
    async with second.app.run_test(size=(160, 30)) as pilot:
        second.scrape()
        await pilot.pause()
        assert second.app.window == 120
        assert second.app.since_start
        assert second.app.theme == "promlatest-light"
        assert grid(second.app).keys == keys
        assert "depth" in screen(second.app)
    path.write_text('{"window": 7}')
    third = Demo(settings=path)
    async with third.app.run_test(size=(160, 30)) as pilot:
        await until(pilot, lambda: "settings not read" in screen(third.app))
        assert third.app.window == 60
        await pilot.press("w")
        await until(pilot, lambda: "settings not kept" in screen(third.app))
    assert path.read_text() == '{"window": 7}'


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[", "7", '{"window": []}'], ids=["deep", "cut", "7", "list"]
)
def test_settings_that_are_none(tmp_path, text):
    """Whatever is in the file, the dashboard starts as without one, and says why."""
    path = tmp_path / "dashboard.json"
    path.write_text(text)

    settings, said = load_settings(path)

    assert settings == Settings()
    assert said.startswith(f"{path}: ")


async def test_a_series_opens_as_a_chart(demo):
    """With axes; the arrows go to the next series, and esc back."""
    async with demo.app.run_test(size=(100, 30)) as pilot:
        for _ in range(4):
            demo.scrape()
        await pilot.pause()
        await pilot.press("m")
        await find(pilot, "workqueue_adds")
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert demo.app.page.id == "over-time"
        assert "growth a second, 4 scrapes" in screen(demo.app)
        assert "-20 s" in screen(demo.app)
        first = demo.app.page.selector()
        await pilot.press("down")
        assert demo.app.page.selector() != first
        await pilot.press("escape")
        assert demo.app.page.id == "series"


def test_the_head_of_a_pane_keeps_what_stands_at_its_right():
    """Where there is no room it is the title that is cut: how many columns are out of sight
    is said nowhere else."""
    made = rule(
        line("controllers 5  p50, p99 of the last minute"), [Cell("columns 9▸")], 40, True
    )
    text = "".join(cell.text for cell in made)

    assert len(text) == 40
    assert text.startswith("━━ controllers 5  p50")
    assert text.endswith("… ━ columns 9▸") or text.endswith("…  columns 9▸")


async def test_a_tall_screen_draws_the_chosen_series_over_time(demo):
    """Below the rows where they leave room; another row, another chart; small: none."""
    async with demo.app.run_test(size=(100, 40)) as pilot:
        for _ in range(4):
            demo.scrape()
        await pilot.pause()
        await pilot.press("m")
        await find(pilot, "workqueue_adds")
        await pilot.press("enter")
        await pilot.pause()
        drawn = demo.app.page.query_one("#drawn", TextPane)
        before = drawn.lines
        assert "growth a second, 4 scrapes" in screen(demo.app)
        await pilot.press("down")
        await pilot.pause()
        assert drawn.lines != before

        await pilot.resize_terminal(100, 20)
        await pilot.pause()
        assert not drawn.display
        assert "workqueue_adds_total" in screen(demo.app)


async def test_a_tall_screen_draws_the_chosen_histogram(demo):
    """Its bars, where its row leaves room."""
    async with demo.app.run_test(size=(100, 50)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("m")
        await find(pilot, QUEUE)
        await pilot.press("enter")
        await pilot.pause()

        assert "since start" in screen(demo.app)


async def test_what_moved_since_the_mark_is_on_a_narrow_screen(demo):
    """At 60 columns the names are cut, and not what one marked for."""
    async with demo.app.run_test(size=(60, 20)) as pilot:
        demo.scrape()
        await pilot.pause()
        await pilot.press("x", "m")
        demo.scrape()
        await pilot.pause()

        assert "since mark" in screen(demo.app)


async def test_a_histogram_has_a_heat_map(demo):
    """When its observations came, below its bars."""
    async with demo.app.run_test(size=(100, 60)) as pilot:
        for _ in range(4):
            demo.scrape()
        await pilot.pause()
        await pilot.press("m")
        await find(pilot, "reconcile_time_seconds")
        await pilot.press("enter", "G", "enter")
        await pilot.pause()

        assert "── when they came" in screen(demo.app)
        assert "between two scrapes" in screen(demo.app)


async def test_the_metrics_say_their_values():
    """A single series' value, else the sum, of a histogram the count; with a rate."""
    store = Store(clock=lambda: T0 + 10**6)
    app = Dashboard(store, Still("x"))
    body = """# TYPE a gauge
a 3
# TYPE b_total counter
b_total{{q="1"}} {0}
b_total{{q="2"}} {0}
# TYPE c_seconds histogram
c_seconds_bucket{{le="+Inf"}} {0}
c_seconds_sum 1
c_seconds_count {0}
"""
    async with app.run_test(size=(120, 24)) as pilot:
        for second, value in ((0, 10), (2, 14)):
            stamp = T0 + second * 1000
            store.ingest(body.format(value), source="x", timestamp=stamp)
        await pilot.pause()
        await pilot.press("m")
        await pilot.pause()

        told = {"a": "3", "b_total": "28 ▴", "c_seconds": "14 ▴"}
        assert cells(app, "value or sum") == told
        assert sorted(cells(app, "rate").values()) == ["2/s", "4/s", "–"]


async def test_ascii_terminals_get_no_other_character(demo):
    """Where the locale knows no others."""
    other = Demo(ascii_only=True)
    async with other.app.run_test(size=(120, 40)) as pilot:
        other.scrape()
        other.scrape()
        await pilot.pause()
        for key in ("o", "enter", "m", "enter", "t"):
            await pilot.press(key)
            await pilot.pause()
            assert screen(other.app).isascii()


async def test_a_scrape_that_ends_while_one_quits(demo, monkeypatch):
    """Widgets are taken down one after the other, and nothing is drawn meanwhile."""
    close = demo.app._close_all

    async def closing() -> None:
        demo.scrape()
        await demo.app.query_one("#health").remove()
        demo.app.draw_health()
        await close()

    monkeypatch.setattr(demo.app, "_close_all", closing)
    async with demo.app.run_test(size=(80, 24)):
        demo.scrape()

    assert not demo.app.return_code


def test_a_crash_is_exit_code_1(monkeypatch, capsys):
    """A script can tell it from an ordinary end."""
    real = Dashboard.run
    monkeypatch.setattr(Dashboard, "draw", lambda self: 1 / 0)
    monkeypatch.setattr(Dashboard, "run", lambda self: real(self, headless=True))

    assert run([(Job(), [Target.of(lambda: b"a 1\n")])]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_theme_that_is_none_is_refused(monkeypatch):
    """In a word, before the screen is taken."""
    monkeypatch.setenv("PROMLATEST_THEME", "blue")

    with pytest.raises(UsageError, match="expected light or dark in PROMLATEST_THEME"):
        run([(Job(), [Target.parse(":1")])])


# -- the command ----------------------------------------------------------------------


class Terminal:
    """What `top` looks at to know whether somebody sits before it."""

    def __init__(self, monkeypatch, *missing: str) -> None:
        self.calls: list[tuple[Any, dict[str, Any]]] = []
        for stream in ("stdin", "stdout", "stderr"):
            there = stream not in missing
            monkeypatch.setattr(
                f"sys.{stream}.isatty", lambda there=there: there, raising=False
            )
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setattr("promlatest.tui.run", self._run)

    def _run(self, work, **options: object) -> int:
        self.calls.append((work, options))
        return 0


def test_top_opens_the_dashboard_on_a_terminal(monkeypatch, capsys):
    """With the targets, the interval and the theme that were given."""
    terminal = Terminal(monkeypatch)

    assert main(["top", ":1", ":2", "--interval", "3", "--theme", "light"]) == 0
    ((work, options),) = terminal.calls
    ((job, targets),) = work
    assert job.interval == 3
    assert [target.port for target in targets] == [1, 2]
    assert options.pop("ascii_only") in (True, False)
    assert options == {"interval": 3, "first_time": False, "theme": "light"}


def test_top_without_a_target_tries_the_usual_port(monkeypatch, capsys):
    """And knows that nobody named it."""
    terminal = Terminal(monkeypatch)

    assert main(["top"]) == 0
    ((work, options),) = terminal.calls
    assert [target.name for target in work[0][1]] == ["http://localhost:8080/metrics"]
    assert options["first_time"]


def test_top_reads_a_configuration(monkeypatch, capsys, tmp_path):
    """With its jobs, targets and intervals."""
    terminal = Terminal(monkeypatch)
    file = tmp_path / "prometheus.yml"
    file.write_text(
        "scrape_configs:\n- job_name: a\n  scrape_interval: 7s\n  scrape_timeout: 5s\n"
        "  static_configs:\n  - targets: ['localhost:1', 'localhost:2']\n"
    )

    assert main(["top", "--config", str(file)]) == 0
    ((work, options),) = terminal.calls
    assert {(job.name, job.interval) for job, _ in work} == {("a", 7)}
    assert sum(len(targets) for _, targets in work) == 2
    assert options["interval"] is None


@pytest.mark.parametrize("words", [["--once"], ["--json"], ["--histogram"]])
def test_top_prints_where_it_is_asked_to(monkeypatch, capsys, words, tmp_path):
    """Also on a terminal."""
    terminal = Terminal(monkeypatch)
    file = tmp_path / "metrics"
    file.write_text("jobs 3\n")

    assert main(["top", str(file), *words]) == 0
    assert terminal.calls == []
    assert "jobs" in capsys.readouterr().out


def test_top_prints_on_a_terminal_without_a_screen(monkeypatch, capsys, tmp_path):
    """And says why it is no dashboard."""
    terminal = Terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    file = tmp_path / "metrics"
    file.write_text("jobs 3\n")

    assert main(["top", str(file)]) == 0
    assert "no terminal with a screen" in capsys.readouterr().err
    assert terminal.calls == []


@pytest.mark.parametrize("missing", ["stdin", "stdout"])
def test_top_prints_without_a_terminal(monkeypatch, capsys, tmp_path, missing):
    """A page for each target, or one document for all. The dashboard reads the keys from
    one stream and draws on another; where one of them leads elsewhere, it is blind."""
    terminal = Terminal(monkeypatch, missing)
    file = tmp_path / "metrics"
    file.write_text("jobs 3\n")

    assert main(["top", str(file), str(file)]) == 0
    assert capsys.readouterr().out.count("jobs") == 2
    assert main(["top", str(file), str(file), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert terminal.calls == []


def test_without_textual_it_says_how_to_get_it(monkeypatch, capsys, tmp_path):
    """In one line, and prints the page."""
    terminal = Terminal(monkeypatch)
    monkeypatch.setattr("promlatest.cli.top.find_spec", lambda name: None)
    file = tmp_path / "metrics"
    file.write_text("jobs 3\n")

    assert main(["top", str(file)]) == 0
    said = capsys.readouterr()
    assert "pip install 'promlatest[tui]'" in said.err
    assert "jobs" in said.out
    assert terminal.calls == []


def test_no_target_is_a_usage_error():
    """And no empty dashboard."""
    with pytest.raises(UsageError, match="no target"):
        run([])
