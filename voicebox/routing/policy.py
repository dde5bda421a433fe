"""How readily a larger model is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["POLICIES", "Policy", "PolicyName"]

PolicyName = Literal["balanced", "fast", "cheap", "quality", "local"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds of the router.

    Attributes:
        escalate: weight of signals from which a larger model is asked than the small one.
        frontier: weight from which that is the frontier, not the mid tier.
        in_scope: confidence that a skill's answer needs to be taken, beyond what the intent model asks for itself.
        sort: which of several fit tiers of one level goes first.
        remote: whether tiers outside this process may be asked at all.
    """

    escalate: float = 1.0
    frontier: float = 1.0
    in_scope: float = 0.0
    sort: Literal["latency", "price", "order"] = "latency"
    remote: bool = True

    def changed(self, *, escalate: float | None = None, in_scope: float | None = None) -> Policy:
        """With own thresholds in the place of those that are given."""
        changed = replace(self, escalate=self.escalate if escalate is None else escalate)
        return replace(changed, in_scope=changed.in_scope if in_scope is None else in_scope)


POLICIES: dict[PolicyName, Policy] = {
    "balanced": Policy(),
    "fast": Policy(escalate=1.5, frontier=2.0),
    "cheap": Policy(escalate=2.0, frontier=2.0, sort="price"),
    "quality": Policy(escalate=0.0, frontier=0.0, in_scope=0.8, sort="order"),
    "local": Policy(remote=False),
}
"""By name. "quality" asks the frontier for everything that no skill answers with confidence."""
