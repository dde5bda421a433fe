"""The assistant's side of the turn machine: it speaks, is ducked while a voice over it is unclear, and is stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from voicebox.conversation import facts as f
from voicebox.conversation.overlap import Overlap
from voicebox.conversation.states import Closing, Quiet, Rules, Silent, Speaking, Speech, State

__all__ = ["duck", "overlapped", "queued", "said", "speak_waiting", "stop", "time_passed", "truncated", "unduck"]

Effects = list[f.Effect]


def duck(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """Speak more quietly: a voice began over the reply."""
    if not isinstance(state.assistant, Speaking) or not rules.interruptible or not rules.server_vad:
        return state
    effects += [f.Duck(state.assistant.reply), f.WakeAt(now + rules.duck_decide_s)]
    return replace(state, assistant=replace(state.assistant, ducked_s=now))


def overlapped(state: State, rules: Rules, effects: Effects) -> State:
    """Act on the verdict over speech that began while the assistant speaks: all speech beside a reply did."""
    caller = state.caller
    speech = caller.speech if isinstance(caller, Closing) else caller
    if not isinstance(state.assistant, Speaking) or not isinstance(speech, Speech):
        return state
    if speech.overlap is Overlap.INTERRUPTION and rules.interruptible and rules.server_vad:
        return stop(state, "interrupted", effects)
    if speech.overlap in (Overlap.ECHO, Overlap.BACKCHANNEL):
        return unduck(state, effects)
    return state


def stop(state: State, reason: Literal["interrupted", "cancelled", "replaced"], effects: Effects) -> State:
    """Be silent at once."""
    if isinstance(state.assistant, Speaking):
        effects.append(f.StopReply(state.assistant.reply, reason))
    return replace(state, assistant=Silent())


def unduck(state: State, effects: Effects) -> State:
    """It was nothing: full level again."""
    if not isinstance(state.assistant, Speaking) or state.assistant.ducked_s is None:
        return state
    effects.append(f.Unduck(state.assistant.reply))
    return replace(state, assistant=replace(state.assistant, ducked_s=None))


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
    """The far end stopped playing the reply."""
    if not isinstance(state.assistant, Speaking) or state.assistant.reply != reply:
        return state
    return stop(state, "interrupted", effects)


def time_passed(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """The reply was played to its end, or it is time to decide what the voice over it means."""
    if not isinstance(state.assistant, Speaking):
        return state
    speaking = state.assistant
    if speaking.said and now >= speaking.ends_s:
        effects.append(f.FinishReply(speaking.reply))
        return replace(state, assistant=Silent())
    if speaking.ducked_s is not None and now >= speaking.ducked_s + rules.duck_decide_s:
        voiced = isinstance(state.caller, Speech) and not state.caller.paused
        return stop(state, "interrupted", effects) if voiced else unduck(state, effects)
    return state
