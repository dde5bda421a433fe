"""Recordings heard in virtual time, by a loudness detector and a recogniser that reads levels, without engines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.cli.listening import Listener, Session
from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.routing.reflex import Reflex
from voicebox.skills.registry import default_registry
from voicebox.skills.state import Household
from voicebox.stt.lexicon import Lexicon
from voicebox.stt.types import Audio, Clip, Hypothesis
from voicebox.vad.types import VadStream

RATE = 16_000


class LoudnessVad:
    """Loud frames are speech."""

    def stream(self) -> LoudnessVad:
        return self

    def probability(self, frame: NDArray[np.float32]) -> float:
        return float(np.abs(frame).max() > 0.01)

    def probabilities(self, streams: list[VadStream], frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array([self.probability(frame) for frame in frames], np.float32)

    def reset(self) -> None:
        pass


class ReadingRecognizer:
    """Says the words whose levels it hears: a burst of level 0.1 is the first, of 0.2 the second, and so on."""

    name = "reading"

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.prompts: list[str] = []

    def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        self.prompts += [clip.prompt for clip in clips]
        return [self._read(clip.audio) for clip in clips]

    def _read(self, audio: Audio) -> Hypothesis:
        loud = np.abs(audio)
        levels = [level for level in range(1, len(self.words) + 1) if np.isclose(loud, level / 10, atol=2e-3).any()]
        text = " ".join(self.words[level - 1] for level in levels)
        return Hypothesis(text, -0.1, 0.0, "en", len(audio) / RATE, 1.0, rejected=not text)


class OrderModel:
    """Everything is an order that is complete, unless it ends in "with"."""

    labels = ("coffee.order", OUT_OF_SCOPE)
    threshold = 0.5

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        done: Future[IntentScore] = Future()
        done.set_result(IntentScore((("coffee.order", 0.9), (OUT_OF_SCOPE, 0.1)), 0.9, 0.95, True, 0.1))
        return done

    def release(self, session: str) -> None:
        pass

    def close(self) -> None:
        pass


def burst(level: int, seconds: float = 0.8) -> Audio:
    return np.resize(np.array([level / 10, -level / 10], np.float32), round(seconds * RATE))


def pause(seconds: float) -> Audio:
    return np.zeros(round(seconds * RATE), np.float32)


def hear(recognizer: ReadingRecognizer, *parts: Audio, bias: bool = True) -> Session:
    skills = default_registry(Household())
    reflex = Reflex(skills, OrderModel(), Lexicon.of(skills.intents()))
    listener = Listener(LoudnessVad(), recognizer, reflex, skills=("coffee",), bias=bias)
    return asyncio.run(listener.hear(np.concatenate(parts)))


class Judge:
    """Says how long a turn was, in tenths of seconds, as a share."""

    def probability(self, audio: Audio) -> float:
        return round(len(audio) / RATE / 10, 2)


def test_pauses_are_kept_with_what_was_known_in_them() -> None:
    skills = default_registry(Household())
    reflex = Reflex(skills, OrderModel(), Lexicon.of(skills.intents()))
    recognizer = ReadingRecognizer(["get me a latte with", "soy milk"])
    listener = Listener(
        LoudnessVad(), recognizer, reflex, skills=("coffee",), partials=False, judge=Judge(), tail_s=3.0
    )
    session = asyncio.run(listener.hear(np.concatenate((burst(1, 0.8), pause(0.8), burst(2, 0.8)))))
    first, last = session.pauses
    assert (first.text, last.text) == ("get me a latte with", "get me a latte with soy milk")
    assert first.spoke_s == pytest.approx(0.8, abs=0.05)
    assert first.noticed_s == pytest.approx(first.spoke_s + 0.032, abs=0.001)
    assert first.resumed_s is not None
    assert first.resumed_s - first.spoke_s == pytest.approx(0.8, abs=0.05), "when the first voiced frame was heard"
    assert last.resumed_s is None
    assert (first.hints.said, last.hints.said) == ("extendable", "extendable")
    assert first.done is not None
    assert last.done is not None
    assert first.done < last.done
    assert session.turns[0].reason.endswith("+pace"), "the caller is known to pause by then"
    # Without partials each pause is decoded once, and the first one twice: first without knowing what to expect.
    assert len(recognizer.prompts) == 3
    assert recognizer.prompts[0] == ""
    assert recognizer.prompts[1]


def test_without_a_judge_nothing_is_known_of_the_sound() -> None:
    session = hear(ReadingRecognizer(["get me a large latte"]), burst(1))
    assert [p.done for p in session.pauses] == [None]


def values(session: Session) -> dict[str, object]:
    return {name: slot.value for name, slot in session.request.slots.items()} if session.request else {}


def test_a_recording_is_one_turn() -> None:
    session = hear(ReadingRecognizer(["get me a large latte"]), pause(0.5), burst(1))
    assert session.text == "get me a large latte"
    assert values(session) == {"size": "large", "coffeeDrink": "latte"}
    assert 150 < session.turns[0].endpoint_ms < 400


def test_a_dangling_end_is_waited_for() -> None:
    recognizer = ReadingRecognizer(["get me a latte with", "soy milk"])
    session = hear(recognizer, burst(1), pause(0.8), burst(2))
    assert [turn.text for turn in session.turns] == ["get me a latte with soy milk"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["get me a large", "cappuccino"], {"size": "large", "coffeeDrink": "cappuccino"}),
        (["get me a latte", "with soy milk"], {"coffeeDrink": "latte", "milkAmount": "soy milk"}),
    ],
)
def test_what_is_said_after_the_turn_answers_or_amends_it(words: list[str], wanted: dict[str, str]) -> None:
    session = hear(ReadingRecognizer(words), burst(1), pause(2.0), burst(2))
    assert [turn.text for turn in session.turns] == words
    assert values(session) == wanted


def test_silence_and_what_is_no_speech_are_no_turns() -> None:
    assert hear(ReadingRecognizer(["latte"]), pause(3)).turns == ()
    assert hear(ReadingRecognizer([]), burst(5)).turns == ()


def test_only_decodes_at_pauses_are_told_what_to_expect() -> None:
    recognizer = ReadingRecognizer(["get me a large latte"])
    hear(recognizer, burst(1, 1.5))
    assert recognizer.prompts[0] == ""
    assert recognizer.prompts[-1]
    recognizer = ReadingRecognizer(["get me a large latte"])
    hear(recognizer, burst(1, 1.5), bias=False)
    assert not any(recognizer.prompts)
