"""Tiers from settings: presets, prices, keys, and the promise that nothing leaves the machine."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.frontier import Act, frontier
from voicebox.config import Settings, load_settings
from voicebox.errors import ConfigError, ModelError
from voicebox.llm.price import Price
from voicebox.llm.providers import PROVIDERS
from voicebox.routing.prompting import Context
from voicebox.routing.sources import RemoteSource
from voicebox.routing.tier import Ask, Made, Tier, privacy_of
from voicebox.skills.types import Dialog
from voicebox.tiers import Tiers

ASK = Ask("why is the sky blue", Context("s", Dialog(), (), datetime(2026, 3, 4)), told="One moment.")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("VOICEBOX_TIERS") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


class Small:
    async def stream(self, ask: Ask, made: Made) -> AsyncGenerator[str, None]:
        yield "Small."


def settings_of(text: str) -> Settings:
    Path("voicebox.toml").write_text(text, "utf-8")
    return load_settings()


def tiers_of(text: str) -> Tiers:
    small = Tier("small", "small", Small(), local=True, privacy="machine")
    return Tiers(settings_of(text), small, str, lambda: ("set timers",))


def test_without_settings_there_is_the_small_one() -> None:
    tiers = tiers_of("")
    assert [tier.name for tier in tiers.router.tiers] == ["small"]
    assert not tiers.any_above


def test_a_tier_of_each_provider_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, provider in PROVIDERS.items():
        if provider.key_variable:
            monkeypatch.setenv(provider.key_variable, f"key-of-{name}")
        where = "" if provider.base_url else 'base_url = "https://models.example/v1"\napi_key = "k"\n'
        tiers = tiers_of(f'[tiers.big]\nprovider = "{name}"\nmodel = "m"\n{where}')
        big = tiers.router.tiers[1]
        assert isinstance(big.source, RemoteSource)
        assert (big.name, big.level, big.model, big.price) == ("big", "frontier", "m", None)


def test_all_that_can_be_set() -> None:
    tiers = tiers_of(
        """
        [routing]
        policy = "cheap"
        escalate = 0.5
        session_usd = 0.05
        filler_ms = 400
        [tiers.gpt]
        provider = "openai"
        model = "gpt-x"
        api_key = "sk-1"
        prompt_usd = 1.25
        completion_usd = 10
        cached_usd = 0.125
        first_s = 2
        hedge_s = 0.9
        [tiers.near]
        provider = "ollama"
        model = "llama3.1:8b"
        level = "mid"
        tools = false
        languages = ["en", "de"]
        """
    )
    _, gpt, near = tiers.router.tiers
    assert gpt.price == Price(1.25, 10.0, 0.125)
    assert (gpt.limits.first_s, gpt.limits.hedge_s, gpt.privacy) == (2.0, 0.9, "cloud")
    assert (near.level, near.privacy, near.tools, near.languages) == ("mid", "machine", False, ("en", "de"))
    assert (tiers.router.policy.escalate, tiers.router.policy.sort) == (0.5, "price")
    assert tiers.fillers.rules.first_ms == 400


def test_tiers_in_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOX_TIERS__BIG__PROVIDER", "ollama")
    monkeypatch.setenv("VOICEBOX_TIERS__BIG__MODEL", "llama3.1:8b")
    assert load_settings().tiers["big"].address == "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[tiers.big]\nprovider = "openai"', "tiers.big.model"),
        ('[tiers.big]\nprovider = "opanai"\nmodel = "m"', "there is no provider 'opanai'"),
        ('[tiers.big]\nprovider = "custom"\nmodel = "m"', "needs a base_url"),
        ('[tiers.big]\nprovider = "openai"\nmodel = "m"\nprompt_usd = 1', "given together"),
        ('[tiers.big]\nprovider = "openai"\nmodel = "m"\nfirts_s = 1', "tiers.big.firts_s"),
        ('[tiers.big]\nprovider = "openai"\nmodel = "m"', "needs a key"),
        ('[tiers.small]\nprovider = "ollama"\nmodel = "m"', "cannot be called 'small'"),
        (
            '[routing]\nsession_usd = 1\n[tiers.big]\nprovider = "openai"\nmodel = "m"\napi_key = "k"',
            "tiers.big has no price",
        ),
        (
            '[routing]\nlocal_only = true\n[tiers.big]\nprovider = "openai"\nmodel = "m"\napi_key = "k"',
            "routing.local_only is set, and tiers.big is at https://api.openai.com/v1",
        ),
        (
            '[routing]\nlocal_only = true\n[telemetry]\ntraces = "http://10.0.0.1:4318/v1/traces"',
            "telemetry.traces is at",
        ),
    ],
)
def test_what_cannot_be_is_named(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says.replace(".", r"\.")):
        tiers_of(text)


def test_a_local_tier_that_is_not_here() -> None:
    with pytest.raises(ModelError, match=r"nowhere\.gguf"):
        tiers_of('[tiers.mid]\nmodel = "/nowhere.gguf"\nlevel = "mid"')


@pytest.mark.parametrize(
    ("address", "privacy"),
    [
        ("http://localhost:1/v1", "machine"),
        ("http://127.0.0.9:1/v1", "machine"),
        ("http://[::1]:1/v1", "machine"),
        ("http://192.168.1.5/v1", "network"),
        ("https://8.8.8.8/v1", "cloud"),
        ("https://localhost.example.com/v1", "cloud"),
        ("http://127.0.0.1.example.com/v1", "cloud"),
        ("nonsense", "cloud"),
    ],
)
def test_how_far_words_go(address: str, privacy: str) -> None:
    assert privacy_of(address) == privacy


async def test_local_only_with_a_server_on_this_machine_reaches_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async with frontier(Act(cached=2)) as side:
        tiers = tiers_of(
            f'[routing]\nlocal_only = true\n[tiers.near]\nprovider = "custom"\nmodel = "m"\nbase_url = "{side.url}"'
        )
        reached: list[Any] = []
        real = socket.socket.connect

        def connect(self: socket.socket, address: Any) -> Any:
            reached.append(address)
            assert address[0] in ("127.0.0.1", "::1"), "something leaves the machine"
            return real(self, address)

        monkeypatch.setattr(socket.socket, "connect", connect)
        made = Made()
        near = tiers.router.tiers[1]
        assert [piece async for piece in near.source.stream(ASK, made)]
        await tiers.close_connections()
        assert made.usage is not None
        assert made.usage.cached_tokens == 2


async def test_what_a_remote_tier_is_told() -> None:
    async with frontier(Act(("**Light** ", "scatters.\n", "- Blue ", "most."))) as side:
        tiers = tiers_of(f'[tiers.near]\nprovider = "custom"\nmodel = "m"\nbase_url = "{side.url}"')
        said = [piece async for piece in tiers.router.tiers[1].source.stream(ASK, Made())]
        await tiers.close_connections()
    assert "".join(said) == "Light scatters. Blue most.", "nothing that cannot be spoken"
    system, user = side.bodies[0]["messages"]
    assert "spoken aloud" in system["content"]
    assert '"One moment."' in system["content"]
    assert "set timers" in system["content"]
    assert user == {"role": "user", "content": "why is the sky blue"}
