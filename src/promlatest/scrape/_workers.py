"""Threads for work that may never come back: names to resolve, callables, commits.

The executors of the standard library are waited for when the interpreter ends, and a
name server that does not answer would hold it for half a minute. These threads are
daemons, and nobody waits for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_local: Final = threading.local()

_Job = tuple["Future[Any]", Callable[[], Any]]


class Workers:
    """A pool of at most so many daemon threads, started as they are needed.

    It is safe to use from any thread.

    Args:
        name: of the threads.
        most: threads at a time; more jobs than that wait.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name: Final = name
        self._most: Final = most
        self._jobs: Final[SimpleQueue[_Job | None]] = SimpleQueue()
        self._lock: Final = threading.Lock()
        # Guarded by the lock.
        self._threads = 0
        self._idle = 0  # threads that no job is on its way to
        self._backlog = 0  # jobs that no thread is on its way to
        self._closed = False

    def submit(
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Have a function called on one of the threads."""
        future: Future[R] = Future()
        with self._lock:
            self._jobs.put((future, lambda: function(*args, **kwargs)))
            if self._idle:
                self._idle -= 1
            elif self._threads < self._most:
                self._threads += 1
                name = f"{self._name}-{self._threads}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
            else:
                self._backlog += 1
        return future

    def is_mine(self) -> bool:
        """Whether this is one of the threads."""
        return getattr(_local, "workers", None) is self

    def close(self) -> None:
        """End the threads once they are done, without waiting for them."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for _ in range(self._threads):
                self._jobs.put(None)

    def _work(self) -> None:
        _local.workers = self
        while (job := self._jobs.get()) is not None:
            future, function = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:
                    future.set_exception(error)
            del job, future, function  # a thread at rest must hold no body
            with self._lock:
                if self._backlog:
                    self._backlog -= 1
                else:
                    self._idle += 1
