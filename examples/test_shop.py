"""The bookshop, tested from outside: a real server in a process of its own."""

import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from promlatest.testing import assert_contract

pytest.importorskip("flask")
pytest.importorskip("waitress")

SHOP = Path(__file__).with_name("shop.py")


@pytest.fixture
def shop(scrape_target):
    return scrape_target.process([sys.executable, SHOP, "{port}"])


def order(shop, book: str) -> None:
    try:
        urlopen(f"{shop.url}/orders/{book}", data=b"").close()
    except HTTPError as refused:
        refused.close()


def test_an_order_is_counted(shop):
    mark = shop.mark()

    order(shop, "dune")

    assert mark.increase("shop_orders_total", outcome="taken") == 1


def test_a_confirmation_is_mailed_soon_after_the_order(shop):
    mark = shop.mark()

    order(shop, "dune")

    mark.expect("shop_mails_total").to_increase_by(1, within=5, settle=0.2)


def test_every_order_is_timed(shop):
    mark = shop.mark()

    order(shop, "dune")
    order(shop, "emma")

    assert mark.histogram("shop_order_seconds").count == 2


def test_an_unknown_book_is_counted_as_such_and_changes_nothing_else(shop):
    mark = shop.mark()

    order(shop, "emma")

    mark.assert_only('shop_orders_total{outcome="unknown"}', "shop_order_seconds")


def test_the_shop_never_says_who_ordered(shop):
    shop.assert_absent('{customer=~".+"}', unknown_ok=True)


def test_the_metrics_are_those_that_the_dashboard_needs(shop):
    order(shop, "dune")
    order(shop, "emma")

    assert_contract(shop.scrape(), SHOP.with_name("shop.contract"))
