from __future__ import annotations

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
