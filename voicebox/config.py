"""The settings: one tree, from `voicebox.toml`, then `VOICEBOX_*` variables, then command-line flags."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from voicebox.config_tiers import HomeSettings, RoutingSettings, TierSettings, ToolSettings
from voicebox.errors import ConfigError

__all__ = [
    "ChatSettings",
    "ConversationSettings",
    "HomeSettings",
    "IntentSettings",
    "ModelSettings",
    "RoutingSettings",
    "ServerSettings",
    "Settings",
    "SkillSettings",
    "SttSettings",
    "TierSettings",
    "ToolSettings",
    "TtsSettings",
    "VadSettings",
    "leaves",
    "load_settings",
]

_PREFIX = "VOICEBOX_"
_NAMED = ("tiers", "tools")
"""Sections whose entries have names of the user's own."""
_OTHER_VARIABLES = frozenset({"VOICEBOX_MODELS_DIR", "VOICEBOX_MODELS_MIRROR", "VOICEBOX_CONFIG"})
"""Variables that other parts read, or that a key has as a short name."""


def _split(value: object) -> object:
    """Text from a variable or flag → the items of a list."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.strip("[]").replace('"', "").split(",") if part.strip())


def _kept(value: object) -> object:
    """Before there were three ways, it was kept or not."""
    return {"true": "full", "false": "off"}.get(str(value).lower(), value)


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A list of names; in variables and flags separated by commas."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """The server and what protects it."""

    host: str = Field("127.0.0.1", description="address to listen on; other than loopback needs a key")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    api_key: SecretStr | None = Field(None, description="key that clients must send as a Bearer token")
    keys_file: Path | None = Field(None, description="keys of `voicebox keys`; default: in the user's data folder")
    tls_cert: Path | None = Field(None, description="certificate chain (PEM); with it the server speaks TLS")
    tls_key: Path | None = Field(None, description="its private key (PEM)")
    allowed_origins: Names = Field((), description="web origins that may connect besides the server's own")
    max_sessions: int = Field(32, ge=1, description="conversations at once; more are told to come back later")
    connects_per_minute: int = Field(300, ge=0, description="calls that one address may begin in a minute; 0: any")
    max_lag_ms: int = Field(400, ge=0, description="lateness of calls from which no more are taken; 0: never refuse")
    session_max_s: float = Field(3600.0, ge=0, description="longest conversation in seconds; 0: without end")
    resume_s: float = Field(30.0, ge=0, description="seconds that a session waits for a broken connection; 0: none")
    max_message_bytes: int = Field(16 * 2**20, ge=1024, description="largest WebSocket message")
    max_queue_bytes: int = Field(8 * 2**20, ge=2**16, description="most that waits for one slow reader")
    max_body_bytes: int = Field(1 * 2**20, ge=1024, description="largest HTTP body other than a recording")
    max_file_bytes: int = Field(25 * 2**20, ge=1024, description="largest recording to transcribe")
    max_file_s: float = Field(3600.0, gt=0, description="longest recording to transcribe")
    max_requests: int = Field(4, ge=1, description="HTTP requests at the models at once")
    ping_interval_s: float = Field(20.0, gt=0, description="seconds between keep-alive pings")
    stop_grace_s: float = Field(5.0, ge=0, description="seconds that replies may still take when the server stops")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what is logged")
    log_format: Literal["text", "json"] = Field("text", description="log lines for people or for machines")


class ModelSettings(_Section):
    """Where models are."""

    dir: Path | None = Field(None, description="models folder; default: the user's data folder")
    lean: bool = Field(False, description="leave the instruct model out: skills only")
    offline: bool = Field(False, description="never fetch anything")
    hub_token: SecretStr | None = Field(None, description="Hugging Face token, for models whose licence you accepted")


class SttSettings(_Section):
    """Speech recognition."""

    model: str = Field("auto", description="name or folder; auto: the best that this machine carries")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where it runs")
    compute_type: str = Field("auto", description="CTranslate2 compute type; auto: int8 on a CPU, float16 on a GPU")
    threads: int = Field(1, ge=1, description="threads of one decode")
    language: str = Field("en", description="language of the callers, for multilingual models; auto finds it out")
    languages: Names = Field((), description="what auto chooses from; empty: all that the model knows")
    partial_interval_ms: int = Field(240, ge=50, description="how often a growing utterance is decoded")


class IntentSettings(_Section):
    """The small model that decides."""

    model: Path | None = Field(
        None, description="name, GGUF file or folder, or auto: the best that this machine carries; default: the shipped"
    )
    accept: float | None = Field(
        None, ge=0, le=1, description="P(in scope) from which a skill answers; default: as calibrated with the model"
    )
    threads: int = Field(1, ge=1, description="threads; more than one only on idle cores")
    max_sessions: int = Field(64, ge=1, le=255, description="sessions that keep their KV cache")


class ChatSettings(_Section):
    """The instruct model that talks."""

    model: str = Field("qwen2.5-coder-1.5b-instruct-q4_k_m", description="name, GGUF file or its folder; empty: none")
    threads: int = Field(1, ge=1, description="threads; more than one only on idle cores")
    context_tokens: int = Field(4096, ge=512, description="KV cache, shared by all sessions")
    max_sessions: int = Field(16, ge=1, le=255, description="sessions that keep their KV cache")
    temperature: float = Field(0.0, ge=0, le=2, description="0 always takes the likeliest word")


class TtsSettings(_Section):
    """The voice."""

    voice: str = Field(
        "piper-en_US-joe-medium", description="voice of the catalog or an .onnx file, with :SPEAKER if it has several"
    )
    rate: float = Field(1.0, ge=0.5, le=2, description="speaking rate; 1 is the voice's own")
    aliases: Names = Field((), description="names that clients may ask for, as nova=piper-en_GB-alba-medium")
    more_voices: int = Field(2, ge=0, description="voices in memory beside this one, for sessions that ask for others")
    idle_s: float = Field(600.0, gt=0, description="seconds after which such a voice is unloaded when nobody uses it")
    threads: int = Field(1, ge=1, description="threads of one synthesis")
    cache_mb: int = Field(32, ge=0, description="memory for phrases that were already spoken")


class VadSettings(_Section):
    """Voice activity detection."""

    threshold: float = Field(0.5, gt=0, lt=1, description="speech probability that counts as speech")
    turn_model: str = Field(
        "auto", description="model that hears whether a turn is over: name, file, none, or auto: where it is installed"
    )


class ConversationSettings(_Section):
    """Turns."""

    eagerness: Literal["low", "medium", "high", "auto"] = Field("auto", description="how soon pauses end a turn")
    short_ms: int = Field(200, ge=96, description="wait after a request that is complete")
    unknown_ms: int = Field(500, ge=96, description="wait when nothing is known")
    long_ms: int = Field(1700, ge=96, description="wait inside a sentence")
    barge_in: bool = Field(True, description="speech over the assistant stops it")
    instructions: str = Field("", description="added to the instruct model's prompt")
    record_dir: Path | None = Field(
        None,
        description="folder for a log of each session, with what people said (see `voicebox replay`)",
    )


class WebrtcSettings(_Section):
    """Calls over WebRTC."""

    ice_servers: Names = Field((), description="STUN and TURN addresses, as turn:host:3478; empty: nobody is asked")
    ice_username: str = Field("", description="user of the TURN server")
    ice_credential: SecretStr | None = Field(None, description="its password")
    connect_s: float = Field(15.0, gt=0, description="seconds in which a call must be connected")
    silence_s: float = Field(10.0, gt=0, description="seconds without any audio after which a call is over")


class StoreSettings(_Section):
    """What is kept of calls."""

    path: Path | None = Field(None, description="SQLite database of calls and the waterfalls of their turns")
    keep_days: float = Field(30.0, gt=0, description="days after which a call is deleted")
    texts: Annotated[Literal["off", "redacted", "full"], BeforeValidator(_kept)] = Field(
        "off", description="whether what was said is kept too; redacted: without digits, addresses and what is spelt"
    )


class TelemetrySettings(_Section):
    """Who is told of turns."""

    traces: str = Field("", description="address of an OpenTelemetry collector, as http://127.0.0.1:4318/v1/traces")


class SkillSettings(_Section):
    """What the assistant can do."""

    enabled: Names = Field((), description="names of the skills that are on; empty: all")
    dir: Path | None = Field(None, description="folder of your own skills; default: in the user's data folder")
    timezone: str = Field("", description="IANA time zone of the clock; empty: the machine's")


class Settings(BaseSettings):
    """All settings. Made by `load_settings`; `Settings()` alone reads variables only."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, enable_decoding=False
    )

    server: ServerSettings = ServerSettings()  # type: ignore[call-arg]
    models: ModelSettings = ModelSettings()  # type: ignore[call-arg]
    stt: SttSettings = SttSettings()  # type: ignore[call-arg]
    intent: IntentSettings = IntentSettings()  # type: ignore[call-arg]
    chat: ChatSettings = ChatSettings()  # type: ignore[call-arg]
    tts: TtsSettings = TtsSettings()  # type: ignore[call-arg]
    vad: VadSettings = VadSettings()  # type: ignore[call-arg]
    conversation: ConversationSettings = ConversationSettings()  # type: ignore[call-arg]
    skills: SkillSettings = SkillSettings()  # type: ignore[call-arg]
    webrtc: WebrtcSettings = WebrtcSettings()  # type: ignore[call-arg]
    store: StoreSettings = StoreSettings()  # type: ignore[call-arg]
    telemetry: TelemetrySettings = TelemetrySettings()  # type: ignore[call-arg]
    home: HomeSettings = HomeSettings()  # type: ignore[call-arg]
    routing: RoutingSettings = RoutingSettings()  # type: ignore[call-arg]
    tiers: dict[str, TierSettings] = Field({}, description="the models above the skills and the small one, by name")
    tools: dict[str, ToolSettings] = Field({}, description="what larger models may call, by name")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over variables over the file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _file_values.get())


_file_values: ContextVar[dict[str, Any]] = ContextVar("_file_values", default={})  # noqa: B039


def load_settings(config: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings from a file, `VOICEBOX_*` variables and flags; each overrides those before it.

    Args:
        config: a TOML file that must exist; None takes `VOICEBOX_CONFIG` or `./voicebox.toml` where there is one.
        flags: values by dotted key ("server.port"), as text or of their type.

    Raises:
        ConfigError: naming the key that is unknown or has the wrong type, or the file that is missing or broken.
    """
    path = config or (Path(os.environ["VOICEBOX_CONFIG"]) if os.environ.get("VOICEBOX_CONFIG") else None)
    if path is None and Path("voicebox.toml").is_file():
        path = Path("voicebox.toml")
    from_file = _read(path) if path else {}
    from_flags: dict[str, dict[str, Any]] = {}
    for key, value in (flags or {}).items():
        section, _, name = key.partition(".")
        from_flags.setdefault(section, {})[name] = value
    _check_variables()
    token = _file_values.set(from_file)
    try:
        return Settings(**from_flags)  # type: ignore[arg-type]
    except ValidationError as error:
        raise _explain(error, from_file, path, from_flags) from None
    except SettingsError as error:
        raise ConfigError(f"A {_PREFIX}* variable cannot be read: {error}") from None
    finally:
        _file_values.reset(token)


def leaves() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting as (dotted key, field), in order; without those of tiers and tools, whose names are free."""
    for section, field in Settings.model_fields.items():
        if section in _NAMED:
            continue  # Their names are the user's.
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, BaseModel)
        for name, leaf in field.annotation.model_fields.items():
            yield f"{section}.{name}", leaf


def type_name(field: FieldInfo) -> str:
    """A setting's type in words for help texts."""
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    if all(isinstance(kind, str) for kind in kinds):
        return "|".join(kinds)
    first = kinds[0]
    if first is str and get_args(field.annotation) and Ellipsis in kinds:
        return "NAME,…"
    return {int: "INT", float: "NUMBER", bool: "BOOL", Path: "PATH"}.get(first, "TEXT")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"The settings file {path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The settings file {path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The settings file {path} is not valid TOML: {error}") from None


def _check_variables() -> None:
    """Variables with our prefix that name nothing would be ignored silently."""
    known = {_PREFIX + key.upper().replace(".", "__") for key, _ in leaves()}
    for name in sorted(os.environ):
        if name.upper().startswith(tuple(f"{_PREFIX}{section.upper()}__" for section in _NAMED)):
            continue
        if name.startswith(_PREFIX) and name.upper() not in known | _OTHER_VARIABLES:
            close = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(
                f"The variable {name} names no setting", cure=f"Did you mean {close[0]}?" if close else ""
            )


def _explain(
    error: ValidationError, from_file: Mapping[str, Any], path: Path | None, flags: Mapping[str, Mapping[str, Any]]
) -> ConfigError:
    """The first problem of a validation as one line that names the key and where it comes from."""
    problem = error.errors(include_url=False, include_input=False)[0]
    parts = [str(part) for part in problem["loc"][: 3 if problem["loc"][0] in _NAMED else 2]]
    key = ".".join(parts)
    section, name = parts[0], parts[1] if len(parts) > 1 else ""
    variable = _PREFIX + key.upper().replace(".", "__")
    if name in flags.get(section, {}):
        source = f"--{key}"
    elif variable in {known.upper() for known in os.environ}:
        source = variable
    elif path is not None and section in from_file:
        source = f"{key} in {path}"
    else:
        source = key
    if problem["type"] == "extra_forbidden":
        names = [known for known, _ in leaves()] + list(Settings.model_fields)
        close = difflib.get_close_matches(key, names, n=1)
        return ConfigError(f"Unknown setting {source}", cure=f"Did you mean {close[0]}?" if close else "")
    message = problem["msg"][:1].lower() + problem["msg"][1:]
    return ConfigError(f"Setting {source}: {message}")
