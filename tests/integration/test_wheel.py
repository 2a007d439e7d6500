"""The package as others install it: a wheel that carries the console, and needs no node."""

import re
import socket
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.installation import wait_for

ROOT = Path(__file__).resolve().parents[2]
BUILD_S = 600  # packages of the console may have to be fetched
pytestmark = pytest.mark.timeout(BUILD_S + 120)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel in it; its dependencies are those of this one, to stay quick."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    installed = home / "bin" / "python"
    site = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    # A path that comes from a .pth is not searched for more of them: our editable installation is not seen there.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    command = [sys.executable, "-m", "pip", "--python", str(installed), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return installed


@pytest.fixture
def url(python: Path, database: str, redis_url: str, tmp_path: Path) -> Iterator[str]:
    """A gateway from the wheel, in an environment that has nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as listening, (tmp_path / "gateway.log").open("wb") as log:
        env = {"PATH": str(python.parent), "HOME": str(tmp_path), "CALLBOARD_DATA_DIR": str(tmp_path / "data")}
        command = [str(python), "-m", "gateway", "--fd", str(listening.fileno())]
        servers = {"DATABASE_URL": database, "REDIS_URL": redis_url}
        process = subprocess.Popen(command, cwd=tmp_path, env=env | servers, pass_fds=[listening.fileno()], stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            wait_for(lambda: fetch(f"{address}/health")[0] == 200, 30, (tmp_path / "gateway.log").read_text)
            yield address
        finally:
            process.terminate()
            process.wait(15)


def fetch(url: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.headers["Content-Type"], response.read().decode()
    except OSError as error:
        return 0, "", str(error)


def test_it_carries_what_the_console_became_and_not_what_it_was_made_of(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    console = [name for name in names if name.startswith("gateway/console/")]
    assert {"gateway/console/dist/index.html", "gateway/console/dist/docs.html", "gateway/console/dist/widget.js"} <= set(console)
    assert all(name.startswith("gateway/console/dist/") for name in console)
    assert [name for name in names if name.startswith("storage/migrations/") and name.endswith("0006_widget.sql")]
    assert not [name for name in names if name.startswith("tests/") or "node_modules" in name]


def test_an_empty_environment_without_node_serves_the_console(url: str, python: Path) -> None:
    where = [str(python), "-c", "import gateway; print(gateway.__file__)"]
    assert subprocess.run(where, cwd="/", capture_output=True, text=True, check=True).stdout.startswith(str(python.parents[1]))
    status, kind, page = fetch(f"{url}/login")
    assert (status, kind.partition(";")[0]) == (200, "text/html")
    assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
    assert {asset.rpartition(".")[2] for asset in assets} >= {"js", "css"}
    for asset in assets:
        status, _, content = fetch(url + asset)
        assert status == 200, asset
        assert content
    assert fetch(f"{url}/docs")[0] == 200
    status, kind, script = fetch(f"{url}/widget.js")
    assert (status, kind.partition(";")[0]) == (200, "text/javascript")
    assert "callboard-widget" in script
