from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from tests.conversation.call import RATE, SILENCE, VOICE, Call, ScriptedChat
from voicebox.conversation import events as e
from voicebox.conversation.ports import SessionOptions
from voicebox.errors import EngineError, VoiceboxError
from voicebox.routing.answerer import LOST_THE_REST
from voicebox.skills.types import Plan
from voicebox.stt.types import Priority
from voicebox.tts.types import Manner


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    call = Call()
    yield call
    await call.session.close()


async def test_a_spoken_turn_is_answered_in_the_order_that_clients_expect(call: Call) -> None:
    await call.speak("turn on the light")
    await call.wait(0.4)
    kinds = [type(event).__name__ for event in call.events if not isinstance(event, e.PartialTranscript)]
    assert kinds == [
        "SpeechStarted", "TurnCommitted", "Transcript", "ReplyStarted",
        "ReplyText", "ReplyAudio", "TurnRecord", "ReplyText", "ReplyAudio", "ReplyDone",
    ]  # fmt: skip
    assert call.seen(e.Transcript)[0].text == "turn on the light"
    assert call.seen(e.ReplyDone)[0].text == "Okay. turn on the light"
    assert call.reflex.done == ["turn on the light"]


async def test_the_reply_is_spoken_as_the_session_chose(call: Call) -> None:
    call.session.configure(SessionOptions(voice="amy:2", speed=1.5))
    await call.speak("turn on the light")
    await call.wait(0.4)
    assert call.speaker.manners
    assert set(call.speaker.manners) == {Manner("amy:2", 1.5)}


async def test_words_are_spoken_and_remembered_as_they_were_written(call: Call) -> None:
    await call.speak("it costs $5")
    await call.wait(0.6)
    assert call.speaker.phrases[-1] == "it costs $5"
    assert call.seen(e.ReplyDone)[0].text == "Okay. it costs $5"


async def test_partials_come_while_the_caller_speaks(call: Call) -> None:
    await call.speak("turn on the light", 2.0)
    assert len([job for job in call.stt.jobs if job[0] is Priority.PARTIAL]) >= 5
    assert call.seen(e.PartialTranscript)[-1].stable == "turn on the light"
    assert not call.seen(e.TurnCommitted)


async def test_the_answer_waits_when_the_request_is_not_complete(call: Call) -> None:
    call.reflex.complete = lambda text: 0.0
    await call.speak("set a timer please now")
    await call.wait(1.5)
    assert not call.seen(e.TurnCommitted)
    await call.wait(0.4)
    assert call.seen(e.TurnCommitted)
    assert call.seen(e.TurnRecord)[0].stages["endpoint_ms"] == pytest.approx(1700, abs=40)


async def test_going_on_after_a_pause_leaves_no_trace(call: Call) -> None:
    call.reflex.complete = lambda text: 1.0 if text.endswith("milk") else 0.5
    await call.speak("a large latte please")
    await call.wait(0.3)
    await call.speak("a large latte please and milk")
    await call.wait(0.4)
    assert [t.text for t in call.seen(e.Transcript)] == ["a large latte please and milk"]
    assert len(call.seen(e.SpeechStarted)) == len(call.seen(e.TurnCommitted)) == 1
    assert call.reflex.done == ["a large latte please and milk"]
    assert call.session.speculation.wasted >= 1


async def test_a_speculation_that_fits_is_used(call: Call) -> None:
    await call.speak("turn on the light")
    await call.wait(0.4)
    account = call.session.speculation
    assert (account.used, account.missed) == (1, 0)
    record = call.seen(e.TurnRecord)[0]
    assert record.speculated
    assert record.stages["decision_ms"] == record.stages["stt_ms"] == 0


async def test_a_side_effect_never_comes_before_the_commit(call: Call) -> None:
    await call.speak("turn on the light", 2.0)
    await call.wait(0.1)
    assert call.session.speculation.made >= 1
    assert call.reflex.done == []


async def test_noise_comes_to_nothing(call: Call) -> None:
    await call.speak("")
    await call.wait(1.0)
    assert [drop.reason for drop in call.seen(e.TurnDropped)] == ["no_speech"]
    assert not call.seen(e.TurnCommitted)


async def test_an_interruption_silences_the_assistant_and_history_keeps_what_was_heard(call: Call) -> None:
    await call.speak("tell me one two three four five six seven eight nine ten")
    await call.wait(0.75)
    await call.speak("no wait stop it", 0.7)
    stopped = call.seen(e.Interrupted)
    assert len(stopped) == 1
    assert stopped[0].heard_text.startswith("Okay. tell me")
    assert "ten" not in stopped[0].heard_text.split()
    await call.wait(0.4)
    assert [t.text for t in call.seen(e.Transcript)][-1] == "no wait stop it"
    assert len(call.seen(e.ReplyStarted)) == 2


@pytest.mark.parametrize(("text", "reason"), [("mm hm yeah", "backchannel"), ("tell me one two", "echo")])
async def test_a_listeners_noise_and_the_own_echo_do_not_interrupt(call: Call, text: str, reason: str) -> None:
    await call.speak("tell me one two three four five six seven eight nine ten")
    await call.wait(0.4)
    await call.speak(text, 0.6)
    await call.wait(0.6)
    assert not call.seen(e.Interrupted)
    assert [drop.reason for drop in call.seen(e.TurnDropped)] == [reason]
    assert [duck.on for duck in call.seen(e.Ducked)] == [True, False]


async def test_a_reply_that_was_broken_off_for_a_listeners_noise_goes_on_from_the_cut_word(call: Call) -> None:
    await call.speak("tell me one two three four five six seven eight nine ten")
    await call.wait(0.75)
    call.stt.hold = True
    await call.speak("mm hm yeah", 0.45)
    (broken,) = call.seen(e.Interrupted)
    assert len(call.seen(e.SpeechStarted)) == 2
    call.stt.release()
    await call.wait(0.1)
    first, second = call.seen(e.ReplyStarted)
    assert first.turn == second.turn == "turn_1"
    rest = "".join(text.text for text in call.seen(e.ReplyText) if text.reply == second.reply)
    assert f"{broken.heard_text} {rest}" == "Okay. tell me one two three four five six seven eight nine ten"
    sent = sum(len(audio.audio) for audio in call.seen(e.ReplyAudio) if audio.reply == second.reply)
    assert sent == len(rest.split()) * RATE // 10
    await call.wait(1.5)
    assert [drop.reason for drop in call.seen(e.TurnDropped)] == ["backchannel"]
    assert [done.status for done in call.seen(e.ReplyDone)] == ["completed", "completed"]
    await call.speak("say that again")
    await call.wait(0.5)
    said = call.session._history.merged()
    assert [line.text for line in said][1] == "Okay. tell me one two three four five six seven eight nine ten"


async def test_small_talk_goes_to_the_instruct_model_phrase_by_phrase() -> None:
    chat = ScriptedChat(["Paris ", "is the capital. ", "It lies ", "on the Seine."])
    call = Call(SessionOptions(instructions="Be brief."), chat)
    call.reflex.in_scope = False
    await call.speak("what is the capital of france", 1.5)
    await call.wait(0.4)
    assert chat.prefilled
    assert chat.prompts[-1][-1].content == "what is the capital of france"
    assert chat.prompts[-1][0].content == "Be brief."
    assert call.seen(e.ReplyDone)[0].text == "Paris is the capital. It lies on the Seine."
    assert call.seen(e.TurnRecord)[0].tier == "small"
    await call.session.close()


async def test_an_instruct_model_that_fails_at_once_is_replaced_by_an_honest_sentence() -> None:
    call = Call(chat=ScriptedChat([], EngineError("out of memory")))
    call.reflex.in_scope = False
    await call.speak("what is the capital of france")
    await call.wait(0.4)
    assert "can't" in call.seen(e.ReplyDone)[0].text
    await call.session.close()


async def test_an_answer_that_breaks_off_is_told_and_the_session_lives_on() -> None:
    call = Call(chat=ScriptedChat(["Paris is the capital of France. "], EngineError("out of memory")))
    call.reflex.in_scope = False
    await call.speak("what is the capital of france")
    await call.wait(3.0)
    assert call.seen(e.ReplyDone)[0].text == f"Paris is the capital of France. {LOST_THE_REST}"
    call.reflex.in_scope = True
    await call.speak("turn on the light")
    await call.wait(0.4)
    assert call.seen(e.ReplyDone)[-1].status == "completed"
    await call.session.close()


async def test_a_recogniser_that_fails_ends_the_turn_with_an_error(call: Call) -> None:
    call.stt.says = EngineError("the recogniser is full")
    await call.feed(VOICE, 1.0)
    await call.wait(1.0)
    assert {error.code for error in call.seen(e.SessionError)} == {"engine_failed"}
    assert call.seen(e.TurnDropped)
    await call.speak("turn on the light")
    await call.wait(0.4)
    assert call.reflex.done == ["turn on the light"]


async def test_a_voice_that_fails_ends_the_turn_with_an_error(call: Call) -> None:
    call.speaker.fails = True
    await call.speak("turn on the light")
    await call.wait(0.5)
    assert [error.code for error in call.seen(e.SessionError)] == ["no_answer"]
    assert call.seen(e.TurnCommitted)


async def test_push_to_talk_ends_turns_only_when_the_client_says_so() -> None:
    call = Call(SessionOptions(server_vad=False))
    await call.speak("turn on the light")
    await call.wait(3.0)
    assert not call.seen(e.TurnCommitted)
    call.session.commit_audio()
    await call.settle()
    assert call.seen(e.Transcript)[0].text == "turn on the light"
    with pytest.raises(VoiceboxError, match="no speech"):
        call.session.commit_audio()
    await call.session.close()


async def test_without_respond_turns_are_transcribed_and_answered_on_request() -> None:
    call = Call(SessionOptions(respond=False))
    await call.speak("turn on the light")
    await call.wait(0.6)
    assert call.seen(e.Transcript)
    assert not call.seen(e.ReplyStarted)
    call.session.request_reply()
    await call.settle()
    assert call.seen(e.ReplyDone)[0].text == "Okay. turn on the light"
    assert len(call.seen(e.Transcript)) == 1
    await call.session.close()


async def test_a_typed_turn_is_answered(call: Call) -> None:
    call.session.add_text("user", "turn on the light")
    call.session.request_reply()
    await call.settle()
    assert call.seen(e.ReplyDone)[0].text == "Okay. turn on the light"
    assert not call.seen(e.Transcript)


async def test_a_silent_session_replies_in_text() -> None:
    call = Call(SessionOptions(speak=False))
    await call.speak("turn on the light")
    await call.wait(0.4)
    assert call.seen(e.ReplyDone)[0].text == "Okay. turn on the light"
    assert not call.seen(e.ReplyAudio)
    await call.session.close()


async def test_truncation_cuts_history_and_refuses_what_was_never_sent(call: Call) -> None:
    await call.speak("turn on the light")
    await call.wait(0.4)
    assert call.session.truncate("reply_1", 240) == "Okay. turn"
    assert len(call.seen(e.Interrupted)) == 1
    with pytest.raises(VoiceboxError, match="outside"):
        call.session.truncate("reply_1", 60_000)
    with pytest.raises(VoiceboxError, match="no reply"):
        call.session.truncate("reply_99", 10)


async def test_announcements_wait_for_room(call: Call) -> None:
    await call.speak("turn on the light", 0.5)
    call.session.announce("Your timer is done.")
    await call.settle()
    assert not call.seen(e.ReplyStarted)
    await call.wait(2.0)
    assert [reply.turn for reply in call.seen(e.ReplyStarted)] == ["turn_1", None]
    assert call.seen(e.ReplyDone)[-1].text == "Your timer is done."


async def test_a_caller_who_is_silent_for_long_is_spoken_to_once() -> None:
    call = Call(SessionOptions(idle_timeout_ms=5000))
    await call.speak("turn on the light")
    await call.wait(0.4)
    spoken_at = call.time
    await call.wait(20.0)
    (timeout,) = call.seen(e.IdleTimeout)
    assert 0 <= timeout.audio_end_ms - timeout.audio_start_ms - 5000 <= 32
    assert timeout.audio_start_ms / 1000 >= spoken_at - 1000.0
    assert [reply.turn for reply in call.seen(e.ReplyStarted)] == ["turn_1", None]
    assert call.seen(e.ReplyDone)[-1].text == "Is there anything else I can do for you?"
    await call.speak("turn on the fan")
    await call.wait(20.0)
    assert len(call.seen(e.IdleTimeout)) == 2
    await call.session.close()


async def test_a_silence_is_told_but_not_broken_where_the_client_asks_for_replies_itself() -> None:
    call = Call(SessionOptions(idle_timeout_ms=5000, respond=False))
    await call.wait(20.0)
    assert [type(event) for event in call.events] == [e.IdleTimeout]
    await call.session.close()


async def test_a_timeout_is_told_within_the_audio_that_came(call: Call) -> None:
    """Without audio session time goes on, and the input audio does not."""
    call.session.configure(SessionOptions(idle_timeout_ms=5000))
    await call.wait(1.0)
    call.time += 30.0
    await call.wait(0.1)
    (timeout,) = call.seen(e.IdleTimeout)
    assert timeout.audio_start_ms <= timeout.audio_end_ms <= 1100


async def test_cancelling_stops_the_reply_once(call: Call) -> None:
    await call.speak("turn on the light")
    await call.wait(0.4)
    assert call.session.cancel_reply()
    assert not call.session.cancel_reply()
    assert len(call.seen(e.Interrupted)) == 1


async def test_a_recording_sent_at_once_is_cut_into_the_same_turns(call: Call) -> None:
    call.stt.says = "turn on the light"
    for _ in range(2):
        call.session.feed(np.concatenate([VOICE] * 30 + [SILENCE] * 40))
        await call.settle()
    assert len(call.seen(e.TurnCommitted)) == 2


async def test_bad_samples_count_as_silence(call: Call) -> None:
    call.session.feed(np.full(5000, np.nan, np.float32))
    call.session.feed(np.full(5000, np.inf, np.float32))
    assert call.events == []


async def test_a_closed_session_releases_its_engines_and_takes_no_more() -> None:
    call = Call()
    await call.speak("turn on the light", 0.5)
    await call.session.close()
    await call.session.close()
    assert call.reflex.released == ["sess_test"]
    with pytest.raises(EngineError, match="closed"):
        call.session.feed(VOICE)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_final_that_takes_long_is_awaited(call: Call) -> None:
    await call.speak("turn on the light")
    call.stt.hold = True
    await call.wait(1.5)
    assert not call.seen(e.TurnCommitted)
    call.stt.release()
    await call.settle()
    assert call.seen(e.Transcript)[0].text == "turn on the light"
    assert call.seen(e.TurnRecord)[0].stages["stt_ms"] > 500


async def test_a_recording_sent_at_once_waits_for_each_turns_answer(call: Call) -> None:
    call.stt.says = "turn on the light"
    call.stt.hold = True
    call.session.feed(np.concatenate(([VOICE] * 30 + [SILENCE] * 90) * 2).ravel())
    await call.settle()
    assert not call.seen(e.TurnCommitted)
    call.stt.release()
    await call.settle()
    call.time += 10.0
    await call.settle()
    assert len(call.seen(e.TurnCommitted)) == 2


async def test_audio_far_ahead_of_real_time_is_refused(call: Call) -> None:
    with pytest.raises(EngineError, match="faster than real time"):
        call.session.feed(np.zeros(16_000 * 61, np.float32))


@pytest.mark.parametrize("early", [True, False])
async def test_only_a_skill_that_changes_nothing_works_on_a_guess(call: Call, early: bool) -> None:
    asked: list[float] = []

    async def work() -> Plan:
        asked.append(call.time)
        return Plan("It is done.")

    call.reflex.plan = lambda understanding, **_: Plan("", work=work, early=early)  # type: ignore[method-assign]
    await call.speak("ask the oracle")
    await call.wait(0.1)
    assert bool(asked) is early
    await call.wait(1.0)
    assert len(asked) == 1
    assert [text.text for text in call.seen(e.ReplyText)] == ["It is done."]


async def test_what_a_guess_cost_that_was_thrown_away_is_counted() -> None:
    chat = ScriptedChat(["Paris ", "is the capital. "])
    call = Call(chat=chat)
    call.reflex.in_scope = False
    await call.speak("what is the capital of france")
    await call.wait(0.1)
    await call.speak("what is the capital of france and of spain", 0.5)
    account = call.session.speculation
    assert account.wasted_tokens == 2
    assert account.wasted_voice_ms > 0
    await call.session.close()


async def test_a_guess_from_another_context_is_not_used(call: Call) -> None:
    await call.speak("turn on the light")
    await call.wait(0.1)
    assert call.session.speculation.open is not None
    call.session.configure(replace(call.session.options, instructions="Be brief."))
    await call.wait(1.0)
    account = call.session.speculation
    assert account.missed == 1
    assert account.used == 0
    assert call.reflex.done == ["turn on the light"]


async def test_what_the_client_deletes_is_not_seen_by_the_models() -> None:
    chat = ScriptedChat(["Fine."])
    call = Call(chat=chat)
    call.reflex.in_scope = False
    turn = call.session.add_text("user", "my number is one two three")
    call.session.request_reply()
    await call.settle()
    await call.wait(0.5)
    call.session.forget(turn)
    call.session.forget("unknown")
    call.session.add_text("user", "how are you")
    call.session.request_reply()
    await call.settle()
    assert "number" not in " ".join(message.content for message in chat.prompts[-1])
    await call.session.close()
