"""Session events, counted."""

from __future__ import annotations

from voicebox.conversation.events import Interrupted, SessionError, SessionEvent, TurnDropped, TurnRecord
from voicebox.telemetry.metrics import Metrics

__all__ = ["count"]


def count(metrics: Metrics, event: SessionEvent) -> None:
    """Count what a session tells its transport."""
    match event:
        case TurnRecord():
            metrics.turn(event.tier, speculated=event.speculated, stages=event.stages)
        case TurnDropped(reason=reason):
            metrics.turn_dropped(reason)
        case Interrupted():
            metrics.interrupted()
        case SessionError(code=code):
            metrics.error(code)
        case _:
            pass
