"""The bookshop's alerts, held against the shop: do they find it, and would they fire?"""

from pathlib import Path

import pytest
from test_shop import order, shop

pytest.importorskip("yaml")  # pip install 'promlatest[rules]'

__all__ = ["shop"]

ALERTS = Path(__file__).with_name("alerts.yml")


@pytest.fixture
def busy(shop):
    """A shop in which every outcome has been counted once, so that rates are known."""
    order(shop, "dune")
    order(shop, "emma")
    return shop


def test_the_alerts_find_what_they_ask_for(busy):
    busy.assert_rules_match(ALERTS)


def test_unknown_books_raise_the_alarm(busy):
    mark = busy.mark()

    for _ in range(3):
        order(busy, "emma")

    firing = mark.alerts(ALERTS).assert_true("UnknownBooks", severity="page")
    assert firing.annotations["summary"] == "100% of the orders are for books we lack"


def test_the_last_book_is_sold(busy):
    mark = busy.mark()

    order(busy, "dune")
    order(busy, "dune")

    mark.alerts(ALERTS).assert_true("SoldOut", book="dune")


def test_a_good_day_is_quiet(busy):
    mark = busy.mark()

    order(busy, "dune")

    mark.alerts(ALERTS).assert_none_true()
