"""Salesbots of the fake that ask somebody else for the answer: `widget_request`, and `continue`."""

import base64
import hashlib
import hmac
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from tests.fakes.kommo.asked import Asked
from tests.fakes.kommo.hooks import Hooks, flat, message_event
from tests.fakes.kommo.state import Account, AskingBot, Kommo, Refused, Talk

ANSWER_S = 2.0
MOST_HANDLERS, MOST_CHARACTERS, MOST_BUTTONS = 10, 80, 25


def signed(claims: dict[str, Any], secret: str, algorithm: str) -> str:
    """Return a JSON Web Token, by the RFC and nobody's library."""
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(algorithm)
    head = ".".join(_b64(orjson.dumps(part)) for part in ({"typ": "JWT", "alg": algorithm}, claims))
    return f"{head}.{_b64(hmac.digest(secret.encode(), head.encode(), digest)) if digest else ''}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Salesbots:
    """A bot has one step that asks, and one behind it that shows `{{json.reply}}`."""

    def __init__(self, kommo: Kommo, hooks: Hooks) -> None:
        self._kommo = kommo
        self._hooks = hooks

    async def customer_wrote(self, account: Account, talk: Talk, text: str) -> list[int]:
        """Start the account's bots; return what those whom they asked said."""
        return [await self._ask(account, talk, text, bot) for bot in account.asking.values()]

    async def _ask(self, account: Account, talk: Talk, text: str, bot: AskingBot) -> int:
        waits = self._kommo.fresh()
        account.waiting[(bot.id, waits)] = talk.talk_id
        claims = {
            "iss": f"https://{account.subdomain}.kommo.com",
            "aud": "https://callboard.example",
            "iat": int(time.time()),
            "nbf": int(time.time()),
            "exp": int(time.time()) + 600,
            "account_id": account.id,
            "subdomain": account.subdomain,
            "client_uuid": "client",
            "entity_type": "2" if talk.lead_id else "1",
            "entity_id": talk.lead_id or talk.contact_id,
        }
        body = {
            "token": signed(claims, bot.secret, bot.algorithm),
            "data": {"message": text, "lead": talk.lead_id or ""},
            "return_url": f"https://{account.subdomain}.kommo.com/api/v4/salesbot/{bot.id}/continue/{waits}",
        }
        status = 0
        for _ in range(bot.times):  # more than once: as if the answer had come too late
            status = await _post(bot.url, body, form=bot.form)
            self._kommo.ledger.write("asked", account=account.id, bot=bot.id, status=status)
        return status

    async def go_on(self, asked: Asked) -> tuple[int, Any]:
        """Answer `continue`: strict about what it takes, and good once."""
        account, body = asked.account, asked.body
        handlers = body.get("execute_handlers")
        if handlers is not None:
            _check(handlers)
        talk = account.talks.get(account.waiting.pop((asked.ids[0], asked.ids[1]), 0))
        if talk is None:
            raise Refused(404, "Not Found")
        said, ended = [], False
        for handler in handlers or []:
            if handler["handler"] == "show":
                said.append(str(handler["params"]["value"]))
            ended = ended or (handler["handler"] == "goto" and handler["params"].get("type") == "finish")
        if not ended:  # the step behind shows it, be there something or not
            said.append(str((body.get("data") or {}).get("reply", "{{json.reply}}")))
        for text in said:
            message = self._kommo.message(talk, text, "bot", outgoing=True)
            await self._hooks.push(account, "add_outgoing_message", message_event(account, talk, message))
        return 202, None


def _check(handlers: Any) -> None:
    if not isinstance(handlers, list) or not handlers:
        raise _flaw("TooFew", "execute_handlers", "This collection should contain 1 element or more.")
    if len(handlers) > MOST_HANDLERS:
        raise _flaw("TooMany", "execute_handlers", "This collection should contain 10 elements or less.")
    for number, handler in enumerate(handlers):
        params = handler.get("params") or {}
        if handler.get("handler") == "show" and len(str(params.get("value", ""))) > MOST_CHARACTERS:
            raise _flaw(
                "TooLong", f"execute_handlers.{number}.params.value", "This value is too long. It should have 80 characters or less."
            )
        if len(params.get("buttons", ())) > MOST_BUTTONS:
            raise _flaw("TooMany", f"execute_handlers.{number}.params.buttons", "This collection should contain 25 elements or less.")
        if handler.get("handler") == "goto" and params.get("type") != "finish" and type(params.get("step")) is not int:
            raise _flaw("NotBlank", f"execute_handlers.{number}.params.step", "This value should not be blank.")


def _flaw(code: str, path: str, detail: str) -> Refused:
    errors = [{"request_id": "0", "errors": [{"code": code, "path": path, "detail": detail}]}]
    return Refused(400, "Bad Request", "Request validation failed", **{"validation-errors": errors})


async def _post(url: str, body: dict[str, Any], *, form: bool) -> int:
    data = urlencode(list(flat(body))).encode() if form else orjson.dumps(body)
    headers = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json"}
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(url, data=data, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0
