from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.llm import tiny_arch, tiny_gguf
from voicebox.errors import ModelError
from voicebox.llm.gguf import GgufModel
from voicebox.llm.instruct_prompt import NOTHING, InstructPrompt, check_room, examples
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.skills.registry import default_registry
from voicebox.skills.state import Household
from voicebox.skills.types import Intent, Slot, SlotKind

BOIL = Intent("kettle.boil", "boil water", ("boil the kettle", "heat the water", "put the kettle on", "tea time"))
STOP = Intent("kettle.stop", "stop boiling", ("stop the kettle", "switch the kettle off"))
CITY = Slot("town", SlotKind.TEXT)
RAIN = Intent("sky.rain", "tell the weather", ("will it rain in {town}", "weather for {town}"), (CITY,))


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], GgufModel]]:
    models: list[GgufModel] = []

    def load(kind: str) -> GgufModel:
        path = tmp_path / f"{len(models)}.gguf"
        if kind == "base":
            models.append(GgufModel(tiny_gguf.build(path, chat_template=None)))
        else:
            models.append(GgufModel(tiny_arch.build(path, kind)))
        return models[-1]

    yield load
    for model in models:
        model.close()


def spelt(model: GgufModel, tokens: tuple[int, ...] | list[int]) -> str:
    return b"".join(model.piece(token, special=True) for token in tokens).decode()


def test_sentences_to_calibrate_with_are_not_those_of_the_prompt() -> None:
    intents = default_registry(Household()).intents()
    shown, kept = examples(intents)
    assert {item.label for item in shown} == {item.label for item in kept} == {i.name for i in intents} | {OUT_OF_SCOPE}
    assert not {item.text for item in shown} & {item.text for item in kept}
    assert all(item.text == normalize_text(item.text) and "{" not in item.text for item in (*shown, *kept))
    assert examples(intents) == (shown, kept)


def test_a_single_example_is_shown_and_calibrated_with() -> None:
    shown, kept = examples([replace(BOIL, examples=("boil the kettle",))])
    assert shown[0] in kept or any(item.text == "boil the kettle" for item in kept)
    assert any(item.text == "boil the kettle" for item in shown)


def test_more_sentences_of_each_intent() -> None:
    shown, kept = examples([BOIL], shown=2, kept=2)
    assert {item.text for item in shown if item.label == BOIL.name} == set(BOIL.examples[:2])
    assert {item.text for item in kept if item.label == BOIL.name} == set(BOIL.examples[2:])


def test_what_a_skill_does_is_no_example_of_what_none_does() -> None:
    assert any("weather" in item.text for part in examples([BOIL, STOP]) for item in part)
    for part in examples([BOIL, RAIN]):
        assert not any("weather" in item.text for item in part if item.label == OUT_OF_SCOPE)


def test_free_text_of_an_own_skill_reads_as_its_name() -> None:
    shown, _ = examples([RAIN])
    assert any(item.text == "will it rain in town" for item in shown)


@pytest.mark.parametrize("kind", ["qwen2", "gemma2", "phi3", "base"])
def test_the_prompt_is_pinned_up_to_the_text(load: Callable[[str], GgufModel], kind: str) -> None:
    model = load(kind)
    prompt = InstructPrompt(model, [BOIL, STOP], examples([BOIL, STOP])[0])
    whole = prompt.tokens("heat it up")
    assert tuple(whole[: len(prompt.pinned)]) == prompt.pinned
    assert "boil the kettle -> kettle.boil" in spelt(model, prompt.pinned)
    assert f"-> {NOTHING}" in spelt(model, prompt.pinned)
    behind = spelt(model, whole[len(prompt.pinned) :])
    assert behind.startswith("heat it up")
    opening = prompt.tokens("heat it up", open_end=True)
    assert whole[: len(opening)] == opening
    assert spelt(model, opening).endswith("heat it up")


def test_labels_are_names_and_a_plain_word_for_out_of_scope(load: Callable[[str], GgufModel]) -> None:
    model = load("qwen2")
    prompt = InstructPrompt(model, [BOIL, STOP], [])
    assert prompt.labels == ("kettle.boil", "kettle.stop", OUT_OF_SCOPE)
    assert [spelt(model, tokens) for tokens in prompt.label_tokens] == ["kettle.boil", "kettle.stop", NOTHING]


def test_ends_are_the_end_of_the_turn_and_punctuation(load: Callable[[str], GgufModel]) -> None:
    chat = load("qwen2")
    found = {spelt(chat, [token]) for token in InstructPrompt(chat, [BOIL], []).ends}
    assert found == {"<|im_end|>", ".", "?", "!", "\n"}
    base = load("base")
    assert {".", "?", "!"} <= {spelt(base, [token]) for token in InstructPrompt(base, [BOIL], []).ends}


def test_declarations_must_fit_into_the_context(load: Callable[[str], GgufModel]) -> None:
    prompt = InstructPrompt(load("qwen2"), [BOIL], examples([BOIL])[0])
    check_room(prompt, room=1000, name="m")
    with pytest.raises(ModelError, match=r"m takes 100 tokens.*Enable fewer skills"):
        check_room(prompt, room=100, name="m")
