"""Where a reply's audio goes when it is no event: a media track."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["AudioSink"]


class AudioSink(Protocol):
    """A track with a playout clock of its own."""

    def add(self, reply: str, audio: NDArray[np.float32], rate: int) -> None:
        """The next audio of a reply: float32 mono, shape `(samples,)`, at `rate` Hz."""

    def end(self, reply: str) -> None:
        """No more audio comes for a reply."""

    def clear(self, reply: str) -> bool:
        """Throw away what waits of a reply; whether any of it was to be heard still."""

    def played_ms(self, reply: str) -> int:
        """How much of a reply was heard."""
