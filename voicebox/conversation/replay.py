"""Run the turn machine over a recorded conversation, and see whether it does the same again."""

from __future__ import annotations

import json
from dataclasses import dataclass

from voicebox.conversation import facts as f
from voicebox.conversation.codec import encode_tagged
from voicebox.conversation.log import End, Log, LogError, NewRules, Step
from voicebox.conversation.states import Rules, State
from voicebox.conversation.turn import step

__all__ = ["Difference", "Replay", "replay"]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first step (of the log's `line`) at which the machine ordered something else than when it was recorded."""

    line: int
    at_s: float
    fact: f.Fact
    recorded: tuple[f.Effect, ...]
    replayed: tuple[f.Effect, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it; `state` is the machine's at the end, or before the step that differs."""

    steps: int
    effects: int
    seconds: float
    state: State
    difference: Difference | None


def replay(log: Log) -> Replay:
    """Give the machine the log's facts, at their times and under their rules.

    Raises:
        LogError: a fact comes before any rules, after the end, or earlier than the one before it.
    """
    state, rules, now, steps, effects, ended = State(), None, 0.0, 0, 0, False
    for line, entry in log.entries:
        if ended:
            raise LogError(f"Line {line}: the session had ended before")
        if not entry.at_s >= now:
            raise LogError(f"Line {line}: its time, {entry.at_s} s, is earlier than that of the line before")
        now = entry.at_s
        match entry:
            case NewRules():
                rules = entry.rules
            case Step(at_s, fact, recorded):
                after, replayed = step(state, fact, at_s, _known(rules, line))
                if _written(replayed) != _written(recorded):
                    return Replay(steps, effects, now, state, Difference(line, at_s, fact, recorded, replayed))
                state, steps, effects = after, steps + 1, effects + len(replayed)
            case End():
                ended = True
    return Replay(steps, effects, now, state, None)


def _written(effects: tuple[f.Effect, ...]) -> str:
    """As they are in the log: there NaN equals NaN."""
    return json.dumps([encode_tagged(effect) for effect in effects])


def _known(rules: Rules | None, line: int) -> Rules:
    if rules is None:
        raise LogError(f"Line {line}: a fact before any rules")
    return rules
