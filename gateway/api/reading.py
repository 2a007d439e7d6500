"""What can be read: agents, conversations, messages and why an answer was given."""

from datetime import datetime
from uuid import UUID

from aiohttp import web

from actors.domain.trace import from_bytes
from gateway.api.paging import Page, bad_cursor, choice_filter, json_response, number_in_path, page_of, respond, uuid_filter
from gateway.auth import Keys
from gateway.problems import not_found
from gateway.schemas import views
from storage.api_keys import ApiKey
from storage.catalogue import Agents
from storage.conversations import ConversationControl
from storage.listings import ConversationFilter, Listings
from storage.postgres import Database
from storage.traces import StoredTrace, Traces

_FILTERS = ("agent_id", "control", "channel")


class ReadingApi:
    """Read-only resources of the caller's tenant."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._keys = keys
        self._agents = Agents(database)
        self._listings = Listings(database)
        self._conversations = ConversationControl(database)
        self._traces = Traces(database)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        read = self._keys.require
        return [
            web.get("/api/agents", read("viewer", self.agents)),
            web.get("/api/conversations", read("viewer", self.conversations)),
            web.get("/api/conversations/{id}/messages", read("viewer", self.messages)),
            web.get("/api/conversations/{id}/messages/{message_id}/trace", read("viewer", self.trace)),
        ]

    async def agents(self, request: web.Request, caller: ApiKey) -> web.Response:
        """List agents, oldest first."""
        page = page_of(request)
        found = await self._agents.page(caller.tenant_id, _uuid(page), page.limit + 1)
        shown = found[: page.limit]
        return respond(request, page, [views.agent(a) for a in shown], str(shown[-1].id) if len(found) > page.limit else None)

    async def conversations(self, request: web.Request, caller: ApiKey) -> web.Response:
        """List conversations, the most recent first."""
        page = page_of(request, _FILTERS)
        found = await self._listings.conversations(caller.tenant_id, _filter(page), _place(page), page.limit + 1)
        shown = found[: page.limit]
        last = [shown[-1].last_at.isoformat(), shown[-1].id] if len(found) > page.limit else None
        return respond(request, page, [views.conversation(c) for c in shown], last)

    async def messages(self, request: web.Request, caller: ApiKey) -> web.Response:
        """List a conversation's messages, oldest first, each with what became of it."""
        conversation_id = number_in_path(request, "id", "conversation")
        page = page_of(request)
        if await self._conversations.find(caller.tenant_id, conversation_id) is None:
            raise not_found("conversation")
        found = await self._listings.messages(caller.tenant_id, conversation_id, _number(page), page.limit + 1)
        shown = found[: page.limit]
        return respond(request, page, [views.message(m) for m in shown], shown[-1].id if len(found) > page.limit else None)

    async def trace(self, request: web.Request, caller: ApiKey) -> web.Response:
        """Show why the turn of a message went as it did."""
        conversation_id = number_in_path(request, "id", "conversation")
        stored = await self._traces.by_message(caller.tenant_id, number_in_path(request, "message_id", "message"))
        if stored is None or stored.conversation_id != conversation_id:
            raise not_found("message with a trace")
        return json_response(_trace(stored))


def _trace(stored: StoredTrace) -> dict[str, object]:
    return {
        "trace_id": str(stored.turn_id),
        "conversation_id": str(stored.conversation_id),
        "created_at": views.time(stored.created_at),
        "trace": from_bytes(stored.body),
    }


def _filter(page: Page) -> ConversationFilter:
    return ConversationFilter(
        uuid_filter(page, "agent_id"),
        choice_filter(page, "control", ("bot", "waiting", "human")),
        choice_filter(page, "channel", ("telegram", "kommo", "test")),
    )


def _uuid(page: Page) -> UUID | None:
    try:
        return UUID(page.after) if page.after is not None else None
    except (ValueError, AttributeError, TypeError):
        raise bad_cursor() from None


def _number(page: Page) -> int:
    match page.after:
        case None:
            return 0
        case int(number) if not isinstance(number, bool) and 0 <= number < 2**63:
            return number
        case _:
            raise bad_cursor()


def _place(page: Page) -> tuple[datetime, int] | None:
    match page.after:
        case None:
            return None
        case [str(at), int(conversation_id)] if 0 <= conversation_id < 2**63:
            try:
                return datetime.fromisoformat(at), conversation_id
            except ValueError:
                raise bad_cursor() from None
        case _:
            raise bad_cursor()
