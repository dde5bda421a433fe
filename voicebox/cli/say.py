"""`voicebox say`: speak a text into a WAV file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.files import write_wav
from voicebox.cli.output import Output, add_json_flag
from voicebox.errors import ConfigError, VoiceboxError
from voicebox.models.voices import locate_voice
from voicebox.tts.loudness import integrated_loudness
from voicebox.tts.phrases import split_phrases
from voicebox.tts.piper import PiperSynthesizer, check_speed
from voicebox.tts.voices import find_voice

__all__ = ["add_parser", "run"]

_MAX_CHARS = 20_000
"""About twenty minutes of speech, which are held in memory until they are written."""


def add_parser(subparsers: Any) -> None:
    """Add `say`."""
    parser = subparsers.add_parser("say", help="speak a text", description="Speak a text into a WAV file.")
    parser.add_argument("text", metavar="TEXT", help="what to say")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="WAV file to write")
    parser.add_argument(
        "--voice",
        default="piper-en_US-joe-medium",
        metavar="NAME",
        help="voice of the catalog or an .onnx file, with :SPEAKER (name or number) behind it if it has several",
    )
    parser.add_argument(
        "--rate", "--speed", type=float, default=1.0, metavar="X", help="speaking rate, 0.25 to 2 (default: 1)"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the synthesis (default: 1)")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Speak phrase by phrase, as a session would; prints one row per phrase.

    Raises:
        ModelError: the voice is unknown, not pulled, or damaged.
        ConfigError: the voice has no such speaker, or the rate is out of range, or the text is too long.
        VoiceboxError: nothing in the text can be said, or the file cannot be written.
    """
    out = Output(args.json)
    if len(args.text) > _MAX_CHARS:
        raise ConfigError(
            f"A text of {len(args.text)} characters is too long to say at once (limit {_MAX_CHARS})", cure="Split it."
        )
    if not args.out.absolute().parent.is_dir():
        raise VoiceboxError(f"{args.out} cannot be written: there is no folder {args.out.parent}")
    check_speed(args.rate)
    ref = find_voice(args.voice, locate_voice)
    voice = PiperSynthesizer(ref.file, args.threads, name=ref.name, speed=args.rate, speaker=ref.speaker)
    spoken = [voice.synthesize(phrase) for phrase in split_phrases(args.text)]
    audible = [phrase for phrase in spoken if len(phrase.audio)]
    if not audible:
        raise VoiceboxError("There is nothing to say in that text")
    for phrase in audible:
        out.row(
            {"phrase": phrase.text, "audio_s": phrase.duration_s, "synthesis_ms": phrase.synthesis_ms},
            f"{phrase.duration_s:6.2f} s  {phrase.synthesis_ms:5.0f} ms  {phrase.text}",
        )
    audio = np.concatenate([phrase.audio for phrase in audible])
    _write(args.out, audio, voice.rate)
    out.summary(
        {
            "voice": voice.name,
            "rate": args.rate,
            "first_audio_ms": audible[0].synthesis_ms,
            "audio_s": sum(phrase.duration_s for phrase in audible),
            "loudness_lufs": integrated_loudness(audio, voice.rate),
        }
    )
    return 0


def _write(file: Path, audio: NDArray[np.float32], rate: int) -> None:
    """Write the whole file or none; what is no plain file (a pipe, a device) is written as it is."""
    if file.exists() and not file.is_file():
        write_wav(file, audio, rate)
        return
    part = file.with_name(f".{file.name}.part")
    try:
        write_wav(part, audio, rate)
        part.replace(file)
    except OSError as error:
        raise VoiceboxError(f"{file} cannot be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
