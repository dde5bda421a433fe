from __future__ import annotations

import pytest

from voicebox.errors import ModelError
from voicebox.models.choose import PAUSE_LIMIT_MS, Measured, capacity, choose_stt

MANY = ("multilingual",)


def _choose(base_ms: float, tiny_ms: float, *, cores: int = 2, language: str = "en") -> str:
    candidates = [Measured("base", base_ms, MANY), Measured("tiny.en", tiny_ms)]
    return choose_stt(candidates, cores=cores, language=language).name


def test_the_best_that_keeps_up_is_taken() -> None:
    assert _choose(120, 80) == "base"
    assert _choose(PAUSE_LIMIT_MS, 80) == "base"
    assert _choose(PAUSE_LIMIT_MS + 1, 80) == "tiny.en"


def test_if_none_keeps_up_the_fastest_is_taken() -> None:
    assert _choose(900, 400) == "tiny.en"
    assert _choose(400, 900) == "base"


def test_one_core_takes_the_fastest() -> None:
    assert _choose(100, 50, cores=1) == "tiny.en"


def test_the_language_decides_first() -> None:
    assert _choose(900, 50, language="de") == "base"
    assert _choose(900, 50, language="auto") == "base"


def test_the_only_one_is_taken_however_slow() -> None:
    assert choose_stt([Measured("tiny.en", 900)], cores=4).name == "tiny.en"


@pytest.mark.parametrize(("candidates", "language"), [([], "en"), ([Measured("tiny.en", 50)], "de")])
def test_nothing_fits(candidates: list[Measured], language: str) -> None:
    with pytest.raises(ModelError, match=f"No recogniser for '{language}'"):
        choose_stt(candidates, cores=2, language=language)


def test_the_busiest_part_limits_the_conversations() -> None:
    assert capacity(100, interval_ms=250, voice_ms_per_s=100, cores=2).limited_by == "recogniser"
    assert capacity(10, interval_ms=250, voice_ms_per_s=300, cores=8).limited_by == "voice"
    assert capacity(100, interval_ms=250, voice_ms_per_s=300, cores=1).limited_by == "cores"


def test_a_faster_machine_carries_more_and_any_carries_one() -> None:
    slow, fast = (capacity(ms, interval_ms=250, voice_ms_per_s=100, cores=4).sessions for ms in (100, 25))
    assert slow < fast
    assert capacity(5_000, interval_ms=250, voice_ms_per_s=3_000, cores=1).sessions == 1
