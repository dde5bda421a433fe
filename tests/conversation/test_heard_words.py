"""What the account of playout takes for heard, against what is in the audio up to there, by recognition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from voicebox.audio.resample import resample
from voicebox.conversation.playout import Playout, TimedWord
from voicebox.stt.stream import normalize
from voicebox.stt.types import Clip
from voicebox.stt.whisper import WhisperRecognizer
from voicebox.tts.piper import PiperSynthesizer

SENTENCES = (
    "The lighthouse stands on a rock at the end of a narrow bay.",
    "Okay, a large dark roast latte with some almond milk.",
    "Your timer for the pasta has four minutes and ten seconds left.",
    "It is a quarter past seven in the evening in the city of Paris.",
)


@pytest.mark.models
def test_where_a_reply_is_cut_the_account_is_a_word_off_at_most(require_model: Callable[[str], Path]) -> None:
    name = "whisper-tiny.en"
    recognizer = WhisperRecognizer(require_model(name), name)
    voice = PiperSynthesizer(require_model("piper-en_US-joe-medium"))
    off: list[int] = []
    for sentence in SENTENCES:
        spoken = voice.synthesize(sentence)
        playout = Playout("reply")
        words = [TimedWord(word.text, word.start / spoken.rate, word.end / spoken.rate) for word in spoken.words]
        playout.queue(0.0, spoken.duration_s, words)
        for cut_s in np.linspace(0.6, spoken.duration_s, 10):
            audio = resample(spoken.audio[: int(cut_s * spoken.rate)], spoken.rate, 16_000)
            (heard,) = recognizer.decode([Clip(audio)])
            there = normalize(playout.heard_text(cut_s)).split()
            off.append(abs(len(normalize(heard.text).split()) - len(there)))
        assert playout.heard_text(spoken.duration_s) == playout.text
    # The rest are the recogniser's: a word that breaks off in the middle sounds like another, or like two.
    assert np.mean(np.array(off) <= 1) >= 0.85
