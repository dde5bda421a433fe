"""Session events, counted."""

from __future__ import annotations

from voicebox.conversation.events import Interrupted, SessionError, SessionEvent, TierAsked, TurnDropped, TurnRecord
from voicebox.conversation.ports import SessionPort
from voicebox.conversation.speculation import SpeculationAccount
from voicebox.telemetry.metrics import Metrics

__all__ = ["count", "count_session"]


def count(metrics: Metrics, event: SessionEvent) -> None:
    """Count what a session tells its transport."""
    match event:
        case TurnRecord():
            metrics.turn(event.tier, speculated=event.speculated, stages=event.stages)
        case TierAsked():
            tokens = {
                "prompt": event.prompt_tokens - event.cached_tokens,
                "cached": event.cached_tokens,
                "completion": event.completion_tokens,
            }
            metrics.tier(event.tier, event.outcome, first_ms=event.first_ms, tokens=tokens, cost_usd=event.cost_usd)
        case TurnDropped(reason=reason):
            metrics.turn_dropped(reason)
        case Interrupted():
            metrics.interrupted()
        case SessionError(code=code):
            metrics.error(code)
        case _:
            pass


def count_session(metrics: Metrics, session: SessionPort) -> None:
    """Add what an ended session has counted itself."""
    account = getattr(session, "speculation", None)
    if isinstance(account, SpeculationAccount):
        metrics.speculation(made=account.made, used=account.used, wasted=account.wasted, missed=account.missed)
        metrics.waste(tokens=account.wasted_tokens, voice_ms=account.wasted_voice_ms)
