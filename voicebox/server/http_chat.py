"""`POST /v1/chat/completions`: the tiers that answer calls, asked in writing.

"small" is the instruct model as it is, told what the client tells it; other tiers go by their names. "voicebox" is the
assistant: a skill answers where one only has to say something; what would do something (set a timer, switch a lamp)
belongs to a call, so it is left to the model that the router chooses, which knows that it cannot.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voicebox.config import ServerSettings
from voicebox.llm.chat import PromptTooLongError
from voicebox.llm.jobs import Generation
from voicebox.llm.plain import Cleaner, PlainText
from voicebox.llm.sampling import Sampling
from voicebox.llm.spoken import SpokenText
from voicebox.llm.types import Message
from voicebox.server.backends import Backends, Completer, Places, while_connected
from voicebox.server.chat_body import ChatBody
from voicebox.server.http_body import read_json
from voicebox.server.http_errors import HttpError
from voicebox.server.http_tiers import End
from voicebox.server.quotas import Quotas
from voicebox.server.sse import DONE, Streaming, broken, event, first_then
from voicebox.skills.types import Dialog, Understanding

__all__ = ["Chat"]

_ASSISTANT = "voicebox"
_DEFAULT_TOKENS = 256


class _Spoken:
    """Text for the ear, up to a stop text."""

    def __init__(self, stop: list[str]) -> None:
        self._spoken, self._plain = SpokenText(), PlainText(stop)

    @property
    def done(self) -> bool:
        return self._spoken.done or self._plain.done

    def feed(self, text: str) -> str:
        return self._plain.feed(self._spoken.feed(text))

    def finish(self) -> str:
        return self._plain.feed(self._spoken.finish()) + self._plain.finish()


class Chat:
    """The endpoint.

    Args:
        settings: limits.
        backends: the tiers.
        places: requests at the models.
    """

    def __init__(self, settings: ServerSettings, backends: Backends, places: Places) -> None:
        self._settings = settings
        self._backends = backends
        self._places = places
        self._tiers = backends.tiers

    async def create(self, request: Request) -> Response:
        """Answer."""
        body = await read_json(request, ChatBody, self._settings.max_body_bytes)
        reply = self._reply(body, request.state.caller.quotas)
        head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "object": "chat.completion.chunk" if body.stream else "chat.completion",
            "created": int(time.time()),
            "model": body.model,
        }
        if body.stream:
            stream = _chunks(reply, head, usage=body.wants_usage)
            return Streaming(await first_then(self._places.held(stream), broken), "text/event-stream")
        with self._places.place():
            text, end = await while_connected(request, _whole(reply))
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None,
            "finish_reason": end.reason,
        }
        return JSONResponse(head | {"choices": [choice], "usage": end.usage, "voicebox": {"tier": end.tier}})

    def _reply(self, body: ChatBody, quotas: Quotas) -> AsyncGenerator[str | End, None]:
        chat = self._backends.chat()
        small = {"small", *([chat.name] if chat is not None else [])}
        if body.model == _ASSISTANT:
            return self._assistant(body, quotas)
        if body.model in small:
            return self._small(body, chat)
        tiers = [] if self._tiers is None else self._tiers.names
        if body.model in tiers:
            return self._large(body, (body.model,), quotas)
        known = ", ".join(sorted({_ASSISTANT, *small, *tiers}))
        raise HttpError(
            404,
            f"The model {body.model!r} does not exist",
            "model_not_found",
            param="model",
            cure=f"Use one of {known}.",
        )

    async def _assistant(self, body: ChatBody, quotas: Quotas) -> AsyncGenerator[str | End, None]:
        messages = body.turns
        said, understanding = await self._skill(messages)
        if said is not None:
            stop = PlainText(body.stops)
            yield stop.feed(said) + stop.finish()
            yield End("stop", 0, 0, "reflex")
            return
        if self._tiers is not None and understanding is not None:
            decision = self._tiers.decide(understanding, messages, quotas, now=self._backends.now())
            if decision.remote:
                async with aclosing(self._large(body, decision.order, quotas)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
        extra = " ".join(message.content for message in messages if message.role == "system")
        system = Message("system", self._backends.system(extra))
        turns = [system, *(message for message in messages if message.role != "system")]
        async with aclosing(self._generate(body, self._backends.chat(), turns, _Spoken(body.stops))) as pieces:
            async for piece in pieces:
                yield piece

    def _large(self, body: ChatBody, order: Sequence[str], quotas: Quotas) -> AsyncGenerator[str | End, None]:
        assert self._tiers is not None, "only its tiers are in an order"
        most = body.most_tokens
        return self._tiers.stream(
            order, body.turns, quotas, now=self._backends.now(), stops=body.stops, max_tokens=most
        )

    async def _skill(self, messages: list[Message]) -> tuple[str | None, Understanding | None]:
        """What a skill says to the last message, if saying is all that it does; and what the message is taken for."""
        last = messages[-1]
        if last.role != "user":
            return None, None
        replies = [message.content for message in messages if message.role == "assistant"]
        dialog, session = Dialog(last_reply=replies[-1] if replies else ""), _session()
        now, reflex = self._backends.now(), self._backends.reflex
        try:
            understanding = await reflex.understand(last.content, dialog=dialog, session=session, now=now)
            plan = reflex.plan(understanding, dialog=dialog, now=now, session=session)
            if plan is not None and plan.work is not None:
                plan = await plan.work()
        finally:
            reflex.release(session)
        if plan is None or plan.commit is not None or plan.control is not None or plan.ask is not None:
            return None, understanding
        return plan.reply, understanding

    def _small(self, body: ChatBody, chat: Completer | None) -> AsyncGenerator[str | End, None]:
        return self._generate(body, chat, body.turns, PlainText(body.stops), examples=False)

    async def _generate(
        self, body: ChatBody, chat: Completer | None, messages: list[Message], text: Cleaner, *, examples: bool = True
    ) -> AsyncGenerator[str | End, None]:
        if chat is None:
            raise HttpError(
                503,
                f"The instruct model is not there: {self._backends.chat_state()}",
                "model_unavailable",
                cure="Pull it (voicebox models pull), set chat.model, or wait until it is loaded; see /health.",
            )
        most = min(body.most_tokens or _DEFAULT_TOKENS, self._backends.context_tokens // 2)
        done: list[Generation] = []
        session = _session()
        try:
            async with aclosing(
                chat.stream(
                    messages,
                    session=session,
                    max_tokens=most,
                    on_done=done.append,
                    plain=text,
                    sampling=_sampling(body),
                    examples=examples,
                )
            ) as pieces:
                async for piece in pieces:
                    yield piece
        except PromptTooLongError as error:
            raise HttpError(400, error.message, "context_length_exceeded", param="messages") from None
        finally:
            chat.release(session)
        generation = done[0]
        reason = "length" if generation.finish == "length" else "stop"
        yield End(reason, generation.prompt_tokens, generation.tokens, "small")


def _session() -> str:
    return f"http-{secrets.token_hex(8)}"


def _sampling(body: ChatBody) -> Sampling | None:
    """None takes the server's own."""
    if body.temperature is None:
        return None
    drawn = Sampling(temperature=body.temperature, seed=secrets.randbits(32) if body.seed is None else body.seed)
    return drawn if body.top_p is None else replace(drawn, top_p=body.top_p)


async def _whole(reply: AsyncGenerator[str | End, None]) -> tuple[str, End]:
    said: list[str] = []
    end = End("stop", 0, 0, "none")
    async with aclosing(reply):
        async for piece in reply:
            if isinstance(piece, End):
                end = piece
            else:
                said.append(piece)
    return "".join(said), end


async def _chunks(
    reply: AsyncGenerator[str | End, None], head: dict[str, Any], *, usage: bool
) -> AsyncGenerator[bytes, None]:
    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return event(head | {"choices": [choice]} | ({"usage": None} if usage else {}))

    begun = False
    async with aclosing(reply):
        async for piece in reply:
            if not begun:
                begun = True
                yield chunk({"role": "assistant", "content": ""})
            if isinstance(piece, End):
                yield chunk({}, piece.reason)
                if usage:
                    yield event(head | {"choices": [], "usage": piece.usage})
            elif piece:
                yield chunk({"content": piece})
    yield DONE
