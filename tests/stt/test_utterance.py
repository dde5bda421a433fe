from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebox.stt.stream import normalize
from voicebox.stt.types import SAMPLE_RATE, Audio
from voicebox.stt.utterance import Said, Stretch, Utterance

WORDS = st.sampled_from("a and one two five ten twelve twenty ninety hundred 5 40 3.5 $5 50% pm minute it's".split())


def ramp(samples: int, start: int = 0) -> Audio:
    return np.arange(start, start + samples, dtype=np.float32)


def silence(seconds: float) -> Audio:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def test_audio_grows_and_what_was_handed_out_stays() -> None:
    utterance = Utterance(pre_roll=ramp(320))
    early = utterance.audio
    for i in range(100):
        utterance.append(ramp(SAMPLE_RATE // 10, 320 + i * SAMPLE_RATE // 10))
    assert np.array_equal(utterance.audio, ramp(320 + 10 * SAMPLE_RATE))
    assert np.array_equal(early, ramp(320))
    assert utterance.duration_s == pytest.approx(10.02)
    with pytest.raises(ValueError, match="read-only"):
        utterance.audio[0] = 1


def test_two_hypotheses_must_agree() -> None:
    utterance = Utterance()
    assert utterance.agree("Set a") == ("", "Set a")
    assert utterance.agree("Set a timer for two") == ("Set a", "Set a timer for two")
    assert utterance.agree("Set a timer for ten minutes") == ("Set a timer for", "Set a timer for ten minutes")
    assert utterance.agree("set a timer, for 10 minutes!") == ("set a timer, for 10 minutes!",) * 2


def test_a_number_in_the_middle_keeps_its_words() -> None:
    utterance = Utterance()
    utterance.agree("a timer for 25 minutes")
    assert utterance.agree("a timer for twenty five minutes in the") == (
        "a timer for twenty five minutes",
        "a timer for twenty five minutes in the",
    )


def test_a_number_that_grows_is_not_stable() -> None:
    utterance = Utterance()
    utterance.agree("a timer for twenty")
    assert utterance.agree("a timer for twenty five")[0] == "a timer for"


def test_what_was_stable_may_be_revised() -> None:
    utterance = Utterance()
    utterance.agree("four candles")
    assert utterance.agree("four candles please")[0] == "four candles"
    assert utterance.agree("fork handles please")[0] == ""


@given(st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=5))
def test_stable_is_always_a_beginning_of_the_text(hypotheses: list[str]) -> None:
    utterance = Utterance()
    last = ""
    for hypothesis in hypotheses:
        stable, text = utterance.agree(hypothesis)
        assert text.startswith(stable)
        assert normalize(last).startswith(normalize(stable))
        last = text


def test_an_empty_hypothesis_agrees_with_nothing() -> None:
    utterance = Utterance()
    utterance.agree("hello")
    assert utterance.agree("") == ("", "")
    assert utterance.agree("hello") == ("", "hello")


def spoken(seconds: float, words: str = "one two") -> tuple[Utterance, Stretch]:
    """An utterance whose first pause was decoded, and what the decode covered."""
    utterance = Utterance()
    utterance.append(silence(seconds))
    stretch = utterance.stretch()
    assert utterance.heard(stretch, words, at_pause=True) == Said(words)
    return utterance, stretch


def test_short_speech_is_decoded_as_a_whole_for_as_long_as_it_lasts() -> None:
    utterance, _ = spoken(3.0)
    utterance.append(silence(2.0))
    utterance.resumed()
    utterance.append(silence(1.0))
    again = utterance.stretch()
    assert (again.start, again.before, again.context) == (0, "", "")
    assert len(again.audio) == 6 * SAMPLE_RATE


def test_a_long_stretch_is_settled_once_the_caller_goes_on() -> None:
    utterance, first = spoken(12.0, "one two")
    utterance.append(silence(1.0))
    assert utterance.stretch().start == 0, "nobody went on yet"
    utterance.resumed(ago_s=0.2)
    assert utterance.settled == "one two"
    rest = utterance.stretch()
    assert rest.start == pytest.approx(12.5 * SAMPLE_RATE), "0.3 s before the voice"
    assert rest.start >= first.end
    assert rest.context == "one two"
    assert utterance.heard(rest, "three four") == Said("one two three four", "one two")
    assert utterance.open_s == pytest.approx(0.5)
    assert utterance.duration_s == pytest.approx(13.0)
    assert len(utterance.audio) == 13 * SAMPLE_RATE, "what judges the sound still has it all"


def test_a_consonant_is_no_place_for_a_cut() -> None:
    utterance, _ = spoken(12.0)
    utterance.append(silence(0.1))
    utterance.resumed()
    assert utterance.settled == ""


def test_a_decode_that_comes_back_after_the_caller_went_on_settles_as_well() -> None:
    utterance = Utterance()
    utterance.append(silence(12.0))
    stretch = utterance.stretch()
    utterance.append(silence(0.5))
    utterance.resumed()
    utterance.append(silence(0.5))
    utterance.heard(stretch, "late words", at_pause=True)
    assert utterance.settled == "late words"
    assert utterance.stretch().before == "late words"


def test_after_a_long_silence_even_short_speech_is_settled() -> None:
    utterance, _ = spoken(2.0, "note to self")
    utterance.append(silence(30.0))
    utterance.resumed(ago_s=0.1)
    assert utterance.settled == "note to self"
    assert utterance.open_s == pytest.approx(0.4), "the silence is not decoded"


def test_noise_before_a_pause_settles_nothing() -> None:
    utterance = Utterance()
    utterance.append(silence(12.0))
    assert utterance.heard(utterance.stretch(), "", at_pause=True) == Said()
    utterance.append(silence(1.0))
    utterance.resumed()
    assert utterance.stretch().start == 0


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    utterance = Utterance()
    loud = np.full(23 * SAMPLE_RATE, 0.5, np.float32)
    loud[20 * SAMPLE_RATE : 20 * SAMPLE_RATE + 8_000] = 0.0
    utterance.append(loud)
    assert not utterance.stretch(partial=True).settles
    utterance.append(np.full(2 * SAMPLE_RATE, 0.5, np.float32))
    head = utterance.stretch(partial=True)
    assert head.settles
    assert 20 * SAMPLE_RATE < head.end < 20.5 * SAMPLE_RATE
    whole = utterance.stretch()
    assert (whole.end, whole.settles) == (25 * SAMPLE_RATE, False), "a pause decodes all that is open"
    assert utterance.heard(head, "the head") == Said()
    assert utterance.settled == "the head"
    rest = utterance.stretch(partial=True)
    assert (rest.start, rest.before, rest.settles) == (head.end, "the head", False)


def test_a_pause_that_was_decoded_meanwhile_keeps_its_words() -> None:
    utterance = Utterance()
    utterance.append(np.full(25 * SAMPLE_RATE, 0.5, np.float32))
    head, whole = utterance.stretch(partial=True), utterance.stretch()
    utterance.heard(head, "the head")
    assert utterance.heard(whole, "the head and more", at_pause=True).text == "the head and more"
    utterance.append(silence(1.0))
    utterance.resumed()
    assert utterance.settled == "the head", "what covers settled audio cannot settle more"


def test_a_decode_that_was_overtaken_says_so() -> None:
    utterance = Utterance()
    utterance.append(silence(1.0))
    early = utterance.stretch()
    utterance.append(silence(1.0))
    assert utterance.heard(utterance.stretch(), "one two") == Said("one two")
    assert utterance.heard(early, "one") == Said("one", newest=False)
    assert utterance.agree("one two three")[0] == "one two", "the late one is not agreed with"


def test_no_more_than_the_last_words_are_context() -> None:
    utterance, _ = spoken(12.0, " ".join(f"w{n}" for n in range(60)))
    utterance.append(silence(1.0))
    utterance.resumed()
    assert utterance.stretch().context.split() == [f"w{n}" for n in range(36, 60)]


STEPS = st.lists(
    st.tuples(st.sampled_from(["speech", "pause", "late", "silence", "resume"]), st.floats(0.05, 8.0)), max_size=60
)


@settings(deadline=None)
@given(STEPS)
def test_stitching_loses_no_audio_and_doubles_none(steps: list[tuple[str, float]]) -> None:
    """Words are the numbers of the seconds that a stretch covers: all that was voiced comes out once, in order.

    Decodes come back at once or later; each second counts as said at its middle.
    """
    utterance, voiced, pending = Utterance(), set[int](), list[tuple[Stretch, bool]]()
    clock = 0

    def words(stretch: Stretch) -> str:
        return " ".join(f"s{n}" for n in sorted(voiced) if stretch.start <= n < stretch.end)

    def grow(seconds: float, voice: bool) -> None:
        nonlocal clock
        samples = round(seconds * SAMPLE_RATE)
        if voice:
            voiced.update(range(clock + 400, clock + samples - 400, 4_000))
        utterance.append(np.full(samples, 0.5 if voice else 0.0, np.float32))
        clock += samples

    paused = False
    for what, seconds in steps:
        match what:
            case "speech":
                if paused:
                    utterance.resumed()
                paused = False
                grow(seconds, True)
                head = utterance.stretch(partial=True)
                utterance.heard(head, words(head))
            case "pause" | "late" if not paused:
                paused = True
                grow(0.032, False)
                stretch = utterance.stretch()
                if what == "late":
                    pending.append((stretch, True))
                else:
                    utterance.heard(stretch, words(stretch), at_pause=True)
            case "silence" if paused:
                grow(seconds, False)
            case "resume":
                for stretch, at_pause in pending:
                    utterance.heard(stretch, words(stretch), at_pause=at_pause)
                pending.clear()
    final = utterance.stretch()
    said = utterance.heard(final, words(final), at_pause=True).text.split()
    assert said == [f"s{n}" for n in sorted(voiced)]


def test_what_is_open_stays_short_however_long_the_speech() -> None:
    utterance, settled = Utterance(), 0
    noise = 0.1 * np.random.default_rng(1).standard_normal(4_000).astype(np.float32)
    for _ in range(480):
        utterance.append(noise)
        stretch = utterance.stretch(partial=True)
        utterance.heard(stretch, "word")
        settled += stretch.settles
        assert utterance.open_s <= 24.25
    assert len(utterance.settled.split()) == settled >= 5
