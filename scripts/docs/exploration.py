"""All that the turn machine can do, found by giving it every fact in every kind of state."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import Enum
from itertools import product
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from voicebox.conversation import facts as f
from voicebox.conversation.states import Closing, Quiet, Rules, Speaking, Speech, State
from voicebox.conversation.turn import step

__all__ = ["Explored", "Outcome", "explore", "names"]

_SOON_S = 0.001
_TICKS_S = (_SOON_S, 0.3, 3.0, 31.0, 121.0)
"""After so long: nothing is due, a short wait, a long one, an answer that does not come, a turn that lasts too long."""


class Outcome(NamedTuple):
    """Where a fact led, and the names of the effects in order, wake-ups left out."""

    caller: str
    assistant: str
    effects: tuple[str, ...]


@dataclass
class Explored:
    """What was found. States are named by their sides; `together` are pairs of sides that occur."""

    steps: int = 0
    kinds: set[Hashable] = field(default_factory=set)
    outcomes: dict[tuple[str, str, str], set[Outcome]] = field(default_factory=dict)
    callers: list[str] = field(default_factory=list)
    assistants: list[str] = field(default_factory=list)
    together: set[tuple[str, str]] = field(default_factory=set)
    facts: list[str] = field(default_factory=lambda: [kind.__name__ for kind in get_args(f.Fact)])


def explore(rules: Rules) -> Explored:
    """Try everything from the first state on, under these rules."""
    found = Explored()
    waiting = deque([(State(), 1.0)])
    _meet(found, State())
    while waiting:
        state, now = waiting.popleft()
        before = names(state)
        for fact, after_s in _facts(state, now):
            following, effects = step(state, fact, now + after_s, rules)
            found.steps += 1
            caller, assistant = names(following)
            ordered = tuple(type(effect).__name__ for effect in effects if not isinstance(effect, f.WakeAt))
            if ordered or (caller, assistant) != before:
                key = (*before, type(fact).__name__)
                found.outcomes.setdefault(key, set()).add(Outcome(caller, assistant, ordered))
            if _meet(found, following):
                waiting.append((following, now + after_s))
    return found


def _meet(found: Explored, state: State) -> bool:
    """Note a state; whether it is of a kind that was not seen before.

    What waits to be said is combined with the names of states only, not with all their details.
    """
    caller, assistant = names(state)
    found.together.add((caller, assistant))
    if caller not in found.callers:
        found.callers.append(caller)
    if assistant not in found.assistants:
        found.assistants.append(assistant)
    details = (_kind(state.caller), _kind(state.assistant))
    waits = (caller, assistant, bool(state.waiting), state.deferred is not None, state.nudged)
    new = not {details, waits} <= found.kinds
    found.kinds |= {details, waits}
    return new


def names(state: State) -> tuple[str, str]:
    """The state's two sides in words."""
    match state.caller:
        case Quiet():
            caller = "Quiet"
        case Speech(paused=paused):
            caller = "Speech, in a pause" if paused else "Speech"
        case Closing(text=text):
            caller = "Closing, words awaited" if text is None else "Closing, answer awaited"
    assistant = type(state.assistant).__name__
    if isinstance(state.assistant, Speaking) and state.assistant.ducked_s is not None:
        assistant += ", ducked"
    return caller, assistant


_DETAILS = {"voice", "reason", "hints"}
"""What a turn's end is judged by, beside completeness: it moves the same deadline."""


def _kind(value: Any, name: str = "") -> Hashable:
    """One side of a state without times, numbers and names."""
    if isinstance(value, Speech):
        return ("decoded" if value.heard_pause == value.pause else "undecoded", *_fields(value))
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value).__name__, *_fields(value))
    if name == "complete" and value is not None:
        return bool(value >= 0.5)
    if isinstance(value, bool | Enum) or value is None:
        return value
    return bool(value) if isinstance(value, str) else type(value).__name__


def _fields(value: Any) -> Iterator[Hashable]:
    return (_kind(getattr(value, each.name), each.name) for each in fields(value) if each.name not in _DETAILS)


def _facts(state: State, now: float) -> Iterator[tuple[f.Fact, float]]:
    """Every fact with every choice of its contents, and after how many seconds it comes."""
    for kind in get_args(f.Fact):
        if kind is f.Tick:
            yield from ((f.Tick(), seconds) for seconds in _TICKS_S)
            continue
        hints = get_type_hints(kind)
        choices = [_choices(each.name, hints[each.name], state, now) for each in fields(kind) if _is_chosen(each)]
        chosen = [each.name for each in fields(kind) if _is_chosen(each)]
        for values in product(*choices):
            fact = kind(**dict(zip(chosen, values, strict=True)))
            if not isinstance(fact, f.Heard):
                yield fact, _SOON_S
            elif fact.noise == (not fact.text):
                yield fact, _SOON_S
                if fact.kind is f.Kind.PAUSE:
                    yield fact, 0.3  # The words may come when the silence was long enough for them.


def _is_chosen(each: Any) -> bool:
    """Whether a field's contents matter here: details that are dataclasses keep their defaults."""
    return each.default_factory is MISSING


def _choices(name: str, kind: Any, state: State, now: float) -> list[Any]:
    """The contents of a field of a fact that make a difference."""
    if name == "turn":
        return [_turn(state)]
    if name == "reply":
        return [getattr(state.assistant, "reply", "reply_0")]
    if name == "pause":
        speech = _speech(state)
        return [speech.pause if speech is not None else 1]
    if name == "text":
        return ["", "words"]
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)
    if kind is bool:
        return [False, True]
    if name.endswith("_s"):
        return [now + 2.0 if name == "ends_s" else now]
    if float in (kind, *get_args(kind)):
        return [0.0, 1.0]
    return ["" if kind is str else 0]


def _speech(state: State) -> Speech | None:
    match state.caller:
        case Speech() as speech:
            return speech
        case Closing(speech):
            return speech
    return None


def _turn(state: State) -> str:
    speech = _speech(state)
    return speech.turn if speech else "turn_0"
