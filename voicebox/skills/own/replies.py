"""Reply templates: "Okay, [{count} ]{kind}[ with {extra}]."

`{slot}` is the slot's value as it is spoken; a part in brackets is left out where one of its slots was not said.
Brackets nest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from voicebox.skills.types import Request, Slot, SlotKind, SlotValue
from voicebox.skills.values import agree
from voicebox.skills.wording import pick, spoken_clock, spoken_day, spoken_duration, spoken_number

__all__ = ["ReplyError", "fill_reply", "reply_slots", "spoken_value"]

_TOKEN = re.compile(r"\{(?P<slot>\w+)\}|(?P<mark>[\[\]])|(?P<words>[^\[\]{}]+)|(?P<bad>.)", re.DOTALL)
_SPACE_BEFORE = re.compile(r"\s+([,.!?;:])")


class ReplyError(ValueError):
    """A reply that is not well formed."""


def reply_slots(template: str) -> tuple[frozenset[str], frozenset[str]]:
    """The slots that a reply always needs, and all that it names.

    Raises:
        ReplyError: brackets do not balance, or a brace stands alone.
    """
    always: set[str] = set()
    named: set[str] = set()
    depth = 0
    for token in _TOKEN.finditer(template):
        if token["bad"]:
            raise ReplyError(f"unexpected {token['bad']!r} in the reply {template!r}")
        if token["mark"]:
            depth += 1 if token["mark"] == "[" else -1
            if depth < 0:
                break
        elif token["slot"]:
            named.add(token["slot"])
            if depth == 0:
                always.add(token["slot"])
    if depth:
        raise ReplyError(f"the brackets do not balance in the reply {template!r}")
    return frozenset(always), frozenset(named)


def fill_reply(templates: Sequence[str], slots: Sequence[Slot], request: Request) -> str:
    """One of the replies whose slots were all said, the same one for the same words, filled.

    The best are those that say most of what was said.

    Raises:
        ReplyError: every reply needs a slot that was not said.
    """
    said = request.slots.keys()
    usable = [template for template in templates if reply_slots(template)[0] <= said]
    if not usable:
        raise ReplyError(f"no reply of {request.intent} does without {', '.join(sorted(reply_slots(templates[0])[0]))}")
    most = max(len(reply_slots(template)[1] & said) for template in usable)
    kinds = {slot.name: slot.kind for slot in slots}
    template = pick(request.text, [t for t in usable if len(reply_slots(t)[1] & said) == most])
    spoken = {name: spoken_value(kinds.get(name), value, request.now) for name, value in request.slots.items()}
    text = _SPACE_BEFORE.sub(r"\1", " ".join(_filled(template, spoken).split()))
    return text[:1].upper() + text[1:]


def _filled(template: str, spoken: Mapping[str, str]) -> str:
    """The template with its values; parts whose values are missing are left out."""
    stack: list[tuple[str, bool]] = [("", True)]
    for token in _TOKEN.finditer(template):
        text, whole = stack[-1]
        if token["mark"] == "[":
            stack.append(("", True))
        elif token["mark"] == "]":
            stack.pop()
            outer, outer_whole = stack[-1]
            stack[-1] = (_joined(outer, text) if whole else outer, outer_whole)
        elif token["slot"]:
            value = spoken.get(token["slot"])
            stack[-1] = (_joined(text, value or ""), whole and value is not None)
        else:
            stack[-1] = (text + token["words"], whole)
    return stack[0][0]


def _joined(before: str, words: str) -> str:
    """Words after others, with "a" or "an" as they want it."""
    if before.endswith((" a ", " an ")) or before in ("a ", "an ", "A ", "An "):
        fitted = agree(before.rstrip().lower() if len(before) < 4 else before.rstrip(), words.lstrip())
        return f"{fitted} {words.lstrip()}"
    return before + words


def spoken_value(kind: SlotKind | None, slot: SlotValue, now: datetime) -> str:
    """A slot's value as it is said in a reply."""
    value: Any = slot.value
    match kind:
        case SlotKind.DURATION:
            return spoken_duration(value)
        case SlotKind.DATE:
            return spoken_day(date.fromisoformat(value), now.date())
        case SlotKind.TIME:
            return _spoken_time(value, now)
        case SlotKind.PERCENT:
            return f"{value} percent"
        case SlotKind.NUMBER:
            return spoken_number(value)
        case SlotKind.MONEY:
            return spoken_number(round(value, 2))
        case _:
            return slot.text if isinstance(value, Mapping) else str(value)


def _spoken_time(value: str, now: datetime) -> str:
    """A time as seen from now: "tomorrow at 7 PM"; a day alone: "on Friday"."""
    day = date.fromisoformat(value[:10])
    if "T" not in value:
        return spoken_day(day, now.date())
    moment = datetime.fromisoformat(value)
    return f"{spoken_day(day, now.date())} at {spoken_clock(moment)}"
