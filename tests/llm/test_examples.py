from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from voicebox.errors import EngineError, ModelError
from voicebox.llm.example_file import read_head, write_head
from voicebox.llm.example_head import ELSE, ExampleHead, Words
from voicebox.llm.examples import ExampleIntentModel, background_texts, example_texts
from voicebox.llm.head_model import HeadIntentModel
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.open_intent import open_intent_model
from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.skills.types import Intent, Slot, SlotKind

KIND = Slot("kind", SlotKind.CHOICE, {"toast": ("toasted bread",), "soup": ()}, required=True)
ORDER = Intent(
    "snack.order",
    "order snacks",
    ("order a {kind}", "bring me {kind}", "i'd like some {kind}", "{kind} please", "make me a {kind}", "i want {kind}"),
    (KIND,),
)
STATUS = Intent(
    "snack.status",
    "say when the snack comes",
    ("where is my snack", "when is the snack ready", "is my {kind} coming", "how long will the snack take"),
    (KIND,),
)
TIMER = Intent("timer.set", "set timers", ("set a timer for {d}", "{d} timer"), (Slot("d", SlotKind.DURATION),))


class BagModel:
    """Knows timers by one word, has a vector that is the sum of its words' random ones, or none."""

    labels = ("timer.set", OUT_OF_SCOPE)
    threshold = 0.5

    def __init__(self, *, vectors: bool = True) -> None:
        self.vectors = vectors
        self.closed = False
        self.open: set[str] = set()
        self.fails = False
        self.pending: Future[IntentScore] | None = None

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        future: Future[IntentScore] = Future()
        text = normalize_text(text)
        self.open.add(session)
        if self.fails:
            future.set_exception(EngineError("broken"))
            return future
        p = 0.9 if "timer" in text.split() else 0.1
        ranked = sorted((("timer.set", p), (OUT_OF_SCOPE, 1 - p)), key=lambda pair: -pair[1])
        vector = sum(map(self._vector, text.split()), np.zeros(32, np.float32)) if self.vectors else None
        score = IntentScore(tuple(ranked), p, 0.7, p >= 0.5, 1.0, vector)
        if text == "wait":
            self.pending = future
        else:
            future.set_result(score)
        return future

    def _vector(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        return np.random.default_rng(seed).standard_normal(32).astype(np.float32)

    def release(self, session: str) -> None:
        self.open.discard(session)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(params=[True, False], ids=["vectors", "words alone"])
def model(request):
    return ExampleIntentModel(BagModel(vectors=request.param), [ORDER, STATUS], [TIMER])


def heard(model, text: str) -> IntentScore:
    return model.score(text, session="s").result()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("i want soup please", "snack.order"),
        ("bring me some toast", "snack.order"),
        ("Bring me some toasted bread!", "snack.order"),
        ("when is my snack coming", "snack.status"),
        ("how long will my soup take", "snack.status"),
        ("set a timer for five minutes", "timer.set"),
        ("who wrote hamlet", OUT_OF_SCOPE),
        ("what is the capital of norway", OUT_OF_SCOPE),
    ],
)
def test_new_intents_are_known_and_old_ones_stay(model, text, intent):
    score = heard(model, text)
    assert score.intent == intent
    assert score.accepted == (intent != OUT_OF_SCOPE)


@pytest.mark.parametrize("text", ["soup", "set a timer", "the weather in paris", "", "x y z"])
def test_scores_are_probabilities(model, text):
    score = heard(model, text)
    assert sum(p for _, p in score.ranked) == pytest.approx(1.0, abs=1e-5)
    assert [p for _, p in score.ranked] == sorted((p for _, p in score.ranked), reverse=True)
    assert score.in_scope == pytest.approx(1.0 - dict(score.ranked)[OUT_OF_SCOPE])
    assert {name for name, _ in score.ranked} == set(model.labels)
    assert score.complete == 0.7


def test_learning_leaves_nothing_behind():
    base = BagModel()
    model = ExampleIntentModel(base, [ORDER], [TIMER])
    assert base.open == set()
    assert model.labels == ("timer.set", OUT_OF_SCOPE, "snack.order")
    assert model.threshold == 0.5
    heard(model, "soup")
    model.release("s")
    assert base.open == set()
    model.close()
    assert base.closed


def test_it_is_the_same_every_time():
    first, second = (ExampleIntentModel(BagModel(), [ORDER, STATUS], [TIMER]) for _ in range(2))
    assert heard(first, "some soup").ranked == heard(second, "some soup").ranked


def test_failures_and_cancellations_pass_through():
    base = BagModel()
    model = ExampleIntentModel(base, [ORDER], [TIMER])
    waiting = model.score("wait", session="s")
    assert waiting.cancel()
    assert base.pending is not None
    assert base.pending.cancelled()
    base.fails = True
    assert isinstance(model.score("soup", session="s").exception(), EngineError)
    with pytest.raises(EngineError):
        ExampleIntentModel(base, [ORDER], [TIMER])


def test_new_sentences_of_a_known_label_add_to_it():
    more = Intent("timer.set", "set timers", ("count down from {d}", "ring in {d}", "tell me after {d}"), TIMER.slots)
    model = ExampleIntentModel(BagModel(), [more], [ORDER])
    assert model.labels == BagModel.labels
    score = heard(model, "count down from ten minutes")
    assert score.intent == "timer.set"
    assert score.accepted


def test_talk_about_the_thing_is_background():
    texts = background_texts([ORDER, STATUS], [])
    assert sum("snack" in text for text in texts) >= 4
    assert not set(texts) & set(example_texts(ORDER))
    assert texts == background_texts([ORDER, STATUS], [])


def test_words_count_by_rarity_and_values_as_slots():
    words = Words.of(["soup please", "toast please", "who knows"], ["soup please", "toast please"], {("soup",): "kind"})
    rows = words(["soup please", "something else", "7 soup", "nine soup"])
    assert rows.shape == (4, words.width)
    assert np.linalg.norm(rows[0]) == pytest.approx(1.0)
    assert np.linalg.norm(rows[1]) < 0.3
    assert np.array_equal(rows[2], rows[3])


def test_a_head_learns_its_sentences():
    texts = ["red one", "red two", "blue one", "blue two", "none of it", "something else"]
    head = ExampleHead.fit(Words.of(texts, texts[:4], {}), texts, None, ["a", "a", "b", "b", ELSE, ELSE])
    assert head.labels == ("a", "b")
    for text, index in (("red three", 0), ("blue three", 1), ("nothing like that", 2)):
        assert int(np.argmax(head.probabilities(text, None))) == index


def test_what_was_learned_survives_a_file(tmp_path: Path):
    learned = ExampleIntentModel(BagModel(), [ORDER, STATUS], [TIMER])
    write_head(tmp_path / "own.npz", learned._head)
    read = HeadIntentModel(BagModel(), read_head(tmp_path / "own.npz"))
    assert read.labels == learned.labels
    for text in ("some soup", "when is my toast ready", "set a timer", "who knows"):
        assert dict(heard(read, text).ranked) == pytest.approx(dict(heard(learned, text).ranked))
    assert [path.name for path in tmp_path.iterdir()] == ["own.npz"]


@pytest.mark.parametrize("damage", ["missing", "short", "text", "matrix"])
def test_a_damaged_file_is_an_error(tmp_path: Path, damage: str):
    path = tmp_path / "own.npz"
    head = ExampleIntentModel(BagModel(), [ORDER], [TIMER])._head
    if damage == "matrix":
        head = replace(head, matrix=head.matrix[:-1])
    if damage != "missing":
        write_head(path, head)
    if damage == "short":
        path.write_bytes(path.read_bytes()[:400])
    if damage == "text":
        path.write_text("hello")
    with pytest.raises(ModelError, match=r"own\.npz"):
        read_head(path)


def test_another_model_than_it_was_learned_on_is_an_error():
    head = ExampleIntentModel(BagModel(), [ORDER], [TIMER])._head
    model = HeadIntentModel(BagModel(vectors=False), head)
    with pytest.raises(EngineError, match="another intent model"):
        model.score("soup", session="s").result(1)


@pytest.mark.models
def test_on_the_model_that_ships(require_model: Callable[[str], Path]):
    base = open_intent_model(require_model("voicebox-intent"))
    model = ExampleIntentModel(base, [ORDER, STATUS], [TIMER])
    try:
        assert heard(model, "could you fetch me some soup").intent == "snack.order"
        assert heard(model, "set a timer for ten minutes").intent == "timer.set"
        assert heard(model, "what is the capital of france").intent == OUT_OF_SCOPE
    finally:
        model.close()
