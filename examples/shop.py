"""An HTTP service with prometheus_client: a bookshop on Flask, served by waitress.

python examples/shop.py 8000
"""

import queue
import sys
import threading

from flask import Flask
from prometheus_client import Counter, Gauge, Histogram, make_wsgi_app
from waitress import serve
from werkzeug.middleware.dispatcher import DispatcherMiddleware

ORDERS = Counter("shop_orders", "Orders, by what became of them.", ["outcome"])
SECONDS = Histogram("shop_order_seconds", "Time to answer an order, in seconds.")
STOCK = Gauge("shop_stock", "Books left.", ["book"])
MAILS = Counter("shop_mails", "Confirmations sent.")

app = Flask(__name__)
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/metrics": make_wsgi_app()})

_mails: queue.Queue[str] = queue.Queue()
STOCK.labels("dune").set(3)


@app.post("/orders/<book>")
@SECONDS.time()
def order(book: str) -> tuple[str, int]:
    if book != "dune":
        ORDERS.labels("unknown").inc()
        return "no such book", 404
    ORDERS.labels("taken").inc()
    STOCK.labels(book).dec()
    _mails.put(book)
    return "thank you", 201


def send_mails() -> None:
    while True:
        _mails.get()
        threading.Event().wait(0.1)  # the mail server takes its time
        MAILS.inc()


if __name__ == "__main__":
    threading.Thread(target=send_mails, daemon=True).start()
    serve(app, host="127.0.0.1", port=int(sys.argv[1]))
