"""The rival: a plain aiogram bot behind its own webhook handler, one answer a message, nothing stored.

python -m tests.bench.aiogram_bot asyncio|uvloop PORT API_URL TOKEN SECRET TEXT
"""

import asyncio
import sys

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from tests.bench.loops import RUN


async def main(port: int, api: str, token: str, secret: str, text: str) -> None:
    """Serve until killed."""
    bot = Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(api)))
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def _answer(message: Message) -> None:
        await message.answer(text)

    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, secret_token=secret).register(app, path="/hook")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    RUN[sys.argv[1]](main(int(sys.argv[2]), *sys.argv[3:7]))
