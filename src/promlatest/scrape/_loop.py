"""An event loop for callers that have none: on a thread of its own, or for one piece of
work."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from promlatest.exceptions import UsageError
from promlatest.scrape._fetch import EscapedError

__all__ = ["LoopThread", "run_blocking"]

R = TypeVar("R")

_Future = concurrent.futures.Future

_LOOK: Final = 0.05  # s between two looks at whether the program was told to end


class LoopThread:
    """An event loop on a daemon thread. It is closed once, and nothing may be submitted
    at the same time: whoever shares one holds a lock for both."""

    def __init__(self) -> None:
        self.closed = False
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(
            target=self._work, name="promlatest-scrape", daemon=True
        )
        self._thread.start()

    def _work(self) -> None:
        """Run the loop until it is stopped. Others may be waiting for something on it, so
        that is let come to its end before it is closed."""
        self._loop.run_forever()
        self._loop.run_until_complete(_finish())
        self._loop.close()

    def submit(self, work: Coroutine[Any, Any, R]) -> _Future[R]:
        """Begin a piece of work; `wait` gives its outcome."""
        return asyncio.run_coroutine_threadsafe(_guarded(work), self._loop)

    def wait(self, future: _Future[R], timeout: float | None = None) -> R:
        """The outcome of a piece of work; Ctrl-C cancels it.

        Raises:
            UsageError: the loop has ended meanwhile.
        """
        try:
            return future.result(timeout)
        except EscapedError as error:
            raise error.error from None
        except concurrent.futures.CancelledError:
            raise UsageError("the scraper was stopped meanwhile") from None
        except BaseException:
            future.cancel()
            raise

    def is_mine(self) -> bool:
        """Whether this is the thread."""
        return threading.current_thread() is self._thread

    def is_alive(self) -> bool:
        """Whether the thread runs: in the child of a fork it does not."""
        return self._thread.is_alive()

    def end_after(self, work: Coroutine[Any, Any, None]) -> None:
        """End the loop once this is done; for its own thread."""
        self.closed = True
        self._ending = self._loop.create_task(work)
        self._ending.add_done_callback(lambda _: self._loop.stop())

    def close(self) -> None:
        """End the loop and the thread, for which this waits no longer than 1 s."""
        self.closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)


async def _guarded(work: Coroutine[Any, Any, R]) -> R:
    """What is no `Exception` would end the loop, so it is carried out of it."""
    try:
        return await work
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        raise EscapedError(error) from None


async def _finish() -> None:
    """Let the other tasks end, and who waits for them learn of it."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, left = await asyncio.wait(others, timeout=0.5)
        for task in left:
            task.cancel()
    for _ in range(3):  # a task's end reaches another thread by callbacks
        await asyncio.sleep(0)


def run_blocking(work: Coroutine[Any, Any, R]) -> R:
    """Run to the end, on a thread if this one has a loop already (a notebook's).

    There Ctrl-C only cancels the tasks of that loop, which wait for this; so it looks
    for that, and ends with them.
    """
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    cancelled = _cancelled(running)
    thread = LoopThread()
    future = thread.submit(work)
    try:
        while not concurrent.futures.wait([future], timeout=_LOOK).done:
            if _cancelled(running) - cancelled:
                raise asyncio.CancelledError
        return thread.wait(future)
    finally:
        if not future.done():
            future.cancel()
        thread.close()


def _cancelled(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks(loop) if task.cancelling()}
