"""What a caller got: turns, replies and latencies, all on the caller's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.client.playback import Heard

__all__ = ["TalkResult", "TurnResult"]


@dataclass
class TurnResult:
    """One turn of the caller and its reply. Times in seconds from the start of the recording.

    `record` is the server's `voicebox.turn` event (stages, tier, intent, slots), empty for other servers.
    `speech_end_s` is the end of the last voiced frame that the caller had spoken when the turn was committed.
    """

    item_id: str
    committed_s: float
    speech_end_s: float | None = None
    transcript: str | None = None
    response_id: str | None = None
    reply: str = ""
    status: str = ""
    heard: Heard | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def voice_to_voice_ms(self) -> float | None:
        """From the end of the speech to the first audible sample of the reply; None where none was heard."""
        if self.heard is None or self.heard.first_audible_s is None or self.speech_end_s is None:
            return None
        return 1000 * (self.heard.first_audible_s - self.speech_end_s)


@dataclass
class TalkResult:
    """All that came of one recording.

    `speech_end_s` is where the recording's speech ends, None if it has none. `events` are the server's, in order and
    without their audio, each with its arrival as `at_s`.
    """

    audio_s: float
    speech_end_s: float | None
    rate: int
    turns: list[TurnResult] = field(default_factory=list)
    errors: list[Mapping[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    late_ms: float = 0.0
    """How late the sender itself was at worst: a measurement on a starved machine shows here."""

    @property
    def answer(self) -> TurnResult | None:
        """The turn whose reply the caller hears first after the last word; None if there is none."""
        end = self.speech_end_s
        answers = [
            (turn.heard.first_audible_s, at)
            for at, turn in enumerate(self.turns)
            if end is not None
            and turn.item_id
            and turn.heard is not None
            and turn.heard.first_audible_s is not None
            and turn.heard.first_audible_s >= end
        ]
        return self.turns[min(answers)[1]] if answers else None

    @property
    def voice_to_voice_ms(self) -> float | None:
        """From the recording's last voiced frame to the first audible sample of the answer; None without one."""
        answer, end = self.answer, self.speech_end_s
        if answer is None or end is None or answer.heard is None or answer.heard.first_audible_s is None:
            return None
        return 1000 * (answer.heard.first_audible_s - end)

    @property
    def early(self) -> bool:
        """A reply was heard before the caller had finished."""
        return self.speech_end_s is not None and any(
            turn.heard is not None
            and turn.heard.first_audible_s is not None
            and turn.heard.first_audible_s < self.speech_end_s
            for turn in self.turns
        )

    @property
    def lost(self) -> bool:
        """There was speech and it got no audible reply."""
        return self.speech_end_s is not None and not any(
            turn.heard is not None and turn.heard.first_audible_s is not None for turn in self.turns
        )

    @property
    def reply_audio(self) -> NDArray[np.float32]:
        """The replies as heard, one after the other, at `rate` Hz."""
        pieces = [audio for turn in self.turns if turn.heard is not None for _, audio in turn.heard.pieces]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
