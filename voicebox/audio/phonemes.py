"""Text to phonemes through the espeak-ng library inside piper-tts.

The library keeps its state in process globals: everything here that touches it holds `ESPEAK_LOCK`, and so must any
other caller. Voices and the recogniser's lexicon share this one way in.
"""

from __future__ import annotations

import threading
from functools import lru_cache

from piper.phonemize_espeak import EspeakPhonemizer

from voicebox.errors import EngineError

__all__ = ["ESPEAK_LOCK", "phonemize"]

ESPEAK_LOCK = threading.Lock()
"""Held during every call into espeak-ng."""

_MAX_CHARS = 4_000


def phonemize(text: str, voice: str = "en-us") -> list[list[str]]:
    """Phonemes of a text, one list per sentence as espeak-ng splits it.

    A phoneme is one Unicode code point of IPA (NFD), and so are the stress and length marks, the spaces between words
    and the punctuation that ends a clause. Text without anything to say gives an empty list. Results are cached;
    the lists are the caller's own.

    Raises:
        EngineError: espeak-ng has no such voice, or the text is longer than one could mean to say in one go.
    """
    if len(text) > _MAX_CHARS:
        raise EngineError(f"A text of {len(text)} characters is too long to phonemize at once (limit {_MAX_CHARS})")
    # espeak-ng reads a C string: a NUL would silently end it.
    return [list(sentence) for sentence in _phonemize(text.replace("\0", " "), voice)]


@lru_cache(maxsize=8192)
def _phonemize(text: str, voice: str) -> tuple[tuple[str, ...], ...]:
    if not any(c.isalnum() or not c.isascii() for c in text):
        return ()
    with ESPEAK_LOCK:
        try:
            sentences = _phonemizer().phonemize(voice, text.encode("utf-8", "replace").decode())
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"espeak-ng cannot read a text in voice {voice!r}: {error}") from error
    return tuple(tuple(sentence) for sentence in sentences if sentence)


@lru_cache(maxsize=1)
def _phonemizer() -> EspeakPhonemizer:
    return EspeakPhonemizer()
