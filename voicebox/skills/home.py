"""Home devices: lights, thermostat, blinds, switches. Their state is kept in the household, to which Home
Assistant may be attached (`voicebox/home/`)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, replace
from typing import TypeVar

from voicebox.skills.base import BuiltinSkill, value_of
from voicebox.skills.intents import home
from voicebox.skills.intents.lights import ROOMS, WHOLE_HOUSE
from voicebox.skills.state import Household, Light
from voicebox.skills.types import Plan, Request
from voicebox.skills.wording import join_words, pick, spoken_number

__all__ = ["HomeSkill"]

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")

_HOUSE = WHOLE_HOUSE
_HERE = "living room"
"""The room that is meant when none is named."""
_STEP = 20
_WARMEST_C, _COLDEST_C = 30.0, 8.0
_FAHRENHEIT_FROM = 45
"""A set temperature from here on is meant in Fahrenheit."""


class HomeSkill(BuiltinSkill):
    """Switches and reports what is in the house."""

    def __init__(self, household: Household) -> None:
        handlers = {
            "home.light_on": lambda request: self._lights(request, "on", lambda light: replace(light, on=True)),
            "home.light_off": lambda request: self._lights(request, "off", lambda light: replace(light, on=False)),
            "home.light_level": self._level,
            "home.light_brighter": lambda request: self._lights(request, "brighter", lambda one: _step(one, _STEP)),
            "home.light_dimmer": lambda request: self._lights(request, "dimmer", lambda one: _step(one, -_STEP)),
            "home.light_color": self._color,
            "home.light_status": self._light_status,
            "home.thermostat_set": self._thermostat_set,
            "home.thermostat_up": lambda request: self._thermostat_by(request, 1),
            "home.thermostat_down": lambda request: self._thermostat_by(request, -1),
            "home.thermostat_status": self._thermostat_status,
            "home.blinds_open": lambda request: self._blinds(request, True),
            "home.blinds_close": lambda request: self._blinds(request, False),
            "home.device_on": lambda request: self._device(request, True),
            "home.device_off": lambda request: self._device(request, False),
        }
        super().__init__("home", home.INTENTS, handlers, household)

    def _rooms(self, request: Request) -> list[str]:
        """The rooms of a request, or the main room if it names none."""
        room: str | None = value_of(request, "room")
        if room == _HOUSE:
            return [name for name in ROOMS if name != _HOUSE]
        if room is not None:
            return [room]
        if "all" in request.text.lower().split():
            return [name for name in ROOMS if name != _HOUSE]
        return [_HERE]

    def _lights(self, request: Request, change: str, apply: Callable[[Light], Light]) -> Plan:
        lights = self._household.lights
        rooms = self._rooms(request)
        if request.intent != "home.light_on" and rooms == [_HERE] and "room" not in request.slots:
            rooms = [room for room, light in lights.items() if light.on] or rooms
        after = {room: apply(lights.get(room, Light())) for room in rooms}
        where = _where(request)
        reply = pick(request.text, (f"Okay, {where} {change}.", f"Sure, {where} {change}.", f"Okay, {where} {change}."))
        data = {"rooms": rooms, **asdict(after[rooms[0]])}

        def do() -> Callable[[], None]:
            before = {room: lights.get(room) for room in rooms}
            for room in rooms:
                lights[room] = apply(lights.get(room, Light()))
            return lambda: _put_back(lights, before)

        return self._command(request, reply, do, "that", data)

    def _level(self, request: Request) -> Plan:
        level: int = value_of(request, "level")
        if level == 0:
            return self._lights(request, "off", lambda light: replace(light, on=False))
        return self._lights(request, f"at {level} percent", lambda light: replace(light, on=True, level=level))

    def _color(self, request: Request) -> Plan:
        color: str = value_of(request, "color")
        return self._lights(request, color, lambda light: replace(light, on=True, color=color))

    def _light_status(self, request: Request) -> Plan:
        lights = self._household.lights
        room: str | None = value_of(request, "room")
        if room is None or room == _HOUSE:
            lit = [name for name, light in lights.items() if light.on]
            if not lit:
                return Plan("All lights are off.", data={"on": lit})
            return Plan(f"The lights are on in the {join_words(lit)}.", data={"on": lit})
        light = lights.get(room, Light())
        data = {"room": room, **asdict(light)}
        if not light.on:
            return Plan(f"The {room} lights are off.", data=data)
        return Plan(f"The {room} lights are on, {light.color}, at {light.level} percent.", data=data)

    def _thermostat_set(self, request: Request) -> Plan:
        said: float = value_of(request, "temperature")
        celsius = (said - 32) / 1.8 if said >= _FAHRENHEIT_FROM else float(said)
        if not _COLDEST_C <= celsius <= _WARMEST_C:
            low, high = (46, 86) if said >= _FAHRENHEIT_FROM else (8, 30)
            return Plan(f"Sorry, only {low} to {high} degrees.", data={"temperature": said})
        return self._heat(request, celsius, f"Okay, {spoken_number(said)} degrees.")

    def _thermostat_by(self, request: Request, sign: int) -> Plan:
        step: float = abs(value_of(request, "amount", 1))
        celsius = self._household.thermostat + sign * step
        if not _COLDEST_C <= celsius <= _WARMEST_C:
            return Plan(f"Sorry, {'warmer' if sign > 0 else 'cooler'} than that is not possible.")
        reply = f"Okay, {'up' if sign > 0 else 'down'} to {spoken_number(celsius)} degrees."
        return self._heat(request, celsius, reply)

    def _heat(self, request: Request, celsius: float, reply: str) -> Plan:
        celsius = round(celsius, 1)

        def do() -> Callable[[], None]:
            before, self._household.thermostat = self._household.thermostat, celsius
            return lambda: setattr(self._household, "thermostat", before)

        return self._command(request, reply, do, "that", {"celsius": celsius})

    def _thermostat_status(self, request: Request) -> Plan:
        celsius = self._household.thermostat
        return Plan(f"The thermostat is set to {spoken_number(celsius)} degrees.", data={"celsius": celsius})

    def _blinds(self, request: Request, opened: bool) -> Plan:
        blinds = self._household.blinds
        rooms = self._rooms(request)
        where = f"the {value_of(request, 'room')} blinds are" if "room" in request.slots else "the blinds are"
        reply = f"Okay, {where} {'opening' if opened else 'closing'}."

        def do() -> Callable[[], None]:
            before = {room: blinds.get(room) for room in rooms}
            blinds.update(dict.fromkeys(rooms, opened))
            return lambda: _put_back(blinds, before)

        return self._command(request, reply, do, "that", {"rooms": rooms, "open": opened})

    def _device(self, request: Request, on: bool) -> Plan:
        devices = self._household.devices
        device: str = value_of(request, "device")
        room: str = value_of(request, "room", "")
        where = f"{room} {device}" if room else device
        key = (device, room)

        def do() -> Callable[[], None]:
            before = {key: devices.get(key)}
            devices[key] = on
            return lambda: _put_back(devices, before)

        reply = pick(request.text, (f"Okay, the {where} is {_state(on)}.", f"Sure, {where} {_state(on)}."))
        return self._command(request, reply, do, "that", {"device": device, "room": room, "on": on})


def _put_back(there: dict[_K, _V], before: Mapping[_K, _V | None]) -> None:
    for key, value in before.items():
        if value is None:
            there.pop(key, None)
        else:
            there[key] = value


def _step(light: Light, by: int) -> Light:
    level = light.level + by if light.on else max(by, _STEP)
    return replace(light, on=True, level=min(100, max(5, level)))


def _state(on: bool) -> str:
    return "on" if on else "off"


def _where(request: Request) -> str:
    room: str | None = value_of(request, "room")
    if room is None:
        return "all lights" if "all" in request.text.lower().split() else "lights"
    return "all lights" if room == _HOUSE else f"{room} lights"
