"""A program as a subprocess: started on a free port, watched, and ended for certain."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from promlatest.exceptions import UsageError

__all__ = ["Process", "free_port"]

_TAIL: Final = 4_000  # bytes of output that a failure shows
_PATIENCE: Final = 5.0  # seconds from the request to end until it is killed
_POSIX: Final = os.name == "posix"


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A running program. `stop` ends it, and the processes it started.

    Args:
        arguments: the command; ``{port}`` in an argument becomes the port.
        port: the port.
        environment: further variables; ``{port}`` becomes the port.
        directory: where it runs.

    Raises:
        UsageError: there is no such program.
    """

    def __init__(
        self,
        arguments: Sequence[str | os.PathLike[str]],
        port: int,
        *,
        environment: Mapping[str, str] | None = None,
        directory: str | os.PathLike[str] | None = None,
    ) -> None:
        named = {"{port}": str(port)}
        self.arguments: Final = [_filled(os.fspath(each), named) for each in arguments]
        more = {name: _filled(text, named) for name, text in (environment or {}).items()}
        # A file, not a pipe: a program that writes much must not be held up.
        log, path = tempfile.mkstemp(prefix="promlatest-", suffix=".log")
        self._log: Final = Path(path)
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
            self._log.unlink()
            raise UsageError(f"cannot start {self.arguments[0]!r}: {error}") from error
        finally:
            os.close(log)
        self._stopped = False
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
        output = self.output()[-_TAIL:].rstrip()
        return f"{how}; it wrote:\n{output}" if output else f"{how}, and wrote nothing"

    def output(self) -> str:
        """What it has written so far, to standard output and error."""
        return "" if self._stopped else self._log.read_text(errors="replace")

    def stop(self) -> None:
        """End it: politely, and after 5 s by force. Again does nothing."""
        if self._stopped:
            return
        self._tell(signal.SIGTERM)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._tell(_KILL)
            self._process.wait()
        if _POSIX:
            self._tell(_KILL)  # what it has started and left behind
        self._stopped = True
        atexit.unregister(self.stop)
        self._log.unlink(missing_ok=True)

    def _tell(self, number: int) -> None:
        try:
            if _POSIX:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)
        except (ProcessLookupError, PermissionError):
            pass  # it is gone already


_KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)


def _filled(text: str, named: Mapping[str, str]) -> str:
    for name, value in named.items():
        text = text.replace(name, value)
    return text


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
