"""An operator's own Telegram, and the stop button: what is sent and what is shown."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from gateway.schemas.bodies import Body, View
from storage.operators.linking import Bot, LinkedChat
from storage.operators.stopping import Stop, Stops


class LinkableBotView(View):
    """A bot to which a code can be sent; without a username there is no link to it."""

    agent: str
    username: str


class LinkedChatView(View):
    """The linked chat: its name in Telegram, and the bot it is with. Who is not `available` is not asked about customers."""

    name: str
    agent: str
    username: str
    available: bool
    linked_at: datetime


class TelegramLinkView(View):
    """Whether the caller's Telegram is linked, and over which bots it can be."""

    chat: LinkedChatView | None
    bots: Sequence[LinkableBotView]


class DeepLinkView(View):
    """A link that opens a bot and sends it the code."""

    agent: str
    username: str
    url: str


class TelegramCodeView(View):
    """A code, shown once: whoever sends it to one of the bots within ten minutes links their Telegram to this user."""

    code: str
    deep_links: Sequence[DeepLinkView]
    expires_at: datetime


class AvailabilityPatch(Body):
    """Whether the caller wants to be asked about customers who wait."""

    available: bool


class StopView(View):
    """Since when something is stopped, and who did it."""

    at: datetime
    by: str


class AgentStopView(View):
    """An agent that is stopped by itself."""

    agent_id: UUID
    name: str
    stop: StopView


class StopsView(View):
    """What is stopped: the bots of the whole company, and agents that are stopped by themselves."""

    company: StopView | None
    agents: Sequence[AgentStopView]


class PressedView(StopsView):
    """What is stopped now. `withdrawn` counts messages of the bot that will not be sent."""

    withdrawn: int


def link_view(chat: LinkedChat | None, bots: Sequence[Bot]) -> TelegramLinkView:
    """Return whether and where a user's Telegram is linked."""
    shown = None
    if chat is not None:
        shown = LinkedChatView(name=chat.chat, agent=chat.agent, username=chat.username, available=chat.available, linked_at=chat.linked_at)
    return TelegramLinkView(chat=shown, bots=[LinkableBotView(agent=bot.agent, username=bot.username) for bot in bots])


def stops_view(stops: Stops) -> StopsView:
    """Return what is stopped."""
    return StopsView(
        company=_stop(stops.company) if stops.company else None,
        agents=[AgentStopView(agent_id=item.agent_id, name=item.name, stop=_stop(item.stop)) for item in stops.agents],
    )


def _stop(stop: Stop) -> StopView:
    return StopView(at=stop.at, by=stop.by)
