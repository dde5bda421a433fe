"""What is left of a reply that was broken off: from the word that was cut to its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from voicebox.routing.answer import Piece
    from voicebox.tts.types import SpokenPhrase

__all__ = ["remainder"]

_FADE_S = 0.005


def remainder(pieces: Iterable[Piece], heard_s: float) -> Iterator[Piece]:
    """The pieces of a reply without what was heard in its first `heard_s` seconds of audio.

    The word in which it was broken off is said again unless the greater part of it was heard, as `Playout.heard_text`
    counts. Pieces without audio were taken in at once.
    """
    at = 0.0
    for piece in pieces:
        spoken = piece.spoken
        if spoken is None:
            continue
        rest = _from(spoken, heard_s - at)
        at += spoken.duration_s
        if rest is not None:
            yield replace(piece, text=rest.text, spoken=rest) if rest is not spoken else piece


def _from(spoken: SpokenPhrase, heard_s: float) -> SpokenPhrase | None:
    """A phrase from its first word that was not heard; None if there is none."""
    words = [word for word in spoken.words if (word.start + word.end) / 2 > heard_s * spoken.rate]
    if not spoken.words:
        return spoken if heard_s < spoken.duration_s else None
    if len(words) in (0, len(spoken.words)):
        return spoken if words else None
    start = words[0].start
    audio = spoken.audio[start:].copy()
    fade = min(len(audio), round(_FADE_S * spoken.rate))
    audio[:fade] *= np.linspace(0.0, 1.0, fade, dtype=np.float32)
    moved = tuple(replace(word, start=word.start - start, end=word.end - start) for word in words)
    return replace(spoken, text=" ".join(word.text for word in words), audio=audio, words=moved)
