"""Threads for work that may never come back: names to resolve, callables, commits.

The executors of the standard library are waited for when the interpreter ends, and a
name server that does not answer would hold it for half a minute. These threads are
daemons, and nobody waits for them.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

from promlatest.exceptions import TimeoutExceededError
from promlatest.scrape._fetch import contained

P = ParamSpec("P")
R = TypeVar("R")

_local: Final = threading.local()

Done = Callable[[Any, Exception | None], None]
"""Called on the thread of the worker with what a function gave, or raised."""

_Call = tuple[Callable[[], Any], Done]


class Workers:
    """A pool of at most so many daemon threads, started as they are needed. They end with
    it: a thread at rest does not hold it.

    It is safe to use from any thread.

    Args:
        name: of the threads.
        most: threads at a time; more calls than that wait.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name: Final = name
        self._most: Final = most
        self._calls: Final[SimpleQueue[_Call | None]] = SimpleQueue()
        self._lock: Final = threading.Lock()
        # Guarded by the lock.
        self._threads = 0
        self._idle = 0  # threads that no call is on its way to
        self._backlog = 0  # calls that no thread is on its way to

    def submit(self, function: Callable[[], Any], done: Done) -> None:
        """Have a function called on one of the threads, and `done` with its outcome."""
        with self._lock:
            self._calls.put((function, done))
            if self._idle:
                self._idle -= 1
            elif self._threads < self._most:
                self._threads += 1
                name = f"{self._name}-{self._threads}"
                arguments = self._calls, weakref.ref(self)
                threading.Thread(
                    target=_work, args=arguments, name=name, daemon=True
                ).start()
            else:
                self._backlog += 1

    def call(
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[R]:
        """Have a function called on one of the threads, for the running event loop.

        What is no `Exception` comes as an `EscapedError`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()

        def settle(result: Any, error: Exception | None) -> None:
            if future.done():  # nobody waits any more
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def done(result: Any, error: Exception | None) -> None:
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:  # the loop was closed meanwhile
                return

        self.submit(lambda: function(*args, **kwargs), done)
        return future

    def is_mine(self) -> bool:
        """Whether this is one of the threads."""
        return getattr(_local, "calls", None) is self._calls

    def close(self) -> None:
        """End the threads once they are done, without waiting for them."""
        threads, self._threads = self._threads, 0
        for _ in range(threads):
            self._calls.put(None)

    __del__ = close

    def _rest(self) -> None:
        """Note that a thread has nothing to do."""
        with self._lock:
            if self._backlog:
                self._backlog -= 1
            else:
                self._idle += 1


def _work(calls: SimpleQueue[_Call | None], workers: weakref.ref[Workers]) -> None:
    """What a thread does."""
    _local.calls = calls
    while (call := calls.get()) is not None:
        _carry_out(*call)
        del call  # a thread at rest must hold no body
        if (pool := workers()) is not None:
            pool._rest()
        del pool


def _carry_out(function: Callable[[], Any], done: Done) -> None:
    try:
        result = contained(function)
    except Exception as error:
        done(None, error)
    else:
        done(result, None)


class OneAtATime:
    """One call after the other on some workers. A call that hangs cannot be interrupted,
    so while one does there is no other: else each scrape would leave a thread behind.

    Args:
        workers: whose threads.
        target: whose calls they are, for errors.
    """

    def __init__(self, workers: Workers, target: str) -> None:
        self._workers = workers
        self._target = target
        self._under_way: asyncio.Future[Any] | None = None

    async def call(
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """What the function gives. Cancelling this lets go of it.

        Raises:
            TimeoutExceededError: an earlier one has not come back yet.
        """
        if self._under_way is not None and not self._under_way.done():
            raise TimeoutExceededError(
                "reading it has not come back since an earlier scrape",
                phase="body",
                target=self._target,
            )
        self._under_way = begun = self._workers.call(function, *args, **kwargs)
        try:
            return await asyncio.shield(begun)
        except asyncio.CancelledError:
            # Look at what it comes to, or asyncio complains that nobody has.
            begun.add_done_callback(lambda done: done.exception())
            raise
        finally:
            if begun.done():
                self._under_way = None  # what it gave is not held
