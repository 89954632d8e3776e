"""A program as a subprocess: started on a free port, watched, and ended for certain.

However the process of the tests ends, the program ends with it. On POSIX a guardian sees
to that: a small process that reads from a pipe, gets its end of file when the tests are
gone (by SIGKILL or `os._exit`, too), and ends the program's process group. Elsewhere a
program ends with an orderly exit only.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Final

from promlatest._arguments import as_tuple, checked
from promlatest.exceptions import UsageError

_TAIL: Final = 4_000  # bytes of output that a failure shows
_PATIENCE: Final = 5.0  # seconds from the request to end until it is killed
_POSIX: Final = os.name == "posix"
_KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)

# Systems give none of these away by themselves: to somebody else, before the program that
# one was chosen for listens there. Processes side by side begin at places of their own.
_PORTS: Final = range(20_000, 30_000)
_TURNS: Final = itertools.count()

# A byte means that all is well; the end of the file, that nobody is left to say so.
_GUARDIAN: Final = f"""
import os, signal, sys, time
group = int(sys.argv[1])
if not sys.stdin.buffer.read(1):
    try:
        os.killpg(group, signal.SIGTERM)
        for _ in range({int(_PATIENCE * 20)}):
            time.sleep(0.05)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
"""


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on now, another one at each call.

    Raises:
        UsageError: all are taken.
    """
    for turn in itertools.islice(_TURNS, len(_PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = _PORTS[(os.getpid() * 37 + turn) % len(_PORTS)]
            probe.bind(("127.0.0.1", port))
            return port
    raise UsageError(f"expected a free port from {_PORTS[0]} to {_PORTS[-1]}, got none")


class Subprocess:
    """A running program. `stop` ends it, and the processes it started.

    Args:
        arguments: the command; ``{port}`` in an argument becomes the port.
        port: the port.
        environment: further variables; ``{port}`` becomes the port.
        directory: where it runs.

    Raises:
        UsageError: there is no such program, or somebody has the port already; or the
            command or the environment is no text.
    """

    def __init__(
        self,
        arguments: Sequence[str | os.PathLike[str]],
        port: int,
        *,
        environment: Mapping[str, str] | None = None,
        directory: str | os.PathLike[str] | None = None,
    ) -> None:
        _check_command(arguments)
        for name, text in (environment or {}).items():
            checked(text, str, f"a text for the variable {name}")
        _check_free(port)
        self.port: Final = port
        self.arguments: Final = [_filled(os.fspath(each), port) for each in arguments]
        more = {name: _filled(text, port) for name, text in (environment or {}).items()}
        # A file, not a pipe: a program that writes much must not be held up. Where a file
        # may lose its name while it is open, it does, so that none is left behind.
        log, path = tempfile.mkstemp(prefix="promlatest-", suffix=".log")
        self._log: Final = open(path, "rb")  # noqa: SIM115 stop closes it
        self._named: Final = None if _POSIX else path
        if _POSIX:
            os.unlink(path)
        self._began: Final = time.monotonic()
        try:
            self._process: Final = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **more},
                start_new_session=_POSIX,
            )
        except OSError as error:
            self._close_log()
            raise UsageError(f"cannot start {self.arguments[0]!r}: {error}") from error
        finally:
            os.close(log)
        self._guardian: Final = _guardian(self._process.pid) if _POSIX else None
        self._written = ""  # all of it, once it has stopped
        self._stopped = self._closed = False
        self._ended_after: float | None = None
        atexit.register(self.stop)  # a test that forgets to close leaves nothing behind

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ended(self) -> str:
        """How it ended, with the last that it wrote; "" while it runs."""
        code = self._process.poll()
        if code is None:
            return ""
        how = (
            f"was ended by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"
        )
        how = "was closed by the test" if self._closed else how
        output = self.output()[-_TAIL:].rstrip()
        return f"{how}; it wrote:\n{output}" if output else f"{how}, and wrote nothing"

    def ended_after(self) -> float | None:
        """How many seconds it ran, as far as was looked; None while it runs."""
        if self._ended_after is None and self._process.poll() is not None:
            self._ended_after = time.monotonic() - self._began
        return self._ended_after

    def output(self) -> str:
        """What it has written so far, to standard output and error."""
        if not self._stopped:
            self._log.seek(0)
            self._written = self._log.read().decode(errors="replace")
        return self._written

    def stop(self) -> None:
        """End it: politely, and after 5 s by force. Again does nothing."""
        if self._stopped:
            return
        self._closed = self._process.poll() is None
        self._tell(signal.SIGTERM)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._tell(_KILL)
            self._process.wait()
        if _POSIX:
            self._tell(_KILL)  # what it has started and left behind
        self.output()
        self._stopped = True
        self._close_log()
        if self._guardian is not None:
            self._guardian.communicate(b".")
        atexit.unregister(self.stop)

    def _close_log(self) -> None:
        self._log.close()
        if self._named is not None:
            os.unlink(self._named)

    def _tell(self, number: int) -> None:
        try:
            if _POSIX:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)
        except (ProcessLookupError, PermissionError):
            pass  # it is gone already


def _guardian(group: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # It imports nothing of the environment: it is there in 10 ms.
        [sys.executable, "-I", "-S", "-c", _GUARDIAN, str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what is sent to the group of the tests is not for it
    )


def _check_command(arguments: Sequence[str | os.PathLike[str]]) -> None:
    if isinstance(arguments, str) and arguments:
        raise UsageError(
            "expected the arguments of a command one by one, such as"
            f" {arguments.split()!r}, not {arguments!r}"
        )
    if not arguments:
        raise UsageError(f"expected a command and its arguments, not {arguments!r}")
    for each in as_tuple(arguments, "arguments of a command"):
        checked(each, (str, os.PathLike), "an argument of a command")


def _check_free(port: int) -> None:
    """Check that nobody listens: a stranger would answer for the program."""
    for host in ("127.0.0.1", "::1"):
        try:
            with socket.create_connection((host, port), timeout=1.0):
                raise UsageError(
                    f"somebody listens on port {port} already, and would answer in place"
                    " of the program; port=None takes one that is free"
                )
        except OSError:
            continue  # nobody does, or there is no such address


def _filled(text: str, port: int) -> str:
    return text.replace("{port}", str(port))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
