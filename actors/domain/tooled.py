"""Where tools meet a turn: what a model asked for and was accepted is carried out behind its answer. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from actors.domain.agent.models import AgentRequest
from actors.domain.agent.tools import TOOL, Called
from actors.domain.conversation import ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import LogActivity, SendMessage
from actors.domain.ruled import Moment, facts_of, scene_of
from actors.domain.rules.running import carry_out
from actors.domain.trace import Trace


def carried_out(decided: Decision, view: ConversationView, request: AgentRequest, calls: Sequence[Called], moment: Moment) -> Decision:
    """Return the decision with what its tools do.

    Args:
        decided: the turn with the model's answer.
        view: the conversation before it.
        request: what the model was asked.
        calls: what it asked for.
        moment: the turn after the answer.
    """
    accepted = [call for call in calls if call.accepted]
    tools = {tool.name: tool for tool in request.persona.tools}
    facts = {**facts_of(view, [], moment), "message.text": request.text}
    asked = [(tools[call.name].as_rule(), {TOOL + name: value for name, value in call.arguments.items()}) for call in accepted]
    ran, done = carry_out(request.acting, scene_of(moment, facts), asked)
    said = any(isinstance(effect, SendMessage) for effect in decided.effects)
    # Where the model has spoken, its words take the place of those for a handoff.
    effects = [effect for effect in ran.effects if not (said and isinstance(effect, SendMessage) and effect.mode == "handoff")]
    told = [LogActivity("tool.used", {"tool": call.name, "done": what}) for call, what in zip(accepted, done, strict=True)]
    return Decision(ran.state, (*decided.effects, *effects, *told), _traced(decided, calls, done))


def _traced(decided: Decision, calls: Sequence[Called], done: Sequence[Sequence[str]]) -> Trace:
    if decided.trace.prompt is None:
        return decided.trace
    left = iter(done)
    told = tuple([(call.name, dict(call.arguments), ", ".join(next(left)) if call.accepted else call.answer) for call in calls])
    return replace(decided.trace, prompt=replace(decided.trace.prompt, calls=told))
