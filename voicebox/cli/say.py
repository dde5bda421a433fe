"""`voicebox say`: speak a text into a WAV file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from voicebox.audio.files import write_wav
from voicebox.cli.output import Output, add_json_flag
from voicebox.errors import VoiceboxError
from voicebox.models import store
from voicebox.tts.phrases import split_phrases
from voicebox.tts.piper import PiperSynthesizer

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add `say`."""
    parser = subparsers.add_parser("say", help="speak a text", description="Speak a text into a WAV file.")
    parser.add_argument("text", metavar="TEXT", help="what to say")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="WAV file to write")
    parser.add_argument(
        "--voice", default="piper-en_US-joe-medium", metavar="NAME", help="voice of the catalog or an .onnx file"
    )
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="speaking rate, 0.5 to 2 (default: 1)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the synthesis (default: 1)")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Speak phrase by phrase, as a session would; prints one row per phrase.

    Raises:
        ModelError: the voice is unknown, not pulled, or damaged.
        VoiceboxError: nothing in the text can be said, or the file cannot be written.
    """
    out = Output(args.json)
    voice = PiperSynthesizer(store.locate(args.voice), args.threads, name=args.voice, speed=args.speed)
    spoken = [voice.synthesize(phrase) for phrase in split_phrases(args.text)]
    audible = [phrase for phrase in spoken if len(phrase.audio)]
    if not audible:
        raise VoiceboxError("There is nothing to say in that text")
    for phrase in audible:
        out.row(
            {"phrase": phrase.text, "audio_s": phrase.duration_s, "synthesis_ms": phrase.synthesis_ms},
            f"{phrase.duration_s:6.2f} s  {phrase.synthesis_ms:5.0f} ms  {phrase.text}",
        )
    write_wav(args.out, np.concatenate([phrase.audio for phrase in audible]), voice.rate)
    out.summary(
        {
            "voice": voice.name,
            "first_audio_ms": audible[0].synthesis_ms,
            "audio_s": sum(phrase.duration_s for phrase in audible),
        }
    )
    return 0
