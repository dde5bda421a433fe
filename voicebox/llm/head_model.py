"""An intent model with a classifier of examples beside it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from voicebox.errors import EngineError
from voicebox.llm.example_head import ExampleHead
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel, IntentScore

__all__ = ["HeadIntentModel"]

_LIKELIER = 0.5


class HeadIntentModel:
    """Implements `IntentModel`: P(new) from the classifier, and of what it leaves over the model's P as before.

    Args:
        base: scores texts; is closed with this one.
        head: knows the new intents, or more sentences of the same ones.
    """

    def __init__(self, base: IntentModel, head: ExampleHead) -> None:
        self._base = base
        self._head = head
        self._labels = tuple(dict.fromkeys((*base.labels, *head.labels)))

    @property
    def labels(self) -> Sequence[str]:
        """The model's labels, then the new ones."""
        return self._labels

    @property
    def threshold(self) -> float:
        """P(in scope) from which a text is accepted."""
        return self._base.threshold

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        """Score a text; see the base's `score`."""
        inner = self._base.score(text, session=session)
        outer: Future[IntentScore] = Future()

        def finish(done: Future[IntentScore]) -> None:
            if done.cancelled():
                outer.cancel()
            if not outer.set_running_or_notify_cancel():
                return
            if (error := done.exception()) is not None:
                outer.set_exception(error)
                return
            try:
                outer.set_result(self._mixed(normalize_text(text), done.result()))
            except EngineError as failure:
                outer.set_exception(failure)

        outer.add_done_callback(lambda future: inner.cancel() if future.cancelled() else None)
        inner.add_done_callback(finish)
        return outer

    def release(self, session: str) -> None:
        """Forget the session."""
        self._base.release(session)

    def close(self) -> None:
        """Free the model. Idempotent."""
        self._base.close()

    def _mixed(self, text: str, score: IntentScore) -> IntentScore:
        *new, left = self._head.probabilities(text, score.vector).tolist()
        shares = {name: p * left for name, p in score.ranked}
        for name, p in zip(self._head.labels, new, strict=True):
            shares[name] = shares.get(name, 0.0) + p
        in_scope = 1.0 - shares[OUT_OF_SCOPE]
        ranked = sorted(shares.items(), key=lambda pair: -pair[1])
        best = next((name for name, _ in ranked if name != OUT_OF_SCOPE), OUT_OF_SCOPE)
        # The base's threshold is made for its own probabilities.
        needed = max(self.threshold, _LIKELIER) if best in self._head.labels else self.threshold
        return IntentScore(
            ranked=tuple(ranked),
            in_scope=in_scope,
            complete=score.complete,
            accepted=in_scope >= needed,
            ms=score.ms,
            vector=score.vector,
        )
