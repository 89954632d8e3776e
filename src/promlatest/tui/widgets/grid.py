"""A table of any length: only rows that are on the screen are made, only those that differ
are drawn again, and the row that was chosen stays chosen wherever it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from promlatest.tui.widgets.toned import Toned, rule
from promlatest.views.cells import Cell, Line, line
from promlatest.views.sheet import (
    Fit,
    RowKey,
    Sheet,
    column_at,
    fit,
    group_starts,
    head_lines,
    last_first,
    row_lines,
    settled,
)
from promlatest.views.text import cells

_MANY = 5_000  # rows; so many are sorted on a thread
_GUTTER = 2  # cells for the mark of the chosen row


class Grid(Toned, can_focus=True):
    """A sheet on the screen.

    Args:
        title: of the pane.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", show=False),
        Binding("g,home", "edge(-1)", show=False),
        Binding("G,end", "edge(1)", show=False),
        Binding("left,h", "aside(-1)", show=False),
        Binding("right,l", "aside(1)", show=False),
        Binding("enter", "choose", show=False),
        Binding("shift+left", "sort_beside(-1)", show=False),
        Binding("shift+right", "sort_beside(1)", show=False),
        Binding("shift+up", "sort_way(True)", show=False),
        Binding("shift+down", "sort_way(False)", show=False),
    ]

    class Moved(Message):
        """Another row was chosen."""

        def __init__(self, grid: Grid) -> None:
            super().__init__()
            self.grid = grid

        @property
        def control(self) -> Grid:
            return self.grid

    class Sorted(Moved):
        """It is sorted by another column, or the other way round.

        Attributes:
            order: the group and title of the column, and whether the most comes first.
        """

        def __init__(self, grid: Grid, order: tuple[str, str, bool]) -> None:
            super().__init__(grid)
            self.order = order

    class Opened(Moved):
        """The chosen row is to be opened."""

    def __init__(self, title: str, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title: Line = line(Cell(title, "head"))
        self._sheet: Sheet[Any] = Sheet()
        self._widths: list[int] = []
        self._keys: list[RowKey] = []
        self._places: dict[RowKey | None, int] = {}
        self._chosen: RowKey | None = None
        self._top = 0
        self._first = 0
        self._by: int | None = None
        self._falling = False
        self._empty: Line = ()
        self._drawn: list[Line] = []
        self.usual: Mapping[str, tuple[str, str, bool]] = {}  # orders, by sheet

    # What is shown

    def show(self, sheet: Sheet[Any], title: Line = (), empty: Line = ()) -> None:
        """Show a sheet; of one with the same name the order and the place stay.

        Args:
            sheet: which.
            title: of the pane.
            empty: what to say where there are no rows.
        """
        same = sheet.name == self._sheet.name
        titles = [column.title for column in sheet.columns]
        alike = same and titles == [column.title for column in self._sheet.columns]
        held, at = self._keys, self._chosen_at
        unmoved = same and sheet.rows is self._sheet.rows
        self._sheet, self._title, self._empty = sheet, title or self._title, empty
        widths = sheet.widths(self._keys[self._top : self._top + self._room])
        # Columns grow and never shrink while one looks at them.
        self._widths = list(map(max, widths, self._widths)) if alike else widths
        if not same:
            self._by, self._first, self._top, held, at = None, 0, 0, [], 0
            self._chosen = None
            self._take_usual_order()
        elif not alike:
            self._by = None
        if not unmoved:  # a table of 100,000 rows is put in order when one comes or goes
            self._put(self._ordered(held))
            self._keep_chosen(at)
        self._draw()

    def _take_usual_order(self) -> None:
        group, title, falling = self.usual.get(self._sheet.name, ("", "", False))
        for at, column in enumerate(self._sheet.columns):
            if (column.group, column.title) == (group, title) and column.order is not None:
                self._by, self._falling = at, falling

    def _put(self, keys: list[RowKey]) -> None:
        self._keys = keys
        self._places = {key: at for at, key in enumerate(keys)}

    def _ordered(self, held: list[RowKey]) -> list[RowKey]:
        """The keys in the order that was asked for, when it was asked for."""
        rows = self._sheet.rows
        if self._by is None:
            return list(rows)
        if len(held) == len(rows) and all(key in rows for key in held):
            return held  # to work out what 5,000 rows are sorted by takes 60 ms
        return settled(self._sheet.sorted_keys(self._by, self._falling), held)

    def _keep_chosen(self, at: int) -> None:
        """Keep the row that was chosen; if it is gone, the one in its place."""
        if self._chosen not in self._sheet.rows:
            place = min(max(at, 0), len(self._keys) - 1)
            self._chosen = self._keys[place] if self._keys else None

    @property
    def chosen(self) -> RowKey | None:
        """The key of the chosen row; None: there are no rows."""
        return self._chosen

    @property
    def row(self) -> Any:
        """The chosen row; None: there are no rows."""
        return self._sheet.rows.get(self._chosen) if self._keys else None

    @property
    def sheet(self) -> Sheet[Any]:
        """What is shown."""
        return self._sheet

    @property
    def keys(self) -> list[RowKey]:
        """The keys in the order on the screen."""
        return list(self._keys)

    @property
    def text(self) -> list[str]:
        """What is on the screen, line by line."""
        return ["".join(cell.text for cell in each).rstrip() for each in self._drawn]

    @property
    def needs(self) -> int:
        """How many lines it would fill."""
        return self._heads + max(len(self._keys), 1)

    @property
    def cuts_names(self) -> bool:
        """Whether a pinned column is too narrow for a text in it."""
        shape, sheet = self._shape(), self._sheet
        return any(
            cells(sheet.cells(key)[at].text) > width
            for at, width in zip(shape.columns, shape.widths, strict=True)
            if sheet.columns[at].pinned
            for key in sheet.rows
        )

    def choose(self, key: RowKey) -> None:
        """Choose a row by its key, if it is there."""
        if key in self._sheet.rows and key != self._chosen:
            self._chosen = key
            self._draw()
            self.post_message(self.Moved(self))

    # Moving

    @property
    def _chosen_at(self) -> int:
        return self._places.get(self._chosen, 0)

    @property
    def _heads(self) -> int:
        """Lines above the rows: the title and the heads."""
        return 1 + (2 if any(column.group for column in self._sheet.columns) else 1)

    @property
    def _room(self) -> int:
        return max(self.size.height - self._heads, 1)

    def action_move(self, step: int) -> None:
        self._move_to(self._chosen_at + step)

    def action_page(self, step: int) -> None:
        if len(self._keys) <= self._room:
            raise SkipAction  # there is nothing to page here; the page may have more
        self._move_to(self._chosen_at + step * max(self._room - 1, 1))

    def action_edge(self, step: int) -> None:
        self._move_to(0 if step < 0 else len(self._keys) - 1)

    def action_choose(self) -> None:
        if self._keys:
            self.post_message(self.Opened(self))

    def _move_to(self, at: int) -> None:
        if self._keys:
            self.choose(self._keys[max(min(at, len(self._keys) - 1), 0)])

    def action_aside(self, step: int) -> None:
        columns = self._sheet.columns
        shape = self._shape()
        now = shape.before
        last = last_first(columns, self._widths, self.size.width - _GUTTER)
        starts = [at for at in group_starts(columns) if at <= last]
        further = [at for at in starts if (at > now if step > 0 else at < now)]
        if further:
            # A group that is wider than the screen is shown in parts.
            shown = sum(not columns[at].pinned for at in shape.columns)
            unseen = now + max(shown, 1)
            self._first = min(further[0], unseen) if step > 0 else further[-1]
            self._draw()

    # Sorting

    def sort_next(self) -> None:
        """Sort by the next column that can be sorted by, and show it."""
        columns = self._sheet.columns
        usable = [at for at, column in enumerate(columns) if column.order is not None]
        if usable:
            now = 0 if self._by is None else self._by
            self._sort(next((at for at in usable if at > now), usable[0]))

    def action_sort_beside(self, step: int) -> None:
        """Sort by the next column at the right, or at the left."""
        columns = self._sheet.columns
        usable = [at for at, column in enumerate(columns) if column.order is not None]
        if step < 0:
            usable.reverse()
        if usable:
            now = self._by
            further = [at for at in usable if now is None or (at - now) * step > 0]
            self._sort(further[0] if further else usable[-1])

    def action_sort_way(self, falling: bool) -> None:
        """Sort by the same column, the most or the least first."""
        if self._by is not None:
            self._sort(self._by, falling)

    def sort_turned(self) -> None:
        """Sort the other way round."""
        at = self._by
        if at is None:
            at = next((n for n, c in enumerate(self._sheet.columns) if c.order), None)
        if at is not None:
            first = not self._sheet.columns[at].rising
            self._sort(at, not self._falling if self._by is not None else not first)

    def _sort(self, at: int, falling: bool | None = None) -> None:
        column = self._sheet.columns[at]
        self._by = at
        self._falling = not column.rising if falling is None else falling
        self._bring_into_sight(at)
        self.post_message(self.Sorted(self, (column.group, column.title, self._falling)))
        if len(self._keys) < _MANY:
            self._show_sorted(self._sheet.sorted_keys(at, self._falling))
        else:
            self.run_worker(self._sort_apart(at, self._falling), exclusive=True)
        self._draw()

    async def _sort_apart(self, at: int, falling: bool) -> None:
        """Sort so many rows on a thread: the loop has scrapes to take meanwhile."""
        sheet = self._sheet
        keys = await asyncio.to_thread(sheet.sorted_keys, at, falling)
        if sheet.rows is self._sheet.rows:
            self._show_sorted(keys)

    def _show_sorted(self, keys: list[RowKey]) -> None:
        self._put(keys)
        if self._keys:  # what one sorted for stands first
            self.choose(self._keys[0])
        self._draw()

    def _bring_into_sight(self, at: int) -> None:
        columns = self._sheet.columns
        if columns[at].pinned:
            return
        free = [n for n, column in enumerate(columns) if not column.pinned].index(at)
        room = self.size.width - _GUTTER
        starts = [start for start in group_starts(columns) if start <= free]
        self._first = min(self._first, starts[-1])
        for start in starts:
            if start >= self._first:
                self._first = start
                if at in fit(columns, self._widths, start, room).columns:
                    return

    # Mouse

    def on_click(self, event: events.Click) -> None:
        row = event.y - self._heads
        if row >= 0:
            self._click_row(self._top + row)
            return
        at = column_at(self._shape(), event.x - _GUTTER)
        if event.y > 0 and at is not None and self._sheet.columns[at].order is not None:
            self._sort(at, not self._falling if at == self._by else None)

    def _click_row(self, at: int) -> None:
        if at >= len(self._keys):
            return
        if self._keys[at] == self._chosen:
            self.action_choose()
        else:
            self.choose(self._keys[at])

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.action_move(3)
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.action_move(-3)
        event.stop()

    # Drawing

    def on_resize(self) -> None:
        self._draw(everything=True)

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._draw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._heads + max(len(self._keys), 1)

    def _shape(self) -> Fit:
        room = max(self.size.width - _GUTTER, 1)
        return fit(self._sheet.columns, self._widths, self._first, room)

    def _draw(self, everything: bool = False) -> None:
        """Make the lines that are on the screen, and have those drawn that differ."""
        if self.size.width <= 0:
            return
        if self.styles.is_auto_height and len(self._keys) + self._heads != len(self._drawn):
            self.refresh(layout=True)
        self._bring_chosen_into_sight()
        before, self._drawn = self._drawn, self._lines()
        if everything or len(before) != len(self._drawn):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self._drawn, strict=True)):
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))

    def _bring_chosen_into_sight(self) -> None:
        at, room = self._chosen_at, self._room
        self._top = max(min(self._top, at), at - room + 1, 0)
        self._top = max(min(self._top, len(self._keys) - room), 0)

    def _lines(self) -> list[Line]:
        shape = self._shape()
        columns = self._sheet.columns
        arrow = ("↓" if self._falling else "↑") if self._in_order() else "⇅"
        heads = head_lines(columns, shape, self._by, arrow)
        if len(heads) < self._heads - 1:
            heads.insert(0, ())
        lines = [self._rule(shape), *((Cell("  "), *head) for head in heads)]
        if not self._keys:
            return [*lines, (Cell("  "), *self._empty)]
        keys = self._keys[self._top : self._top + self._room]
        for key, made in zip(keys, row_lines(self._sheet, shape, keys), strict=True):
            lines.append((Cell("▸ " if key == self._chosen else "  ", "key"), *made))
        return lines

    def _in_order(self) -> bool:
        """Whether the rows on the screen are still as they were sorted."""
        order = None if self._by is None else self._sheet.columns[self._by].order
        if order is None:
            return True
        keys = self._keys[self._top : self._top + self._room]
        known = [order(self._sheet.rows[key]) for key in keys]
        told = [each for each in known if each is not None]
        return told == sorted(told, reverse=self._falling)

    def _rule(self, shape: Fit) -> Line:
        right: list[Cell] = []
        if shape.before or shape.after > 0:
            left = f"◂{shape.before} " if shape.before else ""
            more = f"{shape.after}▸" if shape.after > 0 else ""
            right.append(Cell(f"columns {left}{more}".rstrip(), "accent"))
        if len(self._keys) > self._room:
            end = min(self._top + self._room, len(self._keys))
            gap = "  " if right else ""
            right.append(Cell(f"{gap}{self._top + 1}–{end} of {len(self._keys)}", "dim"))
        return rule(self._title, right, self.size.width, self.has_focus)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._drawn):
            return self.strip((), width)
        made = self._drawn[y]
        chosen = y >= self._heads and bool(made) and made[0].text == "▸ "
        name = "row--chosen" if self.has_focus else "row--chosen-elsewhere"
        return self.strip(made, width, name if chosen else "")
