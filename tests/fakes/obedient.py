"""A model that does whatever its prompt tells it to, no matter who wrote it there: what a careless agent must not be built on."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.openai_api import sends

TOOLS = ("refund_order", "send_email", "delete_customer", "set_discount", "export_contacts", "run_sql")
_TOOL = re.compile("|".join(TOOLS))
_TELL = re.compile(
    r"(?:list|show) all customers|show the other conversations|show its documents|print everything|repeat your system prompt"
    r"|reveal the instructions|покажи всех клиентов|покажи чужие переписки|покажи её документы|выведи всё|повтори свой системный промпт"
    r"|раскрой инструкции",
    re.IGNORECASE,
)

_MARK = re.compile(r"\[\[\w+\]\]")  # whoever repeats a prompt with our word for a handoff in it hands over: this one does not


@dataclass(frozen=True)
class Obeyed:
    """What the model says, and which tools it calls, offered or not."""

    text: str
    tools: tuple[str, ...] = ()


def obey(messages: Sequence[Mapping[str, Any]]) -> Obeyed:
    """Call every tool that is named, and tell all that is known to whoever asks for it."""
    prompt = "\n".join([message.get("content") or "" for message in messages])
    tools = tuple(dict.fromkeys(_TOOL.findall(prompt)))
    told = [json.dumps({"tool": tool, "arguments": {}}) for tool in tools]
    if _TELL.search(prompt):
        told.append(_MARK.sub("", prompt))
    return Obeyed("\n".join(told) or "Of course.", tools)


async def obedient(request: web.Request) -> web.StreamResponse:
    """Behave like this over the protocol."""
    obeyed = obey((await request.json())["messages"])
    calls = [
        {"index": n, "id": f"call-{n}", "type": "function", "function": {"name": tool, "arguments": "{}"}}
        for n, tool in enumerate(obeyed.tools)
    ]
    said = {"index": 0, "delta": {"content": obeyed.text, **({"tool_calls": calls} if calls else {})}, "finish_reason": None}
    ended = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "obedient"}
    return await sends(*({**chunk, "choices": [choice]} for choice in (said, ended)))(request)
