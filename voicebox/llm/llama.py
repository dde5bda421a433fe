"""A GGUF model that serves many sessions from one llama.cpp context in one thread.

Each turn of the loop is one `llama_decode` over all sessions that have something to do: whole prompts to score, the
next token of every reply, a piece of a prompt that is being prepared. Every session keeps its KV, so that a prompt that
grows costs only what is new in it; what all prompts begin with is computed once (`pin`).
"""

from __future__ import annotations

import atexit
import itertools
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError
from voicebox.llm.context import Context
from voicebox.llm.gguf import GgufModel
from voicebox.llm.jobs import Generation, Job, Kind, Stats
from voicebox.llm.prompt_cache import PromptCache, prompt_key
from voicebox.llm.sampling import Sampling
from voicebox.llm.saved_prompt import SavedPrompt
from voicebox.llm.sequences import PINNED, Sequences
from voicebox.llm.steps import Stepper, resolve

__all__ = ["LlamaEngine"]

_log = logging.getLogger(__name__)


class LlamaEngine:
    """The single owner of one llama.cpp context. All methods may be called from any thread and return at once.

    Cancelling a returned future stops its job within one step. Jobs of one session run one after the other; a newer
    job of a session cancels its unfinished `prefill`, a newer `score` its waiting `score`.

    Args:
        path: the GGUF file, or the loaded model, which is the engine's own from then on.
        n_ctx: tokens of KV that all sessions share; at most what a prompt and its reply may hold together.
        max_sessions: sessions that keep KV at the same time (others take the place of the least recently used).
        threads: threads of a decode; keep 1 unless nothing else runs on the machine.
        spare_threads: asked before each decode for threads that may help; see `Context`.
        step_tokens: most tokens in one decode, thus the unit of cancellation and of sharing.
        gpu_layers: layers on the GPU where llama.cpp was built for one; -1 for all (for a path).
        max_pending: jobs that may be unfinished at the same time.

    Raises:
        ModelError: the model cannot be loaded, or writes no text.
        EngineError: the context cannot be made.
    """

    def __init__(
        self,
        path: Path | GgufModel,
        *,
        n_ctx: int = 4096,
        max_sessions: int = 16,
        threads: int = 1,
        spare_threads: Callable[[], int] | None = None,
        step_tokens: int = 256,
        gpu_layers: int = 0,
        max_pending: int = 1024,
    ) -> None:
        self.model = path if isinstance(path, GgufModel) else GgufModel(path, gpu_layers=gpu_layers)
        try:
            self.model.check_writes()
            context = Context(
                self.model,
                n_ctx=n_ctx,
                n_seq=max_sessions + 1,
                n_batch=max(step_tokens, 1),
                threads=threads,
                spare_threads=spare_threads,
            )
        except BaseException:
            self.model.close()
            raise
        self.max_prompt = min(context.n_ctx, self.model.n_ctx_train)
        self.stats = Stats()
        self._stepper = Stepper(self.model, context, Sequences(max_sessions), self.stats, limit=self.max_prompt)
        self._max_pending = max_pending
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._inbox: list[Job | str] = []
        self._unfinished = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"llama-{self.model.name}", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def pending(self) -> int:
        """Jobs that are not finished."""
        return self._unfinished

    def score(
        self, tokens: Sequence[int], ids: Sequence[int], *, session: str, normalized: bool = False
    ) -> Future[NDArray[np.float32]]:
        """Logits of the tokens `ids` after the prompt `tokens`, shape (len(ids),); log-probabilities if `normalized`.

        Raises:
            EngineError: empty or too long a prompt, an unknown token, the engine is closed or full.
        """
        self.model.check_tokens(ids)
        future: Future[NDArray[np.float32]] = Future()
        self._submit(Kind.SCORE, tokens, session, future, ids=tuple(ids), normalized=normalized)
        return future

    def generate(
        self,
        tokens: Sequence[int],
        *,
        session: str,
        max_tokens: int,
        sampling: Sampling | None = None,
        grammar: str | None = None,
        on_text: Callable[[str], bool] | None = None,
    ) -> Future[Generation]:
        """Continue a prompt. `on_text` is called in the engine's thread with whole characters; True stops.

        Raises:
            EngineError: as `score`; a grammar that cannot be parsed fails the future.
        """
        if max_tokens < 1:
            raise EngineError("A generation needs at least one token")
        future: Future[Generation] = Future()
        self._submit(
            Kind.GENERATE,
            tokens,
            session,
            future,
            max_tokens=max_tokens,
            sampling=sampling or Sampling(),
            grammar=grammar,
            on_text=on_text,
        )
        return future

    def prefill(self, tokens: Sequence[int], *, session: str) -> Future[None]:
        """Compute a prompt's KV ahead of its use. Raises EngineError as `score`."""
        future: Future[None] = Future()
        self._submit(Kind.PREFILL, tokens, session, future)
        return future

    def pin(self, tokens: Sequence[int], *, cache: PromptCache | None = None) -> Future[None]:
        """Keep the KV of what all prompts begin with; replaces what was pinned. Raises EngineError as `score`.

        With a `cache` the KV is read from the disk if an earlier run left it there, and left there if not.
        """
        saved = None
        if cache is not None:
            try:
                saved = SavedPrompt(cache, prompt_key("kv", self.model.path, tokens))
            except OSError as error:
                _log.warning("The prompt of %s cannot be kept: %s", self.model.name, error)
        future: Future[None] = Future()
        self._submit(Kind.PREFILL, tokens, PINNED, future, saved=saved)
        return future

    def release(self, session: str) -> None:
        """Cancel the session's jobs and forget its KV."""
        with self._wake:
            if not self._closing:
                self._inbox.append(session)
                self._wake.notify()

    def close(self) -> None:
        """Fail what is unfinished, end the thread, free all memory. Idempotent."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        atexit.unregister(self.close)

    def _submit(self, kind: Kind, tokens: Sequence[int], session: str, future: Future[Any], **fields: Any) -> None:
        if not tokens:
            raise EngineError("The prompt is empty")
        if len(tokens) >= self.max_prompt + (kind is not Kind.GENERATE):
            raise EngineError(f"The prompt has {len(tokens)} tokens, {self.model.name} takes {self.max_prompt}")
        self.model.check_tokens(tokens)
        with self._wake:
            if self._closing:
                raise EngineError(f"The engine of {self.model.name} is closed")
            if self._unfinished >= self._max_pending:
                raise EngineError(f"The engine of {self.model.name} has {self._unfinished} jobs waiting")
            self._unfinished += 1
            self._inbox.append(Job(kind, next(self._order), session, list(tokens), future, **fields))
            self._wake.notify()

    def _run(self) -> None:
        try:
            while self._take():
                try:
                    self._stepper.step()
                except Exception as error:
                    _log.exception("A step of %s failed", self.model.name)
                    self._stepper.fail_all(error)
        finally:
            with self._wake:
                self._closing = True
                left, self._inbox = self._inbox, []
            closed = EngineError(f"The engine of {self.model.name} was closed")
            self._stepper.fail_all(closed)
            for item in left:
                if isinstance(item, Job):
                    resolve(item.future, error=closed)
            self._unfinished = 0
            self._stepper.close()
            self.model.close()

    def _take(self) -> bool:
        """Hand new jobs and releases to the stepper, waiting for some if it has none; False when closing."""
        with self._wake:
            self._unfinished = sum(isinstance(item, Job) for item in self._inbox) + len(self._stepper)
            while not (self._closing or self._inbox or len(self._stepper)):
                self._wake.wait()
            if self._closing:
                return False
            items, self._inbox = self._inbox, []
        for item in items:
            if isinstance(item, Job):
                self._stepper.admit(item)
            else:
                self._stepper.release(item)
        return True
