"""What a process of `voicebox classify` does: it holds the models, and takes rows by the hundred."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

from voicebox.audio.files import read_audio
from voicebox.cli.parts import Understanders, build_recognizer
from voicebox.config import load_settings
from voicebox.errors import VoiceboxError
from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.routing.prompting import Context
from voicebox.routing.router import Router
from voicebox.skills.types import Dialog, Plan, Understanding
from voicebox.stt.types import Clip
from voicebox.stt.whisper import WhisperRecognizer
from voicebox.telemetry.plain import plain
from voicebox.tiers import described_router

__all__ = ["Job", "begin", "work"]

_TOGETHER = 48


@dataclass(frozen=True, slots=True)
class Job:
    """What all processes need to know: models by name, and where recordings are."""

    model: str | None
    stt: str
    folder: str


class _Worker:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._router: Router = described_router(load_settings())
        self._parts = Understanders.build(intent=job.model)
        skills = {intent.name for intent in self._parts.skills.intents()}
        self._foreign = not skills & set(self._parts.intent.labels)
        """The model's labels are no skills of ours: there are no slots to look for."""
        self._recognizer: WhisperRecognizer | None = None

    def classify(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        texts = [self._text(row) for row in rows]
        heard = asyncio.run(self._understand([text for text, _ in texts]))
        return [row | more | self._result(one) for row, (_, more), one in zip(rows, texts, heard, strict=True)]

    def _text(self, row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The words of a row, and what was found on the way."""
        if "text" in row:
            return row["text"], {}
        try:
            audio = read_audio(Path(self._job.folder) / row["audio"])
            if self._recognizer is None:
                self._recognizer = build_recognizer(self._job.stt)
            (hypothesis,) = self._recognizer.decode([Clip(audio, retry_until_s=inf)])
            text = hypothesis.text
        except VoiceboxError as error:
            return "", {"error": error.message}
        return text, {"transcript": text}

    async def _understand(self, texts: list[str]) -> list[Understanding]:
        now, waiting = datetime.now(), iter(enumerate(texts))
        found: dict[int, Understanding] = {}

        async def one_by_one(waiting: Iterator[tuple[int, str]], session: str) -> None:
            for at, text in waiting:
                found[at] = (
                    _labelled(text, await asyncio.wrap_future(self._parts.intent.score(text, session=session)))
                    if self._foreign
                    else await self._parts.reflex.understand(text, dialog=Dialog(), session=session, now=now)
                )

        await asyncio.gather(*(one_by_one(waiting, f"bulk-{n}") for n in range(_TOGETHER)))
        return [found[at] for at in range(len(texts))]

    def _result(self, heard: Understanding) -> dict[str, Any]:
        context = Context("bulk", Dialog(), (), datetime.now())
        plan = Plan("") if heard.in_scope else None
        decision = self._router.decide(heard, plan, context, now=0.0)
        return {
            "intent": heard.intent if heard.in_scope else OUT_OF_SCOPE,
            "slots": {name: plain(slot.value) for name, slot in heard.slots.items()},
            "confidence": heard.confidence,
            "missing": list(heard.missing),
            "tier": decision.tier,
            "reasons": list(decision.reasons),
        }


def _labelled(text: str, score: IntentScore) -> Understanding:
    return Understanding(text, score.intent, {}, round(score.confidence, 4), score.accepted, score.complete)


_worker: _Worker | None = None


def begin(job: Job) -> None:
    """Load the models of this process."""
    global _worker
    _worker = _Worker(job)


def work(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Classify rows: each comes back with what was found."""
    assert _worker is not None, "the pool calls `begin` first"
    return _worker.classify(rows)
