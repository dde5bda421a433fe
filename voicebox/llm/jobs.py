"""What can be asked of a llama.cpp engine, and the state of each request while it runs."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

from voicebox.llm.sampling import Sampler, Sampling
from voicebox.llm.saved_prompt import SavedPrompt

__all__ = ["Finish", "Generation", "Job", "Kind", "Stats"]

Finish = Literal["end", "length", "stopped"]
"""Why a generation ended: the model ended it, `max_tokens` or the context ended it, or the receiver had enough."""


class Kind(IntEnum):
    """Kinds of jobs; the lower goes first."""

    SCORE = 0
    GENERATE = 1
    PREFILL = 2


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished generation.

    `prompt_tokens` of which `reused_tokens` were in the KV cache; times in ms from the submission.
    """

    text: str
    finish: Finish
    tokens: int
    prompt_tokens: int
    reused_tokens: int
    first_token_ms: float
    total_ms: float


@dataclass(slots=True)
class Stats:
    """Counters since the engine began."""

    steps: int = 0
    decoded_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0
    evictions: int = 0
    preemptions: int = 0
    restored_tokens: int = 0
    failures: int = 0


@dataclass(slots=True, eq=False)
class Job:
    """A request in the engine; only its thread touches the fields below `future`.

    `feed` is the prompt and, as they come, the generated tokens. `normalized` makes logits of a score log-probabilities
    over the whole vocabulary. `saved` keeps the KV of a prefill on disk. `on_text` gets the text as it grows and
    returns True when it wants no more.
    """

    kind: Kind
    order: int
    session: str
    feed: list[int]
    future: Future[Any]
    ids: tuple[int, ...] = ()
    normalized: bool = False
    saved: SavedPrompt | None = None
    max_tokens: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    grammar: str | None = None
    on_text: Callable[[str], bool] | None = None
    prompt_tokens: int = 0
    submitted: float = field(default_factory=time.monotonic)
    sequence: int | None = None
    sampler: Sampler | None = None
    reused: int | None = None
    blocked: bool = False
    restarted: bool = False
    first_token: float | None = None
    text: list[str] = field(default_factory=list)
    utf8: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))

    def __post_init__(self) -> None:
        self.prompt_tokens = len(self.feed)

    @property
    def rank(self) -> tuple[int, int]:
        """Which job goes first."""
        return (self.kind, self.order)

    @property
    def generated(self) -> int:
        """How many tokens were generated."""
        return len(self.feed) - self.prompt_tokens

    def emit(self, piece: bytes, *, final: bool = False) -> bool:
        """Hand on the text of a piece, whole characters only; True if the receiver wants no more."""
        text = self.utf8.decode(piece, final)
        if not text:
            return False
        self.text.append(text)
        return bool(self.on_text and self.on_text(text))

    def result(self, finish: Finish) -> Generation:
        """What a finished generation reports."""
        now = time.monotonic()
        first = self.first_token if self.first_token is not None else now
        return Generation(
            text="".join(self.text),
            finish=finish,
            tokens=self.generated,
            prompt_tokens=self.prompt_tokens,
            reused_tokens=self.reused or 0,
            first_token_ms=(first - self.submitted) * 1000,
            total_ms=(now - self.submitted) * 1000,
        )

    def close(self) -> None:
        """Free the sampler. Idempotent."""
        if self.sampler is not None:
            self.sampler.close()
            self.sampler = None
