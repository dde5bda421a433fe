"""Whether what a skill file declares can work: names, sentences, slots, replies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice, pairwise

from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.own.define import IntentDraft
from voicebox.skills.own.problems import Problem, Text
from voicebox.skills.own.replies import ReplyError, reply_slots
from voicebox.skills.syntax import Choice, Node, SlotRef, TemplateError, Words, parse
from voicebox.skills.templates import expand
from voicebox.skills.types import Slot, SlotKind
from voicebox.skills.vocabulary import FREE_TEXT

__all__ = ["FEWEST_EXAMPLES", "RESERVED", "check_drafts", "check_name", "did_you_mean", "used_slots"]

FEWEST_EXAMPLES = 5
RESERVED = frozenset({intent.name.partition(".")[0] for intent in BUILTIN_INTENTS} | {"oos"})
"""Names that a user's skill cannot have."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MOST_EXPANSIONS = 2000


def did_you_mean(name: str, known: Sequence[str] | frozenset[str]) -> str:
    """A cure that names the nearest known name, or lists them."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(sorted(known))}"


def check_name(name: str, text: Text) -> Iterator[Problem]:
    """What is wrong with a skill's name."""
    if not _NAME.fullmatch(name):
        yield text.error(f"{name!r} is no name of a skill", f'"{name}"', cure="Use lower-case letters, digits and _")
    elif name in RESERVED:
        yield text.error(f"the name {name!r} is taken by voicebox itself", f'"{name}"', cure="Choose another")


def check_drafts(
    drafts: Sequence[IntentDraft], declared: Sequence[Slot], text: Text, *, shared: bool
) -> Iterator[Problem]:
    """What is wrong with the intents of one file; `declared` are all its slots, `shared` by the intents or not."""
    if not drafts:
        yield text.error("it has no intents")
    for name, count in Counter(draft.name for draft in drafts).items():
        if count > 1:
            yield text.error(f"two intents are called {name!r}", f'"{name}"', name)
    for slot in declared:
        yield from _check_slot(slot, text)
    used: set[str] = set()
    for draft in drafts:
        yield from _check_intent(draft, [slot.name for slot in (declared if shared else draft.slots)], text)
        used |= used_slots(draft)
    for slot in declared:
        if slot.name not in used:
            yield text.error(
                f"no sentence uses the slot {slot.name!r}", f"slots.{slot.name}]", f'"{slot.name}"',
                cure=f"Put {{{slot.name}}} into an example, or remove the slot",
            )  # fmt: skip


def used_slots(draft: IntentDraft) -> set[str]:
    """The slots that an intent's well-formed sentences name."""
    names: set[str] = set()
    for example in draft.examples:
        try:
            names |= set(_slots_in(parse(example)))
        except TemplateError:
            continue
    return names


def _slots_in(nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, SlotRef):
            yield node.name
        elif isinstance(node, Choice):
            for option in node.options:
                yield from _slots_in(option)


def _check_slot(slot: Slot, text: Text) -> Iterator[Problem]:
    here = (f"slots.{slot.name}]", f'"{slot.name}"', slot.name)
    if not _NAME.fullmatch(slot.name):
        yield text.error(f"{slot.name!r} is no name of a slot", *here, cure="Use lower-case letters, digits and _")
    if slot.kind is SlotKind.CHOICE and not slot.values:
        yield text.error(f"the slot {slot.name!r} has no values", *here, cure='Add values = ["…", "…"]')
    if slot.kind is SlotKind.TEXT and not slot.samples and slot.name not in FREE_TEXT:
        yield text.error(
            f"the slot {slot.name!r} takes free text and has no examples", *here,
            cure='Add examples = ["…", "…"], some of what people may say',
        )  # fmt: skip
    if slot.low is not None and slot.high is not None and slot.low > slot.high:
        yield text.error(f"the slot {slot.name!r} has a min above its max", *here)
    if slot.required and not slot.ask:
        yield text.warning(f"the slot {slot.name!r} is required and has no question", *here, cure='Add ask = "…?"')
    meant: dict[str, str] = {}
    for value, forms in slot.values.items():
        for form in dict.fromkeys((value, *forms)):
            spoken = " ".join(form.lower().split())
            if not re.search(r"\w", spoken):
                yield text.error(f"a value of the slot {slot.name!r} has no words", f'"{form}"', *here)
            elif meant.setdefault(spoken, value) != value:
                yield text.error(f"{form!r} means both {meant[spoken]!r} and {value!r}", f'"{form}"', *here)


def _check_intent(draft: IntentDraft, known: Sequence[str], text: Text) -> Iterator[Problem]:
    here = (f"intents.{draft.name}]", f'"{draft.name}"', draft.name)
    if not _NAME.fullmatch(draft.name):
        yield text.error(f"{draft.name!r} is no name of an intent", *here, cure="Use lower-case letters, digits and _")
    if not draft.description:
        yield text.error(f"the intent {draft.name!r} has no description", *here, cure='Add description = "…"')
    if not draft.examples:
        yield text.error(f"the intent {draft.name!r} has no examples", *here, cure="Add 5 to 20 sentences")
    elif len(draft.examples) < FEWEST_EXAMPLES:
        yield text.warning(
            f"the intent {draft.name!r} has {len(draft.examples)} examples", *here, cure="5 to 20 are understood better"
        )
    for example, count in Counter(draft.examples).items():
        if count > 1:
            yield text.warning(f"the sentence {example!r} is there twice", example)
        yield from _check_example(example, draft, known, text)
    yield from _check_replies(draft, text, here)


def _check_example(example: str, draft: IntentDraft, known: Sequence[str], text: Text) -> Iterator[Problem]:
    try:
        nodes = parse(example)
    except TemplateError as error:
        yield text.error(str(error), example)
        return
    for name in dict.fromkeys(_slots_in(nodes)):
        if name not in known:
            cure = did_you_mean(name, known) if known else "Declare it among the slots"
            yield text.error(f"the sentence {example!r} has an unknown slot {name!r}", example, cure=cure)
    sentences = [sentence.text for sentence in islice(expand(example), _MOST_EXPANSIONS + 1)]
    if not all(re.search(r"\w", sentence) for sentence in sentences):
        yield text.error(f"the sentence {example!r} may be empty", example, cure="Let a word stand outside of brackets")
    if len(sentences) > _MOST_EXPANSIONS:
        yield text.error(f"the sentence {example!r} has more than {_MOST_EXPANSIONS} forms", example, cure="Split it")
    free = {slot.name for slot in draft.slots if slot.kind is SlotKind.TEXT}
    if any(re.fullmatch(rf"\{{(?:{'|'.join(free)})\}}", sentence) for sentence in sentences if free):
        yield text.error(
            f"the sentence {example!r} may be free text alone, which takes everything", example, cure="Add words to it"
        )
    if any(isinstance(a, SlotRef) and isinstance(b, SlotRef) and {a.name, b.name} <= free
           for a, b in pairwise(nodes)):  # fmt: skip
        yield text.warning(
            f"the sentence {example!r} has two free texts side by side", example, cure="Put a word between them"
        )
    if any(re.search(r"[^\w\s'’-]", node.text) for node in nodes if isinstance(node, Words)):
        yield text.warning(f"the sentence {example!r} has punctuation, which nobody says", example)


def _check_replies(draft: IntentDraft, text: Text, here: Sequence[str]) -> Iterator[Problem]:
    if draft.handler is not None:
        return
    if not draft.replies:
        yield text.error(f"the intent {draft.name!r} has no replies", *here, cure='Add replies = ["Okay, …"]')
        return
    known = [slot.name for slot in draft.slots]
    required = {slot.name for slot in draft.slots if slot.required}
    enough = False
    for reply in draft.replies:
        try:
            always, named = reply_slots(reply)
        except ReplyError as error:
            yield text.error(str(error), reply)
            return
        for name in sorted(named - set(known)):
            yield text.error(f"the reply {reply!r} has an unknown slot {name!r}", reply, cure=did_you_mean(name, known))
        enough |= always <= required
    if not enough:
        yield text.error(
            f"every reply of {draft.name!r} needs a slot that may not have been said", *here,
            cure="Put such parts into brackets: [ with {extra}], or make the slot required",
        )  # fmt: skip
