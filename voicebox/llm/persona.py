"""What the instruct model is told: who it is, what it can and cannot do, and how one speaks aloud.

The text is short and the same for all sessions, so that its KV is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from voicebox.llm.types import Message

__all__ = ["NAME", "opening", "system_prompt"]

NAME = "Voicebox"

_EXAMPLES = (
    ("Close my car windows.", "Sorry, I can't do that yet."),
    ("Who wrote the Odyssey?", "The Greek poet Homer wrote the Odyssey."),
    ("Is there much traffic on the way to work?", "I can't look that up, because I have no live information."),
    ("What's eleven plus six?", "Eleven plus six is seventeen."),
    ("Did you pay the rent for me?", "No, I didn't. I can't do that yet."),
    ("I'm so happy today.", "That's lovely to hear! What made your day?"),
)
"""Turns that show the tone, and above all that what cannot be done is not agreed to."""


def system_prompt(capabilities: Sequence[str], extra: str = "") -> str:
    """The system message.

    Args:
        capabilities: what the skills do, as short phrases ("set timers and alarms").
        extra: further instructions of the operator or the client, put last.
    """
    can = _enumerate(capabilities)
    does = f"You can talk, answer questions, and {can}." if can else "You can talk and answer questions."
    prompt = (
        f"You are {NAME}, a friendly voice assistant. Everything you say is spoken aloud, so answer in one or two short "
        f"plain sentences, without lists or symbols. {does} You can do nothing else: you cannot call, send, book, buy, "
        "play, open, or look anything up, you see nothing, and you have no news, weather, prices or other live "
        "information. When asked for any of that, say that you can't do it yet. Never say that you did, do or will do "
        "something in the world."
    )
    return f"{prompt} {extra.strip()}" if extra.strip() else prompt


def opening(capabilities: Sequence[str], extra: str = "") -> tuple[Message, ...]:
    """The messages before the conversation: the system message and turns that show the tone."""
    turns = [
        message
        for question, answer in _EXAMPLES
        for message in (Message("user", question), Message("assistant", answer))
    ]
    return (Message("system", system_prompt(capabilities, extra)), *turns)


def _enumerate(phrases: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    parts = [phrase.strip().rstrip(".") for phrase in phrases if phrase.strip()]
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
