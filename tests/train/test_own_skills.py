from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

from voicebox.llm.example_head import ELSE
from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.own.load import load_folder
from voicebox.skills.types import Intent
from voicebox.train.own_skills import (
    Accuracy,
    exam_rows,
    kept_back,
    learned_texts,
    measure,
    own_rows,
    rehearsal_rows,
)

EXAMPLES = Path(__file__).parents[2] / "examples" / "skills"
OWN = [intent for skill in load_folder(EXAMPLES).skills for intent in skill.intents]
SMALL = Intent("a.b", "do", ("one thing", "two things", "three things", "four", "five", "six of them", "seven"))


def test_one_example_in_six_is_kept_back():
    (most,), (back,) = kept_back([SMALL])
    assert back.examples == ("six of them",)
    assert most.examples == ("one thing", "two things", "three things", "four", "five", "seven")
    few = Intent("a.c", "do", ("x", "y"))
    assert kept_back([few]) == ([few], [])


def test_rows_hold_many_sentences_and_mean_one_thing_each():
    rows = own_rows(OWN, BUILTIN_INTENTS)
    meant: dict[str, set[str]] = {}
    for row in rows:
        meant.setdefault(row.text, set()).add(row.intent)
    assert all(len(intents) == 1 for intents in meant.values())
    for intent in OWN:
        assert len({row.text for row in rows if row.intent == intent.name}) >= 10 * len(intent.examples)
    assert sum(row.intent == OUT_OF_SCOPE for row in rows) >= 200
    assert rows == own_rows(OWN, BUILTIN_INTENTS)


def test_no_row_is_another_skills_sentence():
    taken = Intent("own.time", "tell the time", ("what time is it", "is it late", "say the time", "the hour please"))
    rows = own_rows([taken], BUILTIN_INTENTS)
    assert "what time is it" not in {row.text for row in rows}
    assert "is it late" in {row.text for row in rows}


def test_every_intent_is_rehearsed_and_examined_on_other_sentences():
    rehearsed = rehearsal_rows(BUILTIN_INTENTS)
    assert {row.intent for row in rehearsed} == {intent.name for intent in BUILTIN_INTENTS}
    examined = exam_rows(BUILTIN_INTENTS, each=1)
    known = {row.text for row in rehearsed}
    assert sum(text not in known for text, _ in examined) >= 0.3 * len(examined)


class OneAnswer:
    """Says one label, and accepts texts without an x."""

    labels = ("a.b", OUT_OF_SCOPE)
    threshold = 0.5

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        future: Future[IntentScore] = Future()
        future.set_result(IntentScore((("a.b", 0.9), (OUT_OF_SCOPE, 0.1)), 0.9, 1.0, "x" not in text, 1.0))
        return future

    def release(self, session: str) -> None: ...

    def close(self) -> None: ...


def test_accuracy_is_by_skill():
    texts = [("one", "a.b"), ("x", "a.b"), ("two", "a.c"), ("x two", OUT_OF_SCOPE), ("three", OUT_OF_SCOPE)]
    assert measure(OneAnswer(), texts) == {"a": Accuracy(1, 3), OUT_OF_SCOPE: Accuracy(1, 2)}
    assert Accuracy(0, 0).share == 1.0


def test_the_classifier_learns_own_sentences_and_what_is_none_of_them():
    texts = learned_texts(OWN, BUILTIN_INTENTS)
    assert len(dict(texts)) == len(texts)
    assert {name for _, name in texts} == {intent.name for intent in OWN} | {ELSE}
    assert ("set a timer", ELSE) in texts or dict(texts).get("start a timer") == ELSE
    assert sum(name == ELSE for _, name in texts) >= 3000
