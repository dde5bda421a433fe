from __future__ import annotations

import json
import math
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from tests.llm import tiny_gguf
from voicebox.errors import EngineError, ModelError
from voicebox.llm.intent import LlamaIntentModel
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel

TIMEOUT_S = 60


@pytest.fixture(scope="module")
def model(tiny_intent: Path) -> Iterator[LlamaIntentModel]:
    model = LlamaIntentModel(tiny_intent, max_sessions=8)
    yield model
    model.close()


def test_implements_the_protocol(model: LlamaIntentModel) -> None:
    typed: IntentModel = model
    assert tuple(typed.labels) == tiny_gguf.INTENT_LABELS
    assert model.threshold == 0.6


def test_score_is_a_distribution_over_the_labels(model: LlamaIntentModel) -> None:
    score = model.score("set a timer for ten minutes", session="a").result(TIMEOUT_S)
    probabilities = dict(score.ranked)
    assert set(probabilities) == set(tiny_gguf.INTENT_LABELS)
    assert math.isclose(sum(probabilities.values()), 1)
    assert [p for _, p in score.ranked] == sorted(probabilities.values(), reverse=True)
    assert score.confidence == max(probabilities.values())
    assert math.isclose(score.in_scope, 1 - probabilities[OUT_OF_SCOPE])
    assert score.accepted == (score.in_scope >= 0.6)
    assert 0 < score.complete < 1
    assert score.ms > 0


def test_probabilities_are_the_softmax_of_the_files_logits(model: LlamaIntentModel, tiny_intent: Path) -> None:
    engine = model._engine
    control = {
        name: engine.model.control_token(f"<{name}>") for name in ("bos", "ask", "end", "wait", "i:oos", "i:timer.set")
    }
    tokens = [control["bos"], *engine.model.tokenize("what time is it"), control["ask"]]
    labels = [engine.model.control_token(f"<i:{name}>") for name in tiny_gguf.INTENT_LABELS]
    logits = engine.score(tokens, [*labels, control["end"], control["wait"]], session="direct").result(TIMEOUT_S)
    powers = np.exp(logits[:-2] / 1.5)
    score = model.score("What time is it?!", session="a").result(TIMEOUT_S)
    for name, expected in zip(tiny_gguf.INTENT_LABELS, powers / powers.sum(), strict=True):
        assert dict(score.ranked)[name] == pytest.approx(expected, abs=0.01)
    complete = 1 / (1 + math.exp((logits[-1] - logits[-2]) / 0.8))
    assert score.complete == pytest.approx(complete, abs=0.01)


def test_growing_text_scores_as_fresh_and_costs_only_the_new_words(tiny_intent: Path, model: LlamaIntentModel) -> None:
    grown = LlamaIntentModel(tiny_intent, max_sessions=2)
    try:
        words = "set the timer for ten minutes please".split()
        for count in range(1, len(words) + 1):
            text = " ".join(words[:count])
            kept = grown.score(text, session="a").result(TIMEOUT_S)
            fresh = model.score(text, session=text).result(TIMEOUT_S)
            assert kept.in_scope == pytest.approx(fresh.in_scope, abs=0.01)
            assert kept.complete == pytest.approx(fresh.complete, abs=0.01)
        stats = grown._engine.stats
        # Every word once, the first token once, the question token once per score.
        assert stats.decoded_tokens == len(grown._engine.model.tokenize(" ".join(words))) + 1 + len(words)
    finally:
        grown.close()


@pytest.mark.parametrize("text", ["", "!!!", "<ask> <i:timer.set>", "\0", "x" * 5000, "é ü 😀 \ud800", "set " * 300])
def test_any_text_is_scored(model: LlamaIntentModel, text: str) -> None:
    assert math.isfinite(model.score(text, session="a").result(TIMEOUT_S).complete)


def test_a_long_text_is_judged_by_its_last_words(model: LlamaIntentModel) -> None:
    tail = " set a timer for ten minutes and tell me what time it is in the morning" * 4
    assert len(model._engine.model.tokenize(tail)) > model._engine.max_prompt
    a, b = (model.score(word * 100 + tail, session=word).result(TIMEOUT_S) for word in ("foo ", "bar "))
    assert dict(a.ranked) == pytest.approx(dict(b.ranked), abs=0.01)
    other = model.score("foo " * 100 + tail + " please", session="c").result(TIMEOUT_S)
    assert dict(a.ranked) != pytest.approx(dict(other.ranked), abs=0.01)


def test_cancelling_and_newer_scores(model: LlamaIntentModel) -> None:
    futures = [model.score(f"set a timer {number}", session="a") for number in range(50)]
    assert futures[-1].result(TIMEOUT_S).ranked
    for future in futures[:-1]:
        # Each was either scored before the next one came, or replaced by it; none is left hanging.
        try:
            assert future.result(TIMEOUT_S).ranked
        except CancelledError:
            assert future.cancelled()
    model.release("a")
    assert model.score("set", session="a").result(TIMEOUT_S).ranked


def test_closed_model_says_so(tiny_intent: Path) -> None:
    model = LlamaIntentModel(tiny_intent, max_sessions=1)
    model.close()
    model.close()
    with pytest.raises(EngineError, match="closed"):
        model.score("set", session="a")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"voicebox.intent.version": None}, "is not an intent model"),
        ({"voicebox.intent.version": "2"}, "version 2, not 1"),
        ({"voicebox.intent.labels": None}, "not a list of names"),
        ({"voicebox.intent.labels": "{"}, "not a list of names"),
        ({"voicebox.intent.labels": "[1]"}, "not a list of names"),
        ({"voicebox.intent.labels": json.dumps(["timer.set"])}, "lacks 'oos'"),
        ({"voicebox.intent.labels": json.dumps(["oos", "oos"])}, "names a label twice"),
        ({"voicebox.intent.labels": json.dumps(["oos", "no.such"])}, "no token <i:no.such>"),
        ({"voicebox.intent.temperature": "0"}, "not a number from"),
        ({"voicebox.intent.temperature": "nan"}, "not a number from"),
        ({"voicebox.intent.complete_temperature": "warm"}, "not a number from"),
        ({"voicebox.intent.threshold": "1.5"}, "not a number from 0 to 1"),
        ({"voicebox.intent.threshold": None}, "is None"),
    ],
)
def test_refuses_files_that_break_the_contract(tmp_path: Path, metadata: dict[str, str | None], message: str) -> None:
    path = tiny_gguf.build_intent(tmp_path / "broken.gguf", metadata=metadata)
    with pytest.raises(ModelError, match=message):
        LlamaIntentModel(path)


def test_refuses_a_chat_model(tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="is not an intent model"):
        LlamaIntentModel(tiny_model)
