"""For `callboard dev`: the web console is built again when one of its sources changes."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from watchfiles import awatch

from actors.runtime.supervisor.keeping import Say

_ROOT = Path(__file__).parents[3]
_SOURCES, _BUILDER = _ROOT / "gateway" / "console" / "src", _ROOT / "scripts" / "build_console.py"
_BUILD_S = 900.0  # the first time its packages are fetched


async def rebuild_on_change(say: Say) -> None:
    """Watch for ever; an installed package has no sources, and then there is nothing to watch."""
    if not (_SOURCES.is_dir() and _BUILDER.is_file()):
        await asyncio.Future()
    async for _ in awatch(_SOURCES, debounce=300, step=50):
        said = await _build()
        say(f"Console: {said or 'built; reload the page'}")


async def _build() -> str:
    """Build and return what went wrong, empty if nothing did."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(_BUILDER), stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    try:
        _, complaint = await asyncio.wait_for(process.communicate(), _BUILD_S)
    except TimeoutError:
        return f"not built within {_BUILD_S:.0f} s"
    finally:
        if process.returncode is None:
            process.kill()
    return complaint.decode(errors="replace").strip() if process.returncode else ""
