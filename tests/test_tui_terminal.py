"""The dashboard on a real terminal: what it leaves there when it ends, stops, goes on."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

pytest.importorskip("textual")
pytestmark = pytest.mark.slow

LEFT = b"\x1b[?1049l"  # the alternate screen is left
ENTERED = b"\x1b[?1049h"
NO_MOUSE = b"\x1b[?1000l"


class Screen:
    """`promlatest top` of a file, on a pseudo-terminal."""

    def __init__(self, file: Path, stderr: BinaryIO | None = None) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "promlatest", "top", str(file)],
            stdin=slave,
            stdout=slave,
            stderr=slave if stderr is None else stderr,
            env={
                **os.environ,
                "TERM": "xterm-256color",
                "XDG_CONFIG_HOME": str(file.parent),  # the settings of nobody
            },
            start_new_session=True,
        )
        os.close(slave)
        self.said = b""

    def wait_for(self, text: bytes, since: int = 0, within: float = 60.0) -> None:
        end = time.monotonic() + within
        while text not in self.said[since:]:
            left = end - time.monotonic()
            assert left > 0, (text, self.said[since:][-600:])
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.said += os.read(self.master, 65536)
                except OSError:  # nobody holds the other end any more
                    assert text in self.said[since:]

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    file = tmp_path / "metrics.prom"
    file.write_text('workqueue_depth{name="pods"} 3\n')
    shown = Screen(file)
    shown.wait_for(b"pods")
    yield shown
    if shown.process.poll() is None:
        shown.process.kill()
        shown.process.wait()
    os.close(shown.master)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name
)
def test_a_signal_leaves_the_terminal_as_it_was(
    screen: Screen, number: signal.Signals
) -> None:
    """The screen is left and the mouse let go, and the exit code tells the signal."""
    screen.process.send_signal(number)
    screen.wait_for(LEFT)
    screen.wait_for(NO_MOUSE)

    assert screen.process.wait(timeout=60) == 128 + number


def test_stopping_and_going_on_draws_everything(screen: Screen) -> None:
    """Ctrl-Z hands the terminal to the shell; after that nothing is missing."""
    screen.press(b"\x1a")
    screen.wait_for(LEFT)
    stopped, status = os.waitpid(screen.process.pid, os.WUNTRACED)
    assert stopped == screen.process.pid
    assert os.WIFSTOPPED(status)

    since = len(screen.said)
    screen.process.send_signal(signal.SIGCONT)
    screen.wait_for(ENTERED, since)
    for words in (b"verview", b"controllers", b"pods", b"quit"):
        screen.wait_for(words, since)
    screen.press(b"q")
    assert screen.process.wait(timeout=60) == 0


def test_errors_can_be_sent_to_a_file(tmp_path: Path) -> None:
    """`top 2>file` is a dashboard all the same: nobody asked for one page."""
    file = tmp_path / "metrics.prom"
    file.write_text('workqueue_depth{name="pods"} 3\n')
    with (tmp_path / "errors").open("wb") as errors:
        screen = Screen(file, stderr=errors)
    screen.wait_for(ENTERED)
    screen.wait_for(b"pods")
    screen.press(b"q")

    screen.wait_for(LEFT)
    assert screen.process.wait(timeout=60) == 0
    assert (tmp_path / "errors").read_bytes() == b""
    os.close(screen.master)


def test_a_filter_that_is_pasted_is_typed(screen: Screen) -> None:
    """Text in one read with the slash pauses and sorts nothing."""
    since = len(screen.said)
    screen.press(b"/podsx")
    screen.wait_for(b"podsx", since)

    assert b"PAUSED" not in screen.said
