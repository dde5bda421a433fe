"""A llama.cpp batch that cannot abort the process: everything is checked before the call.

llama.cpp ends the process on a batch larger than `n_batch` and on logits that were not asked for, and refuses unknown
tokens, unknown sequences and gaps between positions. Here all of these are an EngineError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as _c
import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError

__all__ = ["Batch"]


class Batch:
    """Tokens of several sequences for one `llama_decode`.

    Args:
        capacity: most tokens in one call (the context's `n_batch`).
        n_vocab: size of the vocabulary.
        n_seq: number of sequences of the context.
    """

    def __init__(self, *, capacity: int, n_vocab: int, n_seq: int) -> None:
        if capacity < 1 or n_vocab < 1 or n_seq < 1:
            raise EngineError("A batch needs room for a token, a vocabulary and a sequence")
        self.capacity = capacity
        self.n_vocab = n_vocab
        self.n_seq = n_seq
        self._next: dict[int, int] = {}
        self._outputs: set[int] = set()
        self._decoded = False
        self._raw: Any = _c.llama_batch_init(capacity, 0, 1)
        # Views of llama.cpp's arrays: a pointer's attribute costs a microsecond in each token.
        self._token, self._pos, self._count = (
            np.ctypeslib.as_array(pointer, shape=(capacity,))
            for pointer in (self._raw.token, self._raw.pos, self._raw.n_seq_id)
        )
        self._logits = np.ctypeslib.as_array(self._raw.logits, shape=(capacity,))
        self._sequence: list[Any] = [self._raw.seq_id[index] for index in range(capacity)]
        self._count[:] = 1
        self._freed = False

    def __len__(self) -> int:
        return int(self._raw.n_tokens)

    @property
    def room(self) -> int:
        """How many tokens still fit."""
        return self.capacity - len(self)

    def clear(self) -> None:
        """Empty the batch; indices of outputs become invalid."""
        self._raw.n_tokens = 0
        self._next.clear()
        self._outputs.clear()
        self._decoded = False

    def add(self, token: int, position: int, sequence: int, *, filled: int, logits: bool = False) -> int:
        """Add a token and return its index.

        `filled` is the number of tokens that the sequence already has in the KV cache: the first token of a sequence in
        a batch must stand right behind them, each further one right behind the last.

        Raises:
            EngineError: the batch is full, or token, sequence or position is impossible.
        """
        index = len(self)
        if self._decoded:
            raise EngineError("The batch was decoded and not cleared")
        if index >= self.capacity:
            raise EngineError(f"More than {self.capacity} tokens in one batch")
        if not 0 <= token < self.n_vocab:
            raise EngineError(f"Token {token} is not in the vocabulary of {self.n_vocab}")
        if not 0 <= sequence < self.n_seq:
            raise EngineError(f"Sequence {sequence} is not one of {self.n_seq}")
        expected = self._next.get(sequence, filled)
        if position != expected:
            raise EngineError(f"Position {position} of sequence {sequence} does not follow {expected - 1}")
        self._token[index] = token
        self._pos[index] = position
        self._sequence[index][0] = sequence
        self._logits[index] = logits
        self._raw.n_tokens = index + 1
        self._next[sequence] = position + 1
        if logits:
            self._outputs.add(index)
        return index

    def extend(self, tokens: Sequence[int], sequence: int) -> None:
        """Add a whole text at position 0 of a sequence that has nothing yet, with an output of each token.

        Raises:
            EngineError: the text is empty, the batch is full, or a token or the sequence is impossible.
        """
        start, end = len(self), len(self) + len(tokens)
        if self._decoded:
            raise EngineError("The batch was decoded and not cleared")
        if not tokens:
            raise EngineError("A text without tokens")
        if end > self.capacity:
            raise EngineError(f"More than {self.capacity} tokens in one batch")
        if min(tokens) < 0 or max(tokens) >= self.n_vocab:
            raise EngineError(f"A token of {min(tokens)} to {max(tokens)} is not in the vocabulary of {self.n_vocab}")
        if not 0 <= sequence < self.n_seq:
            raise EngineError(f"Sequence {sequence} is not one of {self.n_seq}")
        if sequence in self._next:
            raise EngineError(f"Position 0 of sequence {sequence} does not follow {self._next[sequence] - 1}")
        self._token[start:end] = tokens
        self._pos[start:end] = np.arange(end - start)
        self._logits[start:end] = True
        for pointer in self._sequence[start:end]:
            pointer[0] = sequence
        self._raw.n_tokens = end
        self._next[sequence] = end - start
        self._outputs.update(range(start, end))

    def decode(self, context: Any) -> int:
        """Run llama_decode and return its code: 0 done, 1 the KV cache is full (nothing changed), else an error."""
        if not len(self):
            raise EngineError("The batch is empty")
        if int(_c.llama_n_batch(context)) < len(self):
            raise EngineError("The batch is larger than the context's")
        code = int(_c.llama_decode(context, self._raw))
        self._decoded = code == 0
        return code

    def encode(self, context: Any) -> int:
        """Run llama_encode, for contexts of encoders, and return its code: 0 done, else an error."""
        if not len(self):
            raise EngineError("The batch is empty")
        if int(_c.llama_n_batch(context)) < len(self):
            raise EngineError("The batch is larger than the context's")
        code = int(_c.llama_encode(context, self._raw))
        self._decoded = code == 0
        return code

    def check_output(self, index: int) -> None:
        """Raise EngineError unless logits of batch index `index` were asked for and computed."""
        if not self._decoded or index not in self._outputs:
            raise EngineError(f"The batch has no logits at {index}")

    def logits(self, context: Any, index: int) -> NDArray[np.float32]:
        """Logits at a batch index, shape (n_vocab,): a view that the next decode overwrites."""
        self.check_output(index)
        pointer = _c.llama_get_logits_ith(context, index)
        if not pointer:
            raise EngineError(f"llama.cpp gave no logits at {index}")
        return np.ctypeslib.as_array(pointer, shape=(self.n_vocab,))

    def close(self) -> None:
        """Free the memory. Idempotent."""
        if not self._freed:
            self._freed = True
            del self._token, self._pos, self._count, self._logits, self._sequence
            _c.llama_batch_free(self._raw)
