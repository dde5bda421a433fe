"""How loud the voice of a session is."""

from __future__ import annotations

import re
from collections.abc import Callable

from voicebox.skills.base import BuiltinSkill, value_of
from voicebox.skills.intents import volume
from voicebox.skills.state import Household, Volume
from voicebox.skills.types import Plan, Request

__all__ = ["VolumeSkill"]

_STEP = 10


class VolumeSkill(BuiltinSkill):
    """Sets `Household.volume(session)`; whoever plays the voice applies it."""

    def __init__(self, household: Household) -> None:
        handlers = {
            "volume.set": self._set,
            "volume.up": lambda request: self._by(request, _STEP),
            "volume.down": lambda request: self._by(request, -_STEP),
            "volume.mute": lambda request: self._mute(request, True),
            "volume.unmute": lambda request: self._mute(request, False),
        }
        super().__init__("volume", volume.INTENTS, handlers, household)

    def _set(self, request: Request) -> Plan:
        level: int = value_of(request, "level")
        said = request.slots["level"].text
        if 0 < level <= 10 and re.fullmatch(r"[a-z]+|[0-9]+", said.strip().lower()) and "min" not in said.lower():
            level *= 10  # "volume seven" is of ten, "7 percent" is not
        return self._put(request, Volume(level), f"Okay, volume at {level} percent.")

    def _by(self, request: Request, step: int) -> Plan:
        now = self._household.peek_volume(request.session)
        level = min(100, max(10, now.level + step))
        if level == now.level and not now.muted:
            return Plan(f"That's as {'loud' if step > 0 else 'quiet'} as I can be.", data={"volume": level})
        return self._put(request, Volume(level), f"Okay, {'louder' if step > 0 else 'quieter'}.")

    def _mute(self, request: Request, muted: bool) -> Plan:
        level = self._household.peek_volume(request.session).level
        return self._put(request, Volume(level, muted), "Okay, muted." if muted else "Okay, sound is on.")

    def _put(self, request: Request, after: Volume, reply: str) -> Plan:
        def do() -> Callable[[], None]:
            volume = self._household.volume(request.session)
            before = Volume(volume.level, volume.muted)
            _copy(after, volume)
            return lambda: _copy(before, volume)

        return self._command(request, reply, do, "that", {"volume": after.level, "muted": after.muted})


def _copy(source: Volume, target: Volume) -> None:
    target.level, target.muted = source.level, source.muted
