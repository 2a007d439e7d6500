"""The web console's files, as the build left them: pages under a strict policy, assets that are kept for ever."""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from gateway.api.operation import Plain
from gateway.problems import not_found

DIST = Path(__file__).parent / "console" / "dist"
_NONCE = "CALLBOARD_NONCE"  # as gateway/console/vite.config.ts writes it
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
_TYPES: Mapping[str, str] = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
_ALWAYS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"}
# A page carries a nonce of its own, so it is not kept; it weighs less than a kilobyte, everything heavy is an asset.
_PAGE = {
    **_ALWAYS,
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_ASSET = {**_ALWAYS, "Cache-Control": "public, max-age=31536000, immutable"}
_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Callboard</title>
<h1>The console is not built</h1><p>Run <code>make setup</code>, or in the environment that Callboard is installed in
<code>python scripts/build_console.py</code>, and reload this page. Everything else works without it.</p></html>"""


def policy(nonce: str) -> str:
    """Return the Content-Security-Policy of a page. Only the component library's own style sheets need the nonce; scripts get none."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data:",
            "media-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class ConsoleFiles:
    """Serves the console's pages and assets; everybody may have them, what they show comes from the API."""

    def __init__(self, dist: Path = DIST) -> None:
        self._dist = dist

    def plain(self) -> list[Plain]:
        """Return the routes outside the JSON API."""
        pages = ("/", "/login", "/manage", "/manage/{tenant_id}", "/manage/{tenant_id}/{page:.+}")
        page, asset = ("text/html",), ("text/javascript", "text/css", "image/svg+xml")
        return [
            *(Plain("GET", path, self.console, tag="console", media=page, also=(503,)) for path in pages),
            Plain("GET", "/docs", self.docs, tag="console", media=page, also=(503,)),
            Plain("GET", "/assets/{name}", self.asset, tag="console", media=asset, also=(404,)),
        ]

    async def console(self, _: web.Request) -> web.Response:
        """Show the console; which of its pages is decided in the browser."""
        return self._page("index.html")

    async def docs(self, _: web.Request) -> web.Response:
        """Show this documentation, to be tried out in the browser."""
        return self._page("docs.html")

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """Send a script, style sheet or image of the console; its name changes with its content."""
        name = request.match_info["name"]
        kind = _TYPES.get(Path(name).suffix)
        path = self._dist / "assets" / name
        if kind is None or not _NAME.fullmatch(name) or not path.is_file():
            raise not_found("file of the console")
        # The compressed forms beside it are found by aiohttp.
        return web.FileResponse(path, headers={**_ASSET, "Content-Type": kind, "Vary": "Accept-Encoding"})

    def _page(self, name: str) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        headers = {**_PAGE, "Content-Security-Policy": policy(nonce)}
        try:
            text = (self._dist / name).read_text(encoding="utf-8")
        except OSError:
            return web.Response(status=503, text=_MISSING, content_type="text/html", headers=headers)
        return web.Response(text=text.replace(_NONCE, nonce), content_type="text/html", headers=headers)
