"""Tools of the client, replies outside of the conversation, and replies that differ from the session's options."""

from __future__ import annotations

from dataclasses import replace

import pytest

from voicebox.conversation import events as e
from voicebox.conversation.ports import Message, ReplyWish, SessionOptions, Tool, ToolCall, ToolChoice, Tools
from voicebox.errors import EngineError, VoiceboxError

from .call import Call, ScriptedChat

TOOLS = Tools((Tool("look", "Look at something", {"properties": {"at": {"type": "string"}}, "required": ["at"]}),))
CALL = ['{"name":"look",', '"arguments":{"at":"the sky"}}']
WITH_TOOLS = SessionOptions(tools=TOOLS)


def call_with(pieces: list[str], options: SessionOptions = WITH_TOOLS) -> tuple[Call, ScriptedChat]:
    chat = ScriptedChat(pieces)
    call = Call(options, chat)
    call.reflex.in_scope = False
    return call, chat


async def ask(call: Call, text: str = "what do you see") -> None:
    await call.speak(text)
    await call.wait(1.0)


async def test_a_tool_is_called_once_the_turn_is_over_and_its_result_is_spoken() -> None:
    call, chat = call_with(CALL)
    await ask(call)
    (called,) = call.seen(e.ToolCalled)
    assert (called.turn, called.call.name, called.call.arguments) == ("turn_1", "look", '{"at": "the sky"}')
    assert called.usage == e.Tokens(30, 20, 2)
    assert not call.seen(e.ReplyStarted)
    kinds = [type(event) for event in call.events]
    assert kinds.index(e.Transcript) < kinds.index(e.ToolCalled)
    chat.pieces = ["It is blue."]
    call.session.add_tool_result(called.call.id, "the sky is blue")
    call.session.request_reply()
    await call.settle()
    assert call.seen(e.ReplyDone)[0].text == "It is blue."
    told = [message.content for message in chat.prompts[-1]]
    assert told[-3] == "what do you see"
    assert "the sky is blue" in told[-1]
    (record, spoken) = call.seen(e.TurnRecord)
    assert (record.turn, spoken.turn) == ("turn_1", "turn_1")
    assert spoken.reasons == ("goes on after a tool's result",)
    await call.session.close()


async def test_later_turns_know_what_a_tool_said() -> None:
    call, chat = call_with(CALL)
    await ask(call)
    call.session.add_tool_result(call.seen(e.ToolCalled)[0].call.id, "blue")
    chat.pieces = ["Fine."]
    await ask(call, "and now")
    assert any("look: blue" in message.content for message in chat.prompts[-1])
    await call.session.close()


async def test_a_reply_may_need_several_calls_and_nothing_forces_the_second() -> None:
    call, chat = call_with(CALL, replace(WITH_TOOLS, tools=replace(TOOLS, choice=ToolChoice("required"))))
    await ask(call)
    assert "words" not in str(chat.asked[-1]["grammar"]).splitlines()[0]
    for count in (1, 2):
        called = call.seen(e.ToolCalled)
        assert len(called) == count
        call.session.add_tool_result(called[-1].call.id, "a cloud")
        call.session.request_reply()
        await call.settle()
    assert len(call.seen(e.ToolCalled)) == 3
    assert "words" in str(chat.asked[-1]["grammar"]).splitlines()[0]
    assert len({called.call.id for called in call.seen(e.ToolCalled)}) == 3
    await call.session.close()


async def test_a_guess_calls_nothing() -> None:
    """The answer is made in the first pause; the caller goes on, and only what was said in the end is answered."""
    call, chat = call_with(CALL)
    call.reflex.complete = lambda text: 0.9 if text.endswith("sky") else 0.1
    await call.speak("look at the")
    await call.wait(0.2)
    assert chat.prompts, "nothing was made on a guess"
    assert not call.seen(e.ToolCalled)
    await call.speak("look at the sky")
    await call.wait(1.0)
    (called,) = call.seen(e.ToolCalled)
    assert called.turn == "turn_1"
    await call.session.close()


async def test_a_call_that_was_cut_off_is_an_honest_sentence() -> None:
    call, _ = call_with(CALL[:1])
    await ask(call)
    assert not call.seen(e.ToolCalled)
    assert "can't" in call.seen(e.ReplyDone)[0].text
    await call.session.close()


async def test_results_of_calls_that_nobody_made() -> None:
    call, _ = call_with(CALL)
    with pytest.raises(VoiceboxError, match="no call 'other'"):
        call.session.add_tool_result("other", "x")
    await call.session.close()


async def test_a_conversation_that_was_held_elsewhere() -> None:
    call, chat = call_with(["Yes."])
    call.session.add_text("user", "is it raining")
    call.session.add_text("assistant", "Let me look.")
    call.session.add_text("system", "The user is called Ann.")
    call.session.add_tool_call(ToolCall("mine", "look", '{"at":"rain"}'))
    call.session.add_tool_result("mine", "it rains")
    call.session.request_reply()
    await call.settle()
    first, *_, asked, called, result = chat.prompts[-1]
    assert "called Ann" in first.content
    assert (asked.content, result.content) == ("is it raining", "Result of look: it rains")
    assert called.role == "assistant"
    await call.session.close()


async def test_lines_that_are_put_in_between() -> None:
    call, chat = call_with(["Yes."], SessionOptions())
    call.session.add_text("user", "third")
    call.session.add_text("user", "first", after="")
    call.session.add_text("assistant", "second", after="text_2")
    call.session.request_reply()
    await call.settle()
    assert [message.content for message in chat.prompts[-1]][1:] == ["first", "second", "third"]
    await call.session.close()


async def test_the_tools_are_read_before_anybody_speaks() -> None:
    call, chat = call_with(["Yes."], SessionOptions())
    await call.settle()
    assert not chat.prefilled
    call.session.configure(WITH_TOOLS)
    await call.settle()
    assert "Look at something" in chat.prefilled[-1][0].content
    call.session.configure(replace(WITH_TOOLS, instructions="x"))
    await call.settle()
    assert len(chat.prefilled) == 1
    await call.session.close()


async def test_one_reply_by_its_own_rules() -> None:
    call, chat = call_with(["A long answer"], SessionOptions(instructions="Be kind.", max_tokens=50))
    chat.finish = "length"
    call.session.add_text("user", "tell me something")
    wish = ReplyWish(instructions="Be brief.", speak=False, tools=TOOLS, max_tokens=7, tag="mine")
    call.session.request_reply(wish)
    await call.settle()
    (started,) = call.seen(e.ReplyStarted)
    assert (started.speaks, started.tag) == (False, "mine")
    assert not call.seen(e.ReplyAudio)
    assert call.seen(e.ReplyDone)[0].status == "incomplete"
    assert chat.prompts[-1][0].content.startswith("Be brief.")
    assert (chat.asked[-1]["max_tokens"], bool(chat.asked[-1]["grammar"])) == (7, True)
    chat.finish = "end"
    await ask(call, "and now")
    assert (chat.asked[-1]["max_tokens"], chat.asked[-1]["grammar"]) == (50, None)
    second = call.seen(e.ReplyStarted)[1]
    assert (second.speaks, second.tag) == (True, None)
    await call.session.close()


async def test_a_reply_outside_of_the_conversation_leaves_no_trace_in_it() -> None:
    call, chat = call_with(["Sales."], SessionOptions(instructions="Be kind."))
    messages = (Message("user", "I want to buy a car"),)
    wish = ReplyWish(instructions="Name the department.", speak=False, messages=messages, tag=5)
    call.session.reply_aside(wish)
    await call.settle()
    (started,) = call.seen(e.ReplyStarted)
    assert (started.aside, started.tag, started.speaks) == (True, 5, False)
    assert call.seen(e.ReplyDone)[0].text == "Sales."
    assert [message.content for message in chat.prompts[-1]] == ["Name the department.", "I want to buy a car"]
    assert chat.asked[-1]["session"] in chat.released
    await ask(call, "hello there")
    assert not any("car" in message.content for message in chat.prompts[-1])
    await call.session.close()


async def test_an_aside_without_input_is_about_the_conversation() -> None:
    call, chat = call_with(["Fine."], SessionOptions())
    await ask(call, "how are you")
    await call.wait(1.0)
    call.session.reply_aside(ReplyWish(instructions="Summarise."))
    await call.settle()
    told = [message.content for message in chat.prompts[-1]]
    assert told == ["Summarise.", "how are you", "Fine."]
    assert call.seen(e.ReplyAudio)[-1].reply == "aside_1"
    await call.session.close()


async def test_asides_run_beside_a_reply_and_can_be_stopped() -> None:
    call, _ = call_with(["One two three four five six."], SessionOptions())
    await ask(call)
    call.session.reply_aside(ReplyWish(messages=(Message("user", "x"),)))
    assert call.session.cancel_aside("aside_1")
    assert not call.session.cancel_aside("aside_1")
    assert call.seen(e.ReplyDone)[-1].status == "cancelled"
    assert call.seen(e.Interrupted) == []
    await call.session.close()


async def test_asides_are_few_and_end_with_the_session() -> None:
    call, chat = call_with(["x"] * 50, SessionOptions())
    for _ in range(4):
        call.session.reply_aside(ReplyWish(messages=(Message("user", "x"),)))
    with pytest.raises(EngineError, match="Wait until"):
        call.session.reply_aside(ReplyWish())
    await call.session.close()
    await call.settle()
    assert chat.closed == len(chat.prompts)


async def test_an_aside_that_fails_says_so() -> None:
    call, chat = call_with(["A sentence. And "], SessionOptions())
    chat.error = EngineError("it broke")
    call.session.reply_aside(ReplyWish(messages=(Message("user", "x"),)))
    await call.settle()
    assert (call.seen(e.ReplyDone)[0].status, call.seen(e.ReplyDone)[0].reason) == ("failed", "it broke")
    await call.session.close()


async def test_push_to_talk_commit_and_request_at_once() -> None:
    """As stock clients do it: `commit` and `response.create` one after the other."""
    call = Call(SessionOptions(server_vad=False, respond=False))
    await call.speak("turn on the light")
    call.stt.hold = True
    call.session.commit_audio()
    call.session.request_reply(ReplyWish(tag="mine"))
    await call.settle()
    call.stt.release()
    await call.settle()
    assert call.seen(e.Transcript)[0].text == "turn on the light"
    assert call.seen(e.ReplyDone)[0].text == "Okay. turn on the light"
    assert call.seen(e.ReplyStarted)[0].tag == "mine"
    assert not call.seen(e.TurnDropped)
    await call.session.close()


async def test_a_result_that_comes_while_the_caller_speaks_does_not_cut_the_caller_off() -> None:
    call, chat = call_with(CALL)
    await ask(call)
    await call.speak("and what else", 0.5)
    call.session.add_tool_result(call.seen(e.ToolCalled)[0].call.id, "blue")
    call.session.request_reply()
    chat.pieces = ["Nothing else."]
    await call.speak("and what else do you see")
    await call.wait(1.0)
    assert not call.seen(e.TurnDropped)
    (done,) = call.seen(e.ReplyDone)
    assert done.text == "Nothing else."
    assert any("look: blue" in message.content for message in chat.prompts[-1])
    await call.session.close()


async def test_a_request_is_taken_up_when_the_noise_over_it_was_nothing() -> None:
    call, chat = call_with(CALL)
    await ask(call)
    await call.speak("", 0.5)
    call.session.add_tool_result(call.seen(e.ToolCalled)[0].call.id, "blue")
    call.session.request_reply()
    chat.pieces = ["It is blue."]
    await call.wait(5.0)
    assert call.seen(e.ReplyDone)[0].text == "It is blue."
    await call.session.close()
