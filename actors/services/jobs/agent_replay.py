"""`agent:replay`: recorded conversations decided again by another version, without any effect, and what differs."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from actors.domain.agent.models import Persona, read_persona
from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.ids import AgentId, ConversationId, TenantId
from actors.domain.jobs import Mark, Progress
from actors.ports.channels import ChannelParser
from actors.ports.conversations import CatalogueStore
from actors.ports.jobs import JobContext
from actors.ports.knowledge import Knowledge
from actors.ports.replays import RecordedConversation, ReplayedConversation, ReplayStore
from actors.ports.time import Clock
from actors.services.documents import Documents
from actors.services.reading import Reader
from actors.services.replaying import Replayer

MOST_CONVERSATIONS = 500


class ReplayPayload(BaseModel):
    """Which conversations, and the version that decides them again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_id: UUID
    version: int
    conversations: list[int] = Field(max_length=MOST_CONVERSATIONS)


@dataclass(slots=True)
class _Tally:
    """How far it is, and what came of turns so far."""

    done: int = 0
    turns: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any]) -> "_Tally":
        return cls(int(checkpoint.get("done", 0)), Counter(checkpoint.get("turns", {})))

    def add(self, recorded: RecordedConversation | None, replayed: ReplayedConversation) -> None:
        self.done += 1
        self.turns.update(turn.outcome for turn in replayed.turns)
        self.turns["changed_conversations"] += any(turn.outcome == "differs" for turn in replayed.turns)
        self.turns["forgotten"] += recorded.forgotten if recorded else 0
        self.turns["cut_conversations"] += bool(recorded and recorded.cut)

    def checkpoint(self) -> dict[str, Any]:
        return {"done": self.done, "turns": dict(self.turns)}


class AgentReplay:
    """Replays conversation after conversation, each committed with how far it is."""

    name: ClassVar[str] = "agent:replay"
    timeout_s: ClassVar[float] = 3_600.0
    payload = ReplayPayload

    def __init__(
        self,
        catalogues: CatalogueStore,
        store: ReplayStore,
        parsers: Mapping[str, ChannelParser],
        clock: Clock,
        knowledge: Knowledge | None,
        *,
        asks: bool,
    ) -> None:
        """Take what hosts use; `asks`: the installation has a model."""
        self._catalogues = catalogues
        self._store = store
        self._reader = Reader(parsers)
        self._documents = Documents(clock, knowledge)
        self._asks = asks

    async def run(self, payload: ReplayPayload, context: JobContext) -> Mapping[str, Any]:
        """Replay; return how many turns are the same, differ, would ask a model anew, or cannot be replayed."""
        tenant_id, tally = context.lease.tenant_id, _Tally.of(context.checkpoint)
        version = await self._catalogue(tenant_id, payload)
        personas: dict[tuple[str, int], Persona] = {}
        replayer = Replayer(version, personas, self._reader, self._documents, self._asks)
        total = len(payload.conversations)
        for conversation_id in map(ConversationId, payload.conversations[tally.done :]):
            recorded = await self._store.load(tenant_id, conversation_id)
            if recorded is not None:
                await self._learn(tenant_id, recorded, personas)
            replayed = await _replayed(replayer, recorded) if recorded else ReplayedConversation(conversation_id, "")
            tally.add(recorded, replayed)
            await self._store.save(context.lease, replayed, Mark(Progress(tally.done, total), tally.checkpoint()))
        return _told(payload, tally)

    async def _catalogue(self, tenant_id: TenantId, payload: ReplayPayload) -> Catalogue:
        agent_id = AgentId(payload.agent_id)
        definition = await self._catalogues.definition(tenant_id, agent_id, payload.version)
        return await asyncio.to_thread(catalogue, agent_id, payload.version, definition)

    async def _learn(self, tenant_id: TenantId, recorded: RecordedConversation, personas: dict[tuple[str, int], Persona]) -> None:
        """Read the personas of the versions that spoke in a conversation."""
        spoke = {(str(turn.trace.get("agent_id")), int(turn.trace.get("version", 0))) for turn in recorded.turns}
        fresh = [version for version in spoke if version[1] and version not in personas]
        for version, raw in (await self._store.personas(tenant_id, fresh) if fresh else {}).items():
            personas[version] = read_persona(raw, "persona", [])


async def _replayed(replayer: Replayer, recorded: RecordedConversation) -> ReplayedConversation:
    replay = replayer.begin(recorded)
    while replay.left:
        await replay.step()
        await asyncio.sleep(0)  # other jobs and the heartbeat go on
    return replay.result()


def _told(payload: ReplayPayload, tally: _Tally) -> dict[str, Any]:
    names = ("same", "differs", "asked", "skipped", "forgotten", "changed_conversations", "cut_conversations")
    told = {name: tally.turns[name] for name in names}
    return {"agent_id": str(payload.agent_id), "version": payload.version, "conversations": tally.done, **told}
