"""A small site of a shop on this machine, which a test changes while it runs."""

import gzip
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Website:
    """Pages by path: HTML, bytes, or a status. `asked` counts requests."""

    pages: dict[str, str | bytes | int]
    moved: Mapping[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""

    def __post_init__(self) -> None:
        self.pages = dict(self.pages)  # a change is this site's alone

    async def answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        if request.path in self.moved:
            return web.Response(status=302, headers={"Location": self.moved[request.path]})
        page = self.pages.get(request.path, 404)
        match page:
            case int():
                return web.Response(status=page)
            case bytes():
                return web.Response(body=page, content_type="application/pdf")
            case _ if request.path.endswith((".txt", ".xml")):
                return web.Response(text=page, content_type="text/xml" if request.path.endswith(".xml") else "text/plain")
            case _ if request.path == "/packed":  # whatever was asked for
                return web.Response(body=gzip.compress(page.encode()), headers={"Content-Type": "text/html", "Content-Encoding": "gzip"})
        return web.Response(text=page, content_type="text/html")


@asynccontextmanager
async def website(site: Website) -> AsyncIterator[Website]:
    """Serve it while the block lasts."""
    app = web.Application()
    app.router.add_get("/{path:.*}", site.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await runner.cleanup()


def page(title: str, text: str, *links: str) -> str:
    """A page of the shop; what stands around its content is the same on every one."""
    around = "".join(f'<a href="{link}">link</a>' for link in links)
    content = f"<nav>{around}</nav><h1>{title}</h1><p>{text}</p><footer>Shop, +7 495</footer>"
    return f"<html><head><title>{title}</title></head><body>{content}</body>"
