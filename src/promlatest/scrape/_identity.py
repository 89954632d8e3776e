"""Credentials and trust: files to headers and TLS contexts. Everything here blocks, for a
file may lie where nobody answers (a named pipe, a dead network mount)."""

from __future__ import annotations

import base64
import os
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Final
from weakref import WeakValueDictionary

import attrs

from promlatest.exceptions import ConnectError
from promlatest.scrape._fetch import read_path
from promlatest.scrape._target import TLS, Target

__all__ = ["TrustCache", "authorization", "has_files", "without_identity"]

_LONGEST_SECRET: Final = 1 << 16  # bytes


def has_files(target: Target) -> bool:
    """Whether a target has files that may change at any time."""
    auth, tls = target.auth, target.tls
    return any(
        (
            auth.bearer_token_file, auth.username_file, auth.password_file,
            tls.ca_file, tls.cert_file, tls.key_file,
        )
    )  # fmt: skip


def authorization(target: Target, timeout: float) -> dict[str, str]:
    """The Authorization header; files are read anew, since tokens rotate.

    Raises:
        ConnectError: a file cannot be read in time, or holds what no header can.
    """
    auth = target.auth
    until = time.monotonic() + timeout
    if auth.bearer:
        token = auth.bearer_token or _secret(auth.bearer_token_file, "token", target, until)
        return {"Authorization": f"{auth.type} {token}"}
    if auth.basic:
        user = auth.username or _secret(auth.username_file, "username", target, until)
        password = auth.password or _secret(auth.password_file, "password", target, until)
        packed = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {packed}"}
    return {}


def _secret(path: str, what: str, target: Target, until: float) -> str:
    if not path:
        return ""
    text = ""
    try:
        text = read_path(path, until, _LONGEST_SECRET).decode().strip()
        reason = "" if text.isprintable() else "it holds more than one line"
    except TimeoutError:
        reason = "reading it takes longer than the timeout"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        reason = "it is no text"
    if reason:
        raise ConnectError(
            f"the {what} file {path} cannot be used: {reason}", target=target.name
        )
    return text


def without_identity(tls: TLS) -> TLS:
    """The same trust, for a host that is not to see who we are."""
    return attrs.evolve(tls, cert_file="", key_file="", server_name="")


class TrustCache:
    """TLS contexts, one for each trust, as long as a target holds it; a new one once a
    file of it has changed. To make one takes 20 to 100 ms and 0.8 MB, most of it for the
    system's certificates. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contexts: WeakValueDictionary[tuple[object, ...], ssl.SSLContext] = (
            WeakValueDictionary()
        )

    def context(self, tls: TLS, target: Target) -> ssl.SSLContext:
        """The context.

        Raises:
            ConnectError: a file of it cannot be read.
        """
        try:
            key = (tls, *map(_stamp, (tls.ca_file, tls.cert_file, tls.key_file)))
            with self._lock:
                held = self._contexts.get(key)
            if held is None:
                held = _context(tls)
                with self._lock:
                    held = self._contexts.setdefault(key, held)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConnectError(
                f"the files for TLS cannot be used: {reason}", target=target.name
            ) from None
        return held


def _stamp(path: str) -> object:
    if not path:
        return None
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _context(tls: TLS) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file or None, cadata=tls.ca or None)
    context.hostname_checks_common_name = False  # as in Go, and in RFC 9110
    if tls.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        # The empty password: without one, OpenSSL would ask for it at the terminal.
        context.load_cert_chain(tls.cert_file, tls.key_file or None, password="")
    for name in ("minimum_version", "maximum_version"):
        wanted = getattr(tls, name[:3] + "_version")
        if wanted:
            setattr(context, name, _TLS_VERSIONS[wanted])
    return context


_TLS_VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
