"""A constant offset (DC) in live audio: cheap sound cards and some gateways have one, and models do not expect it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["OffsetRemover"]

_SHARE = 0.06
"""How far the estimate moves towards a block's mean: with blocks of 32 ms it follows in half a second, and a deep
voice's own movements average out."""
_LEAST = 0.005
"""An offset below this is left as it is: the audio then stays what it was, bit for bit."""


class OffsetRemover:
    """Follows the mean of a stream, and subtracts it once it is more than voices have.

    The first block sets the estimate at once: an offset is there from the beginning of a stream.
    """

    def __init__(self) -> None:
        self._offset: float | None = None

    @property
    def offset(self) -> float:
        """The present estimate, in full scales."""
        return self._offset or 0.0

    def remove(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The next block of the stream, shape `(samples,)`, without its offset; the block itself is not changed."""
        if not len(block):
            return block
        mean = float(block.mean())
        before = mean if self._offset is None else self._offset
        self._offset = after = before + _SHARE * (mean - before)
        if max(abs(before), abs(after)) < _LEAST:
            return block
        return block - np.linspace(before, after, len(block), endpoint=False, dtype=np.float32)
