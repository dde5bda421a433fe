"""Is it speech at all? What Whisper writes for noise and silence, and how it gives itself away.

Each sign alone would cost real speech, so two are wanted: the model finds speech unlikely, and the text is unsure, or
is one of the phrases that end the videos on which Whisper was trained.
"""

from __future__ import annotations

from functools import lru_cache

from voicebox.stt.stream import normalize
from voicebox.stt.tuning import Tuning

__all__ = ["is_noise", "is_phantom"]

_PHRASES = frozenset(
    normalize(phrase)
    for phrase in (
        "thank you",
        "thank you very much",
        "thank you so much",
        "thank you for watching",
        "thank you so much for watching",
        "thanks for watching",
        "thank you for listening",
        "please subscribe",
        "please like and subscribe",
        "don't forget to subscribe",
        "subscribe to my channel",
        "see you next time",
        "see you in the next video",
        "i'll see you next time",
        "bye",
        "bye bye",
        "you",
        "subtitles by the amara.org community",
        "untertitel der amara.org-community",
        "vielen dank fürs zuschauen",
        "sous-titres réalisés para la communauté d'amara.org",
        "merci d'avoir regardé cette vidéo",
        "gracias por ver el video",
        "subtítulos realizados por la comunidad de amara.org",
        "grazie per la visione",
        "obrigado por assistir",
    )
)
_LONGEST = max(len(phrase.split()) for phrase in _PHRASES)


@lru_cache(maxsize=1_024)
def is_phantom(text: str) -> bool:
    """Whether a text is nothing but phrases that Whisper is known to invent, one or several."""
    words = normalize(text).split()
    whole = [True] + [False] * len(words)
    for end in range(1, len(words) + 1):
        starts = range(max(0, end - _LONGEST), end)
        whole[end] = any(whole[start] and " ".join(words[start:end]) in _PHRASES for start in starts)
    return bool(words) and whole[-1]


def is_noise(text: str, avg_logprob: float, no_speech_prob: float, tuning: Tuning, *, prompted: bool) -> bool:
    """Whether a text is to be thrown away, by the thresholds of `Tuning`."""
    if not any(character.isalnum() for character in text):
        return True
    limit = tuning.prompt_no_speech if prompted else tuning.no_speech
    if no_speech_prob > limit and avg_logprob < tuning.logprob:
        return True
    if no_speech_prob > tuning.vague_no_speech and avg_logprob < tuning.vague_logprob:
        return True
    return no_speech_prob > tuning.phantom_no_speech and is_phantom(text)
