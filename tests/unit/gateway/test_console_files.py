"""The console's files: what is served how, and what is said when there are none."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.console_files import ConsoleFiles
from gateway.edge import Busy
from gateway.metrics import Metrics
from gateway.middleware import edge_middleware


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    assets = tmp_path / "dist" / "assets"
    assets.mkdir(parents=True)
    page = '<meta property="csp-nonce" nonce="CALLBOARD_NONCE"><script src="/assets/a-1.js"></script>'
    for name in ("index.html", "docs.html"):
        (tmp_path / "dist" / name).write_text(f"{page}{name}")
    (assets / "a-1.js").write_text("whole")
    (assets / "a-1.js.gz").write_bytes(b"zipped")
    (assets / "notes.txt").write_text("not for the web")
    (tmp_path / "secret.js").write_text("secret")
    return tmp_path / "dist"


async def client_of(dist: Path) -> TestClient[web.Request, web.Application]:
    app = web.Application(middlewares=[edge_middleware(Metrics(), Busy())])
    for route in ConsoleFiles(dist).plain():
        app.router.add_get(route.path, route.handler)
    client = TestClient(TestServer(app), auto_decompress=False)
    await client.start_server()
    return client


@pytest.mark.parametrize("path", ["/", "/login", "/manage", "/manage/t", "/manage/t/ai-agents/a/scripts"])
async def test_every_address_of_the_console_is_one_page(dist: Path, path: str) -> None:
    async with await client_of(dist) as client, client.get(path) as response:
        text = await response.text()
        assert (response.status, "index.html" in text) == (200, True)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Frame-Options"] == "DENY"


async def test_each_page_has_a_nonce_of_its_own(dist: Path) -> None:
    nonces = set()
    async with await client_of(dist) as client:
        for _ in range(3):
            async with client.get("/docs") as response:
                nonce = (await response.text()).split('nonce="')[1].split('"')[0]
                assert f"'nonce-{nonce}'" in response.headers["Content-Security-Policy"]
                nonces.add(nonce)
    assert len(nonces) == 3


async def test_assets_are_kept_for_ever_and_come_compressed_to_who_can_read_it(dist: Path) -> None:
    async with await client_of(dist) as client:
        async with client.get("/assets/a-1.js", headers={"Accept-Encoding": "identity"}) as whole:
            assert (await whole.text(), whole.headers["Content-Type"]) == ("whole", "text/javascript; charset=utf-8")
            assert "immutable" in whole.headers["Cache-Control"]
            assert whole.headers["X-Content-Type-Options"] == "nosniff"
        async with client.get("/assets/a-1.js", headers={"Accept-Encoding": "gzip"}) as zipped:
            assert (await zipped.read(), zipped.headers["Content-Encoding"]) == (b"zipped", "gzip")
            assert zipped.headers["Content-Type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("name", ["none-1.js", "notes.txt", "a-1.js.gz", "..%2F..%2Fsecret.js", "%2e%2e%2fsecret.js", "a%00.js", "."])
async def test_nothing_else_is_given_away(dist: Path, name: str) -> None:
    async with await client_of(dist) as client, client.get(f"/assets/{name}") as response:
        assert response.status == 404
        assert "secret" not in (await response.text()).replace(name, "")


async def test_a_console_that_is_not_built_says_what_to_run(tmp_path: Path) -> None:
    async with await client_of(tmp_path) as client, client.get("/login") as response:
        assert response.status == 503
        assert "scripts/build_console.py" in await response.text()
