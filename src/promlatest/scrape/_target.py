"""Where a scrape goes: a `Target`, and how it is read from what a person types.

It owns the address, the credentials and the trust of one endpoint, and the promise that
no secret is ever shown: `name` and `repr` leave out credentials, header values and the
values of the query. It opens nothing.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import attrs

from promlatest._arguments import as_tuple, checked
from promlatest._escape import escaped
from promlatest.exceptions import UsageError
from promlatest.exposition._families import MetricFamily, Registry
from promlatest.scrape._kinds import kinds_checked, texts

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["LOOPBACK", "TLS", "Auth", "Target", "TargetKind", "check_url", "refuse_control"]

TargetKind = Literal["http", "unix", "file", "stdin", "callable", "registry"]

METRICS_PATH: Final = "/metrics"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HALF_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?::/|//)")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_UNIX: Final = re.compile(r"unix:(?://)?(?P<socket>[^:@?]+)(?::(?P<path>/.*))?")


@attrs.frozen(field_transformer=kinds_checked)
class Auth:
    """How a target is to know us; at most one of the kinds.

    A file is read anew for every scrape, so that a rotated token is taken up.

    Attributes:
        bearer_token: sent as ``Authorization: Bearer …``.
        bearer_token_file: holds the token.
        username: of basic authentication.
        username_file: holds it.
        password: of basic authentication.
        password_file: holds it.
        type: what stands before the token, "Bearer" if nothing else is given.
    """

    bearer_token: str = attrs.field(default="", repr=False)
    bearer_token_file: str = ""
    username: str = attrs.field(default="", repr=False)
    username_file: str = ""
    password: str = attrs.field(default="", repr=False)
    password_file: str = ""
    type: str = "Bearer"

    def __attrs_post_init__(self) -> None:
        for name in ("bearer_token", "username", "password"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise UsageError(f"give {name} or {name}_file, not both")
            refuse_control(getattr(self, name), name)
        if self.bearer and self.basic:
            raise UsageError("give a bearer token or a username, not both")
        if self.type.lower() == "basic":
            raise UsageError("basic authentication takes a username and a password")

    @property
    def bearer(self) -> bool:
        """Whether there is a bearer token."""
        return bool(self.bearer_token or self.bearer_token_file)

    @property
    def basic(self) -> bool:
        """Whether there is a name or a password."""
        return bool(
            self.username or self.username_file or self.password or self.password_file
        )


@attrs.frozen(field_transformer=kinds_checked)
class TLS:
    """Whom to trust over https, and how to be trusted.

    Attributes:
        ca_file: certificates to trust in place of the system's.
        ca: the same as text.
        cert_file: a client certificate in PEM.
        key_file: its key; "" if it is in `cert_file`.
        server_name: the name that the certificate must have, if not the host's.
        skip_verify: take any certificate.
        min_version: "TLS10" to "TLS13", or "" for Python's default.
        max_version: the same, upwards.
    """

    ca_file: str = ""
    ca: str = attrs.field(default="", repr=False)
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    skip_verify: bool = False
    min_version: str = ""
    max_version: str = ""

    def __attrs_post_init__(self) -> None:
        if self.ca and self.ca_file:
            raise UsageError("give ca or ca_file, not both")
        if self.key_file and not self.cert_file:
            raise UsageError("a key_file needs its cert_file")
        for name in ("min_version", "max_version"):
            if getattr(self, name) not in ("", "TLS10", "TLS11", "TLS12", "TLS13"):
                raise UsageError(f"{name} is TLS10 to TLS13, not {getattr(self, name)!r}")


def checked_headers(given: Mapping[str, str]) -> Mapping[str, str]:
    """Headers to send, copied, if they can be. No message shows a value.

    Raises:
        UsageError: it is no mapping of texts, or one cannot be a header.
    """
    headers = texts(given, "headers")
    for name, value in headers.items():
        refuse_control(value, f"the header {name[:40]!r}")
        if not _HEADER.fullmatch(name):
            raise UsageError(f"no header can have the name {name[:40]!r}")
    return headers


def _labels(given: Mapping[str, str]) -> Mapping[str, str]:
    return texts(given, "labels")


def _pairs(
    given: Mapping[str, str | Iterable[str]] | Iterable[tuple[str, str]],
) -> tuple[tuple[str, str], ...]:
    """Query parameters as pairs: a name may stand several times."""
    if isinstance(given, Mapping):
        given = [
            (name, value)
            for name, values in given.items()
            for value in (
                [values] if isinstance(values, str) else as_tuple(values, "texts")
            )
        ]
    pairs = [as_tuple(pair, "pairs for params") for pair in as_tuple(given, "params")]
    if any(len(pair) != 2 for pair in pairs):
        raise UsageError("expected a name and a value for each of params")
    named = (texts({pair[0]: pair[1]}, "params") for pair in pairs)
    return tuple(pair for each in named for pair in each.items())


@attrs.frozen(eq=False, field_transformer=kinds_checked)
class Target:
    """One endpoint to scrape.

        >>> Target.parse(":8080").name
        'http://localhost:8080/metrics'
        >>> Target.parse("https://me:secret@example.org/m?token=secret").name
        'https://example.org/m?token=***'

    Attributes:
        kind: how it is reached.
        url: where it is, for http and unix; without credentials and query.
        path: the file, or the unix socket.
        read: what gives the body, for a callable; what is collected, for a registry.
        params: the query, pair by pair.
        headers: further headers to send.
        auth: how it is to know us.
        tls: whom to trust over https.
        labels: labels for its series; `job` and `instance` have defaults.
    """

    kind: TargetKind
    url: str = ""
    path: str = ""
    read: Callable[[], bytes] | Registry | Iterable[MetricFamily] | None = attrs.field(
        default=None, repr=False
    )
    params: tuple[tuple[str, str], ...] = attrs.field(
        default=(), converter=_pairs, repr=False
    )
    headers: Mapping[str, str] = attrs.field(
        factory=dict, converter=checked_headers, repr=False
    )
    auth: Auth = attrs.field(factory=Auth)
    tls: TLS = attrs.field(factory=TLS)
    labels: Mapping[str, str] = attrs.field(factory=dict, converter=_labels)

    def __attrs_post_init__(self) -> None:
        if self.kind not in [*_NEEDED]:  # it may be of any kind
            raise UsageError(
                f"expected one of {', '.join(_NEEDED)} as the kind of a target"
            )
        for name in _NEEDED[self.kind]:
            if not getattr(self, name):
                raise UsageError(f"a target of the kind {self.kind} needs its {name}")
        if self.url:
            check_url(self.url)
        checked(self.auth, Auth, "an Auth for auth", secret=True)
        checked(self.tls, TLS, "a TLS for tls", secret=True)

    @classmethod
    def parse(cls, text: str, **options: Any) -> Self:
        """The target that a person means.

        ``http://host:port/path``, ``https://…``, ``host:port``, ``:8080``, ``host``,
        ``file:PATH`` or the path of a file that is there, ``-`` for the standard input,
        ``unix:/path.sock`` with ``:/metrics`` behind it if the path is another one.
        Credentials in a URL become `auth`.

        Args:
            text: what was typed.
            options: the attributes of the target that the text cannot hold.

        Raises:
            UsageError: the text is none of these.
        """
        checked(text, str, "the text of a target", secret=True)
        text = text.strip()
        refuse_control(text, "a target")
        for fits, read in _READERS:
            if fits(text):
                return cls(**{**options, **read(text, options)})
        raise UsageError("a target is a URL, host:port, :port, a file or -; got nothing")

    @classmethod
    def of(cls, what: Target | str | os.PathLike[str] | object, **options: Any) -> Target:
        """A target of whatever can be one: a target, a text, a path, a callable that
        returns bytes, or a prometheus_client registry.

        Raises:
            UsageError: it is none of these.
        """
        if isinstance(what, Target):
            return attrs.evolve(what, **options) if options else what
        if isinstance(what, str):
            return cls.parse(what, **options)
        if isinstance(what, os.PathLike):
            return cls("file", path=os.fspath(what), **options)
        if hasattr(what, "collect"):
            return cls("registry", read=what, **options)
        if callable(what):
            return cls("callable", read=what, **options)
        raise UsageError(
            "a target is a text, a path, a callable or a registry,"
            f" not something of type {type(what).__name__}"
        )

    @property
    def name(self) -> str:
        """The target as it is shown everywhere: without any secret."""
        return _NAMES[self.kind](self)

    @property
    def instance(self) -> str:
        """What stands in the label `instance` if nothing else is given."""
        if self.kind == "http":
            return _parts(self.url).netloc
        return self.name.partition(":")[2] if self.kind == "file" else self.name

    @property
    def host(self) -> str:
        """The host; "" where there is none."""
        return (_parts(self.url).hostname or "") if self.kind == "http" else ""

    @property
    def port(self) -> int:
        """The port; 0 where there is none."""
        if self.kind != "http":
            return 0
        parts = _parts(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    def __str__(self) -> str:
        return self.name


def refuse_control(text: str, what: str) -> None:
    """Refuse what would end a line of a request, or disturb a terminal.

    Raises:
        UsageError: it holds a control character.
    """
    if _CONTROL.search(text):
        raise UsageError(f"{what} must not hold a line break or a control character")


_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "http": ("url",),
    "unix": ("path", "url"),
    "file": ("path",),
    "stdin": (),
    "callable": ("read",),
    "registry": ("read",),
}


# Names: what may be seen


def _masked(params: tuple[tuple[str, str], ...]) -> str:
    shown = "&".join(f"{escaped(name)}=***" for name, _ in params)
    return f"?{shown}" if shown else ""


def _of_read(target: Target) -> str:
    named = getattr(target.read, "__qualname__", type(target.read).__name__)
    return f"{target.kind}:{escaped(named)}"


_NAMES: Final[Mapping[TargetKind, Callable[[Target], str]]] = {
    "http": lambda target: target.url + _masked(target.params),
    "unix": lambda target: (
        f"unix:{escaped(target.path)}:{_parts(target.url).path}{_masked(target.params)}"
    ),
    "file": lambda target: f"file:{escaped(target.path)}",
    "stdin": lambda target: "stdin",
    "callable": _of_read,
    "registry": _of_read,
}


# Reading what was typed: the first that fits takes it

Fields = dict[str, Any]


def _stdin(text: str, _: Fields) -> Fields:
    return {"kind": "stdin"}


# What begins so is a path, whether something is there or not.
_PATHS: Final = ("/", "./", "../", "~/")


def _file(text: str, _: Fields) -> Fields:
    path = text.removeprefix("file:")
    if path.startswith("//"):
        host, slash, path = path.removeprefix("//").partition("/")
        if host not in ("", "localhost"):  # which may hold a password
            raise UsageError(
                "file: takes a path of this machine: file:PATH or file:///PATH"
            )
        path = _unquoted(slash + path)
    if not path:
        raise UsageError("file: needs a path behind it")
    return {"kind": "file", "path": path}


def _unix(text: str, options: Fields) -> Fields:
    match = _UNIX.fullmatch(text)
    if match is None:
        raise UsageError("expected unix:/path.sock or unix:/path.sock:/metrics")
    split = _parts("http://localhost" + (match["path"] or METRICS_PATH))
    return {
        "kind": "unix",
        "path": match["socket"],
        "url": f"http://localhost{split.path}",
        "params": _params(split, options),
    }


def _mode(path: str) -> int:
    """What kind of a file is there; 0 if none can be seen."""
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return 0


def _is_there(text: str) -> bool:
    mode = _mode(text)
    return mode != 0 and not stat.S_ISDIR(mode)


def _path(text: str, options: Fields) -> Fields:
    path = os.path.expanduser(text)
    if stat.S_ISSOCK(_mode(path)):
        return _unix(f"unix:{os.path.realpath(path)}", options)
    return {"kind": "file", "path": path}


def _url(text: str, options: Fields) -> Fields:
    scheme = _SCHEME.match(text)
    if _HALF_SCHEME.match(text) and not scheme:
        # Taken for a host, it would show what stands before an @: a password.
        raise UsageError("expected http:// or https:// with two slashes, or host:port/path")
    if scheme and scheme[1].lower() not in ("http", "https"):
        raise UsageError(f"expected http://, https://, file: or unix:, not {scheme[1]}://")
    split = _split(text if scheme else f"http://{text}")
    host = split.hostname or "localhost"
    netloc = f"[{host}]" if ":" in host else host
    if split.port is not None:
        netloc += f":{split.port}"
    fields: Fields = {
        "kind": "http",
        "url": f"{split.scheme.lower()}://{netloc}{split.path or METRICS_PATH}",
        "params": _params(split, options),
    }
    if split.username is not None:
        if options.get("auth", Auth()) != Auth():
            raise UsageError("give credentials in the URL or beside it, not both")
        fields["auth"] = Auth(
            username=_unquoted(split.username),
            password=_unquoted(split.password or ""),
        )
    return fields


def check_url(url: str) -> None:
    """Refuse a URL that would show a secret, or that no request can be made of.

    Raises:
        UsageError: it is more or less than a scheme, a host and a path.
    """
    refuse_control(url, "a url")
    split = _split(url)
    if split.scheme not in ("http", "https") or split.query or "@" in split.netloc:
        raise UsageError(
            "the url of a target is http:// or https://, a host and a path;"
            " credentials belong to auth, and the query to params"
        )


def _split(url: str) -> SplitResult:
    """The parts of a URL; what is wrong is said without a word of its text, since that
    may hold a password."""
    try:
        split = _parts(url)
        port_fits = split.port != 0
    except ValueError:
        port_fits = False
    if not port_fits:
        raise UsageError("a target's host or port cannot be read; expected host:port")
    if not split.hostname and split.port is None:
        raise UsageError("a target needs a host: http://host:port/path")
    if re.search(r"[\s<>\"{}|\\^`\[\]]", split.hostname or ""):
        raise UsageError("a target's host has a character that no host can have")
    return split


# A file has no URL, and the module of them takes 2 ms of the 90 that a look at one takes.


def _parts(url: str) -> SplitResult:
    from urllib.parse import urlsplit

    return urlsplit(url)


def _unquoted(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)


def _params(split: SplitResult, options: Fields) -> tuple[tuple[str, str], ...]:
    from urllib.parse import parse_qsl

    typed = parse_qsl(split.query, keep_blank_values=True)
    return (*typed, *_pairs(options.get("params", ())))


_READERS: Final[
    tuple[tuple[Callable[[str], bool], Callable[[str, Fields], Fields]], ...]
] = (
    (lambda text: text == "-", _stdin),
    (lambda text: text.startswith("file:"), _file),
    (lambda text: text.startswith("unix:"), _unix),
    (lambda text: text.startswith(_PATHS) and not text.startswith("//"), _path),
    (lambda text: not _SCHEME.match(text) and _is_there(text), _path),
    (bool, _url),
)
