"""`voicebox doctor`: what this machine has, what is installed, what `auto` would choose, and what it may carry."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.table import Table

from voicebox.audio.resample import resample
from voicebox.cli.output import Output, add_json_flag
from voicebox.config import Settings, load_settings
from voicebox.errors import ModelError, VoiceboxError
from voicebox.models import store
from voicebox.models.catalog import CatalogModel, catalog
from voicebox.models.choose import Capacity, Choice, Measured, capacity, choose_stt
from voicebox.models.fit import fit
from voicebox.models.hardware import Hardware, hardware
from voicebox.models.voices import locate_voice
from voicebox.stt.speed import PROBE_TEXT, partial_ms
from voicebox.stt.types import SAMPLE_RATE, Audio
from voicebox.tts.voices import find_voice, open_voice

__all__ = ["Findings", "add_parser", "run"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found. None where it could not be measured; then `problems` says why, with the cure."""

    machine: Hardware
    installed: tuple[str, ...]
    stt: Choice | None
    partial_ms: dict[str, float]
    voice: str | None
    voice_ms_per_s: float | None
    expected: Capacity | None
    problems: tuple[str, ...]


def add_parser(subparsers: Any) -> None:
    """Add `doctor`."""
    parser = subparsers.add_parser(
        "doctor",
        help="look at this machine and what it can carry",
        description="Look at the machine and the models, and measure briefly what they can do together.",
    )
    parser.add_argument("--no-measure", action="store_true", help="only look: load no model")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Examine and print; 1 if something that talking needs is missing.

    Raises:
        ConfigError: the settings are wrong.
    """
    out = Output(args.json)
    settings = load_settings()
    models = [model for model in catalog().model if store.installed(model.name)]
    missing, unfit = _missing(models, settings), _unfit(settings, hardware())
    found = Findings(hardware(), tuple(m.name for m in models), None, {}, None, None, None, missing)
    if not args.no_measure and not found.problems:
        out.note("Measuring: some seconds.")
        found = _measure(found, models, settings)
    found = replace(found, problems=(*found.problems, *unfit))
    if not args.json:
        _print(out, found)
    out.summary({**asdict(found), "expected": _expected(found.expected)}, "")
    return 1 if found.problems else 0


def _expected(expected: Capacity | None) -> dict[str, Any] | None:
    return {**asdict(expected), "estimate": True} if expected else None


def _missing(models: Sequence[CatalogModel], settings: Settings) -> tuple[str, ...]:
    problems: list[VoiceboxError] = []
    if not any(model.role == "stt" for model in models):
        problems.append(ModelError("No recogniser is installed", cure="Run `voicebox models pull --default`."))
    try:
        find_voice(settings.tts.voice, locate_voice)
    except VoiceboxError as error:
        problems.append(error)
    return tuple(str(problem) for problem in problems)


def _unfit(settings: Settings, machine: Hardware) -> tuple[str, ...]:
    """Models that the settings name and that this machine cannot hold."""
    problems: list[VoiceboxError] = []
    wanted = {settings.stt.model, settings.tts.voice, *(() if settings.models.lean else (settings.chat.model,))}
    for name in sorted(wanted):
        if name not in catalog():
            continue
        model = catalog().get(name)
        fits = fit(model, machine, free_disk=store.free_disk(), installed=store.installed(name))
        if not fits.ok:
            cure = f"Choose another: `voicebox models list --role {model.role}` shows which fit."
            problems.append(ModelError(f"{model.name} does not fit this machine: it {fits.problem}", cure=cure))
    return tuple(str(problem) for problem in problems)


def _measure(found: Findings, models: Sequence[CatalogModel], settings: Settings) -> Findings:
    """Load what would be used, one after the other, and time it."""
    name, language, cores = settings.tts.voice, settings.stt.language, found.machine.cores
    try:
        voice = open_voice(find_voice(name, locate_voice))
        voice.synthesize(PROBE_TEXT)
        spoken = voice.synthesize(PROBE_TEXT)
    except VoiceboxError as error:
        return replace(found, problems=(str(error),))
    voice_ms_per_s = spoken.synthesis_ms / spoken.duration_s
    found = replace(found, voice=name, voice_ms_per_s=voice_ms_per_s)
    problems: list[str] = []
    # More parameters, fewer errors: whisper's family is ordered by size.
    recognizers = sorted((m for m in models if m.role == "stt"), key=lambda m: m.parameters_m or 0, reverse=True)
    measured = _decode_times(recognizers, resample(spoken.audio, spoken.rate, SAMPLE_RATE), language, problems)
    found = replace(found, partial_ms={m.name: m.partial_ms for m in measured}, problems=tuple(problems))
    try:
        choice = choose_stt(measured, cores=cores, language=language)
    except ModelError as error:
        return replace(found, problems=(*problems, str(error)))
    expected = capacity(
        found.partial_ms[choice.name],
        interval_ms=settings.stt.partial_interval_ms,
        voice_ms_per_s=voice_ms_per_s,
        cores=cores,
    )
    return replace(found, stt=choice, expected=expected)


def _decode_times(models: Sequence[CatalogModel], speech: Audio, language: str, problems: list[str]) -> list[Measured]:
    # Late: ctranslate2 and faster-whisper take a second to import.
    from voicebox.stt.whisper import WhisperRecognizer

    measured = []
    for model in models:
        known = language if language in model.languages or "multilingual" in model.languages else "en"
        try:
            recognizer = WhisperRecognizer(store.locate(model.name), model.name, language=known)
            measured.append(Measured(model.name, partial_ms(recognizer, speech), tuple(model.languages)))
        except VoiceboxError as error:
            problems.append(str(error))
    return measured


def _print(out: Output, found: Findings) -> None:
    machine = found.machine
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("processor", machine.cpu)
    table.add_row("cores", f"{machine.cores} of {machine.machine_cores}, load {machine.load:.1f}")
    table.add_row("instructions", " ".join(machine.features) or "–")
    table.add_row("memory", f"{machine.memory_mb:,} MB, {machine.free_memory_mb:,} MB free")
    table.add_row("CUDA devices", str(machine.gpus))
    table.add_row("models", "\n".join(found.installed) or "none: run `voicebox models pull --default`")
    for name, ms in found.partial_ms.items():
        table.add_row("decoding 3 s", f"{ms:.0f} ms  {name}")
    if found.voice_ms_per_s is not None:
        table.add_row("speaking 1 s", f"{found.voice_ms_per_s:.0f} ms  {found.voice}")
    if found.stt is not None:
        table.add_row("auto takes", f"{found.stt.name}: {found.stt.reason}")
    if found.expected is not None:
        table.add_row(
            "conversations", f"about {found.expected.sessions} at once, estimated ({found.expected.limited_by} first)"
        )
    out.console.print(table)
    for problem in found.problems:
        out.console.print(f"✗ {problem}", markup=False)
