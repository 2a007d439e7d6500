"""A KnowledgeActor as a process of its own, that a test can kill: `python -m tests.integration.knowledge.indexer_process MEMBER`."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from actors.runtime.knowledge_parts import build_knowledge
from actors.runtime.members import Member, Part


class IndexerProcess:
    """One life of the only KnowledgeActor, with USE as its embedder; whoever chose it wants bases of others made anew."""

    def __init__(self, dsn: str, redis_url: str, data_dir: Path) -> None:
        env = {"DATABASE_URL": dsn, "REDIS_URL": redis_url, "CALLBOARD_DATA_DIR": str(data_dir), "CALLBOARD_EMBEDDER": "use"}
        name = Member(Part("knowledge", 0, 1, 1), uuid4()).name
        command = [sys.executable, "-m", "tests.integration.knowledge.indexer_process", name]
        self._process = subprocess.Popen(command, env=os.environ | env)  # not forked: its embedder is a child of its own

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


async def _main(name: str) -> None:
    member = Member.parse(name)
    assert member is not None
    await (await build_knowledge(member)).run()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
