"""Piper speaks, Whisper hears. Both sides are brought to spoken words, so that "$5" and "five dollars" agree."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rapidfuzz.distance import Levenshtein

from voicebox.audio.resample import resample
from voicebox.skills.wording import number_words, ordinal_words
from voicebox.stt.types import SAMPLE_RATE, Clip
from voicebox.stt.whisper import WhisperRecognizer
from voicebox.tts.piper import PiperSynthesizer
from voicebox.tts.speakable import speakable

pytestmark = pytest.mark.models

SENTENCES = (
    ("It costs $5.50.", "It costs five dollars and fifty cents."),
    ("Dr. Smith sees you on March 5, 2024.", "Doctor Smith sees you on March fifth, twenty twenty four."),
    ("The train leaves at 10:30 a.m. from platform 3.", "The train leaves at ten thirty AM from platform three."),
    ("My number is 555-123-4567.", "My number is five five five, one two three, four five six seven."),
    ("That is 12.5% of 2,400.", "That is twelve point five percent of two thousand four hundred."),
    ("It is 72°F outside.", "It is seventy two degrees Fahrenheit outside."),
    ("Drive 5–10 km at 60 mph.", "Drive five to ten kilometers at sixty miles per hour."),
    ("Henry VIII was born in 1491.", "Henry the eighth was born in fourteen ninety one."),
    ("Please visit www.example.org for details.", "Please visit example dot org for details."),
    ("Use 1 1/2 cups of milk and 2 tbsp of sugar.", "Use one and a half cups of milk and two tablespoons of sugar."),
    (
        "Add 250 ml of water, approx. 2 min. later.",
        "Add two hundred fifty milliliters of water, approximately two minutes later.",
    ),
    ("World War II ended in 1945.", "World War two ended in nineteen forty five."),
    ("He lives on 221 Baker St. in London.", "He lives on two hundred twenty one Baker Street in London."),
    (
        "The parcel weighs 2.5 kg and costs £3.20.",
        "The parcel weighs two point five kilograms and costs three pounds and twenty pence.",
    ),
)


def spoken_words(text: str) -> list[str]:
    """The words of a text as they are spoken: numbers in words, without case and punctuation."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", speakable(text).replace("%", " percent"))
    text = re.sub(r"\d+(?:-\d+)+", lambda m: " ".join(m[0].replace("-", "")), text)
    # Telephone numbers, however the recogniser groups them.
    text = re.sub(r"\d{7,}", lambda m: " ".join(m[0]), text)
    text = re.sub(r"(?<=\d)\.(?=\d)", " point ", text)
    text = re.sub(r"(\d+)(?:st|nd|rd|th)\b", lambda m: ordinal_words(int(m[1])), text)
    text = re.sub(r"\d+", lambda m: f" {number_words(int(m[0]))} ", text)
    return re.findall(r"[a-z]+", text.replace("'", "").lower())


def errors(said: str, heard: str) -> tuple[int, int]:
    """Wrong words, and words that were said."""
    wanted = spoken_words(said)
    return Levenshtein.distance(wanted, spoken_words(heard)), len(wanted)


@pytest.fixture(scope="module")
def voice(require_model: Callable[[str], Path]) -> PiperSynthesizer:
    return PiperSynthesizer(require_model("piper-en_US-joe-medium"))


@pytest.fixture(scope="module")
def hear(require_model: Callable[[str], Path], voice: PiperSynthesizer) -> Callable[[str, float], str]:
    recognizer = WhisperRecognizer(require_model("whisper-base"), "whisper-base", threads=1, language="en")

    def listen(text: str, speed: float = 1.0) -> str:
        spoken = voice.synthesize(text, speed=speed)
        return recognizer.decode([Clip(resample(spoken.audio, spoken.rate, SAMPLE_RATE))])[0].text

    return listen


def test_what_is_heard_is_what_a_person_would_say(hear: Callable[[str, float], str]) -> None:
    heard = {written: hear(written, 1.0) for written, _ in SENTENCES}
    wrong, words = zip(*(errors(said, heard[written]) for written, said in SENTENCES), strict=True)
    assert 1 - sum(wrong) / sum(words) >= 0.88, heard


@pytest.mark.parametrize("speed", [0.75, 1.25, 1.5])
def test_other_rates_are_understood(hear: Callable[[str, float], str], speed: float) -> None:
    texts = ("Please turn on the kitchen light.", "Your timer has ten minutes left.", "It will rain in the evening.")
    heard = {text: hear(text, speed) for text in texts}
    wrong, words = zip(*(errors(text, heard[text]) for text in texts), strict=True)
    assert 1 - sum(wrong) / sum(words) >= 0.85, heard
