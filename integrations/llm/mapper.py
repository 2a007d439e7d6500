"""Our request as chat completion parameters, and a stream of chunks as our answer."""

from collections.abc import Iterable
from typing import Any

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from actors.domain.errors import TransientError
from actors.ports.model import ModelAnswer, ModelRequest

LONGEST_ANSWER = 16_384  # characters; a model that says more has gone wrong, the rest is not read

_LONGEST_NAME = 200  # characters
_MOST_TOKENS = 100_000_000  # more was never used: a broken server


def messages(request: ModelRequest) -> Iterable[ChatCompletionMessageParam]:
    """Return the system prompt and the conversation."""
    yield {"role": "system", "content": request.system}
    for role, text in request.messages:
        if role == "user":
            yield {"role": "user", "content": text}
        else:
            yield {"role": "assistant", "content": text}


class Assembly:
    """An answer while it arrives."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._pieces: list[str] = []
        self._length = 0
        self._usage: CompletionUsage | None = None
        self._finished = False

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
        piece = str((delta and delta.content) or "")[: LONGEST_ANSWER - self._length]
        self._pieces.append(piece)
        self._length += len(piece)
        return piece

    def answer(self) -> ModelAnswer:
        """Return the whole answer.

        Raises:
            TransientError: the stream ended before the answer did.
        """
        if not self._finished and not self.full:
            raise TransientError("the model's server broke off in the middle of the answer")
        usage = self._usage
        asked, said = (_count(usage.prompt_tokens), _count(usage.completion_tokens)) if usage else (None, None)
        return ModelAnswer("".join(self._pieces), str(self._model)[:_LONGEST_NAME], asked, said)


def _count(value: Any) -> int | None:
    """Return a number of tokens; the client checks no types, and some servers send NaN, text or nothing."""
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None
