from voicebox.llm.persona import EXAMPLES, NAME, capabilities, system_prompt
from voicebox.skills.types import Intent


def test_prompt_names_itself_and_what_the_skills_do() -> None:
    prompt = system_prompt(["set timers", "keep lists."])
    assert prompt.startswith(f"You are {NAME}")
    assert "set timers and keep lists" in prompt


def test_prompt_without_skills_promises_none() -> None:
    assert "skills" in system_prompt(["set timers"])
    assert "skills" not in system_prompt([])


def test_extra_instructions_come_last_so_that_the_start_is_shared() -> None:
    assert system_prompt(["set timers"], " Be brief. ") == system_prompt(["set timers"]) + " Be brief."


def test_capabilities_are_one_phrase_per_skill_or_group() -> None:
    intents = [
        Intent("timer.set", "set timers, also with names", ("set a timer",)),
        Intent("timer.cancel", "cancel timers", ("stop",)),
        Intent("home.light_on", "switch lights", ("light",)),
        Intent("home.light_off", "switch lights off", ("light",)),
        Intent("home.blinds_open", "open blinds", ("blinds",)),
        Intent("dialog.yes", "take a yes", ("yes",)),
    ]
    assert capabilities(intents) == ("set timers", "switch lights", "open blinds")


def test_examples_are_turns_that_refuse_without_promising() -> None:
    assert [message.role for message in EXAMPLES] == ["user", "assistant"] * (len(EXAMPLES) // 2)
    refusals = [message.content for message in EXAMPLES if "can't" in message.content]
    assert len(refusals) >= 3
