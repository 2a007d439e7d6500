"""A published version of an agent: everything decide() may use besides state and inputs."""

from dataclasses import dataclass

from actors.domain.ids import AgentId
from actors.domain.knowledge.engine import PassageIndex
from actors.domain.agent.models import Persona
from actors.domain.scripts.engine import ScriptIndex


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One agent version, indexed for use; immutable, shared by all conversations of the agent."""

    agent_id: AgentId
    version: int
    persona: Persona
    scripts: ScriptIndex
    passages: PassageIndex
