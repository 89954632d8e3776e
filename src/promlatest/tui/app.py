"""The application: what keys and scrapes lead to.

A worker scrapes; after each commit the store's subscriber posts a message; the handler of
it takes the snapshot and has the page that is shown draw itself. Everything that is drawn
is made by `promlatest.tui.model`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import ContentSwitcher, Input

from promlatest._clock import now_ms
from promlatest._storage.store import Change, Source, Store
from promlatest.exceptions import UsageError
from promlatest.tui.clipboard import copy
from promlatest.tui.feed import Feed
from promlatest.tui.model.export import export
from promlatest.tui.model.health import (
    FIRST_TIME,
    DashboardStatus,
    error_lines,
    health_lines,
)
from promlatest.tui.model.watch import View, Watched
from promlatest.tui.pages.base import Page
from promlatest.tui.pages.changes import ChangesPage
from promlatest.tui.pages.controller import ControllerPage
from promlatest.tui.pages.help import HelpScreen
from promlatest.tui.pages.metrics import MetricsPage
from promlatest.tui.pages.over_time import OverTimePage
from promlatest.tui.pages.overview import OverviewPage
from promlatest.tui.pages.series import SeriesPage
from promlatest.tui.pages.subject import SubjectPage
from promlatest.tui.pages.targets import TargetsPage
from promlatest.tui.settings import WINDOWS, load_settings, save_settings
from promlatest.tui.themes import DARK, DEFAULTS, LIGHT, theme_for
from promlatest.tui.widgets.exportbar import ExportBar
from promlatest.tui.widgets.filterbar import FilterBar
from promlatest.tui.widgets.grid import Grid
from promlatest.tui.widgets.keybar import KeyBar
from promlatest.tui.widgets.tabs import Tabs
from promlatest.tui.widgets.textpane import TextPane
from promlatest.tui.widgets.toned import TonedScreen
from promlatest.views.filters import NO_FILTER
from promlatest.views.operator import controller_names

_TALL: Final = 30  # lines: from here on there is room for what to do about an error

_TABS: Final = ("Overview", "Metrics", "Changes", "Targets")

# They come before whatever has the focus, in the order in which they were pressed: text
# that arrives in one read with "/" is typed into the filter. `check_action` holds them
# back while somebody types.
_ACTIONS: Final = {
    "q": "leave",
    "question_mark": "help",
    "slash": "filter",
    "escape": "back",
    "tab": "next_page(1)",
    "shift+tab": "next_page(-1)",
    "o": "go('overview')",
    "m": "go('metrics')",
    "c": "go('changes')",
    "t": "go('targets')",
    **{str(n): f"target({n})" for n in range(1, 10)},
    "r": "scrape",
    "p": "pause",
    "plus,equals_sign": "interval(1)",
    "minus": "interval(-1)",
    "left_square_bracket": "window(-1)",
    "right_square_bracket": "window(1)",
    "w": "since_start",
    "a": "all_targets",
    "e": "export",
    "x": "mark",
    "f": "freeze",
    "left": "step(-1)",
    "right": "step(1)",
    "s": "sort(False)",
    "S": "sort(True)",
    "y": "copy(False)",
    "Y": "copy(True)",
    "d": "turn_dark",
}
# Tables whose order is kept for the next start.
_SORTED: Final = ("controllers", "all controllers", "metrics", "targets", "changes")
_HELD: Final = frozenset(action.partition("(")[0] for action in _ACTIONS.values())


def _named_theme() -> bool:
    return bool(os.environ.get("PROMLATEST_THEME"))


class Scraped(Message):
    """The store has something new of a target.

    Attributes:
        source: what it has now.
        same: whether it has the series that it had before.
    """

    def __init__(self, source: Source, same: bool = False) -> None:
        super().__init__()
        self.source = source
        self.same = same


class Dashboard(App[None]):
    """Shows what targets expose, now.

    Args:
        store: what is scraped into.
        feed: what scrapes; None: the store is filled by somebody else.
        first_time: whether nobody named a target.
        theme: "light" or "dark"; "": what fits the terminal.
        ascii_only: whether the terminal has no other characters.
        settings: where what somebody chooses is kept; None: nowhere.
    """

    CSS_PATH = "dashboard.tcss"
    TITLE = "promlatest"
    ENABLE_COMMAND_PALETTE = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
        *(
            Binding(keys, action, show=False, priority=True)
            for keys, action in _ACTIONS.items()
        ),
    ]

    def __init__(
        self,
        store: Store,
        feed: Feed,
        *,
        first_time: bool = False,
        theme: str = "",
        ascii_only: bool = False,
        settings: Path | None = None,
    ) -> None:
        # With the terminal's own colours Textual can leave all of them out; else it would
        # turn them grey, which NO_COLOR does not ask for.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.store: Final = store
        self.feed: Final = feed
        self._settings_path = settings
        self.settings, self._unread = load_settings(settings)
        self.window = self.settings.window
        self.all_targets = False
        self.since_start = self.settings.since_start
        self.until: int | None = None  # the moment that is shown; None: now
        self.watched: Final = {name: Watched(name) for name in feed.names}
        self.shown = feed.names[0]
        self._first_time = FIRST_TIME if first_time else ""
        self._theme = theme or ("" if _named_theme() else self.settings.theme)
        self.ascii_only = ascii_only
        self._went = False  # whether somebody chose a page
        self._unsubscribe: Callable[[], None] | None = None
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = self._chosen_theme()

    # Building

    def get_default_screen(self) -> TonedScreen:
        return TonedScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield TextPane(id="health")
        yield Tabs(_TABS)
        yield TextPane(id="errors")
        with ContentSwitcher(initial="overview"):
            yield OverviewPage("overview")
            yield ControllerPage("controller")
            yield MetricsPage("metrics")
            yield SeriesPage("series")
            yield ChangesPage("changes")
            yield OverTimePage("over-time")
            yield TargetsPage("targets")
        yield FilterBar()
        yield ExportBar()
        yield KeyBar()

    def on_mount(self) -> None:
        self._unsubscribe = self.store.subscribe(self._on_change)
        self.run_worker(self.feed.run(), name="feed", exit_on_error=True)
        self.app_resume_signal.subscribe(self, self._on_resume)
        self._end_at_signals()
        self.set_interval(1.0, self.draw_health)
        for grid in self.query(Grid):
            grid.usual = self.settings.sorts
        self.draw()
        self._focus()
        if self._unread:
            self.query_one(KeyBar).say(f"settings not read: {self._unread}", good=False)

    def _end_at_signals(self) -> None:
        """Leave the terminal as it was when somebody ends the process, too."""
        loop = asyncio.get_running_loop()
        with suppress(AttributeError, NotImplementedError):  # Windows has neither
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self.exit, None, 128 + number)

    def _on_resume(self, _: object) -> None:
        """Draw everything: the shell has written over it."""
        self.screen.refresh(layout=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key is for the application: it is not while somebody types, or reads
        the help."""
        if action == "step" and self.until is None:
            return False  # the arrows go to further columns
        busy = isinstance(self.focused, Input) or isinstance(self.screen, ModalScreen)
        return not (busy and action in _HELD)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULTS

    def _chosen_theme(self) -> str:
        if self.no_color:
            return "ansi-dark"
        asked = {"PROMLATEST_THEME": self._theme} if self._theme else {}
        return theme_for({**os.environ, **asked})

    def on_unmount(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()

    # Scrapes

    def _on_change(self, change: Change) -> None:
        """Called on the thread that committed: it may only post."""
        same = not (change.counts.added or change.counts.removed)
        self.post_message(Scraped(change.source, same))

    def on_scraped(self, message: Scraped) -> None:
        watched = self.watched.get(message.source.name)
        if watched is None or not self._standing:
            return
        watched.take(message.source, message.same)
        if message.source.name == self.shown:
            self._choose_first_page(watched)
            self.draw()
        else:
            self.draw_health()
            if self.page.tab == "Targets":
                self._draw_targets()

    def _choose_first_page(self, watched: Watched) -> None:
        """What is no operator is shown as what it is: a list of metrics."""
        view = watched.view(self.window)
        if view.known and not self._went:
            self._went = True
            if not view.operator:
                self._go("metrics")

    @property
    def _standing(self) -> bool:
        """Whether there are widgets: a scrape may end while they are taken down, the
        first before the last."""
        return self.is_running and bool(self.query(KeyBar))

    # Drawing

    @property
    def page(self) -> Page:
        """The page that is shown."""
        current = self.query_one(ContentSwitcher).current
        return self.query_one(f"#{current}", Page)

    def view(self) -> View:
        """What is to be shown of the target that is shown."""
        return self.watched[self.shown].view(self.window, self.since_start, self.until)

    def draw(self) -> None:
        """Draw what is on the screen; the other pages are drawn when one goes there."""
        self.draw_health()
        self.draw_page()

    def draw_page(self) -> None:
        """Draw the page that is shown."""
        page, view = self.page, self.view()
        page.view = view
        if isinstance(page, OverviewPage):
            page.views = self._all_views() if self.all_targets else ()
        if isinstance(page, TargetsPage):
            self._draw_targets()
        else:
            page.draw()
        self.query_one(Tabs).show(page.tab, page.path())

    def _draw_targets(self) -> None:
        self.query_one(TargetsPage).show_all(self._all_views(), self.shown)

    def _all_views(self) -> list[View]:
        return [
            each.view(self.window, self.since_start, self.until)
            for each in self.watched.values()
        ]

    def draw_health(self) -> None:
        """Draw the line at the top, and what is wrong; ages grow between scrapes too."""
        if not self._standing:
            return
        view, status, now = self.view(), self._status(), now_ms()
        self.query_one("#health", TextPane).show(
            lambda width: health_lines(view, status, now, width)
        )
        self.query_one(KeyBar).show(frozen=view.frozen is not None)
        self._draw_errors(view)

    def _draw_errors(self, view: View) -> None:
        """Say what is wrong: in full where nothing else is to be seen, or there is room."""
        brief = view.known and self.size.height < _TALL
        pages = self.query_one(ContentSwitcher)
        errors = self.query_one("#errors", TextPane)
        errors.display = view.error is not None
        # Empty tables below an error would only take its room.
        hidden = not pages.display
        pages.display = view.known or view.error is None or self.page.tab == "Targets"
        if hidden and pages.display and not isinstance(self.focused, Input):
            self._focus()  # what was hidden has lost it, and the keys with it
        errors.set_class(not pages.display, "alone")
        errors.show(
            lambda width: error_lines(view, width, brief=brief, first_time=self._first_time)
        )

    def _status(self) -> DashboardStatus:
        names = list(self.watched)
        down = sum(each.down for each in self.watched.values())
        return DashboardStatus(
            self.feed.interval(self.shown),
            self.feed.paused,
            len(names),
            down,
            names.index(self.shown) + 1,
        )

    def _focus(self) -> None:
        focused = self.page.focused()
        if focused is not None:
            focused.focus()

    # Going places

    def action_go(self, name: str) -> None:
        self._went = True
        self._go(name)

    def _go(self, name: str) -> None:
        self.query_one(FilterBar).display = False
        self.query_one(ContentSwitcher).current = name
        self.draw_page()
        self._focus()

    def action_next_page(self, step: int) -> None:
        if isinstance(self.screen, HelpScreen) or self.page.next_pane(step):
            return
        at = _TABS.index(self.page.tab) + step
        self.action_go(_TABS[at % len(_TABS)].lower())

    async def action_back(self) -> None:
        page = self.page
        if page.filter:
            page.narrow(NO_FILTER)
            self.draw_page()
        elif page.parent_page:
            self._go(page.parent_page)

    def action_open(self) -> None:
        grid = next(iter(self.page.query(Grid)), None)
        if grid is not None:
            grid.action_choose()

    def on_grid_opened(self, message: Grid.Opened) -> None:
        page = self.page
        if isinstance(page, OverviewPage):
            self._open_controller(page)
        elif isinstance(page, MetricsPage) and page.chosen:
            self._open_family(page)
        elif isinstance(page, SeriesPage):
            self._open_series(page)
        elif isinstance(page, ChangesPage):
            self._open_changed(page)
        elif isinstance(page, TargetsPage) and page.chosen:
            self._show_target(page.chosen)

    def _open_controller(self, page: OverviewPage) -> None:
        if page.controller:
            self.shown = page.target
            keys = page.query_one(Grid).keys
            names = [str(key) for key in keys if not isinstance(key, tuple)]
            self.query_one(ControllerPage).open(page.controller, names)
            self._go("controller")

    def _open_family(self, page: MetricsPage) -> None:
        # A selector says which series; an expression said which names.
        carried = page.filter if page.filter.matchers else NO_FILTER
        self.query_one(SeriesPage).open(page.chosen, self.view(), carried)
        self._go("series")

    def _open_changed(self, page: ChangesPage) -> None:
        labels = page.chosen_labels()
        if labels is not None:
            series = self.query_one(SeriesPage)
            series.open_at(labels, self.view())
            self._go("series")

    def _open_series(self, page: SeriesPage) -> None:
        labels = page.chosen_labels()
        if labels is not None:
            self.query_one(OverTimePage).open_of(page.family, labels, page.order)
            self._go("over-time")

    def on_subject_page_switched(self, message: SubjectPage.Switched) -> None:
        if isinstance(message.page, ControllerPage):
            grid = self.query_one(OverviewPage).query_one(Grid)
            grid.choose(message.page.controller)
        self.query_one(Tabs).show(self.page.tab, self.page.path())

    def action_target(self, number: int) -> None:
        names = list(self.watched)
        if number <= len(names):
            self._show_target(names[number - 1])

    def _show_target(self, name: str) -> None:
        self.shown = name
        page = self.page
        if isinstance(page, ControllerPage):
            page.order = []
            if page.controller not in controller_names(self.view().state):
                self._go("overview")
        if isinstance(page, TargetsPage):
            operator = self.view().operator or not self.view().known
            self._go("overview" if operator else "metrics")
        self.draw()

    # Doing things

    def action_leave(self) -> None:
        self.exit()

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_filter(self) -> None:
        if self.page.query(Grid):
            self.query_one(FilterBar).open_with(self.page.filter.text)

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        self.page.narrow(message.filter)
        self.draw_page()
        if message.done:
            self._focus()

    def action_scrape(self) -> None:
        self.feed.scrape_now()

    def action_pause(self) -> None:
        self.feed.pause()
        self.draw_health()

    def action_interval(self, step: int) -> None:
        self.feed.change_interval(self.shown, step)
        self.draw_health()

    def action_window(self, step: int) -> None:
        at = WINDOWS.index(self.window) + step
        self.window = WINDOWS[max(min(at, len(WINDOWS) - 1), 0)]
        self._keep(window=self.window)
        self.draw()

    def action_since_start(self) -> None:
        self.since_start = not self.since_start
        self._keep(since_start=self.since_start)
        self.draw()

    def action_all_targets(self) -> None:
        self.all_targets = not self.all_targets
        self._go("overview")

    def on_grid_sorted(self, message: Grid.Sorted) -> None:
        name = message.grid.sheet.name
        if name in _SORTED:
            self.settings.sorts[name] = message.order
            self._keep()

    def _keep(self, **chosen: object) -> None:
        """Keep what somebody chose for the next start."""
        for name, value in chosen.items():
            setattr(self.settings, name, value)
        # What could not be read is somebody's, with a mistake in it.
        wrong = self._unread or save_settings(self._settings_path, self.settings)
        if wrong:
            self.query_one(KeyBar).say(f"settings not kept: {wrong}", good=False)

    def action_export(self) -> None:
        now = datetime.now().strftime("%H%M%S")
        self.query_one(ExportBar).open_with(f"promlatest-{self.page.id}-{now}.txt")

    def on_export_bar_named(self, message: ExportBar.Named) -> None:
        self._focus()
        if not message.path:
            return
        grid = next(iter(self.page.query(Grid)), None)
        sheet, keys = (None, []) if grid is None else (grid.sheet, grid.keys)
        lines = next(iter(self.page.query(TextPane))).lines
        path = Path(message.path).expanduser()
        try:
            words = export(sheet, keys, lines, path)
        except UsageError as error:
            self.query_one(KeyBar).say(str(error), good=False)
        else:
            self.query_one(KeyBar).say(f"{words} written to {path}")

    def action_mark(self) -> None:
        """Mark what is shown of all targets, or let go of the mark."""
        marked = any(each.mark is not None for each in self.watched.values())
        for each in self.watched.values():
            if marked:
                each.mark = None
            else:
                each.mark_last(self.until)
        self.draw()

    def action_freeze(self) -> None:
        """Stop the view, while scraping goes on; or show what is now again."""
        kept = self.watched[self.shown].timestamps()
        self.until = None if self.until is not None or not kept else kept[-1]
        self.draw()

    def action_step(self, step: int) -> None:
        """Show the scrape before, or after."""
        kept = self.watched[self.shown].timestamps()
        shown = [each for each in kept if self.until is None or each <= self.until]
        at = max(min(len(shown) - 1 + step, len(kept) - 1), 0)
        self.until = kept[at] if kept else None
        self.draw()

    def action_sort(self, turn: bool) -> None:
        self.page.sort(turn)

    def action_copy(self, value: bool) -> None:
        text = self.page.value() if value else self.page.selector()
        if text:
            self.run_worker(self._copy(text), name="copy", exclusive=True)

    async def _copy(self, text: str) -> None:
        """Copy without holding anybody up: a clipboard may be another machine's."""
        way = await asyncio.to_thread(copy, text, self.copy_to_clipboard)
        self.query_one(KeyBar).say(f"{way}: {text}")

    def action_turn_dark(self) -> None:
        if not self.no_color:
            self.theme = LIGHT.name if self.theme == DARK.name else DARK.name
            self._keep(theme=self.theme.removeprefix("promlatest-"))
