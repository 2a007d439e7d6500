"""A company's own site: a page of another origin, with a strict policy, that holds the widget's one line."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><main><h1>Shop</h1></main>{script}</body></html>"""


class ShopSite:
    """Serves the page in Russian at `/` and in English at `/en` while the block lasts."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self.script = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "ShopSite":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = _PAGE.format(language="en" if self.path == "/en" else "ru", script=site.script).encode()
                self.send_response(200 if self.path in {"/", "/en"} else 204)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                policy = f"default-src 'none'; script-src {site._gateway}; connect-src {site._gateway}"
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(page if self.path in {"/", "/en"} else b"")

            def log_message(self, *_: object) -> None:
                """The test's output is not for this."""

        return Handler
