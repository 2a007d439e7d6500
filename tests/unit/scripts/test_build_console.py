"""The console's build: when it has something to do, and what it says when it cannot."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

BUILDER = Path(__file__).parents[3] / "scripts" / "build_console.py"


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_console", BUILDER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    console = tmp_path / "console"
    (console / "src").mkdir(parents=True)
    (console / "src" / "main.ts").write_text("export {};")
    for name in ("package.json", "package-lock.json"):
        (console / name).write_text("{}")
    for name, path in (
        ("CONSOLE", console),
        ("DIST", console / "dist"),
        ("MODULES", console / "node_modules"),
        ("BUILT_STAMP", console / "dist" / ".built-from"),
        ("INSTALLED_STAMP", console / "node_modules" / ".installed-from"),
    ):
        monkeypatch.setattr(module, name, path)
    return module


def test_the_digest_follows_sources_and_nothing_else(builder: ModuleType) -> None:
    before = builder._digest(builder._sources())
    for made in ("node_modules/vite/index.js", "dist/index.html"):
        path = builder.CONSOLE / made
        path.parent.mkdir(parents=True)
        path.write_text("made")
    assert builder._digest(builder._sources()) == before
    (builder.CONSOLE / "src" / "main.ts").write_text("export { };")
    changed = builder._digest(builder._sources())
    (builder.CONSOLE / "src" / "main.ts").rename(builder.CONSOLE / "src" / "other.ts")
    assert len({before, changed, builder._digest(builder._sources())}) == 3


def test_what_was_built_from_these_sources_is_not_built_again(builder: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    builder.DIST.mkdir()
    builder.BUILT_STAMP.write_text(builder._digest(builder._sources()))
    monkeypatch.setattr(builder, "_home", lambda: pytest.fail("node is not needed"))
    builder.build()


def test_a_registry_that_is_away_is_named(builder: ModuleType, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (builder.CONSOLE / "package.json").write_text('{"dependencies": {"nothing-like-it": "1.0.0"}}')
    lock = '{"lockfileVersion": 3, "packages": {"": {"dependencies": {"nothing-like-it": "1.0.0"}}, "node_modules/nothing-like-it": {'
    (builder.CONSOLE / "package-lock.json").write_text(f'{lock}"version": "1.0.0"}}}}}}')
    # Port 9 of this machine: nothing listens there, nothing leaves it.
    (builder.CONSOLE / ".npmrc").write_text("registry=http://127.0.0.1:9/\nfetch-retries=0\n")
    monkeypatch.setattr(builder, "NPM_CI", [*builder.NPM_CI, "--fetch-retries", "0"])
    assert builder.main([]) == 1
    assert "The npm registry must be reachable" in capfd.readouterr().err
    assert not builder.DIST.exists()


def test_the_lock_names_no_registry() -> None:
    text = (BUILDER.parents[1] / "gateway" / "console" / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert text.count('"integrity"') > 50
