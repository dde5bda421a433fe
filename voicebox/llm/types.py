"""What the language-model engines give and take."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from voicebox.llm.plain import Cleaner

if TYPE_CHECKING:
    from voicebox.llm.jobs import Generation

__all__ = ["OUT_OF_SCOPE", "ChatModel", "IntentModel", "IntentScore", "Message"]

OUT_OF_SCOPE = "oos"
"""Label of the class for what no skill handles."""


@dataclass(frozen=True, slots=True)
class IntentScore:
    """What the intent model thinks of a text.

    `ranked` holds (label, probability), calibrated, most likely first, with `OUT_OF_SCOPE` as one of the labels.
    `complete` is the probability that the speaker has said all of the request; `in_scope` is 1 − P(out of scope);
    `accepted` says whether `in_scope` passes the threshold that was calibrated with the model. `vector` is the text as
    the model sees it, float32 of one width, where the model can give it: texts of like meaning have like vectors.
    """

    ranked: tuple[tuple[str, float], ...]
    in_scope: float
    complete: float
    accepted: bool
    ms: float
    vector: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    @property
    def intent(self) -> str:
        """The best label, out of scope included."""
        return self.ranked[0][0]

    @property
    def confidence(self) -> float:
        """The best label's calibrated probability."""
        return self.ranked[0][1]


class IntentModel(Protocol):
    """Scores growing texts; sessions share one context, each with its own KV sequence."""

    @property
    def labels(self) -> Sequence[str]:
        """All labels, out of scope included."""

    @property
    def threshold(self) -> float:
        """P(in scope) from which a text is accepted."""

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        """Score a text, normalized inside. A session's new call cancels its waiting one."""

    def release(self, session: str) -> None:
        """Forget the session's KV."""

    def close(self) -> None:
        """Free the model. Idempotent."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatModel(Protocol):
    """An instruct model that answers in a few spoken sentences."""

    @property
    def name(self) -> str:
        """The model's name in the catalog or its file."""

    async def prefill(self, messages: Sequence[Message], *, session: str, examples: bool = True) -> None:
        """Build the KV of a prompt while the caller still speaks. Lowest priority; a newer call replaces it."""

    def stream(
        self,
        messages: Sequence[Message],
        *,
        session: str,
        max_tokens: int = 96,
        grammar: str | None = None,
        on_done: Callable[[Generation], None] | None = None,
        plain: Cleaner | None = None,
        examples: bool = True,
    ) -> AsyncGenerator[str, None]:
        """Stream the reply's text. Closing the generator (or cancelling the task) stops generation within one step.

        `on_done` gets the counts of a finished generation; `plain` cleans the text instead of the model's own cleaning
        for speech; `examples` shows the model how to answer.
        """

    def release(self, session: str) -> None:
        """Forget the session's KV."""
