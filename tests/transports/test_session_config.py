import json
from typing import Any

import pytest
from openai.types.realtime import RealtimeSessionCreateRequest, RealtimeTranscriptionSessionCreateResponse

from voicebox.audio.formats import PCM16_24K, PCMA_8K, PCMU_8K
from voicebox.conversation.ports import SessionOptions
from voicebox.errors import ConfigError
from voicebox.transports.realtime.protocol import ProtocolError, SessionUpdate, parse
from voicebox.transports.realtime.session_config import SessionConfig


def update(config: SessionConfig, **session: Any) -> None:
    event = parse(json.dumps({"type": "session.update", "session": {"type": "realtime", **session}}))
    assert isinstance(event, SessionUpdate)
    config.apply(event.session)


def turn_detection(config: SessionConfig, value: Any) -> Any:
    update(config, audio={"input": {"turn_detection": value}})
    return config.resource()["audio"]["input"]["turn_detection"]


def test_the_start_is_a_session_that_the_sdk_knows() -> None:
    config = SessionConfig()
    RealtimeSessionCreateRequest.model_validate(config.resource())
    assert config.options() == SessionOptions()


def test_bare_semantic_vad_is_echoed_with_what_is_in_effect() -> None:
    echo = turn_detection(SessionConfig(), {"type": "semantic_vad"})
    assert echo == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


def test_server_vad_with_its_defaults() -> None:
    config = SessionConfig()
    echo = turn_detection(config, {"type": "server_vad"})
    assert (echo["threshold"], echo["silence_duration_ms"], echo["interrupt_response"]) == (0.5, 500, True)
    options = config.options()
    assert (options.server_vad, options.silence_ms, options.vad_threshold) == (True, 500, 0.5)


def test_server_vad_with_everything() -> None:
    config = SessionConfig()
    wish = {
        "type": "server_vad",
        "threshold": 0.7,
        "silence_duration_ms": 900,
        "create_response": False,
        "interrupt_response": False,
    }
    turn_detection(config, wish)
    options = config.options()
    assert (options.vad_threshold, options.silence_ms) == (0.7, 900)
    assert (options.respond, options.interruptible) == (False, False)


def test_a_silence_that_is_too_long_is_set_and_taken_back() -> None:
    config = SessionConfig()
    assert turn_detection(config, {"type": "server_vad", "idle_timeout_ms": 6000})["idle_timeout_ms"] == 6000
    assert config.options().idle_timeout_ms == 6000
    assert turn_detection(config, {"type": "server_vad", "idle_timeout_ms": None})["idle_timeout_ms"] is None
    assert config.options().idle_timeout_ms is None


def test_null_is_push_to_talk_and_absence_changes_nothing() -> None:
    config = SessionConfig()
    assert turn_detection(config, None) is None
    options = config.options()
    assert (options.server_vad, options.respond) == (False, False)
    update(config, audio={"input": {}})
    assert not config.options().server_vad


def test_formats() -> None:
    config = SessionConfig()
    assert (config.input_format, config.output_format) == (PCM16_24K, PCM16_24K)
    formats = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcma"}}}
    update(config, audio=formats)
    assert (config.input_format, config.output_format) == (PCMU_8K, PCMA_8K)
    assert config.resource()["audio"]["output"]["format"] == {"type": "audio/pcma"}


def test_text_modality_and_instructions() -> None:
    config = SessionConfig()
    update(config, output_modalities=["text"], instructions="Be brief.")
    assert not config.options().speak
    assert config.options().instructions == "Be brief."
    update(config, tracing="auto")
    assert config.options().instructions == "Be brief."
    update(config, instructions=None)
    assert config.options().instructions == ""


def test_what_is_only_wished_for_is_not_echoed() -> None:
    config = SessionConfig(voice="joe")
    update(
        config,
        tracing="auto",
        audio={"output": {"voice": "marin"}, "input": {"noise_reduction": {"type": "near_field"}}},
    )
    resource = config.resource()
    assert resource["tracing"] is None
    assert resource["audio"]["output"]["voice"] == "joe"
    assert resource["audio"]["input"]["noise_reduction"] is None


def test_the_voice_and_its_speed_are_the_sessions() -> None:
    config = SessionConfig(voice="joe", find_voice={"marin": "joe", "amy": "piper-amy"}.__getitem__)
    update(config, audio={"output": {"voice": "amy", "speed": 1.5}})
    assert (config.options().voice, config.options().speed) == ("piper-amy", 1.5)
    output = config.resource()["audio"]["output"]
    assert (output["voice"], output["speed"]) == ("piper-amy", 1.5)
    update(config, audio={"output": {"format": {"type": "audio/pcmu"}}})
    assert (config.options().voice, config.options().speed) == ("piper-amy", 1.5)
    update(config, audio={"output": {"voice": {"id": "marin"}}})
    assert config.voice == "joe"


def test_an_unknown_voice_is_refused_and_nothing_else_of_that_update_happens() -> None:
    def find(name: str) -> str:
        raise ConfigError(f"There is no voice {name!r} here")

    config = SessionConfig(voice="joe", find_voice=find)
    for voice in ("bob", {"id": "bob"}):
        with pytest.raises(ProtocolError, match="no voice 'bob'") as caught:
            update(config, instructions="new", audio={"output": {"voice": voice, "speed": 0.5}})
        assert (caught.value.code, caught.value.param) == ("invalid_value", "session.audio.output.voice")
    with pytest.raises(ProtocolError, match="A voice is a name"):
        update(config, audio={"output": {"voice": {"name": "bob"}}})
    assert (config.voice, config.speed, config.instructions) == ("joe", 1.0, "")


def test_transcription_can_be_turned_off() -> None:
    config = SessionConfig(stt_model="whisper-base")
    assert config.resource()["audio"]["input"]["transcription"]["model"] == "whisper-base"
    update(config, audio={"input": {"transcription": None}})
    assert config.resource()["audio"]["input"]["transcription"] is None


WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a place",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def test_tools_are_echoed_and_take_the_place_of_the_servers_skills() -> None:
    config = SessionConfig()
    update(config, tools=[WEATHER], tool_choice="required", max_output_tokens=200)
    resource = config.resource()
    assert (resource["tools"], resource["tool_choice"], resource["max_output_tokens"]) == ([WEATHER], "required", 200)
    options = config.options()
    assert (options.skills, options.max_tokens, options.tools.must_call) == ((), 200, True)
    update(config, voicebox={"skills": ["timer"]})
    assert config.options().skills == ("timer",)
    update(config, tools=[], voicebox={"skills": None}, max_output_tokens="inf")
    options = config.options()
    assert (options.skills, options.max_tokens, bool(options.tools)) == (None, None, False)
    assert config.resource()["tool_choice"] == "auto"


def test_a_choice_of_one_tool_lasts_as_long_as_the_tool() -> None:
    config = SessionConfig()
    update(config, tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"})
    assert config.resource()["tool_choice"] == {"type": "function", "name": "get_weather"}
    update(config, instructions="Be brief.")
    assert config.options().tools.choice.name == "get_weather"
    update(config, tools=[WEATHER | {"name": "other"}])
    assert config.resource()["tool_choice"] == "auto"


@pytest.mark.parametrize(
    ("wished", "param"),
    [
        ({"tools": [WEATHER, WEATHER]}, "session.tools"),
        ({"tools": [WEATHER | {"parameters": {"properties": 5}}]}, "session.tools[0].parameters"),
        ({"tools": [WEATHER | {"parameters": {"$ref": "#/nowhere"}}]}, "session.tools[0].parameters"),
        ({"tools": [], "tool_choice": "required"}, "session.tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "x"}}, "session.tool_choice"),
        ({"tools": [WEATHER | {"name": "not a name"}]}, "session.tools.0.name"),
        ({"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://x"}]}, "session.tools.0.type"),
    ],
)
def test_tools_that_cannot_be_used_change_nothing(wished: dict[str, object], param: str) -> None:
    config = SessionConfig()
    with pytest.raises(ProtocolError) as caught:
        update(config, instructions="new", **wished)
    assert caught.value.param == param
    assert (config.instructions, config.tools.tools) == ("", ())


def test_the_echo_can_be_sent_back() -> None:
    config = SessionConfig(instructions="Be brief.")
    before = config.resource()
    event = parse(json.dumps({"type": "session.update", "session": before}))
    assert isinstance(event, SessionUpdate)
    config.apply(event.session)
    assert config.resource() == before


def test_skills_of_the_session() -> None:
    config = SessionConfig()
    update(config, voicebox={"skills": ["timer"]})
    assert config.options().skills == ("timer",)
    update(config, voicebox={"skills": None})
    assert config.options().skills is None


def test_a_session_that_only_transcribes_is_one_that_the_sdk_knows() -> None:
    config = SessionConfig(kind="transcription")
    RealtimeTranscriptionSessionCreateResponse.model_validate(config.resource(), strict=False)
    assert not config.options().respond
    event = parse(json.dumps({"type": "session.update", "session": {"type": "transcription"}}))
    assert isinstance(event, SessionUpdate)
    config.apply(event.session)
    assert config.resource()["type"] == "transcription"


def test_the_kind_of_a_session_stays() -> None:
    with pytest.raises(ProtocolError, match="This is a transcription session"):
        update(SessionConfig(kind="transcription"), instructions="Answer.")
    event = parse(json.dumps({"type": "session.update", "session": {"type": "transcription"}}))
    assert isinstance(event, SessionUpdate)
    with pytest.raises(ProtocolError, match=r"\?intent=transcription"):
        SessionConfig().apply(event.session)
