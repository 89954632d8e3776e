"""What a person can do about an answer, or about none: errors and statuses in words.

They know controller-runtime and kubebuilder, whose operators serve no metrics at all
unless they are asked to. Errors hold nothing of what was sent, and no word of the answer.
"""

from __future__ import annotations

import errno
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from promlatest.exceptions import BodyError, ConnectError, EndpointError
from promlatest.scrape._target import LOOPBACK, Target
from promlatest.scrape._wire import WireError

__all__ = ["explained", "status_words"]


# What went wrong on the way


def explained(error: Exception, target: Target, phase: str) -> EndpointError:
    """Our error for one of the system's, of TLS or of the wire.

    Args:
        error: what was raised.
        target: what was asked.
        phase: what was being waited for.
    """
    for kinds, words, kind in _WORDS:
        if isinstance(error, kinds):
            failure: EndpointError = kind(words(error, target, phase), target=target.name)
            return failure
    return EndpointError(f"the exchange failed: {type(error).__name__}", target=target.name)


# By OpenSSL's codes of a verification: what helps.
_OTHER_DATE: Final = "its clock or yours may be wrong, or it has to be renewed"
_OTHER_NAME: Final = "give the server_name that it is made for"
_CERTIFICATE_HELP: Final[Mapping[int, str]] = {9: _OTHER_DATE, 10: _OTHER_DATE}
_OTHER_TRUST: Final = "give the ca_file of who signed it"


def _certificate_words(error: ssl.SSLCertVerificationError, *_: object) -> str:
    text = error.verify_message or error.reason or "refused"
    if "hostname" in text.lower() or "address mismatch" in text.lower():
        helps = _OTHER_NAME
    else:
        helps = _CERTIFICATE_HELP.get(error.verify_code, _OTHER_TRUST)
    return f"its certificate is not trusted: {text}: {helps}, or skip_verify for a test"


# Pieces of OpenSSL's names, which change with its version.
_TLS_SIGNS: Final[tuple[tuple[str, str], ...]] = (
    ("WRONG_VERSION_NUMBER", "it does not speak TLS; is it http:// and not https://?"),
    ("RECORD_LAYER_FAILURE", "it does not speak TLS; is it http:// and not https://?"),
    ("HTTP_REQUEST", "it does not speak TLS; is it http:// and not https://?"),
    ("CERTIFICATE_REQUIRED", "it wants a client certificate: give cert_file and key_file"),
    ("BAD_CERTIFICATE", "it does not take the client certificate"),
    ("UNKNOWN_CA", "it does not know who signed the client certificate"),
    ("CERTIFICATE_EXPIRED", "the client certificate has expired"),
    ("UNRECOGNIZED_NAME", "it knows no host of this name: give another server_name"),
    ("PROTOCOL_VERSION", "it speaks no version of TLS that is allowed here"),
    ("UNSUPPORTED_PROTOCOL", "it speaks no version of TLS that is allowed here"),
    (
        "NO_PROTOCOLS_AVAILABLE",
        "no version of TLS is allowed: min_version is above max_version",
    ),
    (
        "HANDSHAKE_FAILURE",
        "it refuses the handshake of TLS; does it want a client certificate?",
    ),
)


def _tls_words(error: ssl.SSLError, *_: object) -> str:
    reason = f"{error.reason} {error}"
    known = next((words for sign, words in _TLS_SIGNS if sign in reason), "")
    return known or f"the TLS handshake failed: {error.reason or type(error).__name__}"


def _dns_words(error: socket.gaierror, target: Target, *_: object) -> str:
    if error.errno == socket.EAI_AGAIN:
        return f"the host {target.host!r} cannot be looked up now: no name server answers"
    if error.errno in _UNKNOWN_NAME:
        return f"the host {target.host!r} is not known; is it spelt right?"
    return f"the host {target.host!r} cannot be looked up: {error.strerror}"


_UNKNOWN_NAME: Final = {
    getattr(socket, name, None) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
}


def _connect_words(error: OSError, target: Target, *_: object) -> str:
    if error.errno == errno.ECONNREFUSED:
        return refused_words(target)
    if error.errno == errno.ENOENT and target.kind == "unix":
        return "there is no such unix socket; is the program running?"
    return f"it cannot be reached: {error.strerror or type(error).__name__}"


def _ended_words(_: object, target: Target, phase: str) -> str:
    if phase == "body":
        return "the connection was reset in the middle of the body"
    if not target.url.startswith("https"):
        return (
            "it closed the connection without an answer;"
            " does it want https:// or did it end just now?"
        )
    if phase == "connect":
        return (
            "it closed the connection during the TLS handshake;"
            " does it want a client certificate?"
        )
    return (
        "it closed the connection without an answer;"
        " does it want a client certificate, or did it end just now?"
    )


def _wire_words(error: WireError, target: Target, phase: str) -> str:
    if error.fault == "gone":
        return _ended_words(error, target, "headers")
    return str(error) or "its body broke off before its announced end"


def _wire_error(message: str, *, target: str) -> EndpointError:
    """Nobody answered where the connection just ended; else it is about the answer."""
    kind = ConnectError if message.startswith("it closed") else BodyError
    return kind(message, target=target)


_Words = Callable[[Any, Target, str], str]

# The first that fits, so the exact ones stand first.
_WORDS: Final[tuple[tuple[Any, _Words, Callable[..., EndpointError]], ...]] = (
    (ssl.SSLCertVerificationError, _certificate_words, ConnectError),
    (ssl.SSLError, _tls_words, ConnectError),
    (WireError, _wire_words, _wire_error),
    (zlib.error, lambda *_: "its gzip body cannot be unpacked", BodyError),
    (socket.gaierror, _dns_words, ConnectError),
    (ConnectionRefusedError, _connect_words, ConnectError),
    (ConnectionError, _ended_words, ConnectError),
    (OSError, _connect_words, ConnectError),
    (NotImplementedError, lambda *_: "this system has no unix sockets", ConnectError),
    (UnicodeError, lambda *_: "no request can be made of its address", ConnectError),
)


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


# What an answer other than 200 means


def status_words(status: int, target: Target, leads: bool, follows: bool) -> str:
    """What an answer other than 200 means, and what to do about it.

    Args:
        status: of the answer.
        target: what was asked.
        leads: whether the answer says where else to go.
        follows: whether redirects are followed.
    """
    try:
        named = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        named = str(status)
    if 300 <= status < 400 and status not in _STATUS:
        said = (
            "and that is not followed"
            if leads and not follows
            else "and does not say where"
        )
        return f"{named}: it redirects, {said}"
    if status in _STATUS:
        return f"{named}: {_STATUS[status](target)}"
    if status // 100 == 2:
        return f"{named}: an exposition comes with 200"
    return f"expected status 200, got {named}"


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
    101: lambda _: "it wants to speak another protocol, which nobody asked for",
    204: lambda _: "an answer without a body is no exposition",
    205: lambda _: "an answer without a body is no exposition",
    206: lambda _: "it sends a part of its body, which nobody asked for",
    304: lambda _: "it says that nothing has changed, which nobody asked",
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
