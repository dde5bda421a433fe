"""What a Python skill file is written with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from voicebox.skills import types
from voicebox.skills.types import Plan, Request, SlotKind

__all__ = ["Handler", "IntentDraft", "Request", "Skill", "Slot"]

Handler = Callable[[Request], "str | Plan"]
"""Answers one intent: the reply's text, or a plan. It changes nothing itself, since it may be asked on a guess while
the caller still speaks: what is to be done goes into `Plan.commit`, which is called once."""


@dataclass(frozen=True, slots=True)
class IntentDraft:
    """An intent as a file declares it, unchecked: `name` without the skill's."""

    name: str
    description: str
    examples: tuple[str, ...]
    slots: tuple[types.Slot, ...] = ()
    read_only: bool = False
    amendable: bool = False
    replies: tuple[str, ...] = ()
    handler: Handler | None = None


class Slot:
    """Makers of slots, one for each type."""

    @staticmethod
    def choice(
        name: str, values: Mapping[str, Iterable[str]] | Iterable[str], *, required: bool = False, ask: str = ""
    ) -> types.Slot:
        """One of some values; a mapping gives further words for each."""
        named = values if isinstance(values, Mapping) else dict.fromkeys(values, ())
        forms = {value.lower(): tuple(form.lower() for form in more) for value, more in named.items()}
        return types.Slot(name, SlotKind.CHOICE, forms, required=required, ask=ask)

    @staticmethod
    def number(
        name: str, *, low: float | None = None, high: float | None = None, required: bool = False, ask: str = "",
        examples: Iterable[str] = (),
    ) -> types.Slot:  # fmt: skip
        """A number, within bounds if there are any."""
        return types.Slot(
            name, SlotKind.NUMBER, required=required, ask=ask, samples=tuple(examples), low=low, high=high
        )

    @staticmethod
    def text(name: str, *, examples: Iterable[str], required: bool = False, ask: str = "") -> types.Slot:
        """Free words; the examples are some of what people may say."""
        return types.Slot(name, SlotKind.TEXT, required=required, ask=ask, samples=tuple(examples))

    @staticmethod
    def of(kind: str, name: str, *, required: bool = False, ask: str = "", examples: Iterable[str] = ()) -> types.Slot:
        """A duration, time, date, percent, money, quantity or expression."""
        return types.Slot(name, SlotKind(kind), required=required, ask=ask, samples=tuple(examples))


@dataclass
class Skill:
    """A skill in the making: a Python skill file has one, and adds intents to it.

    Args:
        name: short and lower case: "pizza".
        description: what it does, as it completes "I can …": "order pizza".
        timeout_s: how long a handler may take.
    """

    name: str
    description: str
    timeout_s: float = 4.0
    drafts: list[IntentDraft] = field(default_factory=list)

    def intent(
        self, name: str, description: str = "", *, examples: Sequence[str], slots: Sequence[types.Slot] = (),
        read_only: bool = False, amendable: bool = False,
    ) -> Callable[[Handler], Handler]:  # fmt: skip
        """Declare an intent; decorates the function that answers it."""

        def decorate(handler: Handler) -> Handler:
            self.drafts.append(
                IntentDraft(
                    name, description or self.description, tuple(examples), tuple(slots), read_only, amendable,
                    handler=handler,
                )
            )  # fmt: skip
            return handler

        return decorate
