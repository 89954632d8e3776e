"""Alerts by two scrapes: what is true, what is not, and what cannot be judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from promlatest import Labels, Store
from promlatest._interfaces import Queryable
from promlatest._storage.snapshot import Snapshot
from promlatest.exceptions import UsageError
from promlatest.rules import Rule, Rules, Verdict
from promlatest.rules._text import source_text

T0 = 1_700_000_000_000


def at(seconds: float, body: str) -> Snapshot:
    store = Store()
    store.ingest(body, source="shop", timestamp=T0 + int(seconds * 1000))
    return store.snapshot()


def page(buy: float, other: float = 0, stock: float = 3) -> str:
    return (
        "# TYPE errors_total counter\n"
        f'errors_total{{path="/buy"}} {buy}\n'
        f'errors_total{{path="/"}} {other}\n'
        "# TYPE stock gauge\n"
        f'stock{{book="dune"}} {stock}\n'
    )


def rule(expr: str, name: str = "A", kind: Any = "alert", **more: Any) -> Rule:
    return Rule(file="r.yml", name=name, kind=kind, expr=source_text(expr), **more)


def judged(
    *rules: Rule | str, scrapes: Sequence[Queryable], **options: Any
) -> list[Verdict]:
    made = (rule(each) if isinstance(each, str) else each for each in rules)
    return Rules(tuple(made)).evaluate(*scrapes, **options)


TWO = [at(0, page(5, 5)), at(1, page(15, 5))]


def values(verdict: Verdict) -> list[tuple[str, float]]:
    return [(each.labels.get("path", ""), each.value) for each in verdict.true]


def test_a_range_is_since_the_first_scrape() -> None:
    """Ten errors more within a second are 10/s, whatever the range says."""
    one, five, hour = judged(
        "rate(errors_total[1s]) > 9", "rate(errors_total[5m]) > 9", "rate(errors_total[1h]) > 9",
        scrapes=TWO,
    )  # fmt: skip

    for verdict, said in ((one, "1s"), (five, "5m"), (hour, "1h")):
        assert values(verdict) == [("/buy", 10.0)]
        assert verdict.notes == (f"[{said}] means the 1 s covered",)


def test_an_old_mark() -> None:
    """A range shorter than what is covered is widened to it."""
    (verdict,) = judged(
        "rate(errors_total[1m]) > 0", scrapes=[at(0, page(0)), at(600, page(60))]
    )

    assert values(verdict) == [("/buy", pytest.approx(0.1))]


def test_an_increase_is_not_extrapolated() -> None:
    """An increase is what was counted since the first scrape."""
    (verdict,) = judged("increase(errors_total[1h]) > 2", scrapes=TWO)

    assert values(verdict) == [("/buy", 10.0)]


def test_more_than_two_scrapes() -> None:
    """Of several scrapes all count, resets in between too."""
    scrapes = [at(0, page(5)), at(1, page(1)), at(2, page(5))]

    (verdict,) = judged("increase(errors_total[5m]) > 0", scrapes=scrapes)

    assert values(verdict) == [("/buy", 5.0)]


def test_a_store_with_a_history() -> None:
    """A store's own scrapes are the history: ranges mean what they say, and one that they
    do not cover cannot be judged."""
    store = Store(history=10)
    for number in range(5):
        store.ingest(page(10 * number, 5), source="shop", timestamp=T0 + 15_000 * number)
    alerts = [rule("rate(errors_total[45s]) > 0.6"), rule("rate(errors_total[5m]) > 0.6"),
              rule('errors_total{job="x"} - errors_total offset 30s > 19'),
              rule("errors_total offset 5m > 0"), rule("increase(errors_total[5m]) > 0")]  # fmt: skip

    covered, not_covered, offset, before_all, some = Rules(tuple(alerts)).evaluate(store)

    assert values(covered) == [("/buy", pytest.approx(2 / 3))]
    assert covered.notes == ()
    assert "cover" in not_covered.problem
    assert values(offset) == [("/buy", 20.0)]
    assert "looks back beyond the first scrape" in before_all.problem
    assert [value > 0 for _, value in values(some)] == [True]


def test_a_store_may_go_on(tmp_path: object) -> None:
    """What is evaluated is the store as it was when asked; recorded metrics are not kept."""
    store = Store(history=3)
    for seconds, errors in ((0, 0), (15, 30)):
        store.ingest(page(errors), timestamp=T0 + 1000 * seconds)
    rules = Rules((rule("errors_total * 2", "twice", "record"), rule("twice > 50")))

    (first,), (second,) = rules.evaluate(store), rules.evaluate(store)

    assert values(first) == values(second) == [("/buy", 60.0)]
    assert store.query("twice") == []


def test_what_is_not_true() -> None:
    """An alert that finds what it asks for, and not what it warns of, is not true."""
    (verdict,) = judged("rate(errors_total[5m]) > 100", scrapes=TWO)

    assert (verdict.true, verdict.problem) == ((), "")
    assert str(verdict) == "r.yml:1: A: not true\n  [5m] means the 1 s covered"


def test_what_is_true_and_what_then() -> None:
    """What is true says for which series, by which value, and when it would fire."""
    alert = rule(
        "rate(errors_total[5m]) > 1", "HighErrorRate", hold=300.0, keep_firing_for=600.0,
        labels={"severity": "page", "where": "{{ $labels.path }}"},
        annotations={"summary": "{{ $value | humanize }} errors/s at {{ $labels.path }}"},
    )  # fmt: skip

    (verdict,) = judged(alert, scrapes=TWO)

    (firing,) = verdict.true
    assert firing.labels == {
        "alertname": "HighErrorRate", "path": "/buy", "severity": "page", "where": "/buy",
    }  # fmt: skip
    assert verdict.then == "fires after its `for` (5m), and for 10m after it has ended"
    assert str(verdict).splitlines() == [
        'r.yml:1: HighErrorRate{path="/buy", severity="page", where="/buy"} 10: true now;'
        " fires after its `for` (5m), and for 10m after it has ended",
        "  summary: 10 errors/s at /buy",
        "  [5m] means the 1 s covered",
    ]


def test_one_scrape_has_no_rate() -> None:
    """By one scrape, gauges are judged, and what needs a second scrape is a problem."""
    low, many = judged("stock < 5", "rate(errors_total[5m]) > 1", scrapes=TWO[:1])

    assert (low.problem, len(low.true)) == ("", 1)
    assert many.problem
    assert not many.true


@pytest.mark.parametrize(
    ("expr", "problem"),
    [
        ("error_total > 0", "no metric is called error_total; close names: errors_total"),
        ('errors_total{route="/"} > 0', "errors_total has no label route; it has path; close names: none"),
        ('rate(errors_total{path="/by"}[5m]) > 0', 'no series of errors_total has path="/by" now'),
        ("rate(", "1:6: "),
        ("errors_total + stock offset 1h > 0", "stock offset 1h looks back beyond the first scrape"),
        ("absent(stock @ 100)", "stock @ 100.000 looks back beyond the first scrape"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged(expr: str, problem: str) -> None:
    """What finds nothing, or looks back beyond the scrapes, is no "does not fire"."""
    (verdict,) = judged(expr, scrapes=TWO)

    assert problem.partition("; close names: none")[0] in verdict.problem
    assert not verdict.true
    assert str(verdict).startswith("r.yml:1: A: cannot be judged: ")


def test_absent_finds_what_is_not_there() -> None:
    """absent() of what is there is not true, and that is a verdict."""
    there, gone = judged(
        'absent(stock{book="dune"})', 'absent(stock{book="emma"})', scrapes=TWO
    )

    assert (there.problem, there.true) == ("", ())
    assert [each.labels["book"] for each in gone.true] == ["emma"]


def test_some_selectors_may_find_nothing() -> None:
    """A share of errors of which there are none is not true, as in Prometheus."""
    (verdict,) = judged(
        'sum(rate(errors_total{path="/x"}[5m])) / sum(rate(errors_total[5m])) > 0.1',
        scrapes=TWO,
    )

    assert (verdict.problem, verdict.true) == ("", ())


def test_optional_metrics_may_be_missing() -> None:
    """What fits a pattern of `optional` may be missing beside what is there."""
    expr = "rate(errors_total[5m]) > 1 unless on (path) mails_total"
    with_it, without = (
        judged(expr, scrapes=TWO, optional=optional)[0] for optional in (["mails_*"], [])
    )

    assert values(with_it) == [("/buy", 10.0)]
    assert "no metric is called mails_total" in without.problem


def test_a_series_that_came_after_the_first_scrape() -> None:
    """A rate of what one scrape only has shown is a problem; its value is known."""
    scrapes = [at(0, "stock 1\n"), at(1, page(5))]
    rate, value = judged("rate(errors_total[5m]) > 1", "errors_total > 1", scrapes=scrapes)

    assert "errors_total came after the first scrape, and rate() needs two" in rate.problem
    assert values(value) == [("/buy", 5.0)]


def test_some_series_came_after_the_first_scrape() -> None:
    """Where some series are new, the others are judged, and the new ones are named."""
    scrapes = [at(0, 'errors_total{path="/"} 5\n'), at(1, page(5, 5))]

    (verdict,) = judged("sum(rate(errors_total[5m])) > 1", scrapes=scrapes)

    assert (verdict.true, verdict.problem) == ((), "")
    assert verdict.notes[1] == (
        'since the first scrape came errors_total{path="/buy"}: what it began with is not seen'
    )


def test_labels_of_the_target_fit() -> None:
    """Labels that scraping adds are taken to fit; which ones can be said."""
    expr = 'rate(errors_total{job="shop",namespace=~"x.*",path="/buy"}[5m]) > 1'

    assert len(judged(expr, scrapes=TWO)[0].true) == 1
    assert judged(expr, scrapes=TWO, target_labels=["job"])[0].problem


def test_labels_that_a_scraper_adds_fit() -> None:
    """In a store that a scraper fills, `job` is what the scraper calls the target."""
    before, after = Store(), Store()
    for store, seconds, value in ((before, 0, 5), (after, 1, 15)):
        store.ingest(
            f'hits_total{{job="promlatest",path="/"}} {value}',
            timestamp=T0 + 1000 * seconds,
        )
    alerts = Rules((rule('rate(hits_total{job="shop",path="/"}[5m]) > 1'),))

    (verdict,) = alerts.evaluate(before, after)

    assert values(verdict) == [("/", 10.0)]


def test_labels_of_the_process_decide() -> None:
    """A label that scraping may add and the process has is looked at."""
    scrapes = [at(0, 'phase{namespace="a"} 1'), at(1, 'phase{namespace="a"} 1')]
    here, there = judged(
        'phase{namespace="a"} > 0', 'phase{namespace="b"} > 0', scrapes=scrapes
    )

    assert len(here.true) == 1
    assert there.problem


def test_up_is_up() -> None:
    """What was scraped is up, and its target's labels fit."""
    down, up, missing = judged(
        'up{job="x"} == 0', "up == 1", 'absent(up{job="x"})', scrapes=TWO
    )

    assert [bool(each.true) for each in (down, up, missing)] == [False, True, False]
    assert [down.problem, missing.problem] == ["", ""]


def test_up_is_not_made_up() -> None:
    """A store without `up` is asked about it in vain; one with it says what it holds."""
    store = Store(history=3)
    store.ingest("x 1", timestamp=1000)
    (unknown,) = judged("up == 0", scrapes=[store])
    store.ingest('x 1\nup{job="x"} 0', timestamp=2000)
    (down,) = judged("up == 0", scrapes=[store])

    assert (unknown.true, unknown.problem) == ((), "no series fits up")
    assert len(down.true) == 1


def test_recording_rules_are_made_first() -> None:
    """An alert on recorded metrics finds them, in whatever order the rules stand."""
    rules = [
        rule("path:errors:share > 0.9"),
        rule("path:errors:rate5m / ignoring (path) group_left () sum(path:errors:rate5m)",
             "path:errors:share", "record", labels={"team": "shop"}),
        rule("sum by (path) (rate(errors_total[5m]))", "path:errors:rate5m", "record"),
    ]  # fmt: skip

    (verdict,) = judged(*rules, scrapes=TWO)

    assert values(verdict) == [("/buy", 1.0)]
    assert verdict.true[0].labels["team"] == "shop"


def test_several_rules_record_one_metric() -> None:
    """Rules that make one metric with different labels are all evaluated."""
    rules = [
        rule("errors_total * 1", "all", "record", labels={"times": "1"}),
        rule("errors_total * 2", "all", "record", labels={"times": "2"}),
    ]

    (verdict,) = judged(*rules, 'all{path="/buy"} > 0', scrapes=TWO)

    assert [(each.labels["times"], each.value) for each in verdict.true] == [
        ("1", 15.0),
        ("2", 30.0),
    ]


def test_a_recording_rule_that_cannot_be_made() -> None:
    """An alert on a recorded metric that cannot be made says why."""
    (verdict,) = judged(rule("rate(", "r", "record"), "r > 1", scrapes=TWO)

    assert verdict.problem.startswith("r cannot be made: 1:6: ")


def test_recording_rules_in_a_circle() -> None:
    """Recording rules that ask for each other end in a problem, and they do end."""
    circle = [rule("b", "a", "record"), rule("a", "b", "record")]

    assert judged(*circle, "a > 1", scrapes=TWO)[0].problem


def test_subqueries_ask_about_now() -> None:
    """Of a subquery the moment of the last scrape is left."""
    (verdict,) = judged("max_over_time(rate(errors_total[5m])[1h:1m]) > 1", scrapes=TWO)

    assert values(verdict) == [("/buy", 10.0)]


def test_two_scrapes_in_one_millisecond() -> None:
    """Scrapes that share a timestamp are still one after the other."""
    (verdict,) = judged(
        "increase(errors_total[5m]) > 1", scrapes=[at(0, page(1)), at(0, page(5))]
    )

    assert values(verdict) == [("/buy", 4.0)]


def test_a_number_is_an_alert() -> None:
    """An alert on a number is true for a series without labels, as in Prometheus."""
    (verdict,) = judged(rule("1", "Watchdog"), scrapes=TWO)

    assert [each.labels for each in verdict.true] == [Labels(alertname="Watchdog")]


def test_no_moment() -> None:
    """Without a scrape there is nothing to judge by."""
    with pytest.raises(UsageError, match="at least one moment"):
        judged("stock", scrapes=[])
