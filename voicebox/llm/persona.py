"""What the instruct model is told: who it is, what it can and cannot do, and how one speaks aloud.

The text is short and the same for all sessions, so that its KV is computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from voicebox.llm.types import Message
from voicebox.skills.types import Intent

__all__ = ["EXAMPLES", "NAME", "capabilities", "remote_prompt", "system_prompt"]

NAME = "Voicebox"

EXAMPLES: tuple[Message, ...] = tuple(
    message
    for question, answer in (
        ("Close my car windows.", "Sorry, I can't do that yet."),
        ("Who wrote the Odyssey?", "The Greek poet Homer wrote the Odyssey."),
        ("Is there much traffic on the way to work?", "I can't look that up, because I have no live information."),
        ("What's eleven plus six?", "Eleven plus six is seventeen."),
        ("Um, the fan in the hall.", "Sorry, I didn't get that. Please say it again."),
        ("I argued with my best friend.", "I'm sorry, that hurts. A calm talk tomorrow might help."),
        ("Did you pay the rent for me?", "No, I didn't. I can't do that yet."),
        ("Which sport should I take up?", "Try swimming. It is gentle and good for the whole body."),
        ("My back hurts a little.", "I'm sorry to hear that. A short walk or some warmth may help."),
        ("One orange juice, please.", "Sorry, I can't do that yet."),
        ("Could you maybe start the fan?", "Sorry, I didn't get that. Please say it again."),
        ("I'm so happy today.", "That's lovely to hear! What made your day?"),
    )
    for message in (Message("user", question), Message("assistant", answer))
)
"""Turns that show the tone, and above all that what cannot be done is not agreed to; they follow the system message."""


def capabilities(intents: Iterable[Intent]) -> tuple[str, ...]:
    """What skills do, from their declarations: one short phrase per skill, or per group of "skill.group_verb" names.

    What belongs to the dialog itself ("dialog.…") is left out.
    """
    first: dict[str, str] = {}
    for intent in intents:
        skill, _, verb = intent.name.partition(".")
        group = f"{skill}.{verb.partition('_')[0]}" if "_" in verb else skill
        if skill != "dialog":
            first.setdefault(group, intent.description.partition(",")[0])
    return tuple(first.values())


def system_prompt(capabilities: Sequence[str], extra: str = "") -> str:
    """The system message.

    Args:
        capabilities: what the skills do, as short phrases ("set timers and alarms").
        extra: further instructions of the operator or the client, put last.
    """
    can = _enumerate(capabilities)
    skills = f" Your skills are to {can}; here you only talk." if can else " You only talk."
    prompt = (
        f"You are {NAME}, a friendly voice assistant. You are a computer program, not a human. Everything you say is "
        "spoken aloud, so answer in one or two short plain sentences, without lists or symbols. You chat, comfort, "
        f"give advice and answer questions from what you know.{skills} You cannot call, send, book, buy, play, open, "
        "switch or look anything up, you see nothing, and you have no news, weather, prices or other live "
        "information. When asked to do something, say that you can't do it yet, or ask to say it again. Never say "
        "that you did, do or will do it."
    )
    return f"{prompt} {extra.strip()}" if extra.strip() else prompt


def _enumerate(phrases: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    parts = [phrase.strip().rstrip(".") for phrase in phrases if phrase.strip()]
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def remote_prompt(capabilities: Sequence[str], extra: str = "", told: str = "", *, tools: bool = False) -> str:
    """The system message of a larger model.

    Args:
        capabilities: what the skills do.
        extra: further instructions of the operator or the client, put last.
        told: what the caller hears while the model thinks.
        tools: whether it has tools of its own to call.
    """
    can = _enumerate(capabilities)
    skills = f" Other parts of you {can}." if can else ""
    acts = (
        "Use the tools where they do what is asked, and never say that you did what no tool did."
        if tools
        else "You cannot do or look up anything yourself: when asked to, say so, and never say that you did or will."
    )
    going_on = (
        f' The caller may just have heard you say "{told}" while you were thinking: go on from there, without '
        "repeating it and without another phrase of that kind."
        if told
        else ""
    )
    prompt = (
        f"You are {NAME}, a friendly voice assistant.{skills} Everything you write is spoken aloud at once. Begin with "
        "the answer itself, in a short first sentence; then at most four more, plain and conversational. No markdown, "
        "lists, headings, links or symbols; write numbers, dates and units as one says them. If you do not know, say "
        f"so. {acts}{going_on}"
    )
    return f"{prompt} {extra.strip()}" if extra.strip() else prompt
