"""The bookshop once more, tested inside of its process by unittest.

python -m unittest examples/test_shop_unittest.py
"""

import unittest
from importlib.util import find_spec

from promlatest.testing import ScrapeTarget


@unittest.skipUnless(find_spec("flask") and find_spec("waitress"), "needs flask")
class ShopTest(unittest.TestCase):
    def setUp(self):
        from shop import app

        self.client = app.test_client()
        self.shop = ScrapeTarget(app)  # its /metrics, called in this process
        self.mark = self.shop.mark()

    def test_an_order_is_counted(self):
        self.client.post("/orders/dune")

        increase = self.mark.increase("shop_orders_total", outcome="taken", missing=0)
        self.assertEqual(increase, 1)
        self.mark.expect("shop_stock", book="dune").to_decrease_by(1)

    def test_an_unknown_book_is_counted_as_such(self):
        self.client.post("/orders/emma")

        self.mark.assert_only('shop_orders_total{outcome="unknown"}', "shop_order_seconds")

    def test_an_order_is_timed(self):
        self.client.post("/orders/dune")

        self.assertEqual(self.mark.histogram("shop_order_seconds").count, 1)


if __name__ == "__main__":
    unittest.main()
