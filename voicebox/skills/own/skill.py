"""A user's skill at work."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from voicebox.errors import VoiceboxError
from voicebox.skills.own.define import Handler
from voicebox.skills.own.replies import fill_reply
from voicebox.skills.own.worker import Worker
from voicebox.skills.types import Intent, Plan, Request

__all__ = ["SORRY", "OwnIntent", "OwnSkill", "fingerprint"]

_log = logging.getLogger(__name__)

SORRY = "Sorry, that went wrong. Please try again later."
"""What is said when a handler fails."""


@dataclass(frozen=True, slots=True)
class OwnIntent:
    """A checked intent with what answers it: reply templates, or a handler."""

    intent: Intent
    replies: tuple[str, ...] = ()
    handler: Handler | None = None


class OwnSkill:
    """A skill from a file, implementing `Skill`.

    Args:
        name: its name.
        intents: what it does; not empty.
        path: the file that it comes from.
        timeout_s: how long a handler may take.
    """

    def __init__(self, name: str, intents: Sequence[OwnIntent], path: Path, *, timeout_s: float = 4.0) -> None:
        self._name = name
        self._own = {own.intent.name: own for own in intents}
        self.path = path
        self._worker = Worker(name, timeout_s=timeout_s)

    @property
    def name(self) -> str:
        """Short name."""
        return self._name

    @property
    def intents(self) -> tuple[Intent, ...]:
        """All that it does."""
        return tuple(own.intent for own in self._own.values())

    def plan(self, request: Request) -> Plan:
        """The reply, or the work that makes it. Raises KeyError for an intent that is not its own."""
        own = self._own[request.intent]
        if own.handler is not None:
            return Plan("", work=partial(self._ask, own.handler, request), early=own.intent.read_only)
        values = {name: slot.value for name, slot in request.slots.items()}
        reply = fill_reply(own.replies, own.intent.slots, request)
        return Plan(reply, data={"intent": request.intent, "slots": values})

    async def _ask(self, handler: Handler, request: Request) -> Plan:
        """What the handler says; an apology where it fails, which costs this turn and no more."""
        try:
            answer = await self._worker.call(partial(handler, request))
            if isinstance(answer, str):
                return Plan(answer, data={"intent": request.intent})
            if not isinstance(answer, Plan):
                raise TypeError(f"a handler gives a text or a Plan, not {type(answer).__name__}")
        except VoiceboxError as error:
            _log.error("%s: %s failed: %s", self.path, request.intent, error)
            return Plan(SORRY, data={"failed": error.message})
        except Exception as error:
            _log.exception("%s: %s failed", self.path, request.intent)
            return Plan(SORRY, data={"failed": f"{type(error).__name__}: {error}"})
        if answer.commit is None:
            return answer
        return replace(answer, commit=partial(self._worker.later, answer.commit, request.intent))


def fingerprint(intents: Sequence[Intent]) -> str:
    """What training depends on, as a checksum: names, sentences, slots with their values; not the replies."""
    parts = [
        (
            intent.name,
            intent.examples,
            [
                (slot.name, slot.kind, {value: list(forms) for value, forms in slot.values.items()}, slot.samples,
                 slot.low, slot.high)
                for slot in intent.slots
            ],
        )
        for intent in intents
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
