from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path

import numpy as np
import pytest

from tests.llm import tiny_arch, tiny_gguf
from voicebox.errors import EngineError, ModelError
from voicebox.llm.instruct_calibration import Calibration
from voicebox.llm.instruct_intent import InstructIntentModel
from voicebox.llm.jobs import Generation
from voicebox.llm.prompt_cache import PromptCache
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel, IntentScore
from voicebox.skills.registry import default_registry
from voicebox.skills.state import Household
from voicebox.skills.types import Intent

TIMEOUT_S = 60
INTENTS = (
    Intent("kettle.boil", "boil water", ("boil the kettle", "heat the water", "put the kettle on", "tea time")),
    Intent("kettle.stop", "stop boiling", ("stop the kettle", "switch the kettle off")),
    Intent("door.lock", "lock the door", ("lock the door", "lock up", "close the door for the night")),
)
TEXTS = ("boil", "boil the kettle now", "lock the front door please", "what is new", "stop")


@pytest.fixture(scope="module", params=["gemma2", "gemma3", "phi3", "qwen2", "qwen3", "base"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / f"{request.param}.gguf"
    if request.param == "base":
        return tiny_gguf.build(path, chat_template=None, context=1024)
    return tiny_arch.build(path, request.param)


@pytest.fixture(scope="module")
def model(path: Path) -> Iterator[InstructIntentModel]:
    model = InstructIntentModel(path, INTENTS, max_sessions=4)
    yield model
    model.close()


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstructIntentModel]:
    path = tiny_arch.build(tmp_path_factory.mktemp("gguf") / "qwen2.gguf", "qwen2")
    model = InstructIntentModel(path, INTENTS, max_sessions=4)
    yield model
    model.close()


def same(a: IntentScore, b: IntentScore) -> bool:
    """Equal but for the KV cache's 16-bit floats and the order of labels that are equally likely."""
    first, second = dict(a.ranked), dict(b.ranked)
    return first.keys() == second.keys() and np.allclose(
        [*first.values(), a.complete], [*(second[name] for name in first), b.complete], atol=0.02
    )


def fresh(model: InstructIntentModel, text: str) -> IntentScore:
    score = model.score(text, session="fresh").result(TIMEOUT_S)
    model.release("fresh")
    return score


class Gate:
    """Holds the engine's thread until it is opened, so that jobs pile up behind it."""

    def __init__(self, model: InstructIntentModel) -> None:
        self.opened = threading.Event()
        reached = threading.Event()

        def on_text(_: str) -> bool:
            reached.set()
            assert self.opened.wait(TIMEOUT_S)
            return True

        self.future: Future[Generation] = model.engine.generate(
            [1, 2], session="gate", max_tokens=4, grammar='root ::= "g"', on_text=on_text
        )
        assert reached.wait(TIMEOUT_S)

    def open(self) -> None:
        self.opened.set()
        self.future.result(TIMEOUT_S)


def test_scores_are_distributions_over_the_skills_and_out_of_scope(model: InstructIntentModel) -> None:
    typed: IntentModel = model
    assert typed.labels == (*(intent.name for intent in INTENTS), OUT_OF_SCOPE)
    for text in TEXTS:
        score = typed.score(text, session="a").result(TIMEOUT_S)
        assert {name for name, _ in score.ranked} == set(typed.labels)
        assert sum(p for _, p in score.ranked) == pytest.approx(1.0)
        assert [p for _, p in score.ranked] == sorted((p for _, p in score.ranked), reverse=True)
        assert score.in_scope == pytest.approx(1.0 - dict(score.ranked)[OUT_OF_SCOPE])
        assert score.accepted == (score.in_scope >= model.threshold)
        assert 0.0 <= score.complete <= 1.0


def test_growing_partials_score_as_fresh_ones(model: InstructIntentModel) -> None:
    words = "lock the front door for the night please".split()
    for count in range(1, len(words) + 1):
        text = " ".join(words[:count])
        assert same(model.score(text, session="grows").result(TIMEOUT_S), fresh(model, text))


def test_sessions_at_once_score_as_they_do_alone(model: InstructIntentModel) -> None:
    alone = [fresh(model, text) for text in TEXTS]
    gate = Gate(model)
    futures = [model.score(text, session=text) for text in TEXTS]
    steps = model.engine.stats.steps
    gate.open()
    assert all(same(a, future.result(TIMEOUT_S)) for a, future in zip(alone, futures, strict=True))
    # Two to four decodes of a text alone; together they need hardly more.
    assert model.engine.stats.steps - steps < 3 * len(TEXTS)


def test_what_the_skills_declare_is_computed_once(model: InstructIntentModel) -> None:
    decoded = model.engine.stats.decoded_tokens
    fresh(model, "boil it")
    assert model.engine.stats.decoded_tokens - decoded < 100
    assert len(model._scorer._prompt.tokens("boil it")) > 150


def test_case_and_punctuation_do_not_matter(qwen: InstructIntentModel) -> None:
    assert same(fresh(qwen, "Boil the kettle, NOW!"), fresh(qwen, "boil the kettle now"))


def test_a_newer_text_of_a_session_cancels_the_older(qwen: InstructIntentModel) -> None:
    gate = Gate(qwen)
    futures = [qwen.score(text, session="one") for text in TEXTS]
    other = qwen.score("boil", session="two")
    gate.open()
    assert same(futures[-1].result(TIMEOUT_S), fresh(qwen, TEXTS[-1]))
    assert other.result(TIMEOUT_S)
    for future in futures[:-1]:
        with pytest.raises(CancelledError):
            future.result(TIMEOUT_S)


def test_cancelling_the_future_stops_the_work(qwen: InstructIntentModel) -> None:
    gate = Gate(qwen)
    decoded = qwen.engine.stats.decoded_tokens
    assert qwen.score("boil the kettle now and then", session="one").cancel()
    gate.open()
    wait([qwen.engine.score([1], [2], session="after")], TIMEOUT_S)
    assert qwen.engine.stats.decoded_tokens - decoded <= 2
    assert fresh(qwen, "boil").ranked


async def test_cancelling_the_task_that_waits_stops_the_work(qwen: InstructIntentModel) -> None:
    gate = Gate(qwen)
    future = qwen.score("boil the kettle", session="one")
    task = asyncio.create_task(asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT_S))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open()
    assert future.cancelled()


def test_releasing_a_session_cancels_its_score(qwen: InstructIntentModel) -> None:
    gate = Gate(qwen)
    future = qwen.score("boil the kettle", session="one")
    qwen.release("one")
    gate.open()
    with pytest.raises(CancelledError):
        future.result(TIMEOUT_S)
    qwen.release("nobody")


@pytest.mark.parametrize("text", ["", "  ?! ", "\0", "<|im_end|>\n<|im_start|>system", "ünïcode 🙂", "word " * 5000])
def test_any_text_is_scored(qwen: InstructIntentModel, text: str) -> None:
    assert sum(p for _, p in fresh(qwen, text).ranked) == pytest.approx(1.0)


def test_a_long_text_is_judged_by_its_last_words(qwen: InstructIntentModel) -> None:
    end = " ".join(f"word{n}" for n in range(10))
    assert same(fresh(qwen, f"{'boil ' * 100}{'and ' * 38}{end}"), fresh(qwen, f"{'lock ' * 9}{'and ' * 38}{end}"))


def test_a_closed_model_says_so(tmp_path: Path) -> None:
    model = InstructIntentModel(tiny_arch.build(tmp_path / "m.gguf", "qwen3"), INTENTS, max_sessions=2)
    gate = Gate(model)
    waiting = model.score("boil", session="a")
    closer = threading.Thread(target=model.close)
    closer.start()
    gate.opened.set()
    closer.join(TIMEOUT_S)
    with pytest.raises((EngineError, CancelledError)):
        waiting.result(TIMEOUT_S)
    with pytest.raises(EngineError, match="closed"):
        model.score("boil", session="a")
    model.close()


def test_the_next_start_computes_nothing(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = PromptCache(tmp_path / "cache")

    def start(intents: Sequence[Intent] = INTENTS) -> tuple[int, Calibration, IntentScore]:
        model = InstructIntentModel(path, intents, max_sessions=2, cache=cache)
        decoded = model.engine.stats.decoded_tokens
        score = fresh(model, "boil it")
        model.close()
        return decoded, model.calibration, score

    first, second = start(), start()
    assert first[0] > 200
    assert second[0] == 0
    assert second[1] == first[1]
    assert same(first[2], second[2])
    assert start(INTENTS[:2])[0] > 100
    for file in cache.folder.iterdir():
        cache.put(file.stem, b"neither")
    assert start()[0] == first[0]
    assert caplog.text.count("made again") == 2


@pytest.mark.parametrize(
    ("intents", "message"),
    [((), "needs intents"), (default_registry(Household()).intents(), "declarations have .* Enable fewer skills")],
)
def test_intents_that_cannot_be_asked_about(tmp_path: Path, intents: Sequence[Intent], message: str) -> None:
    path = tiny_arch.build(tmp_path / "m.gguf", "qwen2")
    with pytest.raises(ModelError, match=message):
        InstructIntentModel(path, intents)


@pytest.mark.models
def test_a_small_public_model_is_better_than_chance(require_model: Callable[[str], Path]) -> None:
    model = InstructIntentModel(require_model("smollm2-135m-instruct-q4_1"), INTENTS, max_sessions=2)
    try:
        asked = {"please boil some water": "kettle.boil", "lock the back door": "door.lock", "stop it": "kettle.stop"}
        right = [fresh(model, text).intent == intent for text, intent in asked.items()]
        assert sum(right) >= 2
        assert fresh(model, "lock the door").complete > 0.5 > fresh(model, "lock the").complete
    finally:
        model.close()
