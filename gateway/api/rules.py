"""Rules of an agent's draft: written, ordered, tried on what happened, and what they did."""

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from actors.domain.errors import InvalidDefinition
from actors.domain.errors import Problem as Fault
from actors.domain.rules.models import Rule, read_rule
from actors.domain.rules.validation import begun_in_vain, check_rule
from actors.domain.sequences.validation import named_by_rules
from actors.ports.jobs import NewJob
from actors.ports.signals import Signals
from actors.services.jobs.rule_back_test import BackTestPayload, RuleBackTest
from gateway import ids
from gateway.api.authored import MOST_FLAWS, pointer, refusals
from gateway.api.jobs import accepted
from gateway.api.named import NamedThings
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.problems import Flaw, Problem, invalid
from gateway.schemas.bodies import ListQuery
from gateway.schemas.jobs import JobAccepted
from gateway.schemas.rules import (
    BackTestBody,
    ExecutionPage,
    ExecutionView,
    RuleBody,
    RuleDraft,
    RuleList,
    RuleOrder,
    RulePage,
    RuleQuery,
    RuleView,
    ValidationView,
    VocabularyView,
    execution_view,
    fault_view,
    rule_view,
    vocabulary,
)
from storage.actions import ActionItem, Actions
from storage.authoring.definitions import DefinitionItem
from storage.authoring.drafts import Drafts
from storage.authoring.rules import OtherRules, Rules
from storage.authoring.scripts import Scripts
from storage.authoring.sequences import Sequences
from storage.jobs.views import TenantJobs
from storage.postgres import Database
from storage.rule_log import Execution, RuleLog

_ALL, _ONE = "/api/agents/{id}/rules", "/api/agents/{id}/rules/{rule_id}"


class RulesApi:
    """The rules of the agents of the caller's tenant."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._drafts = Drafts(database)
        self._rules = Rules(database)
        self._scripts = Scripts(database)
        self._log = RuleLog(database)
        self._actions = Actions(database)
        self._sequences = Sequences(database)
        self._named = NamedThings(database)
        self._jobs = TenantJobs(database)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        admin, viewer = partial(Operation, level="admin", tag="rules"), partial(Operation, level="viewer", tag="rules")
        return [
            viewer("GET", _ALL, self.list, query=RuleQuery, answer=RulePage),
            admin("POST", _ALL, self.create, body=RuleBody, answer=RuleView, status=201, idempotent=True, also=(409,)),
            admin("PUT", f"{_ALL}/order", self.order, body=RuleOrder, answer=RuleList, also=(409,)),
            viewer("POST", f"{_ALL}/validate", self.validate, body=RuleDraft, answer=ValidationView),
            admin("POST", f"{_ALL}/back-test", self.back_test, body=BackTestBody, answer=JobAccepted, status=202, idempotent=True),
            viewer("GET", _ONE, self.one, answer=RuleView),
            admin("PUT", _ONE, self.replace, body=RuleBody, answer=RuleView, versioned=True, also=(409,)),
            admin("DELETE", _ONE, self.delete, status=204, versioned=True),
            admin("POST", f"{_ONE}/restore", self.restore, answer=RuleView),
            viewer("GET", f"{_ONE}/executions", self.executions, query=ListQuery, answer=ExecutionPage),
            viewer("GET", "/api/rules/vocabulary", self.vocabulary, answer=VocabularyView),
        ]

    async def list(self, call: Call[None, RuleQuery]) -> Answer:
        """List rules in the order in which they are asked; `deleted` lists those that can be restored."""
        agent_id = await self._agent(call)
        found = await self._rules.page(
            call.tenant_id, agent_id, after_number(call.page) or 0, call.page.limit + 1, deleted=call.query.deleted
        )
        return call.listed(RulePage, found, rule_view, lambda last: last.position)

    async def create(self, call: Call[RuleBody]) -> Answer:
        """Add a rule behind the others. Customers meet it when the draft is published."""
        agent_id = await self._agent(call)
        definition = call.body.definition(f"r-{ids.request_id()[:8]}")
        with refusals():
            await self._check(call.tenant_id, agent_id, definition)
            created = await self._rules.create(call.tenant_id, call.caller.actor, agent_id, definition)
        if created is None:
            raise call.missing("id")
        headers = {"Location": f"/api/agents/{agent_id}/rules/{created.id}"}
        return Answer(rule_view(created), etag=created.version, headers=headers)

    async def order(self, call: Call[RuleOrder]) -> Answer:
        """Put all rules into an order: the first that stops the others wins."""
        try:
            ordered = await self._rules.order(call.tenant_id, call.caller.actor, call.uuid("id"), call.body.rules)
        except OtherRules as error:
            raise Problem(409, str(error), reason="other-rules", errors=[Flaw(str(error), "rules", pointer="/rules")]) from None
        if ordered is None:
            raise call.missing("id")
        return Answer(RuleList(items=[rule_view(item) for item in ordered]))

    async def validate(self, call: Call[RuleDraft]) -> Answer:
        """Say what is wrong with a rule, while it is written. Nothing is stored."""
        agent_id = await self._agent(call)
        known = await self._known(call, agent_id, call.body.rule_id) if call.body.rule_id else None
        try:
            await self._check(call.tenant_id, agent_id, {"id": known.key if known else "new", **call.body.rule})
        except InvalidDefinition as error:
            faults = [fault_view(problem, pointer(problem.place)) for problem in error.problems[:MOST_FLAWS]]
            return Answer(ValidationView(valid=False, problems=faults))
        return Answer(ValidationView(valid=True, problems=[]))

    async def back_test(self, call: Call[BackTestBody]) -> Answer:
        """Try a rule on the events of the last days: how often it would have fired, on what, and why not on the rest.

        With `rule_id` alone the rule as it is saved, with `rule` alone one that is not; with both a change of the saved one, and what
        differs. Facts come from the traces of that time; what was not recorded is unknown and counted. Nothing is sent or changed.
        Returns the job.
        """
        agent_id, body = await self._agent(call), call.body
        known = await self._known(call, agent_id, body.rule_id) if body.rule_id else None
        with refusals():
            tried = await self._tried(call, agent_id, known)
        others = await self._rules.all(call.tenant_id, agent_id)
        payload = BackTestPayload(
            agent_id=agent_id,
            rule_id=known.id if known else None,
            tried=tried,
            saved=dict(known.definition) if known and body.rule is not None else None,
            before=[item.key for item in others if item.enabled and (known is None or item.position < known.position)],
            days=body.days,
        )
        job = NewJob(RuleBackTest, payload, sha256(payload.model_dump_json().encode()).hexdigest(), by=call.caller.actor.name)
        return accepted(await self._jobs.request(call.tenant_id, job, call.caller.actor), self._signals)

    async def one(self, call: Call) -> Answer:
        """Show a rule, deleted or not."""
        return _shown(call, await self._rules.find(call.tenant_id, call.uuid("id"), call.uuid("rule_id")))

    async def replace(self, call: Call[RuleBody]) -> Answer:
        """Replace a rule as a whole; customers meet it when the draft is published."""
        agent_id, rule_id = call.uuid("id"), call.uuid("rule_id")
        known = await self._known(call, agent_id, rule_id)
        definition = call.body.definition(known.key)
        with refusals():
            await self._check(call.tenant_id, agent_id, definition)
            replaced = await self._rules.replace(call.tenant_id, call.caller.actor, agent_id, rule_id, call.if_match, definition)
        return _shown(call, replaced)

    async def delete(self, call: Call) -> Answer:
        """Delete a rule; `restore` undoes it."""
        agent_id, rule_id = call.uuid("id"), call.uuid("rule_id")
        with refusals():
            deleted = await self._rules.delete(call.tenant_id, call.caller.actor, agent_id, rule_id, call.if_match)
        if deleted is None:
            raise call.missing()
        return Answer(etag=deleted.version)

    async def restore(self, call: Call) -> Answer:
        """Bring a deleted rule back behind the others; one that is there stays as it is."""
        return _shown(call, await self._rules.restore(call.tenant_id, call.caller.actor, call.uuid("id"), call.uuid("rule_id")))

    async def executions(self, call: Call[None, ListQuery]) -> Answer:
        """List the times a rule fired or failed, the newest first, with what became of its actions."""
        agent_id = call.uuid("id")
        known = await self._known(call, agent_id, call.uuid("rule_id"))
        found = await self._log.executions(call.tenant_id, agent_id, known.key, after_number(call.page), call.page.limit + 1)
        asked = await self._actions.of_turns(call.tenant_id, [item.turn_id for item in found if item.turn_id])
        of: dict[UUID, list[ActionItem]] = defaultdict(list)
        for action in asked:
            if action.rule == known.key:
                of[action.turn_id].append(action)

        def view(item: Execution) -> ExecutionView:
            return execution_view(item, of[item.turn_id] if item.turn_id else ())

        return call.listed(ExecutionPage, found, view, lambda last: last.id)

    async def vocabulary(self, call: Call) -> Answer:
        """Say what rules can be made of: what wakes them, and which facts can be asked how."""
        del call
        return Answer(vocabulary())

    async def _agent(self, call: Call[Any, Any]) -> UUID:
        agent = await self._drafts.find(call.tenant_id, call.uuid("id"))
        if agent is None:
            raise call.missing("id")
        return agent.id

    async def _known(self, call: Call[Any, Any], agent_id: UUID, rule_id: UUID) -> DefinitionItem:
        known = await self._rules.find(call.tenant_id, agent_id, rule_id)
        if known is None:
            raise call.missing()
        return known

    async def _check(self, tenant_id: UUID, agent_id: UUID, definition: Mapping[str, Any]) -> Rule:
        known_scripts = await self._scripts.all(tenant_id, agent_id)
        scripts = [item.key for item in known_scripts if item.enabled]
        others = [read_rule(item.definition, "", []) for item in await self._rules.all(tenant_id, agent_id)]
        rule = check_rule(definition, others, frozenset(scripts))
        known = {item.key for item in await self._sequences.all(tenant_id, agent_id) if item.enabled}
        unknown = [Fault(p.place.removeprefix("rules[0]."), p.reason) for p in named_by_rules([rule], known)]
        acts = [(f"actions[{n}]", action) for n, action in enumerate(rule.actions)]
        unknown += begun_in_vain(acts, {item.key for item in known_scripts if item.definition.get("steps")})
        unknown += await self._named.problems(tenant_id, agent_id, acts)
        if unknown:
            raise InvalidDefinition(unknown)
        return rule

    async def _tried(self, call: Call[BackTestBody], agent_id: UUID, known: DefinitionItem | None) -> dict[str, Any]:
        rule = call.body.rule
        if rule is not None:
            definition = {**rule, "id": known.key if known else "new"}
            await self._check(call.tenant_id, agent_id, definition)
            return definition
        if known is None:
            raise invalid("send rule, rule_id or both", "rule", pointer="/rule")
        return dict(known.definition)


def _shown(call: Call[Any, Any], rule: DefinitionItem | None) -> Answer:
    if rule is None:
        raise call.missing()
    return Answer(rule_view(rule), etag=rule.version)
