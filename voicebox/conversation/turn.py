"""The turn machine: who speaks, when a turn is over, when the assistant may speak and when it must be silent.

One pure function, `step(state, fact, now, rules) → (state, effects)`. The state has two sides: the caller's
(`Quiet`, `Speech`, `Closing`) and the assistant's (`Silent`, `Speaking`). A turn stays open to the caller until the
first audio of its answer is there: only then is it committed, and nothing that cannot be undone happens before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from voicebox.conversation import facts as f
from voicebox.conversation.overlap import Overlap
from voicebox.conversation.states import Closing, Quiet, Rules, Silent, Speaking, Speech, State

__all__ = ["step"]

Effects = list[f.Effect]
_MAX_WAITING = 8


def step(state: State, fact: f.Fact, now: float, rules: Rules) -> tuple[State, tuple[f.Effect, ...]]:
    """Account for one fact at session time `now`; facts that come too late to matter change nothing."""
    effects: Effects = []
    match fact:
        case f.VoiceStarted(at_s):
            state = _voice_started(state, at_s, now, rules, effects)
        case f.VoicePaused(last_s):
            state = _voice_paused(state, last_s, now, rules, effects)
        case f.Heard():
            state = _heard(state, fact, now, rules, effects)
        case f.ReplyReady(turn) | f.NothingToSay(turn) | f.ReplyFailed(turn):
            state = _prepared(state, fact, turn, now, effects)
        case f.Queued(reply, ends_s):
            if isinstance(state.assistant, Speaking) and state.assistant.reply == reply:
                speaking = replace(state.assistant, ends_s=max(ends_s, state.assistant.ends_s))
                state = replace(state, assistant=speaking)
        case f.Said(reply):
            if isinstance(state.assistant, Speaking) and state.assistant.reply == reply:
                speaking = replace(state.assistant, said=True)
                state = replace(state, assistant=speaking)
                effects.append(f.WakeAt(max(now, speaking.ends_s)))
        case f.Committed():
            state = _committed_by_client(state, now, rules, effects)
        case f.Cleared():
            state = _cleared(state, now, rules, effects)
        case f.Cancelled():
            state = _cancelled(state, now, effects)
        case f.Truncated(reply):
            if isinstance(state.assistant, Speaking) and state.assistant.reply == reply:
                state = _stop(state, "interrupted", effects)
        case f.Asked(turn, text):
            state = _asked(state, turn, text, now, rules, effects)
        case f.Unasked(text):
            if len(state.waiting) < _MAX_WAITING:
                state = replace(state, waiting=(*state.waiting, text))
        case f.Tick():
            pass
    state = _time(state, now, rules, effects)
    return _speak_waiting(state, now, effects), tuple(effects)


# The caller's side


def _voice_started(state: State, at_s: float, now: float, rules: Rules, effects: Effects) -> State:
    match state.caller:
        case Quiet():
            return _open(state, at_s, now, rules, effects)
        case Speech() as speech:
            return replace(state, caller=replace(speech, paused=False, last_voice_s=now))
        case Closing(speech):
            if not rules.server_vad:
                return state  # the client has said that the turn is over
            if not speech.spoken:
                deferred = (speech.turn, speech.text)
                state = _give_up(state, state.caller, effects)
                return _open(replace(state, deferred=deferred), at_s, now, rules, effects)
            effects.append(f.Reopen(speech.turn))
            effects.append(f.WakeAt(speech.started_s + rules.max_turn_s))
            return replace(state, caller=replace(speech, paused=False, last_voice_s=now))


def _open(state: State, at_s: float, now: float, rules: Rules, effects: Effects) -> State:
    turn = f"turn_{state.turns + 1}"
    effects += [f.Opened(turn, at_s), f.WakeAt(at_s + rules.max_turn_s)]
    state = replace(state, caller=Speech(turn, at_s, now), turns=state.turns + 1)
    return _duck(state, now, rules, effects)


def _duck(state: State, now: float, rules: Rules, effects: Effects) -> State:
    if not isinstance(state.assistant, Speaking) or not rules.interruptible or not rules.server_vad:
        return state
    effects += [f.Duck(state.assistant.reply), f.WakeAt(now + rules.duck_decide_s)]
    return replace(state, assistant=replace(state.assistant, ducked_s=now))


def _voice_paused(state: State, last_s: float, now: float, rules: Rules, effects: Effects) -> State:
    if not isinstance(state.caller, Speech) or state.caller.paused:
        return state
    speech = replace(state.caller, paused=True, pause=state.caller.pause + 1, last_voice_s=last_s)
    effects.append(f.Decode(speech.turn, f.Kind.PAUSE, speech.pause))
    if rules.server_vad:
        effects.append(f.WakeAt(_deadline(speech, rules)))
    return replace(state, caller=speech)


def _deadline(speech: Speech, rules: Rules) -> float:
    known = speech.heard_pause == speech.pause
    wait_ms = rules.endpoint.wait_ms(complete=speech.complete if known else None, text=speech.text if known else "")
    return speech.last_voice_s + wait_ms / 1000


def _heard(state: State, heard: f.Heard, now: float, rules: Rules, effects: Effects) -> State:
    match state.caller:
        case Speech() as speech if speech.turn == heard.turn:
            if heard.kind is f.Kind.PARTIAL:
                if not heard.text:
                    return state
                if not speech.paused or speech.heard_pause < speech.pause:
                    effects.append(f.Speculate(speech.turn, heard.text, aloud=False))
                speech = replace(speech, overlap=_worst(speech.overlap, heard.overlap))
                return _overlapped(replace(state, caller=speech), rules, effects)
            if heard.pause <= speech.heard_pause:
                return state
            current = heard.pause == speech.pause and speech.paused
            speech = replace(
                speech,
                heard_pause=heard.pause,
                text=heard.text,
                complete=heard.complete,
                noise=heard.noise,
                overlap=_worst(speech.overlap, heard.overlap),
            )
            state = _overlapped(replace(state, caller=speech), rules, effects)
            if current:
                if heard.text:
                    effects.append(f.Speculate(speech.turn, heard.text, aloud=True))
                if rules.server_vad:
                    effects.append(f.WakeAt(max(now, _deadline(speech, rules))))
            return state
        case Closing(speech, closed_s, None) if speech.turn == heard.turn and heard.kind is not f.Kind.PARTIAL:
            if heard.pause < speech.pause:
                return state
            speech = replace(speech, overlap=_worst(speech.overlap, heard.overlap), noise=heard.noise)
            state = _overlapped(replace(state, caller=speech), rules, effects)
            return _settle(state, speech, heard.text, closed_s, now, rules, effects)
    return state


def _worst(a: Overlap, b: Overlap) -> Overlap:
    """The graver verdict: more words can turn an echo into an interruption, never back."""
    order = (Overlap.NONE, Overlap.ECHO, Overlap.BACKCHANNEL, Overlap.INTERRUPTION)
    return max(a, b, key=order.index)


def _settle(
    state: State, speech: Speech, text: str, closed_s: float, now: float, rules: Rules, effects: Effects
) -> State:
    """The turn's words are final: prepare its answer, or drop it if it was nothing."""
    over_reply = isinstance(state.assistant, Speaking)
    if not text or speech.noise:
        return _drop(state, speech.turn, "no_speech", now, rules, effects)
    if over_reply and speech.overlap is Overlap.ECHO:
        return _drop(state, speech.turn, "echo", now, rules, effects)
    if over_reply and speech.overlap is Overlap.BACKCHANNEL:
        return _drop(state, speech.turn, "backchannel", now, rules, effects)
    effects += [f.Prepare(speech.turn, text), f.WakeAt(closed_s + rules.max_prepare_s)]
    return replace(state, caller=Closing(speech, closed_s, text), deferred=None)


def _drop(
    state: State,
    turn: str,
    reason: Literal["no_speech", "echo", "backchannel", "cleared"],
    now: float,
    rules: Rules,
    effects: Effects,
) -> State:
    """The caller's turn came to nothing; a typed question that it pushed aside is taken up again."""
    effects.append(f.Drop(turn, reason))
    deferred = state.deferred
    state = _unduck(replace(state, caller=Quiet(), deferred=None), effects)
    return state if deferred is None else _prepare_text(state, *deferred, now, rules, effects)


def _close(state: State, speech: Speech, now: float, rules: Rules, effects: Effects) -> State:
    if speech.pause and speech.heard_pause == speech.pause:
        return _settle(state, speech, speech.text, now, now, rules, effects)
    effects.append(f.WakeAt(now + rules.max_prepare_s))
    return replace(state, caller=Closing(speech, now, None))


def _committed_by_client(state: State, now: float, rules: Rules, effects: Effects) -> State:
    if not isinstance(state.caller, Speech):
        return state
    speech = state.caller
    if not speech.paused:
        speech = replace(speech, paused=True, pause=speech.pause + 1, last_voice_s=now)
        effects.append(f.Decode(speech.turn, f.Kind.FINAL, speech.pause))
    return _close(replace(state, caller=speech), speech, now, rules, effects)


def _cleared(state: State, now: float, rules: Rules, effects: Effects) -> State:
    match state.caller:
        case Quiet():
            return state
        case Speech(turn) | Closing(Speech(turn)):
            return _drop(state, turn, "cleared", now, rules, effects)


def _asked(state: State, turn: str, text: str, now: float, rules: Rules, effects: Effects) -> State:
    state = _cleared(replace(state, deferred=None), now, rules, effects)
    return _prepare_text(state, turn, text, now, rules, effects)


def _prepare_text(state: State, turn: str, text: str, now: float, rules: Rules, effects: Effects) -> State:
    speech = Speech(turn, now, now, paused=True, text=text, overlap=Overlap.INTERRUPTION, spoken=False)
    effects += [f.Prepare(turn, text), f.WakeAt(now + rules.max_prepare_s)]
    return replace(state, caller=Closing(speech, now, text))


# The assistant's side


def _overlapped(state: State, rules: Rules, effects: Effects) -> State:
    """Act on the verdict over speech that began while the assistant speaks: all speech beside a reply did."""
    caller = state.caller
    speech = caller.speech if isinstance(caller, Closing) else caller
    if not isinstance(state.assistant, Speaking) or not isinstance(speech, Speech):
        return state
    if speech.overlap is Overlap.INTERRUPTION and rules.interruptible and rules.server_vad:
        return _stop(state, "interrupted", effects)
    if speech.overlap in (Overlap.ECHO, Overlap.BACKCHANNEL):
        return _unduck(state, effects)
    return state


def _stop(state: State, reason: Literal["interrupted", "cancelled", "replaced"], effects: Effects) -> State:
    if isinstance(state.assistant, Speaking):
        effects.append(f.StopReply(state.assistant.reply, reason))
    return replace(state, assistant=Silent())


def _unduck(state: State, effects: Effects) -> State:
    if not isinstance(state.assistant, Speaking) or state.assistant.ducked_s is None:
        return state
    effects.append(f.Unduck(state.assistant.reply))
    return replace(state, assistant=replace(state.assistant, ducked_s=None))


def _prepared(state: State, fact: f.Fact, turn: str, now: float, effects: Effects) -> State:
    """The answer is there, or there is none: from here on the turn cannot be reopened."""
    caller = state.caller
    if not isinstance(caller, Closing) or caller.speech.turn != turn or caller.text is None:
        return state
    speech = caller.speech
    effects.append(f.Commit(turn, caller.text, speech.last_voice_s, caller.closed_s))
    state = replace(state, caller=Quiet())
    if isinstance(fact, f.ReplyFailed):
        effects.append(f.Fail(turn, fact.reason))
    if not isinstance(fact, f.ReplyReady):
        return _unduck(state, effects)
    state = _stop(state, "replaced", effects)
    reply = f"reply_{state.replies + 1}"
    effects.append(f.StartReply(reply, turn))
    return replace(state, assistant=Speaking(reply, now), replies=state.replies + 1)


def _cancelled(state: State, now: float, effects: Effects) -> State:
    if isinstance(state.caller, Closing) and state.caller.text is not None:
        state = _give_up(state, state.caller, effects)
    return _stop(state, "cancelled", effects)


def _give_up(state: State, closing: Closing, effects: Effects) -> State:
    """The turn stays without an answer."""
    speech = closing.speech
    effects += [
        f.Abandon(speech.turn),
        f.Commit(speech.turn, closing.text or "", speech.last_voice_s, closing.closed_s),
    ]
    return replace(state, caller=Quiet())


def _speak_waiting(state: State, now: float, effects: Effects) -> State:
    if not state.waiting or not isinstance(state.caller, Quiet) or not isinstance(state.assistant, Silent):
        return state
    reply = f"reply_{state.replies + 1}"
    effects.append(f.StartReply(reply, None, state.waiting[0]))
    speaking = Speaking(reply, now)
    return replace(state, assistant=speaking, waiting=state.waiting[1:], replies=state.replies + 1)


# Time


def _time(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """What is due by now."""
    if isinstance(state.assistant, Speaking):
        speaking = state.assistant
        if speaking.said and now >= speaking.ends_s:
            effects.append(f.FinishReply(speaking.reply))
            state = replace(state, assistant=Silent())
        elif speaking.ducked_s is not None and now >= speaking.ducked_s + rules.duck_decide_s:
            voiced = isinstance(state.caller, Speech) and not state.caller.paused
            state = _stop(state, "interrupted", effects) if voiced else _unduck(state, effects)
    match state.caller:
        case Speech() as speech if now >= speech.started_s + rules.max_turn_s:
            return _committed_by_client(state, now, rules, effects)
        case Speech() as speech if rules.server_vad and speech.paused and now >= _deadline(speech, rules):
            return _close(state, speech, now, rules, effects)
        case Closing(speech, closed_s) if now >= closed_s + rules.max_prepare_s:
            if state.caller.text is None:
                return _drop(state, speech.turn, "no_speech", now, rules, effects)
            effects.append(f.Abandon(speech.turn))
            return _prepared(state, f.ReplyFailed(speech.turn, "no answer in time"), speech.turn, now, effects)
    return state
