"""What a skill did: it is done once, at the commit of its turn, and told to the history in words a model can read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from voicebox.conversation.events import SessionError

if TYPE_CHECKING:
    from voicebox.conversation.history import History
    from voicebox.skills.types import Plan, Understanding

__all__ = ["carry_out", "result_text"]

_log = logging.getLogger(__name__)


def carry_out(turn: str, understanding: Understanding, plan: Plan, history: History) -> SessionError | None:
    """Do what a plan wants done, and note what came of it; the error that the client is to be told of, if it failed."""
    if plan.commit is None:
        return None
    try:
        plan.commit()
    except Exception as error:  # a skill's handler may be anybody's code
        _log.exception("the skill of %s failed", understanding.intent)
        history.result(turn, result_text(understanding, plan, failed=True))
        return SessionError("skill_failed", f"{understanding.intent} failed: {error}")
    history.result(turn, result_text(understanding, plan))
    return None


def result_text(understanding: Understanding, plan: Plan, *, failed: bool = False) -> str:
    """The intent and what the plan says of it: "timer.set, duration 600".

    `failed`: it was tried and did not succeed.
    """
    if failed:
        return f"{understanding.intent} failed"
    said = {name: slot.value for name, slot in understanding.slots.items()}
    return ", ".join((understanding.intent, *_pairs({**said, **plan.data})))


def _pairs(data: Mapping[str, Any]) -> Iterator[str]:
    """Each plain value with its name; what is empty, and what is the intent's own name, is left out."""
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _pairs(value)
        elif isinstance(value, list | tuple | set | frozenset):
            if plain := [str(item) for item in value if isinstance(item, str | int | float)]:
                yield f"{name} {' and '.join(plain)}"
        elif name != "intent" and isinstance(value, str | int | float) and value != "":
            yield f"{name} {value}"
