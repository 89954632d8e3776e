"""What the dashboard shows, made without a screen."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("textual")

from promlatest import Store
from promlatest._matching.labels import Labels
from promlatest.demo import Operator, OperatorCollector
from promlatest.exceptions import ConnectError, ParseError, UsageError
from promlatest.tui.model.changes import changes, changes_sheet
from promlatest.tui.model.families import summed_metric
from promlatest.tui.model.health import DashboardStatus, ago, error_lines, health_lines
from promlatest.tui.model.history import History
from promlatest.tui.model.keys import help_lines, hints
from promlatest.tui.model.sections import compared, section
from promlatest.tui.model.series import (
    change_mark,
    listing,
    series_sheet,
)
from promlatest.tui.model.trends import Trends, value_of
from promlatest.tui.model.watch import View, Watched
from promlatest.tui.themes import theme_for
from promlatest.views._counting import Count
from promlatest.views.catalog import catalog
from promlatest.views.cells import Cell, clip, line, sparkline, width_of
from promlatest.views.controllers import controllers_sheet
from promlatest.views.filters import NO_FILTER, parse_filter, reason
from promlatest.views.operator import (
    ControllerRow,
    WebhookRow,
    controllers,
    overview,
)
from promlatest.views.panels import Figures, below_lines, webhooks_sheet
from promlatest.views.sheet import (
    GAP,
    Column,
    Sheet,
    column_at,
    fit,
    head_lines,
    row_lines,
    settled,
)

T0 = 1_700_000_000_000
WIDTHS = (40, 58, 78, 118, 198)


def text_of(each) -> str:
    return "".join(cell.text for cell in each)


class Told:
    """A store that is told what one target exposes, second by second."""

    def __init__(self) -> None:
        self.store = Store(clock=lambda: T0 + 10**9)
        self.watched = Watched("x")

    def say(self, second: float, body: str) -> View:
        self.store.ingest(body, source="x", timestamp=T0 + int(second * 1000))
        self.watched.take(self.store.sources["x"])
        return self.watched.view()

    def fail(self, second: float, error: Exception) -> View:
        self.store.fail("x", error, timestamp=T0 + int(second * 1000))
        self.watched.take(self.store.sources["x"])
        return self.watched.view()


def started(second: float) -> str:
    """That the process started at this second."""
    return f"process_start_time_seconds {T0 / 1000 + second}\n"


@pytest.fixture(name="told")
def told_fixture() -> Told:
    return Told()


@pytest.fixture(name="demo", scope="module")
def demo_fixture() -> View:
    """The demo operator, scraped four times in 30 seconds."""
    operator = Operator(seed=1)
    operator.advance(1200)
    store = Store(clock=lambda: T0 + 10**9)
    watched = Watched("demo")
    for step in range(4):
        store.collect(
            OperatorCollector(operator), source="demo", timestamp=T0 + step * 10_000
        )
        watched.take(store.sources["demo"])
        operator.advance(10)
    return watched.view()


# -- cells ----------------------------------------------------------------------------


def test_a_line_is_never_wider_than_asked():
    """What does not fit is cut, and says so; what is no picture is made harmless."""
    given = line("workqueue ", Cell("depth\x1b[2J", "bad"), "容器")

    for width in range(1, 30):
        assert width_of(clip(given, width)) <= width
    assert "\x1b" not in text_of(clip(given, 30))
    assert text_of(clip(given, 8)).endswith("…")


def test_a_flat_trend_is_flat_and_a_gap_is_blank():
    """A steady value draws no mountains, and nothing is drawn where nothing is known."""
    assert sparkline([5, 5, 5], 4) == " ███"
    assert sparkline([0.20, 0.21, 0.20], 3) == "███"
    assert sparkline([0, 0], 2) == "▁▁"
    assert sparkline([0, None, float("nan"), 7], 4) == "▁  █"
    assert sparkline([], 3) == "   "


# -- sheets ---------------------------------------------------------------------------

COLUMNS = (
    Column("name", lambda row: Cell(row), lambda row: row, "left", least=10, pinned=True),
    *(
        Column(f"c{n}", lambda row: Cell("1"), group="g" * (4 + n // 2), least=6)
        for n in range(8)
    ),
    Column("help", lambda row: Cell("long " * 30), align="left", most=200, prose=True),
)


@pytest.mark.parametrize("room", range(12, 130))
def test_columns_are_whole_or_not_there(room):
    """Whatever the width, no column is cut, none spills, and all can be reached."""
    sheet = Sheet(COLUMNS, {"a": "a"})
    widths = sheet.widths()
    seen = set()

    for first in range(9):
        shape = fit(COLUMNS, widths, first, room)
        total = sum(shape.widths) + GAP * (len(shape.widths) - 1)
        assert total <= max(room, 10)
        for at, width in zip(shape.columns, shape.widths, strict=True):
            assert COLUMNS[at].pinned or COLUMNS[at].prose or width == widths[at]
        assert width_of(*row_lines(sheet, shape, ["a"])) == total
        for head in head_lines(COLUMNS, shape, 0, "↓"):
            assert width_of(head) <= total
        seen.update(shape.columns)

    assert room < 32 or seen == set(range(10))


def test_a_place_belongs_to_a_column():
    """A click on a head finds its column."""
    shape = fit(COLUMNS, Sheet(COLUMNS, {"a": "a"}).widths(), 0, 60)

    assert [column_at(shape, x) for x in (0, 11, 12, 19, 20)] == [0, 0, 1, 1, 2]
    assert column_at(shape, 500) is None


def test_rows_stay_where_they_are():
    """New rows come where they belong, and nothing else moves."""
    assert settled(["c", "b", "a"], ["a", "b", "c"]) == ["a", "b", "c"]
    assert settled(["n", "b", "a"], ["a", "b"]) == ["n", "a", "b"]
    assert settled(["a", "b"], []) == ["a", "b"]


def test_unknown_is_sorted_last_either_way():
    """A row that never reported is not the least one."""
    rows = {"a": 2.0, "b": None, "c": 1.0}
    sheet = Sheet((Column("v", lambda row: Cell(str(row)), lambda row: row),), rows)

    assert sheet.sorted_keys(0, False) == ["c", "a", "b"]
    assert sheet.sorted_keys(0, True) == ["a", "c", "b"]


# -- history, rates, resets -----------------------------------------------------------


def test_history_is_bounded():
    """By number, and by the samples that all moments hold."""
    history = History(moments=5, samples=6)
    store = Store()
    for n in range(10):
        store.ingest("a 1\nb 2\n", timestamp=T0 + n)
        history.add(store.sources["body"])

    assert len(history) == 3
    assert [moment.timestamp - T0 for moment in history.until()] == [7, 8, 9]
    assert [moment.timestamp - T0 for moment in history.until(T0 + 8)] == [7, 8]


def test_rates_count_from_the_window(told):
    """The earlier moment is the newest that is at least the window ago."""
    for second in range(0, 100, 10):
        told.say(second, f"jobs_total {second * 2}\n")

    assert told.watched.view(30).span == 30
    assert told.watched.view(35).span == 40
    assert told.watched.view(1000).span == 90
    assert told.watched.view(0.1).span == 10


def test_no_window_reaches_over_a_restart(told):
    """After a restart, rates count from the last moment before it."""
    for second in range(5):
        told.say(second, f"{started(-9)}jobs_total {100 + second}\n")
    for second in range(5, 9):
        view = told.say(second, f"{started(4.5)}jobs_total {second}\n")

    assert view.restarts == 1
    assert view.restarted
    assert view.span == 4
    assert view.earlier.query("jobs_total")[0].value == 104


def test_a_rate_knows_every_reset_between(told):
    """What a counter gained before and after a reset is added up."""
    for second, value in enumerate((10, 14, 3, 5, 1)):
        view = told.say(second, f"jobs_total {value}\n")
    (moved,) = view.state.increase("jobs_total")

    assert moved.rate.value == (4 + 3 + 2 + 1) / 4
    assert moved.resets == 2
    assert moved.value == 10
    assert Trends().change(view.past, Labels(__name__="jobs_total")) == -4


def test_a_restart_hides_no_growth(told):
    """A counter that passed its old value since the restart began again all the same."""
    told.say(0, started(-9) + "jobs_total 10\n")
    view = told.say(1, started(0.5) + "jobs_total 25\n")
    (moved,) = view.state.increase("jobs_total")

    assert (moved.value, moved.resets) == (25, 1)


def test_another_process_is_no_growth(told):
    """What started before the last scrape did not count up since: no rate is known, until
    that process was scraped twice."""
    told.say(0, started(-9) + "jobs_total 10\n")
    view = told.say(1, started(-500) + "jobs_total 900\n")
    assert view.earlier is None
    assert view.restarts == 1
    assert [each.rate.value for each in view.state.increase("jobs_total")] == [None]

    view = told.say(2, started(-500) + "jobs_total 903\n")
    assert view.span == 1
    assert [each.rate.value for each in view.state.increase("jobs_total")] == [3]


@pytest.mark.slow
def test_trends_look_at_each_scrape_once_and_forget_with_the_history(told, monkeypatch):
    """A series is looked up once a scrape, and no sample outlives the history."""
    looked: list[Labels] = []

    def look(state, labels):
        looked.append(labels)
        return value_of(state, labels)

    monkeypatch.setattr("promlatest.tui.model.trends.value_of", look)
    trends, labels = Trends(), Labels(__name__="depth", q="a")
    for second in range(500):
        view = told.say(second, f'depth{{q="a"}} {second}\n')
        trends.values(view.past, labels)
        trends.change(view.past, labels)
    assert len(looked) == 500

    trends.forget(view.past)
    assert trends.values(view.past, labels, 3) == [497, 498, 499]
    assert len(trends.values(view.past, labels, 10**6)) == len(view.past) == 400
    assert len(trends._held[labels]) == 400


def test_figures_are_bounded():
    """A process block keeps the last ones only."""
    figures = Figures(most=3)
    for n in range(9):
        figures.add(n, {"memory": float(n)})

    assert figures.values("memory") == [6, 7, 8]
    assert figures.until(7).values("memory") == [6, 7]
    assert figures.values("cpu") == [None] * 3


def test_the_trend_of_a_counter_is_per_second(told):
    """A pause makes no peak, and after a reset a counter's gain is all that it holds."""
    for second, value in [(0, 1), (1, 3), (11, 23), (12, 2)]:
        view = told.say(second, f"# TYPE x_total counter\nx_total {value}\n")
    assert Trends().growth(view.past, Labels(__name__="x_total")) == [2, 2, 2]


@pytest.mark.parametrize(("change", "mark"), [(1, "▴"), (-1, "▾"), (0, " "), (None, " ")])
def test_changes_have_marks(change, mark):
    """So that nobody needs a colour."""
    assert change_mark(change) == mark


# -- controllers and what is below ----------------------------------------------------


def test_the_sheet_has_a_row_for_each_controller(demo):
    """With everything that the issue lists in its columns."""
    sheet = controllers_sheet(controllers(demo.state, demo.earlier))
    titles = {(column.group, column.title) for column in sheet.columns}

    assert list(sheet.rows) == ["backups", "certificates", "nodes", "pods", "restores"]
    assert {
        ("", "busy"),
        ("", "depth"),
        ("running", "longest"),
        ("running", "total"),
        ("reconciles", "errors/s"),
        ("results per s", "ok"),
        ("results per s", "after"),
        ("reconcile time", "p99"),
        ("queue time", "p50"),
        ("results in all", "error"),
        ("queue per s", "retries"),
    } <= titles


@pytest.mark.parametrize(
    ("row", "name", "tone"),
    [
        (ControllerRow("a"), "· a", ""),
        (ControllerRow("a", active=1), "▶ a", ""),
        (ControllerRow("a", active=1, depth=9, growth=2), "▴ a", "warn"),
        (ControllerRow("a", active=1, longest=61), "◷ a", "warn"),
        (ControllerRow("a", longest=61, errors=Count(3, 0.5)), "! a", "bad"),
        (ControllerRow("a", depth=9, growth=-2, errors=Count(3, 0.0)), "· a", ""),
    ],
)
def test_a_row_is_marked_where_something_is_wrong(row, name, tone):
    """Errors that come, work that hangs, a queue that grows; what is over is not marked."""
    sheet = controllers_sheet([row])

    assert sheet.columns[0].cell(row) == Cell(name, tone)


@pytest.mark.parametrize(
    ("code", "tone"),
    [
        ("200", ""),
        ("404", "warn"),
        ("409", "warn"),
        ("429", "bad"),
        ("500", "bad"),
        ("", "bad"),
    ],
)
def test_an_answer_is_as_bad_as_it_is(code, tone):
    """More 429 or 500 are trouble; what an operator looks for in vain is its daily work."""
    sheet = webhooks_sheet([WebhookRow("w", answers={code: Count(3, 1.0)})])
    column = next(each for each in sheet.columns if each.title == (code or "–"))

    assert column.cell(sheet.rows["w"]) == Cell("3 ▴", tone)


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("^o|es$", ["certificates", "nodes", "restores"]),
        ("po|no", ["nodes", "pods"]),
        ('{name="pods"}', ["pods"]),
        ('controller_runtime_reconcile_total{controller=~"no.*"}', ["nodes"]),
        ('{name="service"}', []),
    ],
)
def test_a_filter_narrows_controllers(demo, text, passing):
    """By a regular expression on their names, or a selector of their series."""
    names = [row.name for row in controllers(demo.state, demo.earlier)]

    assert parse_filter(text).controllers(demo.state, names) == passing


@pytest.mark.parametrize(
    ("text", "passes"),
    [(":80", True), (":9100", False), ('{name="pods"}', True), ('{name="none"}', False)],
)
def test_a_filter_narrows_targets(demo, text, passes):
    """By a regular expression on the name, or a selector of what it exposes."""
    assert parse_filter(text).passes_target("localhost:8080", demo.state) is passes


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_below_never_spills(demo, width):
    """Requests, webhooks and process, at any width."""
    rows = overview(demo.state, demo.earlier)
    lines = below_lines(rows, width, demo.figures)
    said = "\n".join(map(text_of, lines))

    assert all(width_of(each) <= width for each in lines)
    for word in ("API requests", "webhook", "memory", "goroutines", "open files", "cpu"):
        assert word in said


def test_a_count_that_grew_is_marked_behind_and_not_before():
    """`+7209` read as 7209 more; the sign stands behind, and is told from the number."""
    stores = Store(), Store()
    for store, number in zip(stores, (7000, 7209), strict=True):
        body = f'rest_client_requests_total{{code="200",method="GET"}} {number}\n'
        store.ingest(body, timestamp=T0 + number)
    said = "\n".join(map(text_of, below_lines(overview(stores[1], stores[0]), 80)))

    assert "7209 ▴" in said
    assert "+" not in said


# -- histograms -----------------------------------------------------------------------

QUEUE = "workqueue_queue_duration_seconds"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["pods", "nodes", "certificates", "backups"])
def test_bars_never_spill(demo, width, name):
    """Both halves, with quantiles, at any width."""
    found = compared(QUEUE, demo.state.histogram(QUEUE, name=name), demo)
    lines = section(found, width)
    said = "\n".join(map(text_of, lines))

    assert all(width_of(each) <= width for each in lines)
    assert "since start" in said
    assert "last 30 s" in said
    assert "p50" in said


def test_the_window_is_what_came_in_it(demo):
    """A histogram over the window is the difference of both moments."""
    now = demo.state.histogram(QUEUE, name="pods")
    found = compared(QUEUE, now, demo)
    before = demo.earlier.histogram(QUEUE, name="pods")

    assert found.window.count == now.count - before.count
    assert not found.reset


def test_what_is_above_all_bounds_is_drawn(told):
    """The +Inf bar is there when it holds something."""
    body = 'x_seconds_bucket{le="1"} 1\nx_seconds_bucket{le="+Inf"} 5\nx_seconds_count 5\n'
    view = told.say(0, "# TYPE x_seconds histogram\n" + body)
    lines = section(compared("x", view.state.histogram("x_seconds"), view), 60)

    assert any(re.search(r"\+Inf +4 +80%", text_of(each)) for each in lines)


def test_a_restart_is_told_in_a_histogram(told):
    """After one, the window is all that there is since."""
    body = "# TYPE x histogram\n" + 'x_bucket{{le="+Inf"}} {0}\nx_count {0}\nx_sum {0}\n'
    told.say(0, started(-9) + body.format(9))
    view = told.say(5, started(2) + body.format(12))
    found = compared("x", view.state.histogram("x"), view)

    assert found.reset
    assert found.window.count == 12
    assert "↺" in "".join(map(text_of, section(found, 60)))


# -- series ---------------------------------------------------------------------------

SERIES = """\
# TYPE jobs counter
# HELP jobs Jobs that were done.
jobs_total{queue="b",path="/x"} %d
jobs_total{queue="a"} 7
"""


def series_text(view: View, family: str, filter_=NO_FILTER):
    return series_sheet(listing(family, view.state, filter_), view, Trends())


def test_labels_are_columns_and_counters_have_rates(told):
    """A row for each series; job and instance would only repeat the target."""
    told.say(0, SERIES % 3)
    view = told.say(2, SERIES % 9)
    sheet = series_text(view, "jobs")
    row = next(row for key, row in sheet.rows.items() if key["queue"] == "b")

    assert [c.title for c in sheet.columns] == ["path", "queue", "value", "rate", "trend"]
    assert [c.cell(row).text.strip() for c in sheet.columns][:4] == [
        "/x", "b", "9 ▴", "3/s",
    ]  # fmt: skip


def test_labels_that_tell_no_rows_apart_stand_last(told):
    """A label with one value in all rows takes the room of none that differs; of a single
    row all of them stand first."""
    told.say(0, 'a{b="1",c="x"} 1\na{b="1",c="y"} 2\nz{b="1"} 3\n')

    def titles(name: str) -> list[str]:
        view = told.watched.view()
        sheet = series_sheet(listing(name, view.state), view, Trends())
        return [column.title for column in sheet.columns]

    assert titles("a") == ["c", "value", "trend", "b"]
    assert titles("z") == ["b", "value", "trend"]


def test_a_reset_is_a_mark_and_no_negative_rate(told):
    """↺ stands before the rate, which counts what there is since."""
    told.say(0, SERIES % 90)
    view = told.say(2, SERIES % 6)
    sheet = series_text(view, "jobs", parse_filter('{queue="b"}'))
    (row,) = sheet.rows.values()
    value, rate = (c.cell(row).text for c in sheet.columns if c.title in ("value", "rate"))

    assert value == "6 ▾"
    assert rate == "↺ 3/s"


def test_a_histogram_family_has_a_row_for_each_histogram(demo):
    """Not one for each of its buckets."""
    sheet = series_text(demo, QUEUE)

    assert list(sheet.rows) == [each.labels for each in demo.state.histograms(QUEUE)]
    assert {"count", "rate", "p50", "p99", "mean"} <= {c.title for c in sheet.columns}


def test_series_of_every_demo_family_can_be_drawn(demo):
    """No value, label or type stops the browser."""
    for name in demo.state.metrics():
        sheet = series_text(demo, name)
        for row in sheet.rows.values():
            for column in sheet.columns:
                assert "\n" not in column.cell(row).text
                if column.order is not None:
                    column.order(row)


# -- filters --------------------------------------------------------------------------


def test_filters_say_what_is_wrong():
    """In one line, without what was added to the expression."""
    with pytest.raises(UsageError) as failed:
        parse_filter("(abc")
    assert ".*" not in reason(failed.value)

    with pytest.raises(UsageError) as failed:
        parse_filter("up{job=}")
    assert "\n" not in reason(failed.value)


def test_a_repetition_is_no_selector():
    """Braces around numbers belong to a regular expression."""
    assert parse_filter("a{2}b").passes("xaab")
    assert not parse_filter("a{2}b").passes("xab")


# -- health ---------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_health_fits_and_keeps_its_height(told, width):
    """Up, stale, paused or restarted: the page below does not move."""
    up = told.say(0, "process_start_time_seconds 1000\ndepth 1\n")
    restarted = told.say(1, "process_start_time_seconds 1400\ndepth 1\n")
    down = told.fail(2, ConnectError("connection refused: nothing listens there"))
    heights = set()

    for view in (View("x"), up, restarted, down):
        for status in (DashboardStatus(), DashboardStatus(5.0, True, 3, 2, 1)):
            lines = health_lines(view, status, T0 + 60_000, width)
            heights.add(len(lines))
            assert all(width_of(each) <= width for each in lines)

    assert len(heights) == 1


def test_health_says_it_in_words(told):
    """Up, its age and duration, restarts; down, and for how long."""
    body = "process_start_time_seconds {}\nscrape_duration_seconds 0.012\ndepth 1\n"
    told.say(0, body.format(1000))
    view = told.say(10, body.format(1400))
    up = " ".join(map(text_of, health_lines(view, DashboardStatus(), T0 + 13_000, 198)))
    down = told.fail(14, ConnectError("refused"))
    said = " ".join(map(text_of, health_lines(down, DashboardStatus(), T0 + 20_000, 198)))

    assert "● up" in up
    assert "scraped 3 s ago in 12 ms" in up
    assert "↺ restarted once" in up
    assert "✖ DOWN for 6 s" in said
    assert "last good scrape 10 s ago" in said


def test_errors_say_what_to_do(told):
    """In full where nothing else is known; briefly beside the last known values."""
    refused = ConnectError("connection refused: nobody. Start it so:\n  go run .")
    never = told.fail(0, refused)
    assert any("go run ." in text_of(each) for each in error_lines(never, 60))

    told.say(1, "depth 1\n")
    stale = told.fail(2, refused)
    brief = " ".join(map(text_of, error_lines(stale, 60, brief=True)))
    assert "connection refused: nobody" in brief
    assert "go run" not in brief
    assert "last known values stay" in brief
    assert not any("go run" in text_of(each) for each in error_lines(stale, 60))


def test_a_parse_error_has_its_place(told):
    """Line and column, and the command that lists all that is wrong."""
    view = told.fail(0, ParseError(3, 7, "depth{", "expected a label name"))
    said = " ".join(map(text_of, error_lines(view, 78)))

    assert "line 3, column 7" in said
    assert "promlatest check x" in said


def test_ages_do_not_flicker():
    """Whole seconds, then minutes, hours, days."""
    ages = [ago(ms) for ms in (-5, 999, 61_000, 7_300_000, 200_000_000)]

    assert ages == ["0 s", "0 s", "61 s", "2 h", "2 d"]


# -- the rest -------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_help_fits(width):
    """And the last line names help and quit before it runs out of room."""
    assert all(width_of(each) <= width for each in help_lines(width))
    assert hints()[0].short == "help"


def test_the_theme_fits_the_terminal():
    """What was asked for wins over what the terminal says."""
    assert theme_for({}) == "promlatest-dark"
    assert theme_for({"COLORFGBG": "0;15"}) == "promlatest-light"
    assert theme_for({"COLORFGBG": "0;15", "PROMLATEST_THEME": "dark"}) == "promlatest-dark"


# -- what changed ---------------------------------------------------------------------

BEFORE = """\
# TYPE jobs_total counter
jobs_total{q="a"} 5
jobs_total{q="b"} 7
jobs_total{q="same"} 1
# TYPE depth gauge
depth 4
gone 1
nan NaN
# TYPE took_seconds histogram
took_seconds_bucket{le="+Inf"} 2
took_seconds_sum 3
took_seconds_count 2
"""
AFTER = """\
# TYPE jobs_total counter
jobs_total{q="a"} 8
jobs_total{q="b"} 2
jobs_total{q="same"} 1
jobs_total{q="c"} 4
# TYPE depth gauge
depth 1
nan NaN
# TYPE took_seconds histogram
took_seconds_bucket{le="+Inf"} 6
took_seconds_sum 9
took_seconds_count 6
"""


def test_what_changed_between_two_scrapes():
    """Each series once that is not what it was: of a histogram its count, no bucket."""
    stores = Store(), Store()
    for store, body in zip(stores, (BEFORE, AFTER), strict=True):
        store.ingest(body)
    found = changes(*stores)

    assert [(each.labels.series(), each.kind, each.by) for each in found] == [
        ("depth", "fell", -3),
        ("gone", "gone", None),
        ('jobs_total{q="a"}', "gained", 3),
        ('jobs_total{q="b"}', "reset", 2),
        ('jobs_total{q="c"}', "new", 4),
        ("took_seconds_count", "gained", 4),
    ]


def test_a_gauge_is_no_counter_whatever_it_is_called():
    """On the page of changes and in the catalog, as on its own: its type says so."""
    stores = Store(), Store()
    for store, value in zip(stores, (7, 2), strict=True):
        store.ingest(f"# TYPE open_total gauge\nopen_total {value}\nmade_total {value}\n")
    rows = catalog(stores[1])

    assert [each.kind for each in changes(*stores)] == ["reset", "fell"]
    assert [summed_metric(row, stores[1]) for row in rows] == [
        ("made_total", True),
        ("open_total", False),
    ]


def test_what_changed_as_a_table():
    """With how fast counters grew, and only what a filter passes."""
    stores = Store(), Store()
    for store, body in zip(stores, (BEFORE, AFTER), strict=True):
        store.ingest(body)
    sheet = changes_sheet(changes(*stores, parse_filter("jobs|gone")), 2.0)
    rows = [
        [c.cell(row).text.strip() for c in sheet.columns] for row in sheet.rows.values()
    ]

    assert rows == [
        ["gone", "", "gone", "1", "–", ""],
        ["gained", "+3", 'jobs_total{q="a"}', "5", "8", "1.5/s"],
        ["reset", "+2", 'jobs_total{q="b"}', "7", "2", "1/s"],
        ["new", "+4", 'jobs_total{q="c"}', "–", "4", "2/s"],
    ]
