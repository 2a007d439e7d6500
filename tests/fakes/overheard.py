"""What the company's side wrote in the channel itself, matched with the outbox in memory as turns_overheard does."""

from actors.ports.turns import ActivityRow, Overheard, TurnCommit
from tests.fakes.world import START, MessageEntry, OutboxEntry, World

WINDOW_S = 120.0
_MARKS = str.maketrans("", "", "*_`~#>[]()!\\-•")


def overhear(world: World, turn: TurnCommit) -> None:
    """Settle our own rows; what is not ours is a person's or another bot's."""
    for heard in turn.overheard:
        ours = _ours(world, turn, heard)
        if ours is not None:
            ours.echo_id = ours.echo_id or heard.external_id
            ours.provider_message_id = ours.provider_message_id or heard.external_id
            ours.state, ours.claimed_by = "sent", None
        elif heard.by == "bot":
            world.activity.append((turn.conversation_id, ActivityRow("conversation.other_bot", None, {"name": heard.name})))
        else:
            _taken(world, turn, heard)


def _ours(world: World, turn: TurnCommit, heard: Overheard) -> OutboxEntry | None:
    rows = [o for o in world.outbox.values() if o.conversation_id == turn.conversation_id and o.state in {"sending", "sent", "unknown"}]
    same_id = [o for o in rows if heard.external_id in (o.provider_message_id, o.echo_id)]
    words = _words(heard.text)
    same_text = [o for o in rows if words and o.echo_id is None and _words(str(o.body["text"])) == words and _near(o, heard)]
    return next(iter([*same_id, *same_text]), None)


def _near(o: OutboxEntry, heard: Overheard) -> bool:
    begun = START.timestamp() + o.begun_s
    return min(abs(begun - heard.said_at), abs(begun - heard.received_at)) <= WINDOW_S


def _words(text: str) -> str:
    return "".join(text.split()).translate(_MARKS)


def _taken(world: World, turn: TurnCommit, heard: Overheard) -> None:
    entry = world.conversations[turn.conversation_id]
    if entry.control != "human":
        entry.control, entry.version = "human", entry.version + 1
        for o in world.outbox.values():
            if o.conversation_id == entry.id and o.state in {"pending", "claimed"} and o.delivery_class != "operator":
                o.state, o.claimed_by = "withdrawn", None
    world.messages.append(MessageEntry(world.next_id(), entry.id, turn.turn_id, entry.version, world.now_s, None, "operator", heard.text))
