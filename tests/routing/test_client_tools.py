from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.llm import tiny_gguf
from voicebox.errors import EngineError
from voicebox.llm.llama import LlamaEngine
from voicebox.llm.plain import PlainText
from voicebox.llm.sampling import Sampling
from voicebox.llm.tools import Tool, ToolCall, ToolChoice, Tools
from voicebox.routing.client_tools import CallOrWords, grammar, read_call, system_prompt, tool_messages

WEATHER = Tool(
    "get_weather",
    "Weather of a place",
    {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"]},
)
DOOR = Tool("open_door")
BOTH = (WEATHER, DOOR)


def test_a_forced_call_is_whole_and_of_its_tool(tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = LlamaEngine(tiny_gguf.build(tmp_path_factory.mktemp("gguf") / "m.gguf", context=512), n_ctx=512)
    seen = set()
    try:
        for seed in range(30):
            text = engine.generate(
                engine.model.tokenize("call"),
                session="a",
                max_tokens=200,
                sampling=Sampling(temperature=3.0, seed=seed),
                grammar=grammar(Tools(BOTH, ToolChoice("required"))),
            ).result(60)
            call = read_call(text.text)
            seen.add((call.name, call.arguments))
    finally:
        engine.close()
    assert seen == {
        ("get_weather", '{"city": "Rome"}'),
        ("get_weather", '{"city": "Oslo"}'),
        ("open_door", "{}"),
    }


def test_who_chooses() -> None:
    assert Tools(BOTH).offered == BOTH
    assert not Tools(BOTH).must_call
    assert Tools(BOTH, ToolChoice("required")).must_call
    one = Tools(BOTH, ToolChoice("required", "open_door"))
    assert (one.offered, one.must_call) == ((DOOR,), True)
    assert not Tools(BOTH, ToolChoice("none"))
    assert Tools(BOTH).never().offered == ()
    assert Tools(BOTH, ToolChoice("required")).after_result() == Tools(BOTH)
    assert not Tools(BOTH, ToolChoice("none")).after_result()
    assert not Tools((), ToolChoice("required")).must_call
    with pytest.raises(EngineError, match="no tool"):
        grammar(Tools(BOTH, ToolChoice("none")))


def test_words_are_allowed_unless_a_call_is_a_must() -> None:
    assert "words" in grammar(Tools(BOTH)).splitlines()[0]
    assert "words" not in grammar(Tools(BOTH, ToolChoice("required"))).splitlines()[0]


def test_the_prompt_shows_the_tools_that_are_offered() -> None:
    prompt = system_prompt(Tools(BOTH, ToolChoice("required", "open_door")), "You are a porter.")
    assert prompt.startswith("You are a porter.")
    assert "open_door" in prompt
    assert "get_weather" not in prompt
    assert json.dumps(dict(WEATHER.parameters)) in system_prompt(Tools(BOTH), "")


@given(st.lists(st.text(min_size=1, max_size=6), max_size=12))
def test_a_call_is_told_from_words_however_it_comes_in_pieces(pieces: list[str]) -> None:
    reader = CallOrWords(PlainText())
    said = "".join([*(reader.feed(piece) for piece in pieces), reader.finish()])
    text = "".join(pieces).lstrip()
    if text.startswith("{"):
        assert (said, reader.call) == ("", text)
    else:
        assert (said, reader.call) == (text, None)
    assert not (reader.call is not None and reader.done)


@pytest.mark.parametrize("text", ['{"name":"x","arguments":{"a":"b', "[]", '{"name":"x"}', "null", '"x"', "5"])
def test_what_is_no_whole_call(text: str) -> None:
    with pytest.raises(EngineError, match="not whole"):
        read_call(text)


def test_calls_and_results_as_messages() -> None:
    call = ToolCall("call_1", "get_weather", '{"city": "Rome"}')
    asked, told = tool_messages([(call, "sunny, 21 degrees")])
    assert json.loads(asked.content) == {"name": "get_weather", "arguments": {"city": "Rome"}}
    assert (asked.role, told.role) == ("assistant", "user")
    assert "sunny, 21 degrees" in told.content
