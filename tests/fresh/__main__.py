"""`make fresh`: clone HEAD, `make run`, ask over HTTP and Telegram, stop, `make test`; as a new user and as root.

`ARGS=--no-suite` leaves `make test` out, `ARGS="--only root"` one of the two.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from tests.fresh.newcomer import leave, newcomers
from tests.fresh.story import Story

REPOSITORY = Path(__file__).parents[2]


def main() -> None:
    """Tell every newcomer's story; the first failure ends it with a traceback."""
    parser = argparse.ArgumentParser(prog="make fresh", description=__doc__)
    parser.add_argument("--no-suite", action="store_true", help="leave out `make test`")
    parser.add_argument("--only", default="", help="'a new user' or 'root'")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="callboard-fresh-") as place:
        bundle = _bundle(Path(place))
        chosen = [newcomer for newcomer in newcomers() if given.only in ("", newcomer.name)]
        assert chosen, f"nobody is called {given.only}"
        for newcomer in chosen:
            try:
                seconds = Story(newcomer, bundle, suite=not given.no_suite).tell()
            finally:
                leave(newcomer)
            print(f"fresh: {newcomer.name}: answered after {seconds['git clone'] + seconds['make run until ready']:.0f} s", flush=True)


def _bundle(place: Path) -> Path:
    """Return HEAD as one file that everybody may read: git refuses to clone another user's directory."""
    bundle = place / "head.bundle"
    subprocess.run(["git", "-C", str(REPOSITORY), "bundle", "create", "--quiet", str(bundle), "HEAD"], check=True)
    place.chmod(0o711)
    bundle.chmod(0o644)
    return bundle


if __name__ == "__main__":
    main()
