"""The language model."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from actors.domain.agent.tools import Round, ToolCall, ToolSpec


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request to a language model."""

    system: str
    messages: tuple[tuple[Literal["user", "assistant"], str], ...]
    temperature: float = 0.2
    max_tokens: int = 600
    model: str = ""  # empty: the client's default
    tools: tuple[ToolSpec, ...] = ()  # that it may call
    rounds: tuple[Round, ...] = ()  # what it called before, in this turn
    speaks: bool = False  # it has to answer now, and may call nothing more


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What the model said and what it used."""

    text: str
    model: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    calls: tuple[ToolCall, ...] = ()


class ChatModel(Protocol):
    """A language model."""

    async def answer(self, request: ModelRequest, on_delta: Callable[[str], Awaitable[None]]) -> ModelAnswer:
        """Stream an answer.

        Raises:
            TransientError, TerminalError: the answer is not to be had; fall back.
        """


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at a provider. Whoever asks may put another model of the provider in."""

    client: ChatModel
    model: str = ""  # empty: the client's default
    provider: str = ""  # whose failures are counted together
