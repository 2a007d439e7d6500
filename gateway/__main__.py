"""`python -m gateway [--fd N]`: serve HTTP on an inherited socket, or on CALLBOARD_HOST and CALLBOARD_PORT."""

import argparse
import asyncio
import logging
import signal
import socket
import sys

import uvloop

from config import collector
from config.settings import Settings, SettingsError, settings
from gateway.app import gateway

log = logging.getLogger("gateway")

BACKLOG = 1024


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway")
    parser.add_argument("--fd", type=int, help="a listening socket inherited from the supervisor")
    arguments = parser.parse_args()
    try:
        known = settings()
        _check(known)
        listening = _listening(known, arguments.fd)
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 2
    logging.basicConfig(level=known.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    uvloop.run(_serve(known, listening))
    return 0


async def _serve(known: Settings, listening: socket.socket) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with gateway(known, listening):
        collector.settle()
        log.info("listening on %s", listening.getsockname())
        await stopping.wait()
        log.info("stopping")


def _check(known: Settings) -> None:
    for name, value in (("DATABASE_URL", known.database_url), ("REDIS_URL", known.redis_url)):
        if not value:
            raise SettingsError(f"{name} is not set; `callboard run` sets it for the gateways it starts")


def _listening(known: Settings, fd: int | None) -> socket.socket:
    if fd is not None:
        inherited = socket.socket(fileno=fd)
        inherited.setblocking(False)
        return inherited
    return socket.create_server((known.host, known.port), backlog=BACKLOG)


if __name__ == "__main__":
    sys.exit(main())
