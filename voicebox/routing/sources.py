"""What tiers answer with: the instruct model in this process, and models behind an OpenAI-compatible API."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from voicebox.errors import EngineError
from voicebox.llm.jobs import Generation
from voicebox.llm.plain import Cleaner, PlainText
from voicebox.llm.price import Usage
from voicebox.llm.remote import RemoteChat, RemoteRequest, RemoteResult
from voicebox.llm.spoken import SpokenText
from voicebox.llm.types import ChatModel, Message
from voicebox.routing.client_tools import CallOrWords, read_call
from voicebox.routing.prompting import Context, chat_request
from voicebox.routing.tier import Ask, Made

__all__ = ["LocalSource", "RemoteSource"]

_SPOKEN_TOKENS, _CALL_TOKENS = 300, 600
_SENTENCES = 6


class LocalSource:
    """An instruct model in this process.

    Args:
        chat: gives the model once it is there.
        system: makes its system message from the client's instructions.
    """

    def __init__(self, chat: Callable[[], ChatModel | None], system: Callable[[str], str]) -> None:
        self._chat = chat
        self._system = system

    async def stream(self, ask: Ask, made: Made) -> AsyncGenerator[str, None]:
        """Stream the answer.

        Raises:
            VoiceboxError: the model is not there, or failed.
        """
        chat = self._chat()
        if chat is None:
            raise EngineError("the instruct model is not there")
        made.model = chat.name
        request = chat_request(ask.text, ask.context, self._system)

        def done(generation: Generation) -> None:
            made.generation = generation
            made.usage = Usage(generation.prompt_tokens, generation.tokens, generation.reused_tokens)

        stream = chat.stream(
            request.messages,
            session=ask.context.session,
            max_tokens=request.max_tokens,
            grammar=request.grammar,
            on_done=done,
            plain=request.cleaner,
            examples=request.examples,
        )
        async with contextlib.aclosing(stream) as pieces:
            async for piece in pieces:
                yield piece
        if isinstance(request.cleaner, CallOrWords) and request.cleaner.call is not None:
            made.call = read_call(request.cleaner.call)
        elif made.generation is not None:
            made.cut = request.cut_counts and made.generation.finish == "length"


class RemoteSource:
    """A model behind an OpenAI-compatible API.

    Args:
        chat: the model.
        system: makes its system message.
        temperature: None leaves it to the provider.
    """

    def __init__(self, chat: RemoteChat, system: Callable[[Ask], str], *, temperature: float | None = None) -> None:
        self._chat = chat
        self._system = system
        self._temperature = temperature

    async def stream(self, ask: Ask, made: Made) -> AsyncGenerator[str, None]:
        """Stream the answer.

        Raises:
            RemoteError: the provider failed.
        """
        context = ask.context
        most = context.max_tokens or (_CALL_TOKENS if context.tools else _SPOKEN_TOKENS)
        request = RemoteRequest(self._messages(ask), most, context.tools, self._temperature)
        cleaner: Cleaner = PlainText() if context.aside and not context.speak else SpokenText(max_sentences=_SENTENCES)
        result, began = RemoteResult(), time.monotonic()
        first_s: float | None = None
        try:
            async with contextlib.aclosing(self._chat.stream(request, result)) as pieces:
                async for piece in pieces:
                    text = cleaner.feed(piece)
                    if text:
                        first_s = first_s or time.monotonic()
                        yield text
                    if cleaner.done:
                        break
            if rest := cleaner.finish():
                yield rest
        finally:
            made.model, made.usage, made.call = result.model or self._chat.model, result.usage, result.call
            made.cut = result.finish == "length" and context.max_tokens is not None
            if (usage := result.usage) is not None:
                ended = time.monotonic()
                made.generation = Generation(
                    text="",
                    finish="length" if result.finish == "length" else "end",
                    tokens=usage.completion_tokens,
                    prompt_tokens=usage.prompt_tokens,
                    reused_tokens=usage.cached_tokens,
                    first_token_ms=1000 * ((first_s or ended) - began),
                    total_ms=1000 * (ended - began),
                )

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self._chat.close()

    def _messages(self, ask: Ask) -> list[Mapping[str, Any]]:
        context = ask.context
        system = context.instructions if context.aside and context.instructions else self._system(ask)
        messages: list[Mapping[str, Any]] = [_message(Message("system", system))]
        messages += map(_message, context.history)
        if ask.text:
            messages.append(_message(Message("user", ask.text)))
        return messages + _exchange(context)


def _message(message: Message) -> Mapping[str, Any]:
    return {"role": message.role, "content": message.content}


def _exchange(context: Context) -> list[Mapping[str, Any]]:
    """Calls of tools and their results, as the API has them."""
    messages: list[Mapping[str, Any]] = []
    for call, output in context.exchange:
        function = {"name": call.name, "arguments": call.arguments}
        calls = [{"id": call.id, "type": "function", "function": function}]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages.append({"role": "tool", "tool_call_id": call.id, "content": output})
    return messages
