"""The four Bot API calls that connecting a bot takes. No bot framework: the gateway imports this.

Each may be repeated without harm, so an answer that did not come is no riddle as it is for a message.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from actors.domain.errors import UnknownOutcome
from actors.domain.troubles import AccountTrouble, Trouble
from actors.ports.connecting import Bot, Webhook
from integrations.telegram.errors import error_of_failure, result_of
from integrations.telegram.tokens import TOKEN

# What the parser understands or counts; Telegram keeps the list, so it is sent with every webhook.
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
MAX_CONNECTIONS = 40  # Telegram's own default; the gateway takes far more


class BotApi:
    """One session for all bots. Errors are those of errors.py; none holds a token, a secret or a URL."""

    def __init__(self, api: str, timeout_s: float = 8.0) -> None:
        self._api = api.rstrip("/")
        self._timeout = ClientTimeout(total=timeout_s)
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def me(self, token: str) -> Bot:
        """Return whose token it is.

        Raises:
            CredentialsRefused: nobody's.
            CallboardError: see errors.py; it may be asked again.
        """
        result = _object(await self._call(token, "getMe"), "getMe")
        if type(result.get("id")) is not int:
            raise UnknownOutcome("an answer of getMe without id")
        return Bot(str(result["id"]), str(result.get("username", "")), str(result.get("first_name", "")))

    async def webhook(self, token: str) -> Webhook:
        """Return where Telegram sends the bot's updates, and its last failure to do so."""
        result = _object(await self._call(token, "getWebhookInfo"), "getWebhookInfo")
        waiting, failed_at = (_number(result, name) for name in ("pending_update_count", "last_error_date"))
        return Webhook(str(result.get("url", "")), waiting, str(result.get("last_error_message", ""))[:300], failed_at)

    async def set_webhook(self, token: str, url: str, secret: str) -> None:
        """Have updates sent to `url` with the secret in a header; what waits is sent, too."""
        arguments = {"url": url, "secret_token": secret, "allowed_updates": ALLOWED_UPDATES, "max_connections": MAX_CONNECTIONS}
        await self._call(token, "setWebhook", arguments)

    async def delete_webhook(self, token: str) -> None:
        """Stop the sending; what waits is kept for the next webhook or for polling."""
        await self._call(token, "deleteWebhook", {"drop_pending_updates": False})

    async def _call(self, token: str, method: str, arguments: Mapping[str, Any] | None = None) -> Any:
        if not TOKEN.fullmatch(token):
            raise AccountTrouble(Trouble("token_malformed"))
        url = URL(f"{self._api}/bot{token}/{method}", encoded=True)
        try:
            async with self._opened().post(url, data=orjson.dumps(arguments or {}), allow_redirects=False) as response:
                body = await response.read()
        except (ClientError, TimeoutError, OSError) as failure:
            # `from None`: the driver's own error may show the URL, and the URL the token.
            raise error_of_failure(failure, written=not isinstance(failure, ClientConnectorError)) from None
        return result_of(response.status, body)

    def _opened(self) -> ClientSession:
        if self._session is None:  # inside the running loop
            headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
            self._session = ClientSession(timeout=self._timeout, headers=headers, cookie_jar=DummyCookieJar())
        return self._session


def _object(result: Any, method: str) -> Mapping[str, Any]:
    if not isinstance(result, dict):
        raise UnknownOutcome(f"an answer of {method} that is no object")
    return result


def _number(result: Mapping[str, Any], name: str) -> int:
    value = result.get(name)
    return value if type(value) is int else 0
