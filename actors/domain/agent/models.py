"""The agent in words: who answers and how, what is asked of it, what it came back with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from actors.domain.agent.spending import Spent
from actors.domain.agent.summary import Summary
from actors.domain.agent.tools import Called, Tool, ToolSpec, read_tool
from actors.domain.conversation import Control, ConversationState
from actors.domain.effects import Effect
from actors.domain.errors import Problem
from actors.domain.fields import Fields
from actors.domain.ids import AgentId, InboxId
from actors.domain.knowledge.engine import PassageIndex
from actors.domain.knowledge.likeness import NOT_COMPARED, Likeness
from actors.domain.knowledge.models import Findings
from actors.domain.rules.engine import NO_RULES, RuleIndex
from actors.domain.rules.running import Ran
from actors.domain.scripts.meaning import Meant
from actors.domain.scripts.models import ScriptMatch
from actors.domain.sequences.engine import NO_SEQUENCES, SequenceIndex
from actors.domain.sequences.models import Hours, read_hours
from actors.domain.text import Words

GREETING: Mapping[str, str] = {"ru": "Здравствуйте! Чем могу помочь?", "en": "Hello! How can I help you?"}
FALLBACK: Mapping[str, str] = {
    "ru": "Не совсем понял вас. Напишите, пожалуйста, вопрос словами.",
    "en": "I did not quite understand. Please write your question in words.",
}
HANDOFF: Mapping[str, str] = {
    "ru": "Передаю вопрос коллеге: он ответит вам здесь.",
    "en": "I am passing your question to a colleague, who will answer you here.",
}
LATE: Mapping[str, str] = {
    "ru": "Простите за долгое молчание: мы были недоступны. Коллега ответит вам здесь.",
    "en": "Sorry for the long silence: we could not be reached. A colleague will answer you here.",
}
OVERDUE: Mapping[str, str] = {
    "ru": "Коллеги сейчас заняты, но ваш вопрос не потерян: вам ответят здесь.",
    "en": "My colleagues are busy at the moment, but your question is not lost: you will be answered here.",
}
OUTSIDE: Mapping[str, str] = {
    "ru": "Мы получили ваше сообщение: коллега ответит вам здесь.",
    "en": "We have your message: a colleague will answer you here.",
}
MOST_ANSWERS = 1_000  # a day
CHOICES: Mapping[str, str] = {"ru": "Уточните, пожалуйста, что вас интересует:", "en": "Please tell me which of these you mean:"}


@dataclass(frozen=True, slots=True)
class Persona:
    """Who answers. Texts are by language; times are in seconds."""

    name: str = "Callboard"
    languages: tuple[str, ...] = ("ru", "en")  # the first is used when nothing tells the customer's
    responder: Literal["agent", "chain"] = "agent"
    debounce_s: float = 0.3
    greeting: Mapping[str, str] = field(default_factory=lambda: GREETING)
    fallback_text: Mapping[str, str] = field(default_factory=lambda: FALLBACK)
    handoff_text: Mapping[str, str] = field(default_factory=lambda: HANDOFF)
    late_text: Mapping[str, str] = field(default_factory=lambda: LATE)  # to who wrote while nothing could be received
    choices_text: Mapping[str, str] = field(default_factory=lambda: CHOICES)
    overdue_text: Mapping[str, str] = field(default_factory=lambda: OVERDUE)  # to who waits longer than handoff_limit_s
    handoff_limit_s: float = 600.0  # an operator who was asked and did not answer for so long: the next one is asked
    waiting_s: float = 0.0  # after a handoff nobody took for so long, the bot speaks again; 0: never
    hours: Hours = field(default_factory=Hours)  # outside of them scripts and the agent say nothing: messages go to people
    timezone: str = "UTC"  # of the hours, of a day
    answers_per_day: int = 0  # that a conversation gets before people are called; 0: no limit
    outside_text: Mapping[str, str] = field(default_factory=lambda: OUTSIDE)  # to who writes then
    model: str = ""  # empty: the installation's default
    fallback_model: str = ""  # asked when the model does not answer; empty: the installation's, if it has one
    instructions: str = ""
    temperature: float = 0.2
    max_tokens: int = 600  # of a model's answer; 600 are five sentences, in Russian too
    strict: bool = False  # a model says only what it was given, and is not asked where nothing was found
    answer_deadline_s: float = 30.0
    tools: tuple[Tool, ...] = ()  # what a model may have done
    searches: bool = False  # a model may look into the knowledge again, with words of its own


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """What no script answers: the agent is to look for passages and, if there is a model, to ask it."""

    agent_id: AgentId
    version: int
    persona: Persona
    index: PassageIndex
    inbox_ids: tuple[InboxId, ...]
    text: str
    words: Words
    language: str
    seen: Control  # who spoke for the company when the turn began
    control: Control  # who does after the turn's timers
    state: ConversationState
    effects: tuple[Effect, ...]  # decided before the agent was needed
    scripts: ScriptMatch
    dialogue: Mapping[str, Any] = field(default_factory=dict)  # of one that is over
    rules: Ran | None = None  # what rules did before the agent was needed; None: the agent has none
    quoted: tuple[str, ...] = ()  # what the messages answer or pass on, a JSON object each
    knowledge: tuple[str, ...] = ()  # bases to search besides the passages of the version
    sequences: SequenceIndex = NO_SEQUENCES  # that may be started
    picked: int | None = None  # the chunk of a base that the customer chose from a list
    asked_at: datetime | None = None
    acting: RuleIndex = NO_RULES  # what actions of tools may use: scripts by their names
    meant: Meant | None = None  # scripts that the message may mean; None: no script has sentences
    facts: Mapping[str, Any] = field(default_factory=dict)  # that texts of a script may name


@dataclass(frozen=True, slots=True)
class Said:
    """What a model answered."""

    text: str
    model: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """One time a model was asked, or was not for its own good, that brought nothing."""

    model: str
    failure: str
    ms: float


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """What the agent came back with. `said` is None without a model and when it failed; then `failure` says how."""

    findings: Findings
    said: Said | None = None
    failure: str = ""
    prompt: str = ""  # which prompt was used: version and hash
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    knowledge: Mapping[str, Any] = field(default_factory=dict)  # what came of the bases, for the trace
    tries: tuple[Try, ...] = ()  # of models, that brought nothing
    spent: Spent | None = None  # None: no model said anything that costs
    calls: tuple[Called, ...] = ()  # tools that the model asked for, in their order
    summary: Summary | None = None  # of what is shown no more; None: nothing new
    likeness: Likeness = NOT_COMPARED  # of the message to sentences of scripts


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked; `reference` names version and content, for the trace."""

    system: str
    messages: tuple[tuple[Literal["user", "assistant"], str], ...]
    reference: str
    tools: tuple[ToolSpec, ...] = ()
    past: int = 0  # how many of its messages are of earlier turns


def read_persona(raw: object, place: str, problems: list[Problem]) -> Persona:
    """Read a persona with defaults for what is absent; what is wrong is added to `problems`."""
    fields = Fields(raw, place, problems)
    return Persona(
        name=fields.text("name", "Callboard", required=True),
        languages=fields.texts("languages") or ("ru", "en"),
        responder="chain" if fields.choice("responder", "agent", ("agent", "chain")) == "chain" else "agent",
        debounce_s=fields.number("debounce_s", 0.3, 0.0, 60.0),
        greeting=fields.by_language("greeting") or GREETING,
        fallback_text=fields.by_language("fallback_text") or FALLBACK,
        handoff_text=fields.by_language("handoff_text") or HANDOFF,
        late_text=fields.by_language("late_text") or LATE,
        choices_text=fields.by_language("choices_text") or CHOICES,
        overdue_text=fields.by_language("overdue_text") or OVERDUE,
        handoff_limit_s=fields.number("handoff_limit_s", 600.0, 1.0, 86_400.0),
        waiting_s=fields.number("waiting_s", 0.0, 0.0, 30 * 86_400.0),
        hours=read_hours(fields.inner("hours") or {}, f"{place}.hours", problems),
        timezone=fields.text("timezone", "UTC"),
        answers_per_day=fields.whole("answers_per_day", 0, MOST_ANSWERS),
        outside_text=fields.by_language("outside_text") or OUTSIDE,
        model=fields.text("model"),
        fallback_model=fields.text("fallback_model"),
        instructions=fields.text("instructions"),
        temperature=fields.number("temperature", 0.2, 0.0, 2.0),
        max_tokens=int(fields.number("max_tokens", 600, 16, 4_096)),
        strict=fields.flag("strict", False),
        answer_deadline_s=fields.number("answer_deadline_s", 30.0, 0.1, 300.0),
        tools=fields.objects("tools", lambda item, there: read_tool(item, there, problems)),
        searches=fields.flag("searches", False),
    )
