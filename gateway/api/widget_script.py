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
    written_ns: int
    body: bytes
    etag: str


class WidgetScript:
    """GET /widget.js."""

    def __init__(self, file: Path = FILE) -> None:
        self._file = file
        self._script: _Script | None = None

    def plain(self) -> list[Plain]:
        """Return the routes outside the JSON API."""
        return [Plain("GET", "/widget.js", self.show, tag="widget", media=("text/javascript",), also=(404,))]

    async def show(self, request: web.Request) -> web.Response:
        """Return the program that draws the chat on a company's own page."""
        script = self._current()
        headers = {**HEADERS, "ETag": script.etag}
        if script.etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=script.body, content_type="text/javascript", charset="utf-8", headers=headers)

    def _current(self) -> _Script:
        """Return the file as it is now: the console may be built anew while we run."""
        try:
            written_ns = self._file.stat().st_mtime_ns
            if self._script is None or self._script.written_ns != written_ns:
                body = self._file.read_bytes()
                self._script = _Script(written_ns, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
        except OSError:
            raise not_found("widget: the console is not built") from None
        return self._script
