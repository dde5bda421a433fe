"""`voicebox bench tts`: how soon, how fast, how loud and in how much memory voices speak."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from voicebox.cli.bench_intent import resident_mb
from voicebox.cli.output import Output, add_json_flag
from voicebox.errors import ConfigError
from voicebox.models.voices import locate_voice
from voicebox.tts.loudness import integrated_loudness
from voicebox.tts.phrases import split_phrases
from voicebox.tts.piper import PiperSynthesizer
from voicebox.tts.speaker import PiperSpeaker
from voicebox.tts.types import SpokenPhrase
from voicebox.tts.voices import VoiceRef, find_voice

__all__ = ["add_arguments", "run"]

_TEXTS = (
    "Sure.",
    "Okay, ten minutes.",
    "The kitchen light is on.",
    "Your timer for the pasta has four minutes left.",
    "It will rain in Berlin tomorrow, with a high of fourteen degrees and some wind in the evening.",
    "Your table for four is booked on Friday at seven, by the window, as you asked, and the kitchen knows that one of "
    "you eats no nuts; if you are late by more than a quarter of an hour, please call them.",
)
_SPEEDS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
_CACHE_HITS = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--voice",
        action="append",
        metavar="NAME",
        help="voice of the catalog or an .onnx file, with :SPEAKER if it has several; may be given more than once "
        "(default: piper-en_US-joe-medium)",
    )
    parser.add_argument(
        "--threads", type=int, action="append", metavar="N", help="threads; may be given more than once (default: 1)"
    )
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="runs of each, median taken (default: 3)")
    add_json_flag(parser)


def run(args: argparse.Namespace) -> int:
    """Measure each voice with each number of threads; one row per text and per speaking rate, then the summary.

    Raises:
        ConfigError: a number that is not positive, or a voice without the speaker that is named.
        ModelError: a voice is unknown, not pulled, or damaged.
    """
    threads = args.threads or [1]
    if min(*threads, args.repeat, 1) < 1:
        raise ConfigError("Threads and repeats are at least 1")
    out = Output(args.json)
    refs = [find_voice(name, locate_voice) for name in args.voice or ["piper-en_US-joe-medium"]]
    voices = [_voice(ref, count, args.repeat, out) for ref in refs for count in threads]
    loud = [voice["loudness_lufs"] for voice in voices]
    human = "\n".join(
        f"{v['voice']}  {v['threads']} thread(s)  loaded in {v['load_ms']:.0f} ms  {v['memory_mb'] or 0:.0f} MB  "
        f"{v['loudness_lufs']:.1f} LUFS  from the cache {v['cache_hit_ms']:.3f} ms  behind a guess "
        f"{v['behind_a_guess_ms']:.0f} ms, behind one that was given up {v['behind_a_cancelled_guess_ms']:.0f} ms"
        for v in voices
    )
    out.summary({"voices": voices, "loudness_spread_lu": max(loud) - min(loud)}, human)
    return 0


def _voice(ref: VoiceRef, threads: int, repeat: int, out: Output) -> dict[str, Any]:
    memory, began = resident_mb(), time.perf_counter()
    voice = PiperSynthesizer(ref.file, threads, name=ref.name, speaker=ref.speaker)
    load_ms = (time.perf_counter() - began) * 1000
    about = {"voice": ref.name, "threads": threads}
    spoken = [_text(voice, text, repeat, about, out) for text in _TEXTS]
    audio = np.concatenate([phrase.audio for phrase in spoken])
    after = resident_mb()
    rates = _rates(voice, about, out)
    return {
        **about,
        "hz": voice.rate,
        "file_mb": ref.path.stat().st_size / 1e6,
        "memory_mb": after - memory if after is not None and memory is not None else None,
        "load_ms": load_ms,
        "loudness_lufs": integrated_loudness(audio, voice.rate),
        "phrase_loudness_lufs": [round(integrated_loudness(phrase.audio, voice.rate), 1) for phrase in spoken],
        "rates": rates,
        **_queue(voice, repeat),
    }


def _text(voice: PiperSynthesizer, text: str, repeat: int, about: dict[str, Any], out: Output) -> SpokenPhrase:
    """One text as a session speaks it: its first phrase, all of it phrase by phrase, and all of it at once."""
    first, total, whole, spoken = [], [], [], []
    for _ in range(repeat):
        spoken = [voice.synthesize(phrase) for phrase in split_phrases(text)]
        first.append(spoken[0].synthesis_ms)
        total.append(sum(phrase.synthesis_ms for phrase in spoken))
        whole.append(voice.synthesize(text).synthesis_ms)
    audio_s = sum(phrase.duration_s for phrase in spoken)
    row = {
        **about,
        "words": len(text.split()),
        "phrases": len(spoken),
        "audio_s": audio_s,
        "first_audio_ms": statistics.median(first),
        "total_ms": statistics.median(total),
        "at_once_ms": statistics.median(whole),
        "real_time_factor": statistics.median(total) / 1000 / max(audio_s, 1e-9),
    }
    out.row(
        row,
        f"{about['voice']}  {about['threads']} thread(s)  {row['words']:3} words  {audio_s:5.2f} s  first audio "
        f"{row['first_audio_ms']:5.0f} ms  all {row['total_ms']:5.0f} ms  ({row['real_time_factor']:.3f} of real time)",
    )
    return voice.synthesize(text)


def _rates(voice: PiperSynthesizer, about: dict[str, Any], out: Output) -> dict[str, float]:
    """How much faster the voice really speaks, by the rate that it is asked for."""

    def seconds(speed: float) -> float:
        return sum(voice.synthesize(text, speed=speed).duration_s for text in _TEXTS[2:5])

    normal = statistics.median(seconds(1.0) for _ in range(3))
    rates = {f"{speed:g}": normal / seconds(speed) for speed in _SPEEDS}
    said = "  ".join(f"{asked}: {got:.2f}" for asked, got in rates.items())
    out.row({**about, "rates": rates}, f"{about['voice']}  speaking rate, asked and got: {said}")
    return rates


def _queue(voice: PiperSynthesizer, repeat: int) -> dict[str, float]:
    """What the speaker's queue adds: a phrase from the cache, and a phrase behind a guess with and without giving the
    guess up."""
    speaker = PiperSpeaker(voice, cache_mb=16)
    try:
        speaker.submit(_TEXTS[1]).result()
        hits = []
        for _ in range(_CACHE_HITS):
            began = time.perf_counter()
            speaker.submit(_TEXTS[1]).result()
            hits.append((time.perf_counter() - began) * 1000)
        behind = {given_up: _behind_a_guess(speaker, given_up, repeat) for given_up in (False, True)}
    finally:
        speaker.close()
    return {
        "cache_hit_ms": statistics.median(hits),
        "behind_a_guess_ms": behind[False],
        "behind_a_cancelled_guess_ms": behind[True],
    }


def _behind_a_guess(speaker: PiperSpeaker, given_up: bool, repeat: int) -> float:
    """Milliseconds until a short phrase, in no cache, is there when it is asked for just after a long guess began."""
    times: Sequence[float] = ()
    for number in range(repeat):
        # Other words each time: nothing may come from the cache.
        guess = speaker.submit(f"{_TEXTS[4]} {number} {given_up}", speculative=True)
        while speaker.stats.waiting:
            time.sleep(0.001)
        began = time.perf_counter()
        if given_up:
            guess.cancel()
        speaker.submit(f"Okay, {number} {'minutes' if given_up else 'hours'}.").result()
        times = [*times, (time.perf_counter() - began) * 1000]
        if not given_up:
            guess.result()
    return statistics.median(times)
