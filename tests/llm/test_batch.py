from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebox.errors import EngineError
from voicebox.llm.batch import Batch
from voicebox.llm.context import MAX_SEQUENCES, Context
from voicebox.llm.gguf import GgufModel
from voicebox.llm.sequences import Drop


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Iterator[GgufModel]:
    model = GgufModel(tiny_model)
    yield model
    model.close()


@pytest.fixture
def context(model: GgufModel) -> Iterator[Context]:
    context = Context(model, n_ctx=256, n_seq=4, n_batch=8, threads=1)
    yield context
    context.close()


@pytest.mark.parametrize(
    ("token", "position", "sequence", "message"),
    [
        (-1, 0, 0, "Token -1"),
        (10_000, 0, 0, "Token 10000"),
        (1, 0, -1, "Sequence -1"),
        (1, 0, 4, "Sequence 4"),
        (1, 2, 0, "Position 2"),
        (1, -1, 0, "Position -1"),
    ],
)
def test_refuses_what_llama_would_abort_on(
    context: Context, token: int, position: int, sequence: int, message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        context.batch.add(token, position, sequence, filled=0)
    assert len(context.batch) == 0


def test_refuses_more_than_fits(context: Context) -> None:
    for position in range(8):
        context.batch.add(1, position, 0, filled=0)
    assert context.batch.room == 0
    with pytest.raises(EngineError, match="More than 8 tokens"):
        context.batch.add(1, 8, 0, filled=0)


def test_refuses_gaps_and_repeats_within_a_sequence(context: Context) -> None:
    context.batch.add(1, 0, 0, filled=0)
    context.batch.add(1, 0, 1, filled=0)
    for position in (0, 2):
        with pytest.raises(EngineError, match="Position"):
            context.batch.add(1, position, 0, filled=0)
    context.batch.add(1, 1, 0, filled=0)


def test_gives_logits_only_where_they_were_asked_for(context: Context, model: GgufModel) -> None:
    context.batch.add(1, 0, 0, filled=0)
    wanted = context.batch.add(2, 1, 0, filled=0, logits=True)
    with pytest.raises(EngineError, match="no logits"):
        context.logits(wanted)
    assert context.decode() == 0
    assert context.logits(wanted).shape == (model.n_vocab,)
    assert np.isfinite(context.logits(wanted)).all()
    for index in (0, 2, -1):
        with pytest.raises(EngineError, match="no logits"):
            context.logits(index)
    with pytest.raises(EngineError, match="not cleared"):
        context.batch.add(1, 2, 0, filled=2)


def test_refuses_an_empty_batch_and_a_context_that_is_too_small(context: Context, model: GgufModel) -> None:
    with pytest.raises(EngineError, match="empty"):
        context.decode()
    large = Batch(capacity=16, n_vocab=model.n_vocab, n_seq=4)
    for position in range(16):
        large.add(1, position, 0, filled=0)
    with pytest.raises(EngineError, match="larger than the context"):
        large.decode(context._handle)
    large.close()
    large.close()


@pytest.mark.parametrize(
    ("tokens", "sequence", "message"),
    [
        ([], 2, "without tokens"),
        ([1, -1], 2, "not in the vocabulary"),
        ([1, 10_000], 2, "not in the vocabulary"),
        ([1], 4, "Sequence 4"),
        ([1], -1, "Sequence -1"),
        ([1] * 7, 2, "More than 8 tokens"),
        ([1], 0, "Position 0 of sequence 0 does not follow 1"),
    ],
)
def test_refuses_whole_texts_that_llama_would_abort_on(
    context: Context, tokens: list[int], sequence: int, message: str
) -> None:
    context.batch.extend([1, 2], 0)
    with pytest.raises(EngineError, match=message):
        context.batch.extend(tokens, sequence)
    assert len(context.batch) == 2
    assert context.decode() == 0
    with pytest.raises(EngineError, match="not cleared"):
        context.batch.extend([1], 1)


def test_a_whole_text_is_the_same_as_its_tokens_one_by_one(model: GgufModel) -> None:
    tokens = [3, 1, 4, 1]
    found = []
    for whole in (True, False):
        context = Context(model, n_ctx=256, n_seq=4, n_batch=16, threads=1)
        context.batch.extend([9, 9], 1)
        if whole:
            context.batch.extend(tokens, 3)
        else:
            for position, token in enumerate(tokens):
                context.batch.add(token, position, 3, filled=0, logits=True)
        assert context.decode() == 0
        found.append([context.logits(index).copy() for index in range(2, 6)])
        context.close()
    np.testing.assert_array_equal(found[0], found[1])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-2, 300), st.integers(-1, 9), st.integers(-1, 5), st.booleans()), min_size=1, max_size=12
    )
)
def test_whatever_is_added_the_process_lives(model: GgufModel, entries: list[tuple[int, int, int, bool]]) -> None:
    context = Context(model, n_ctx=256, n_seq=4, n_batch=8, threads=1)
    try:
        outputs = []
        for token, position, sequence, logits in entries:
            try:
                index = context.batch.add(token, position, sequence, filled=0, logits=logits)
            except EngineError:
                continue
            outputs += [index] if logits else []
        if len(context.batch):
            assert context.decode() == 0
            for index in outputs:
                assert np.isfinite(context.logits(index)).all()
    finally:
        context.close()


def test_full_cache_is_code_one_and_changes_nothing(model: GgufModel) -> None:
    context = Context(model, n_ctx=256, n_seq=4, n_batch=256, threads=1)
    try:
        for position in range(250):
            context.batch.add(1, position, 0, filled=0)
        assert context.decode() == 0
        context.batch.clear()
        for position in range(10):
            context.batch.add(1, position, 1, filled=0, logits=position == 9)
        assert context.decode() == 1
        context.apply([Drop(0, 0)])
        assert context.decode() == 0
        assert np.isfinite(context.logits(9)).all()
    finally:
        context.close()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_seq": MAX_SEQUENCES + 1}, "257 sequences"),
        ({"n_seq": 0}, "0 sequences"),
        ({"n_ctx": 1}, "needs a cell"),
        ({"n_batch": 0}, "needs a cell"),
        ({"threads": 0}, "needs a cell"),
    ],
)
def test_refuses_impossible_contexts(model: GgufModel, sizes: dict[str, int], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        Context(model, **{"n_ctx": 256, "n_seq": 2, "n_batch": 8, "threads": 1, **sizes})


@pytest.mark.parametrize("n_ctx", [256, 300])
@pytest.mark.parametrize("n_seq", [1, 17, 256])
@pytest.mark.parametrize("n_batch", [1, 8, 5000])
def test_every_context_that_is_made_decodes_a_full_batch(
    model: GgufModel, n_ctx: int, n_seq: int, n_batch: int
) -> None:
    context = Context(model, n_ctx=n_ctx, n_seq=n_seq, n_batch=n_batch, threads=1)
    try:
        count = context.batch.capacity
        assert count == min(n_batch, n_ctx)
        for position in range(count):
            context.batch.add(1, position, n_seq - 1, filled=0, logits=True)
        assert context.decode() == 0
    finally:
        context.close()


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_refuses_impossible_batches(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(EngineError, match="needs room"):
        Batch(capacity=sizes[0], n_vocab=sizes[1], n_seq=sizes[2])
