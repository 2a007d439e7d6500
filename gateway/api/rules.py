"""Rules of an agent's draft: written, ordered, tried on what happened, and what they did."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from actors.domain.errors import InvalidDefinition
from actors.domain.errors import Problem as Fault
from actors.domain.rules.crm import Crm, copy_problems
from actors.domain.rules.dry_run import TRIED, DryRun, Event, dry_run
from actors.domain.rules.models import Rule, read_rule
from actors.domain.rules.validation import check_rule
from actors.domain.sequences.validation import named_by_rules
from actors.domain.trace import from_bytes
from gateway import ids
from gateway.api.authored import MOST_FLAWS, pointer, refusals
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.problems import Flaw, Problem, invalid
from gateway.schemas.bodies import ListQuery
from gateway.schemas.rules import (
    DryRunBody,
    DryRunView,
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
    dry_run_view,
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
from storage.crm_known import CrmCopies
from storage.postgres import Database
from storage.rule_log import Execution, PastEvent, RuleLog

_ALL, _ONE = "/api/agents/{id}/rules", "/api/agents/{id}/rules/{rule_id}"
MOST_EVENTS = 20_000  # of a dry run, the newest: some seconds


class RulesApi:
    """The rules of the agents of the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._drafts = Drafts(database)
        self._rules = Rules(database)
        self._scripts = Scripts(database)
        self._log = RuleLog(database)
        self._actions = Actions(database)
        self._sequences = Sequences(database)
        self._crm = CrmCopies(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        admin, viewer = partial(Operation, level="admin", tag="rules"), partial(Operation, level="viewer", tag="rules")
        return [
            viewer("GET", _ALL, self.list, query=RuleQuery, answer=RulePage),
            admin("POST", _ALL, self.create, body=RuleBody, answer=RuleView, status=201, idempotent=True, also=(409,)),
            admin("PUT", f"{_ALL}/order", self.order, body=RuleOrder, answer=RuleList, also=(409,)),
            viewer("POST", f"{_ALL}/validate", self.validate, body=RuleDraft, answer=ValidationView),
            viewer("POST", f"{_ALL}/dry-run", self.try_out, body=DryRunBody, answer=DryRunView),
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

    async def try_out(self, call: Call[DryRunBody]) -> Answer:
        """Try a rule on the customers' messages of the last days: how often it would have fired, and why not on the rest.

        Facts come from the traces of that time; what was not recorded is unknown and counted. Nothing is sent or stored.
        """
        agent_id = await self._agent(call)
        with refusals():
            rule = await self._tried(call, agent_id)
        if rule.trigger.on not in TRIED:
            raise invalid("only what messages, scripts and handoffs wake can be tried", "trigger", pointer="/rule/trigger/on")
        events = await self._log.events(call.tenant_id, agent_id, call.body.days, MOST_EVENTS + 1)
        found = await asyncio.to_thread(_dry_run, rule, events[-MOST_EVENTS:])  # thousands of events take a while
        return Answer(dry_run_view(found, len(events) <= MOST_EVENTS))

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
        scripts = [item.key for item in await self._scripts.all(tenant_id, agent_id) if item.enabled]
        others = [read_rule(item.definition, "", []) for item in await self._rules.all(tenant_id, agent_id)]
        rule = check_rule(definition, others, frozenset(scripts))
        known = {item.key for item in await self._sequences.all(tenant_id, agent_id) if item.enabled}
        unknown = [Fault(p.place.removeprefix("rules[0]."), p.reason) for p in named_by_rules([rule], known)]
        if asked := [(f"actions[{n}]", action) for n, action in enumerate(rule.actions) if isinstance(action, Crm)]:
            has = await self._crm.known(tenant_id, agent_id)
            unknown += [problem for place, action in asked for problem in copy_problems(action, place, has)]
        if unknown:
            raise InvalidDefinition(unknown)
        return rule

    async def _tried(self, call: Call[DryRunBody], agent_id: UUID) -> Rule:
        body = call.body
        if (body.rule is None) == (body.rule_id is None):
            raise invalid("send either rule or rule_id", "rule", pointer="/rule")
        if body.rule_id is not None:
            return read_rule((await self._known(call, agent_id, body.rule_id)).definition, "", [])
        assert body.rule is not None
        return await self._check(call.tenant_id, agent_id, {"id": "new", **body.rule})


def _shown(call: Call[Any, Any], rule: DefinitionItem | None) -> Answer:
    if rule is None:
        raise call.missing()
    return Answer(rule_view(rule), etag=rule.version)


def _dry_run(rule: Rule, events: Sequence[PastEvent]) -> DryRun:
    return dry_run(rule, (_event(event) for event in events))


def _event(past: PastEvent) -> Event:
    return Event(past.conversation_id, past.message_id, past.text, past.version == 1, past.channel, past.at, _trace(past.trace))


def _trace(body: bytes) -> Mapping[str, Any]:
    try:
        return from_bytes(body)
    except ValueError:  # of an older format: what it kept is unknown
        return {}
