from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from voicebox.llm.sequences import PINNED, Copy, Drop, Effect, Sequences, common_prefix

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=8)
SESSIONS = st.sampled_from("abcde")


class Cache:
    """What a KV cache would hold if it did just what the effects say."""

    def __init__(self, n_seq: int) -> None:
        self.held: list[list[int]] = [[] for _ in range(n_seq)]

    def apply(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Drop):
                assert effect.start < len(self.held[effect.sequence])
                del self.held[effect.sequence][effect.start :]
            else:
                assert not self.held[effect.target], "a copy lands in an empty sequence"
                assert effect.end <= len(self.held[effect.source])
                self.held[effect.target] = self.held[effect.source][: effect.end]


class SequencesMachine(RuleBasedStateMachine):
    """Any order of requests leaves the bookkeeping equal to the cache."""

    def __init__(self) -> None:
        super().__init__()
        self.sequences = Sequences(3)
        self.cache = Cache(len(self.sequences))
        self.held: set[str] = set()

    def run(self, session: str, tokens: list[int], *, recompute_last: bool, decode: bool) -> None:
        held_others = self.held - {session, PINNED}
        placement = self.sequences.place(session, tokens, recompute_last=recompute_last)
        if placement is None:
            assert len(held_others) == 3
            return
        self.held.add(session)
        assert placement.evicted not in self.held
        self.cache.apply(placement.effects)
        assert self.cache.held[placement.sequence] == tokens[: placement.keep]
        assert placement.keep <= len(tokens) - recompute_last
        if decode:
            self.cache.held[placement.sequence] = list(tokens)
            self.sequences.append(placement.sequence, tokens[placement.keep :])

    @rule(session=SESSIONS, tokens=TOKENS, recompute_last=st.booleans(), decode=st.booleans())
    def place(self, session: str, tokens: list[int], recompute_last: bool, decode: bool) -> None:
        self.run(session, tokens, recompute_last=recompute_last, decode=decode)

    @rule(tokens=TOKENS)
    def pin(self, tokens: list[int]) -> None:
        self.run(PINNED, tokens, recompute_last=False, decode=True)

    @rule(session=SESSIONS)
    def unhold(self, session: str) -> None:
        self.sequences.unhold(session)
        self.held.discard(session)

    @rule(session=SESSIONS)
    def drop(self, session: str) -> None:
        sequence = self.sequences.sequence_of(session)
        if sequence is not None:
            self.cache.apply(self.sequences.drop(sequence))
            self.held.discard(session)
            assert self.sequences.sequence_of(session) is None

    @rule()
    def evict(self) -> None:
        evicted = self.sequences.evict()
        if evicted is not None:
            session, effects = evicted
            assert session not in self.held
            assert session != PINNED
            assert effects
            self.cache.apply(effects)

    @precondition(lambda self: self.sequences.pinned)
    @rule()
    def evicting_all_leaves_what_is_pinned(self) -> None:
        before = self.sequences.pinned
        while (evicted := self.sequences.evict()) is not None:
            self.cache.apply(evicted[1])
        assert self.sequences.pinned == before

    @invariant()
    def bookkeeping_is_the_cache(self) -> None:
        for sequence, held in enumerate(self.cache.held):
            assert list(self.sequences.tokens(sequence)) == held
        owned = [self.sequences.sequence_of(session) for session in "abcde"]
        used = [sequence for sequence in owned if sequence is not None]
        assert len(set(used)) == len(used)
        assert 0 not in used


TestSequences = SequencesMachine.TestCase


def filled(sequences: Sequences, session: str, tokens: list[int]) -> int:
    """Place and decode a prompt whole; its sequence."""
    placement = sequences.place(session, tokens, recompute_last=False)
    assert placement is not None
    sequences.append(placement.sequence, tokens[placement.keep :])
    sequences.unhold(session)
    return placement.sequence


def test_growing_prompt_keeps_its_prefix() -> None:
    sequences = Sequences(2)
    sequence = filled(sequences, "a", [1, 2, 9])
    placement = sequences.place("a", [1, 2, 3, 9], recompute_last=True)
    assert placement is not None
    assert (placement.keep, placement.effects) == (2, (Drop(sequence, 2),))


def test_same_prompt_again_recomputes_its_last_token_only_for_logits() -> None:
    sequences = Sequences(2)
    filled(sequences, "a", [1, 2, 3])
    again = sequences.place("a", [1, 2, 3], recompute_last=False)
    assert again is not None
    assert again.keep == 3
    scored = sequences.place("a", [1, 2, 3], recompute_last=True)
    assert scored is not None
    assert scored.keep == 2


def test_pinned_prefix_is_copied_into_new_and_into_diverged_sessions() -> None:
    sequences = Sequences(2)
    filled(sequences, PINNED, [7, 7, 7])
    fresh = sequences.place("a", [7, 7, 7, 1], recompute_last=True)
    assert fresh is not None
    assert (fresh.keep, fresh.effects) == (3, (Copy(0, fresh.sequence, 3),))
    filled(sequences, "b", [5, 5])
    diverged = sequences.place("b", [7, 7, 1], recompute_last=True)
    assert diverged is not None
    assert diverged.effects == (Drop(diverged.sequence, 0), Copy(0, diverged.sequence, 2))


def test_least_recently_used_idle_session_gives_way_and_held_ones_never() -> None:
    sequences = Sequences(2)
    filled(sequences, "a", [1])
    filled(sequences, "b", [2])
    filled(sequences, "a", [1, 1])
    placement = sequences.place("c", [3], recompute_last=True)
    assert placement is not None
    assert placement.evicted == "b"
    assert sequences.place("a", [1], recompute_last=True) is not None
    assert sequences.place("d", [4], recompute_last=True) is None


def test_cells_do_not_count_what_is_shared_with_the_pinned_prompt() -> None:
    sequences = Sequences(1)
    filled(sequences, PINNED, [7, 7, 7])
    assert sequences.cells_for([7, 7, 1, 1]) == 2
    assert sequences.cells_for([1, 7]) == 2


@given(TOKENS, TOKENS)
def test_common_prefix(a: list[int], b: list[int]) -> None:
    length = common_prefix(a, b)
    assert a[:length] == b[:length]
    assert a[length : length + 1] != b[length : length + 1] or length == min(len(a), len(b))


def test_drop_of_the_pinned_sequence_keeps_its_owner() -> None:
    sequences = Sequences(1)
    filled(sequences, PINNED, [7, 7])
    assert sequences.drop(0) == (Drop(0, 0),)
    assert sequences.sequence_of(PINNED) == 0
    with pytest.raises(IndexError):
        sequences.filled(5)
