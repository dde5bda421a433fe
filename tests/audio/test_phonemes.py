from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from voicebox.audio.phonemes import phonemize
from voicebox.errors import EngineError


def test_words_become_phonemes_with_spaces_between_them() -> None:
    (sentence,) = phonemize("ten minutes")
    assert "".join(sentence) == "tˈɛn mˈɪnɪts"


def test_clause_punctuation_is_kept_and_sentences_are_split() -> None:
    sentences = phonemize("Okay, sure. Why?")
    assert [sentence[-1] for sentence in sentences] == [".", "?"]
    assert "," in sentences[0]


@pytest.mark.parametrize("text", ["", "   ", "...", "?!", "\n\t", "\0"])
def test_nothing_to_say_has_no_phonemes(text: str) -> None:
    assert phonemize(text) == []


def test_a_nul_does_not_end_the_text() -> None:
    assert phonemize("one\0two") == phonemize("one two")


def test_a_lone_surrogate_is_survived() -> None:
    assert phonemize("hello \ud800 world")


def test_the_cache_is_not_the_callers_to_change() -> None:
    first = phonemize("milk")
    first[0].clear()
    assert phonemize("milk") != first


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(EngineError, match="no-such-voice"):
        phonemize("hello", "no-such-voice")


def test_endless_text_is_refused() -> None:
    with pytest.raises(EngineError, match="too long"):
        phonemize("a" * 10_000)


def test_threads_with_different_voices_do_not_disturb_each_other() -> None:
    words = [(f"colour number {i}", voice) for i in range(100) for voice in ("en-us", "de")]
    phonemize("warm up")
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda job: phonemize(*job), words))
    from voicebox.audio import phonemes

    phonemes._phonemize.cache_clear()
    assert together == [phonemize(*job) for job in words]
