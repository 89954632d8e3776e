"""A Prometheus-compatible server, asked as a store is asked.

Its own engine answers PromQL; `snapshot` brings the samples themselves over, after which
every question of a `Queryable` is answered here.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

from promlatest._arguments import checked, checked_seconds, checked_text
from promlatest._datapoint import METRIC_TYPES, DataPoint, Metadata
from promlatest._matching.floats import format_float, parse_float
from promlatest._matching.labels import Labels
from promlatest._matching.selector import parse_selector
from promlatest._storage.snapshot import Snapshot
from promlatest._storage.store import Store
from promlatest.exceptions import BodyError, UsageError
from promlatest.exposition import parse, render
from promlatest.promql import Matrix, Result
from promlatest.remote._answers import (
    ServerAnswer,
    milliseconds,
    read_answer,
    result_of,
    shaped,
)
from promlatest.remote._http import Client
from promlatest.scrape._target import checked_headers

__all__ = ["Server"]

SeriesSelection = frozenset[tuple[str, str]]

EVERYTHING: Final = '{__name__!=""}'

# Windows in which the last scrape of a series is looked for, where there is no
# /federate. Short ones first: with 10,500 series scraped every 2 s, one minute of raw
# samples took 1.07 s and five seconds take a third. Five minutes are Prometheus' lookback.
_WINDOWS: Final = ("5s", "30s", "5m")

# What says that there is no /federate: Mimir, Thanos, and proxies that pass the API only.
_NO_FEDERATE: Final = frozenset({301, 302, 307, 308, 403, 404, 405, 501})

_UNTYPED: Final = re.compile(rb"^# TYPE .+ untyped\n", re.MULTILINE)


class Server:
    """A Prometheus, Mimir, Thanos, VictoriaMetrics, or a `promlatest serve`.

    Any thread may ask it. It keeps connections; close it, or use it in a `with`.

    Args:
        url: where it is, with the path before `/api/v1`.
        headers: to send with every request, such as Authorization or X-Scope-OrgID.
        timeout: for one question, everything together, in seconds.
        max_bytes: the most that one answer may have, unpacked.
        context: whom to trust over https; None: the system's certificates.
        partial: take answers from which the server says something is missing.

    Raises:
        UsageError: the URL is none of http or https, or an argument is not of its kind.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] = {},
        timeout: float = 30.0,
        max_bytes: int = 256 << 20,
        context: ssl.SSLContext | None = None,
        partial: bool = False,
    ) -> None:
        checked(url, str, "a server's address as a str")
        checked(max_bytes, int, "max_bytes as a whole number")
        checked_seconds("timeout", timeout, above=True)
        self._client: Final = Client(
            url, checked_headers(headers), timeout, max_bytes, context
        )
        self._partial: Final = partial
        self._federates = True  # until it says that it does not

    # Lists

    def series(
        self, *selectors: str, start: int | None = None, end: int | None = None
    ) -> list[Labels]:
        """The label sets of the series that fulfil one of the selectors, sorted.

        Args:
            selectors: at least one.
            start: from when on, in milliseconds; None: as the server does.
            end: until when.
        """
        if not selectors:
            raise UsageError("series needs a selector; all of them are many")
        answer = self._get("series", [*_matching(selectors), *_span(start, end)])
        with shaped(self._client.name):
            return sorted(Labels(each) for each in answer.data)

    def label_names(self, *selectors: str) -> list[str]:
        """The names of all labels that the matching series have, sorted."""
        return self._names("labels", selectors)

    def label_values(self, name: str, /, *selectors: str) -> list[str]:
        """The values that a label has among the matching series, sorted."""
        label = quote(checked(name, str, "a label's name"), safe="")
        return self._names(f"label/{label}/values", selectors)

    def _names(self, path: str, selectors: Iterable[str]) -> list[str]:
        answer = self._get(path, _matching(selectors))
        with shaped(self._client.name):
            return sorted(map(str, answer.data))

    def metadata(self, metric: str = "") -> dict[str, Metadata]:
        """Type, help and unit by family, as the server has them; of several targets
        that say different things the first counts."""
        asked = [("metric", checked_text(metric, "a metric's name"))] if metric else []
        answer = self._get("metadata", asked)
        with shaped(self._client.name):
            return {
                name: _metadata(told[0])
                for name, told in sorted(answer.data.items())
                if told
            }

    # PromQL, answered by the server

    def query(self, expr: str, at: int | None = None) -> Result:
        """The value of a PromQL expression at one moment, by the server's engine.

        What it warns of is in the result's `annotations`.

        Args:
            expr: the expression.
            at: the moment, in milliseconds; None: the server's now.

        Raises:
            ServerError: the server cannot read the expression (400), or cannot answer
                it (422); its own words are in `reason`.
        """
        checked_text(expr, "an expression as a str")
        time = [] if at is None else [("time", _seconds(at))]
        return self._result("query", [("query", expr), *time])

    def query_range(self, expr: str, start: int, end: int, step: float) -> Matrix:
        """The values of an expression at every step between two moments.

        Args:
            expr: the expression.
            start: the first moment, in milliseconds.
            end: the last moment at the most.
            step: from one to the next, in seconds.

        Raises:
            ServerError: as of `query`.
        """
        checked_text(expr, "an expression as a str")
        width = format_float(checked_seconds("step", step, above=True))
        span = [("start", _seconds(start)), ("end", _seconds(end)), ("step", width)]
        result = self._result("query_range", [("query", expr), *span])
        if not isinstance(result, Matrix):
            raise BodyError(
                f"expected a matrix for {expr}, got {result!r:.80}",
                target=self._client.name,
            )
        return result

    def _result(self, path: str, params: Sequence[tuple[str, str]]) -> Result:
        answer = self._post(path, params)
        with shaped(self._client.name):
            return result_of(answer)

    # Samples

    def snapshot(self, *selectors: str) -> Snapshot:
        """The latest sample of every series that fulfils one of the selectors: a frozen
        `Queryable`, safe to keep for ever, without the server from then on.

        Samples have the time of their scrape where the server has `/federate`, and else
        by its query API. Series that are stale there are not in it. Cost: two or three
        requests.

        Args:
            selectors: without one it is everything that the server has now.
        """
        told, found = self._asked(selectors)
        store = Store()
        if found:
            with store.batch(self._client.name) as batch:  # however old a sample is
                if isinstance(found, bytes):
                    batch.append_samples(parse(found), told)
                else:  # by way of a page they took twice the time
                    for point in found:
                        batch.append(0, *point)
                    batch.metadata.update(told)
        return store.snapshot()

    def exposition(self, *selectors: str) -> bytes:
        """The same as a page in the text format, with timestamps, types and help.

        `lambda: server.exposition('{job="shop"}')` is a target for
        `promlatest.scrape` and for `promlatest.testing`.
        """
        told, found = self._asked(selectors)
        if not found:
            return b""
        if isinstance(found, bytes):
            return render((), told).encode() + found
        ordered = sorted(found, key=lambda point: point.labels.flat)
        return render(ordered, told, timestamps=True).encode()

    def _asked(
        self, selectors: Sequence[str]
    ) -> tuple[dict[str, Metadata], bytes | Sequence[DataPoint]]:
        """What families the server knows, and the samples: a page without types, or
        points."""
        chosen = selectors or (EVERYTHING,)
        for selector in chosen:
            parse_selector(selector)
        told = self.metadata()
        federated = self._federated(chosen)
        if federated is not None:
            return told, _UNTYPED.sub(b"", federated)
        with shaped(self._client.name):
            points = {
                point.labels: point for each in chosen for point in self._latest(each)
            }
        return told, list(points.values())

    def _federated(self, selectors: Iterable[str]) -> bytes | None:
        """What /federate says; None where there is none."""
        if not self._federates:
            return None
        path = f"/federate?{urlencode(_matching(selectors))}"
        reply = self._client.ask("GET", path)
        if reply.status == 200 and reply.content_type.startswith("text/plain"):
            return reply.body
        if reply.status in _NO_FEDERATE or reply.status // 100 == 2:
            self._federates = False
            return None
        read_answer(reply, self._client.name, partial=True)  # which refuses it
        return None

    def _latest(self, selector: str) -> list[DataPoint]:
        """The latest points by the query API.

        An instant vector says which series are there and what they are now; its
        timestamps are those of the question. So the raw samples of the last seconds are
        asked for too, and of more where a series had none in them.
        """
        now = self._result_of("vector", selector)
        if not now:
            return []
        asked = milliseconds(now[0]["value"][0])
        there = [_series(each) for each in now]
        times: dict[SeriesSelection, int] = {}
        for window in _WINDOWS:
            if times.keys() >= set(there):
                break
            raw = self._result_of("matrix", f"{selector}[{window}]", asked)
            # Only the time of the last sample is wanted; to make all of it values and
            # label sets took 40 % of a snapshot.
            times |= {_series(e): milliseconds(e["values"][-1][0]) for e in raw}
        return [
            DataPoint(
                Labels(each["metric"]),
                times.get(series, asked),
                parse_float(each["value"][1]),
            )
            for series, each in zip(there, now, strict=True)
        ]

    def _result_of(self, kind: str, expr: str, at: int | None = None) -> Sequence[Any]:
        time = [] if at is None else [("time", _seconds(at))]
        data = self._post("query", [("query", expr), *time]).data
        if data["resultType"] != kind:
            raise ValueError(f"a {kind} for {expr}, not a {data['resultType']}")
        found: Sequence[Any] = data["result"]
        return found

    # Requests

    def _get(self, path: str, params: Sequence[tuple[str, str]]) -> ServerAnswer:
        query = urlencode([*params, *self._whole])
        reply = self._client.ask("GET", f"/api/v1/{path}?{query}")
        return read_answer(reply, self._client.name, partial=self._partial)

    def _post(self, path: str, params: Sequence[tuple[str, str]]) -> ServerAnswer:
        """As a form, since an expression may be longer than an address line."""
        # A bare number may have a fraction; 2.5s is no duration to Prometheus.
        timeout = ("timeout", format_float(self._client.timeout))
        form = urlencode([*params, timeout, *self._whole]).encode()
        reply = self._client.ask("POST", f"/api/v1/{path}", form)
        return read_answer(reply, self._client.name, partial=self._partial)

    @property
    def _whole(self) -> Sequence[tuple[str, str]]:
        """Thanos' and VictoriaMetrics' words for "all or nothing"; others ignore them."""
        return [] if self._partial else _ALL_OR_NOTHING

    def close(self) -> None:
        """Close the connections. It is not asked any more."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Server({self._client.name!r})"


_ALL_OR_NOTHING: Final = [("partial_response", "false"), ("deny_partial_response", "1")]


def _matching(selectors: Iterable[str]) -> list[tuple[str, str]]:
    return [("match[]", checked_text(each, "a selector text")) for each in selectors]


def _span(start: int | None, end: int | None) -> list[tuple[str, str]]:
    given = {"start": start, "end": end}
    return [(name, _seconds(at)) for name, at in given.items() if at is not None]


def _series(found: Mapping[str, Any]) -> SeriesSelection:
    """What a series is known by, in whatever order its labels come."""
    return frozenset(found["metric"].items())


def _seconds(milliseconds: int) -> str:
    return f"{checked(milliseconds, int, 'a time in milliseconds') / 1000:.3f}"


def _metadata(told: Mapping[str, str]) -> Metadata:
    kind = METRIC_TYPES.get(told.get("type", ""), "unknown")
    return Metadata(kind, told.get("help", ""), told.get("unit", ""))
