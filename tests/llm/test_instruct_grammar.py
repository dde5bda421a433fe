from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.llm import tiny_gguf
from voicebox.errors import EngineError
from voicebox.llm.instruct_grammar import call_grammar, fields, slots_grammar
from voicebox.llm.llama import LlamaEngine
from voicebox.llm.sampling import Sampling
from voicebox.skills.registry import default_registry
from voicebox.skills.state import Household
from voicebox.skills.types import Intent, Slot, SlotKind

INTENTS = {intent.name: intent for intent in default_registry(Household()).intents()}
PIZZA = Intent(
    "pizza.order",
    "Order a pizza",
    ("a {size} pizza",),
    (
        Slot("size", SlotKind.CHOICE, values={"small": ("little",), "large": ("big",)}, required=True),
        Slot("count", SlotKind.NUMBER),
        Slot("when", SlotKind.TIME),
    ),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaEngine]:
    path = tiny_gguf.build(tmp_path_factory.mktemp("gguf") / "roomy.gguf", context=2048)
    engine = LlamaEngine(path, n_ctx=2048, max_sessions=1)
    yield engine
    engine.close()


def written(engine: LlamaEngine, grammar: str, *, seed: int) -> tuple[str, Any]:
    """What random weights write at a high temperature: the text, and what it says."""
    result = engine.generate(
        engine.model.tokenize("call"),
        session="a",
        max_tokens=1500,
        sampling=Sampling(temperature=3.0, seed=seed),
        grammar=grammar,
    ).result(60)
    assert result.finish == "end"
    return result.text, json.loads(result.text)


def test_every_call_of_the_shipped_skills_is_one_that_they_declare(engine: LlamaEngine) -> None:
    grammar = call_grammar(list(INTENTS.values()))
    called = set()
    for seed in range(24):
        text, call = written(engine, grammar, seed=seed)
        assert not re.search(r"\s", re.sub(r'"[^"]*"', "", text))
        intent = INTENTS[call["name"]]
        assert list(call) == ["name", "arguments"]
        assert list(call["arguments"]) == [slot.name for slot in intent.slots]
        for slot in intent.slots:
            value = call["arguments"][slot.name]
            if slot.kind is SlotKind.CHOICE:
                assert value is None or value in slot.values
        called.add(intent.name)
    assert len(called) > 8


def test_arguments_have_the_types_of_the_slots(engine: LlamaEngine) -> None:
    kinds: dict[str, set[type]] = {"size": set(), "count": set(), "when": set()}
    for seed in range(24):
        _, slots = written(engine, slots_grammar(PIZZA), seed=seed)
        assert slots["size"] in {"small", "large", None}
        for name, value in slots.items():
            kinds[name].add(type(value))
    assert kinds["size"] == kinds["when"] == {str, type(None)}
    assert kinds["count"] - {type(None)} == {int, float}


def test_an_intent_without_slots_has_no_arguments(engine: LlamaEngine) -> None:
    assert written(engine, slots_grammar(Intent("lamp.off", "Off", ("off",))), seed=0)[0] == "{}"


def test_no_slot_has_to_be_made_up() -> None:
    assert not any(field.required for intent in (*INTENTS.values(), PIZZA) for field in fields(intent).values())


def test_grammars_need_something_to_choose_from() -> None:
    with pytest.raises(EngineError, match="A grammar needs"):
        call_grammar([])
    with pytest.raises(EngineError, match="A grammar needs"):
        slots_grammar(Intent("a.b", "A", ("a",), (Slot("x", SlotKind.CHOICE),)))
