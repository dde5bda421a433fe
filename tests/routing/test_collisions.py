from __future__ import annotations

from concurrent.futures import Future

from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.routing.collisions import alike_values, same_sentences, taken_sentences
from voicebox.skills.types import Intent, Slot, SlotKind

DURATION = Slot("length", SlotKind.DURATION)
TIMER = Intent("timer.set", "set timers", ("set a timer for {length}", "{length} timer"), (DURATION,))


def test_sentences_are_the_same_whatever_their_slots_are_called():
    own = Intent("oven.on", "heat", ("set [a|the] timer for {span}", "heat up"), (Slot("span", SlotKind.DURATION),))
    (found,) = same_sentences([own], [TIMER])
    assert (found.kind, found.intent, found.other_intent) == ("same", "oven.on", "timer.set")
    assert found.sentence == "set a timer for {span}"
    assert found.example == "set [a|the] timer for {span}"
    assert found.other_sentence == "set a timer for {length}"


def test_own_intents_may_collide_with_one_another_and_not_with_themselves():
    one = Intent("oven.on", "heat", ("heat up", "heat [it] up", "warm it"))
    two = Intent("bath.fill", "fill the bath", ("warm it", "fill it"))
    (found,) = same_sentences([one, two], [])
    assert (found.intent, found.other_intent, found.sentence) == ("bath.fill", "oven.on", "warm it")
    assert not list(same_sentences([one], [TIMER]))


def test_values_that_sound_alike():
    values = {"dark roast": ("dark rose",), "dark rows": (), "light": ()}
    slot = Slot("roast", SlotKind.CHOICE, values)
    found = list(alike_values(Intent("cafe.order", "order", ("{roast}",), (slot,))))
    assert {(alike.value, alike.other_value) for alike in found} == {("dark roast", "dark rows")}
    assert all(alike.likeness >= 0.85 for alike in found)
    assert ("dark rose", "dark rows") in {(alike.form, alike.other_form) for alike in found}


class WordModel:
    """Takes a text for what the first known word in it says."""

    labels = ("oven.on", "timer.set", OUT_OF_SCOPE)
    threshold = 0.5

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        words = {"heat": "oven.on", "ten": "oven.on", "timer": "timer.set", "fire": "timer.set"}
        name = next((words[word] for word in text.split() if word in words), OUT_OF_SCOPE)
        future: Future[IntentScore] = Future()
        future.set_result(IntentScore(((name, 0.9),), 0.9, 1.0, name != OUT_OF_SCOPE, 1.0))
        return future

    def release(self, session: str) -> None: ...

    def close(self) -> None: ...


def test_sentences_that_the_model_takes_for_anothers():
    own = Intent("oven.on", "heat", ("heat it up", "fire it up", "warm it"))
    timer = Intent("timer.set", "set timers", ("set the timer", "x", "{length} on the clock"),
                   (Slot("length", SlotKind.CHOICE, {"ten": ()}),))  # fmt: skip
    mine, theirs = taken_sentences(WordModel(), [own], [timer])
    assert (mine.sentence, mine.intent, mine.other_intent) == ("fire it up", "oven.on", "timer.set")
    assert (theirs.sentence, theirs.intent, theirs.other_intent) == ("ten on the clock", "timer.set", "oven.on")
    assert theirs.example == "{length} on the clock"
    assert mine.probability == 0.9
    assert mine.other_sentence in ("set the timer", "x", "ten on the clock")
