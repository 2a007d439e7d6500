"""`callboard explain MESSAGE_ID`: the fourteen steps of the line, with what happened to one message at each."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from actors.domain.conversation import OWN_CHANNELS
from actors.domain.trace import from_bytes
from storage.messages import Explanation

_WIDTH = 40  # of the file column
_SEEN = 6  # losers named one by one; the rest are counted


def lines_of(told: Explanation) -> list[str]:
    """Return the numbered story of the message's turn."""
    trace = from_bytes(told.trace) if told.trace else {}
    return [*_head(told, trace), *_edge(told), *_decision(told, trace), *_delivery(told)]


def _head(told: Explanation, trace: Mapping[str, Any]) -> Iterator[str]:
    message, conversation = told.message, told.conversation
    yield f'message {message.id} ({message.role}): "{_short(message.body)}"'
    yield (
        f"conversation {conversation['id']} ({conversation['channel']} {conversation['key']}), agent {conversation['agent_name']}, "
        f"turn {message.turn_id}, version {message.version - 1} -> {message.version}"
    )
    if reason := trace.get("reason"):
        yield f"outcome: {trace.get('mode') or 'no answer'} - {reason}"


def _edge(told: Explanation) -> Iterator[str]:
    channel = told.conversation["channel"]
    inputs = told.inbox
    door = _DOORS.get(channel, "gateway/api/chat.py")
    where = f"partition {told.conversation['partition']}"
    if not inputs:
        yield _line(1, door, "no input from outside: an operator or a timer caused this turn")
    for row in inputs:
        yield _line(1, door, f"{_time(row['received_at'])} {row['bytes']} bytes, {channel}")
        yield _line(2, "storage/inbox.py", f"{_time(row['received_at'])} inbox row {row['id']}, stored once under its dedupe key, {where}")
        yield _line(3, door, "acknowledged after the commit of line 2")
    yield _line(4, "storage/signals.py", f"kick {where} (a hint)")
    yield _line(5, "actors/runtime/host/conversation_host.py", f"host of {where}; {_attempts(inputs)}")
    yield _line(6, _parser(channel), _parsed(inputs))


def _decision(told: Explanation, trace: Mapping[str, Any]) -> Iterator[str]:
    version = f"agent version {trace['version']}" if "version" in trace else "no trace: this turn was not decided by the agent"
    control, language = trace.get("control", "?"), trace.get("language") or "unknown"
    stages = trace.get("stages_ms", {})
    yield _line(7, "actors/services/conversation.py", f"{version}, control {control}, language {language}{_ms(stages, 'gather')}")
    yield _line(8, "actors/domain/turn.py", f"decide at {trace.get('decided_at', '?')}{_ms(stages, 'decide')}")
    yield from (f"      {part}" for part in _considered(trace))
    yield _line(9, "actors/services/agent.py", _agent(trace) + _ms(stages, "agent"))
    yield _line(10, "actors/domain/turn.py", f"conclude: {trace.get('mode') or 'nothing to say'}{_ms(stages, 'conclude')}")
    yield _line(11, "storage/unit_of_work.py", _committed(told))
    for spoken in told.turn:
        yield f'      {spoken.role} {spoken.id}: "{_short(spoken.body)}"' + (f" [{spoken.mode}]" if spoken.mode else "")


def _delivery(told: Explanation) -> Iterator[str]:
    if not told.outbox:
        own = told.conversation["channel"] in OWN_CHANNELS
        reason = "a chat of ours is delivered by the commit itself" if own else "nothing was to be sent"
        yield from (_line(n, file, reason) for n, file in _SENDING)
    for row in told.outbox:
        claimed = f"claimed {_time(row['claimed_at'])}" if row["claimed_at"] else f"not claimed, due {_time(row['due_at'])}"
        yield _line(12, _SENDING[0][1], f"outbox row {row['id']}: {row['class']}, policy {row['policy']}, shard {row['shard']}, {claimed}")
        yield _line(13, _SENDING[1][1], f"{row['attempts']} attempt(s), {row['uncertain']} uncertain" + _error(row))
        done = f" {_time(row['sent_at'])} as {row['provider_message_id']}" if row["sent_at"] else ""
        yield _line(14, _SENDING[2][1], f"{row['state']}{done}")


_DOORS = {"telegram": "gateway/webhooks/telegram.py", "kommo": "gateway/webhooks/kommo.py", "web": "gateway/api/visits.py"}
_SENDING = ((12, "actors/services/delivery.py"), (13, "integrations/telegram/sender.py"), (14, "storage/outbox.py"))


_BY_MEANING = 5  # what a winner has that has no words of the message


def _considered(trace: Mapping[str, Any]) -> Iterator[str]:
    scripts = trace.get("scripts", {})
    if winner := scripts.get("winner"):
        alike = f"with {winner[2]} on" if len(winner) < _BY_MEANING else f"by meaning, {winner[4]} alike"
        yield f"script {winner[0]} ({winner[1]}) won {alike} {winner[3]}"
    if why := trace.get("meanings", {}).get("why"):
        yield f"meaning was not compared: {why}"
    for reason, losers in scripts.get("losers", {}).items():
        yield f"script lost ({reason}): {_names(losers)}"
    if unlisted := scripts.get("unlisted"):
        yield f"and {unlisted} scripts with nothing in common"
    if cut := trace.get("cut"):
        yield f"left out, as the trace was too large: {', '.join(cut)}"
    yield from _dialogue(trace.get("dialogue", {}))
    passages = trace.get("passages", [])
    for passage in passages[:_SEEN]:
        yield f"passage {passage[0]}: score {passage[1]}, coverage {passage[2]}"
    if verdict := trace.get("verdict"):
        yield f"passages: {verdict}"


def _dialogue(told: Mapping[str, Any]) -> Iterator[str]:
    if not told:
        return
    step = f", step {told['step']}" if "step" in told else ""
    understood = f': understood "{_short(told["understood"])}"' if "understood" in told else ""
    kept = f", kept as {told['remembered']}" if "remembered" in told else ""
    no_room = " (not kept: there are too many variables)" if told.get("full") else ""
    why = f": {told['why']}" if "why" in told else ""
    times = f" ({told['failed']} in a row)" if "failed" in told else ""
    goto = f" -> {told['goto']}" if "goto" in told else ""
    yield f"dialogue {told.get('script')}{step}{understood}{kept}{no_room}{why}{times}{goto}"


def _names(losers: Sequence[Any]) -> str:
    shown = [f"{x[0]} {x[1]}" if isinstance(x, list) else str(x) for x in losers[:_SEEN]]
    rest = len(losers) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def _agent(trace: Mapping[str, Any]) -> str:
    prompt = trace.get("prompt")
    if not prompt:
        return "not asked: the decision needed no model"
    if failure := prompt.get("failure"):
        return f"{prompt.get('model', 'model')} was not used: {failure}"
    tokens = f"{prompt.get('prompt_tokens', '?')} + {prompt.get('completion_tokens', '?')} tokens"
    counted = f"{'about ' if prompt.get('estimated') else ''}{tokens}, {_price(prompt)}"
    return f"{prompt.get('model', 'model')}, {counted}{_called(prompt)}{_retried(prompt)}"


def _price(prompt: Mapping[str, Any]) -> str:
    micros = prompt.get("micros")
    return "price unknown" if micros is None else f"${micros / 1_000_000:.6f}"


def _called(prompt: Mapping[str, Any]) -> str:
    calls = prompt.get("calls", [])
    return "".join([f"; called {name} ({', '.join(f'{k}: {v}' for k, v in given.items())}): {came}" for name, given, came in calls])


def _retried(prompt: Mapping[str, Any]) -> str:
    return "".join(f"; before that {model or 'the model'}: {failure} ({ms:.0f} ms)" for model, failure, ms in prompt.get("tries", []))


def _attempts(inputs: Sequence[Mapping[str, Any]]) -> str:
    if tried := [row for row in inputs if row["attempts"]]:
        return "; ".join(f"input {row['id']} was tried alone {row['attempts']} times" for row in tried)
    return f"{len(inputs)} input(s) in this turn"


def _parser(channel: str) -> str:
    return "integrations/test_chat/parser.py" if channel in OWN_CHANNELS else f"integrations/{channel}/parser.py"


def _parsed(inputs: Sequence[Mapping[str, Any]]) -> str:
    dead = [f"input {row['id']} is dead: {row['reason']}" for row in inputs if row["state"] == "dead"]
    return "; ".join(dead) or "understood"


def _committed(told: Explanation) -> str:
    sent = f", {len(told.outbox)} outbox row(s)" if told.outbox else ""
    return f"{_time(told.message.created_at)} version {told.message.version}: {len(told.turn)} message(s){sent}, inputs done, trace"


def _error(row: Mapping[str, Any]) -> str:
    return f": {row['error']}" if row["error"] else ""


def _ms(stages: Mapping[str, float], name: str) -> str:
    return f", {stages[name]:.1f} ms" if name in stages else ""


def _line(number: int, file: str, what: str) -> str:
    return f"{number:3d}  {file:<{_WIDTH}} {what}"


def _time(at: datetime | None) -> str:
    return at.strftime("%H:%M:%S.%f")[:-3] if at else "-"


def _short(text: str, limit: int = 100) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
