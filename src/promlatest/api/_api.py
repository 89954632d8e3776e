"""The HTTP API of Prometheus over a store, without a server: a request in, an answer out.

`ENDPOINTS` is the table of all of them. What listens, authorises and bounds is
`promlatest serve`, or the application that this is mounted into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event
from time import perf_counter
from typing import Any, Final

import attrs

from promlatest._arguments import (
    checked,
    checked_function,
    checked_queryable,
    checked_seconds,
)
from promlatest._clock import deadline, now_ms
from promlatest._interfaces import Queryable
from promlatest.api import _lists, _mount, _page, _promql, _rules, _status
from promlatest.api._answer import ApiResponse, failure, plain, refusal, success
from promlatest.api._params import Params, read_duration
from promlatest.api._site import Site, target_states
from promlatest.api._text import dump
from promlatest.exceptions import PromlatestError
from promlatest.rules import Rule

__all__ = ["Api"]

Respond = Callable[[Site, Params], ApiResponse]


@attrs.frozen
class Endpoint:
    """One endpoint.

    Attributes:
        handler: what answers.
        methods: how it may be asked.
    """

    handler: Respond
    methods: tuple[str, ...] = ("GET",)


def _data(make: Callable[[Site, Params], Any]) -> Endpoint:
    """An endpoint whose data is made as Python has it."""
    return Endpoint(lambda site, params: success(dump(make(site, params))))


def _always(answer: ApiResponse, *methods: str) -> Endpoint:
    """An endpoint that has one answer."""
    return Endpoint(lambda site, params: answer, methods or ("GET",))


_BOTH: Final = ("GET", "POST")
# Nothing can be changed over HTTP; the words are Prometheus'.
_DISABLED: Final = _always(
    failure(503, "unavailable", "admin APIs disabled"), "POST", "PUT"
)

ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "/": Endpoint(_page.page),
    "/graph": Endpoint(_page.page),  # where the links of Grafana and of alerts lead
    "/query": Endpoint(_page.page),  # the same of Prometheus 3
    "/api/v1/query": Endpoint(_promql.instant, _BOTH),
    "/api/v1/query_range": Endpoint(_promql.over_range, _BOTH),
    "/api/v1/query_exemplars": Endpoint(_promql.exemplars, _BOTH),
    "/api/v1/format_query": Endpoint(_promql.format_query, _BOTH),
    "/api/v1/series": Endpoint(_lists.series, _BOTH),
    "/api/v1/labels": Endpoint(_lists.label_names, _BOTH),
    "/api/v1/metadata": Endpoint(_lists.metadata),
    "/api/v1/targets": _data(_status.targets),
    "/api/v1/targets/metadata": _data(_status.target_metadata),
    "/api/v1/scrape_pools": _data(_status.scrape_pools),
    "/api/v1/rules": _data(_rules.rules),
    "/api/v1/alerts": _data(_rules.alerts),
    "/api/v1/alertmanagers": _data(
        # Alerts are evaluated when somebody asks, and sent to nobody.
        lambda site, params: {"activeAlertmanagers": [], "droppedAlertmanagers": []}
    ),
    "/api/v1/status/buildinfo": _data(_status.buildinfo),
    "/api/v1/status/config": _data(_status.config),
    "/api/v1/status/flags": _data(_status.flags),
    "/api/v1/status/runtimeinfo": _data(_status.runtimeinfo),
    "/api/v1/status/tsdb": _data(_status.tsdb),
    "/api/v1/status/walreplay": _data(
        lambda site, params: {"min": 0, "max": 0, "current": 0}  # there is no log
    ),
    "/api/v1/admin/tsdb/clean_tombstones": _DISABLED,
    "/api/v1/admin/tsdb/delete_series": _DISABLED,
    "/api/v1/admin/tsdb/snapshot": _DISABLED,
    "/federate": Endpoint(_lists.federate),
    "/metrics": Endpoint(_lists.expose),
    "/-/healthy": _always(plain(200, "promlatest is healthy.")),
    "/-/ready": _always(plain(200, "promlatest is ready.")),
}

_LABEL_VALUES: Final = re.compile(r"/api/v1/label/(.*)/values", re.DOTALL)


class Api:
    """The HTTP API of Prometheus over a store.

        >>> from promlatest import Store
        >>> store = Store()
        >>> _ = store.ingest("depth 3")
        >>> api = Api(store)
        >>> api.answer("GET", "/api/v1/label/__name__/values").body
        b'{"status":"success","data":["depth"]}'

    Nothing can be changed through it. Any thread may ask.

    Args:
        queryable: what is asked: a `Store`, a snapshot, or any other `Queryable`.
        targets: gives the names of all targets, those not scraped yet among them; as a
            mapping such as `Scraper.jobs` also how each is scraped.
        rules: what `promlatest.rules.read_rules` gave; evaluated when somebody asks.
        config: the text of a configuration, for whoever asks for it.
        flags: further flags to show.
        max_points: the most steps that a range query may have.
        timeout: for one question, in seconds; its parameter `timeout` can only be less.
        partial: answer over the part of a range that the scrapes kept cover, with a
            warning, in place of refusing.
        clock: what tells the time, in milliseconds since the epoch.

    Raises:
        UsageError: an argument is not of its kind.
    """

    def __init__(
        self,
        queryable: Queryable,
        *,
        targets: Callable[[], Iterable[str]] = tuple,
        rules: Iterable[Rule] = (),
        config: str = "",
        flags: Mapping[str, str] = {},
        max_points: int = 11_000,
        timeout: float = 30.0,
        partial: bool = False,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        checked_seconds("timeout", timeout, above=True)
        checked(max_points, int, "max_points as a whole number")
        checked(config, str, "config as a text")
        checked(flags, Mapping, "flags as a mapping")
        checked_function(targets, "targets as a function")
        checked_function(clock, "clock as a function")
        self._site: Final = Site(
            queryable=checked_queryable(queryable),
            targets=lambda: target_states(queryable, targets()),
            rules=tuple(checked(rules, Iterable, "rules as a list of them")),
            config=config,
            flags=dict(flags),
            clock=clock,
            started=clock(),
            max_points=max_points,
            timeout=timeout,
            partial=partial,
        )
        self._closed: Final = Event()

    def answer(
        self,
        method: str,
        path: str,
        params: Params | Mapping[str, str | Sequence[str]] | Iterable[tuple[str, str]] = (),
    ) -> ApiResponse:
        """Answer one request.

        Args:
            method: such as GET; HEAD is answered as GET, and the body is the server's
                to leave out.
            path: from the root of the API on, decoded.
            params: those of the query and of a form.

        Returns:
            Status, Content-Type and body.
        """
        endpoint = _endpoint(checked(path, str, "a path as a str"))
        if endpoint is None:
            return plain(404, "404 page not found")
        if method not in endpoint.methods and not (
            method == "HEAD" and "GET" in endpoint.methods
        ):
            allowed = " or ".join(endpoint.methods)
            return plain(405, f"405 method not allowed: ask with {allowed}")
        given = params if isinstance(params, Params) else Params(params)
        try:
            with deadline(perf_counter() + self._seconds(given), self._closed):
                return endpoint.handler(self._site, given)
        except PromlatestError as error:
            return refusal(error)
        except TimeoutError:
            return failure(503, "timeout", "query timed out in expression evaluation")

    def close(self) -> None:
        """End the questions that are being answered, and those to come, with a 503: what
        a server does before it ends, so that nobody waits for a long one."""
        self._closed.set()

    def _seconds(self, params: Params) -> float:
        most = self._site.timeout
        return min(most, params.read("timeout", read_duration, most))

    def wsgi(self, prefix: str, app: _mount.Wsgi) -> _mount.Wsgi:
        """A WSGI application that answers below a prefix, and is `app` elsewhere.

        Args:
            prefix: such as "/prom".
            app: the application to mount into.

        Raises:
            UsageError: the prefix does not begin with a slash, or ends with one.
        """
        return _mount.wsgi(self.answer, prefix, app)

    def asgi(self, prefix: str, app: _mount.Asgi) -> _mount.Asgi:
        """The same for ASGI; questions are answered on threads.

        Args:
            prefix: such as "/prom".
            app: the application to mount into.

        Raises:
            UsageError: the prefix does not begin with a slash, or ends with one.
        """
        return _mount.asgi(self.answer, prefix, app)


def _endpoint(path: str) -> Endpoint | None:
    """What answers at a path, with a slash at its end or without: Prometheus redirects the
    one to the other, and loses `/api/v1` on the way."""
    path = path.rstrip("/")
    found = ENDPOINTS.get(path or "/")
    match = None if found else _LABEL_VALUES.fullmatch(path)
    if match is None:
        return found
    return Endpoint(lambda site, params: _lists.label_values(site, params, match[1]))
