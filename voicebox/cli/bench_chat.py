"""`voicebox bench chat`: what the instruct model answers to short spoken questions, and how fast."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from voicebox.cli.output import Output, add_json_flag
from voicebox.errors import ConfigError
from voicebox.llm.jobs import Generation
from voicebox.llm.types import Message

if TYPE_CHECKING:
    from voicebox.llm.chat import LlamaChat
    from voicebox.tts.speaker import PiperSpeaker

__all__ = ["Answer", "Question", "add_arguments", "judge", "read_questions", "run", "summarize"]

_DEFAULT_MODEL = "qwen2.5-coder-1.5b-instruct-q4_k_m"
_MARKUP = re.compile(r"[*#`]|^\s*(?:-|\d+\.)\s", re.MULTILINE)
_CANNOT = "cannot"


@dataclass(frozen=True, slots=True)
class Question:
    """One row: the answer must match one of `accept` and none of `reject` (case does not matter)."""

    text: str
    accept: tuple[re.Pattern[str], ...]
    reject: tuple[re.Pattern[str], ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `false_claim`: it says that it does or did what it cannot do; times in ms, None if unknown."""

    question: Question
    text: str
    right: bool
    false_claim: bool
    first_token_ms: float
    first_audio_ms: float | None
    tokens: int
    generation_ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", type=Path, help="JSON lines: {text, accept: [regex], reject?: [regex], kind?}")
    parser.add_argument("--model", default=_DEFAULT_MODEL, help="name in the catalog, or a GGUF file")
    parser.add_argument("--voice", help="also measure the first audio: a voice's name in the catalog, or its file")
    parser.add_argument("--threads", type=int, default=1, help="threads of the model")
    add_json_flag(parser)


def run(args: argparse.Namespace) -> int:
    """Ask every question as a session's first, with its prompt prepared as while a caller speaks."""
    from voicebox.llm.chat import LlamaChat
    from voicebox.llm.persona import EXAMPLES, capabilities, system_prompt
    from voicebox.models.store import locate
    from voicebox.skills.intents import BUILTIN_INTENTS

    out = Output(args.json)
    questions = read_questions(args.file)
    speaker = _speaker(args.voice) if args.voice else None
    chat = LlamaChat(locate(args.model), threads=args.threads, examples=EXAMPLES)
    system = system_prompt(capabilities(BUILTIN_INTENTS))
    try:
        began = time.perf_counter()
        chat.pin(system).result()
        out.note(f"{chat.name}: prompt prepared in {time.perf_counter() - began:.1f} s")
        answers = asyncio.run(_ask_all(chat, system, questions, speaker, out))
    finally:
        chat.close()
        if speaker is not None:
            speaker.close()
    out.summary({"model": chat.name, **summarize(answers)})
    return 0


def read_questions(path: Path) -> list[Question]:
    """Read the rows of a file.

    Raises:
        ConfigError: the file is missing or a row is not as it should be.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    questions = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            accept, reject = row["accept"], row.get("reject", [])
            if not isinstance(accept, list) or not isinstance(reject, list) or not accept:
                raise TypeError("accept and reject are lists")
            questions.append(
                Question(
                    text=str(row["text"]),
                    accept=tuple(re.compile(pattern, re.IGNORECASE) for pattern in accept),
                    reject=tuple(re.compile(pattern, re.IGNORECASE) for pattern in reject),
                    kind=str(row.get("kind", "other")),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError, re.error) as error:
            raise ConfigError(f"{path}:{number} is not a question: {error!r}") from error
    if not questions:
        raise ConfigError(f"{path} has no questions")
    return questions


def judge(question: Question, text: str) -> tuple[bool, bool]:
    """(right, false claim) of an answer. Markup is never right; a false claim is a rejected answer to "cannot"."""
    rejected = any(pattern.search(text) for pattern in question.reject)
    accepted = any(pattern.search(text) for pattern in question.accept)
    return accepted and not rejected and not _MARKUP.search(text), rejected and question.kind == _CANNOT


def summarize(answers: Sequence[Answer]) -> dict[str, object]:
    """The figures: accuracy in all and by kind, medians in ms, tokens per second after the first token."""
    kinds: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        kinds[answer.question.kind].append(answer.right)
    audio = [answer.first_audio_ms for answer in answers if answer.first_audio_ms is not None]
    later = sum(max(answer.tokens - 1, 0) for answer in answers)
    later_s = sum(answer.generation_ms - answer.first_token_ms for answer in answers if answer.tokens > 1) / 1000
    return {
        "accuracy": sum(answer.right for answer in answers) / len(answers),
        "by_kind": {kind: sum(right) / len(right) for kind, right in sorted(kinds.items())},
        "false_claims": sum(answer.false_claim for answer in answers),
        "first_token_ms": median(answer.first_token_ms for answer in answers),
        "first_audio_ms": median(audio) if audio else None,
        "tokens_per_s": later / later_s if later_s > 0 else None,
        "words": sum(len(answer.text.split()) for answer in answers) / len(answers),
        "n": len(answers),
    }


async def _ask_all(
    chat: LlamaChat, system: str, questions: Sequence[Question], speaker: PiperSpeaker | None, out: Output
) -> list[Answer]:
    answers = []
    with out.progress() as progress:
        task = progress.add_task("asking", total=len(questions))
        for number, question in enumerate(questions):
            answer = await _ask(chat, system, question, f"bench-{number}", speaker)
            answers.append(answer)
            row = {
                "text": question.text,
                "kind": question.kind,
                "answer": answer.text,
                "right": answer.right,
                "false_claim": answer.false_claim,
                "first_token_ms": answer.first_token_ms,
                "first_audio_ms": answer.first_audio_ms,
            }
            sign = "[green]✓[/]" if answer.right else "[red]✗[/]"
            out.row(row, human=f"{sign} {question.text} [dim]→[/] {answer.text}")
            progress.advance(task)
    return answers


async def _ask(chat: LlamaChat, system: str, question: Question, session: str, speaker: PiperSpeaker | None) -> Answer:
    from voicebox.tts.phrases import PhraseStream

    messages = [Message("system", system), Message("user", question.text)]
    await chat.prefill(messages, session=session)
    done: list[Generation] = []
    text, phrases, first_audio = "", PhraseStream(), None
    began = time.perf_counter()
    async for piece in chat.stream(messages, session=session, on_done=done.append):
        text += piece
        if speaker is not None and first_audio is None and (phrase := next(iter(phrases.push(piece)), None)):
            first_audio = await _audio_ms(speaker, phrase, began)
    if speaker is not None and first_audio is None and text:
        first_audio = await _audio_ms(speaker, text, began)
    chat.release(session)
    right, false_claim = judge(question, text)
    generation = done[0]
    return Answer(
        question=question,
        text=text,
        right=right,
        false_claim=false_claim,
        first_token_ms=generation.first_token_ms,
        first_audio_ms=first_audio,
        tokens=generation.tokens,
        generation_ms=generation.total_ms,
    )


async def _audio_ms(speaker: PiperSpeaker, phrase: str, began: float) -> float:
    """Milliseconds from the start of the generation until the phrase is audio."""
    from voicebox.tts.speakable import speakable

    await asyncio.wrap_future(speaker.submit(speakable(phrase)))
    return (time.perf_counter() - began) * 1000


def _speaker(voice: str) -> PiperSpeaker:
    from voicebox.models.store import locate
    from voicebox.tts.piper import PiperSynthesizer
    from voicebox.tts.speaker import PiperSpeaker

    return PiperSpeaker(PiperSynthesizer(locate(voice)), cache_mb=0)
