"""A service on anyio, which runs in asyncio and in trio: it relays messages in order."""

from collections.abc import Awaitable, Callable

import anyio
from prometheus_client import CollectorRegistry, Counter, Gauge, make_asgi_app

Send = Callable[[str], Awaitable[None]]


class Relay:
    """Sends every message on, and tries again what fails."""

    def __init__(self, send: Send, *, attempts: int = 3, pause: float = 0.01) -> None:
        registry = CollectorRegistry()
        self.sent = Counter("relay_sent", "Messages sent on.", registry=registry)
        self.lost = Counter("relay_lost", "Messages given up.", registry=registry)
        self.attempts = Counter(
            "relay_attempts", "Attempts, by what became of them.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self.waiting = Gauge("relay_waiting", "Messages that wait.", registry=registry)
        self.metrics = make_asgi_app(registry)
        self._send, self._most, self._pause = send, attempts, pause
        self._inbox, self._outbox = anyio.create_memory_object_stream[str](100)

    async def put(self, message: str) -> None:
        self.waiting.inc()
        await self._inbox.send(message)

    async def run(self) -> None:
        async with self._inbox, self._outbox:
            async for message in self._outbox:
                delivered = await self._deliver(message)
                (self.sent if delivered else self.lost).inc()
                self.waiting.dec()

    async def _deliver(self, message: str) -> bool:
        for _ in range(self._most):
            try:
                await self._send(message)
            except OSError:
                self.attempts.labels("failed").inc()
                await anyio.sleep(self._pause)
            else:
                self.attempts.labels("done").inc()
                return True
        return False
