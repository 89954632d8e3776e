"""What a person can do about an answer: words for statuses and refused connections.

They know controller-runtime and kubebuilder, whose operators serve no metrics at all
unless they are asked to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from promlatest.scrape._target import LOOPBACK, Target

__all__ = ["refused_words", "status_words"]


def refused_words(target: Target) -> str:
    """Nothing listens there; an operator on this machine may have its metrics off."""
    if target.host not in LOOPBACK:
        return "connection refused: nothing listens there"
    return (
        "connection refused: nothing listens there. An operator made with kubebuilder"
        " has its metrics off unless it is started with them:\n"
        f"  go run ./cmd/main.go --metrics-bind-address=:{target.port}"
        " --metrics-secure=false"
    )


def status_words(status: int, target: Target) -> str:
    """What an answer other than 200 means, and what to do about it."""
    try:
        named = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        named = str(status)
    words = _STATUS.get(status) or _CLASSES.get(status // 100)
    return f"{named}: {words(target)}" if words else f"expected status 200, got {named}"


def _bad_request(target: Target) -> str:
    if target.url.startswith("http:") and target.port != 80:
        return "it refuses the request; does it want https://?"
    return "it refuses the request"


def _unauthorized(target: Target) -> str:
    if target.auth.bearer or target.auth.basic:
        return "it does not take these credentials; has the token expired?"
    return (
        "it wants credentials; give a bearer token"
        " (kubectl create token SERVICEACCOUNT) or a username and a password"
    )


def _forbidden(target: Target) -> str:
    path = urlsplit(target.url).path
    return (
        "it knows the credentials but does not let them read this. In Kubernetes the"
        f" account needs a ClusterRole with nonResourceURLs: [{path}] and verbs: [get]"
        " (kubebuilder's metrics-reader) and a ClusterRoleBinding to it"
    )


def _not_found(target: Target) -> str:
    path = urlsplit(target.url).path
    if path == "/metrics":
        return "it serves no /metrics; is it the right port, or has it another path?"
    return f"it serves nothing at {path}; most programs serve their metrics at /metrics"


_STATUS: Final[Mapping[int, Callable[[Target], str]]] = {
    400: _bad_request,
    401: _unauthorized,
    403: _forbidden,
    404: _not_found,
    406: lambda _: "it can answer in no format that promlatest reads",
    429: lambda _: "it was asked too often; scrape it less often",
    500: lambda _: (
        "it could not collect its metrics; its own log says why."
        " An operator also answers so if it may not create TokenReviews"
    ),
    502: lambda _: "a proxy in front of it got no answer from it",
    503: lambda _: "it is not ready, or has too many requests at a time",
    504: lambda _: "a proxy in front of it waited too long for it",
}
_CLASSES: Final[Mapping[int, Callable[[Target], str]]] = {
    2: lambda _: "expected 200; an answer without a body is no exposition",
    3: lambda _: "it redirects, and that is not followed",
}
