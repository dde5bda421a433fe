"""Where each millisecond of a turn went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from voicebox.conversation.events import TurnRecord

if TYPE_CHECKING:
    from voicebox.routing.answer import Answer

__all__ = ["Marks", "moments", "stages", "turn_record"]


@dataclass(frozen=True, slots=True)
class Marks:
    """Moments of one turn, in seconds on one clock; None if they were never reached.

    `asked_s` and `text_s` are of the decode that gave the final text. `heard_s` is when the first audio begins to be
    played, as far as is known when it is sent. `endpoint` is why the turn was taken to be over; `guesses` and `wasted`
    count answers that were begun on a guess.
    """

    last_voice_s: float
    closed_s: float
    asked_s: float | None = None
    text_s: float | None = None
    decided_s: float | None = None
    first_text_s: float | None = None
    ready_s: float | None = None
    sent_s: float | None = None
    heard_s: float | None = None
    endpoint: str = ""
    guesses: int = 0
    wasted: int = 0


def stages(marks: Marks) -> dict[str, float]:
    """The stages that add up to `total_ms`, from the last voiced frame to the first audio sent.

    What was ready before the end of the turn costs nothing: its stage is 0.
    """
    at = marks.closed_s
    result = {"endpoint_ms": _ms(at - marks.last_voice_s)}
    for name, moment in (
        ("stt_ms", marks.text_s),
        ("decision_ms", marks.decided_s),
        ("first_text_ms", marks.first_text_s),
        ("tts_first_ms", marks.ready_s),
        ("send_ms", marks.sent_s),
    ):
        reached = at if moment is None else max(at, moment)
        result[name] = _ms(reached - at)
        at = reached
    result["total_ms"] = _ms(at - marks.last_voice_s)
    return result


def moments(marks: Marks) -> dict[str, float]:
    """When things happened, in ms after the last voiced frame (negative: before it), in the order of a turn."""
    known = (
        ("decode_ms", marks.asked_s),
        ("text_ms", marks.text_s),
        ("decided_ms", marks.decided_s),
        ("first_text_ms", marks.first_text_s),
        ("ready_ms", marks.ready_s),
        ("closed_ms", marks.closed_s),
        ("sent_ms", marks.sent_s),
        ("heard_ms", marks.heard_s),
    )
    return {name: round(1000 * (at - marks.last_voice_s), 1) for name, at in known if at is not None}


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 1)


def turn_record(
    turn: str, reply: str, reply_text: str, answer: Answer, marks: Marks, session_time: Callable[[float], float]
) -> TurnRecord:
    """The record of a turn whose first audio was just sent.

    `session_time` turns the answer's monotonic times into the session time of `marks`.
    """
    understanding, plan = answer.understanding, answer.plan

    def at(moment: float | None) -> float | None:
        return None if moment is None else session_time(moment)

    text_s = answer.first_text_s if answer.filler_s is None else answer.filler_s
    full = replace(marks, decided_s=at(answer.decided_s), first_text_s=at(text_s), ready_s=at(answer.ready_s))
    return TurnRecord(
        turn=turn,
        reply=reply,
        transcript=understanding.text,
        intent=understanding.intent,
        slots={name: slot.value for name, slot in understanding.slots.items()},
        confidence=understanding.confidence,
        tier=answer.decision.tier,
        reasons=answer.decision.reasons,
        speculated=answer.guessed,
        reply_text=reply_text,
        stages=stages(full),
        endpoint=marks.endpoint,
        moments=moments(full),
        guesses=marks.guesses,
        wasted=marks.wasted,
        cost=None if answer.decision.remote else 0.0,
        filler=answer.fillers[0] if answer.fillers else "",
        data=dict(plan.data) if plan is not None else {},
    )
