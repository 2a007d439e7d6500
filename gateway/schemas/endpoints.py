"""Integrations: what is sent and what is shown, never a secret."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from actors.domain.troubles import MEANINGS, Trouble
from actors.ports.connecting import Bot, Webhook
from actors.services.connecting import Checked, Tested
from gateway.schemas.bodies import Body, View, cleaned
from storage.connections import stored_trouble
from storage.endpoints import Endpoint

Pasted = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000),
    BeforeValidator(cleaned),
    Field(description="the token, or the whole message of @BotFather with it"),
]
Mode = Literal["push", "poll"]


class TokenBody(Body):
    """A bot's token."""

    token: Pasted


class ConnectBody(Body):
    """A bot to be connected. `mode`: by webhook (push) or by polling (poll); left out: by webhook if there is a public address."""

    token: Pasted
    mode: Mode | None = None


class IntegrationPatch(Body):
    """What becomes of an integration; what is left out stays. The policy is that of replies committed from now on.

    `mode` may be what it is already: a webhook is set once more then.
    """

    status: Literal["live", "paused"] | None = None
    reply_policy: Literal["once", "repeat_once"] | None = None
    mode: Mode | None = None


class IntegrationProblem(View):
    """What is wrong. `code` is one of few words; `detail` is what the provider said."""

    code: str
    title: str
    what_to_do: str
    detail: str


class IntegrationView(View):
    """An integration. `account` is the channel's own id, as a bot's; `uncertain` counts sends of which nobody knows the outcome."""

    id: UUID
    agent_id: UUID
    channel: str
    account: str
    username: str
    status: str
    mode: str
    reply_policy: str
    problem: IntegrationProblem | None
    uncertain: int
    created_at: datetime


class IntegrationList(View):
    """All integrations of an agent, oldest first: they are few."""

    items: list[IntegrationView]


class TenantIntegrations(View):
    """All integrations of the company, those that were moved away last. `webhooks`: whether there is a public address."""

    items: list[IntegrationView]
    webhooks: bool


class BotView(View):
    """Whose token it is."""

    id: str
    username: str
    name: str


class HolderView(View):
    """The agent that has the bot now."""

    agent_id: UUID
    agent_name: str


class CheckedView(View):
    """What connecting would do.

    `holder`: the bot would be moved from there; `elsewhere`: from another company of this installation; `other_program`: the host
    that gets the bot's messages now and would not any more.
    """

    bot: BotView
    holder: HolderView | None
    elsewhere: bool
    other_program: str


class ConnectedView(View):
    """The integration, and from where it was moved."""

    integration: IntegrationView
    moved_from: HolderView | None
    moved_from_elsewhere: bool


class WebhookView(View):
    """Where Telegram sends the bot's messages: `waiting` could not be handed over yet, `last_error` says why."""

    set: bool
    waiting: int
    last_error: str


class TestedView(View):
    """How it is. Without `bot`, Telegram did not say; without `problem`, all is well."""

    bot: BotView | None
    webhook: WebhookView | None
    problem: IntegrationProblem | None
    integration: IntegrationView


def problem_view(trouble: Trouble | None) -> IntegrationProblem | None:
    """Return what is wrong, for people."""
    if trouble is None:
        return None
    title, what_to_do = MEANINGS[trouble.code]
    return IntegrationProblem(code=trouble.code, title=title, what_to_do=what_to_do, detail=trouble.detail)


def integration_view(endpoint: Endpoint) -> IntegrationView:
    """Return an integration."""
    return IntegrationView(
        id=endpoint.id,
        agent_id=endpoint.agent_id,
        channel=endpoint.channel,
        account=endpoint.account,
        username=endpoint.username,
        status=endpoint.status,
        mode=endpoint.mode,
        reply_policy=endpoint.reply_policy,
        problem=problem_view(stored_trouble(endpoint.problem, endpoint.problem_code)),
        uncertain=endpoint.uncertain,
        created_at=endpoint.created_at,
    )


def checked_view(checked: Checked) -> CheckedView:
    """Return what a token is good for; of another company nothing but that it has the bot."""
    holder = checked.holder
    return CheckedView(
        bot=_bot(checked.bot),
        holder=HolderView(agent_id=holder.agent_id, agent_name=holder.agent_name) if holder and holder.ours else None,
        elsewhere=holder is not None and not holder.ours,
        other_program=checked.foreign_host,
    )


def tested_view(tested: Tested, endpoint: Endpoint) -> TestedView:
    """Return how an integration is."""
    return TestedView(
        bot=_bot(tested.bot) if tested.bot else None,
        webhook=_webhook(tested.webhook) if tested.webhook else None,
        problem=problem_view(tested.trouble),
        integration=integration_view(endpoint),
    )


def _bot(bot: Bot) -> BotView:
    return BotView(id=bot.id, username=bot.username, name=bot.name)


def _webhook(webhook: Webhook) -> WebhookView:
    return WebhookView(set=bool(webhook.url), waiting=webhook.waiting, last_error=webhook.error)
