from __future__ import annotations

from voicebox.stt.languages import SpokenLanguages
from voicebox.stt.types import Hypothesis


def _heard(language: str, *, probability: float = 0.9, audio_s: float = 2.0, rejected: bool = False) -> Hypothesis:
    return Hypothesis(
        text="hallo",
        avg_logprob=-0.2,
        no_speech_prob=0.1,
        language=language,
        audio_s=audio_s,
        decode_ms=1.0,
        rejected=rejected,
        language_probability=probability,
    )


def test_keeps_the_last_sure_language_of_each_session() -> None:
    languages = SpokenLanguages()
    assert languages.of("a") == ""
    languages.heard("a", _heard("de"))
    languages.heard("b", _heard("fr"))
    assert (languages.of("a"), languages.of("b"), languages.of("c")) == ("de", "fr", "")
    languages.heard("a", _heard("en"))
    assert languages.of("a") == "en"


def test_learns_nothing_from_what_is_short_unsure_or_no_speech() -> None:
    languages = SpokenLanguages()
    languages.heard("a", _heard("de"))
    for doubtful in (
        _heard("en", audio_s=0.5),
        _heard("en", probability=0.5),
        _heard("en", rejected=True),
    ):
        languages.heard("a", doubtful)
    assert languages.of("a") == "de"


def test_forgets_the_sessions_that_were_quiet_for_longest() -> None:
    languages = SpokenLanguages(most=2)
    for session in ("a", "b"):
        languages.heard(session, _heard("de"))
    languages.heard("a", _heard("de"))
    languages.heard("c", _heard("de"))
    assert (languages.of("a"), languages.of("b"), languages.of("c")) == ("de", "", "de")
