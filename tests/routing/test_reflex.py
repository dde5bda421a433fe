from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

import pytest

from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.routing.reflex import Reflex
from voicebox.skills.registry import Registry, default_registry
from voicebox.skills.state import Household
from voicebox.skills.types import Control, Dialog, Intent, Plan, Request, Slot, SlotKind, Understanding
from voicebox.stt.lexicon import Lexicon

NOW = datetime(2026, 3, 4, 10, 30)


class ScriptedModel:
    """Says of each text what the test says: label, confidence, probability that it is complete."""

    threshold = 0.5

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = labels
        self.next: tuple[str, float, float] = (OUT_OF_SCOPE, 0.9, 0.9)
        self.second: tuple[str, float] | None = None
        self.released: list[str] = []
        self.waiting: dict[str, Future[IntentScore]] = {}
        self.slow = False
        self.asked = asyncio.Event()

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        future: Future[IntentScore] = Future()
        if self.slow:
            if session in self.waiting:
                self.waiting[session].cancel()
            self.waiting[session] = future
            self.asked.set()
            return future
        future.set_result(self.result())
        return future

    def result(self) -> IntentScore:
        label, confidence, complete = self.next
        ranked = [(label, confidence)]
        if self.second is not None:
            ranked.append(self.second)
        rest = 1.0 - sum(p for _, p in ranked)
        if OUT_OF_SCOPE not in dict(ranked):
            ranked.append((OUT_OF_SCOPE, rest))
        out = dict(ranked)[OUT_OF_SCOPE]
        return IntentScore(tuple(ranked), 1 - out, complete, out < 0.5, 1.0)

    def release(self, session: str) -> None:
        self.released.append(session)

    def close(self) -> None:
        pass


class Conversation:
    """One caller: what is said goes through the tier, and each turn is committed."""

    def __init__(self, registry: Registry, model: ScriptedModel, reflex: Reflex) -> None:
        self.registry, self.model, self.reflex = registry, model, reflex
        self.dialog = Dialog()
        self.now = NOW

    async def hear(
        self,
        text: str,
        label: str = OUT_OF_SCOPE,
        confidence: float = 0.9,
        *,
        complete: float = 0.9,
        skills: tuple[str, ...] | None = None,
    ) -> Understanding:
        self.model.next = (label, confidence, complete)
        return await self.reflex.understand(text, dialog=self.dialog, session="s", now=self.now, skills=skills)

    def commit(self, understanding: Understanding) -> Plan | None:
        plan = self.reflex.plan(understanding, dialog=self.dialog, now=self.now, session="s")
        self.dialog = self.reflex.next_dialog(self.dialog, understanding, plan, now=self.now, session="s")
        if plan is not None and plan.commit is not None:
            plan.commit()
        return plan

    async def say(self, text: str, label: str = OUT_OF_SCOPE, confidence: float = 0.9) -> Plan | None:
        return self.commit(await self.hear(text, label, confidence))


@pytest.fixture
def talk() -> Conversation:
    registry = default_registry(Household())
    names = [intent.name for intent in registry.intents()]
    model = ScriptedModel([*names, OUT_OF_SCOPE])
    return Conversation(registry, model, Reflex(registry, model, Lexicon.of(registry.intents())))


def slots(understanding: Understanding) -> dict[str, Any]:
    return {name: slot.value for name, slot in understanding.slots.items()}


async def test_an_intent_with_slots_of_several_kinds(talk: Conversation) -> None:
    heard = await talk.hear("Set the kitchen lights to 40%.", "home.light_level")
    assert (heard.intent, slots(heard)) == ("home.light_level", {"level": 40, "room": "kitchen"})
    assert heard.in_scope
    assert heard.missing == ()
    assert heard.complete == pytest.approx(0.9)
    assert heard.text == "Set the kitchen lights to 40%."
    plan = talk.commit(heard)
    assert plan is not None
    assert plan.ask is None


async def test_free_text_beside_a_duration(talk: Conversation) -> None:
    heard = await talk.hear("set a pasta timer for ten minutes", "timer.set")
    assert slots(heard) == {"duration": 600, "name": "pasta"}


async def test_what_a_quantity_names_is_not_also_the_wanted_unit(talk: Conversation) -> None:
    heard = await talk.hear("how many kilometers are 5 miles", "math.convert")
    assert slots(heard) == {"quantity": {"value": 5, "unit": "mile"}, "unit": "kilometer"}


async def test_out_of_scope_is_nothing_for_the_skills(talk: Conversation) -> None:
    heard = await talk.hear("who wrote romeo and juliet")
    assert not heard.in_scope
    assert talk.commit(heard) is None


async def test_nothing_said_is_nothing(talk: Conversation) -> None:
    heard = await talk.hear(" … ", "timer.set")
    assert not heard.in_scope
    assert heard.complete == 0.0


@pytest.mark.parametrize("text", ["set a timer for", "make me a latte with", "turn on the", "what is seven plus"])
async def test_a_dangling_end_is_not_complete_whatever_the_model_says(talk: Conversation, text: str) -> None:
    heard = await talk.hear(text, "dialog.help", complete=0.99)
    assert heard.complete < 0.1


async def test_a_missing_slot_is_asked_for_and_answered(talk: Conversation) -> None:
    heard = await talk.hear("set a pasta timer", "timer.set", complete=0.95)
    assert heard.missing == ("duration",)
    assert heard.complete < 0.5
    plan = talk.commit(heard)
    assert plan is not None
    assert (plan.ask, plan.reply) == ("duration", "For how long?")
    answer = await talk.hear("um ten minutes", OUT_OF_SCOPE, complete=0.2)
    assert (answer.intent, slots(answer)) == ("timer.set", {"duration": 600, "name": "pasta"})
    assert answer.in_scope
    assert not answer.amends
    assert answer.complete > 0.9
    plan = talk.commit(answer)
    assert plan is not None
    assert plan.data["duration_s"] == 600
    assert talk.dialog.asked is None


async def test_a_bare_number_answers_for_how_long_in_minutes(talk: Conversation) -> None:
    await talk.say("set a timer", "timer.set")
    assert slots(await talk.hear("ten")) == {"duration": 600}


async def test_a_choice_is_answered_by_sound(talk: Conversation) -> None:
    await talk.say("i want a large coffee drink", "coffee.order")
    talk.dialog = Dialog(talk.dialog.last, asked="coffeeDrink") if talk.dialog.asked is None else talk.dialog
    heard = await talk.hear("a cup of chino")
    assert slots(heard)["coffeeDrink"] == "cappuccino"


async def test_free_text_answers_with_all_its_words(talk: Conversation) -> None:
    await talk.say("add something to the shopping list", "lists.add")
    assert talk.dialog.asked == "item"
    heard = await talk.hear("um i'd like oat milk please")
    assert slots(heard) == {"item": "oat milk", "list": "shopping"}


async def test_a_question_can_be_left_open(talk: Conversation) -> None:
    await talk.say("set a timer", "timer.set")
    plan = await talk.say("never mind", "dialog.cancel")
    assert plan is not None
    assert plan.control is Control.CANCEL
    assert talk.dialog.asked is None
    assert talk.dialog.last is None


async def test_another_request_is_no_answer(talk: Conversation) -> None:
    await talk.say("set a timer", "timer.set")
    heard = await talk.hear("wake me at seven thirty tomorrow", "alarm.set")
    assert heard.intent == "alarm.set"


@pytest.mark.parametrize(
    ("text", "label", "duration"),
    [
        ("no ten minutes", "dialog.correct", 600),
        ("no, ten minutes", OUT_OF_SCOPE, 600),
        ("make it fifteen", "dialog.correct", 900),
        ("actually an hour", "timer.set", 3600),
        ("ten minutes", "timer.set", 600),
    ],
)
async def test_a_fragment_amends_the_last_request(talk: Conversation, text: str, label: str, duration: int) -> None:
    await talk.say("set a pasta timer for five minutes", "timer.set")
    heard = await talk.hear(text, label)
    assert (heard.intent, slots(heard)) == ("timer.set", {"duration": duration, "name": "pasta"})
    assert heard.amends
    assert heard.complete >= 0.8


async def test_an_amended_timer_takes_the_place_of_the_first(talk: Conversation) -> None:
    await talk.say("set a timer for five minutes", "timer.set")
    await talk.say("no ten minutes", "dialog.correct")
    plan = await talk.say("what timers do i have", "timer.list")
    assert plan is not None
    assert [timer["left_s"] for timer in plan.data["timers"]] == [600]


async def test_an_order_is_amended(talk: Conversation) -> None:
    await talk.say("a large latte with some milk", "coffee.order")
    heard = await talk.hear("with soy milk and brown sugar", "dialog.correct")
    assert slots(heard) == {
        "size": "large",
        "coffeeDrink": "latte",
        "milkAmount": "soy milk",
        "sugarAmount": "brown sugar",
    }


async def test_what_is_not_wanted_is_taken_away(talk: Conversation) -> None:
    await talk.say("a latte with milk and sugar", "coffee.order")
    heard = await talk.hear("without sugar", "dialog.correct")
    assert slots(heard) == {"coffeeDrink": "latte", "milkAmount": "milk"}
    assert heard.amends


async def test_a_whole_request_of_the_same_kind_is_a_new_one(talk: Conversation) -> None:
    await talk.say("set a timer for five minutes", "timer.set")
    heard = await talk.hear("set a timer for ten minutes", "timer.set")
    assert not heard.amends


async def test_another_request_that_begins_like_an_amendment(talk: Conversation) -> None:
    await talk.say("turn on the kitchen light", "home.light_on")
    heard = await talk.hear("and turn off the bedroom light", "home.light_off", 0.95)
    assert (heard.intent, slots(heard)) == ("home.light_off", {"room": "bedroom"})
    assert not heard.amends


async def test_old_requests_are_not_amended(talk: Conversation) -> None:
    await talk.say("set a timer for five minutes", "timer.set")
    talk.now += timedelta(minutes=5)
    heard = await talk.hear("ten minutes", OUT_OF_SCOPE)
    assert not heard.in_scope


async def test_a_correction_of_nothing_is_read_as_the_next_best(talk: Conversation) -> None:
    talk.model.second = ("home.light_on", 0.3)
    heard = await talk.hear("the kitchen light", "dialog.correct", 0.6)
    assert (heard.intent, heard.in_scope) == ("home.light_on", True)
    talk.model.second = None
    heard = await talk.hear("ten minutes", "dialog.correct", 0.9)
    assert not heard.in_scope


async def test_values_convince_where_the_model_is_not_sure(talk: Conversation) -> None:
    heard = await talk.hear("large dark rose latte with a bit of milk", OUT_OF_SCOPE, 0.7)
    assert heard.in_scope
    assert (heard.intent, slots(heard)) == (
        "coffee.order",
        {"size": "large", "roast": "dark roast", "coffeeDrink": "latte", "milkAmount": "a bit of milk"},
    )


async def test_a_value_in_passing_convinces_nobody(talk: Conversation) -> None:
    heard = await talk.hear("do you know why coffee keeps people awake at night", OUT_OF_SCOPE, 0.7)
    assert not heard.in_scope


async def test_skills_that_are_off_take_nothing(talk: Conversation) -> None:
    heard = await talk.hear("turn on the kitchen light", "home.light_on", 0.95, skills=("coffee",))
    assert not heard.in_scope
    heard = await talk.hear("a latte please", "coffee.order", skills=("coffee",))
    assert heard.in_scope
    heard = await talk.hear("stop", "dialog.stop", skills=("coffee",))
    assert heard.in_scope


async def test_a_repetition_leaves_the_dialog_as_it_was(talk: Conversation) -> None:
    await talk.say("set a timer for five minutes", "timer.set")
    before = talk.dialog
    await talk.say("say that again", "dialog.repeat")
    assert talk.dialog == before


async def test_small_talk_closes_the_question_and_keeps_the_request(talk: Conversation) -> None:
    await talk.say("set a timer", "timer.set")
    last = talk.dialog.last
    await talk.say("who wrote romeo and juliet and when did they live", "oos")
    assert talk.dialog.asked is None
    assert talk.dialog.last == last


async def test_a_newer_text_waits_for_the_older_one(talk: Conversation) -> None:
    talk.model.slow = True
    first = asyncio.create_task(talk.hear("set a timer", "timer.set"))
    second = asyncio.create_task(talk.hear("set a timer for ten minutes", "timer.set"))
    for task in (first, second):
        await talk.model.asked.wait()
        talk.model.asked.clear()
        talk.model.waiting.pop("s").set_result(talk.model.result())
        await task
    assert slots(second.result()) == {"duration": 600}
    assert not first.cancelled()


class TestBias:
    async def test_nothing_is_expected_of_nothing(self, talk: Conversation) -> None:
        assert talk.reflex.bias("", dialog=Dialog()) == ""
        await talk.hear("who wrote romeo and juliet")
        assert talk.reflex.bias("who wrote romeo and juliet", dialog=Dialog()) == ""

    def test_the_only_skill_is_expected(self, talk: Conversation) -> None:
        prompt = talk.reflex.bias("", dialog=Dialog(), skills=("coffee",))
        assert "coffee" in prompt or "latte" in prompt or "mocha" in prompt

    async def test_the_skill_of_an_open_question_is_expected(self, talk: Conversation) -> None:
        await talk.say("set a timer", "timer.set")
        assert "timer" in talk.reflex.bias("", dialog=talk.dialog)

    async def test_what_a_partial_was_understood_as_is_expected(self, talk: Conversation) -> None:
        await talk.hear("can i get a latte", "coffee.order")
        assert talk.reflex.bias("Can I get a latte?", dialog=Dialog()) == talk.reflex.bias(
            "", dialog=Dialog(), skills=("coffee",)
        )
        assert talk.reflex.bias("something else", dialog=Dialog()) == ""


def test_release_reaches_the_model(talk: Conversation) -> None:
    talk.reflex.release("s")
    assert talk.model.released == ["s"]


async def test_a_verb_is_no_value_beside_a_better_one(talk: Conversation) -> None:
    assert slots(await talk.hear("switch the fan on", "home.device_on")) == {"device": "fan"}
    assert slots(await talk.hear("turn on the switch", "home.device_on")) == {"device": "outlet"}


class OneIntent:
    """A set with one intent, which says what set answered."""

    def __init__(self, name: str, intent: str = "thing.do") -> None:
        self.name = name
        slot = Slot("which", SlotKind.CHOICE, {name: ()}, required=True, ask=f"Which, asks {name}?")
        self._intents = (Intent(intent, "do things", (f"do the {{which}} for {name}",), (slot,)),)

    def intents(self, skills: Sequence[str] | None = None) -> tuple[Intent, ...]:
        return self._intents

    def plan(self, request: Request) -> Plan:
        return Plan(f"{self.name} did {request.value('which')}")


async def test_a_text_is_understood_and_answered_by_the_skills_it_met() -> None:
    model = ScriptedModel(("thing.do",))
    model.next = ("thing.do", 0.9, 0.9)
    old, new = OneIntent("old"), OneIntent("new")
    reflex = Reflex(old, model, Lexicon.of(old.intents()))
    before = await reflex.understand("do the old", dialog=Dialog(), session="s", now=NOW)
    reflex.replace(new, Lexicon.of(new.intents()))
    after = await reflex.understand("do the new", dialog=Dialog(), session="s", now=NOW)
    plans = [reflex.plan(heard, dialog=Dialog(), now=NOW, session="s") for heard in (before, after)]
    assert [plan.reply for plan in plans if plan is not None] == ["old did old", "new did new"]
    missing = await reflex.understand("do it", dialog=Dialog(), session="s", now=NOW)
    asked = reflex.plan(missing, dialog=Dialog(), now=NOW, session="s")
    assert asked is not None
    assert asked.reply == "Which, asks new?"


async def test_a_text_that_is_being_scored_keeps_its_skills() -> None:
    model = ScriptedModel(("thing.do",))
    model.slow = True
    old, new = OneIntent("old"), OneIntent("new", "other.do")
    reflex = Reflex(old, model, Lexicon.of(old.intents()))
    waiting = asyncio.create_task(reflex.understand("do the old", dialog=Dialog(), session="s", now=NOW))
    await model.asked.wait()
    exchanged: list[str] = []
    reflex.replace(new, Lexicon.of(new.intents()), lambda: exchanged.append("model"))
    assert exchanged == ["model"]
    model.next = ("thing.do", 0.9, 0.9)
    model.waiting["s"].set_result(model.result())
    heard = await waiting
    assert heard.in_scope
    plan = reflex.plan(heard, dialog=Dialog(), now=NOW, session="s")
    assert plan is not None
    assert plan.reply == "old did old"


async def test_a_question_whose_skill_is_gone_is_forgotten() -> None:
    model = ScriptedModel(("thing.do",))
    model.next = ("thing.do", 0.9, 0.9)
    old, new = OneIntent("old"), OneIntent("new", "other.do")
    reflex = Reflex(old, model, Lexicon.of(old.intents()))
    heard = await reflex.understand("do it", dialog=Dialog(), session="s", now=NOW)
    asked = reflex.plan(heard, dialog=Dialog(), now=NOW, session="s")
    dialog = reflex.next_dialog(Dialog(), heard, asked, now=NOW, session="s")
    assert dialog.asked == "which"
    assert reflex.bias("", dialog=dialog)
    reflex.replace(new, Lexicon.of(new.intents()))
    assert reflex.bias("", dialog=dialog) == ""
    model.next = ("other.do", 0.9, 0.9)
    later = await reflex.understand("do the new", dialog=dialog, session="s", now=NOW)
    assert later.intent == "other.do"


async def test_what_can_still_be_added_follows_what_was_said_last(talk: Conversation) -> None:
    bare = await talk.hear("get me a large latte", "coffee.order")
    assert set(bare.addable) == {"milkAmount", "sugarAmount"}
    milk = await talk.hear("get me a latte with whole milk", "coffee.order")
    assert milk.addable == ("sugarAmount",)
    both = await talk.hear("get me a latte with whole milk and brown sugar", "coffee.order")
    assert both.addable == ()
    assert (await talk.hear("what is the meaning of life")).addable == ()


async def test_a_request_that_could_go_on_is_as_complete_as_the_model_says(talk: Conversation) -> None:
    heard = await talk.hear("turn off", "home.light_off", complete=0.02)
    assert heard.in_scope
    assert heard.complete == pytest.approx(0.02)


async def test_a_short_answer_to_what_the_assistant_asked_is_complete(talk: Conversation) -> None:
    talk.dialog = Dialog(last_reply="Interesting. Do you like tea?")
    yes = await talk.hear("Yes.", complete=0.3)
    assert (yes.answers, yes.complete) == (True, pytest.approx(0.95))
    other = await talk.hear("Yes, but", complete=0.3)
    assert not other.answers
    talk.dialog = Dialog(last_reply="I like tea.")
    assert not (await talk.hear("Yes.", complete=0.3)).answers
