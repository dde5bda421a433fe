"""What the assistant says to a caller who has been silent for long."""

from __future__ import annotations

import re
from collections.abc import Sequence

from voicebox.conversation.history import Line

__all__ = ["nudge"]

_LAST_QUESTION = re.compile(r"[^.!?]+\?\s*$")


def nudge(lines: Sequence[Line]) -> str:
    """Words that fit what was said so far: an open question is asked again, a caller who has not spoken is greeted."""
    if not lines:
        return "Hello, how can I help you?"
    question = _LAST_QUESTION.search(lines[-1].text) if lines[-1].role == "assistant" else None
    if question is None:
        return "Is there anything else I can do for you?"
    return f"Are you still there? {question.group().strip()}"
