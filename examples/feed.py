"""An asyncio service: it passes news on to subscribers, and exposes metrics over ASGI."""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, make_asgi_app


class Feed:
    """Passes every item on to every subscriber; a subscriber that is full is dropped."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.items = Counter("feed_items", "Items that came in.", registry=registry)
        self.passed = Counter(
            "feed_passed", "Items passed on.", ["subscriber"], registry=registry
        )
        self.backlog = Gauge(
            "feed_backlog", "Items a subscriber has not read.", ["subscriber"],
            registry=registry,
        )  # fmt: skip
        self.metrics = make_asgi_app(registry)
        self._inbox: asyncio.Queue[str] = asyncio.Queue()
        self._subscribers: dict[str, asyncio.Queue[str]] = {}

    def subscribe(self, name: str, size: int = 10) -> asyncio.Queue[str]:
        self._subscribers[name] = asyncio.Queue(size)
        self.backlog.labels(name).set(0)
        return self._subscribers[name]

    async def publish(self, item: str) -> None:
        await self._inbox.put(item)

    async def run(self) -> None:
        while True:
            item = await self._inbox.get()
            self.items.inc()
            await asyncio.sleep(0.02)  # the translation takes its time
            for name, inbox in list(self._subscribers.items()):
                self._pass_on(name, inbox, item)

    def _pass_on(self, name: str, inbox: asyncio.Queue[str], item: str) -> None:
        if inbox.full():
            del self._subscribers[name]
            self.backlog.remove(name)
            return
        inbox.put_nowait(item)
        self.passed.labels(name).inc()
        self.backlog.labels(name).set(inbox.qsize())
