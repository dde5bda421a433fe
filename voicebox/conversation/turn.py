"""The turn machine: who speaks, when a turn is over, when the assistant may speak and when it must be silent.

One pure function, `step(state, fact, now, rules) → (state, effects)`. The state has two sides: the caller's (`Quiet`,
`Speech`, `Closing`) and the assistant's (`Silent`, `Speaking`, `Held`). A turn stays open to the caller until the first
audio of its answer is there: only then is it committed, and nothing that cannot be undone happens before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from voicebox.conversation import facts as f
from voicebox.conversation import turn_assistant as assistant
from voicebox.conversation import turn_caller as caller
from voicebox.conversation import turn_idle as idle
from voicebox.conversation.states import Rules, Silent, State

__all__ = ["step"]

_MAX_WAITING = 8


def step(state: State, fact: f.Fact, now: float, rules: Rules) -> tuple[State, tuple[f.Effect, ...]]:
    """Account for one fact at session time `now`; facts that come too late to matter change nothing."""
    effects: list[f.Effect] = []
    before = state
    match fact:
        case f.VoiceStarted(at_s):
            state = caller.voice_started(state, min(at_s, now), now, rules, effects)
        case f.VoicePaused(last_s):
            state = caller.voice_paused(state, min(last_s, now), now, rules, effects)
        case f.Heard():
            state = caller.heard(state, fact, now, rules, effects)
        case f.Stirred():
            state = caller.stirred(state, now, rules, effects)
        case f.Voted():
            state = caller.voted(state, fact, now, rules, effects)
        case f.ReplyReady(turn) | f.NothingToSay(turn) | f.ToolChosen(turn) | f.ReplyFailed(turn):
            state = caller.prepared(state, fact, turn, now, effects)
        case f.Committed():
            state = caller.committed_by_client(state, now, rules, effects)
        case f.Cleared():
            state = caller.cleared(state, now, rules, effects)
        case f.Cancelled():
            state = caller.cancelled(state, now, effects)
        case f.Asked(turn, text):
            state = caller.asked(state, turn, text, now, rules, effects)
        case f.Queued(reply, ends_s):
            state = assistant.queued(state, reply, ends_s)
        case f.Said(reply):
            state = assistant.said(state, reply, now, effects)
        case f.Truncated(reply):
            state = assistant.truncated(state, reply, effects)
        case f.Unasked(text):
            if len(state.waiting) < _MAX_WAITING:
                state = replace(state, waiting=(*state.waiting, text))
        case f.Nudged(text):
            state = idle.nudged(state, text)
        case f.Configured():
            caller.configured(state, rules, effects)
            state = idle.configured(state, now, rules, effects)
        case f.Tick():
            pass
    state = assistant.time_passed(state, now, rules, effects)
    state = caller.time_passed(state, now, rules, effects)
    if isinstance(state.assistant, Silent):
        state = assistant.notice(state, effects)
    state = assistant.speak_waiting(state, now, effects)
    state = idle.time_passed(before, state, now, rules, effects)
    return state, tuple(_in_time(effects, now)) if effects else ()


def _in_time(effects: list[f.Effect], now: float) -> Iterator[f.Effect]:
    """Nobody is woken in the past: what was due before a fact that came late is due now. Each moment once."""
    moments = set()
    for effect in effects:
        if isinstance(effect, f.WakeAt):
            at_s = max(now, effect.at_s)
            if at_s in moments:
                continue
            moments.add(at_s)
            effect = effect if at_s == effect.at_s else f.WakeAt(at_s)
        yield effect
