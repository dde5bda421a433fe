import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.stt.stream import PreRoll, Utterance, normalize, partial_interval_s

WORDS = st.lists(st.sampled_from(["set", "a", "timer", "for", "ten", "minutes", "Okay,", "don't"]), max_size=8)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Can I get a large latte?", "can i get a large latte"),
        ("  Don't, stop!  ", "don't stop"),
        ("'quoted' words", "quoted words"),
        ("snake_case - dash", "snake case dash"),
        ("", ""),
    ],
)
def test_normalize_keeps_words_alone(text: str, plain: str) -> None:
    assert normalize(text) == plain


@given(st.text(max_size=40))
def test_normalize_is_idempotent(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@given(WORDS, WORDS)
def test_stable_part_is_a_prefix_of_both_hypotheses(first: list[str], second: list[str]) -> None:
    utterance = Utterance()
    assert utterance.agree(" ".join(first)) == ""
    stable = utterance.agree(" ".join(second)).split()
    assert second[: len(stable)] == stable
    assert [normalize(w) for w in first[: len(stable)]] == [normalize(w) for w in stable]
    if len(stable) < min(len(first), len(second)):
        assert normalize(first[len(stable)]) != normalize(second[len(stable)])


@given(st.lists(st.integers(0, 50_000), max_size=8))
def test_utterance_holds_all_audio_in_order(lengths: list[int]) -> None:
    utterance, parts, start = Utterance(), [], 0
    for length in lengths:
        part = np.arange(start, start + length, dtype=np.float32)
        start += length
        parts.append(part)
        utterance.append(part)
    assert utterance.duration_s == start / 16_000
    assert np.array_equal(utterance.audio(), np.concatenate([*parts, np.zeros(0, np.float32)]))


def test_audio_handed_out_does_not_change_when_more_comes() -> None:
    utterance = Utterance()
    utterance.append(np.ones(10, np.float32))
    handed = utterance.audio()
    utterance.append(np.zeros(10, np.float32))
    assert handed.tolist() == [1.0] * 10


def test_preroll_keeps_the_last_moments_and_gives_them_once() -> None:
    preroll = PreRoll(seconds=0.064)
    for number in range(5):
        preroll.push(np.full(512, number, np.float32))
    held = preroll.take()
    assert held[::512].tolist() == [3.0, 4.0]
    assert len(preroll.take()) == 0


def test_partials_thin_out_only_above_half_load() -> None:
    intervals = [partial_interval_s(load / 10) for load in range(11)]
    assert intervals[:6] == [0.25] * 6
    assert intervals == sorted(intervals)
    assert intervals[-1] == pytest.approx(1.25)
