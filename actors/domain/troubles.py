"""What can be wrong with a connected account, in a closed set of words, and what its owner can do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from actors.domain.errors import AccountInUse, CallboardError, CredentialsRefused, TerminalError, TransientError

TroubleCode = Literal[
    "token_malformed",
    "token_refused",
    "token_unreadable",
    "second_poller",
    "foreign_webhook",
    "webhook_missing",
    "webhook_failing",
    "webhook_refused",
    "no_public_url",
    "unreachable",
    "slow_down",
    "moved",
    "other",
]
TROUBLE_CODES: frozenset[str] = frozenset(get_args(TroubleCode))


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong; `detail` is what the provider said, without secrets."""

    code: TroubleCode
    detail: str = ""


class AccountTrouble(TerminalError):
    """It cannot be done because of this."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(f"{MEANINGS[trouble.code][0]}. {MEANINGS[trouble.code][1]}")
        self.trouble = trouble


# Each with a title and what to do, for people who do not program. The console has them in its languages.
MEANINGS: Mapping[TroubleCode, tuple[str, str]] = {
    "token_malformed": (
        "This is not a bot's token",
        "Open @BotFather in Telegram, send /mybots, choose the bot, press API Token, and paste what it shows, as 123456:ABC-DEF",
    ),
    "token_refused": (
        "Telegram does not accept the token",
        "It was replaced or the bot was deleted. Copy the token of today from @BotFather and connect the bot again with it",
    ),
    "token_unreadable": (
        "The stored token cannot be read",
        "This installation has another secret key than the one the token was stored with. Connect the bot again with its token",
    ),
    "second_poller": (
        "Another program receives this bot's messages",
        "Stop the other program. If you do not know which it is, replace the token in @BotFather and connect the bot again",
    ),
    "foreign_webhook": (
        "The bot's messages go to another address",
        "Another program has set its own address at Telegram. Stop it, then set up the receiving of messages again",
    ),
    "webhook_missing": (
        "Telegram sends this bot's messages nowhere",
        "Another program removed the address. Set up the receiving of messages again",
    ),
    "webhook_failing": (
        "Telegram cannot deliver to the public address",
        "Check that CALLBOARD_PUBLIC_URL can be opened from the internet with a valid certificate, or receive messages without it",
    ),
    "webhook_refused": (
        "Telegram does not accept the public address",
        "CALLBOARD_PUBLIC_URL must begin with https:// and use port 443, 80, 88 or 8443. Messages are received without it meanwhile",
    ),
    "no_public_url": (
        "This installation has no public address",
        "Set CALLBOARD_PUBLIC_URL to the https address under which it can be reached, or receive messages without it",
    ),
    "unreachable": (
        "Telegram cannot be reached",
        "Check this server's connection to the internet, then try again. Messages wait at Telegram for up to 24 hours",
    ),
    "slow_down": ("Telegram asks to wait", "Too much was asked for in a short time. Try again in a minute"),
    "moved": (
        "The bot was connected elsewhere",
        "Whoever has the token decides where the bot works. To have it here again, connect it again with its token",
    ),
    "other": ("Telegram answered with an error", "Try again. If it stays, look at what Telegram said"),
}


def trouble_of(error: CallboardError) -> Trouble:
    """Return what an error of the provider means for the whole account."""
    detail = str(error)[:300]
    match error:
        case AccountTrouble():
            return error.trouble
        case CredentialsRefused():
            return Trouble("token_refused", detail)
        case AccountInUse():
            return Trouble("foreign_webhook" if "webhook" in detail.lower() else "second_poller", detail)
        case TransientError() if error.retry_after_s is not None:
            return Trouble("slow_down", detail)
        case TerminalError():
            return Trouble("other", detail)
        case _:
            return Trouble("unreachable", detail)
