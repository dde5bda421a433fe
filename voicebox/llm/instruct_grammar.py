"""Grammars made from the skills' declarations: what an instruct model may write when it is to call a skill.

A call is `{"name":"timer.set","arguments":{"duration":"ten minutes","name":null}}`: every slot in the declared order,
`null` where it was not said. Values of a CHOICE slot are the canonical ones; numbers are numbers; what has a form of
its own (times, durations, …) is written in the words that were said, for `voicebox.skills.parse` to read.
"""

from __future__ import annotations

from collections.abc import Sequence

from voicebox.llm.grammar import Field, json_object, tool_call
from voicebox.skills.types import Intent, Slot, SlotKind

__all__ = ["call_grammar", "fields", "slots_grammar"]

_NUMBERS = frozenset({SlotKind.NUMBER, SlotKind.PERCENT, SlotKind.MONEY})


def call_grammar(intents: Sequence[Intent]) -> str:
    """GBNF of a call of one of the intents.

    Raises:
        EngineError: there are no intents, or a CHOICE slot has no values.
    """
    return tool_call({intent.name: fields(intent) for intent in intents})


def slots_grammar(intent: Intent) -> str:
    """GBNF of the arguments of an intent that is known already.

    Raises:
        EngineError: a CHOICE slot has no values.
    """
    return json_object(fields(intent))


def fields(intent: Intent) -> dict[str, Field]:
    """The slots of an intent as fields of a JSON object.

    A required slot may be `null` too: the caller may not have said it yet, and a model that must write a value makes
    one up.
    """
    return {slot.name: _field(slot) for slot in intent.slots}


def _field(slot: Slot) -> Field:
    if slot.kind is SlotKind.CHOICE:
        return Field("choice", tuple(slot.values), required=False)
    return Field("number" if slot.kind in _NUMBERS else "text", required=False)
