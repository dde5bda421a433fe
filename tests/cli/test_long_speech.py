"""More speech than Whisper takes at a time, through the live path in virtual time, with the real engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli.test_listening import OrderModel
from voicebox.cli.listening import Listener, Session
from voicebox.conversation.endpoint import EndpointPolicy
from voicebox.conversation.states import Rules
from voicebox.routing.reflex import Reflex
from voicebox.skills.registry import default_registry
from voicebox.skills.state import Household
from voicebox.stt.lexicon import Lexicon
from voicebox.stt.stream import normalize
from voicebox.stt.types import SAMPLE_RATE, Audio, Clip, Hypothesis
from voicebox.stt.wer import word_errors
from voicebox.stt.whisper import WhisperRecognizer
from voicebox.vad.silero import SileroVad

pytestmark = pytest.mark.models
Say = Callable[[str], NDArray[np.float32]]

STORY = [
    "My brother bought a new house near the river.",
    "The weather was cold and wet all winter.",
    "We had dinner with our friends last night.",
    "The children are playing football in the park.",
    "She reads two books every month.",
    "Our train leaves at seven in the morning.",
    "The doctor told him to rest for a week.",
    "There is a small shop behind the church.",
    "I forgot my umbrella at the office again.",
    "They want to paint the kitchen yellow.",
    "The old man walks his dog before breakfast.",
    "Nobody knew the answer to her question.",
    "We planted apple trees behind the barn.",
    "The museum is closed on Mondays.",
    "He plays the guitar in a band.",
    "The coffee in this place is terrible.",
    "My sister lives on the third floor.",
    "Please bring some bread and butter home.",
]


class Watched:
    """The real recogniser; keeps how long its clips were."""

    name = "watched"

    def __init__(self, recognizer: WhisperRecognizer) -> None:
        self._recognizer = recognizer
        self.lengths: list[float] = []

    def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        self.lengths += [len(clip.audio) / SAMPLE_RATE for clip in clips]
        return self._recognizer.decode(clips)


@pytest.fixture(scope="module")
def whisper(require_model: Callable[[str], Path]) -> WhisperRecognizer:
    return WhisperRecognizer(require_model("whisper-tiny.en"), "whisper-tiny.en", device="cpu")


def told(say: Say, gaps_s: Sequence[float]) -> Audio:
    """The story, with these silences after its sentences, in turn."""
    pieces: list[Audio] = []
    for at, sentence in enumerate(STORY):
        pieces += [say(sentence), np.zeros(round(gaps_s[at % len(gaps_s)] * SAMPLE_RATE), np.float32)]
    return np.concatenate(pieces)


async def hear(recognizer: Watched, audio: Audio) -> Session:
    """The recording as one turn: the assistant waits two seconds before it takes it."""
    registry = default_registry(Household())
    reflex = Reflex(registry, OrderModel(), Lexicon.of(registry.intents()))
    rules = Rules(endpoint=EndpointPolicy(fixed_ms=2_000))
    return await Listener(SileroVad(), recognizer, reflex, bias=False, rules=rules).hear(audio)


@pytest.mark.parametrize("gaps_s", [(0.0,), (0.1, 0.8, 0.5, 1.5)])
async def test_a_minute_of_speech_is_one_turn_without_lost_or_doubled_words(
    whisper: WhisperRecognizer, say: Say, gaps_s: Sequence[float]
) -> None:
    audio = told(say, gaps_s)
    assert 35 < len(audio) / SAMPLE_RATE < 75
    recognizer = Watched(whisper)
    session = await hear(recognizer, audio)
    assert len(session.turns) == 1
    errors = word_errors(" ".join(STORY), session.text)
    assert errors.rate < 0.05, session.text
    assert abs(len(normalize(session.text).split()) - errors.words) <= 4
    assert max(recognizer.lengths) < 27, "Whisper's window is never split"
    # Whatever is said, a second of it is decoded only a few times.
    assert sum(recognizer.lengths) < 15 * len(audio) / SAMPLE_RATE


async def test_a_long_silence_inside_a_turn_is_neither_decoded_nor_heard_as_words(
    whisper: WhisperRecognizer, say: Say
) -> None:
    before, after = "Please write this down for me.", "And then send it to my brother."
    silence = np.zeros(40 * SAMPLE_RATE, np.float32)
    recognizer = Watched(whisper)
    registry = default_registry(Household())
    reflex = Reflex(registry, OrderModel(), Lexicon.of(registry.intents()))
    rules = Rules(endpoint=EndpointPolicy(fixed_ms=60_000, max_ms=60_000))
    listener = Listener(SileroVad(), recognizer, reflex, bias=False, rules=rules, tail_s=61.0)
    session = await listener.hear(np.concatenate((say(before), silence, say(after))))
    assert [normalize(turn.text) for turn in session.turns] == [normalize(f"{before} {after}")]
    assert max(recognizer.lengths) < 5
