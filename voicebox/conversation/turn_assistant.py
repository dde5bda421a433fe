"""The assistant's side of the turn machine: it speaks, is ducked and held while a voice over it is unclear, is stopped.

A voice over a reply ducks it at once. If it goes on, the reply is broken off before there are words: nobody likes to
be talked over for longer. If it then proves to be a listener's noise or an echo, the reply goes on from the cut word.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from voicebox.conversation import facts as f
from voicebox.conversation.overlap import Overlap
from voicebox.conversation.states import Closing, Held, Quiet, Rules, Silent, Speaking, Speech, State

__all__ = [
    "duck",
    "go_on",
    "notice",
    "overlapped",
    "queued",
    "said",
    "speak_waiting",
    "stop",
    "time_passed",
    "truncated",
]

Effects = list[f.Effect]

_REST_S = 0.3
"""A reply that is as good as over is not broken off for what may be nothing."""


def notice(state: State, effects: Effects) -> State:
    """Let the client know that the caller speaks, if it does not know yet."""
    caller = state.caller
    speech = caller.speech if isinstance(caller, Closing) else caller
    if not isinstance(speech, Speech) or speech.noticed or not speech.spoken:
        return state
    effects.append(f.Noticed(speech.turn, speech.started_s))
    speech = replace(speech, noticed=True)
    return replace(state, caller=replace(caller, speech=speech) if isinstance(caller, Closing) else speech)


def duck(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """Speak more quietly: a voice began over the reply, or goes on after a break, which is no new beginning."""
    speaking = state.assistant
    if not isinstance(speaking, Speaking) or not rules.interruptible or not rules.server_vad:
        return state
    if speaking.ducked_s is not None:
        return state
    effects += [f.Duck(speaking.reply), f.WakeAt(now + rules.hold_s), f.WakeAt(now + rules.duck_decide_s)]
    return replace(state, assistant=replace(speaking, ducked_s=now))


def overlapped(state: State, now: float, rules: Rules, effects: Effects, *, partial: bool = False) -> State:
    """Act on the verdict over speech that began while the assistant speaks: all speech beside a reply did.

    The first words of a partial are often others than they seem: they break a reply off, and do not end it.
    """
    caller = state.caller
    speech = caller.speech if isinstance(caller, Closing) else caller
    if not isinstance(speech, Speech) or not isinstance(state.assistant, Speaking | Held):
        return state
    if speech.overlap is Overlap.INTERRUPTION and rules.interruptible and rules.server_vad:
        if partial and isinstance(state.assistant, Speaking):
            return _hold(state, state.assistant, now, rules, effects)
        return state if partial else stop(notice(state, effects), "interrupted", effects)
    nothing = speech.overlap in (Overlap.ECHO, Overlap.BACKCHANNEL)
    if nothing and (speech.paused or isinstance(state.assistant, Speaking)):
        return go_on(state, now, effects)
    return state


def stop(state: State, reason: Literal["interrupted", "cancelled", "replaced"], effects: Effects) -> State:
    """Be silent at once, for good."""
    if isinstance(state.assistant, Speaking | Held):
        effects.append(f.StopReply(state.assistant.reply, reason))
    return replace(state, assistant=Silent())


def _hold(state: State, speaking: Speaking, now: float, rules: Rules, effects: Effects) -> State:
    """Be silent at once; it is not known yet whether for good."""
    state = notice(state, effects)
    effects += [f.HoldReply(speaking.reply), f.WakeAt(now + rules.voice_decides_s - rules.hold_s)]
    return replace(state, assistant=Held(speaking.reply, now))


def go_on(state: State, now: float, effects: Effects) -> State:
    """It was nothing: full level again, or the rest of what was broken off."""
    match state.assistant:
        case Speaking(reply, ducked_s=float()) as speaking:
            effects.append(f.Unduck(reply))
            return replace(state, assistant=replace(speaking, ducked_s=None))
        case Held(reply):
            next_reply = f"reply_{state.replies + 1}"
            effects.append(f.ResumeReply(reply, next_reply))
            return replace(state, assistant=Speaking(next_reply, now), replies=state.replies + 1)
    return state


def speak_waiting(state: State, now: float, effects: Effects) -> State:
    """Say what nobody asked for, once there is room."""
    if not state.waiting or not isinstance(state.caller, Quiet) or not isinstance(state.assistant, Silent):
        return state
    reply = f"reply_{state.replies + 1}"
    effects.append(f.StartReply(reply, None, state.waiting[0]))
    speaking = Speaking(reply, now)
    return replace(state, assistant=speaking, waiting=state.waiting[1:], replies=state.replies + 1)


def queued(state: State, reply: str, ends_s: float) -> State:
    """Audio of the reply was sent; it will have been played at `ends_s`."""
    if not isinstance(state.assistant, Speaking) or state.assistant.reply != reply:
        return state
    return replace(state, assistant=replace(state.assistant, ends_s=max(ends_s, state.assistant.ends_s)))


def said(state: State, reply: str, now: float, effects: Effects) -> State:
    """The reply's last audio was sent."""
    if not isinstance(state.assistant, Speaking) or state.assistant.reply != reply:
        return state
    effects.append(f.WakeAt(max(now, state.assistant.ends_s)))
    return replace(state, assistant=replace(state.assistant, said=True))


def truncated(state: State, reply: str, effects: Effects) -> State:
    """The far end stopped playing the reply; one that is held is silent already."""
    if not isinstance(state.assistant, Speaking) or state.assistant.reply != reply:
        return state
    return stop(state, "interrupted", effects)


def time_passed(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """The reply was played to its end, or it is time to decide what the voice over it means."""
    caller = state.caller
    voiced = isinstance(caller, Speech) and not caller.paused
    match state.assistant:
        case Speaking(reply, ends_s, True) if now >= ends_s:
            effects.append(f.FinishReply(reply))
            return replace(state, assistant=Silent())
        case Speaking(_, ends_s, said_all, float(ducked_s)) as speaking:
            if voiced and now >= ducked_s + rules.hold_s and not (said_all and now >= ends_s - _REST_S):
                return _hold(state, speaking, now, rules, effects)
            if not voiced and now >= ducked_s + rules.duck_decide_s:
                return go_on(state, now, effects)
        case Held(_, held_s) if now >= held_s + rules.voice_decides_s - rules.hold_s and voiced:
            if isinstance(caller, Speech) and caller.overlap not in (Overlap.ECHO, Overlap.BACKCHANNEL):
                return stop(state, "interrupted", effects)
        case Held() if isinstance(caller, Quiet):
            return go_on(state, now, effects)
    return state
