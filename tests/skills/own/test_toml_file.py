from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from voicebox.skills.own.load import load_file
from voicebox.skills.own.problems import SkillFileError
from voicebox.skills.types import Request, SlotKind, SlotValue

NOW = datetime(2026, 3, 4, 15, 10)


def request(intent, text, **slots):
    return Request(intent, {name: SlotValue(value, str(value)) for name, value in slots.items()}, text, NOW, "s")


def errors(path: Path) -> list[str]:
    with pytest.raises(SkillFileError) as caught:
        load_file(path)
    return [str(problem).removeprefix(f"{path.parent}/") for problem in caught.value.problems]


def test_a_skill_file_is_a_skill(write):
    skill, problems = load_file(write())
    assert not problems
    (intent,) = skill.intents
    assert (skill.name, intent.name, intent.description) == ("snack", "snack.order", "order snacks")
    assert intent.amendable
    assert not intent.read_only
    kind, count = intent.slots
    assert kind.kind is SlotKind.CHOICE
    assert kind.values == {"toast": ("toasted bread",), "soup": ()}
    assert (count.low, count.high) == (1, 6)
    assert kind.required
    assert kind.ask == "Which snack?"


def test_it_answers_with_what_was_said(write):
    skill, _ = load_file(write())
    with_count = {skill.plan(request("snack.order", f"text {n}", kind="toast", count=2)).reply for n in range(20)}
    assert with_count == {"Okay, 2 toast.", "Sure, 2 toast, coming up."}
    plan = skill.plan(request("snack.order", "soup please", kind="soup"))
    assert plan.reply in ("Okay, soup.", "Sure, soup, coming up.")
    assert plan.data == {"intent": "snack.order", "slots": {"kind": "soup"}}
    assert plan.commit is None


def test_the_same_words_get_the_same_reply(write):
    skill, _ = load_file(write())
    said = request("snack.order", "soup please", kind="soup")
    assert skill.plan(said).reply == skill.plan(said).reply


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("amendable", "amendible", "snack.toml:16: unknown key 'amendible' in the intent 'order'. Did you mean 'amend"),
        ('ask = "W', 'askk = "W', "snack.toml:7: unknown key 'askk' in the slot 'kind'. Did you mean 'ask'?"),
        ("description =", "descripton =", "snack.toml:2: unknown key 'descripton'. Did you mean 'description'?"),
        ('"choice"', '"chioce"', "snack.toml:5: the slot 'kind' has the unknown type 'chioce'. Did you mean 'choice'?"),
        ("{count} portions", "{cuont} portions", "has an unknown slot 'cuont'. Did you mean 'count'?"),
        ('"snack"', '"timer"', "snack.toml:1: the name 'timer' is taken by voicebox itself"),
        ('"snack"', '"My Snack"', "snack.toml:1: 'My Snack' is no name of a skill"),
        ('"{kind} please"', '"[{kind}] [please]"', "the sentence '[{kind}] [please]' may be empty"),
        ('"{kind} please"', '"({kind} please"', "missing ')' in '({kind} please'"),
        ("max = 6", "max = 0", "the slot 'count' has a min above its max"),
        ("max = 6", 'max = "six"', "max of the slot 'count' is no number"),
        ("soup = []", 'soup = ["toast"]', "'toast' means both 'toast' and 'soup'"),
        ('"Okay, [{count} ]{kind}."', '"Okay, {size}."', "has an unknown slot 'size'"),
        ('"Okay, [{count} ]{kind}."', '"Okay, {count]."', "unexpected '{' in the reply"),
        ("amendable = true", 'amendable = "yes"', "amendable of the intent 'order' is neither true nor false"),
        ("[intents.order]", "[intents]\norder = 3\n[intentz]", "unknown key 'intentz'. Did you mean 'intents'?"),
        ("required = true", "required = true\nmin = 2", "the slot 'kind' is a choice, which has no min"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_cure(write, old, new, said):
    assert said in "\n".join(errors(write(None, (old, new))))


def test_a_slot_that_no_sentence_uses(write):
    path = write(None, ("[intents.order]", '[slots.size]\ntype = "choice"\nvalues = ["big"]\n\n[intents.order]'))
    assert errors(path) == [
        "snack.toml:15: no sentence uses the slot 'size'. Put {size} into an example, or remove the slot"
    ]


def test_broken_toml_has_its_line(write):
    (said,) = errors(write(None, ("max = 6", "max = ")))
    assert said.startswith("snack.toml:13: it is not valid TOML")


def test_every_reply_must_not_need_what_may_be_missing(write):
    path = write(None, ("[{count} ]", "{count} "))
    assert "every reply of 'order' needs a slot that may not have been said" in errors(path)[0]


def test_text_that_takes_everything_is_refused(write):
    text = 'name = "echo"\ndescription = "repeat"\n[slots.words]\ntype = "text"\nexamples = ["abc"]\n[intents.say]\n'
    text += 'examples = ["say {words}", "{words}"]\nreplies = ["{words}", "Okay."]\n'
    assert "may be free text alone" in errors(write(text, name="echo.toml"))[0]


def test_free_text_needs_examples(write):
    text = 'name = "echo"\ndescription = "repeat"\n[slots.words]\ntype = "text"\n[intents.say]\n'
    text += 'examples = ["say {words}"]\nreplies = ["{words}", "Okay."]\n'
    assert "takes free text and has no examples" in errors(write(text, name="echo.toml"))[0]


def test_few_examples_and_a_missing_question_are_warnings(write):
    lines = '  "(i\'d like|we want) some {kind}",\n  "{kind} please",\n  "make {count} portions of {kind}",\n'
    skill, problems = load_file(write(None, (lines, ""), ('ask = "Which snack?"\n', "")))
    assert skill.name == "snack"
    assert [problem.level for problem in problems] == ["warning", "warning"]
    assert "has no question" in problems[0].message
    assert "has 2 examples" in problems[1].message


def test_sentences_are_taken_as_they_are_heard(write):
    skill, problems = load_file(write(None, ('"{kind} please"', '"Hello, {kind}, please!"')))
    assert "hello {kind} please" in skill.intents[0].examples
    assert "punctuation" in problems[0].message


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "odd.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert errors(path) == ["odd.toml: it cannot be read: it is not UTF-8"]
    assert errors(tmp_path / "gone.toml") == ["gone.toml: it cannot be read: No such file or directory"]
