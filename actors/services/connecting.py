"""Connecting bots: whose token it is, where it works, how its messages come in, and what is wrong with it.

The row in the database changes first, the provider second: a process that dies between the two leaves an integration that
says what it should be, and `test` or `receive` brings the provider in line. Nothing is lost on the way: the provider keeps
what it could not hand over, and what comes twice is dropped by its key.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from actors.domain.errors import CallboardError, TerminalError
from actors.domain.troubles import AccountTrouble, Trouble, trouble_of
from actors.ports.connecting import Bot, BotAccounts, ConnectedBot, ConnectionDesk, Holder, Mode, Webhook

HOOK_PATH = "/webhooks/telegram/"
# The sender says so when it happens and takes it back when it ends; a look from here cannot tell.
_SEEN_BY_POLLING = frozenset({"second_poller"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What a token is good for: whose it is, who has the bot now, and which other program's address would be replaced."""

    bot: Bot
    holder: Holder | None
    foreign_host: str


@dataclass(frozen=True, slots=True)
class Connected:
    """A connected bot. `trouble`: it works, but not as it should."""

    integration: ConnectedBot
    moved_from: Holder | None
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class Tested:
    """What a look at the provider showed; without `bot` nobody answered for the token."""

    bot: Bot | None
    webhook: Webhook | None
    trouble: Trouble | None


class Connecting:
    """The use case, for the gateway and the command line."""

    def __init__(self, accounts: BotAccounts, public_url: str) -> None:
        self._accounts = accounts
        self._public_url = public_url.rstrip("/")

    @property
    def webhooks(self) -> bool:
        """Whether this installation can be reached from outside."""
        return bool(self._public_url)

    async def check(self, desk: ConnectionDesk, token: str) -> Checked:
        """Look at a token before anything is changed.

        Raises:
            AccountTrouble: it is refused, or the provider cannot be reached.
        """
        try:
            bot, webhook = await self._accounts.me(token), await self._accounts.webhook(token)
        except CallboardError as error:
            raise AccountTrouble(trouble_of(error)) from None
        ours = not webhook.url or webhook.url.startswith(self._url_of(""))
        return Checked(bot, await desk.holder(bot.id), "" if ours else _host(webhook.url))

    async def connect(self, desk: ConnectionDesk, agent_id: UUID, token: str, mode: Mode | None = None) -> Connected | None:
        """Connect the bot of a token to an agent, from wherever it was; None if there is no such agent.

        Without `mode`, by webhook where there is a public address, else by polling. If the provider refuses the webhook, by
        polling, and the trouble says so.

        Raises:
            AccountTrouble: the token is refused, the provider cannot be reached, or there is no public address for a webhook.
        """
        wanted = mode or ("push" if self.webhooks else "poll")
        self._need_address(wanted)
        try:
            bot = await self._accounts.me(token)
        except CallboardError as error:
            raise AccountTrouble(trouble_of(error)) from None
        placed = await desk.place(agent_id, bot, token, wanted)
        if placed is None:
            return None
        trouble = await self._hear(desk, placed.bot, wanted, placed.secret)
        return Connected(placed.bot, placed.moved_from, trouble)

    async def receive(self, desk: ConnectionDesk, bot: ConnectedBot, mode: Mode) -> Trouble | None:
        """Receive messages by webhook or by polling from now on, also if it should be so already.

        Raises:
            AccountTrouble: there is no public address for a webhook, or the token cannot be read.
        """
        self._need_address(mode)
        _need_token(bot)
        secret = await desk.receive(bot, mode)
        return await self._hear(desk, bot, mode, secret)

    async def test(self, desk: ConnectionDesk, bot: ConnectedBot) -> Tested:
        """Ask the provider how it is, and keep what is wrong, or that nothing is."""
        seen: Bot | None = None
        webhook: Webhook | None = None
        if bot.token is None:
            trouble: Trouble | None = Trouble("token_unreadable")
        else:
            try:
                seen, webhook = await self._accounts.me(bot.token), await self._accounts.webhook(bot.token)
                trouble = self._judged(bot, webhook)
            except CallboardError as error:
                trouble = trouble_of(error)
        await desk.note(bot, trouble, broken=_breaks(trouble))
        return Tested(seen, webhook, trouble)

    async def resume(self, desk: ConnectionDesk, bot: ConnectedBot) -> Trouble | None:
        """After a pause: look, and set a webhook again that somebody else changed meanwhile."""
        tested = await self.test(desk, bot)
        if tested.trouble and tested.trouble.code in {"foreign_webhook", "webhook_missing"} and bot.mode == "push" and self.webhooks:
            return await self.receive(desk, bot, "push")
        return tested.trouble

    async def release(self, bot: ConnectedBot) -> Trouble | None:
        """After an integration ended: take its webhook away, if it is still ours. A failure is harmless: we answer 401 from now on."""
        if bot.token is None or bot.mode == "poll":
            return None
        try:
            if (await self._accounts.webhook(bot.token)).url == self._url_of(str(bot.id)):
                await self._accounts.delete_webhook(bot.token)
        except CallboardError as error:
            return trouble_of(error)
        return None

    async def _hear(self, desk: ConnectionDesk, bot: ConnectedBot, mode: Mode, secret: str) -> Trouble | None:
        """Bring the provider in line with the row; where a webhook cannot be had, fall back to polling."""
        assert bot.token is not None
        try:
            if mode == "push":
                await self._accounts.set_webhook(bot.token, self._url_of(str(bot.id)), secret)
            else:
                await self._accounts.delete_webhook(bot.token)
        except CallboardError as error:
            return await self._fall_back(desk, bot, mode, error)
        return None

    async def _fall_back(self, desk: ConnectionDesk, bot: ConnectedBot, mode: Mode, error: CallboardError) -> Trouble | None:
        trouble = _of_webhook(error) if mode == "push" else trouble_of(error)
        if mode == "push":
            await desk.receive(bot, "poll")
        elif not _breaks(trouble):
            return None  # whoever polls takes the webhook away before it begins, and says so if it cannot
        await desk.note(bot, trouble, broken=_breaks(trouble))
        return trouble

    def _judged(self, bot: ConnectedBot, webhook: Webhook) -> Trouble | None:
        if bot.mode == "push":
            return self._judged_push(bot, webhook)
        if webhook.url and not webhook.url.startswith(self._url_of("")):
            return Trouble("foreign_webhook", _host(webhook.url))
        return bot.trouble if bot.trouble and bot.trouble.code in _SEEN_BY_POLLING else None

    def _judged_push(self, bot: ConnectedBot, webhook: Webhook) -> Trouble | None:
        if not webhook.url:
            return Trouble("webhook_missing")
        if webhook.url != self._url_of(str(bot.id)):
            return Trouble("foreign_webhook", _host(webhook.url))
        # The last error stays there after everything is well again; what waits does not.
        return Trouble("webhook_failing", webhook.error) if webhook.error and webhook.waiting else None

    def _url_of(self, integration_id: str) -> str:
        return f"{self._public_url}{HOOK_PATH}{integration_id}"

    def _need_address(self, mode: Mode) -> None:
        if mode == "push" and not self.webhooks:
            raise AccountTrouble(Trouble("no_public_url"))


def _need_token(bot: ConnectedBot) -> None:
    if bot.token is None:
        raise AccountTrouble(Trouble("token_unreadable"))


def _of_webhook(error: CallboardError) -> Trouble:
    trouble = trouble_of(error)
    refused = isinstance(error, TerminalError) and trouble.code == "other"
    return Trouble("webhook_refused", trouble.detail) if refused else trouble


def _breaks(trouble: Trouble | None) -> bool:
    """Whether going on is of no use until somebody repairs it."""
    return trouble is not None and trouble.code in {"token_refused", "token_malformed", "token_unreadable"}


def _host(url: str) -> str:
    """Only the host: the path of another program's webhook may be its secret."""
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"
