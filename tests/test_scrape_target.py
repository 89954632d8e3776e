"""What a person types, as a target; and what is never shown of it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from promlatest.exceptions import UsageError
from promlatest.scrape import TLS, Auth, Target

TYPED = [
    # typed, kind, name, instance
    ("http://localhost:8080/metrics", "http", "http://localhost:8080/metrics", "localhost:8080"),
    ("http://localhost:8080", "http", "http://localhost:8080/metrics", "localhost:8080"),
    ("https://example.org/m", "http", "https://example.org/m", "example.org"),
    ("HTTP://Example.org:1/", "http", "http://example.org:1/", "example.org:1"),
    (" localhost:8080 ", "http", "http://localhost:8080/metrics", "localhost:8080"),
    (":8080", "http", "http://localhost:8080/metrics", "localhost:8080"),
    (":8080/x", "http", "http://localhost:8080/x", "localhost:8080"),
    ("example", "http", "http://example/metrics", "example"),
    ("example/m", "http", "http://example/m", "example"),
    ("[::1]:8080", "http", "http://[::1]:8080/metrics", "[::1]:8080"),
    ("h:1/m?name[]=a&b=", "http", "http://h:1/m?name[]=***&b=***", "h:1"),
    ("-", "stdin", "stdin", "stdin"),
    ("file:/a/b.prom", "file", "file:/a/b.prom", "/a/b.prom"),
    ("file:///a%20b.prom", "file", "file:/a b.prom", "/a b.prom"),
    ("unix:/run/a.sock", "unix", "unix:/run/a.sock:/metrics", "unix:/run/a.sock:/metrics"),
    ("unix:///run/a.sock:/m?a=b", "unix", "unix:/run/a.sock:/m?a=***", "unix:/run/a.sock:/m?a=***"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "kind", "name", "instance"), TYPED)
def test_typed(typed: str, kind: str, name: str, instance: str) -> None:
    """A target is what a person means by a URL, host:port, :port, a file, - or a socket."""
    target = Target.parse(typed)

    assert (target.kind, target.name, target.instance) == (kind, name, instance)
    assert str(target) == name


@pytest.mark.parametrize(
    "typed",
    ["", " ", "ftp://x", "http://", "http://:", "a:b:c", "h:99999", "h:0", "file:", "unix:",
     "unix:/a:b", "h\n:1", "http://[::1", "h ost:1"],
)  # fmt: skip
def test_not_a_target(typed: str) -> None:
    """What cannot be a target is refused when it is typed."""
    with pytest.raises(UsageError):
        Target.parse(typed)


def test_existing_path(tmp_path: Path) -> None:
    """The path of a file or a socket that is there is a target as it stands."""
    file = tmp_path / "m.prom"
    file.write_text("a 1\n")
    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)

        assert Target.parse(str(file)).kind == "file"
        assert Target.parse(path).name == f"unix:{path}:/metrics"
        assert Target.of(file).path == str(file)


def test_of() -> None:
    """A callable, a registry and a target can be targets too."""
    target = Target.parse(":1")

    assert Target.of(target) is target
    assert Target.of(target, labels={"a": "b"}).labels == {"a": "b"}
    assert Target.of(lambda: b"").kind == "callable"
    assert Target.of(CollectorRegistry()).name == "registry:CollectorRegistry"
    with pytest.raises(UsageError):
        Target.of(3)


def test_credentials_in_a_url() -> None:
    """Credentials in a URL become authentication, and leave the URL."""
    target = Target.parse("http://us%40er:p%3Aw@h:1/m")

    assert target.url == "http://h:1/m"
    assert (target.auth.username, target.auth.password) == ("us@er", "p:w")
    with pytest.raises(UsageError):
        Target.parse("http://u:p@h", auth=Auth(bearer_token="t"))


SECRET = "s3cret"


@pytest.mark.parametrize(
    "target",
    [
        Target.parse(f"http://{SECRET}:{SECRET}@h/m?token={SECRET}"),
        Target.parse("h", auth=Auth(bearer_token=SECRET)),
        Target.parse("h", headers={"X-Key": SECRET}),
        Target.parse("h", params={"key": SECRET}),
        Target.parse("h", tls=TLS(ca=SECRET)),
        Target.parse(f"unix:/s:/m?token={SECRET}"),
    ],
)
def test_secrets_are_not_shown(target: Target) -> None:
    """No repr and no name of a target shows a secret."""
    assert SECRET not in repr(target) + str(target) + target.name + target.instance


@pytest.mark.parametrize("typed", [f"http://u:{SECRET}@h:x", f"http://u:{SECRET}@[::1"])
def test_secrets_are_not_in_errors(typed: str) -> None:
    """What is wrong with a URL is said without the password in it."""
    with pytest.raises(UsageError) as caught:
        Target.parse(typed)

    assert SECRET not in str(caught.value)


CONTRADICTIONS = [
    (Auth, {"bearer_token": "a", "bearer_token_file": "b"}),
    (Auth, {"bearer_token": "a", "username": "b"}),
    (Auth, {"password": "a", "password_file": "b"}),
    (Auth, {"type": "basic", "bearer_token": "a"}),
    (Auth, {"bearer_token": "a\nX-Evil: 1"}),
    (TLS, {"ca": "a", "ca_file": "b"}),
    (TLS, {"key_file": "a"}),
    (TLS, {"min_version": "SSL3"}),
    (Target, {"kind": "http", "headers": {"X-A": "b\r\nX-Evil: 1"}}),
]


@pytest.mark.parametrize(("made", "given"), CONTRADICTIONS, ids=map(str, range(9)))
def test_contradictions(made: Callable[..., object], given: dict[str, Any]) -> None:
    """Credentials and trust that contradict themselves are refused at once (C-4)."""
    with pytest.raises(UsageError):
        made(**given)
