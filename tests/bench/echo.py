"""The yardstick: a bare aiohttp application that reads the body and answers 200.

python -m tests.bench.echo asyncio|uvloop PORT
"""

import asyncio
import sys

from aiohttp import web

from tests.bench.loops import RUN


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read(), content_type="application/json")


async def main(port: int) -> None:
    """Serve until killed."""
    app = web.Application()
    app.router.add_post("/{path:.*}", _echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    RUN[sys.argv[1]](main(int(sys.argv[2])))
