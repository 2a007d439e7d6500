"""A language model behind the OpenAI protocol. Imports the openai package: whoever has no model does not import this file."""

from collections.abc import Awaitable, Callable

from openai import AsyncOpenAI, AsyncStream, omit
from openai.types.chat import ChatCompletionChunk

from actors.ports.model import ModelAnswer, ModelRequest
from integrations.llm.errors import as_ours
from integrations.llm.mapper import Assembly, messages, tools


class OpenAIModel:
    """Implements the port ChatModel; one for all conversations of a process. It never retries: whoever asks falls back."""

    def __init__(self, api_key: str, model: str, timeout_s: float, base_url: str = "") -> None:
        """Prepare the client; nothing is sent yet.

        Args:
            api_key: the provider's key.
            model: used when a request names none.
            timeout_s: for connecting and between two chunks; the whole answer is bounded by whoever asks.
            base_url: another server of the same protocol; empty: OpenAI itself.
        """
        self._client = AsyncOpenAI(api_key=api_key, base_url=base_url or None, timeout=timeout_s, max_retries=0)
        self._model = model
        self._is_openai = not base_url

    async def answer(self, request: ModelRequest, on_delta: Callable[[str], Awaitable[None]]) -> ModelAnswer:
        """Stream an answer to `on_delta` and return it whole.

        Raises:
            TransientError: the server is busy, away or broke off.
            TerminalError: the server refuses the request.
        """
        try:
            return await self._answer(request, on_delta)
        except Exception as error:
            raise as_ours(error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _answer(self, request: ModelRequest, on_delta: Callable[[str], Awaitable[None]]) -> ModelAnswer:
        assembly = Assembly(request.model or self._model)
        async with await self._open(request) as stream:
            async for chunk in stream:
                if piece := assembly.add(chunk):
                    await on_delta(piece)
                if assembly.full:
                    break
        return assembly.answer()

    async def _open(self, request: ModelRequest) -> AsyncStream[ChatCompletionChunk]:
        return await self._client.chat.completions.create(
            model=request.model or self._model,
            messages=list(messages(request)),
            temperature=request.temperature,
            # OpenAI's newer models refuse the old name, other servers do not know the new one.
            max_completion_tokens=request.max_tokens if self._is_openai else omit,
            max_tokens=omit if self._is_openai else request.max_tokens,
            tools=list(tools(request)) or omit,
            tool_choice="none" if request.tools and request.speaks else omit,
            stream=True,
            stream_options={"include_usage": True},
        )
