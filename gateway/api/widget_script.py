"""The widget's program, for the pages of other sites."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gateway.api.operation import Plain
from gateway.problems import not_found

FILE = Path(__file__).parent.parent / "console" / "dist" / "widget.js"
HEADERS = {
    "Cache-Control": "public, max-age=300",  # sites have the newest version within minutes
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Script:
    body: bytes
    etag: str


class WidgetScript:
    """GET /widget.js."""

    def __init__(self, file: Path = FILE) -> None:
        self._script = _read(file)

    def plain(self) -> list[Plain]:
        """Return the routes outside the JSON API."""
        return [Plain("GET", "/widget.js", self.show, tag="widget", media=("text/javascript",), also=(404,))]

    async def show(self, request: web.Request) -> web.Response:
        """Return the program that draws the chat on a company's own page."""
        if self._script is None:
            raise not_found("widget: the console is not built")
        headers = {**HEADERS, "ETag": self._script.etag}
        if self._script.etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._script.body, content_type="text/javascript", charset="utf-8", headers=headers)


def _read(file: Path) -> _Script | None:
    try:
        body = file.read_bytes()
    except OSError:
        return None
    return _Script(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
