"""Where Kommo sends people's browsers back to, and where it says that an access was taken back."""

import logging
from html import escape

from aiohttp import web

from actors.domain.errors import CallboardError
from gateway.api.operation import Plain
from gateway.directory import Directory
from gateway.kommo_desk import CALLBACK, DISCONNECTED, KommoDesk, StateUnknown
from gateway.problems import unauthorized

log = logging.getLogger(__name__)

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address holds the code
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Callboard</title>
<body style="font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem">
<h1>{title}</h1><p>{text}</p></body></html>"""
_MOST = 4096  # characters of a parameter

_WORDS = {
    "en": {
        "done": ("Kommo is connected", "{name} is connected. You can close this window and go back to Callboard."),
        "problem": ("Kommo is connected, with a problem", "{name} is connected, but: {problem}"),
        "denied": ("Kommo was not connected", "The access was not allowed. To try again, start from Callboard."),
        "state": ("This link is over", "It was used already, or it took longer than half an hour. Start again from Callboard."),
        "failed": ("Kommo was not connected", "{problem}. Start again from Callboard."),
    },
    "ru": {
        "done": ("Kommo подключён", "Аккаунт {name} подключён. Закройте это окно и вернитесь в Callboard."),
        "problem": ("Kommo подключён, но есть проблема", "Аккаунт {name} подключён, но: {problem}"),
        "denied": ("Kommo не подключён", "Доступ не был разрешён. Чтобы попробовать ещё раз, начните в Callboard."),
        "state": ("Ссылка больше не действует", "Она уже использована, или прошло больше получаса. Начните заново в Callboard."),
        "failed": ("Kommo не подключён", "{problem}. Начните заново в Callboard."),
    },
}


class KommoPages:
    """The two addresses that are registered at Kommo."""

    def __init__(self, desk: KommoDesk, directory: Directory) -> None:
        self._desk = desk
        self._directory = directory

    def plain(self) -> list[Plain]:
        """Return the routes."""
        return [
            Plain("GET", CALLBACK, self.callback, tag="kommo", media=("text/html",), statuses=(200, 400)),
            Plain("GET", DISCONNECTED, self.disconnected, tag="kommo", also=(401,)),
        ]

    async def callback(self, request: web.Request) -> web.Response:
        """Finish connecting an account: Kommo sends the browser of who allowed it here."""
        code, state, referer = (request.query.get(name, "")[:_MOST] for name in ("code", "state", "referer"))
        if not code or not state:
            return _page(request, "denied", 400)
        try:
            connected = await self._desk.allowed(state, code, referer)
        except StateUnknown:
            return _page(request, "state", 400)
        except CallboardError as error:
            log.warning("kommo: an account could not be connected: %s", error)
            return _page(request, "failed", 400, problem=str(error))
        self._directory.forget(connected.id)
        kind = "problem" if connected.problem else "done"
        return _page(request, kind, 200, name=connected.name or connected.host, problem=connected.problem or "")

    async def disconnected(self, request: web.Request) -> web.Response:
        """Take notice that an account took the access back; Kommo signs it with the integration's secret key."""
        account_id, client_id, signature = (request.query.get(name, "")[:_MOST] for name in ("account_id", "client_uuid", "signature"))
        known = account_id.isascii() and account_id.isdigit() and len(account_id) <= 18
        lost = await self._desk.disconnected(int(account_id), client_id, signature) if known else None
        if lost is None:
            raise unauthorized("the signature is wrong", challenge="")
        for integration_id in lost:
            self._directory.forget(integration_id)
        return web.json_response({"ok": True})


def _page(request: web.Request, what: str, status: int, **words: str) -> web.Response:
    language = "ru" if request.headers.get("Accept-Language", "").lower().startswith("ru") else "en"
    title, text = _WORDS[language][what]
    page = _PAGE.format(language=language, title=title, text=text.format(**{name: escape(word) for name, word in words.items()}))
    return web.Response(status=status, text=page, content_type="text/html", headers=_HEADERS)
