"""`make bench`: rates and ratios, all measured in one run of an installation with default settings.

Prints one JSON object and writes it to .bench/latest.json. Absolute times mean nothing on a shared machine: compare ratios.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

import aiohttp

from storage.api_keys import ApiKeys
from storage.catalogue import Agents
from storage.postgres import Database, Role
from storage.tenants import Tenants
from tests.bench.campaign import campaign
from tests.bench.console import first_page
from tests.bench.dashboard import dashboard_ms
from tests.bench.kommo import kommo_ack
from tests.bench.load import LoadPlan, Target
from tests.bench.loops import RUN
from tests.bench.pull import pull_after_a_million_ms
from tests.bench.world import BOTS, TEXT, Child, World, load, wall
from tests.chaos.installation import REPO
from tests.chaos.run import free_port

CHATS = 20_000
WARM_UP = 2_000
CONNECTIONS = 64
RIVAL_TOKEN = "600001:bench-rival-token-600001"
STEADY_RATE = 200.0
STEADY = 2_000
TIMEOUT_S = 180.0
ALONE_S = 1_500.0
SLOW = 0.7  # an echo below this part of the machine's best one says that something else used the machine


async def measure(messages: int) -> dict[str, Any]:
    """Run everything once and return the figures."""
    _say("an installation is started")
    world = World(free_port())
    try:
        result: dict[str, Any] = {"bots": BOTS, "chats": CHATS, "messages": messages}
        world.installation.start()
        result["cold_start_s"] = round(await world.installation.wait_ready(), 1)
        result["cold_first_reply_ms"] = await _first_reply(world)
        result["settings_diff"] = world.settings_diff()
        result |= await first_page(world.installation.url, world.installation.data_dir)
        idle = world.memory("sender")
        await world.connect_bots()
        echoes = {loop: [_echo(world, loop, free_port())] for loop in RUN}
        _say(f"{messages} messages, as fast as they are taken")
        await _warm_up(world)
        result["telegram_200_bots_bytes"] = world.memory("sender") - idle
        result |= await _saturate(world, messages)
        result["aiogram_bots"], result["aiogram_messages"] = 1, messages // 4
        rivals = {loop: await _rival(world, loop, free_port(), messages // 4) for loop in RUN}
        for loop, rates in echoes.items():
            rates.append(_echo(world, loop, free_port()))
        _say("how fast webhooks are answered, Telegram's and Kommo's")
        steady = load(world.home, _plan(world.installation.port, world.targets, WARM_UP + messages, STEADY, STEADY_RATE))
        result |= {"ack_p50_ms": steady["p50_ms"], "ack_p99_ms": steady["p99_ms"], "ack_refused": steady["refused"]}
        result |= await kommo_ack(world.installation.url, world.installation.database_url, world.installation.data_dir, TEXT)
        _say("replies beside a campaign")
        result |= await campaign(world)
        result["actors_replaced"] = await world.replaced()
        _say("a million handled rows, a million rows of activity")
        result["pull_after_1m_ms"] = await pull_after_a_million_ms(world.installation.database_url)
        result |= await dashboard_ms(world.installation.database_url)
    finally:
        world.stop()
        shutil.rmtree(world.home, ignore_errors=True)
    result["activation_bytes"] = _alone("activation")
    for name in ("rules", "kommo_sync", "jobs", "sequences", "backtest"):
        result |= _alone(name)
    result |= _alone("sequences", "--steps", "100000")
    result |= _alone("retrieval", "--embedder", "use")
    return result | _ratios(result, {loop: mean(rates) for loop, rates in echoes.items()}, rivals)


def _say(what: str) -> None:
    sys.stderr.write(f"bench: {what}\n")


def _alone(name: str, *arguments: str) -> Any:
    """Return what a part that brings servers of its own prints, with nothing else running."""
    _say(" ".join((name, *arguments)))
    return json.loads(subprocess.check_output([sys.executable, "-m", f"tests.bench.{name}", *arguments], cwd=REPO, timeout=ALONE_S))


def _ratios(result: dict[str, Any], echo: dict[str, float], rival: dict[str, float]) -> dict[str, float]:
    """Compare with both yardsticks as their libraries come, and on the loop that Callboard uses."""
    return {
        "echo_rps": echo["asyncio"],
        "turn_rate_vs_echo": result["turn_rps"] / echo["asyncio"],
        "echo_uvloop_rps": echo["uvloop"],
        "turn_rate_vs_echo_uvloop": result["turn_rps"] / echo["uvloop"],
        "aiogram_reply_rps": rival["asyncio"],
        "reply_rate_vs_aiogram": result["reply_rps"] / rival["asyncio"],
        "aiogram_uvloop_reply_rps": rival["uvloop"],
        "reply_rate_vs_aiogram_uvloop": result["reply_rps"] / rival["uvloop"],
    }


def _plan(port: int, targets: list[Target], first: int, messages: int, rate: float = 0.0) -> LoadPlan:
    return LoadPlan(port, targets, first, messages, CHATS, CONNECTIONS, TEXT, rate)


async def _first_reply(world: World) -> float:
    """Return how long the demo shop's first answer over /api/chat takes, in ms."""
    async with await Database.open(world.installation.database_url, Role.API, "bench") as database:
        tenant = await Tenants(database).by_slug("demo")
        assert tenant is not None
        key = await ApiKeys(database).create(tenant.id, "bench", "owner")
        (agent, *_) = await Agents(database).page(tenant.id, None, 1)
    headers, body = {"Authorization": f"Bearer {key}"}, {"agent_id": str(agent.id), "text": TEXT}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        started = wall()
        async with session.post(f"{world.installation.url}/api/chat", json=body, headers=headers) as response:
            answer = await response.json()
    assert answer["reply"]["mode"] == "script", answer
    return (wall() - started) * 1e3


def _echo(world: World, loop: str, port: int) -> float:
    with Child("tests.bench.echo", loop, str(port)):
        return float(load(world.home, _plan(port, world.targets, 0, 20_000))["rps"])


async def _warm_up(world: World) -> None:
    """Have every bot answer a few times."""
    await asyncio.to_thread(load, world.home, _plan(world.installation.port, world.targets, 0, WARM_UP))
    await _until(world, "pending", wall())
    await _until(world, "unsent", wall())


async def _saturate(world: World, messages: int) -> dict[str, Any]:
    """Send as fast as webhooks are answered; return the rates until all turns are committed and until all replies are out."""
    before, cpu, accepted = await world.counts(), world.cpu(), len(world.channel.accepted())
    taken = asyncio.create_task(asyncio.to_thread(load, world.home, _plan(world.installation.port, world.targets, WARM_UP, messages)))
    ingest = await taken
    committed = await _until(world, "pending", ingest["started_at"])
    sent = await _until(world, "unsent", ingest["started_at"])
    used = {name: seconds - cpu.get(name, 0.0) for name, seconds in world.cpu().items()}
    counts = {name: n - before[name] for name, n in (await world.counts()).items()}
    wrong = {n: c for n, c in counts.items() if n in {"inbox_done", "customer"} and c != messages}
    assert not wrong, counts
    assert counts["agent"] == counts["traces"] == counts["activity"] == counts["outbox"] == counts["sent"], counts
    assert len(world.channel.accepted()) - accepted == counts["sent"], counts
    return {
        "turn_rps": counts["inbox_done"] / committed,
        "reply_rps": counts["sent"] / sent,
        "ingest_rps": ingest["rps"],
        "tables": counts,
        "cpu_ms_per_message": {name: round(s / messages * 1e3, 4) for name, s in used.items()},
    }


async def _until(world: World, name: str, since: float) -> float:
    """Return the seconds from `since` until nothing is pending or unsent."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            if await world.settled(name):
                return wall() - since
            await asyncio.sleep(0.1)


async def _rival(world: World, loop: str, port: int, messages: int) -> float:
    """Return the replies a second of a plain aiogram bot, seen at the same fake Bot API."""
    token = f"{RIVAL_TOKEN}-{loop}"
    await world.channel.add_bot(token)
    before = len(world.channel.accepted())
    with Child("tests.bench.aiogram_bot", loop, str(port), world.channel.url, token, "rival-secret", "Доставка 350 ₽"):
        targets = [Target("/hook", "rival-secret")]
        load(world.home, _plan(port, targets, 0, 200))
        ingest = load(world.home, _plan(port, targets, 200, messages))
        async with asyncio.timeout(TIMEOUT_S):
            while len(world.channel.accepted()) - before < messages + 200:
                await asyncio.sleep(0.1)
        return messages / (wall() - float(ingest["started_at"]))


def _conclusive(result: dict[str, Any], kept: Path) -> bool:
    """Compare the echo with the best one this machine had in earlier runs, remember a better one, and look for replaced actors."""
    best_file = kept / "best_echo.json"
    best = float(json.loads(best_file.read_text())) if best_file.exists() else 0.0
    best_file.write_text(json.dumps(max(best, result["echo_rps"])))
    return bool(result["echo_rps"] >= SLOW * best and not result["actors_replaced"])


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30_000)
    kept = REPO / ".bench"
    kept.mkdir(exist_ok=True)
    result = asyncio.run(measure(parser.parse_args().messages))
    result["conclusive"] = _conclusive(result, kept)
    text = json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}, indent=1)
    (kept / "latest.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
