import pytest

from voicebox.errors import ConfigError
from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.registry import DIALOG, Registry
from voicebox.skills.syntax import Choice, SlotRef, parse
from voicebox.skills.types import Intent, Plan, SlotKind


class Fake:
    def __init__(self, name, *intents):
        self.name = name
        self.intents = tuple(Intent(intent, "do things", ("x",)) for intent in intents)

    def plan(self, request):
        return Plan(request.intent)


def test_every_builtin_intent_has_its_skill(talk):
    assert {intent.name for intent in talk.registry.intents()} == {intent.name for intent in BUILTIN_INTENTS}
    for intent in BUILTIN_INTENTS:
        assert talk.registry.skill_of(intent.name).name == intent.name.partition(".")[0]
        assert talk.registry.intent(intent.name) is intent


def test_a_subset_keeps_the_conversation(talk):
    coffee = talk.registry.enabled(["coffee"])
    assert coffee.names == ("coffee", DIALOG)
    assert {intent.name.partition(".")[0] for intent in coffee.intents()} == {"coffee", DIALOG}
    assert coffee.intents() == talk.registry.intents(["coffee"])
    assert coffee.capabilities() == ("order coffee",)
    with pytest.raises(KeyError):
        coffee.intent("timer.set")


def test_help_names_what_is_enabled(talk):
    talk.registry = talk.registry.enabled(["coffee", "timer"])
    assert talk.say("dialog.help", "what can you do") == "Sure. I can set timers and order coffee. What would you like?"


def test_an_unknown_skill_is_a_setting_error(talk):
    with pytest.raises(ConfigError, match="weather") as error:
        talk.registry.enabled(["weather"])
    assert "timer" in error.value.cure


@pytest.mark.parametrize(
    "skills",
    [
        (Fake("a", "a.x"), Fake("a", "a.y")),
        (Fake("a", "a.x", "a.x"),),
        (Fake("a", "b.x"),),
    ],
)
def test_clashing_declarations_are_refused(skills):
    with pytest.raises(ValueError, match=r"two skills|not named"):
        Registry(skills)


def test_warm_phrases_are_spoken_ones(talk):
    phrases = talk.registry.warm_phrases()
    assert len(set(phrases)) == len(phrases)
    assert "For how long?" in phrases
    assert all(phrase and "{" not in phrase for phrase in phrases)


@pytest.mark.parametrize("intent", BUILTIN_INTENTS, ids=lambda intent: intent.name)
def test_declarations_are_sound(intent):
    declared = {slot.name for slot in intent.slots}
    assert len(declared) == len(intent.slots)
    assert len(set(intent.examples)) == len(intent.examples) >= 15
    assert intent.description
    for slot in intent.slots:
        assert (slot.kind is SlotKind.CHOICE) == bool(slot.values)
        assert not slot.required or slot.ask.endswith("?")
        spoken = [form for value, more in slot.values.items() for form in (value, *more)]
        assert all(form == form.lower() for form in spoken)

    def used(nodes):
        for node in nodes:
            if isinstance(node, SlotRef):
                yield node.name
            elif isinstance(node, Choice):
                for option in node.options:
                    yield from used(option)

    assert {name for example in intent.examples for name in used(parse(example))} <= declared
