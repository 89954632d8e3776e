"""The relay, tested in the event loop that it runs in: asyncio's, and trio's."""

import pytest

anyio = pytest.importorskip("anyio")


@pytest.fixture(params=["asyncio", "trio"])
def run(request):
    """Runs a coroutine function in one of the loops; anyio's own plugin does alike."""
    pytest.importorskip(request.param)
    return lambda work: anyio.run(work, backend=request.param)


class Line:
    """A line to somewhere else, which fails as often as it is told to."""

    def __init__(self, failures=0):
        self.failures = failures

    async def __call__(self, message):
        await anyio.sleep(0.01)
        if self.failures:
            self.failures -= 1
            raise OSError("the line is dead")


def test_a_message_is_sent_on(run, scrape_target):
    from relay import Relay

    async def work():
        relay = Relay(Line())
        metrics = scrape_target(relay.metrics).aio
        mark = await metrics.mark()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(relay.run)
            await relay.put("hello")
            await mark.expect("relay_sent_total").to_increase_by(1, settle=0.1)
            assert await mark.increase("relay_lost_total") == 0
            tasks.cancel_scope.cancel()

    run(work)


def test_what_fails_is_tried_again(run, scrape_target):
    from relay import Relay

    async def work():
        relay = Relay(Line(failures=2))
        metrics = scrape_target(relay.metrics).aio
        mark = await metrics.mark()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(relay.run)
            await relay.put("hello")
            await mark.expect("relay_sent_total").to_increase_by(1)
            failed = await mark.increase(
                "relay_attempts_total", outcome="failed", missing=0
            )
            assert failed == 2
            tasks.cancel_scope.cancel()

    run(work)


def test_every_message_is_either_sent_or_lost(run, scrape_target):
    from relay import Relay

    async def work():
        relay = Relay(Line(failures=4))
        metrics = scrape_target(relay.metrics).aio
        mark = await metrics.mark()

        def settled(since):
            ended = since.increase("relay_sent_total") + since.increase("relay_lost_total")
            assert ended == 3
            assert since.after.value("relay_waiting") == 0

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(relay.run)
            for number in range(3):
                await relay.put(str(number))
            await mark.expect_that(settled).to_hold(settle=0.05)
            tasks.cancel_scope.cancel()

    run(work)
