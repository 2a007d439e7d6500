"""`conversations:export`: a company's conversations, contacts and messages as JSON lines, to be fetched within a day."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import orjson
from pydantic import BaseModel, ConfigDict

from actors.domain.ids import TenantId
from actors.domain.jobs import Mark, Progress
from actors.ports.exports import KEPT, ExportedConversation, ExportedMessage, ExportFiles, ExportPages
from actors.ports.jobs import JobContext
from actors.ports.time import Clock

_CONVERSATIONS = 200  # of one part: what a worker that dies has to write again
_MESSAGES = 1_000  # of one read


_OF_THE_CHANNEL = frozenset({"file_id", "file_unique_id"})  # mean nothing without the bot's token


class ExportPayload(BaseModel):
    """Everything; there is nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class _Written:
    """What is on disk so far."""

    after: int = 0
    parts: tuple[str, ...] = ()
    size: int = 0
    conversations: int = 0
    messages: int = 0

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any]) -> "_Written":
        return cls(**{**checkpoint, "parts": tuple(checkpoint["parts"])}) if checkpoint else cls()

    def checkpoint(self) -> dict[str, Any]:
        return {
            "after": self.after,
            "parts": list(self.parts),
            "size": self.size,
            "conversations": self.conversations,
            "messages": self.messages,
        }


class ConversationsExport:
    """Writes part after part, each named by the checkpoint once it is on disk: a worker that died is followed by one that goes on."""

    name: ClassVar[str] = "conversations:export"
    timeout_s: ClassVar[float] = 6 * 3_600.0
    payload = ExportPayload

    def __init__(self, pages: ExportPages, files: ExportFiles, clock: Clock) -> None:
        self._pages = pages
        self._files = files
        self._clock = clock

    async def run(self, payload: ExportPayload, context: JobContext) -> Mapping[str, Any]:  # nothing to choose
        """Write everything; return what there is, and until when it is kept."""
        tenant_id, written = context.lease.tenant_id, _Written.of(context.checkpoint)
        total = await self._pages.count(tenant_id)
        while page := await self._pages.conversations(tenant_id, written.after, _CONVERSATIONS):
            written = await self._part(context, written, page)
            progress = Progress(written.conversations, max(total, written.conversations))
            await context.report(Mark(progress, written.checkpoint()))
        expires_at = (self._clock.now() + KEPT).isoformat(timespec="seconds")
        return {
            "conversations": written.conversations,
            "messages": written.messages,
            "size": written.size,
            "parts": list(written.parts),
            "expires_at": expires_at,
        }

    async def _part(self, context: JobContext, written: _Written, page: Sequence[ExportedConversation]) -> _Written:
        lines = _Lines(self._pages, context.lease.tenant_id, page)
        name, size = await self._files.write(context.lease, len(written.parts), lines.all())
        return replace(
            written,
            after=page[-1].id,
            parts=(*written.parts, name),
            size=written.size + size,
            conversations=written.conversations + len(page),
            messages=written.messages + lines.messages,
        )


class _Lines:
    """The lines of one part: for each conversation the contact, itself, and its messages in order."""

    def __init__(self, pages: ExportPages, tenant_id: TenantId, page: Sequence[ExportedConversation]) -> None:
        self._pages = pages
        self._tenant_id = tenant_id
        self._page = page
        self.messages = 0

    async def all(self) -> AsyncIterator[bytes]:
        for conversation in self._page:
            for line in _of_conversation(conversation):
                yield _line(line)
            async for message in self._messages_of(conversation.id):
                yield _line(_of_message(message))

    async def _messages_of(self, conversation_id: int) -> AsyncIterator[ExportedMessage]:
        after = 0
        while found := await self._pages.messages(self._tenant_id, conversation_id, after, _MESSAGES):
            self.messages, after = self.messages + len(found), found[-1].id
            for message in found:
                yield message
            if len(found) < _MESSAGES:
                return


def _of_conversation(it: ExportedConversation) -> list[dict[str, Any]]:
    contact = f"{it.integration_id}:{it.key}"
    return [
        {
            "type": "contact",
            "id": contact,
            "channel": it.channel,
            "key": it.key,
            "name": it.state.get("name") or it.title,
            "language": it.state.get("language", ""),
            "tags": it.state.get("tags", []),
            "variables": it.state.get("variables", {}),
            "blocked": bool(it.state.get("blocked")),
            "created_at": it.created_at,
        },
        {
            "type": "conversation",
            "id": str(it.id),
            "contact_id": contact,
            "agent_id": str(it.agent_id),  # the driver has a UUID of its own
            "agent": it.agent,
            "title": it.title,
            "channel": it.channel,
            "control": it.control,
            "created_at": it.created_at,
            "last_at": it.last_at,
        },
    ]


def _of_message(it: ExportedMessage) -> dict[str, Any]:
    return {
        "type": "message",
        "id": str(it.id),
        "conversation_id": str(it.conversation_id),
        "role": it.role,
        "text": it.body,
        "mode": it.mode,
        "created_at": it.created_at,
        "turn_id": str(it.turn_id),
        "external_id": it.external_id,
        "sources": list(it.sources),
        "files": [{name: value for name, value in file.items() if name not in _OF_THE_CHANNEL} for file in it.files],
        "delivery": it.delivery,
    }


def _line(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(document), option=orjson.OPT_APPEND_NEWLINE)
