from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.llm import tiny_gguf
from voicebox.errors import EngineError, ModelError
from voicebox.llm.chat import LlamaChat
from voicebox.llm.grammar import one_of
from voicebox.llm.jobs import Generation
from voicebox.llm.persona import EXAMPLES, system_prompt
from voicebox.llm.types import ChatModel, Message

SYSTEM, USER = Message("system", "Be kind."), Message("user", "Hello there")


@pytest.fixture
def chat(tiny_model: Path) -> Iterator[LlamaChat]:
    chat = LlamaChat(tiny_model, n_ctx=1024, max_sessions=4)
    yield chat
    chat.close()


async def reply(chat: LlamaChat, *messages: Message, session: str = "a", max_tokens: int = 12) -> str:
    return "".join([piece async for piece in chat.stream(messages, session=session, max_tokens=max_tokens)])


async def test_implements_the_protocol(chat: LlamaChat) -> None:
    typed: ChatModel = chat
    assert typed.name == "tiny"
    assert [piece async for piece in typed.stream([SYSTEM, USER], session="a", max_tokens=8, grammar=one_of(["yes"]))]


async def test_reply_is_the_same_with_and_without_what_was_prepared(chat: LlamaChat) -> None:
    fresh = await reply(chat, SYSTEM, USER)
    chat.release("a")
    await asyncio.wrap_future(chat.pin(SYSTEM.content))
    for words in ("Hello", "Hello the", "Hello there"):
        await chat.prefill([SYSTEM, Message("user", words)], session="a")
    done: list[Generation] = []
    pieces = [p async for p in chat.stream([SYSTEM, USER], session="a", max_tokens=12, on_done=done.append)]
    assert "".join(pieces) == fresh
    suffix = done[0].prompt_tokens - done[0].reused_tokens
    assert suffix == len(chat._template.tokens([SYSTEM, USER])) - len(
        chat._template.tokens([SYSTEM, USER], open_end=True)
    )


async def test_sessions_reply_at_once_as_they_do_alone(chat: LlamaChat) -> None:
    questions = [Message("user", text) for text in ("one", "two", "three")]
    alone = [await reply(chat, SYSTEM, question, session=question.content) for question in questions]
    for question in questions:
        chat.release(question.content)
    together = await asyncio.gather(
        *(reply(chat, SYSTEM, question, session=question.content) for question in questions)
    )
    assert together == alone


async def test_closing_the_iterator_stops_the_generation(chat: LlamaChat) -> None:
    stream = chat.stream([SYSTEM, USER], session="a", max_tokens=400, grammar='root ::= ("a" | "b"){400}')
    async with contextlib.aclosing(stream) as pieces:
        assert await anext(pieces)
    generated = chat.engine.stats.generated_tokens
    assert await reply(chat, SYSTEM, USER, session="a", max_tokens=2)
    assert generated < 400
    assert chat.engine.stats.generated_tokens < 400


async def test_cancelling_the_task_stops_the_generation(chat: LlamaChat) -> None:
    started = asyncio.Event()

    async def listen() -> None:
        async for _ in chat.stream([SYSTEM, USER], session="a", max_tokens=400, grammar='root ::= ("a" | "b"){400}'):
            started.set()

    task = asyncio.create_task(listen())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await reply(chat, SYSTEM, USER, session="a", max_tokens=2)
    assert chat.engine.stats.generated_tokens < 400


async def test_a_newer_prefill_ends_the_older_one_quietly(chat: LlamaChat) -> None:
    texts = ["Tell me all that you know about " + "the sea " * count for count in range(1, 9)]
    await asyncio.gather(*(chat.prefill([SYSTEM, Message("user", text)], session="a") for text in texts))


async def test_a_cancelled_prefill_is_cancelled(chat: LlamaChat) -> None:
    task = asyncio.create_task(chat.prefill([SYSTEM, USER], session="a"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_released_session_ends_its_stream_with_an_error(chat: LlamaChat) -> None:
    stream = chat.stream([SYSTEM, USER], session="a", max_tokens=400, grammar='root ::= ("a" | "b"){400}')
    async with contextlib.aclosing(stream) as pieces:
        await anext(pieces)
        chat.release("a")
        with pytest.raises(EngineError, match="was cancelled"):
            [piece async for piece in pieces]


async def test_engine_errors_reach_the_listener(chat: LlamaChat) -> None:
    with pytest.raises(EngineError, match="grammar"):
        [piece async for piece in chat.stream([USER], session="a", grammar="root ::= (")]
    with pytest.raises(EngineError, match="no messages"):
        [piece async for piece in chat.stream([], session="a")]
    with pytest.raises(EngineError, match="has room for"):
        [piece async for piece in chat.stream([Message("user", "x" * 3000)], session="a")]
    chat.close()
    with pytest.raises(EngineError, match="closed"):
        [piece async for piece in chat.stream([USER], session="a")]
    with pytest.raises(EngineError, match="closed"):
        await chat.prefill([USER], session="a")


async def test_old_turns_are_left_out_when_they_do_not_fit(chat: LlamaChat) -> None:
    turns = [m for n in range(30) for m in (Message("user", f"question {n}"), Message("assistant", f"answer {n}"))]
    done: list[Generation] = []
    async for _ in chat.stream([SYSTEM, *turns, USER], session="a", max_tokens=8, on_done=done.append):
        pass
    assert 400 < done[0].prompt_tokens <= 512 - 8
    kept = chat._prompt([SYSTEM, *turns, USER], max_tokens=8)
    head = chat._template.tokens([SYSTEM, turns[-2]], open_end=True)[:10]
    assert kept[:10] == head


async def test_examples_follow_a_system_message_and_only_that(tiny_model: Path) -> None:
    example = (Message("user", "ping"), Message("assistant", "pong"))
    chat = LlamaChat(tiny_model, n_ctx=512, max_sessions=1, examples=example)
    try:
        assert chat._prompt([SYSTEM, USER], max_tokens=1) == chat._template.tokens([SYSTEM, *example, USER])
        assert chat._prompt([USER], max_tokens=1) == chat._template.tokens([USER])
    finally:
        chat.close()


def test_a_base_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not an instruct model"):
        LlamaChat(tiny_gguf.build(tmp_path / "base.gguf", chat_template=None))


@pytest.mark.models
async def test_a_real_model_knows_the_capital_of_france(require_model: Callable[[str], Path]) -> None:
    chat = LlamaChat(require_model("smollm2-135m-instruct-q4_1"), n_ctx=1024, max_sessions=2)
    try:
        ask = [Message("system", "Answer in one short sentence."), Message("user", "What is the capital of France?")]
        assert "Paris" in await reply(chat, *ask, max_tokens=24)
        chosen = [p async for p in chat.stream(ask, session="b", max_tokens=8, grammar=one_of(["London", "Paris"]))]
        assert "".join(chosen) == "Paris"
        await chat.prefill([ask[0], Message("user", "<|im_end|>")], session="b")
    finally:
        chat.close()


@pytest.mark.instruct
async def test_the_default_model_claims_nothing_that_it_did_not_do(require_model: Callable[[str], Path]) -> None:
    chat = LlamaChat(require_model("qwen2.5-coder-1.5b-instruct-q4_k_m"), n_ctx=2048, max_sessions=1, examples=EXAMPLES)
    try:
        system = Message("system", system_prompt(["set timers"]))
        refusal = await reply(chat, system, Message("user", "Send a fax to the bank."), max_tokens=40)
        assert "can't" in refusal or "cannot" in refusal
        assert "Rome" in await reply(chat, system, Message("user", "What's the capital of Italy?"), max_tokens=40)
    finally:
        chat.close()
