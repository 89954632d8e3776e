"""aiohttp's server with an answer that is ready: what it alone takes of a question.

`python -m benchmarks.peers.ready PORT`; it has no router and writes no log of requests,
which would cost more. `promlatest serve` was tried on it.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from aiohttp import web

_BODY: Final = (
    b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":'
    b'"served_total","code":"2","instance":"127.0.0.1:9100","shard":"7"},"value":'
    b'[1700000000.123,"259"]}]}}'
)


async def _answer(_: web.BaseRequest) -> web.Response:
    return web.Response(body=_BODY, content_type="application/json")


async def _main(port: int) -> None:
    runner = web.ServerRunner(web.Server(_answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
