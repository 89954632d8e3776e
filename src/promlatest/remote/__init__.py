"""A Prometheus-compatible server, asked as a store is asked.

    from promlatest.remote import Server

    with Server("http://localhost:9090") as server:
        now = server.snapshot('{job="shop"}')
    now.histogram("http_request_duration_seconds", path="/buy").quantile(0.99)

It needs no extra.
"""

from promlatest.remote._server import Server

__all__ = ["Server"]
