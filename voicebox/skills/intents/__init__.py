"""The declarations of the built-in skills: names, slots and example sentences, one file per skill."""

from __future__ import annotations

from voicebox.skills.intents import alarm, clock, coffee, dialog, home, lists, math, timer, volume
from voicebox.skills.types import Intent

__all__ = ["BUILTIN_INTENTS"]

BUILTIN_INTENTS: tuple[Intent, ...] = (
    *alarm.INTENTS,
    *clock.INTENTS,
    *coffee.INTENTS,
    *home.INTENTS,
    *lists.INTENTS,
    *math.INTENTS,
    *timer.INTENTS,
    *volume.INTENTS,
    *dialog.INTENTS,
)
"""Every intent that voicebox brings along, in a fixed order."""
