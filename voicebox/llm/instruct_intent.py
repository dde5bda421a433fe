"""Any instruct GGUF as an intent model: the skills' declarations as its prompt, the label's tokens as its answer.

Nothing is generated: the probabilities of the tokens with which the labels go on are read from the logits (see
`label_trie.py`), and whether the sentence is over from the probability that the message ends where it ends. That is
two or three short decodes behind a prompt whose KV all sessions share.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from voicebox.errors import EngineError, ModelError
from voicebox.llm.gguf import GgufModel
from voicebox.llm.instruct_calibration import Calibration, fit
from voicebox.llm.instruct_prompt import Example, InstructPrompt, check_room, examples
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.label_scoring import LabelScorer, Reading
from voicebox.llm.label_trie import LabelTrie
from voicebox.llm.llama import LlamaEngine
from voicebox.llm.prompt_cache import PromptCache, prompt_key
from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.skills.types import Intent

__all__ = ["InstructIntentModel"]

_log = logging.getLogger(__name__)

_MAX_WORDS = 48
_SESSION_TOKENS = 96
_AT_ONCE = 8


class InstructIntentModel:
    """An instruct GGUF, or a base model, implementing `IntentModel` for the intents of the skills.

    Loading reads the prompt and calibrates on the skills' own examples: some two thousand tokens. A text of more than
    48 words is judged by its last words.

    Args:
        path: the GGUF file.
        intents: what the skills declare.
        max_sessions: sessions that keep KV at the same time.
        threads: threads of the engine; keep 1 unless nothing else runs on the machine.
        gpu_layers: layers on the GPU where llama.cpp was built for one; -1 for all.
        cache: keeps the KV of the prompt and the calibration for the next start.

    Raises:
        ModelError: the file is missing, damaged, not a language model, or its context is too small for the prompt.
        EngineError: the model gives no usable logits.
    """

    def __init__(
        self,
        path: Path,
        intents: Sequence[Intent],
        *,
        max_sessions: int = 16,
        threads: int = 1,
        gpu_layers: int = 0,
        cache: PromptCache | None = None,
    ) -> None:
        if not intents:
            raise ModelError("An instruct model needs intents to choose from", cure="Enable a skill.")
        shown, kept = examples(intents)
        model = GgufModel(path, gpu_layers=gpu_layers)
        try:
            model.check_writes()
            prompt = InstructPrompt(model, intents, shown)
            trie = LabelTrie(prompt.label_tokens, end=prompt.end)
            check_room(prompt, room=model.n_ctx_train, name=model.name)
        except BaseException:
            model.close()
            raise
        self._engine = LlamaEngine(
            model,
            n_ctx=len(prompt.pinned) + _SESSION_TOKENS * (max_sessions + 1),
            max_sessions=max_sessions,
            threads=threads,
        )
        self._labels = prompt.labels
        self._scorer = LabelScorer(self._engine, prompt, trie)
        try:
            began = time.perf_counter()
            self._engine.pin(prompt.pinned, cache=cache).result()
            self._calibration = self._calibrated(prompt, kept, cache, at_once=min(_AT_ONCE, max_sessions))
            _log.info(
                "%s knows %d intents: %d tokens and %d sentences in %.1f s",
                self._engine.model.name,
                len(intents),
                len(prompt.pinned),
                len(kept),
                time.perf_counter() - began,
            )
        except BaseException:
            self._engine.close()
            raise

    @property
    def labels(self) -> Sequence[str]:
        """The names of the intents, then out of scope."""
        return self._labels

    @property
    def threshold(self) -> float:
        """P(in scope) from which a text is accepted."""
        return self._calibration.threshold

    @property
    def calibration(self) -> Calibration:
        """What was fitted on the skills' examples."""
        return self._calibration

    @property
    def engine(self) -> LlamaEngine:
        """The engine, for its counters."""
        return self._engine

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        """Score a text; a new call of a session cancels its unfinished one. Cancelling the future stops the work.

        Raises:
            EngineError: the engine is closed or has too many jobs.
        """
        began = time.perf_counter()
        outer: Future[IntentScore] = Future()
        # A text without words still needs a token to be judged by.
        words = normalize_text(text).split()[-_MAX_WORDS:] or ["."]
        inner = self._scorer.read(" ".join(words), session=session)

        def finish(done: Future[Reading]) -> None:
            if done.cancelled():
                outer.cancel()
            if not outer.set_running_or_notify_cancel():
                return
            error = done.exception()
            if error is not None:
                outer.set_exception(error)
            else:
                outer.set_result(self._score(done.result(), ms=(time.perf_counter() - began) * 1000))

        outer.add_done_callback(lambda future: inner.cancel() if future.cancelled() else None)
        inner.add_done_callback(finish)
        return outer

    def release(self, session: str) -> None:
        """Cancel the session's score and forget its KV."""
        self._scorer.release(session)

    def close(self) -> None:
        """Free the model. Idempotent."""
        self._engine.close()

    def _score(self, reading: Reading, *, ms: float) -> IntentScore:
        labels = self._calibration.apply(reading.labels)
        in_scope = 1.0 - float(labels[self._labels.index(OUT_OF_SCOPE)])
        order = np.argsort(-labels, kind="stable")
        return IntentScore(
            ranked=tuple((self._labels[i], float(labels[i])) for i in order),
            in_scope=in_scope,
            complete=self._calibration.complete(reading.ends),
            accepted=in_scope >= self.threshold,
            ms=ms,
        )

    def _calibrated(
        self, prompt: InstructPrompt, kept: Sequence[Example], cache: PromptCache | None, *, at_once: int
    ) -> Calibration:
        """The calibration of an earlier start, or a new one."""
        if cache is None:
            return self._calibrate(kept, at_once=at_once)
        key = prompt_key("calibration 1", self._engine.model.path, prompt.pinned, repr((self._labels, kept)))
        saved = cache.get(key)
        if saved is not None:
            try:
                return Calibration.from_json(saved, labels=len(self._labels))
            except ValueError as error:
                _log.warning("The saved calibration of %s is made again: %s", self._engine.model.name, error)
        calibration = self._calibrate(kept, at_once=at_once)
        cache.put(key, calibration.to_json().encode())
        return calibration

    def _calibrate(self, kept: Sequence[Example], *, at_once: int) -> Calibration:
        """Read sentences that the prompt does not show, cut and whole, and fit on what comes of them."""
        readings: list[Reading] = []
        ends: list[float] = []
        whole: list[bool] = []
        for start in range(0, len(kept), at_once):
            group = kept[start : start + at_once]
            names = [f"\0calibration {n}" for n in range(len(group))]
            halves = [item.text.split()[: len(item.text.split()) // 2] for item in group]
            # Cut first: the whole sentence then finds its KV.
            cut = [
                self._scorer.ends(" ".join(half), session=name)
                for half, name in zip(halves, names, strict=True)
                if len(half) > 1
            ]
            ends += [float(np.exp(future.result().astype(np.float64)).sum()) for future in cut]
            futures = [self._scorer.read(item.text, session=name) for item, name in zip(group, names, strict=True)]
            whole += [False] * len(cut) + [True] * len(group)
            found = [future.result() for future in futures]
            ends += [reading.ends for reading in found]
            readings += found
            for name in names:
                self._scorer.release(name)
        if not np.isfinite(ends).all():
            raise EngineError(f"The model {self._engine.model.name} gives no usable logits")
        return fit(
            np.stack([reading.labels for reading in readings]),
            [self._labels.index(item.label) for item in kept],
            ends,
            whole,
            out_of_scope=self._labels.index(OUT_OF_SCOPE),
        )
