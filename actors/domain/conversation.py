"""The state a conversation carries between turns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from actors.domain.robots import QUIET, Talk

# Channels of our own, without a provider: what the commit stores is delivered; the customer's page reads it from us.
OWN_CHANNELS = frozenset({"test", "web"})
AGENT_CHANNEL = "agent"  # no channel of customers: what reaches an agent's rules by itself
CRM_CHANNELS = frozenset({"kommo"})  # they tell of more than messages: their parsers read events, too


class Control(StrEnum):
    """Who speaks for the company."""

    BOT = "bot"
    WAITING = "waiting"  # handed off, nobody took it yet: the bot answers only what it is sure of
    HUMAN = "human"  # an operator has it: the bot is silent


@dataclass(frozen=True, slots=True)
class ConversationState:
    """What decide() may remember; stored as JSON with the conversation's version."""

    language: str = ""
    turns: int = 0
    choices: tuple[str, ...] = ()  # ids of the passages offered last, in their order
    chain: str = ""  # the diagnostic responder's proof that no turn was computed on a stale state
    talk: Talk = QUIET
    start: str = ""  # the parameter of the link that brought the customer first
    blocked: bool = False  # the customer blocked the bot
    apologised: bool = False  # for an answer that came too late
    album: str = ""  # the last one: a straggler of it is no new question
    # What rules remember; empty where an agent has none.
    tags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    fired: Mapping[str, int] = field(default_factory=dict)  # when rules with a limit fired last, in Unix seconds
    talked: int = 0  # rises when somebody says something: what waited for silence is over
    reply_to: Mapping[str, str] = field(default_factory=dict)  # what the channel's sender must know to answer: the talk, the lead, ...
    name: str = ""  # of the customer, as their channel shows it
    enrolled: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # sequences, see actors/domain/sequenced.py
    echoes: tuple[Mapping[str, Any], ...] = ()  # of a lead or contact: changes of ours that will be heard of; set by storage, too
    open: Mapping[str, Any] = field(default_factory=dict)  # what nobody answered, see actors/domain/standing.py; set by storage, too
    woken: tuple[int, ...] = ()  # of a lead or contact: when its events woke rules last, in Unix seconds
    closed: Mapping[str, int] = field(default_factory=dict)  # of a lead or contact: tasks whose end woke rules lately, in Unix seconds
    summary: Mapping[str, str] = field(default_factory=dict)  # what was said long ago, see actors/domain/agent/summary.py
    operator: str = ""  # whose chat it is, if it is no customer's: the id of a user; set and taken away by storage
    dialogue: Mapping[str, Any] = field(default_factory=dict)  # the question that stands, see actors/domain/scripts/; storage ends it, too
    answers: Mapping[str, Any] = field(default_factory=dict)  # how many there were today, see actors/domain/daily.py
    mirror: bool = False  # what is said here is a copy of another conversation of ours; set by storage
    silent: bool = False  # the bot is stopped; never stored, storage adds it

    def to_json(self) -> dict[str, Any]:
        """Return the stored form; defaults are left out."""
        full = {
            "language": self.language,
            "turns": self.turns,
            "choices": list(self.choices),
            "chain": self.chain,
            "talk": self.talk.to_json() if self.talk is not QUIET else None,
            "start": self.start,
            "blocked": self.blocked,
            "apologised": self.apologised,
            "album": self.album,
            "tags": list(self.tags),
            "variables": dict(self.variables),
            "fired": dict(self.fired),
            "talked": self.talked,
            "reply_to": dict(self.reply_to),
            "name": self.name,
            "enrolled": dict(self.enrolled),
            "echoes": list(self.echoes),
            "open": dict(self.open),
            "woken": list(self.woken),
            "closed": dict(self.closed),
            "summary": dict(self.summary),
            "operator": self.operator,
            "dialogue": dict(self.dialogue),
            "answers": dict(self.answers),
            "mirror": self.mirror,
        }
        return {k: v for k, v in full.items() if v}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "ConversationState":
        """Read the stored form; unknown keys of newer code are ignored."""
        return cls(
            language=str(raw.get("language", "")),
            turns=int(raw.get("turns", 0)),
            choices=tuple(raw.get("choices", ())),
            chain=str(raw.get("chain", "")),
            talk=Talk.from_json(raw["talk"]) if "talk" in raw else QUIET,
            start=str(raw.get("start", "")),
            blocked=bool(raw.get("blocked", False)),
            apologised=bool(raw.get("apologised", False)),
            album=str(raw.get("album", "")),
            tags=tuple(raw.get("tags", ())),
            variables=dict(raw.get("variables", {})),
            fired=dict(raw.get("fired", {})),
            talked=int(raw.get("talked", 0)),
            reply_to=raw.get("reply_to", {}),
            name=str(raw.get("name", "")),
            enrolled=raw.get("enrolled", {}),
            echoes=tuple(raw.get("echoes", ())),
            open=raw.get("open", {}),
            woken=tuple(raw.get("woken", ())),
            closed=dict(raw.get("closed", {})),
            summary=dict(raw.get("summary", {})),
            operator=str(raw.get("operator", "")),
            dialogue=raw.get("dialogue", {}),
            answers=raw.get("answers", {}),
            mirror=bool(raw.get("mirror", False)),
            silent=bool(raw.get("silent", False)),
        )


@dataclass(frozen=True, slots=True)
class ConversationView:
    """The state as decide() sees it."""

    state: ConversationState
    control: Control
    channel: str
    reply_policy: str
    about: str = ""  # `lead:5`, `contact:7`, `rule:night`: whose events these are, where it is no chat
