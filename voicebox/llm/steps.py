"""One step of a llama.cpp engine: choose what runs, decode it together, hand out the results.

Runs in the engine's thread only. A failing job is failed alone: its sequence is dropped and the others go on.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError
from voicebox.llm.context import Context
from voicebox.llm.gguf import GgufModel
from voicebox.llm.jobs import Finish, Job, Kind, Stats
from voicebox.llm.sampling import Sampler
from voicebox.llm.sequences import Sequences

__all__ = ["Stepper", "resolve"]

_log = logging.getLogger(__name__)
_KV_FULL = 1
_SHARE_BESIDE_OTHERS = 4
"""A prefill gets at most this fraction (1/n) of a step that others wait for."""


def resolve(future: Future[Any], result: Any = None, *, error: BaseException | None = None) -> None:
    """Set a future's outcome unless it was cancelled."""
    if future.set_running_or_notify_cancel():
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


@dataclass(slots=True)
class _Part:
    """What a job has in the batch: `count` tokens of its feed; `output` is the batch index of its logits, if wanted."""

    job: Job
    sequence: int
    start: int
    count: int
    output: int | None


class Stepper:
    """The unfinished jobs of one context, and how they advance.

    Args:
        model: the weights.
        context: its context, owned from now on.
        sequences: the bookkeeping of the context's KV cache.
        stats: counters to keep.
        limit: most tokens of one prompt with its reply.
    """

    def __init__(self, model: GgufModel, context: Context, sequences: Sequences, stats: Stats, *, limit: int) -> None:
        self._model = model
        self._context = context
        self._sequences = sequences
        self._stats = stats
        self._limit = limit
        self._jobs: list[Job] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def admit(self, job: Job) -> None:
        """Take a job in; what it makes pointless is cancelled."""
        for other in self._jobs:
            if other.session == job.session and (
                other.kind is Kind.PREFILL or (other.kind is Kind.SCORE and job.kind is Kind.SCORE)
            ):
                other.future.cancel()
        self._jobs.append(job)

    def release(self, session: str) -> None:
        """Cancel a session's jobs and drop its KV."""
        for job in [job for job in self._jobs if job.session == session]:
            job.future.cancel()
            self._leave(job)
        self._drop(session)

    def fail_all(self, error: BaseException) -> None:
        """Fail every job and start over with an empty KV cache (but for what is pinned, which is dropped too)."""
        for job in list(self._jobs):
            self._leave(job)
            resolve(job.future, error=_as_engine_error(error))
        for sequence in range(len(self._sequences)):
            self._sequences.drop(sequence)
        self._context.reset()

    def close(self) -> None:
        """Free the context."""
        self._context.close()

    def step(self) -> None:
        """Advance as many jobs as fit into one decode."""
        for job in [job for job in self._jobs if job.future.cancelled()]:
            self._leave(job)
        if not self._jobs:
            return
        parts = self._fill()
        if not parts:
            return
        if not self._decode(parts):
            return
        self._stats.steps += 1
        for part in parts:
            self._sequences.append(part.sequence, part.job.feed[part.start : part.start + part.count])
            self._stats.decoded_tokens += part.count
        for part in parts:
            try:
                self._advance(part)
            except Exception as error:
                self._fail(part.job, error)

    def _fill(self) -> list[_Part]:
        """Put the tokens of the jobs that are first in their sessions into the batch."""
        self._context.batch.clear()
        heads: dict[str, Job] = {}
        for job in self._jobs:
            heads.setdefault(job.session, job)
        parts: list[_Part] = []
        stuck = True
        for job in sorted(heads.values(), key=_turn):
            room = self._context.batch.room
            if room == 0:
                break
            if job.blocked:
                continue
            if job.kind is Kind.PREFILL and parts:
                room = min(room, max(1, self._context.batch.capacity // _SHARE_BESIDE_OTHERS))
            try:
                part = self._add(job, room)
            except Exception as error:
                # What is in the batch may be half a job: give this step up, the next one starts afresh.
                self._fail(job, error)
                return []
            stuck = stuck and part is None and job in self._jobs
            if part is not None:
                parts.append(part)
        if stuck:
            raise EngineError("No job can advance")
        return parts

    def _add(self, job: Job, room: int) -> _Part | None:
        """Add up to `room` tokens of a job; None if it must wait or has nothing left to decode."""
        if job.sequence is None and not self._place(job):
            return None
        sequence = job.sequence
        assert sequence is not None
        filled = self._sequences.filled(sequence)
        tokens = job.feed[filled : filled + room]
        if not tokens:
            self._finish(job, None)
            return None
        last = filled + len(tokens) == len(job.feed) and job.kind is not Kind.PREFILL
        output = None
        for offset, token in enumerate(tokens):
            wanted = last and offset == len(tokens) - 1
            index = self._context.batch.add(token, filled + offset, sequence, filled=filled, logits=wanted)
            output = index if wanted else None
        return _Part(job, sequence, filled, len(tokens), output)

    def _place(self, job: Job) -> bool:
        """Give the job its sequence; False if all are held by others."""
        if self._sequences.cells_for(job.feed) >= self._context.n_ctx - self._sequences.pinned + 1:
            raise EngineError(f"The prompt has {len(job.feed)} tokens, too many beside the pinned prompt")
        placement = self._sequences.place(job.session, job.feed, recompute_last=job.kind is not Kind.PREFILL)
        if placement is None:
            return False
        self._context.apply(placement.effects)
        job.sequence = placement.sequence
        self._stats.evictions += placement.evicted is not None
        if job.saved is not None and placement.keep < len(job.feed):
            restored = job.saved.restore(self._context, self._sequences, job.sequence, job.feed)
            self._stats.restored_tokens += restored * len(job.feed)
        if job.reused is None:
            job.reused = placement.keep
            self._stats.reused_tokens += placement.keep
        if job.kind is Kind.GENERATE and job.sampler is None:
            job.sampler = Sampler(self._model, job.sampling, grammar=job.grammar)
        return True

    def _decode(self, parts: list[_Part]) -> bool:
        """Decode the batch, making room in the KV cache as long as that is needed; False if nothing was decoded."""
        while (code := self._context.decode()) == _KV_FULL:
            evicted = self._sequences.evict()
            if evicted is None:
                self._preempt(parts)
                return False
            self._context.apply(evicted[1])
            self._stats.evictions += 1
        if code == 0:
            return True
        _log.error("llama_decode of %s failed with %d", self._model.name, code)
        for part in parts:
            self._fail(part.job, EngineError(f"llama.cpp could not decode the batch (code {code})"))
        return False

    def _preempt(self, parts: list[_Part]) -> None:
        """The running jobs do not fit together: the last of them gives its KV up until another one is done."""
        holders = [job for job in self._jobs if job.sequence is not None]
        victim = max(holders, key=_turn)
        if len(holders) > 1:
            victim.blocked = True
        elif victim.restarted:
            self._fail(victim, EngineError("The KV cache is too small for this prompt and its reply"))
            return
        victim.restarted = len(holders) == 1
        self._stats.preemptions += 1
        self._drop(victim.session)
        victim.sequence = None

    def _advance(self, part: _Part) -> None:
        """Take a job's result out of the decoded batch."""
        job = part.job
        if part.output is None:
            if job.kind is Kind.PREFILL and part.start + part.count == len(job.feed):
                if job.saved is not None:
                    job.saved.save(self._context, part.sequence)
                self._finish(job, None)
            return
        logits = self._context.logits(part.output)
        if job.kind is Kind.SCORE:
            chosen = logits[np.asarray(job.ids, dtype=np.intp)].copy()
            self._finish(job, chosen - _log_sum_exp(logits) if job.normalized else chosen)
            return
        assert job.sampler is not None
        token = job.sampler.choose(logits)
        if job.first_token is None:
            job.first_token = time.monotonic()
        if self._model.is_end(token):
            self._end(job, "end")
            return
        job.feed.append(token)
        self._stats.generated_tokens += 1
        if job.emit(self._model.piece(token)):
            self._end(job, "stopped")
        elif job.generated >= job.max_tokens or self._is_full(job):
            self._end(job, "length")

    def _is_full(self, job: Job) -> bool:
        """Whether another token of the job would not fit."""
        cells = self._sequences.cells_for(job.feed) + self._sequences.pinned
        return len(job.feed) >= self._limit or cells > self._context.n_ctx

    def _end(self, job: Job, finish: Finish) -> None:
        if not job.future.cancelled():
            job.emit(b"", final=True)
        self._finish(job, job.result(finish))

    def _finish(self, job: Job, result: Any) -> None:
        self._leave(job)
        resolve(job.future, result)

    def _fail(self, job: Job, error: BaseException) -> None:
        """Fail one job; its KV is dropped, as it may not be what the bookkeeping says."""
        self._stats.failures += 1
        if not isinstance(error, EngineError):
            _log.error("A job of %s failed", self._model.name, exc_info=error)
        self._leave(job)
        self._drop(job.session)
        resolve(job.future, error=_as_engine_error(error))

    def _leave(self, job: Job) -> None:
        """The job is over, however it ended; those that waited for its room may try again."""
        if job not in self._jobs:
            return
        self._jobs.remove(job)
        job.close()
        if job.sequence is not None:
            self._sequences.unhold(job.session)
        for other in self._jobs:
            other.blocked = False

    def _drop(self, session: str) -> None:
        sequence = self._sequences.sequence_of(session)
        if sequence is not None:
            self._context.apply(self._sequences.drop(sequence))


def _turn(job: Job) -> tuple[int, int, int]:
    """Order in a step: scores, replies under way, replies that begin, prefills; then first come, first served."""
    return (job.kind, job.generated == 0, job.order)


def _log_sum_exp(logits: NDArray[np.float32]) -> np.float32:
    top = logits.max()
    return np.float32(top + np.log(np.exp(logits - top).sum(dtype=np.float64)))


def _as_engine_error(error: BaseException) -> EngineError:
    return error if isinstance(error, EngineError) else EngineError(f"The language model engine failed: {error!r}")
