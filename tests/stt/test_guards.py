from __future__ import annotations

import pytest

from voicebox.stt.guards import is_noise, is_phantom
from voicebox.stt.tuning import Tuning

TUNING = Tuning()


@pytest.mark.parametrize(
    "text",
    ["Thank you.", "Thanks for watching!", "Bye. Bye bye.", "Thank you very much. Please subscribe.", "you"],
)
def test_phrases_that_whisper_invents(text: str) -> None:
    assert is_phantom(text)


@pytest.mark.parametrize("text", ["", "Thank you, Anna.", "Say bye to them.", "What are you doing?", "Subscribe me."])
def test_other_texts_are_no_phantoms(text: str) -> None:
    assert not is_phantom(text)


def _noise(text: str, avg_logprob: float, no_speech_prob: float, *, prompted: bool = False) -> bool:
    return is_noise(text, avg_logprob, no_speech_prob, TUNING, prompted=prompted)


def test_one_sign_alone_is_not_enough() -> None:
    assert not _noise("turn it off", -0.9, 0.05)
    assert not _noise("turn it off", -0.2, 0.95)
    assert _noise("turn it off", -0.9, 0.95)


def test_a_prompt_makes_it_stricter() -> None:
    assert not _noise("a latte", -0.9, 0.4)
    assert _noise("a latte", -0.9, 0.4, prompted=True)


def test_a_phantom_is_thrown_away_however_sure_it_is_of_its_words() -> None:
    assert _noise("Thank you.", -0.1, 0.6)
    assert not _noise("Thank you.", -0.1, 0.1)


def test_a_text_that_is_hardly_likely_needs_less() -> None:
    assert _noise("turn it off", -1.5, 0.3)
    assert not _noise("turn it off", -1.2, 0.3)


@pytest.mark.parametrize("text", ["", "...", " ♪ "])
def test_what_has_no_letter_is_noise(text: str) -> None:
    assert _noise(text, 0.0, 0.0)
