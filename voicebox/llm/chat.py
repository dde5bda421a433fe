"""The instruct model of the small tier: short spoken answers, streamed while they are made."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from voicebox.errors import EngineError
from voicebox.llm.jobs import Generation
from voicebox.llm.llama import LlamaEngine
from voicebox.llm.plain import Cleaner
from voicebox.llm.prompt_cache import PromptCache
from voicebox.llm.sampling import Sampling
from voicebox.llm.sequences import common_prefix
from voicebox.llm.spoken import SpokenText
from voicebox.llm.template import ChatTemplate
from voicebox.llm.types import Message

__all__ = ["LlamaChat", "PromptTooLongError"]


class PromptTooLongError(EngineError):
    """Messages that leave no room for a reply."""


class LlamaChat:
    """An instruct GGUF with its own chat template, implementing `ChatModel`.

    Args:
        path: the GGUF file.
        n_ctx: tokens of KV that all sessions share.
        max_sessions: sessions that keep KV at the same time.
        threads: threads of the engine; keep 1 unless nothing else runs on the machine.
        spare_threads: asked before each step for threads that may help, because nothing else wants their cores.
        step_tokens: most tokens in one decode. A reply that begins, or a cancellation, waits for at most one.
        sampling: how to choose tokens; greedy by default, which is what short answers want.
        max_sentences: a reply ends after this many.
        examples: turns that follow a leading system message in every prompt, to show how to answer.
        gpu_layers: layers on the GPU where llama.cpp was built for one; -1 for all.

    Raises:
        ModelError: the file is missing, damaged or not an instruct model.
    """

    def __init__(
        self,
        path: Path,
        *,
        n_ctx: int = 4096,
        max_sessions: int = 16,
        threads: int = 1,
        spare_threads: Callable[[], int] | None = None,
        step_tokens: int = 32,
        sampling: Sampling | None = None,
        max_sentences: int = 3,
        examples: Sequence[Message] = (),
        gpu_layers: int = 0,
    ) -> None:
        self._engine = LlamaEngine(
            path,
            n_ctx=n_ctx,
            max_sessions=max_sessions,
            threads=threads,
            spare_threads=spare_threads,
            step_tokens=step_tokens,
            gpu_layers=gpu_layers,
        )
        try:
            self._template = ChatTemplate(self._engine.model)
        except BaseException:
            self._engine.close()
            raise
        self._sampling = sampling or Sampling()
        self._max_sentences = max_sentences
        self._examples = tuple(examples)

    @property
    def name(self) -> str:
        """The model file's name."""
        return self._engine.model.name

    @property
    def engine(self) -> LlamaEngine:
        """The engine, for its counters."""
        return self._engine

    def pin(self, system: str, *, cache: PromptCache | None = None) -> Future[None]:
        """Compute once and keep what every conversation begins with: the system message and the examples.

        With a `cache` once means once for all runs of the program.
        """
        opening = [Message("system", system), *self._examples]
        a, b = (self._template.tokens([*opening, Message("user", word)]) for word in ("a", "b"))
        return self._engine.pin(a[: common_prefix(a, b)], cache=cache)

    async def prefill(self, messages: Sequence[Message], *, session: str, examples: bool = True) -> None:
        """Build the KV of a prompt while the caller still speaks; returns early when a newer call replaces it.

        Raises:
            ModelError: the template refuses the messages.
            EngineError: the prompt is too long, or the engine is closed or full.
        """
        tokens = self._prompt(messages, max_tokens=1, open_end=True, examples=examples)
        future = self._engine.prefill(tokens, session=session)
        try:
            await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        session: str,
        max_tokens: int = 96,
        grammar: str | None = None,
        on_done: Callable[[Generation], None] | None = None,
        plain: Cleaner | None = None,
        sampling: Sampling | None = None,
        examples: bool = True,
    ) -> AsyncGenerator[str, None]:
        """Stream the reply's text, cleaned for speaking unless there is a grammar.

        Closing the iterator (or cancelling the task that waits for it) stops generation within one step. Old turns are
        left out when the messages do not fit. `on_done` gets the counts and times of the finished generation.
        `plain` takes the place of the cleaning for speech, `sampling` of the model's own; `examples` shows how to
        answer where the messages begin with a system message.

        Raises:
            ModelError: the template refuses the messages.
            PromptTooLongError: what is left without old turns is too long.
            EngineError: the grammar cannot be parsed, or the engine failed or is closed.
        """
        tokens = self._prompt(messages, max_tokens=max_tokens, examples=examples)
        spoken = plain
        if spoken is None and grammar is None:
            spoken = SpokenText(max_sentences=self._max_sentences)
        loop = asyncio.get_running_loop()
        # Bounded by max_tokens: the engine puts at most one item per token.
        pieces: asyncio.Queue[str | None] = asyncio.Queue()

        def put(piece: str | None) -> bool:
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
            except RuntimeError:  # The loop is closed: nobody listens any more.
                return False
            return True

        def on_text(text: str) -> bool:
            piece = text if spoken is None else spoken.feed(text)
            heard = put(piece) if piece else True
            return not heard or (spoken is not None and spoken.done)

        future = self._engine.generate(
            tokens,
            session=session,
            max_tokens=max_tokens,
            sampling=sampling or self._sampling,
            grammar=grammar,
            on_text=on_text,
        )
        future.add_done_callback(lambda _: put(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            try:
                generation = future.result()
            except concurrent.futures.CancelledError:
                raise EngineError("The generation was cancelled") from None
            if spoken is not None and (rest := spoken.finish()):
                yield rest
            if on_done is not None:
                on_done(generation)
        finally:
            future.cancel()

    def release(self, session: str) -> None:
        """Cancel the session's jobs and forget its KV."""
        self._engine.release(session)

    def close(self) -> None:
        """Free the model. Idempotent."""
        self._engine.close()

    def _prompt(
        self, messages: Sequence[Message], *, max_tokens: int, open_end: bool = False, examples: bool = True
    ) -> list[int]:
        """The tokens of the messages, without the oldest turns if they would leave no room for the reply."""
        if not messages:
            raise EngineError("There are no messages to answer")
        room = self._engine.max_prompt - max_tokens
        kept = list(messages)
        first = 0
        if kept[0].role == "system":
            shown = self._examples if examples else ()
            kept[1:1] = shown
            first = 1 + len(shown)
        tokens = self._template.tokens(kept, open_end=open_end)
        while len(tokens) > room and len(kept) > first + 1:
            del kept[first]
            while len(kept) > first + 1 and kept[first].role == "assistant":
                del kept[first]
            tokens = self._template.tokens(kept, open_end=open_end)
        if len(tokens) > room:
            raise PromptTooLongError(f"The prompt has {len(tokens)} tokens, {self.name} has room for {room}")
        return tokens
