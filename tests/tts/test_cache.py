from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.tts.cache import PhraseCache
from voicebox.tts.types import SpokenPhrase


def _spoken(text: str, samples: int = 100) -> SpokenPhrase:
    return SpokenPhrase(text, np.zeros(samples, np.float32), 22_050, (), 12.0)


def test_a_hit_is_marked_and_costs_nothing() -> None:
    cache = PhraseCache(10_000)
    cache.put("joe", _spoken("Sure."))
    hit = cache.get("joe", "  Sure. ")
    assert hit is not None
    assert (hit.cached, hit.synthesis_ms, hit.text) == (True, 0.0, "Sure.")


def test_voices_and_spelling_differ() -> None:
    cache = PhraseCache(10_000)
    cache.put("joe", _spoken("Sure."))
    assert cache.get("amy", "Sure.") is None
    assert cache.get("joe", "Sure?") is None


def test_speaker_and_rate_differ_too() -> None:
    cache = PhraseCache(10_000)
    cache.put(("libritts", 42, 1.0), _spoken("Sure."))
    assert cache.get(("libritts", 42, 1.0), "Sure.") is not None
    for other in (("libritts", 41, 1.0), ("libritts", 42, 1.1), ("vctk", 42, 1.0)):
        assert cache.get(other, "Sure.") is None


def test_a_phrase_that_comes_again_is_counted_once() -> None:
    cache = PhraseCache(10_000)
    for samples in (100, 500, 50):
        cache.put("joe", _spoken("Sure.", samples))
    alone = PhraseCache(10_000)
    alone.put("joe", _spoken("Sure.", 50))
    assert (len(cache), cache.bytes) == (1, alone.bytes)


def test_many_threads_leave_it_whole() -> None:
    cache = PhraseCache(20 * (400 + 512))

    def use(number: int) -> None:
        for i in range(300):
            text = f"{(number * 7 + i) % 40}"
            hit = cache.get("joe", text)
            if hit is None:
                cache.put("joe", _spoken(text))
            else:
                assert hit.text == text

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    kept = [text for text in map(str, range(40)) if cache.get("joe", text) is not None]
    assert len(kept) == len(cache) == 20
    assert cache.bytes == 20 * (400 + 512)


def test_what_was_not_used_for_longest_goes() -> None:
    cache = PhraseCache(3 * (400 + 512))
    for text in "abc":
        cache.put("joe", _spoken(text))
    assert cache.get("joe", "a") is not None
    cache.put("joe", _spoken("d"))
    assert [text for text in "abcd" if cache.get("joe", text)] == ["a", "c", "d"]


def test_what_is_too_large_is_not_kept_and_throws_nothing_out() -> None:
    cache = PhraseCache(2_000)
    cache.put("joe", _spoken("small"))
    cache.put("joe", _spoken("large", 10_000))
    assert cache.get("joe", "large") is None
    assert cache.get("joe", "small") is not None


def test_audio_that_is_shared_cannot_be_changed() -> None:
    cache = PhraseCache(10_000)
    spoken = _spoken("Sure.")
    cache.put("joe", spoken)
    with pytest.raises(ValueError, match="read-only"):
        spoken.audio[0] = 1.0


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 500)), max_size=50), st.integers(0, 4_000))
def test_bytes_stay_bounded(puts: list[tuple[str, int]], limit: int) -> None:
    cache = PhraseCache(limit)
    for text, samples in puts:
        cache.put("joe", _spoken(text, samples))
        assert 0 <= cache.bytes <= limit
        kept = [t for t in "abcdefgh" if cache.get("joe", t) is not None]
        assert len(kept) == len(cache)
        assert (cache.bytes == 0) == (not kept)
