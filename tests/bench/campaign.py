"""Replies beside a campaign: one bot has 20,000 steps waiting, one is blocked, one is at its limit, customers write to all."""

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg

from tests.bench.load import LoadPlan, Target
from tests.bench.world import TEXT, World, load
from tests.chaos.setup import token_of

STEPS = 20_000
MESSAGES_OF_LOADED, RATE_OF_LOADED = 150, 5.0
MESSAGES_OF_OTHERS, RATE_OF_OTHERS = 1_200, 40.0
FIRST = 5_000_000  # chats of their own: each message has one, so a reply is found by its chat
SETTLED_S = 120.0
RETRY_AFTER_S = 60
# As a sequence leaves them, over the conversations that the bot has; a chat may get one a second, the bot thirty.
_CAMPAIGN = """
insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
select c.tenant_id, c.id, c.integration_id, g.shard, gen_random_uuid(), 0, 'step', 'once', jsonb_build_object('text', 'step ' || n)
from (select *, row_number() over (order by id) - 1 as nth, count(*) over () as chats from conversations where integration_id = $1) c
join generate_series(0, $2::int - 1) n on n % c.chats = c.nth
join integrations g on g.id = c.integration_id order by n"""
_WAITING = "select count(*) from outbox where integration_id = $1 and class = 'step' and state = 'pending'"
_UNANSWERED = """
select exists (select from outbox o join integrations g on g.id = o.integration_id and g.channel = 'telegram'
               where o.state in ('pending', 'claimed', 'sending') and o.class <> 'step' and o.integration_id <> all ($1::uuid[]))
  or exists (select from inbox where state = 'pending')"""


async def campaign(world: World) -> dict[str, Any]:
    """Return how long customers waited for their replies, in ms from the webhook to Telegram, of the loaded bot and of the others."""
    loaded, blocked, limited, *others = world.targets
    connection = await asyncpg.connect(world.installation.database_url, timeout=10)
    try:
        await connection.execute(_CAMPAIGN, _id(loaded), STEPS)
        await world.channel.fault("forbidden", token=token_of(_account(world, blocked)), times=-1)
        await world.channel.fault("too_many", token=token_of(_account(world, limited)), retry_after=RETRY_AFTER_S, times=-1)
        before = len(world.channel.accepted())
        plans = [
            _plan(world, [loaded], FIRST, MESSAGES_OF_LOADED, RATE_OF_LOADED),
            _plan(world, [blocked, limited, *others], FIRST + MESSAGES_OF_LOADED, MESSAGES_OF_OTHERS, RATE_OF_OTHERS),
        ]
        sent = await asyncio.gather(*(asyncio.to_thread(load, world.home, plan) for plan in plans))
        left = await connection.fetchval(_WAITING, _id(loaded))
        assert left > 0, "the campaign ended before the measurement"
        async with asyncio.timeout(SETTLED_S):
            while await connection.fetchval(_UNANSWERED, [_id(blocked), _id(limited)]):
                await asyncio.sleep(0.2)
    finally:
        await connection.close()
    arrived = {entry["chat_id"]: entry["t"] for entry in world.channel.accepted()[before:] if not entry["text"].startswith("step ")}
    of_loaded = _waits(plans[0], sent[0], arrived, 1, ())
    of_others = _waits(plans[1], sent[1], arrived, len(plans[1].targets), (0, 1))
    return {
        "telegram_reply_p99_ms_beside_campaign": of_loaded[int(len(of_loaded) * 0.99)],
        "telegram_reply_p99_ms_of_other_bots": of_others[int(len(of_others) * 0.99)],
        "telegram_reply_max_ms_of_other_bots": of_others[-1],
        "campaign_steps_left": left,
    }


def _waits(plan: LoadPlan, sent: Mapping[str, Any], arrived: Mapping[int, float], targets: int, left_out: tuple[int, ...]) -> list[float]:
    """Return the ms of each message from when it was due to be sent, sorted; each must have been answered."""
    numbers = [n for n in range(plan.first, plan.first + plan.messages) if n % plan.chats % targets not in left_out]
    return sorted(1e3 * (arrived[70_000 + n % plan.chats] - sent["began"] - (n - plan.first) / plan.rate) for n in numbers)


def _plan(world: World, targets: list[Target], first: int, messages: int, rate: float) -> LoadPlan:
    return LoadPlan(world.installation.port, targets, first, messages, 10 * FIRST, 16, TEXT, rate)


def _id(target: Target) -> str:
    return target.path.rsplit("/", 1)[1]


def _account(world: World, target: Target) -> str:
    return world.accounts[_id(target)]
