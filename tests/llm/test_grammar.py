from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.llm import tiny_gguf
from voicebox.errors import EngineError
from voicebox.llm.grammar import Field, json_object, one_of, tool_call
from voicebox.llm.llama import LlamaEngine
from voicebox.llm.sampling import Sampling

TIMEOUT_S = 60
OPTIONS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaEngine]:
    """A model with room for the longest text that a grammar allows."""
    path = tiny_gguf.build(tmp_path_factory.mktemp("gguf") / "roomy.gguf", context=2048)
    engine = LlamaEngine(path, n_ctx=2048, max_sessions=1)
    yield engine
    engine.close()


def write(engine: LlamaEngine, grammar: str, *, seed: int = 0, max_tokens: int = 1000) -> str:
    """What a model with random weights writes under a grammar, at a high temperature."""
    result = engine.generate(
        engine.model.tokenize("call"),
        session="a",
        max_tokens=max_tokens,
        sampling=Sampling(temperature=3.0, seed=seed),
        grammar=grammar,
    ).result(TIMEOUT_S)
    assert result.finish == "end"
    return result.text


def test_one_of_writes_each_option_and_nothing_else(engine: LlamaEngine) -> None:
    options = ["timer.set", "timer.cancel", 'say "hi"\\', "größer\n"]
    assert {write(engine, one_of(options), seed=seed) for seed in range(40)} == set(options)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(option=OPTIONS)
def test_any_text_can_be_an_option(engine: LlamaEngine, option: str) -> None:
    assert write(engine, one_of([option])) == option


def test_object_is_json_with_the_fields_in_order(roomy: LlamaEngine) -> None:
    grammar = json_object(
        {
            "size": Field("choice", ("small", "large")),
            "count": Field("number"),
            "note": Field("text", required=False),
        }
    )
    notes = set()
    for seed in range(12):
        text = write(roomy, grammar, seed=seed)
        value = json.loads(text)
        assert list(value) == ["size", "count", "note"]
        assert value["size"] in {"small", "large"}
        assert isinstance(value["count"], int | float)
        assert value["note"] is None or value["note"]
        assert " " not in text.replace(value["note"] or "", "")
        notes.add(value["note"] is None)
    assert notes == {True, False}


def test_tool_call_names_one_tool_with_its_own_arguments(engine: LlamaEngine) -> None:
    grammar = tool_call(
        {"timer.set": {"minutes": Field("number")}, "light.on": {"room": Field("choice", ("hall",))}, "stop": {}}
    )
    seen = {}
    for seed in range(30):
        call = json.loads(write(engine, grammar, seed=seed))
        seen[call["name"]] = list(call["arguments"])
    assert seen == {"timer.set": ["minutes"], "light.on": ["room"], "stop": []}


@pytest.mark.parametrize(
    "make",
    [
        lambda: one_of([]),
        lambda: one_of([""]),
        lambda: one_of(["a\0b"]),
        lambda: one_of(["\ud800"]),
        lambda: tool_call({}),
        lambda: json_object({"a": Field("choice")}),
    ],
)
def test_impossible_grammars_are_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(EngineError, match="A grammar"):
        make()


@pytest.mark.parametrize("grammar", ["", "root ::= (", 'no-root ::= "a"', 'root ::= root "a"', "root ::= other", "\0"])
def test_broken_gbnf_fails_its_job_alone(engine: LlamaEngine, grammar: str) -> None:
    future = engine.generate([1, 2], session="a", max_tokens=4, grammar=grammar)
    with pytest.raises(EngineError, match=r"[Gg]rammar"):
        future.result(TIMEOUT_S)
    assert engine.generate([1, 2], session="a", max_tokens=4).result(TIMEOUT_S).tokens == 4


def test_greedy_choice_is_the_best_that_the_grammar_allows(engine: LlamaEngine) -> None:
    tokens = engine.model.tokenize("call")
    options = "abcdefgh"
    ids = [engine.model.tokenize(option)[0] for option in options]
    logits = engine.score(tokens, ids, session="b").result(TIMEOUT_S)
    result = engine.generate(tokens, session="a", max_tokens=4, grammar=one_of(list(options))).result(TIMEOUT_S)
    assert result.text == options[int(logits.argmax())]
