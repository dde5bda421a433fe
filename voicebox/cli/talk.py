"""`voicebox talk`: a conversation with a server, by a recording or by microphone and loudspeaker."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicebox.cli.output import Output, add_json_flag
from voicebox.cli.settings_flags import add_settings_flags, settings_from
from voicebox.config import Settings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from voicebox.client.result import TalkResult, TurnResult

__all__ = ["STAGES", "add_parser", "summary"]

STAGES = ("endpoint_ms", "stt_ms", "decision_ms", "tts_first_ms")
"""Stages of a turn that every summary has."""

_BAR_MS_PER_CELL = 10


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "talk",
        help="talk to a server, by microphone or with a recording",
        description="Talk to a server. Without --url one is started for the occasion, on loopback.",
    )
    parser.add_argument("--wav", type=Path, metavar="FILE", help="a recording to play, in real time (any format)")
    parser.add_argument("--url", help="server to talk to, such as http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the spoken reply as a WAV file")
    parser.add_argument("--timeout", type=float, default=8.0, metavar="S", help="wait for an answer (default: 8 s)")
    parser.add_argument("--api-key", help="the server's key (default: OPENAI_API_KEY of the environment, if set)")
    add_json_flag(parser)
    add_settings_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Talk; 0 when the caller got a spoken answer, 1 when not."""
    return asyncio.run(_talk(args, Output(args.json)))


async def _talk(args: argparse.Namespace, output: Output) -> int:
    if args.wav is None:
        from voicebox.client.microphone import converse

        async with _server(args) as (url, key):
            await converse(url, api_key=key, on_event=_printer(output))
        return 0

    from voicebox.audio.files import read_audio, write_wav
    from voicebox.client.realtime_client import play
    from voicebox.client.speech import voiced_ends

    audio = read_audio(args.wav, 24_000)
    voiced = voiced_ends(audio, 24_000)
    async with _server(args) as (url, key):
        result = await play(
            url,
            audio,
            24_000,
            voiced=voiced,
            api_key=key,
            patience_s=args.timeout,
            on_event=_printer(output),
        )
    if args.out is not None:
        write_wav(args.out, result.reply_audio, result.rate)
    for turn in result.turns[:-1] if len(result.turns) > 1 else ():
        output.row({"event": "turn", **_turn_row(turn)}, _waterfall(turn))
    row = summary(result)
    output.summary(row, _report(result))
    return 0 if result.answer is not None or result.speech_end_s is None else 1


@asynccontextmanager
async def _server(args: argparse.Namespace) -> AsyncIterator[tuple[str, str | None]]:
    """The server that was named, or one of our own on loopback; gives its address and key."""
    if args.url:
        yield args.url, args.api_key or os.environ.get("OPENAI_API_KEY")
        return
    from voicebox.engines import Engines
    from voicebox.server.app import create_app
    from voicebox.server.lifecycle import running
    from voicebox.telemetry.logs import configure_logging

    settings: Settings = settings_from(args, server__host="127.0.0.1", server__port=0)
    configure_logging("warning")
    engines = Engines.build(settings)
    try:
        app = create_app(settings, engines.session, health=engines.health, find_voice=engines.find_voice)
        async with running(app, settings.server) as url:
            key = settings.server.api_key
            yield url, key.get_secret_value() if key else None
    finally:
        await engines.close()


def summary(result: TalkResult) -> dict[str, Any]:
    """A recording's outcome in the words of every voicebox command; what did not happen is null."""
    turn = result.answer or (result.turns[-1] if result.turns else None)
    row: dict[str, Any] = _turn_row(turn) if turn is not None else _EMPTY_ROW.copy()
    return row | {
        "voice_to_voice_ms": result.voice_to_voice_ms,
        "turns": sum(bool(turn.item_id) for turn in result.turns),
        "lost": result.lost,
        "errors": [f"{error.get('code')}: {error.get('message')}" for error in result.errors],
        "late_ms": result.late_ms,
    }


_EMPTY_ROW: dict[str, Any] = dict.fromkeys(
    ("transcript", "intent", "slots", "tier", "speculated", "reply", "voice_to_voice_ms", *STAGES)
)


def _turn_row(turn: TurnResult) -> dict[str, Any]:
    record = turn.record
    stages = record.get("stages", {})
    return {
        "transcript": turn.transcript,
        "intent": record.get("intent"),
        "slots": record.get("slots"),
        "tier": record.get("tier"),
        "speculated": record.get("speculated"),
        "reply": turn.reply or None,
        "voice_to_voice_ms": turn.voice_to_voice_ms,
    } | {stage: stages.get(stage) for stage in STAGES}


def _printer(output: Output) -> Any:
    """Shows a person what happens while it happens."""

    def show(event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "voicebox.partial":
            output.note(f"[dim]… {event['text']}[/dim]")
        elif kind == "conversation.item.input_audio_transcription.completed":
            output.note(f"[bold]you[/bold]  {event['transcript']}")
        elif kind == "response.output_audio_transcript.done":
            output.note(f"[bold]it[/bold]   {event['transcript']}")
        elif kind == "error":
            output.note(f"[red]error[/red] {event['error']['message']}")

    return show


def _report(result: TalkResult) -> RenderableType:
    turn = result.answer
    if turn is None:
        return "No answer was heard." if result.speech_end_s is not None else "There is no speech in the recording."
    return _waterfall(turn)


def _waterfall(turn: TurnResult) -> RenderableType:
    """A turn's stages as bars, each starting where the one before it ends."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    record = turn.record
    slots = ", ".join(f"{name}={value}" for name, value in (record.get("slots") or {}).items())
    guessed = "guessed ahead" if record.get("speculated") else "not guessed ahead"
    table.add_row("intent", f"{record.get('intent', '–')} {slots}".strip())
    table.add_row("tier", f"{record.get('tier', '–')}, {guessed}")
    if record.get("endpoint"):
        table.add_row("end of turn", str(record["endpoint"]))
    at = 0.0
    for stage, ms in (record.get("stages") or {}).items():
        if stage == "total_ms":
            continue
        bar = " " * round(at / _BAR_MS_PER_CELL) + "█" * max(1 if ms >= 1 else 0, round(ms / _BAR_MS_PER_CELL))
        table.add_row(stage.removesuffix("_ms"), f"{ms:7.1f} ms  {bar}")
        at += ms
    if turn.voice_to_voice_ms is not None:
        table.add_row("voice to voice", f"{turn.voice_to_voice_ms:7.1f} ms")
    return table
