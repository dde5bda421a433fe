"""The home skill with a Home Assistant behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from tests.home.stand_in import TOKEN, StandIn, home_assistant
from voicebox.errors import VoiceboxError
from voicebox.home.bridge import HomeBridge
from voicebox.home.client import HomeAssistant
from voicebox.skills.home import HomeSkill
from voicebox.skills.state import Household
from voicebox.skills.types import Request, SlotValue

ROOMS = {"kitchen": (), "living room": ("lounge",), "bedroom": (), "office": ()}


class House:
    def __init__(self, home: StandIn, token: str = TOKEN) -> None:
        self.household = Household()
        self.skill = HomeSkill(self.household)
        self.announced: list[tuple[str, str]] = []
        client = HomeAssistant(home.url, token, timeout_s=2.0)
        self.bridge = HomeBridge(
            self.household, client, ROOMS, lambda *words: self.announced.append(words), refresh_s=60.0
        )

    async def say(self, intent: str, **slots: Any) -> str:
        values = {name: SlotValue(value, str(value), 1.0) for name, value in slots.items()}
        plan = self.skill.plan(Request(f"home.{intent}", values, "x", datetime(2026, 1, 1, 12), "s"))
        assert plan.commit is None or not self.bridge._calls, "planning calls nothing"
        if plan.commit is not None:
            plan.commit()
        await asyncio.gather(*self.bridge._calls)
        return plan.reply


@asynccontextmanager
async def house(token: str = TOKEN) -> AsyncIterator[tuple[House, StandIn]]:
    async with home_assistant() as home:
        made = House(home, token)
        made.bridge.start()
        for _ in range(400):
            await asyncio.sleep(0.005)
            if made.bridge.error != "not asked yet":
                break
        try:
            yield made, home
        finally:
            await made.bridge.stop()


async def test_what_is_said_is_done_there() -> None:
    async with house() as (made, home):
        await made.say("light_on", room="kitchen")
        await made.say("light_level", room="kitchen", level=40)
        await made.say("light_color", room="living room", color="blue")
        await made.say("light_on", room="bedroom")
        await made.say("device_on", device="coffee maker")
        await made.say("blinds_open", room="kitchen")
        await made.say("thermostat_set", temperature=21)
        assert home.called == [
            ("light.turn_on", {"entity_id": ["light.ceiling", "light.counter"], "brightness_pct": 100}),
            ("light.turn_on", {"entity_id": ["light.ceiling", "light.counter"], "brightness_pct": 40}),
            ("light.turn_on", {"entity_id": ["light.lounge"], "brightness_pct": 100, "color_name": "blue"}),
            ("light.turn_on", {"entity_id": ["light.bedroom_lamp"], "brightness_pct": 100}),
            ("homeassistant.turn_on", {"entity_id": ["switch.coffee_maker"]}),
            ("cover.open_cover", {"entity_id": ["cover.blinds"]}),
            ("climate.set_temperature", {"entity_id": ["climate.house"], "temperature": 21.0}),
        ]
        assert made.announced == []


async def test_what_is_taken_back_is_taken_back_there() -> None:
    async with house() as (made, home):
        await made.say("light_on", room="kitchen")
        made.household.take_back("s")
        await asyncio.gather(*made.bridge._calls)
        assert [service for service, _ in home.called] == ["light.turn_on", "light.turn_off"]


async def test_all_lights_are_those_that_there_are() -> None:
    async with house() as (made, home):
        await made.say("light_on", room="whole house")
        assert len(home.called) == 3
        assert made.announced == []


async def test_how_things_are_there_is_what_is_said_here() -> None:
    async with house() as (made, home):
        assert made.household.thermostat == 19.5
        home.entities["light.lounge"] |= {"state": "on", "brightness": 128}
        home.entities["cover.blinds"]["state"] = "open"
        await made.bridge.refresh()
        assert await made.say("light_status", room="living room") == (
            "The living room lights are on, white, at 50 percent."
        )
        assert made.household.blinds == {"kitchen": True}
        assert home.called == [], "what was found there is not ordered there"


async def test_a_failure_is_said() -> None:
    async with house() as (made, home):
        home.failing.add("light.turn_on")
        await made.say("light_on", room="kitchen")
        assert made.announced.pop() == ("s", "Sorry, the kitchen lights did not react.")
        await made.say("light_on", room="office")
        assert made.announced.pop() == ("s", "Sorry, I did not find the office lights in Home Assistant.")


async def test_a_wrong_token_and_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    async with house("wrong") as (made, _):
        assert made.bridge.error == "Home Assistant refuses the token"
        assert "Make a long-lived one" in caplog.text
        await made.say("light_on", room="kitchen")
        assert made.announced == [("s", "Sorry, I cannot reach Home Assistant.")]
    client = HomeAssistant("http://127.0.0.1:1", "t")
    with pytest.raises(VoiceboxError, match="cannot be reached"):
        await client.entities()
    await client.close()
