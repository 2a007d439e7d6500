"""`make fresh [ARGS=--no-suite]`: clone HEAD, `make run`, ask over HTTP and Telegram, stop, `make test`; as a new user and as root."""

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
    suite = not parser.parse_args().no_suite
    with tempfile.TemporaryDirectory(prefix="callboard-fresh-") as place:
        bundle = _bundle(Path(place))
        for newcomer in newcomers():
            try:
                seconds = Story(newcomer, bundle, suite).tell()
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
