"""What a caller makes of the server's events: turns and replies, and when the conversation is over. No I/O."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.formats import PCM16_24K
from voicebox.client.playback import Heard, Playback
from voicebox.client.result import TalkResult, TurnResult

__all__ = ["Caller"]

_QUIET_S = 2.0
"""After a recording without speech, a caller listens this long for an answer that should not come."""


class Caller:
    """One caller's state. Times are seconds since the recording began.

    Args:
        audio_s: length of the recording.
        voiced_ends_s: ends of its voiced frames.
        patience_s: how long the caller waits for an answer, and between signs of one.
    """

    def __init__(self, audio_s: float, voiced_ends_s: NDArray[np.float64], patience_s: float) -> None:
        end = float(voiced_ends_s[-1]) if len(voiced_ends_s) else None
        self.result = TalkResult(audio_s, end, PCM16_24K.rate)
        self.ready = False
        self._voiced = voiced_ends_s
        self._patience_s = patience_s
        self._playback = Playback(PCM16_24K.rate)
        self._speaking: set[str] = set()
        self._waiting: TurnResult | None = None
        self._responses: dict[str, TurnResult] = {}
        self._active: set[str] = set()
        self._last_sign_s = 0.0

    def receive(self, message: str | bytes, now_s: float) -> dict[str, Any] | None:
        """Take in an event; returns one to send, or None."""
        event: dict[str, Any] = json.loads(message)
        kind = event.get("type", "")
        if kind == "response.output_audio.delta":
            self._audio(event, now_s)
            return None
        self.result.events.append(event | {"at_s": round(now_s, 4)})
        if kind in ("voicebox.partial", "rate_limits.updated"):
            return None
        self._last_sign_s = now_s
        if kind == "input_audio_buffer.speech_started":
            self._speaking.add(event["item_id"])
            return self._interrupt(now_s)
        self._note(kind, event, now_s)
        return None

    def over(self, now_s: float) -> bool:
        """Whether there is nothing more to wait for."""
        result = self.result
        if now_s < result.audio_s:
            return False
        if now_s > max(result.audio_s, self._last_sign_s) + self._patience_s:
            return True
        if self._active or self._speaking or self._waiting is not None:
            return False
        if result.speech_end_s is None:
            return now_s > result.audio_s + _QUIET_S
        return result.answer is not None

    def _note(self, kind: str, event: dict[str, Any], now_s: float) -> None:
        if kind == "session.updated":
            self.ready = True
        elif kind == "input_audio_buffer.cleared":
            self._speaking.clear()
        elif kind == "input_audio_buffer.committed":
            self._speaking.discard(event["item_id"])
            spoken = self._voiced[self._voiced <= now_s]
            turn = TurnResult(event["item_id"], now_s, float(spoken[-1]) if len(spoken) else None)
            self.result.turns.append(turn)
            self._waiting = turn
        elif kind == "conversation.item.input_audio_transcription.completed":
            for turn in self.result.turns:
                if turn.item_id == event["item_id"]:
                    turn.transcript = event["transcript"]
        elif kind == "response.created":
            self._begin(event["response"]["id"], now_s)
        elif kind == "response.output_audio_transcript.delta":
            self._responses[event["response_id"]].reply += event["delta"]
        elif kind == "response.done":
            response = event["response"]
            self._active.discard(response["id"])
            self._responses[response["id"]].status = response["status"]
        elif kind == "voicebox.turn" and event.get("response_id") in self._responses:
            self._responses[event["response_id"]].record = event
        elif kind == "error":
            self.result.errors.append(event["error"])

    def _begin(self, response_id: str, now_s: float) -> None:
        turn, self._waiting = self._waiting, None
        if turn is None:
            # Unasked: a timer rings, or the server greets.
            turn = TurnResult("", now_s)
            self.result.turns.append(turn)
        turn.response_id = response_id
        self._responses[response_id] = turn
        self._active.add(response_id)

    def _audio(self, event: dict[str, Any], now_s: float) -> None:
        self._last_sign_s = now_s
        turn = self._responses[event["response_id"]]
        if turn.heard is None:
            turn.heard = Heard(event["item_id"])
        self._playback.add(turn.heard, PCM16_24K.decode(base64.b64decode(event["delta"])), now_s)

    def _interrupt(self, now_s: float) -> dict[str, Any] | None:
        stopped = self._playback.stop(now_s)
        if stopped is None:
            return None
        item_id, heard_ms = stopped
        return {
            "type": "conversation.item.truncate",
            "item_id": item_id,
            "content_index": 0,
            "audio_end_ms": heard_ms,
        }
