"""A caller who says nothing: after a silence of both sides the assistant speaks by itself, once for each silence."""

from __future__ import annotations

from dataclasses import replace

from voicebox.conversation import facts as f
from voicebox.conversation.states import Rules, Speaking, State

__all__ = ["configured", "nudged", "time_passed"]

Effects = list[f.Effect]


def configured(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """The rules are new: the silence counts from now."""
    state = replace(state, quiet_s=now)
    _wake(state, rules, effects)
    return state


def nudged(state: State, text: str) -> State:
    """Say it at once; whoever speaks meanwhile has made it needless."""
    return replace(state, waiting=(text,)) if state.quiet else state


def time_passed(before: State, state: State, now: float, rules: Rules, effects: Effects) -> State:
    """Count the silence from the step with which it begins, and end one that is too long.

    `before` is the state at the start of the step, `effects` what the step has ordered so far. A turn that is committed
    and an "mm-hm" show that the caller is there: what comes after is another silence. A noise does not show it.
    """
    if any(isinstance(e, f.Commit) or (isinstance(e, f.Drop) and e.reason == "backchannel") for e in effects):
        state = replace(state, nudged=False)
    turn_over = any(isinstance(e, f.Commit | f.Drop) for e in effects)
    if turn_over or any(isinstance(e, f.StopReply) for e in effects):
        state = replace(state, quiet_s=now)
    elif isinstance(before.assistant, Speaking) and any(isinstance(e, f.FinishReply) for e in effects):
        # It was played to its end before this step noticed.
        state = replace(state, quiet_s=max(state.quiet_s, min(now, before.assistant.ends_s)))
    if turn_over or not before.quiet:
        _wake(state, rules, effects)
    if not _counts(state, rules) or now < _due_s(state, rules):
        return state
    effects.append(f.IdleTimedOut(state.quiet_s))
    return replace(state, nudged=True)


def _counts(state: State, rules: Rules) -> bool:
    return state.quiet and not state.nudged and rules.server_vad and rules.idle_timeout_s is not None


def _due_s(state: State, rules: Rules) -> float:
    return state.quiet_s + (rules.idle_timeout_s or 0.0)


def _wake(state: State, rules: Rules, effects: Effects) -> None:
    if _counts(state, rules):
        effects.append(f.WakeAt(_due_s(state, rules)))
