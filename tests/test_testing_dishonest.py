"""Dishonest situations: each has a failure of its own, in words that the docs show.

Programs are scripts of expositions, and time is simulated, so that every word of a
failure is known. `docs/testing.md` must hold each text, letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest
from prometheus_client import CollectorRegistry, Counter, make_wsgi_app
from testing_clock import Clock, use

from promlatest import Store
from promlatest.testing import (
    AlreadyHeldError,
    FlickerError,
    GoldenError,
    LintError,
    MovedError,
    NeverAppearedError,
    NoSeriesError,
    NotReachedError,
    OthersMovedError,
    OvershootError,
    PresentError,
    ResetError,
    ScrapeTarget,
    SeriesBudgetError,
    SeveralSeriesError,
    StaleScrapeError,
    TargetDownError,
    UnknownLabelError,
    UnknownMetricError,
    UnmovedError,
    UntakenError,
    VanishedError,
)

DOCS = Path(__file__).parents[1] / "docs" / "testing.md"


def program(*bodies: str | Exception) -> ScrapeTarget:
    """A program that exposes one body after the other; the last one stays."""
    script = list(bodies)

    def shop() -> bytes:
        body = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(body, Exception):
            raise body
        return body.encode()

    shop.__qualname__ = "shop"
    return ScrapeTarget(shop, within=1.0)


def counter(value: float) -> str:
    return f"# TYPE orders_total counter\norders_total {value}\n"


def gauge(value: float) -> str:
    return f"# TYPE stock gauge\nstock {value}\n"


def restarted(value: float, at: float) -> str:
    started = f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {at}\n"
    return counter(value) + started


LABELLED = (
    "# TYPE orders_total counter\n"
    'orders_total{outcome="taken"} 3\norders_total{outcome="refused"} 1\n'
)


HISTOGRAM = (
    "# TYPE order_seconds histogram\n"
    'order_seconds_bucket{le="+Inf"} 1\norder_seconds_sum 2\norder_seconds_count 1\n'
)


def queues(**depths: int) -> str:
    return "".join(f'depth{{queue="{name}"}} {value}\n' for name, value in depths.items())


def stale_store(at: int = 97_000) -> ScrapeTarget:
    store = Store(clock=lambda: at)
    store.ingest(counter(5), source="shop", timestamp=at)
    return ScrapeTarget(store, timeout=0.0)


def requested() -> Callable[..., object]:
    """A WSGI application that counts its requests, those for its metrics among them."""
    registry = CollectorRegistry()
    requests = Counter("requests", "", ["path"], registry=registry)

    def shop(environ, start_response):
        requests.labels(environ["PATH_INFO"]).inc()
        return make_wsgi_app(registry)(environ, start_response)

    shop.__qualname__ = "shop"
    return shop


def sold_out(shop) -> None:
    """A check of a test's own."""
    if shop.value("stock") > 0:
        raise AssertionError(f"{shop.value('stock'):g} are left")


sold_out.__qualname__ = "sold_out"


@attrs.frozen
class Situation:
    title: str
    target: Callable[[], ScrapeTarget]
    claim: Callable[[ScrapeTarget], object]
    failure: type[AssertionError]

    def __str__(self) -> str:
        return self.title


def marked(claim: Callable[..., object]) -> Callable[[ScrapeTarget], object]:
    return lambda target: claim(target.mark())


SITUATIONS: Sequence[Situation] = (
    Situation(
        "Vacuous: it was so before",
        lambda: program(counter(5)),
        lambda shop: shop.expect("orders_total").to_reach(5),
        AlreadyHeldError,
    ),
    Situation(
        "Vacuous: it was so at the mark",
        lambda: program(counter(5), counter(6)),
        marked(lambda mark: mark.expect("orders_total").to_reach(5)),
        AlreadyHeldError,
    ),
    Situation(
        "Vacuous: it was never there",
        lambda: program(counter(5)),
        lambda shop: shop.expect("refunds_total").to_disappear(),
        AlreadyHeldError,
    ),
    Situation(
        "Overshoot: a counter jumped past its goal",
        lambda: program(counter(4), counter(4), counter(7)),
        lambda shop: shop.expect("orders_total").to_equal(5),
        OvershootError,
    ),
    Situation(
        "Overshoot: it happened twice",
        lambda: program(counter(4), counter(5), counter(6)),
        marked(lambda mark: mark.expect("orders_total").to_increase_by(1, settle=0.2)),
        OvershootError,
    ),
    Situation(
        "Overshoot: a gauge passed its goal between two scrapes",
        lambda: program(gauge(4), gauge(6)),
        lambda shop: shop.expect("stock").to_equal(5, within=0.02),
        OvershootError,
    ),
    Situation(
        "Reset: a counter fell",
        lambda: program(counter(5), counter(2)),
        marked(lambda mark: mark.increase("orders_total")),
        ResetError,
    ),
    Situation(
        "Reset: the program was restarted, and no counter shows it",
        lambda: program(restarted(5, 1000), restarted(7, 2000)),
        marked(lambda mark: mark.increase("orders_total")),
        ResetError,
    ),
    Situation(
        "Reset: in the middle of a wait",
        lambda: program(counter(5), counter(6), counter(1)),
        marked(lambda mark: mark.expect("orders_total").to_increase_by(2)),
        ResetError,
    ),
    Situation(
        "Typo: in the name",
        lambda: program(LABELLED),
        lambda shop: shop.value("orders_totl", outcome="taken"),
        UnknownMetricError,
    ),
    Situation(
        "Typo: in a label",
        lambda: program(LABELLED),
        lambda shop: shop.value("orders_total", outcom="taken"),
        UnknownLabelError,
    ),
    Situation(
        "Typo: in a label's value",
        lambda: program(LABELLED),
        lambda shop: shop.value("orders_total", outcome="takn"),
        NoSeriesError,
    ),
    Situation(
        "Typo: in what is said to be absent",
        lambda: program(LABELLED),
        lambda shop: shop.assert_absent("orders_totl"),
        UnknownMetricError,
    ),
    Situation(
        "Typo: in what is waited for",
        lambda: program(LABELLED),
        lambda shop: shop.expect("order_total", outcome="taken").to_reach(4, within=0.05),
        NeverAppearedError,
    ),
    Situation(
        "Typo: in what may move",
        lambda: program(LABELLED),
        marked(lambda mark: mark.assert_only("order_total")),
        UnknownMetricError,
    ),
    Situation(
        "Missing: it never came",
        lambda: program(LABELLED),
        lambda shop: shop.expect("refunds_total").to_reach(1, within=0.05),
        NeverAppearedError,
    ),
    Situation(
        "Missing: declared, and without a series",
        lambda: program("# TYPE orders_total counter\n"),
        lambda shop: shop.value("orders_total"),
        NoSeriesError,
    ),
    Situation(
        "Not reached",
        lambda: program(counter(3), counter(3), counter(4)),
        marked(lambda mark: mark.expect("orders_total").to_reach(5, within=0.1)),
        NotReachedError,
    ),
    Situation(
        "Not reached: it happened before the wait",
        lambda: program(counter(4)),
        lambda shop: shop.expect("orders_total").to_increase_by(1, within=0.1),
        NotReachedError,
    ),
    Situation(
        "Stale: no scrape since the call",
        stale_store,
        lambda shop: shop.value("orders_total"),
        StaleScrapeError,
    ),
    Situation(
        "Stale: no scrape during the wait",
        stale_store,
        lambda shop: shop.expect("orders_total").to_reach(6, within=0.02),
        StaleScrapeError,
    ),
    Situation(
        "Dead: nothing can be said",
        lambda: ScrapeTarget(Path("/nowhere/shop.prom")),
        lambda shop: shop.assert_absent("orders_total"),
        TargetDownError,
    ),
    Situation(
        "Dead: it never answered",
        lambda: ScrapeTarget(Path("/nowhere/shop.prom")),
        lambda shop: shop.expect("orders_total").to_reach(5, within=0.1),
        TargetDownError,
    ),
    Situation(
        "Dead: it died on the way",
        lambda: program(counter(3), counter(4), RuntimeError("worker 7 has died")),
        lambda shop: shop.expect("orders_total").to_reach(5, within=0.1),
        TargetDownError,
    ),
    Situation(
        "Flickering: there, gone, and back",
        lambda: program(counter(3), "# nothing\n", counter(3)),
        lambda shop: shop.expect("orders_total").to_reach(5),
        FlickerError,
    ),
    Situation(
        "Flickering: it appears for one scrape",
        lambda: program("# nothing\n", counter(1), "# nothing\n"),
        lambda shop: shop.expect("orders_total").to_appear(),
        FlickerError,
    ),
    Situation(
        "Flickering: it held, and does not any more",
        lambda: program(gauge(4), gauge(0), gauge(1)),
        lambda shop: shop.expect("stock").to_fall_to(0, settle=0.2),
        FlickerError,
    ),
    Situation(
        "Vanished: during the wait",
        lambda: program(counter(3), "# nothing\n"),
        lambda shop: shop.expect("orders_total").to_reach(5, within=0.05),
        VanishedError,
    ),
    Situation(
        "Vanished: since the mark",
        lambda: program(LABELLED, LABELLED.rsplit("\n", 2)[0] + "\n"),
        marked(lambda mark: mark.increase_sum("orders_total")),
        VanishedError,
    ),
    Situation(
        "Two series: where one was meant",
        lambda: program(LABELLED),
        lambda shop: shop.value("orders_total"),
        SeveralSeriesError,
    ),
    Situation(
        "Two series: in a wait",
        lambda: program(LABELLED),
        lambda shop: shop.expect("orders_total").to_reach(5),
        SeveralSeriesError,
    ),
    Situation(
        "Present: what was said to be absent",
        lambda: program(LABELLED),
        lambda shop: shop.assert_absent("orders_total", outcome="refused"),
        PresentError,
    ),
    Situation(
        "Moved: what was to stay",
        lambda: program(counter(3), counter(3), counter(4)),
        lambda shop: shop.expect("orders_total").to_stay(throughout=0.5),
        MovedError,
    ),
    Situation(
        "Moved: something else",
        lambda: program(counter(3) + gauge(2), counter(4) + gauge(1)),
        marked(lambda mark: mark.assert_only("orders_total")),
        OthersMovedError,
    ),
    Situation(
        "No baseline: a gauge that was not there",
        lambda: program(counter(3), counter(3) + gauge(2)),
        marked(lambda mark: mark.increase("stock")),
        NoSeriesError,
    ),
    Situation(
        "No baseline: a counter of which nothing tells when it began",
        lambda: program(counter(3), counter(3) + 'orders_total{outcome="taken"} 7\n'),
        marked(lambda mark: mark.increase("orders_total", outcome="taken")),
        NoSeriesError,
    ),
    Situation(
        "Typo: a counter without its ending, said to be absent",
        lambda: program(LABELLED),
        lambda shop: shop.assert_absent("orders"),
        UnknownMetricError,
    ),
    Situation(
        "Typo: a histogram's own name, said to be absent",
        lambda: program(HISTOGRAM),
        lambda shop: shop.assert_absent("order_seconds"),
        NoSeriesError,
    ),
    Situation(
        "Typo: a histogram's own name, counted",
        lambda: program(HISTOGRAM),
        lambda shop: shop.count("order_seconds"),
        NoSeriesError,
    ),
    Situation(
        "Typo: in what is said to be gone",
        lambda: program(LABELLED),
        lambda shop: shop.expect("orders").to_disappear(already_ok=True),
        UnknownMetricError,
    ),
    Situation(
        "Typo: in a label without a name",
        lambda: program(LABELLED),
        lambda shop: shop.assert_absent('{outcom="lost"}'),
        UnknownLabelError,
    ),
    Situation(
        "Typo: in a pattern of names",
        lambda: program(LABELLED),
        lambda shop: shop.assert_absent('{__name__=~"ordrs.*"}'),
        UnknownMetricError,
    ),
    Situation(
        "Typo: in a label that is to be unlike something",
        lambda: program(LABELLED),
        lambda shop: shop.sum('orders_total{outcme!="taken"}'),
        UnknownLabelError,
    ),
    Situation(
        "Typo: in a label of what may move",
        lambda: program(LABELLED),
        marked(lambda mark: mark.assert_only('orders_total{outcme!="taken"}')),
        UnknownLabelError,
    ),
    Situation(
        "Typo: in the value of what is said to be absent",
        lambda: program(LABELLED),
        lambda shop: shop.assert_absent("orders_total", outcome="takn"),
        NoSeriesError,
    ),
    Situation(
        "Typo: in what did not increase",
        lambda: program(LABELLED),
        marked(lambda mark: mark.increase("orders_total", missing=0, outcome="takn")),
        NoSeriesError,
    ),
    Situation(
        "Nothing: an empty body",
        lambda: program("# nothing\n"),
        lambda shop: shop.assert_absent("orders_total"),
        NoSeriesError,
    ),
    Situation(
        "Nothing: a store that nobody has scraped",
        lambda: ScrapeTarget(Store(clock=lambda: 97_000), timeout=0.0),
        lambda shop: shop.assert_absent("orders_total"),
        StaleScrapeError,
    ),
    Situation(
        "Stale: the clock was set back",
        lambda: stale_store(at=9_000_000),
        lambda shop: shop.value("orders_total"),
        StaleScrapeError,
    ),
    Situation(
        "Untaken: a series is there twice",
        lambda: program(counter(5) + "orders_total 6\n"),
        lambda shop: shop.value("orders_total"),
        UntakenError,
    ),
    Situation(
        "Reset: where something else was to stay",
        lambda: program(restarted(5, 1000), restarted(5, 2000)),
        marked(lambda mark: mark.assert_only()),
        ResetError,
    ),
    Situation(
        "Reset: a counter was cleared",
        lambda: program(counter(5), counter(0)),
        marked(lambda mark: mark.assert_only("orders_total")),
        ResetError,
    ),
    Situation(
        "Moved: not what was said",
        lambda: program(counter(3) + gauge(2), counter(3) + gauge(1)),
        marked(lambda mark: mark.assert_only("stock", "orders_total")),
        UnmovedError,
    ),
    Situation(
        "Moved: a new series",
        lambda: program(counter(3), counter(3) + gauge(1)),
        marked(lambda mark: mark.assert_only("orders_total")),
        OthersMovedError,
    ),
    Situation(
        "Moved: what counts the scrapes",
        lambda: ScrapeTarget(requested()),
        marked(lambda mark: mark.assert_only()),
        OthersMovedError,
    ),
    Situation(
        "Unseen: what was to stay",
        lambda: program(counter(3), counter(3), RuntimeError("worker 7 has died")),
        lambda shop: shop.expect("orders_total").to_stay(throughout=0.5),
        TargetDownError,
    ),
    Situation(
        "Sums: a series is lost",
        lambda: program(queues(a=3, b=5), queues(a=0)),
        lambda shop: shop.expect_sum("depth").to_fall_to(0, within=0.05),
        VanishedError,
    ),
    Situation(
        "Sums: an increase while a series is lost",
        lambda: program(LABELLED, 'orders_total{outcome="taken"} 5\n'),
        marked(lambda mark: mark.expect_sum("orders_total").to_increase_by(2, within=0.05)),
        VanishedError,
    ),
    Situation(
        "Sums: not reached",
        lambda: program(LABELLED, LABELLED.replace(" 3", " 4")),
        marked(lambda mark: mark.expect_sum("orders_total").to_increase_by(2, within=0.05)),
        NotReachedError,
    ),
    Situation(
        "Counts: not reached",
        lambda: program(queues(a=3, b=5), queues(a=3, c=5)),
        lambda shop: shop.expect_count("depth").to_equal(1, within=0.05),
        NotReachedError,
    ),
    Situation(
        "Counts: a flicker",
        lambda: program(queues(a=3, b=5), queues(a=3), queues(a=3, b=5)),
        lambda shop: shop.expect_count("depth").to_equal(1),
        FlickerError,
    ),
    Situation(
        "Check: it did not hold",
        lambda: program(counter(3) + gauge(2)),
        lambda shop: shop.expect_that(sold_out).to_hold(within=0.05),
        NotReachedError,
    ),
    Situation(
        "Check: it held before",
        lambda: program(counter(3) + gauge(0)),
        lambda shop: shop.expect_that(sold_out).to_hold(),
        AlreadyHeldError,
    ),
    Situation(
        "Text: something else is exposed",
        lambda: program(LABELLED),
        lambda shop: shop.assert_exposes('orders_total{outcome="taken"} 4\n'),
        GoldenError,
    ),
    Situation(
        "Lint: what good practice advises against",
        lambda: program("# HELP orders Orders.\n# TYPE orders counter\norders 5\n"),
        lambda shop: shop.assert_lint(),
        LintError,
    ),
    Situation(
        "Too many series",
        lambda: program(queues(a=1, b=1, c=1)),
        lambda shop: shop.assert_series_below(3, per="family"),
        SeriesBudgetError,
    ),
)


def failure_of(situation: Situation) -> AssertionError:
    with pytest.raises(AssertionError) as caught:
        situation.claim(situation.target())
    return caught.value


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_failures(situation, clock):
    """Every dishonest situation has a failure of its own kind."""
    assert type(failure_of(situation)) is situation.failure


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_texts_in_the_docs(situation, clock):
    """The docs show the text of every failure as it is."""
    assert documented()[situation.title] == str(failure_of(situation))


def test_no_text_in_the_docs_is_made_up(clock):
    """Every failure that the docs show is one of these situations."""
    assert set(documented()) == {situation.title for situation in SITUATIONS}


def documented() -> dict[str, str]:
    """The texts below the headings of the docs, by heading."""
    blocks = re.findall(
        r"^\*\*([^*\n]+)\*\*\n\n```text\n(.*?)\n```$", DOCS.read_text(), re.M | re.S
    )
    return dict(blocks)


def test_what_is_honest_passes(clock):
    """The same claims pass where they are true."""
    assert program(counter(4), counter(5)).expect("orders_total").to_reach(5).value == 5
    assert (
        program(counter(5)).expect("orders_total").to_equal(5, already_ok=True).value == 5
    )
    mark = program(counter(5), counter(2)).mark(on_reset="rebaseline")
    assert mark.increase("orders_total") == 2
    outcome = (
        program(counter(4), counter(5)).mark().expect("orders_total").to_increase_by(1)
    )
    assert (outcome.gain, outcome.value) == (1, 5)
    program(LABELLED).assert_absent("refunds_total")
    program(LABELLED).assert_absent("orders_totl", unknown_ok=True)
    program(LABELLED).assert_absent("orders_total", outcome="lost")
    appeared = program("# nothing\n", counter(1)).expect("orders_total").to_appear()
    assert len(appeared.observations) == 3  # two in a row have shown it
    gone = program(counter(1), "# nothing\n").expect("orders_total").to_disappear()
    assert gone.value is None


if __name__ == "__main__":  # prints what the docs have to show
    clock_ = Clock()
    use(clock_, setattr)
    kinds = list(dict.fromkeys(each.title.partition(":")[0] for each in SITUATIONS))
    for each in sorted(SITUATIONS, key=lambda it: kinds.index(it.title.partition(":")[0])):
        clock_.now = 100.0
        print(f"**{each.title}**\n\n```text\n{failure_of(each)}\n```\n")
