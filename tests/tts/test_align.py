from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicebox.tts.align import place_words
from voicebox.tts.types import SpokenWord


def _even(phonemes: str, step: int = 10) -> list[int]:
    return [step * (i + 1) for i in range(len(phonemes))]


def test_words_take_the_samples_of_their_phonemes() -> None:
    spoken = "tɛn mɪnɪts."
    words = place_words([("ten", "tɛn"), ("minutes.", "mɪnɪts.")], spoken, _even(spoken))
    assert words == (SpokenWord("ten", 0, 30), SpokenWord("minutes.", 40, 100))


def test_a_word_that_sounds_different_in_its_sentence_keeps_its_place() -> None:
    spoken = "ɐ bˈɪɡ haʊs"
    words = place_words([("a", "ˈeɪ"), ("big", "bˈɪɡ"), ("house", "hˈaʊs")], spoken, _even(spoken))
    assert [(w.start, w.end) for w in words] == [(0, 10), (20, 60), (70, 110)]


def test_words_that_were_drawn_together_are_told_apart() -> None:
    spoken = "ʌvðə kæt"
    words = place_words([("of", "ʌv"), ("the", "ðə"), ("cat", "kæt")], spoken, _even(spoken))
    assert [(w.start, w.end) for w in words] == [(0, 20), (20, 40), (50, 80)]


def test_a_length_mark_belongs_to_its_vowel() -> None:
    spoken = "tuː kæt"
    words = place_words([("two", "tuː"), ("cat", "kæt")], spoken, _even(spoken))
    assert words[0].end == 30


def test_a_word_without_sound_takes_no_samples() -> None:
    spoken = "wʌn tuː"
    words = place_words([("—", ""), ("one", "wʌn"), ("—", ""), ("two", "tuː"), ("!", "!")], spoken, _even(spoken))
    assert [(w.text, w.end - w.start) for w in words if w.end == w.start] == [("—", 0), ("—", 0), ("!", 0)]
    assert words[1] == SpokenWord("one", 0, 30)
    assert words[3] == SpokenWord("two", 40, 70)


def test_nothing_to_place() -> None:
    assert place_words([], [], []) == ()
    assert place_words([("…", "")], [], []) == (SpokenWord("…", 0, 0),)
    assert place_words([("one", "wʌn")], [], []) == (SpokenWord("one", 0, 0),)


_PHONEMES = st.text(alphabet="abtdiuː ˈ.,", max_size=8)


@given(st.lists(_PHONEMES, max_size=12), st.text(alphabet="abtdiuː ˈ.,", max_size=60), st.integers(0, 50))
def test_words_ascend_and_never_overlap(alone: list[str], spoken: str, step: int) -> None:
    words = place_words([(str(i), p) for i, p in enumerate(alone)], spoken, _even(spoken, step))
    assert [w.text for w in words] == [str(i) for i in range(len(alone))]
    at = 0
    for word in words:
        assert at <= word.start <= word.end <= step * len(spoken)
        at = word.end


@given(st.lists(st.text(alphabet="abtdiu", min_size=1, max_size=6), min_size=1, max_size=10))
def test_said_as_written_is_placed_exactly(alone: list[str]) -> None:
    spoken = " ".join(alone)
    words = place_words([(p, p) for p in alone], spoken, _even(spoken, 1))
    assert ["".join(spoken[w.start : w.end]) for w in words] == alone
