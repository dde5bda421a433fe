"""The caller's side of the turn machine: a turn opens, pauses, goes on, closes, and is answered or dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from voicebox.conversation import facts as f
from voicebox.conversation.endpoint import Hints, Said, Wait
from voicebox.conversation.overlap import Overlap
from voicebox.conversation.states import Closing, Held, Quiet, Rules, Silent, Speaking, Speech, State
from voicebox.conversation.turn_assistant import duck, go_on, notice, overlapped, stop

__all__ = [
    "asked",
    "cancelled",
    "cleared",
    "committed_by_client",
    "configured",
    "heard",
    "prepared",
    "stirred",
    "time_passed",
    "voice_paused",
    "voice_started",
    "voted",
]

Effects = list[f.Effect]

_STIR_S = 0.05
"""One frame and some: by then it is known whether a frame of voice was the first of more."""
_JUDGED_S = 0.064
"""How long a pause lasts before its sound is judged: most breaks in the voice are consonants, and over by then."""
_FIRST_WORDS_S = 0.8
"""Sounds up to this long that were no words may be the first word of a sentence."""


def voice_started(state: State, at_s: float, now: float, rules: Rules, effects: Effects) -> State:
    """Voice was heard again."""
    match state.caller:
        case Quiet():
            return _open(state, at_s, now, rules, effects)
        case Speech() as speech:
            if speech.paused:
                state = replace(state, habits=state.habits.went_on((at_s - speech.last_voice_s) * 1000))
            state = replace(state, caller=replace(speech, paused=False, last_voice_s=now))
            return duck(state, now, rules, effects)
        case Closing(speech):
            if not rules.server_vad or (speech.spoken and now >= speech.started_s + rules.max_turn_s):
                return state  # the client has said that the turn is over, or it has lasted long enough
            if not speech.spoken:
                deferred = (speech.turn, speech.text)
                state = _give_up(state, state.caller, effects)
                return _open(replace(state, deferred=deferred), at_s, now, rules, effects)
            effects.append(f.Reopen(speech.turn))
            effects.append(f.WakeAt(speech.started_s + rules.max_turn_s))
            habits = state.habits.went_on((at_s - speech.last_voice_s) * 1000)
            return replace(state, caller=replace(speech, paused=False, last_voice_s=now), habits=habits)


def _open(state: State, at_s: float, now: float, rules: Rules, effects: Effects) -> State:
    turn = f"turn_{state.turns + 1}"
    effects += [f.Opened(turn, at_s), f.WakeAt(at_s + rules.max_turn_s)]
    habits = state.habits.opened(at_s)
    over = not isinstance(state.assistant, Silent)
    state = replace(state, caller=Speech(turn, at_s, now, over=over), turns=state.turns + 1, habits=habits)
    return duck(state, now, rules, effects)


def voice_paused(state: State, last_s: float, now: float, rules: Rules, effects: Effects) -> State:
    """Voice stopped."""
    if not isinstance(state.caller, Speech) or state.caller.paused:
        return state
    speech = replace(state.caller, paused=True, pause=state.caller.pause + 1, last_voice_s=last_s, voice=None)
    effects.append(f.Decode(speech.turn, f.Kind.PAUSE, speech.pause))
    if rules.server_vad:
        effects.append(f.WakeAt(_deadline(state, speech, rules)))
        if rules.judged:
            effects.append(f.WakeAt(last_s + _JUDGED_S))
    return replace(state, caller=speech)


def _wait(state: State, speech: Speech, rules: Rules) -> Wait:
    """What the policy makes of the pause that the caller is in."""
    if speech.heard_pause != speech.pause:
        return rules.endpoint.wait(voice=speech.voice, habits=state.habits)
    if not speech.text:
        # A noise must not hold the floor, but the first word of a sentence may be too short to be recognised.
        first = speech.last_voice_s - speech.started_s < _FIRST_WORDS_S and isinstance(state.assistant, Silent)
        return rules.endpoint.wait(hints=Hints(Said.NOTHING if first else Said.UNKNOWN), habits=state.habits)
    return rules.endpoint.wait(
        speech.text, speech.complete, hints=speech.hints, voice=speech.voice, habits=state.habits
    )


def _deadline(state: State, speech: Speech, rules: Rules) -> float:
    return max(speech.held_s, speech.last_voice_s + _wait(state, speech, rules).ms / 1000)


def stirred(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """Voice may be about to begin again: the end of the pause is put off until that is known."""
    speech = state.caller
    if not isinstance(speech, Speech) or not speech.paused or not rules.server_vad:
        return state
    speech = replace(speech, held_s=now + _STIR_S)
    effects.append(f.WakeAt(max(now, _deadline(state, speech, rules))))
    return replace(state, caller=speech)


def voted(state: State, fact: f.Voted, now: float, rules: Rules, effects: Effects) -> State:
    """The turn's sound was judged; a pause that is over wants no verdict any more."""
    speech = state.caller
    if not isinstance(speech, Speech) or (speech.turn, speech.pause, speech.paused) != (fact.turn, fact.pause, True):
        return state
    speech = replace(speech, voice=fact.done)
    if rules.server_vad:
        effects.append(f.WakeAt(max(now, _deadline(state, speech, rules))))
    return replace(state, caller=speech)


def heard(state: State, fact: f.Heard, now: float, rules: Rules, effects: Effects) -> State:
    """A decode of the turn's audio came back."""
    match state.caller:
        case Speech() as speech if speech.turn == fact.turn:
            if fact.kind is f.Kind.PARTIAL:
                if not fact.text:
                    return state
                if not speech.paused or speech.heard_pause < speech.pause:
                    effects.append(f.Speculate(speech.turn, fact.text, aloud=False))
                speech = replace(speech, overlap=_worst(speech.overlap, fact.overlap))
                return overlapped(replace(state, caller=speech), now, rules, effects, partial=True)
            if fact.pause <= speech.heard_pause:
                return state
            current = fact.pause == speech.pause and speech.paused
            speech = replace(
                speech,
                heard_pause=fact.pause,
                text=fact.text,
                complete=fact.complete,
                hints=fact.hints,
                noise=fact.noise,
                overlap=fact.overlap,
            )
            state = overlapped(replace(state, caller=speech), now, rules, effects)
            if isinstance(state.assistant, Held) and fact.noise and current:
                state = go_on(state, now, effects)
            if current:
                if fact.text:
                    effects.append(f.Speculate(speech.turn, fact.text, aloud=True))
                if rules.server_vad:
                    effects.append(f.WakeAt(max(now, _deadline(state, speech, rules))))
            return state
        case Closing(speech, closed_s, None) if speech.turn == fact.turn and fact.kind is not f.Kind.PARTIAL:
            if fact.pause < speech.pause:
                return state
            speech = replace(speech, overlap=fact.overlap, noise=fact.noise)
            if speech.reason not in ("client", "too_long"):
                known = replace(speech, text=fact.text, complete=fact.complete, hints=fact.hints)
                known = replace(known, heard_pause=fact.pause)
                if fact.text and now < (deadline := _deadline(state, known, rules)):
                    # The silence was long, but these words want more of it; nothing was prepared yet.
                    effects += [f.Speculate(speech.turn, fact.text, aloud=True), f.WakeAt(deadline)]
                    return overlapped(replace(state, caller=known), now, rules, effects)
                speech = replace(speech, reason=_wait(state, known, rules).reason)
            state = overlapped(replace(state, caller=speech), now, rules, effects)
            assert isinstance(state.caller, Speech)
            return _settle(state, state.caller, fact.text, closed_s, now, rules, effects)
    return state


def _worst(a: Overlap, b: Overlap) -> Overlap:
    """The graver verdict: more words can turn an echo into an interruption, never back."""
    order = (Overlap.NONE, Overlap.ECHO, Overlap.BACKCHANNEL, Overlap.INTERRUPTION)
    return max(a, b, key=order.index)


def _settle(
    state: State, speech: Speech, text: str, closed_s: float, now: float, rules: Rules, effects: Effects
) -> State:
    """The turn's words are final: prepare its answer, or drop it if it was nothing."""
    over_reply = isinstance(state.assistant, Speaking | Held)
    if not text or speech.noise:
        return _drop(state, speech.turn, "no_speech", now, rules, effects)
    if (over_reply or speech.over) and speech.overlap is Overlap.ECHO:
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
    state = go_on(replace(state, caller=Quiet(), deferred=None), now, effects)
    return state if deferred is None else _prepare_text(state, *deferred, now, rules, effects)


def _close(state: State, speech: Speech, now: float, rules: Rules, effects: Effects) -> State:
    if speech.pause and speech.heard_pause == speech.pause:
        return _settle(state, speech, speech.text, now, now, rules, effects)
    effects.append(f.WakeAt(now + rules.max_prepare_s))
    return replace(state, caller=Closing(speech, now, None))


def committed_by_client(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """The turn is over because the client says so (or has lasted too long)."""
    if not isinstance(state.caller, Speech):
        return state
    speech = replace(state.caller, reason="client" if now < state.caller.started_s + rules.max_turn_s else "too_long")
    if not speech.paused:
        speech = replace(speech, paused=True, pause=speech.pause + 1, last_voice_s=now)
        effects.append(f.Decode(speech.turn, f.Kind.FINAL, speech.pause))
    return _close(replace(state, caller=speech), speech, now, rules, effects)


def cleared(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """The turn's audio is thrown away."""
    match state.caller:
        case Quiet():
            return state
        case Speech(turn) | Closing(Speech(turn)):
            return _drop(state, turn, "cleared", now, rules, effects)


def asked(state: State, turn: str, text: str, now: float, rules: Rules, effects: Effects) -> State:
    """The client wants an answer to words that it has.

    Words that are being said, or are being understood, go first: what comes of them is the answer, and the question is
    taken up only if they come to nothing.
    """
    match state.caller:
        case Speech() if rules.server_vad:
            return replace(state, deferred=(turn, text))
        case Closing(Speech(spoken=True)):
            return replace(state, deferred=(turn, text))
    state = cleared(replace(state, deferred=None), now, rules, effects)
    return _prepare_text(state, turn, text, now, rules, effects)


def _prepare_text(state: State, turn: str, text: str, now: float, rules: Rules, effects: Effects) -> State:
    speech = Speech(turn, now, now, paused=True, text=text, overlap=Overlap.INTERRUPTION, spoken=False)
    effects += [f.Prepare(turn, text), f.WakeAt(now + rules.max_prepare_s)]
    return replace(state, caller=Closing(speech, now, text))


def prepared(state: State, fact: f.Fact, turn: str, now: float, effects: Effects) -> State:
    """The answer is there, or there is none: from here on the turn cannot be reopened."""
    caller = state.caller
    if not isinstance(caller, Closing) or caller.speech.turn != turn or caller.text is None:
        return state
    speech = caller.speech
    state = notice(state, effects)
    effects.append(f.Commit(turn, caller.text, speech.last_voice_s, caller.closed_s, speech.reason))
    habits = state.habits.ended(speech.last_voice_s, now) if speech.spoken else state.habits
    state = replace(state, caller=Quiet(), habits=habits, deferred=None)
    if isinstance(fact, f.ReplyFailed):
        effects.append(f.Fail(turn, fact.reason))
    if isinstance(fact, f.ToolChosen):
        state = stop(state, "replaced", effects)
        effects.append(f.CallTool(turn))
        return state
    if not isinstance(fact, f.ReplyReady):
        return stop(state, "interrupted", effects) if isinstance(state.assistant, Held) else go_on(state, now, effects)
    state = stop(state, "replaced", effects)
    reply = f"reply_{state.replies + 1}"
    effects.append(f.StartReply(reply, turn))
    return replace(state, assistant=Speaking(reply, now), replies=state.replies + 1)


def cancelled(state: State, now: float, effects: Effects) -> State:
    """The client wants no answer, or no more of it."""
    if isinstance(state.caller, Closing) and state.caller.text is not None:
        state = _give_up(state, state.caller, effects)
    return stop(state, "cancelled", effects)


def _give_up(state: State, closing: Closing, effects: Effects) -> State:
    """The turn stays without an answer."""
    speech = closing.speech
    state = notice(state, effects)
    effects += [
        f.Abandon(speech.turn),
        f.Commit(speech.turn, closing.text or "", speech.last_voice_s, closing.closed_s, speech.reason),
    ]
    return replace(state, caller=Quiet())


def configured(state: State, rules: Rules, effects: Effects) -> None:
    """The rules are new: what is due may be due at another time."""
    match state.caller:
        case Speech() as speech:
            effects.append(f.WakeAt(speech.started_s + rules.max_turn_s))
            if speech.paused and rules.server_vad:
                effects.append(f.WakeAt(_deadline(state, speech, rules)))
                if rules.judged and speech.judged_pause != speech.pause:
                    effects.append(f.WakeAt(speech.last_voice_s + _JUDGED_S))
        case Closing(_, closed_s):
            effects.append(f.WakeAt(closed_s + rules.max_prepare_s))


def _to_be_judged(speech: Speech, now: float, rules: Rules) -> bool:
    asked = speech.judged_pause == speech.pause
    return rules.judged and rules.server_vad and speech.paused and not asked and now >= speech.last_voice_s + _JUDGED_S


def time_passed(state: State, now: float, rules: Rules, effects: Effects) -> State:
    """What is due by now: the end of a pause, of a turn that lasts too long, of an answer that does not come."""
    match state.caller:
        case Speech() as speech if now >= speech.started_s + rules.max_turn_s:
            return committed_by_client(state, now, rules, effects)
        case Speech() as speech if rules.server_vad and speech.paused and now >= _deadline(state, speech, rules):
            speech = replace(speech, reason=_wait(state, speech, rules).reason)
            return _close(state, speech, now, rules, effects)
        case Speech() as speech if _to_be_judged(speech, now, rules):
            effects.append(f.Judge(speech.turn, speech.pause))
            return replace(state, caller=replace(speech, judged_pause=speech.pause))
        case Closing(speech, closed_s) if now >= closed_s + rules.max_prepare_s:
            if state.caller.text is None:
                return _drop(state, speech.turn, "no_speech", now, rules, effects)
            effects.append(f.Abandon(speech.turn))
            return prepared(state, f.ReplyFailed(speech.turn, "no answer in time"), speech.turn, now, effects)
    return state
