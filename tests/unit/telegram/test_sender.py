"""A row of several pieces has one outcome, and the lease is looked at before every first byte."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from actors.domain.errors import CallboardError, ContactMoved, CredentialsRefused, TerminalError, TransientError, UnknownOutcome
from actors.domain.ids import Address, ConversationId, IntegrationId, OutboxId, TenantId
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim
from integrations.telegram.errors import EntitiesRefused, FileRefused, LeaseOver
from integrations.telegram.sender import CHAT_PACE, GROUP_PACE, TelegramSender

LONG = "a" * 4096 + "b" * 4096 + "c"


class ScriptedClient:
    """Raises what the script says, in order; then takes everything."""

    def __init__(self, *script: Exception | None) -> None:
        self.script = list(script)
        self.sent: list[tuple[int, str, int | None]] = []
        self.payloads: list[Mapping[str, Any]] = []

    async def send(self, token: str, method: str, payload: Mapping[str, Any], not_after: float = 0.0) -> str:
        self.payloads.append(payload)
        if self.script and (error := self.script.pop(0)) is not None:
            raise error
        self.sent.append((payload["chat_id"], payload["text"][:1], payload.get("message_thread_id")))
        return str(len(self.sent))


class StandingClock:
    """Moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


def claim(text: object, key: str = "5", **more: Any) -> Claim:
    address = Address(IntegrationId(uuid4()), key)
    return Claim(OutboxId(1), TenantId(uuid4()), ConversationId(1), address, "reply", "repeat_once", 0, 0, {"text": text, **more})


async def send(client: ScriptedClient, text: object = LONG, key: str = "5", not_after: float = 10.0) -> str:
    record = IntegrationRecord(IntegrationId(uuid4()), TenantId(uuid4()), "telegram", "1", "push", "live", "1:token")
    sender = TelegramSender(client, StandingClock())  # type: ignore[arg-type]
    return await sender.send(record, claim(text, key), not_after)


async def test_pieces_go_in_order_and_the_last_id_counts() -> None:
    client = ScriptedClient()
    assert await send(client, key="-100:7") == "3"
    assert client.sent == [(-100, "a", 7), (-100, "b", 7), (-100, "c", 7)]


@pytest.mark.parametrize("error", [TransientError("no"), TerminalError("no"), UnknownOutcome("no"), CredentialsRefused("no")])
async def test_the_first_piece_decides_alone(error: CallboardError) -> None:
    with pytest.raises(CallboardError) as caught:
        await send(ScriptedClient(error))
    assert caught.value is error


async def test_a_lease_that_is_over_before_the_first_piece_is_no_doubt() -> None:
    with pytest.raises(TransientError, match="lease"):
        await send(ScriptedClient(LeaseOver()))


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (UnknownOutcome("lost"), UnknownOutcome),
        (TerminalError("blocked"), TerminalError),
        (CredentialsRefused("revoked"), CredentialsRefused),
        (LeaseOver(), UnknownOutcome),
        (TransientError("429", 60.0), UnknownOutcome),
    ],
)
async def test_a_later_piece_says_how_much_was_delivered(error: Exception, meaning: type[Exception]) -> None:
    with pytest.raises(meaning, match="after 1 of 3 pieces") as caught:
        await send(ScriptedClient(None, error))
    assert type(caught.value) is meaning


async def test_a_later_piece_is_tried_again_while_the_lease_lasts() -> None:
    client = ScriptedClient(None, TransientError("429", 2.0), TransientError("refused"))
    assert await send(client) == "3"
    assert [first for _, first, _ in client.sent] == ["a", "b", "c"]


@pytest.mark.parametrize("text", [None, 17, "", " \n", "\x00"])
async def test_nothing_to_send_is_terminal(text: object) -> None:
    with pytest.raises(TerminalError):
        await send(ScriptedClient(), text)


@pytest.mark.parametrize("key", ["update", "", "5:x", "@name"])
async def test_a_key_that_is_no_chat_is_terminal(key: str) -> None:
    with pytest.raises(TerminalError, match="no chat"):
        await send(ScriptedClient(), "hi", key)


def test_groups_have_their_own_pace() -> None:
    sender = TelegramSender(ScriptedClient(), StandingClock())  # type: ignore[arg-type]
    assert sender.address_pace(claim("x", "-100:7").address) is GROUP_PACE
    assert sender.address_pace(claim("x", "5").address) is CHAT_PACE


async def test_refused_formatting_is_sent_again_without_it_and_counted() -> None:
    client = ScriptedClient(EntitiesRefused("400 can't parse entities"))
    record = IntegrationRecord(IntegrationId(uuid4()), TenantId(uuid4()), "telegram", "1", "push", "live", "1:token")
    sender = TelegramSender(client, StandingClock())  # type: ignore[arg-type]
    assert await sender.send(record, claim("**b**", format="markdown"), 10.0) == "1"
    assert ["entities" in payload for payload in client.payloads] == [True, False]
    assert sender.counts == {"sent_plain": 1}


SIZES = {"kind": "photo", "url": "https://shop.invalid/sizes.jpg"}


async def test_a_file_that_is_refused_leaves_its_address_as_a_line_of_the_text() -> None:
    client = ScriptedClient(FileRefused("400 failed to get HTTP URL content"))
    record = IntegrationRecord(IntegrationId(uuid4()), TenantId(uuid4()), "telegram", "1", "push", "live", "1:token")
    sender = TelegramSender(client, StandingClock())  # type: ignore[arg-type]
    body = claim("Which one?", media=SIZES, buttons=[[{"text": "Small", "data": "0"}]])
    assert await sender.send(record, body, 10.0) == "1"
    photo, text = client.payloads
    assert (photo["photo"], photo["caption"]) == (SIZES["url"], "Which one?")
    assert (text["text"], text["reply_markup"]) == (f"Which one?\n{SIZES['url']}", photo["reply_markup"])
    assert sender.counts == {"sent_without_file": 1}


async def test_what_cannot_be_known_of_a_file_is_not_sent_as_text() -> None:
    record = IntegrationRecord(IntegrationId(uuid4()), TenantId(uuid4()), "telegram", "1", "push", "live", "1:token")
    for error in (UnknownOutcome("lost"), TransientError("429"), TerminalError("no")):
        client = ScriptedClient(error)
        with pytest.raises(type(error)):
            await TelegramSender(client, StandingClock()).send(record, claim("hi", media=SIZES), 10.0)  # type: ignore[arg-type]
        assert len(client.payloads) == 1


async def test_a_file_without_an_address_is_refused_for_good() -> None:
    record = IntegrationRecord(IntegrationId(uuid4()), TenantId(uuid4()), "telegram", "1", "push", "live", "1:token")
    client = ScriptedClient(FileRefused("400 wrong file identifier"))
    with pytest.raises(TerminalError):
        await TelegramSender(client, StandingClock()).send(record, claim("hi", media={"kind": "photo", "file_id": "x"}), 10.0)  # type: ignore[arg-type]
    with pytest.raises(TerminalError, match="after 1 of 3 pieces"):
        await send(ScriptedClient(None, FileRefused("400 wrong file identifier")))


async def test_a_plain_text_is_not_repeated_for_its_formatting() -> None:
    client = ScriptedClient(EntitiesRefused("400 can't parse entities"))
    with pytest.raises(EntitiesRefused):
        await send(client, "hi")
    assert len(client.payloads) == 1


async def test_the_first_piece_moves_the_conversation_and_later_ones_follow() -> None:
    with pytest.raises(ContactMoved):
        await send(ScriptedClient(ContactMoved("upgraded", "-1007")))
    client = ScriptedClient(None, ContactMoved("upgraded", "-1007"))
    assert await send(client, key="-5") == "3"
    assert [chat for chat, _, _ in client.sent] == [-5, -1007, -1007]
