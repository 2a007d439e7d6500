"""Our request as chat completion parameters, and a stream of chunks as our answer."""

from collections.abc import Iterable
from typing import Any

from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)

from actors.domain.agent.tools import ToolCall
from actors.domain.errors import TransientError
from actors.ports.model import ModelAnswer, ModelRequest

LONGEST_ANSWER = 16_384  # characters; a model that says more has gone wrong, the rest is not read

_LONGEST_NAME = 200  # characters
_MOST_CALLS = 16  # of one answer
_MOST_TOKENS = 100_000_000  # more was never used: a broken server


def messages(request: ModelRequest) -> Iterable[ChatCompletionMessageParam]:
    """Return the system prompt and the conversation."""
    yield {"role": "system", "content": request.system}
    for role, text in request.messages:
        if role == "user":
            yield {"role": "user", "content": text}
        else:
            yield {"role": "assistant", "content": text}
    for one in request.rounds:
        calls = [_call(call) for call in one.calls]
        yield {"role": "assistant", "tool_calls": calls}
        for call, answer in zip(one.calls, one.answers, strict=True):
            yield {"role": "tool", "tool_call_id": call.id, "content": answer}


def tools(request: ModelRequest) -> Iterable[ChatCompletionToolParam]:
    """Return what the model may call."""
    for tool in request.tools:
        yield {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)},
        }


def _call(call: ToolCall) -> ChatCompletionMessageFunctionToolCallParam:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


class Assembly:
    """An answer while it arrives."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._pieces: list[str] = []
        self._length = 0
        self._usage: CompletionUsage | None = None
        self._finished = False
        self._calls: dict[int, list[str]] = {}  # by its place: id, name, arguments

    @property
    def full(self) -> bool:
        """Whether as much was said as is ever read."""
        return self._length >= LONGEST_ANSWER

    def add(self, chunk: ChatCompletionChunk) -> str:
        """Take one chunk in and return its text. Servers that only resemble the original leave out fields: none is relied on."""
        self._model = chunk.model or self._model
        self._usage = chunk.usage or self._usage
        choice = next(iter(chunk.choices or ()), None)
        if choice is None:
            return ""
        self._finished = self._finished or bool(choice.finish_reason)
        delta: Any = choice.delta
        for called in (delta and getattr(delta, "tool_calls", None)) or ():
            self._called(called)
        piece = str((delta and delta.content) or "")[: LONGEST_ANSWER - self._length]
        self._pieces.append(piece)
        self._length += len(piece)
        return piece

    def _called(self, piece: Any) -> None:
        """Take a piece of a call in; each comes in pieces, and several may be told at once."""
        place, function = getattr(piece, "index", None), getattr(piece, "function", None)
        known = self._calls.get(place if isinstance(place, int) else 0)
        if known is None:
            if len(self._calls) >= _MOST_CALLS:
                return
            known = self._calls[place if isinstance(place, int) else 0] = ["", "", ""]
        known[0] = known[0] or str(getattr(piece, "id", None) or "")[:_LONGEST_NAME]
        known[1] = (known[1] + str(getattr(function, "name", None) or ""))[:_LONGEST_NAME]
        known[2] = (known[2] + str(getattr(function, "arguments", None) or ""))[:LONGEST_ANSWER]

    def answer(self) -> ModelAnswer:
        """Return the whole answer.

        Raises:
            TransientError: the stream ended before the answer did.
        """
        if not self._finished and not self.full:
            raise TransientError("the model's server broke off in the middle of the answer")
        usage = self._usage
        asked, said = (_count(usage.prompt_tokens), _count(usage.completion_tokens)) if usage else (None, None)
        calls = [ToolCall(name or f"call-{place}", what, given) for place, (name, what, given) in sorted(self._calls.items())]
        return ModelAnswer("".join(self._pieces), str(self._model)[:_LONGEST_NAME], asked, said, tuple(calls))


def _count(value: Any) -> int | None:
    """Return a number of tokens; the client checks no types, and some servers send NaN, text or nothing."""
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None
