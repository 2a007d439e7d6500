"""One question to an agent and its answer. Waiting goes by live events as a hint, and by polling anyway."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from actors.domain.errors import InvalidDefinition, TransientError
from actors.domain.ids import Address, ConversationId, TenantId
from actors.ports.inbox import NewInput
from gateway import ids
from gateway.api.authored import MOST_FLAWS
from gateway.auth import Caller
from gateway.committer import Refused, Unavailable
from gateway.intake import Intake
from gateway.metrics import Metrics
from gateway.patience import Patience
from gateway.problems import Flaw, Problem, invalid, not_found, unavailable
from gateway.schemas.chat import ChatAnswer, ChatRequest, reply_view
from storage.authoring.versions import Versions
from storage.chats import NoSuchVersion, TestChat, TestChats
from storage.conversations import ConversationControl
from storage.messages import InputStatus, Messages
from storage.postgres import Database
from storage.signals import RedisSignals

POLL_S = 0.5
CALL_S = 5.0

Events: TypeAlias = "asyncio.Queue[dict[str, Any]]"
OnDelta: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]


class NoAnswerYet(Exception):
    """The message is stored, but its turn did not end within the time a request may wait."""


@dataclass(frozen=True, slots=True)
class Question:
    """A message to be stored and waited for. `message_id` is the sender's (or ours in its place), unique in the conversation."""

    tenant_id: TenantId
    conversation_id: ConversationId
    address: Address
    message_id: str
    text: str

    @property
    def dedupe_key(self) -> str:
        """Return the key under which it is stored once."""
        return f"test:{self.address.integration_id}:{self.address.key}:{self.message_id}"


class TestChatService:
    """Conversations with an agent over the API."""

    def __init__(
        self, database: Database, intake: Intake, signals: RedisSignals, patience: Patience, metrics: Metrics, reply_wait_s: float
    ) -> None:
        self._chats = TestChats(database)
        self._versions = Versions(database)
        self._messages = Messages(database)
        self._control = ConversationControl(database)
        self._intake = intake
        self._signals = signals
        self._patience = patience
        self._metrics = metrics
        self._reply_wait_s = reply_wait_s

    async def open(self, caller: Caller, body: ChatRequest) -> Question:
        """Return the question in its conversation, which exists from now on.

        Raises:
            Problem: 404: the tenant has no such agent, or the agent no such test conversation; 422: the version cannot be had.
        """
        chat = await self._patience.within(CALL_S, self._chat(caller, body))
        if chat is None:
            raise not_found("test conversation of this agent" if body.conversation_id else "agent")
        return Question(caller.tenant_id, chat.conversation_id, chat.address, body.message_id or ids.fresh_key(), body.text)

    def watching(self, question: Question) -> AbstractAsyncContextManager[Events]:
        """Receive the conversation's live events while the block lasts; enter it before `submit`."""
        return self._signals.watch(question.conversation_id)

    async def submit(self, question: Question) -> None:
        """Store the message.

        Raises:
            Problem: 503 or 422.
        """
        raw = orjson.dumps({"text": question.text, "message_id": question.message_id})
        new = NewInput(question.tenant_id, question.address, "message", question.dedupe_key, raw)
        started = asyncio.get_running_loop().time()
        try:
            accepted = await self._intake.accept(new, self._intake.deadline())
        except Unavailable:
            raise unavailable() from None
        except Refused:
            raise Problem(422, "the message cannot be stored", reason="refused-by-database") from None
        self._metrics.input("test", accepted.verdict, asyncio.get_running_loop().time() - started)

    async def answer(self, question: Question, events: Events, on_delta: OnDelta) -> ChatAnswer:
        """Wait for the message's turn and return the answer.

        Raises:
            NoAnswerYet: the time a request may wait is over.
        """
        async for status in self._looks(question, events, on_delta):
            if status is not None and status.state != "pending":
                return await self._answer(question, status)
        raise NoAnswerYet

    async def _chat(self, caller: Caller, body: ChatRequest) -> TestChat | None:
        if body.conversation_id is not None:
            number = int(body.conversation_id)
            return _checked(await self._chats.find(caller.tenant_id, body.agent_id, number), body) if number < 2**63 else None
        try:
            version = await self._version(caller, body)
            return await self._chats.start(caller.tenant_id, body.agent_id, _key(body), version)
        except NoSuchVersion as error:
            raise invalid(str(error), "version", pointer="/version") from None

    async def _version(self, caller: Caller, body: ChatRequest) -> int | None:
        """Return the version a new conversation keeps to; None: whatever is published."""
        if body.version != "draft":
            return None if body.version == "published" else body.version
        try:
            return await self._versions.snapshot(caller.tenant_id, caller.actor, body.agent_id)
        except InvalidDefinition as error:
            flaws = [Flaw(str(problem), "definition", pointer="/version") for problem in error.problems[:MOST_FLAWS]]
            raise Problem(422, "the draft cannot answer as it is", reason="definition", errors=flaws) from None

    async def _looks(self, question: Question, events: Events, on_delta: OnDelta) -> AsyncIterator[InputStatus | None]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._reply_wait_s
        while loop.time() < end:
            yield await self._status(question)
            await _until_a_hint(events, on_delta, min(POLL_S, max(end - loop.time(), 0.0)))
        yield await self._status(question)

    async def _status(self, question: Question) -> InputStatus | None:
        try:
            return await self._patience.within(CALL_S, self._messages.input_status(question.tenant_id, question.dedupe_key))
        except TransientError:
            return None  # the message is stored; the database will be back

    async def _answer(self, question: Question, status: InputStatus) -> ChatAnswer:
        reply = reply_view(status.replies)
        return ChatAnswer(
            conversation_id=str(question.conversation_id),
            message_id=str(status.message_id) if status.message_id else None,
            reply=reply,
            trace_id=status.turn_id,
            reason=None if reply else await self._why_silent(question, status),
        )

    async def _why_silent(self, question: Question, status: InputStatus) -> str:
        if status.state == "dead":
            return f"the message could not be handled: {status.reason}"
        conversation = await self._patience.within(CALL_S, self._control.find(question.tenant_id, question.conversation_id))
        if conversation and conversation.control == "human":
            return "a person has the conversation"
        return "the agent had nothing to say"


def _key(body: ChatRequest) -> str:
    """Return the key of a new conversation: the same first message to the same version, sent twice, is one conversation."""
    if body.message_id is None:
        return ids.fresh_key()
    version = () if body.version in (None, "published") else (body.version,)
    return str(ids.derived("chat", body.agent_id, body.message_id, *version))


def _checked(chat: TestChat | None, body: ChatRequest) -> TestChat | None:
    """Return the conversation if it keeps to the version asked for.

    Raises:
        Problem: 422: it keeps to another.
    """
    if chat is None or body.version is None:
        return chat
    pinned = chat.pinned_version
    if body.version == (pinned or "published") or (body.version == "draft" and pinned):
        return chat
    kept = f"version {pinned}" if pinned else "what is published"
    raise invalid(f"this conversation keeps to {kept}: begin a new one for another version", "version", pointer="/version")


async def _until_a_hint(events: Events, on_delta: OnDelta, seconds: float) -> None:
    """Pass on parts of the answer until a turn ends or the time is over."""
    try:
        async with asyncio.timeout(seconds):
            while (event := await events.get()).get("type") == "delta":
                await on_delta(event)
    except TimeoutError:
        return
