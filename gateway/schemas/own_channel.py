"""The channel of our own in a Kommo account: what connects it and what is shown of it, never the secret."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, StringConstraints

from gateway.schemas.bodies import Body, View, cleaned
from storage.kommo_channels import ChannelState

_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
ChannelId = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=f"^{_UUID}$"), BeforeValidator(cleaned)]
BotId = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=f"^({_UUID})?$"), BeforeValidator(cleaned)]
ChannelSecret = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[0-9a-fA-F]{40}$"), BeforeValidator(cleaned)
]
Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60), BeforeValidator(cleaned)]


class OwnChannelBody(Body):
    """What Kommo's support gave when it registered the channel. Without `bot_id` only what customers write is shown."""

    channel_id: ChannelId
    secret: ChannelSecret
    bot_id: BotId = ""
    title: Title = ""


class OwnChannelView(View):
    """The channel by which the agent's own conversations are shown in the Kommo account.

    `hook_url` is what Kommo's support needs for the registration. `problem` says what is wrong and what to do; while it is
    there, messages wait (`waiting_messages`) and none is lost.
    """

    state: Literal["none", "connected", "broken"]
    channel_id: str
    bot_id: str
    title: str
    scope_id: str
    hook_url: str
    problem: str | None
    problem_code: str | None
    connected_at: datetime | None
    shown_chats: int
    waiting_messages: int
    last_shown_at: datetime | None


def own_channel_view(state: ChannelState | None, hook_url: str) -> OwnChannelView:
    """Return the channel, or that there is none."""
    if state is None:
        return OwnChannelView(
            state="none",
            channel_id="",
            bot_id="",
            title="",
            scope_id="",
            hook_url=hook_url,
            problem=None,
            problem_code=None,
            connected_at=None,
            shown_chats=0,
            waiting_messages=0,
            last_shown_at=None,
        )
    return OwnChannelView(
        state="broken" if state.problem_code else "connected",
        channel_id=state.channel_id,
        bot_id=state.bot_id,
        title=state.title,
        scope_id=state.scope_id,
        hook_url=hook_url,
        problem=state.problem,
        problem_code=state.problem_code,
        connected_at=state.connected_at,
        shown_chats=state.shown_chats,
        waiting_messages=state.waiting_messages,
        last_shown_at=state.last_shown_at,
    )
