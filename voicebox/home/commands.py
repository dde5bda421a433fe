"""From a change of the household to services of Home Assistant, and back from its states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from voicebox.skills.state import Household, Light

__all__ = ["Call", "Entity", "Snapshot", "changes", "snapshot", "take_over"]

_SWITCHABLE = ("switch", "fan", "media_player", "input_boolean", "light", "humidifier", "vacuum")


@dataclass(frozen=True, slots=True)
class Entity:
    """What Home Assistant has: "light.kitchen_ceiling" in the area "Kitchen"; `level` in percent, where it has one."""

    id: str
    name: str
    area: str = ""
    state: str = ""
    level: int | None = None
    temperature: float | None = None

    @property
    def domain(self) -> str:
        """ "light"."""
        return self.id.partition(".")[0]

    def is_in(self, room: str) -> bool:
        """Whether it belongs to a room, by its area, else by its name."""
        return self.area.lower() == room if self.area else room in self.name.lower()


@dataclass(frozen=True, slots=True)
class Call:
    """One service: "light.turn_on" for entities; `what` names it for people. Without entities there is none to call."""

    service: str
    entities: tuple[str, ...]
    what: str
    data: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The household at one moment."""

    lights: Mapping[str, Light]
    devices: Mapping[tuple[str, str], bool]
    blinds: Mapping[str, bool]
    thermostat: float


def snapshot(household: Household) -> Snapshot:
    """A copy that does not change with it."""
    lights = {room: replace(light) for room, light in household.lights.items()}
    return Snapshot(lights, dict(household.devices), dict(household.blinds), household.thermostat)


def changes(before: Snapshot, after: Snapshot, entities: Sequence[Entity]) -> list[Call]:
    """What Home Assistant has to do so that it is there as it is here.

    A change of one room or device that has no entity is a call without any. Where several rooms change at once, those
    without are left out, unless all are.
    """
    calls = [*_lights(before, after, entities), *_blinds(before, after, entities)]
    for key, on in after.devices.items():
        if before.devices.get(key) != on:
            calls.append(_device(*key, on, entities))
    if before.thermostat != after.thermostat:
        climate = tuple(entity.id for entity in entities if entity.domain == "climate")
        data = {"temperature": after.thermostat}
        calls.append(Call("climate.set_temperature", climate, "thermostat", data))
    there = [call for call in calls if call.entities]
    return there or calls[:1]


def _lights(before: Snapshot, after: Snapshot, entities: Sequence[Entity]) -> Iterable[Call]:
    for room in after.lights.keys() | before.lights.keys():
        old, new = before.lights.get(room, Light()), after.lights.get(room, Light())
        if old == new:
            continue
        ids = tuple(entity.id for entity in entities if entity.domain == "light" and entity.is_in(room))
        what = f"{room} lights"
        if not new.on:
            yield Call("light.turn_off", ids, what)
            continue
        data: dict[str, Any] = {}
        if new.level != old.level or not old.on:
            data["brightness_pct"] = new.level
        if new.color != old.color:
            data["color_name"] = new.color
        yield Call("light.turn_on", ids, what, data)


def _blinds(before: Snapshot, after: Snapshot, entities: Sequence[Entity]) -> Iterable[Call]:
    for room in after.blinds.keys() | before.blinds.keys():
        opened = after.blinds.get(room, False)
        if before.blinds.get(room) == opened:
            continue
        ids = tuple(entity.id for entity in entities if entity.domain == "cover" and entity.is_in(room))
        yield Call("cover.open_cover" if opened else "cover.close_cover", ids, f"{room} blinds")


def _device(device: str, room: str, on: bool, entities: Sequence[Entity]) -> Call:
    fit = [entity for entity in entities if entity.domain in _SWITCHABLE and device in entity.name.lower()]
    if room:
        fit = [entity for entity in fit if entity.is_in(room)]
    service = "homeassistant.turn_on" if on else "homeassistant.turn_off"
    return Call(service, tuple(entity.id for entity in fit), f"{room} {device}".strip())


def take_over(household: Household, entities: Sequence[Entity], rooms: Iterable[str]) -> None:
    """Make the household what Home Assistant says that it is; what it has nothing for stays."""
    for room in rooms:
        lights = [entity for entity in entities if entity.domain == "light" and entity.is_in(room)]
        if lights:
            light = household.lights.setdefault(room, Light())
            lit = [entity for entity in lights if entity.state == "on"]
            light.on = bool(lit)
            levels = [entity.level for entity in lit if entity.level is not None]
            light.level = round(sum(levels) / len(levels)) if levels else light.level
        covers = [entity for entity in entities if entity.domain == "cover" and entity.is_in(room)]
        if covers:
            household.blinds[room] = any(entity.state == "open" for entity in covers)
    temperatures = [entity.temperature for entity in entities if entity.domain == "climate"]
    known = [temperature for temperature in temperatures if temperature is not None]
    if known:
        household.thermostat = known[0]
