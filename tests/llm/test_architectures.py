"""The engine, the template and grammars on every architecture that instruct models of the catalog have."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llm import tiny_arch
from voicebox.llm.chat import LlamaChat
from voicebox.llm.grammar import Field, one_of, tool_call
from voicebox.llm.jobs import Generation
from voicebox.llm.sequences import common_prefix
from voicebox.llm.types import Message

SYSTEM = Message("system", "Be kind to all who call, and answer them in a few plain words.")
USER = Message("user", "Hello there")


@pytest.fixture(scope="module", params=sorted(tiny_arch.FAMILIES))
def architecture(request: pytest.FixtureRequest) -> str:
    name = request.param
    assert isinstance(name, str)
    return name


@pytest.fixture(scope="module")
def path(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_arch.build(tmp_path_factory.mktemp("gguf") / f"{architecture}.gguf", architecture)


@pytest.fixture
def chat(path: Path) -> Iterator[LlamaChat]:
    chat = LlamaChat(path, n_ctx=1024, max_sessions=4)
    yield chat
    chat.close()


async def reply(chat: LlamaChat, *messages: Message, session: str = "a") -> str:
    """What the model writes: twelve letters, since nothing that random weights write reads like a sentence."""
    return "".join([piece async for piece in chat.stream(messages, session=session, grammar="root ::= [a-z]{12}")])


def spelt(chat: LlamaChat, *messages: Message) -> str:
    model = chat.engine.model
    return b"".join(model.piece(token, special=True) for token in chat._template.tokens(messages)).decode()


def test_the_file_is_what_it_is_named_after(chat: LlamaChat, architecture: str) -> None:
    assert chat.engine.model.architecture == architecture
    assert chat.engine.model.is_end(chat.engine.model.control_token(tiny_arch.FAMILIES[architecture].end) or 0)


def test_messages_are_written_as_the_family_writes_them(chat: LlamaChat, architecture: str) -> None:
    text = spelt(chat, Message("system", "Sys"), Message("user", "One"), Message("assistant", "Two"), USER)
    if architecture.startswith("gemma"):
        # It knows no system role, so the first user message opens with that text.
        assert text == (
            "<bos><start_of_turn>user\nSys\n\nOne<end_of_turn>\n<start_of_turn>model\nTwo<end_of_turn>\n"
            "<start_of_turn>user\nHello there<end_of_turn>\n<start_of_turn>model\n"
        )
    elif architecture == "phi3":
        assert text == (
            "<s><|system|>\nSys<|end|>\n<|user|>\nOne<|end|>\n<|assistant|>\nTwo<|end|>\n"
            "<|user|>\nHello there<|end|>\n<|assistant|>\n"
        )
    else:
        assert text == (
            "<|im_start|>system\nSys<|im_end|>\n<|im_start|>user\nOne<|im_end|>\n<|im_start|>assistant\nTwo<|im_end|>\n"
            "<|im_start|>user\nHello there<|im_end|>\n<|im_start|>assistant\n"
        )


def test_what_a_caller_says_is_no_control_token(chat: LlamaChat, architecture: str) -> None:
    family = tiny_arch.FAMILIES[architecture]
    model = chat.engine.model
    control = {model.control_token(name) for name in family.control}
    attack = Message("user", "".join(family.control))
    count = [token in control for token in chat._template.tokens([SYSTEM, attack])].count(True)
    assert count == [token in control for token in chat._template.tokens([SYSTEM, USER])].count(True)


async def test_a_grammar_holds(chat: LlamaChat) -> None:
    options = ["timer.set", "timer.cancel", "none"]
    chosen = [p async for p in chat.stream([SYSTEM, USER], session="a", max_tokens=24, grammar=one_of(options))]
    assert "".join(chosen) in options
    grammar = tool_call({"light.on": {"room": Field("choice", ("hall", "kitchen"))}, "stop": {}})
    call = json.loads("".join([p async for p in chat.stream([USER], session="a", max_tokens=96, grammar=grammar)]))
    assert call in (
        {"name": "stop", "arguments": {}},
        *({"name": "light.on", "arguments": {"room": room}} for room in ("hall", "kitchen")),
    )


async def test_sessions_reply_at_once_as_they_do_alone(chat: LlamaChat) -> None:
    questions = [Message("user", text) for text in ("one", "two thirds of it", "three")]
    alone = [await reply(chat, SYSTEM, question, session=question.content) for question in questions]
    assert len(set(alone)) > 1
    for question in questions:
        chat.release(question.content)
    together = await asyncio.gather(
        *(reply(chat, SYSTEM, question, session=question.content) for question in questions)
    )
    assert together == alone


async def test_the_pinned_prompt_is_shared_and_changes_no_reply(chat: LlamaChat) -> None:
    fresh = [await reply(chat, SYSTEM, Message("user", text), session=text) for text in ("one", "two")]
    for text in ("one", "two"):
        chat.release(text)
    await asyncio.wrap_future(chat.pin(SYSTEM.content))
    done: list[Generation] = []
    for text, expected in zip(("one", "two"), fresh, strict=True):
        # A partial that grows, then turns out otherwise: cut back behind what layers with a window still see.
        await chat.prefill([SYSTEM, Message("user", text[:2])], session=text)
        await chat.prefill([SYSTEM, Message("user", f"{text[:2]} and then much more of the same text")], session=text)
        stream = chat.stream(
            [SYSTEM, Message("user", text)], session=text, grammar="root ::= [a-z]{12}", on_done=done.append
        )
        assert "".join([piece async for piece in stream]) == expected
    pinned = common_prefix(*(chat._template.tokens([SYSTEM, Message("user", text)]) for text in ("a", "b")))
    assert pinned > tiny_arch.WINDOW
    assert all(generation.reused_tokens >= pinned for generation in done)


async def test_closing_the_iterator_stops_the_generation(chat: LlamaChat) -> None:
    stream = chat.stream([SYSTEM, USER], session="a", max_tokens=400, grammar='root ::= ("a" | "b"){400}')
    async with contextlib.aclosing(stream) as pieces:
        assert await anext(pieces)
    async for _ in chat.stream([SYSTEM, USER], session="a", grammar=one_of(["yes"])):
        pass
    assert chat.engine.stats.generated_tokens < 400
