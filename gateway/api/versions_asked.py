"""A version that a request names: its number, what is published, or the draft as it is now."""

from typing import Any, Literal

from actors.domain.errors import InvalidDefinition
from gateway.api.authored import MOST_FLAWS
from gateway.api.operation import Call
from gateway.problems import Flaw, Problem, invalid
from storage.authoring.drafts import AgentDraft
from storage.authoring.versions import Versions


async def version_asked(versions: Versions, call: Call[Any, Any], agent: AgentDraft, asked: Literal["published", "draft"] | int) -> int:
    """Return the number of the version; the draft becomes one that is not published.

    Raises:
        Problem: 422: there is no such version, or the draft cannot be used as it is.
    """
    if asked == "draft":
        try:
            version = await versions.snapshot(call.tenant_id, call.caller.actor, agent.id)
        except InvalidDefinition as error:
            flaws = [Flaw(str(problem), "definition", pointer="/version") for problem in error.problems[:MOST_FLAWS]]
            raise Problem(422, "the draft cannot answer as it is", reason="definition", errors=flaws) from None
        if version is None:
            raise call.missing("id")
        return version
    if asked == "published":
        if not agent.published_version:
            raise invalid("nothing is published yet", "version", pointer="/version")
        return agent.published_version
    if await versions.find(call.tenant_id, agent.id, asked) is None:
        raise invalid(f"there is no version {asked}", "version", pointer="/version")
    return asked
