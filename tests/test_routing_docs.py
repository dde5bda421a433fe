"""docs/routing.md: its settings load, its providers are asked, its examples are what is decided."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from pathlib import Path

import pytest

from tests.frontier import Act, frontier
from voicebox.config import load_settings
from voicebox.config_tiers import TierSettings
from voicebox.llm.providers import PROVIDERS
from voicebox.routing.policy import POLICIES
from voicebox.routing.prompting import Context
from voicebox.routing.signals import signals_of
from voicebox.routing.tier import Ask, Made, Tier
from voicebox.skills.types import Dialog
from voicebox.tiers import Tiers

PAGE = (Path(__file__).parent.parent / "docs" / "routing.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_each_provider_has_an_example() -> None:
    shown = {tier["provider"] for block in BLOCKS for tier in tomllib.loads(block)["tiers"].values()}
    assert shown == set(PROVIDERS)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
async def test_an_example_is_asked(block: str, tmp_path: Path) -> None:
    ask = Ask("why is the sky blue", Context("s", Dialog(), (), datetime(2026, 3, 4)))
    async with frontier(Act(cost=0.0004)) as side:
        there = re.sub(r"^base_url = .*$", "", block, flags=re.MULTILINE)
        config = tmp_path / "voicebox.toml"
        config.write_text(f'{there}\nbase_url = "{side.url}"\n', "utf-8")
        tiers = Tiers(load_settings(config), Tier("small", "small", None), str, tuple)  # type: ignore[arg-type]
        made = Made()
        said = [piece async for piece in tiers.router.tiers[1].source.stream(ask, made)]
        assert "".join(said) == "It is blue. Very blue."
        await tiers.close_connections()
    assert made.usage is not None
    assert not made.usage.estimated
    settings = next(iter(tomllib.loads(block)["tiers"].values()))
    assert side.bodies[0]["model"] == settings["model"]
    if "body" in settings:
        assert side.bodies[0]["provider"] == settings["body"]["provider"]
    for name, value in settings.get("headers", {}).items():
        assert side.headers[0][name] == value


def test_the_settings_are_all_there() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert set(TierSettings.model_fields) - {"temperature", "threads"} <= named
    assert set(POLICIES) <= named


def test_the_examples_weigh_what_the_page_says() -> None:
    weights = {signal.reason: signal.weight for signal in signals_of("explain why leaves turn red and compare maples")}
    assert weights == {"several steps": 1.0, "open-ended": 0.5}
    assert [signal.weight for signal in signals_of("what's the capital of france")] == [0.5]
    assert [signal.weight for signal in signals_of("ask the big model what it thinks of my plan")] == [2.0]
