"""Durations and sizes as Prometheus writes them."""

import pytest

from promlatest._units import format_duration, parse_duration, parse_size
from promlatest.exceptions import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("0s", 0.0), ("500ms", 0.5), ("5s", 5.0), ("1m30s", 90.0), ("1h", 3600.0),
     ("1d2h", 93600.0), ("1w", 604800.0), ("1y", 31536000.0), ("1s500ms", 1.5)],
)  # fmt: skip
def test_duration(text: str, seconds: float) -> None:
    """A duration is a sum of numbers with falling units."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 s", "1.5s", "s", "1s1m", "-1s", "1S", "٣s", "300y", 5000 * "1" + "s"],
    ids=lambda text: text[:5],
)
def test_no_duration(text: str) -> None:
    """What Prometheus does not take for a duration is none here."""
    with pytest.raises(UsageError):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "500ms", "1m30s", "1d2h", "90d", "2w", "-1h"])
def test_a_duration_is_written(text: str) -> None:
    """With falling units; weeks and years only where nothing is left over."""
    duration = round(1000 * parse_duration(text.removeprefix("-")))

    assert format_duration(-duration if text.startswith("-") else duration) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1B", 1),
        ("10KB", 10240),
        ("10KiB", 10240),
        ("1.5MB", 1572864),
        ("2GB", 2 << 30),
    ],
)
def test_size(text: str, size: int) -> None:
    """The units of a size are powers of 1024, as in Go."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "10", "10mb", "-1MB", "MB", "1 MB"])
def test_no_size(text: str) -> None:
    """What Prometheus does not take for a size is none here."""
    with pytest.raises(UsageError):
        parse_size(text)
