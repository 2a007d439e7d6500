"""Why a turn went as it did: kept with every turn, compact, readable without the code that wrote it."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.knowledge.models import NOTHING_FOUND, Findings
from actors.domain.scripts.models import NO_MATCH, ScriptMatch, Winner

FORMAT = 2  # 2: `rules` names every event, whether or not a rule waited for it
# Window and memory of the compressor: a trace is about 1 KiB, and the default (256 KiB to set up) costs more than the compression.
_WINDOW_BITS, _MEMORY_LEVEL = 12, 5
LARGEST = 8_000  # bytes of a stored trace
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


@dataclass(frozen=True, slots=True)
class PromptTrace:
    """What a model was asked and what it cost; `failure` says why its answer was not used."""

    reference: str
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    failure: str = ""
    tries: tuple[tuple[str, str, float], ...] = ()  # (model, why it brought nothing, ms), in their order
    micros: int | None = None  # price in millionths of a dollar; absent: unknown
    estimated: bool = False  # the server did not say what it used
    summary: tuple[str, str] | None = None  # of what is shown no more, where it was written anew, and the last message it knows of
    calls: tuple[tuple[str, Mapping[str, str], str], ...] = ()  # (tool, what was filled in, what was done or why not), in their order


@dataclass(frozen=True, slots=True)
class Trace:
    """One turn explained. `mode` is how it answered, empty if it did not; `reason` says why it went that way."""

    agent_id: str
    version: int
    decided_at: str
    inputs: tuple[int, ...]
    control: str
    language: str
    mode: str
    reason: str
    scripts: ScriptMatch = NO_MATCH
    dialogue: Mapping[str, Any] = field(default_factory=dict)  # which step was answered with what, and where it leads
    findings: Findings = NOTHING_FOUND
    prompt: PromptTrace | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)  # what woke them, who fired, why others did not; the facts of the moment
    knowledge: Mapping[str, Any] = field(default_factory=dict)  # what came of the bases: embedder, why not, titles by id
    seen: str = ""  # who spoke for the company before the turn, if that is not `control`: a replay begins with it
    asked_at: str = ""  # when the agent was asked, if that is not `decided_at`
    meanings: Mapping[str, Any] = field(default_factory=dict)  # how alike the message is to sentences of scripts, or why that is not known

    def with_stages(self, stages_ms: Mapping[str, float]) -> "Trace":
        """Return the trace with further stages and their times in milliseconds."""
        return replace(self, stages_ms={**self.stages_ms, **stages_ms})

    def to_json(self) -> dict[str, Any]:
        """Return the stored form; what is absent is left out."""
        full = {
            "format": FORMAT,
            "agent_id": self.agent_id,
            "version": self.version,
            "decided_at": self.decided_at,
            "inputs": self.inputs,
            "control": self.control,
            "language": self.language,
            "mode": self.mode,
            "reason": self.reason,
            "scripts": _scripts(self.scripts),
            "meanings": self.meanings,
            "dialogue": self.dialogue,
            "passages": [[item.passage.id, item.score, item.coverage] for item in self.findings.found],
            "verdict": self.findings.verdict if self.findings.found else "",
            "knowledge": self.knowledge,
            "prompt": _prompt(self.prompt) if self.prompt else None,
            "stages_ms": self.stages_ms,
            "rules": self.rules,
            "seen": self.seen,
            "asked_at": self.asked_at,
        }
        return {name: value for name, value in full.items() if value}

    def to_bytes(self) -> bytes:
        """Return the stored form as zlib-compressed JSON of at most LARGEST bytes; never raises, whatever the texts are.

        What does not fit is left out, the least telling first, and named in `cut`.
        """
        told = self.to_json()
        stored = _compressed(told)
        for name, shorter in _SHORTER.items():
            if len(stored) <= LARGEST:
                break
            told = {**shorter(told), "cut": [*told.get("cut", ()), name]}
            stored = _compressed(told)
        return stored


def _compressed(told: Mapping[str, Any]) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    return compressor.compress(_encoded(told)) + compressor.flush()


def _encoded(told: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(told, default=str)
    except orjson.JSONEncodeError:  # half of a character, a number beyond 64 bits
        return _ENCODER.encode(told).encode("utf-8", "replace")


def _scripts(match: ScriptMatch) -> dict[str, Any]:
    winner = match.winner
    losers: dict[str, list[Any]] = {}
    for loser in match.losers:
        losers.setdefault(loser.reason, []).append([loser.script_id, loser.score] if loser.score else loser.script_id)
    full = {
        "winner": winner and _winner(winner),
        "losers": losers,
        "unlisted": match.unlisted,
    }
    return {name: value for name, value in full.items() if value}


def _winner(winner: Winner) -> list[Any]:
    alike = [winner.likeness] if winner.likeness else []
    return [winner.script.id, winner.script.name, winner.score, winner.matched, *alike]


def _prompt(prompt: PromptTrace) -> dict[str, Any]:
    # A price of 0 is one, unlike none.
    return {name: value for name in prompt.__slots__ if (value := getattr(prompt, name)) or (name == "micros" and value is not None)}


def _counted(losing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells of losers with their number in the place of their names."""
    number = sum(len(names) for names in losing.get("losers", {}).values())
    rest = {name: value for name, value in losing.items() if name != "losers"}
    return {**rest, "unlisted": losing.get("unlisted", 0) + number} if number else rest


def _without_losers(told: Mapping[str, Any]) -> dict[str, Any]:
    rules = told.get("rules", {})
    events = {"rules": {**rules, "events": [_counted(event) for event in rules["events"]]}} if "events" in rules else {}
    return {**told, **({"scripts": _counted(told["scripts"])} if "scripts" in told else {}), **events}


def _without(name: str, *parts: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return what leaves parts of one entry out, or the whole entry where none are named."""

    def shorter(told: Mapping[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in told.items() if key != name}
        if parts and isinstance(entry := told.get(name), Mapping):
            rest[name] = {key: value for key, value in entry.items() if key not in parts}
        return rest

    return shorter


_SHORTER: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "losers": _without_losers,
    "prompt.calls": _without("prompt", "calls"),
    "prompt.summary": _without("prompt", "summary"),
    "meanings": _without("meanings"),
    "dialogue": _without("dialogue"),
    "rules": _without("rules"),
    "knowledge": _without("knowledge"),
}


def from_bytes(stored: bytes) -> dict[str, Any]:
    """Return the JSON object that `to_bytes` stored, as `explain` and the console show it; also of older and newer formats.

    Raises:
        ValueError: the bytes are not a trace.
    """
    try:
        raw = orjson.loads(zlib.decompress(stored))
    except (zlib.error, ValueError) as error:
        raise ValueError(f"not a trace: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError("not a trace: no object")
    return raw


def prompt_trace(request: AgentRequest, outcome: AgentOutcome) -> PromptTrace:
    """Return what is kept of a model that was asked."""
    said, spent = outcome.said, outcome.spent
    used = spent or said  # an agent without prices knows what its answer used all the same
    return PromptTrace(
        outcome.prompt,
        said.model if said else request.persona.model,
        used.prompt_tokens if used else None,
        used.completion_tokens if used else None,
        outcome.failure,
        tuple([(tried.model, tried.failure, tried.ms) for tried in outcome.tries]),
        spent.micros if spent else None,
        spent is not None and spent.estimated,
        (outcome.summary.text, outcome.summary.last) if outcome.summary else None,
        tuple([(call.name, dict(call.arguments), "" if call.accepted else call.answer) for call in outcome.calls]),
    )
