"""What the built-in skills answer and do, said as people say it."""

import pytest

from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.lists import MAX_ITEMS, split_items
from voicebox.skills.state import Light
from voicebox.skills.timer import MAX_TIMERS
from voicebox.skills.types import Control, Request, SlotValue


@pytest.mark.parametrize(
    ("intent", "text", "reply"),
    [
        ("clock.time", "what time is it", "It's 3:10 PM."),
        ("clock.date", "what's the date", "It's Wednesday, March 4th, 2026."),
        ("clock.date", "when is christmas", "Christmas is Friday, December 25th."),
        ("clock.day", "what day is it", "It's Wednesday."),
        ("clock.day", "what day is july fourth", "July Fourth is a Saturday."),
        ("clock.until", "how many days until christmas", "296 days until Christmas."),
        ("clock.until", "how many days until tomorrow", "1 day until tomorrow."),
        ("clock.until", "how many weeks until next wednesday", "7 days until next Wednesday, that's 1 week."),
        ("clock.until", "days until today", "That's today: Wednesday, March 4th."),
        ("math.calculate", "what is seventeen times three plus one", "That's 52."),
        ("math.calculate", "100 divided by 7", "That's about 14.29."),
        ("math.calculate", "5 divided by zero", "Sorry, that would divide by zero."),
        ("math.convert", "how many feet are in three miles", "3 miles are 15840 feet."),
        ("math.convert", "how many ounces in a pound", "1 pound is 16 ounces."),
        ("math.convert", "what's 212 degrees in celsius", "212 degrees Fahrenheit are 100 degrees Celsius."),
        ("math.convert", "convert 5 kilograms to miles", "Sorry, kilograms don't convert to miles."),
        ("math.convert", "two feet in feet", "That's 2 feet already."),
        ("volume.set", "volume seven", "Okay, volume at 70 percent."),
        ("volume.set", "volume 7%", "Okay, volume at 7 percent."),
        ("dialog.greet", "good morning", "Good afternoon! What can I do for you?"),
        ("dialog.goodbye", "good night", "Good night!"),
    ],
)
def test_answers(talk, intent, text, reply):
    assert talk.say(intent, text) == reply


def test_the_time_elsewhere(talk):
    plan = talk.plan("clock.time", "what time is it in tokyo")
    assert plan.reply.startswith("In Tokyo, it's ")
    assert plan.data["time"].endswith("+09:00")


@pytest.mark.parametrize("intent", BUILTIN_INTENTS, ids=lambda intent: intent.name)
def test_planning_changes_nothing_and_is_reproducible(talk, intent):
    household = talk.household
    household.scheduler.set_timer("s", 600, talk.now, "pasta")
    household.lists["shopping"] = ["milk"]
    values = {
        "duration": 600, "time": "2026-03-05T07:00:00", "day": "2026-03-06", "expression": "1+1", "level": 50,
        "quantity": {"value": 3, "unit": "mile"}, "unit": "foot", "item": "milk", "temperature": 20, "amount": 2,
    }  # fmt: skip
    slots = {
        slot.name: SlotValue(values.get(slot.name) or next(iter(slot.values)), "words")
        for slot in intent.slots
        if slot.required
    }

    def state():
        return repr(household), household.scheduler.timers("s"), household.scheduler.alarms("s")

    before = state()
    request = Request(intent.name, slots, "words", talk.now, "s")
    plans = [talk.registry.plan(request) for _ in range(2)]
    assert state() == before
    assert plans[0].reply == plans[1].reply
    assert plans[0].data == plans[1].data
    assert plans[0].reply or plans[0].control is Control.REPEAT
    assert not (intent.read_only and plans[0].commit)


class TestTimers:
    def test_rings_by_itself(self, talk):
        assert talk.say("timer.set", "set a ten minute pasta timer").startswith(
            ("Okay, 10 minutes", "Sure, 10 minutes")
        )
        assert talk.later(minutes=4) == []
        assert talk.say("timer.remaining", "how much time is left") == "6 minutes left on the pasta timer."
        assert talk.later(minutes=6) == ["Your pasta timer is done."]
        assert talk.say("timer.list", "what timers do i have") == "You have no timers."

    def test_nothing_is_set_before_the_commit(self, talk):
        talk.plan("timer.set", "set a timer for ten minutes")
        assert talk.later(hours=1) == []

    def test_an_amendment_replaces_the_timer(self, talk):
        talk.say("timer.set", "set a timer for ten minutes")
        talk.say("timer.set", "no fifteen minutes", amends=True)
        assert talk.later(minutes=10) == []
        assert talk.later(minutes=5) == ["Your 15 minute timer is done."]

    def test_never_mind_takes_it_back_within_a_minute(self, talk):
        talk.say("timer.set", "set a timer for ten minutes")
        assert talk.say("dialog.cancel", "never mind") == "Okay, the timer is cancelled."
        assert talk.say("dialog.cancel", "never mind") == "Okay, never mind."
        talk.say("timer.set", "set a timer for ten minutes")
        talk.later(seconds=61)
        assert talk.say("dialog.cancel", "never mind") == "Okay, never mind."
        assert len(talk.household.scheduler.timers("s")) == 1

    def test_never_mind_to_a_question_drops_the_question_only(self, talk):
        talk.say("timer.set", "set a timer for ten minutes")
        plan = talk.plan("dialog.cancel", "never mind", asked="time")
        assert (plan.reply, plan.commit) == ("Okay, never mind.", None)

    def test_an_amended_request_that_was_refused_takes_nothing_else_back(self, talk):
        talk.say("home.light_on", "turn on the kitchen lights")
        talk.say("timer.set", "set a timer for 20 weeks")
        talk.say("timer.set", "no 20 minutes", amends=True)
        assert talk.household.lights["kitchen"].on

    def test_which_one_is_asked_and_answered_by_name_or_length(self, talk):
        talk.say("timer.set", "set a five minute pasta timer")
        talk.say("timer.set", "set a timer for one hour")
        plan = talk.plan("timer.cancel", "cancel the timer")
        assert plan.ask == "name"
        assert plan.commit is None
        assert "pasta timer and the 1 hour timer" in plan.reply
        assert talk.say("timer.cancel", "cancel the one hour timer") == "Okay, the 1 hour timer is cancelled."
        assert talk.say("timer.cancel", "cancel the egg timer") == "There is no egg timer."
        assert talk.say("timer.cancel", "cancel the timer") == "Okay, the pasta timer is cancelled."

    def test_all_of_them(self, talk):
        talk.say("timer.set", "set a timer for five minutes")
        talk.say("timer.set", "set a timer for six minutes")
        assert talk.say("timer.cancel", "cancel all timers") == "Okay, 2 timers are cancelled."
        assert talk.say("timer.cancel", "cancel all timers") == "You have no timers."

    def test_pause_resume_and_more_time(self, talk):
        talk.say("timer.set", "set a timer for ten minutes")
        talk.later(minutes=1)
        assert talk.say("timer.pause", "pause the timer") == "Okay, paused with 9 minutes left."
        assert talk.later(hours=1) == []
        assert talk.say("timer.remaining", "how long is left") == "9 minutes left. It's paused."
        assert talk.say("timer.resume", "resume the timer") == "Okay, 9 minutes to go."
        assert talk.say("timer.add", "add five minutes") == "Okay, 14 minutes now."
        assert talk.later(minutes=14) == ["Your 10 minute timer is done."]

    def test_limits(self, talk):
        assert "30 days" in talk.say("timer.set", "set a timer for 20 weeks")
        for _ in range(MAX_TIMERS):
            talk.say("timer.set", "set a timer for ten minutes")
        assert "too many" in talk.say("timer.set", "set a timer for ten minutes")
        assert len(talk.household.scheduler.timers("s")) == MAX_TIMERS

    def test_another_session_has_its_own(self, talk):
        talk.say("timer.set", "set a timer for ten minutes")
        assert talk.say("timer.list", "what timers do i have", session="other") == "You have no timers."


class TestAlarms:
    def test_people_are_woken_in_the_morning(self, talk):
        assert talk.say("alarm.set", "wake me up at seven") == "Okay, 7 AM tomorrow."
        assert talk.say("alarm.set", "set an alarm for seven") == "Okay, 7 PM today."
        assert talk.say("alarm.set", "wake me up at 6 pm") == "Okay, 6 PM today."

    def test_a_day_alone_is_asked_for_its_time(self, talk):
        plan = talk.plan("alarm.set", "set an alarm for tomorrow")
        assert (plan.reply, plan.ask, plan.commit) == ("At what time tomorrow?", "time", None)

    def test_ringing_is_stopped_by_cancelling_or_stop(self, talk):
        for intent in ("alarm.cancel", "dialog.stop"):
            talk.say("alarm.set", "set an alarm for six pm tomorrow")
            assert talk.later(days=2) != []
            plan = talk.plan(intent, "turn off the alarm")
            assert plan.control is Control.STOP
            plan.commit()
            assert talk.later(minutes=1) == []

    def test_cancel_by_time_whatever_its_half_of_the_day(self, talk):
        talk.say("alarm.set", "wake me up at seven")
        talk.say("alarm.set", "wake me up at eight thirty")
        assert talk.plan("alarm.cancel", "cancel the alarm").ask == "time"
        assert talk.say("alarm.cancel", "cancel the 7 o'clock alarm") == "Okay, the 7 AM alarm is cancelled."
        assert talk.say("alarm.list", "when is my alarm") == "You have an alarm at 8:30 AM tomorrow."
        assert talk.say("alarm.cancel", "cancel the nine o'clock alarm") == "There is no alarm at that time."


class TestLists:
    def test_add_read_remove_clear(self, talk):
        talk.say("lists.add", "add milk, eggs and bread to the shopping list")
        assert talk.say("lists.read", "what's on my shopping list") == (
            "3 things on your shopping list: milk, eggs and bread."
        )
        assert talk.say("lists.remove", "take the egg off the list") == "Okay, took eggs off the shopping list."
        assert talk.say("lists.remove", "remove the caviar") == "Caviar is not on any list."
        assert talk.say("lists.clear", "clear the shopping list") == "Okay, cleared your shopping list."
        assert talk.say("dialog.cancel", "undo that") == "Okay, I took that back."
        assert talk.household.lists["shopping"] == ["milk", "bread"]

    def test_commas_of_the_transcript_separate(self, talk):
        slots = {"item": SlotValue("milk eggs and sour cream", "milk eggs and sour cream")}
        request = Request("lists.add", slots, "Add milk, eggs, and sour cream.", talk.now, "s")
        assert talk.registry.plan(request).data["items"] == ["milk", "eggs", "sour cream"]

    def test_tasks_go_to_their_list(self, talk):
        talk.say("lists.add", "add call mom and dad")
        assert talk.household.lists == {"to do": ["call mom and dad"]}

    def test_what_is_there_is_not_added_twice(self, talk):
        talk.say("lists.add", "add milk")
        assert talk.say("lists.add", "add milk") == "Milk is on the shopping list already."

    def test_an_amendment_takes_the_first_one_back(self, talk):
        talk.say("lists.add", "add milk")
        talk.say("lists.add", "add silk", amends=True)
        assert talk.household.lists["shopping"] == ["silk"]

    @pytest.mark.parametrize("text", ["and butter", "Butter too.", "also add butter"])
    def test_more_of_the_same_takes_nothing_back(self, talk, text):
        talk.say("lists.add", "add milk")
        slots = {"item": SlotValue("butter", "butter")}
        plan = talk.registry.plan(Request("lists.add", slots, text, talk.now, "s", amends=True))
        plan.commit()
        assert talk.household.lists["shopping"] == ["milk", "butter"]

    def test_long_lists_are_bounded_and_not_read_to_the_end(self, talk):
        talk.household.lists["shopping"] = [f"thing {i}" for i in range(MAX_ITEMS)]
        assert "and 190 more." in talk.say("lists.read", "read my shopping list")
        assert "full" in talk.say("lists.add", "add milk")

    @pytest.mark.parametrize(
        ("said", "items"),
        [
            ("milk, eggs, and bread", ["milk", "eggs", "bread"]),
            ("macaroni and cheese and peas", ["macaroni and cheese", "peas"]),
            ("half and half", ["half and half"]),
            ("milk and milk", ["milk"]),
            ("sour cream", ["sour cream"]),
        ],
    )
    def test_enumerations(self, said, items):
        assert split_items(said) == items


class TestHome:
    def test_lights_by_room(self, talk):
        talk.say("home.light_on", "turn on the kitchen lights")
        talk.say("home.light_on", "turn on the bedroom lights", amends=True)
        assert talk.say("home.light_status", "which lights are on") == "The lights are on in the bedroom."
        talk.say("home.light_level", "set the bedroom lights to 30 percent")
        talk.say("home.light_color", "make the bedroom blue")
        assert talk.household.lights["bedroom"] == Light(True, 30, "blue")
        talk.say("home.light_dimmer", "dim the lights")
        assert talk.household.lights == {"bedroom": Light(True, 10, "blue")}
        talk.say("home.light_level", "set the bedroom lights to zero percent")
        assert talk.household.lights["bedroom"] == Light(False, 10, "blue")

    def test_lights_off_means_those_that_are_on(self, talk):
        talk.say("home.light_on", "turn on the kitchen lights")
        talk.say("home.light_on", "turn on the garage lights")
        plan = talk.plan("home.light_off", "turn off the lights")
        assert set(plan.data["rooms"]) == {"kitchen", "garage"}

    def test_the_whole_house(self, talk):
        talk.say("home.light_on", "turn on all the lights")
        assert all(light.on for light in talk.household.lights.values())
        assert len(talk.household.lights) > 10
        talk.say("dialog.cancel", "undo that")
        assert talk.household.lights == {}

    def test_thermostat(self, talk):
        assert talk.say("home.thermostat_set", "set the thermostat to 22") == "Okay, 22 degrees."
        assert talk.say("home.thermostat_up", "two degrees warmer") == "Okay, up to 24 degrees."
        assert talk.say("home.thermostat_set", "set it to 68 degrees") == "Okay, 68 degrees."
        assert talk.household.thermostat == 20
        assert talk.say("home.thermostat_set", "make it 500 degrees") == "Sorry, only 46 to 86 degrees."
        assert talk.say("home.thermostat_down", "20 degrees cooler") == "Sorry, cooler than that is not possible."
        assert talk.household.thermostat == 20

    def test_blinds_and_devices(self, talk):
        talk.say("home.blinds_close", "close the bedroom blinds")
        talk.say("home.device_on", "turn on the fan in the office")
        assert talk.household.blinds == {"bedroom": False}
        assert talk.household.devices == {("fan", "office"): True}


class TestVolume:
    def test_steps_and_ends(self, talk):
        talk.say("volume.set", "volume 95 percent")
        assert talk.say("volume.up", "louder") == "Okay, louder."
        assert talk.say("volume.up", "louder") == "That's as loud as I can be."
        assert talk.household.volume("s").level == 100
        assert talk.household.volume("other").level == 50

    def test_mute_keeps_the_level(self, talk):
        talk.say("volume.set", "volume 80 percent")
        talk.say("volume.mute", "mute")
        assert (talk.household.volume("s").level, talk.household.volume("s").muted) == (80, True)
        talk.say("volume.unmute", "unmute")
        assert (talk.household.volume("s").level, talk.household.volume("s").muted) == (80, False)


class TestCoffee:
    def test_an_order_names_all_that_was_understood(self, talk):
        plan = talk.plan(
            "coffee.order",
            "can i get a large dark roast double shot latte with a little bit of milk and some brown sugar",
        )
        slots = {
            "size": "large",
            "roast": "dark roast",
            "numberOfShots": "double shot",
            "coffeeDrink": "latte",
            "milkAmount": "a little bit of milk",
            "sugarAmount": "some brown sugar",
        }
        assert plan.data == {"intent": "orderDrink", "slots": slots}
        assert "a large dark roast double shot latte with a little bit of milk and some brown sugar" in plan.reply

    def test_articles(self, talk):
        assert " an iced coffee" in talk.plan("coffee.order", "i want an iced coffee").reply

    def test_spoken_forms_have_the_values_of_the_benchmark(self, talk):
        plan = talk.plan("coffee.order", "get me an 8 ounce iced mocha with lots of soy milk")
        assert plan.data["slots"] == {
            "size": "eight ounce",
            "coffeeDrink": "iced mocha",
            "milkAmount": "lots of soy milk",
        }

    def test_the_values_are_those_of_the_benchmark(self, talk):
        counts = {slot.name: len(slot.values) for slot in talk.registry.intent("coffee.order").slots}
        assert counts == {
            "size": 7,
            "roast": 3,
            "numberOfShots": 3,
            "coffeeDrink": 10,
            "milkAmount": 36,
            "sugarAmount": 18,
        }


def test_repeat_and_stop_are_for_the_conversation(talk):
    assert talk.plan("dialog.repeat", "what").control is Control.REPEAT
    assert talk.plan("dialog.stop", "stop").control is Control.STOP
    assert talk.plan("dialog.cancel", "never mind").control is Control.CANCEL
