"""Which session has which tokens in the KV cache: pure bookkeeping, without llama.cpp.

Every session has one sequence of the context. A prompt keeps the longest prefix that its sequence already holds, or
takes over a longer one from the pinned sequence or, when its own is of no use, from another session's: in a unified KV
cache a copy only marks cells, it costs nothing. What must be done to the real cache is returned as effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["PINNED", "Copy", "Drop", "Effect", "Placement", "Sequences", "common_prefix"]

PINNED = "\0pinned"
"""The session that owns the pinned sequence: never evicted, never counted among the sessions."""
_PINNED_SEQ = 0


@dataclass(frozen=True, slots=True)
class Drop:
    """Remove the tokens of `sequence` from position `start` on."""

    sequence: int
    start: int


@dataclass(frozen=True, slots=True)
class Copy:
    """Give `target`, which is empty, the first `end` tokens of `source`."""

    source: int
    target: int
    end: int


Effect = Drop | Copy


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a prompt goes: its sequence, how many of its tokens are already there, what to do first."""

    sequence: int
    keep: int
    effects: tuple[Effect, ...]
    evicted: str | None = None


@dataclass(slots=True)
class _Slot:
    tokens: list[int] = field(default_factory=list)
    session: str | None = None
    used: int = 0
    held: bool = False


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the longest common prefix."""
    end = min(len(a), len(b))
    if a[:end] == b[:end]:
        return end
    return next(i for i in range(end) if a[i] != b[i])


class Sequences:
    """The sequences of one context.

    Args:
        max_sessions: how many sessions may have KV at the same time (one more sequence is for the pinned prompt).
    """

    def __init__(self, max_sessions: int) -> None:
        self._slots = [_Slot() for _ in range(max_sessions + 1)]
        self._slots[_PINNED_SEQ].session = PINNED
        self._of: dict[str, int] = {PINNED: _PINNED_SEQ}
        self._clock = 0

    def __len__(self) -> int:
        return len(self._slots)

    def tokens(self, sequence: int) -> Sequence[int]:
        """What the KV cache holds for a sequence."""
        return self._slots[sequence].tokens

    def filled(self, sequence: int) -> int:
        """How many tokens the KV cache holds for a sequence."""
        return len(self._slots[sequence].tokens)

    @property
    def pinned(self) -> int:
        """How many tokens are pinned."""
        return self.filled(_PINNED_SEQ)

    def sequence_of(self, session: str) -> int | None:
        """The session's sequence; None if it has none."""
        return self._of.get(session)

    def cells_for(self, tokens: Sequence[int]) -> int:
        """How many cells a prompt needs besides those of the pinned sequence."""
        return len(tokens) - common_prefix(self._slots[_PINNED_SEQ].tokens, tokens)

    def place(self, session: str, tokens: Sequence[int], *, recompute_last: bool) -> Placement | None:
        """Give a session's prompt its sequence and hold it; None if every sequence is held by others.

        `recompute_last` leaves the last token out of what is kept, for its logits. The least recently used sequence
        that is not held is taken over if none is free. The caller performs the effects in order.
        """
        effects: list[Effect] = []
        evicted = None
        sequence = self._of.get(session)
        if sequence is None:
            sequence = self._free()
            if sequence is None:
                sequence = self._least_used()
                if sequence is None:
                    return None
                evicted = self._slots[sequence].session
                effects += self.drop(sequence)
            self._of[session] = sequence
            self._slots[sequence].session = session
        slot = self._slots[sequence]
        slot.held = True
        self._touch(slot)
        limit = len(tokens) - 1 if recompute_last else len(tokens)
        own = min(common_prefix(slot.tokens, tokens), limit)
        donor, shared = self._donor(sequence, tokens, alone=own == 0)
        shared = min(shared, limit)
        if shared > own:
            effects += [*self._cut(sequence, 0), Copy(donor, sequence, shared)]
            slot.tokens = list(tokens[:shared])
            return Placement(sequence, shared, tuple(effects), evicted)
        effects += self._cut(sequence, own)
        return Placement(sequence, own, tuple(effects), evicted)

    def append(self, sequence: int, tokens: Sequence[int]) -> None:
        """The cache now holds these tokens too."""
        slot = self._slots[sequence]
        slot.tokens.extend(tokens)
        self._touch(slot)

    def unhold(self, session: str) -> None:
        """The session's job is over: its sequence may be evicted."""
        sequence = self._of.get(session)
        if sequence is not None:
            self._slots[sequence].held = False

    def drop(self, sequence: int) -> tuple[Effect, ...]:
        """Forget all that a sequence holds and, unless it is pinned, whose it is."""
        effects = self._cut(sequence, 0)
        slot = self._slots[sequence]
        slot.held = False
        if sequence != _PINNED_SEQ and slot.session is not None:
            del self._of[slot.session]
            slot.session = None
        return effects

    def forget(self, sequence: int) -> tuple[Effect, ...]:
        """Forget all that a sequence holds; it stays whose it is, and held."""
        return self._cut(sequence, 0)

    def evict(self) -> tuple[str, tuple[Effect, ...]] | None:
        """Drop the least recently used sequence that holds tokens and is not held; None if there is none."""
        sequence = self._least_used(filled=True)
        if sequence is None:
            return None
        session = self._slots[sequence].session or ""
        return session, self.drop(sequence)

    def _cut(self, sequence: int, start: int) -> tuple[Effect, ...]:
        slot = self._slots[sequence]
        if len(slot.tokens) <= start:
            return ()
        del slot.tokens[start:]
        return (Drop(sequence, start),)

    def _free(self) -> int | None:
        return next((i for i, slot in enumerate(self._slots) if slot.session is None), None)

    def _least_used(self, *, filled: bool = False) -> int | None:
        idle = [
            (slot.used, i)
            for i, slot in enumerate(self._slots)
            if i != _PINNED_SEQ and slot.session is not None and not slot.held and (slot.tokens or not filled)
        ]
        return min(idle)[1] if idle else None

    def _donor(self, target: int, tokens: Sequence[int], *, alone: bool) -> tuple[int, int]:
        """The sequence to copy from and how much; others than the pinned one only if the target has nothing."""
        best = (_PINNED_SEQ, 0)
        for i, slot in enumerate(self._slots):
            if i != target and (i == _PINNED_SEQ or alone) and len(slot.tokens) > best[1]:
                shared = common_prefix(slot.tokens, tokens)
                if shared > best[1]:
                    best = (i, shared)
        return best

    def _touch(self, slot: _Slot) -> None:
        self._clock += 1
        slot.used = self._clock
