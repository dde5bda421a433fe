"""Own skills, spoken: Piper speaks the order, Whisper hears it, the skill answers."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.client.realtime_client import play
from voicebox.client.result import TalkResult
from voicebox.config import Settings, load_settings
from voicebox.engines import Engines
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running
from voicebox.skills.own.skill import SORRY

pytestmark = [pytest.mark.models, pytest.mark.timeout(240)]

EXAMPLES = Path(__file__).parents[2] / "examples" / "skills"
BROKEN = """\
from voicebox.skills.own import Skill
skill = Skill("parking", "find the car")
@skill.intent("find", examples=["where did i park [the car]", "where is my car parked", "find my car",
                                "where did i leave the car", "which parking spot is my car in"])
def find(request):
    raise LookupError("the car is gone")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skills")
    for path in EXAMPLES.iterdir():
        if path.suffix in (".toml", ".py"):
            shutil.copy(path, folder)
    (folder / "parking.py").write_text(BROKEN, "utf-8")
    return folder


@pytest.fixture(scope="module")
def own_settings(folder: Path) -> Settings:
    return load_settings(
        flags={"server.port": 0, "stt.model": "whisper-tiny.en", "chat.model": "", "skills.timezone": "UTC",
               "skills.dir": folder}
    )  # fmt: skip


@pytest.fixture(scope="module")
def own_engines(own_settings: Settings, require_model: Callable[[str], Path]) -> Iterator[Engines]:
    for name in ("whisper-tiny.en", "piper-en_US-joe-medium", "voicebox-intent"):
        require_model(name)
    engines = Engines.build(own_settings)
    yield engines
    engines.close_models()


@pytest.fixture
async def own_url(own_engines: Engines, own_settings: Settings) -> AsyncIterator[str]:
    app = create_app(own_settings, own_engines.session, health=own_engines.health)
    async with running(app, own_settings.server) as address:
        yield address
    await own_engines.end_sessions()


@pytest.fixture
def order(own_url: str, speak: Callable[..., NDArray[np.float32]]) -> Callable[..., object]:
    async def order(*sentences: str) -> TalkResult:
        return await play(own_url, speak(*sentences, pause_s=5.0), 16_000, patience_s=20.0)

    return order


async def test_a_pizza_is_ordered_aloud(order, own_engines: Engines) -> None:
    assert own_engines.health()["skills"]["untrained"] == ("bank", "parking", "pizza", "restaurant")
    result = await order("Can I get a large pepperoni pizza with olives please?")
    [turn] = result.turns
    assert turn.record["intent"] == "pizza.order"
    assert turn.record["slots"] == {"kind": "pepperoni", "size": "large", "extra": "olives"}
    assert turn.record["tier"] == "reflex"
    assert "large pepperoni with olives" in turn.reply
    assert len(result.reply_audio) > result.rate


async def test_what_is_missing_is_asked_for_and_a_fragment_changes_it(order) -> None:
    result = await order("I would like to order a pizza.", "Pepperoni, please.")
    first, second = result.turns
    assert first.reply == "Which pizza would you like?"
    assert second.record["intent"] == "pizza.order"
    assert second.record["slots"]["kind"] == "pepperoni"


async def test_a_handler_computes_the_answer(order) -> None:
    result = await order("What is the balance of my savings account?")
    [turn] = result.turns
    assert turn.record["intent"] == "bank.balance"
    assert turn.reply.startswith("There are 8300")


async def test_a_handler_that_raises_costs_its_turn_only(order, caplog) -> None:
    result = await order("Where did I park the car?", "What time is it?")
    first, second = result.turns
    assert first.reply == SORRY
    assert "the car is gone" in caplog.text
    assert second.record["intent"] == "clock.time"


async def test_skills_change_while_calls_go_on(order, own_engines: Engines, folder: Path) -> None:
    """Two callers order while the file changes; neither is dropped, and the next order has the new reply."""
    path = folder / "pizza.toml"
    text = path.read_text("utf-8")
    changed = text.replace("It will be there in half an hour.", "It comes at once.")
    changed = changed.replace(", coming up.", ", which comes at once.")
    calls = [asyncio.create_task(order("What time is it?", "Order me a large pepperoni pizza.")) for _ in range(2)]
    await asyncio.sleep(0)
    temporary = path.with_suffix(".new")
    temporary.write_text(changed, "utf-8")
    os.replace(temporary, path)
    loaded = asyncio.wrap_future(own_engines.reload_skills())
    results = list(await asyncio.gather(*calls))
    while not loaded.done():  # on a slow machine: callers are never idle until it is loaded
        results.append(await order("What time is it?", "Order me a large pepperoni pizza."))
    for result in results:
        clock, pizza = result.turns
        assert clock.record["intent"] == "clock.time"
        assert pizza.record["intent"] == "pizza.order"
        assert pizza.record["slots"] == {"size": "large", "kind": "pepperoni"}
    after = await order("Order me a large pepperoni pizza.")
    assert "comes at once" in after.turns[0].reply


async def test_a_file_that_breaks_keeps_the_skill(order, own_engines: Engines, folder: Path) -> None:
    (folder / "restaurant.toml").write_text("name =", "utf-8")
    await asyncio.wrap_future(own_engines.reload_skills())
    assert any("restaurant.toml:1" in where for where in own_engines.health()["skills"]["errors"])
    result = await order("Cancel my dinner reservation please.")
    assert result.turns[0].record["intent"] == "restaurant.cancel"
