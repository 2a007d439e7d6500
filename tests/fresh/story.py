"""What a newcomer does in the first minutes, step by step, with the seconds of each step."""

import asyncio
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.fakes.telegram_process import TelegramProcess
from tests.fresh.newcomer import Newcomer

SETUP_S = 900.0  # downloads included
SUITE_S = 5400.0
STOP_S = 10.0
TOKEN = "7000000001:fresh-token-of-a-fake-bot"
QUESTION = "Сколько стоит доставка?"
ANSWER = "350"


class Story:
    """One newcomer's first minutes."""

    def __init__(self, newcomer: Newcomer, bundle: Path, suite: bool) -> None:
        self._who = newcomer
        self._bundle = bundle
        self._suite = suite
        self._log = newcomer.home.parent / "run.log"
        self._telegram = TelegramProcess(newcomer.home.parent / "telegram.jsonl")
        self._run: subprocess.Popen[bytes] | None = None
        self._url = ""
        self.seconds: dict[str, float] = {}

    def tell(self) -> dict[str, float]:
        """Live through it and return the seconds of each step."""
        self._telegram.start()
        try:
            self._step("git clone", self._clone)
            self._step("make run until ready", self._start)
            self._step("/api/chat", self._chat)
            self._step("telegram", lambda: asyncio.run(self._write_in_telegram()))
            self._step("stop", self._stop)
            if self._suite:
                self._step("make test", self._test)
        finally:
            self._telegram.stop()
            if self._run and self._run.poll() is None:
                os.killpg(self._run.pid, signal.SIGKILL)
        return self.seconds

    def _step(self, name: str, step: Callable[[], None]) -> None:
        began = time.monotonic()
        step()
        self.seconds[name] = round(time.monotonic() - began, 1)
        print(f"fresh: {self._who.name}: {name}: {self.seconds[name]} s", flush=True)

    @property
    def _settings(self) -> dict[str, str]:
        return {"CALLBOARD_PORT": "0", "CALLBOARD_TELEGRAM_API": self._telegram.url}

    def _clone(self) -> None:
        self._who.run(["git", "clone", "--quiet", str(self._bundle), str(self._who.checkout)])

    def _start(self) -> None:
        self._run = self._who.start(["make", "run"], self._log, self._settings)
        end = time.monotonic() + SETUP_S
        while not (found := re.search(r"Callboard is ready: (http://\S+)", self._said())):
            assert self._run.poll() is None, f"make run ended:\n{self._said()[-6000:]}"
            assert time.monotonic() < end, f"not ready within {SETUP_S:.0f} s:\n{self._said()[-6000:]}"
            time.sleep(0.2)
        self._url = found[1]

    def _chat(self) -> None:
        printed = self._callboard("api-key", "create", "--tenant", "demo", "--role", "owner")
        key = printed.splitlines()[-1]
        agent = _call(f"{self._url}/api/agents", key)["items"][0]["id"]
        answer = _call(f"{self._url}/api/chat", key, {"agent_id": agent, "text": QUESTION})
        assert ANSWER in answer["reply"]["text"], answer

    async def _write_in_telegram(self) -> None:
        await self._telegram.add_bot(TOKEN)
        self._callboard("telegram", "connect", "--tenant", "demo", given=f"{TOKEN}\n")
        customer = {"id": 4242, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
        message = {"message_id": 1, "date": int(time.time()), "chat": {"id": 4242, "type": "private"}, "from": customer, "text": QUESTION}
        await self._telegram.push(TOKEN, {"message": message})
        [sent] = await self._telegram.wait_accepted(1, 60)
        assert sent["chat_id"] == 4242
        assert ANSWER in sent["text"], sent

    def _stop(self) -> None:
        assert self._run
        os.killpg(self._run.pid, signal.SIGINT)  # Ctrl-C reaches everything in the terminal's foreground
        self._run.wait(STOP_S)
        assert self._who.processes() == []

    def _test(self) -> None:
        log = self._log.with_name("test.log")
        print(f"fresh: {self._who.name}: make test writes to {log}", flush=True)
        suite = self._who.start(["make", "test"], log, {"CI": "true", "PYTEST_ADDOPTS": "--tb=short --durations=40"})
        try:
            status = suite.wait(SUITE_S)
        finally:
            if suite.poll() is None:
                os.killpg(suite.pid, signal.SIGKILL)
        printed = log.read_text(errors="replace")
        assert status == 0, f"make test ended with {status}:\n{printed[-30_000:]}"
        closing = printed.strip().splitlines()[-1]
        assert re.search(r"\d+ passed", closing), closing
        print(f"fresh: {self._who.name}: {closing}", flush=True)

    def _callboard(self, *arguments: str, given: str = "") -> str:
        return self._who.run([str(self._who.checkout / ".venv/bin/callboard"), *arguments], self._settings, given)

    def _said(self) -> str:
        return self._log.read_text(errors="replace")


def _call(url: str, key: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer))
