"""Speak sentences in nine languages with espeak-ng: a folder for `voicebox bench languages`.

    python -m scripts.bench.spoken_languages OUT

The library is the one inside piper-tts. Its voices are robots: what is measured on them says what the product does
with languages, not how well it does with people. The folder's `manifest.jsonl` has a language in each row.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import tomllib
from pathlib import Path

import numpy as np
import piper
from numpy.typing import NDArray

from voicebox.audio.files import write_wav

SENTENCES = Path(__file__).with_name("language_sentences.toml")
VOICES = {"en": "en-us"}
"""espeak-ng's voices where their name is not the language's code."""

_RETRIEVAL = 1
_UTF8 = 1
_POSITION_CHARACTER = 1


class Espeak:
    """espeak-ng in this process (speak_lib.h); there can be one, as the library's state is global.

    Raises:
        OSError: the installed piper-tts has no such library.
    """

    def __init__(self) -> None:
        folder = Path(piper.__file__).parent
        self._library = ctypes.CDLL(str(folder / "espeakbridge.so"))
        self.rate = int(self._library.espeak_Initialize(_RETRIEVAL, 0, str(folder / "espeak-ng-data").encode(), 0))
        self._chunks: list[NDArray[np.int16]] = []
        self._callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(
            self._receive
        )
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str) -> NDArray[np.float32]:
        """Speech at `rate`, float32 of shape (samples,).

        Raises:
            ValueError: espeak-ng does not know the voice, or failed.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice}")
        self._chunks = []
        data = text.encode() + b"\0"
        if self._library.espeak_Synth(data, len(data), 0, _POSITION_CHARACTER, 0, _UTF8, None, None):
            raise ValueError(f"espeak-ng could not speak {text!r}")
        self._library.espeak_Synchronize()
        return np.concatenate(self._chunks).astype(np.float32) / np.float32(32768)

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0


def main() -> None:
    """Make the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    espeak = Espeak()
    sentences: dict[str, list[str]] = tomllib.loads(SENTENCES.read_text(encoding="utf-8"))
    with (args.out / "manifest.jsonl").open("w", encoding="utf-8") as manifest:
        for language, texts in sentences.items():
            voice = VOICES.get(language, language)
            for number, text in enumerate(texts):
                name = f"{language}-{number:02d}.wav"
                write_wav(args.out / name, espeak.speak(text, voice), espeak.rate)
                row = {
                    "path": name,
                    "text": text,
                    "language": language,
                    "source": f"scripts/bench/language_sentences.toml, espeak-ng voice {voice}",
                    "licence": "CC0-1.0",
                }
                manifest.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
