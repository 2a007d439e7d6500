"""The integrations of a whole company, and a look at a token before it is used."""

from actors.domain.troubles import MEANINGS, AccountTrouble, Trouble
from gateway.api.operation import Answer, Call, Operation
from gateway.connections import Connections
from gateway.problems import Flaw, Problem
from gateway.schemas.endpoints import CheckedView, TenantIntegrations, TokenBody, checked_view, integration_view
from integrations.telegram.tokens import token_in
from storage.endpoints import Endpoints
from storage.postgres import Database

RETRY_AFTER_S = 5
_NOT_OUR_CALLERS_FAULT = frozenset({"unreachable", "slow_down"})


class IntegrationsApi:
    """What the caller's tenant is connected to."""

    def __init__(self, database: Database, connections: Connections) -> None:
        self._endpoints = Endpoints(database)
        self._connections = connections

    def operations(self) -> list[Operation]:
        """Return the operations."""
        check = "/api/integrations/check"
        return [
            Operation("GET", "/api/integrations", self.everywhere, level="viewer", tag="integrations", answer=TenantIntegrations),
            Operation("POST", check, self.check, level="admin", tag="integrations", body=TokenBody, answer=CheckedView),
        ]

    async def everywhere(self, call: Call) -> Answer:
        """List what the company's agents are connected to, and what was moved away from them."""
        found = await self._endpoints.of_agent(call.tenant_id, None) + await self._endpoints.moved_away(call.tenant_id)
        items = [integration_view(endpoint) for endpoint in found]
        return Answer(TenantIntegrations(items=items, webhooks=self._connections.connecting.webhooks))

    async def check(self, call: Call[TokenBody]) -> Answer:
        """Say whose token it is and what connecting the bot would change. Nothing is stored."""
        token = pasted_token(call.body.token)
        try:
            checked = await self._connections.connecting.check(self._connections.desk(call.caller), token)
        except AccountTrouble as error:
            raise refusal_of(error, "/token") from None
        return Answer(checked_view(checked))


def pasted_token(text: str) -> str:
    """Return the token in what was pasted.

    Raises:
        Problem: there is none, or there are several.
    """
    token = token_in(text)
    if token is None:
        raise refusal_of(AccountTrouble(Trouble("token_malformed")), "/token")
    return token


def refusal_of(error: AccountTrouble, pointer: str) -> Problem:
    """Return why it cannot be done: 503 where repeating may help, else 422."""
    title, what_to_do = MEANINGS[error.trouble.code]
    flaw = Flaw(f"{title}. {what_to_do}", error.trouble.code, pointer)
    if error.trouble.code in _NOT_OUR_CALLERS_FAULT:
        return Problem(503, title, reason=error.trouble.code, errors=[flaw], headers={"Retry-After": str(RETRY_AFTER_S)})
    return Problem(422, title, reason=error.trouble.code, errors=[flaw])
