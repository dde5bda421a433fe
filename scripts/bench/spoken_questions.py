"""Speak texts with the default voice: a folder for `voicebox bench turn`.

    python -m scripts.bench.spoken_questions OUT [--limit N] [--texts scripts/bench/short_commands.jsonl]

The texts are those of the chat benchmark, if no others are named. Each gets half a second of silence before it. The
folder has a `manifest.jsonl`; nothing else writes there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from voicebox.audio.files import write_wav
from voicebox.models.store import locate
from voicebox.tts.phrases import split_phrases
from voicebox.tts.piper import PiperSynthesizer

VOICE = "piper-en_US-joe-medium"
QUESTIONS = Path(__file__).with_name("chat_questions.jsonl")


def main() -> None:
    """Make the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--texts", type=Path, default=QUESTIONS, help='rows with a "text"')
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    voice = PiperSynthesizer(locate(VOICE), name=VOICE)
    rows = [json.loads(line) for line in args.texts.read_text("utf-8").splitlines() if line.strip()]
    step = max(1, len(rows) // args.limit) if args.limit else 1
    with (args.out / "manifest.jsonl").open("w", encoding="utf-8") as manifest:
        for number, row in enumerate(rows[::step][: args.limit]):
            parts = [np.zeros(voice.rate // 2, np.float32)]
            parts += [voice.synthesize(phrase).audio for phrase in split_phrases(row["text"])]
            name = f"{number:03d}.wav"
            write_wav(args.out / name, np.concatenate(parts), voice.rate)
            manifest.write(json.dumps({"path": name, "text": row["text"], "voice": VOICE}) + "\n")


if __name__ == "__main__":
    main()
