"""The feed, tested in the event loop that it runs in, through its ASGI application."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from feed import Feed

pytest.importorskip("pytest_asyncio")


@asynccontextmanager
async def running(feed):
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()


async def test_an_item_reaches_every_subscriber(scrape_target):
    async with running(Feed()) as feed:
        metrics = scrape_target(feed.metrics).aio
        feed.subscribe("ann")
        feed.subscribe("bob")
        mark = await metrics.mark()

        await feed.publish("rain")

        await mark.expect("feed_items_total").to_increase_by(1)
        await mark.expect("feed_passed_total", subscriber="ann").to_increase_by(1)
        await mark.expect_sum("feed_passed_total").to_increase_by(2, settle=0.1)
        assert await metrics.value("feed_backlog", subscriber="bob") == 1


async def test_a_subscriber_that_does_not_read_is_dropped(scrape_target):
    async with running(Feed()) as feed:
        metrics = scrape_target(feed.metrics).aio
        feed.subscribe("ann", size=1)
        mark = await metrics.mark()

        await feed.publish("rain")
        await feed.publish("snow")

        await mark.expect("feed_backlog", subscriber="ann").to_disappear(within=5)


async def test_nothing_moves_while_nobody_publishes(scrape_target):
    async with running(Feed()) as feed:
        metrics = scrape_target(feed.metrics).aio

        await metrics.expect("feed_items_total").to_stay(throughout=0.2)
