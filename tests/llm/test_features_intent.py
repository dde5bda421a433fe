from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.llm import feature_parts, tiny_gguf
from voicebox.errors import EngineError, ModelError
from voicebox.llm.features import FeatureModel
from voicebox.llm.features_file import DOCUMENT, joined
from voicebox.llm.features_intent import FeatureIntentModel
from voicebox.llm.types import IntentModel

TIMEOUT_S = 60


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return feature_parts.folder(tmp_path_factory.mktemp("features") / "model")


@pytest.fixture
def model(path: Path) -> Iterator[FeatureIntentModel]:
    model = FeatureIntentModel(path, max_sessions=64)
    yield model
    model.close()


def test_probabilities_are_those_of_the_head(path: Path, model: FeatureIntentModel) -> None:
    typed: IntentModel = model
    assert tuple(typed.labels) == feature_parts.LABELS
    assert typed.threshold == 0.4
    score = model.score("Set the TIMER!", session="a").result(TIMEOUT_S)
    bases = [FeatureModel(path / name) for name in ("llama.gguf", "qwen.gguf")]
    vector = joined([base.encode(["set the timer"]) for base in bases])[0]
    logits = feature_parts.document("llama", "qwen").head @ np.append(vector, 1.0)
    powers = np.exp(logits[:-1] / 1.5)
    expected = dict(zip(feature_parts.LABELS, powers / powers.sum(), strict=True))
    assert dict(score.ranked) == pytest.approx(expected, abs=0.01)
    assert score.complete == pytest.approx(1 / (1 + math.exp(-logits[-1] / 0.8)), abs=0.01)
    assert score.in_scope == pytest.approx(1 - expected["oos"], abs=0.01)
    assert score.accepted == (score.in_scope >= 0.4)
    assert score.vector == pytest.approx(vector, abs=1e-3)
    for base in bases:
        base.close()


def test_one_base_in_one_file(tmp_path: Path) -> None:
    model = FeatureIntentModel(feature_parts.file(tmp_path / "one.gguf"))
    assert math.isclose(sum(dict(model.score("set", session="a").result(TIMEOUT_S).ranked).values()), 1)
    model.close()


@pytest.mark.parametrize("text", ["", "!!!", "<|im_start|>", "\0", "x" * 5000, "é ü 😀 \ud800", "set " * 300])
def test_any_text_is_scored(model: FeatureIntentModel, text: str) -> None:
    assert math.isfinite(model.score(text, session="a").result(TIMEOUT_S).complete)


class Gate:
    """Holds the first base of a model back until it is opened, and counts."""

    def __init__(self, model: FeatureIntentModel) -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        self.seen: list[list[str]] = []
        self._base = model._bases[0]
        self._encode = self._base.encode
        self._base.encode = self  # type: ignore[assignment, method-assign]

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.seen.append(list(texts))
        self.entered.set()
        assert self.open.wait(TIMEOUT_S)
        return self._encode(texts)


def test_what_waits_is_computed_together(model: FeatureIntentModel) -> None:
    gate = Gate(model)
    first = model.score("set", session="first")
    assert gate.entered.wait(TIMEOUT_S)
    rest = [model.score(f"set {n}", session=str(n)) for n in range(20)]
    gate.open.set()
    assert all(future.result(TIMEOUT_S).ranked for future in [first, *rest])
    assert [len(texts) for texts in gate.seen] == [1, 16, 4]


def test_a_newer_text_cancels_what_waits_and_what_runs(model: FeatureIntentModel) -> None:
    gate = Gate(model)
    running = model.score("set", session="a")
    other = model.score("lights", session="b")
    assert gate.entered.wait(TIMEOUT_S)
    waiting = model.score("set the", session="a")
    newest = model.score("set the timer", session="a")
    gate.open.set()
    assert newest.result(TIMEOUT_S).ranked
    assert other.result(TIMEOUT_S).ranked
    assert running.cancelled()
    assert waiting.cancelled()
    assert "set the" not in [text for texts in gate.seen for text in texts]


def test_a_cancelled_text_costs_no_further_base(model: FeatureIntentModel) -> None:
    second = model._bases[1]
    told: list[int] = []
    encode = second.encode
    second.encode = lambda texts: (told.append(len(texts)), encode(texts))[1]  # type: ignore[assignment, method-assign]
    gate = Gate(model)
    future = model.score("set", session="a")
    assert gate.entered.wait(TIMEOUT_S)
    assert future.cancel()
    gate.open.set()
    assert model.score("lights", session="b").result(TIMEOUT_S).ranked
    assert told == [1]


def test_release_cancels(model: FeatureIntentModel) -> None:
    gate = Gate(model)
    running = model.score("set", session="a")
    assert gate.entered.wait(TIMEOUT_S)
    waiting = model.score("lights", session="b")
    for session in ("a", "b", "unknown"):
        model.release(session)
    gate.open.set()
    for future in (running, waiting):
        with pytest.raises(CancelledError):
            future.result(TIMEOUT_S)


def test_a_failing_base_fails_the_job_alone(model: FeatureIntentModel) -> None:
    base = model._bases[1]
    encode = base.encode

    def fail(texts: Sequence[str]) -> NDArray[np.float32]:
        raise EngineError("no more")

    base.encode = fail  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="no more"):
        model.score("set", session="a").result(TIMEOUT_S)
    base.encode = encode  # type: ignore[method-assign]
    assert model.score("set", session="a").result(TIMEOUT_S).ranked


def test_too_many_wait(path: Path) -> None:
    model = FeatureIntentModel(path, max_sessions=2)
    gate = Gate(model)
    model.score("set", session="0")
    assert gate.entered.wait(TIMEOUT_S)
    for session in ("1", "2"):
        model.score("set", session=session)
    with pytest.raises(EngineError, match="2 texts waiting"):
        model.score("set", session="3")
    assert not model.score("set the", session="2").done()
    gate.open.set()
    model.close()


def test_closing_fails_what_waits(path: Path) -> None:
    model = FeatureIntentModel(path)
    gate = Gate(model)
    model.score("set", session="a")
    assert gate.entered.wait(TIMEOUT_S)
    waiting = model.score("lights", session="b")
    closer = threading.Thread(target=model.close)
    closer.start()
    with model._wake:
        model._wake.wait_for(lambda: model._closing, TIMEOUT_S)
    gate.open.set()
    closer.join(TIMEOUT_S)
    with pytest.raises(EngineError, match="was closed"):
        waiting.result(TIMEOUT_S)
    with pytest.raises(EngineError, match="is closed"):
        model.score("set", session="a")
    model.close()


def test_refuses_a_head_that_does_not_fit(path: Path, tmp_path: Path) -> None:
    copy = feature_parts.copied(path, tmp_path / "copy")
    text = (copy / DOCUMENT).read_text(encoding="utf-8")
    (copy / DOCUMENT).write_text(
        text.replace('"width": 32', '"width": 16', 1).replace('"width": 32', '"width": 48'), encoding="utf-8"
    )
    with pytest.raises(ModelError, match="vectors of 32 numbers"):
        FeatureIntentModel(copy)


def test_refuses_a_damaged_base(path: Path, tmp_path: Path) -> None:
    copy = feature_parts.copied(path, tmp_path / "copy")
    (copy / "qwen.gguf").write_bytes((path / "qwen.gguf").read_bytes()[:20000])
    with pytest.raises(ModelError, match=r"qwen\.gguf"):
        FeatureIntentModel(copy)


def test_refuses_another_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not an intent model on base features"):
        FeatureIntentModel(tiny_gguf.build(tmp_path / "plain.gguf"))
