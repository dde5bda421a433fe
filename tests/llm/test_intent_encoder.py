from __future__ import annotations

import json
import math
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from tests.llm import tiny_encoder, tiny_gguf
from voicebox.errors import EngineError, ModelError
from voicebox.llm.intent_encoder import EncoderIntentModel
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel

TIMEOUT_S = 60
SET, A, TIME, R = 4, 5, 6, 7
CLS, SEP, UNK = 2, 3, 1


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.build(tmp_path_factory.mktemp("encoder") / "tiny.gguf")


@pytest.fixture(scope="module")
def model(path: Path) -> Iterator[EncoderIntentModel]:
    model = EncoderIntentModel(path, max_sessions=8)
    yield model
    model.close()


def _expected(tokens: list[int]) -> tuple[dict[str, float], float]:
    logits = tiny_encoder.logits(tokens)
    powers = np.exp(logits[:-1] / tiny_encoder.TEMPERATURE)
    shares = dict(zip(tiny_encoder.LABELS, (powers / powers.sum()).tolist(), strict=True))
    return shares, 1 / (1 + math.exp(-logits[-1] / tiny_encoder.COMPLETE_TEMPERATURE))


def test_implements_the_protocol(model: EncoderIntentModel) -> None:
    typed: IntentModel = model
    assert tuple(typed.labels) == tiny_encoder.LABELS
    assert model.threshold == tiny_encoder.THRESHOLD


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Set a timer!", [CLS, SET, A, TIME, R, SEP]),
        ("", [CLS, SEP]),
        ("set zebra", [CLS, SET, UNK, SEP]),
        ("what's", [CLS, 18, 16, 17, SEP]),
        ("set " * 100, [CLS, *[SET] * (tiny_encoder.CONTEXT - 2), SEP]),
    ],
)
def test_scores_are_what_numpy_computes(model: EncoderIntentModel, text: str, tokens: list[int]) -> None:
    shares, complete = _expected(tokens)
    score = model.score(text, session="a").result(TIMEOUT_S)
    assert dict(score.ranked) == pytest.approx(shares, abs=5e-3)
    assert score.complete == pytest.approx(complete, abs=5e-3)
    ranked = [probability for _, probability in score.ranked]
    assert ranked == sorted(ranked, reverse=True)
    assert score.in_scope == pytest.approx(1 - shares[OUT_OF_SCOPE], abs=5e-3)
    assert score.accepted == (score.in_scope >= tiny_encoder.THRESHOLD)


def test_texts_of_one_batch_do_not_see_each_other(path: Path) -> None:
    model = EncoderIntentModel(path, max_sessions=64)
    try:
        words = ["set", "a", "timer", "turn", "on", "the", "lights", "for", "ten", "minutes"]
        texts = [" ".join(words[: 1 + index % 10]) for index in range(40)]
        together = [model.score(text, session=str(index)) for index, text in enumerate(texts)]
        for text, future in zip(texts, together, strict=True):
            alone = model.score(text, session="alone").result(TIMEOUT_S)
            assert dict(future.result(TIMEOUT_S).ranked) == pytest.approx(dict(alone.ranked), abs=1e-3)
    finally:
        model.close()


@pytest.mark.parametrize("text", ["[CLS] [SEP]", "\0", "x" * 5000, "é ü 😀 \ud800", "▁set"])
def test_any_text_is_scored(model: EncoderIntentModel, text: str) -> None:
    score = model.score(text, session="a").result(TIMEOUT_S)
    assert math.isclose(sum(p for _, p in score.ranked), 1)


def test_special_tokens_cannot_be_spelt(model: EncoderIntentModel) -> None:
    tokens = model._model.tokenize("[SEP]")
    assert SEP not in tokens


def test_a_newer_text_of_a_session_takes_the_place_of_a_waiting_one(path: Path) -> None:
    model = EncoderIntentModel(path)
    with model._wake:
        first = model.score("set", session="a")
        other = model.score("turn on", session="b")
        second = model.score("set a timer", session="a")
    shares, _ = _expected([CLS, SET, A, TIME, R, SEP])
    assert dict(second.result(TIMEOUT_S).ranked) == pytest.approx(shares, abs=5e-3)
    assert other.result(TIMEOUT_S)
    with pytest.raises(CancelledError):
        first.result(TIMEOUT_S)
    model.close()


def test_release_and_cancel_drop_what_waits(path: Path) -> None:
    model = EncoderIntentModel(path)
    with model._wake:
        released = model.score("set", session="a")
        cancelled = model.score("set", session="b")
        kept = model.score("set", session="c")
        model.release("a")
        model.release("unknown")
        assert cancelled.cancel()
    assert kept.result(TIMEOUT_S)
    assert released.cancelled()
    model.close()


def test_too_many_waiting_texts_are_refused(path: Path) -> None:
    model = EncoderIntentModel(path, max_sessions=2)
    with model._wake:
        waiting = [model.score("set", session=name) for name in "ab"]
        with pytest.raises(EngineError, match="2 texts waiting"):
            model.score("set", session="c")
        newer = model.score("set a timer", session="b")
    assert waiting[0].result(TIMEOUT_S)
    assert newer.result(TIMEOUT_S)
    model.close()


def test_close_fails_what_waits_and_refuses_more(path: Path) -> None:
    model = EncoderIntentModel(path)
    with model._wake:
        waiting = model.score("set", session="a")
        model._closing = True
        model._wake.notify()
    with pytest.raises(EngineError, match="closed"):
        waiting.result(TIMEOUT_S)
    model.close()
    model.close()
    with pytest.raises(EngineError, match="closed"):
        model.score("set", session="a")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"voicebox.intent.version": None}, "is not an intent model"),
        ({"voicebox.intent.version": "1"}, "version 1, not 2"),
        ({"voicebox.intent.head": None}, "no matrix of 4 x 33"),
        ({"voicebox.intent.head": "!!"}, "no matrix"),
        ({"voicebox.intent.head": "AAAA"}, "no matrix"),
        ({"voicebox.intent.labels": json.dumps(["a", "oos"])}, "no matrix of 3 x 33"),
        ({"voicebox.intent.labels": json.dumps(["a", "b", "c"])}, "lacks 'oos'"),
        ({"voicebox.intent.threshold": "2"}, "threshold"),
    ],
)
def test_damaged_models_are_refused(tmp_path: Path, metadata: dict[str, str | None], message: str) -> None:
    path = tiny_encoder.build(tmp_path / "bad.gguf", metadata=metadata)
    with pytest.raises(ModelError, match=message):
        EncoderIntentModel(path)


def test_a_head_of_no_numbers_is_refused(tmp_path: Path) -> None:
    import base64

    head = base64.b64encode(np.full((4, 33), np.nan, "<f2").tobytes()).decode()
    path = tiny_encoder.build(tmp_path / "nan.gguf", metadata={"voicebox.intent.head": head})
    with pytest.raises(ModelError, match="no number"):
        EncoderIntentModel(path)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    path = tiny_gguf.build(tmp_path / "llama.gguf", metadata={"voicebox.intent.version": "2"})
    with pytest.raises(ModelError, match="architecture llama, not bert"):
        EncoderIntentModel(path)


def test_a_text_without_usable_logits_fails_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = EncoderIntentModel(path, max_sessions=8)
    score = type(model._readout).score
    first = [True]

    def once(*args: object, **named: object) -> object:
        if first.pop() if first else False:
            raise EngineError("no usable logits")
        return score(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(type(model._readout), "score", once)
    with model._wake:  # both wait before a batch is taken
        jobs = [model.score("set", session=session) for session in ("a", "b")]
    with pytest.raises(EngineError, match="no usable logits"):
        jobs[0].result(TIMEOUT_S)
    assert jobs[1].result(TIMEOUT_S).ranked
    model.close()
