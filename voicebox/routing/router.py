"""Which tier answers a turn, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicebox.skills.types import Plan, Understanding

__all__ = ["Decision", "Tier", "decide"]

Tier = Literal["reflex", "small", "none"]
"""Who answers: a skill, the instruct model in this process, or nobody (an honest sentence is said)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The chosen tier and why, in a few words each."""

    tier: Tier
    reasons: tuple[str, ...]


def decide(
    understanding: Understanding, plan: Plan | None, *, small_available: bool, goes_on: bool = False
) -> Decision:
    """Choose a tier for an understood text and the skill's plan for it, if a skill takes it.

    `goes_on`: a tool was called for it, and has answered.
    """
    confidence = f"{understanding.intent} at {understanding.confidence:.2f}"
    if plan is not None:
        reasons = [f"in scope: {confidence}"]
        if understanding.missing:
            reasons.append(f"asks for {understanding.missing[0]}")
        if understanding.amends:
            reasons.append("amends the last request")
        return Decision("reflex", tuple(reasons))
    if goes_on:
        reason = "goes on after a tool's result"
    else:
        reason = "no skill takes it" if not understanding.in_scope else f"not sure enough: {confidence}"
    if small_available:
        return Decision("small", (reason,))
    return Decision("none", (reason, "no instruct model is installed"))
