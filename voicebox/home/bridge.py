"""Keeps the household of the skills and Home Assistant equal.

What a skill has done at the commit of its turn is done there, too: at once, in the background. The skill's reply has
promised it, so that a failure is said as soon as it is known. How things are there is asked every few seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from voicebox.errors import VoiceboxError
from voicebox.home.client import HomeAssistant
from voicebox.home.commands import Call, Entity, changes, snapshot, take_over
from voicebox.skills.state import Household

__all__ = ["HomeBridge"]

_log = logging.getLogger(__name__)


class HomeBridge:
    """One per process; used on the event loop.

    Args:
        household: what the skills read and change.
        client: Home Assistant.
        rooms: the rooms that the skills know, each with its other names.
        announce: says something in a session.
        refresh_s: seconds between two looks at how things are.
    """

    def __init__(
        self,
        household: Household,
        client: HomeAssistant,
        rooms: Mapping[str, Sequence[str]],
        announce: Callable[[str, str], None],
        *,
        refresh_s: float = 5.0,
    ) -> None:
        self._household = household
        self._client = client
        self._rooms = tuple(rooms)
        self._room_of = {name.lower(): room for room, names in rooms.items() for name in (room, *names)}
        self._announce = announce
        self._refresh_s = refresh_s
        self._known = snapshot(household)
        self._entities: list[Entity] = []
        self._error: str | None = "not asked yet"
        self._calls: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    @property
    def error(self) -> str | None:
        """Why Home Assistant is not there; None while it is."""
        return self._error

    def start(self) -> None:
        """Begin to look, on this event loop. Idempotent."""
        if self._looking is None or self._looking.done():
            self._household.changed = self.changed
            self._looking = asyncio.create_task(self._look(), name="home-assistant")

    async def stop(self) -> None:
        """Finish what is being called, and look no more. Idempotent."""
        self._household.changed = None
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.wait((looking,))
            await asyncio.gather(*self._calls, return_exceptions=True)
            await self._client.close()

    def changed(self, session: str) -> None:
        """A skill has changed the household for a session."""
        before, self._known = self._known, snapshot(self._household)
        calls = changes(before, self._known, self._entities)
        if calls:
            task = asyncio.create_task(self._carry_out(session, calls), name="home-assistant-call")
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    async def refresh(self) -> None:
        """Ask how things are, unless something is being changed.

        Raises:
            VoiceboxError: Home Assistant does not say.
        """
        found = await self._client.entities()
        entities = [replace(entity, area=self._room_of.get(entity.area.lower(), entity.area)) for entity in found]
        self._entities = entities
        if not self._calls:
            take_over(self._household, entities, self._rooms)
            self._known = snapshot(self._household)

    async def _look(self) -> None:
        while True:
            try:
                await self.refresh()
                if self._error is not None:
                    _log.info("Home Assistant has %d things that can be switched", len(self._entities))
                self._error = None
            except VoiceboxError as error:
                if self._error != error.message:
                    _log.warning("%s", error)
                self._error = error.message
            await asyncio.sleep(self._refresh_s)

    async def _carry_out(self, session: str, calls: Sequence[Call]) -> None:
        failed: list[str] = []
        for call in calls:
            if not call.entities:
                _log.warning("Home Assistant has nothing for the %s", call.what)
                missing = f"Sorry, I did not find the {call.what} in Home Assistant."
                self._announce(session, missing if self._error is None else "Sorry, I cannot reach Home Assistant.")
                return
            try:
                await self._client.call(call)
            except VoiceboxError as error:
                _log.warning("%s of the %s: %s", call.service, call.what, error)
                failed.append(call.what)
        if failed:
            self._announce(session, f"Sorry, the {' and the '.join(failed)} did not react.")
