"""How to wait: blocking, in asyncio, or in trio.

All that a test asks is written once, as coroutines that wait by an `Io`. The blocking one
never suspends, so `finished` runs such a coroutine like a function. `asked` makes one
method of two faces of it.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from typing import (
    Any,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    cast,
    overload,
)

from promlatest.exceptions import UsageError
from promlatest.testing._errors import hides
from promlatest.testing._unasked import Ledger, Unasked

__tracebackhide__ = hides

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Io(Protocol):
    """A way to wait."""

    async def sleep(self, seconds: float) -> None:
        """Let this time pass."""

    async def called(self, work: Callable[[], R]) -> R:
        """Call what may block."""

    async def looped(self, work: Callable[[], Coroutine[Any, Any, R]], timeout: float) -> R:
        """Run what needs an event loop.

        Raises:
            TimeoutError: it took longer, in seconds.
        """


class _Blocking:
    """Waits by blocking its thread, which may not be that of an event loop."""

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def called(self, work: Callable[[], R]) -> R:
        return work()

    async def looped(self, work: Callable[[], Coroutine[Any, Any, R]], timeout: float) -> R:
        return asyncio.run(LOOPED.looped(work, timeout))


class _Looped:
    """Waits in the event loop that runs: that of asyncio or of trio."""

    async def sleep(self, seconds: float) -> None:
        if (trio := _trio()) is not None:
            await trio.sleep(seconds)
        else:
            await asyncio.sleep(seconds)

    async def called(self, work: Callable[[], R]) -> R:
        if (trio := _trio()) is not None:
            done: R = await trio.to_thread.run_sync(work)
            return done
        return await asyncio.to_thread(work)

    async def looped(self, work: Callable[[], Coroutine[Any, Any, R]], timeout: float) -> R:
        if (trio := _trio()) is not None:
            with trio.move_on_after(timeout):
                return await work()
            raise TimeoutError
        async with asyncio.timeout(timeout):
            return await work()


BLOCKING: Final[Io] = _Blocking()
LOOPED: Final[Io] = _Looped()


def _trio() -> Any:
    """The module of trio, if this is one of its tasks.

    Who runs in it has imported it; promlatest never does.
    """
    trio: Any = sys.modules.get("trio")
    return trio if trio is not None and trio.lowlevel.in_trio_task() else None


async def forever() -> None:
    """Wait until this is cancelled."""
    if (trio := _trio()) is not None:
        await trio.sleep_forever()
    await asyncio.Event().wait()


def _in_loop() -> bool:
    if _trio() is not None:
        return True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Stopwatch:
    """How long something has taken, by the clock or by its pauses, whichever is more: a
    clock that a test has stopped makes no wait endless."""

    def __init__(self) -> None:
        self._began: Final = time.monotonic()
        self._paused = 0.0

    def read(self) -> float:
        """Seconds since it was made."""
        return max(time.monotonic() - self._began, self._paused)

    async def sleep(self, io: Io, seconds: float) -> None:
        """Let this time pass."""
        await io.sleep(seconds)
        self._paused += seconds


def finished(work: Coroutine[Any, Any, R]) -> R:
    """What a coroutine gives that waits by `BLOCKING`, and so never suspends."""
    try:
        work.send(None)
    except StopIteration as done:
        result: R = done.value
        return result
    work.close()
    raise AssertionError("a blocking way to wait has suspended")


class Face:
    """What a test asks, in one of two ways."""

    _io: Io

    @property
    def name(self) -> str:
        """What it is called in messages."""
        raise NotImplementedError

    @property
    def _ledger(self) -> Ledger:
        raise NotImplementedError

    def _answer(self, ask: Callable[[], Coroutine[Any, Any, R]], words: str) -> Any:
        """The answer, or what is to be awaited for it; the words say what is asked."""
        raise NotImplementedError


class Blocks(Face):
    """One that blocks. In an event loop it refuses: it would block the application that it
    waits for."""

    _io = BLOCKING

    def _answer(self, ask: Callable[[], Coroutine[Any, Any, R]], words: str) -> R:
        if _in_loop():
            raise UsageError(
                f"{words} would block the event loop that it is called in, and"
                " with it the application: take the target's .aio, and await"
            )
        return finished(ask())


class Awaits(Face):
    """One that is to be awaited."""

    _io = LOOPED

    def _answer(self, ask: Callable[[], Coroutine[Any, Any, R]], words: str) -> Pending[R]:
        return Pending(ask, words, self._ledger)


class Faced(Protocol[P, R_co]):
    """A method of either face, as `asked` makes it."""

    @overload
    def __get__(self, face: None, kind: type, /) -> Self: ...
    @overload
    def __get__(self, face: Blocks, kind: type, /) -> Callable[P, R_co]: ...
    @overload
    def __get__(self, face: Awaits, kind: type, /) -> Callable[P, Pending[R_co]]: ...


def asked(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Faced[P, R]:
    """A coroutine as a method of both faces, with one signature and docstring."""

    @functools.wraps(method)
    def of_a_face(self: Face, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        words = f"{method.__name__}(…) of {self.name}"
        return self._answer(lambda: method(self, *args, **kwargs), words)

    return cast(Faced[P, R], of_a_face)


class Pending(Unasked, Coroutine[Any, Any, R_co], Generic[R_co]):
    """A question that is to be awaited; one that is not says so in words.

    It is a coroutine, so `asyncio.create_task` and `asyncio.wait_for` take it. It has no
    value of its own: `assert target.count("x")` without `await` is no assertion. One that
    is cancelled has found nothing out, as if it was never asked; `close` says that its
    answer is not wanted any more.
    """

    def __init__(
        self, ask: Callable[[], Coroutine[Any, Any, R_co]], words: str, ledger: Ledger
    ) -> None:
        super().__init__(words, "was never awaited: `await` is missing before it", ledger)
        self._ask: Final = ask
        self._asked: Coroutine[Any, Any, R_co] | None = None

    def _work(self) -> Coroutine[Any, Any, R_co]:
        """The work itself, made when it is first asked for."""
        if self._asked is None:
            answering = self._ledger.answering(self._account, self._what)
            self._asked = _answered(answering, self._ask)
        return self._asked

    def __await__(self) -> Generator[Any, Any, R_co]:
        # A generator keeps this alive, and with it the work, until all is done.
        return (yield from self._work().__await__())

    def send(self, value: Any) -> Any:
        return self._work().send(value)

    def throw(self, *error: Any) -> Any:
        return self._work().throw(*error)

    def close(self) -> None:
        self._ledger.settled(self._account)
        if self._asked is not None:
            self._asked.close()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"it has no {name}: {self._wrong}")

    def _refused(self, *_: object) -> Any:
        raise UsageError(self._wrong)

    __bool__ = __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __float__ = _refused
    __hash__ = object.__hash__


async def _answered(
    answering: AbstractContextManager[None], ask: Callable[[], Coroutine[Any, Any, R]]
) -> R:
    """What is asked; it holds nothing of who asks, who would never be dropped then."""
    with answering:
        return await ask()
