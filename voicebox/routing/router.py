"""Which tier answers a turn, with the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voicebox.routing.policy import POLICIES, Policy
from voicebox.routing.prompting import Context
from voicebox.routing.signals import Signal, signals_of
from voicebox.routing.tier import Level, Tier
from voicebox.skills.types import Plan, Understanding

__all__ = ["Budget", "Decision", "Router"]

_RANK: dict[Level, int] = {"small": 0, "mid": 1, "frontier": 2}
_CHARS_PER_TOKEN = 4
_REPLY_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answers and why, in a few words each.

    `tier` is "reflex" (a skill), the name of a tier, or "none" (an honest sentence is said); `order` holds the tiers to
    ask, that one first; `left_out` those that were not considered, each with the reason; `weight` is the sum of the
    signals. `remote` says that words leave this process; `early` that it may be asked on a guess.
    """

    tier: str
    reasons: tuple[str, ...]
    order: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    weight: float = 0.0
    remote: bool = False
    early: bool = True


@dataclass(frozen=True, slots=True)
class Budget:
    """What a session may still spend, in US dollars; None: any amount."""

    left_usd: float | None = None

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.left_usd is not None and self.left_usd <= 0


class Router:
    """Decides; it holds no state of sessions.

    Args:
        tiers: those of the process, in the order of the settings.
        policy: how readily a larger model is asked.
        language: of the callers ("auto": not known).
        speculate: whether remote tiers are asked on a guess, which costs money for answers that nobody hears.
    """

    def __init__(
        self,
        tiers: Sequence[Tier],
        policy: Policy = POLICIES["balanced"],
        *,
        language: str = "en",
        speculate: bool = False,
    ) -> None:
        self.tiers = tuple(tiers)
        self.policy = policy
        self._language = language.lower().split("-")[0]
        self._speculate = speculate
        self._by_name = {tier.name: tier for tier in self.tiers}

    def named(self, order: Sequence[str]) -> list[Tier]:
        """The tiers of an order."""
        return [self._by_name[name] for name in order]

    def decide(
        self,
        understanding: Understanding,
        plan: Plan | None,
        context: Context,
        *,
        now: float,
        budget: Budget | None = None,
        stay: str | None = None,
    ) -> Decision:
        """Choose a tier for an understood text and the skill's plan for it, if a skill takes it.

        Args:
            understanding: what the intent model makes of the text.
            plan: what the skill would do.
            context: what was said before, and with which tools.
            now: seconds on the loop's clock, for breakers.
            budget: what the session may spend.
            stay: the tier that asked for a tool, which goes on with the result.
        """
        confidence = f"{understanding.intent} at {understanding.confidence:.2f}"
        if plan is not None and (not self._any_up(now) or understanding.confidence >= self.policy.in_scope):
            return Decision("reflex", _reflex_reasons(understanding, confidence))
        if context.exchange:
            why = "goes on after a tool's result"
        elif context.aside:
            why = "outside of the conversation"
        elif plan is not None:
            why = f"not sure enough for a skill: {confidence} < {self.policy.in_scope:g}"
        else:
            why = "no skill takes it" if not understanding.in_scope else f"not sure enough: {confidence}"
        text = understanding.text
        signals = signals_of(text, context.history, tools=len(context.tools.offered)) if text else ()
        fit, left_out = self._fit(text, context, now, budget or Budget())
        if not fit:
            return Decision("none", (why, *(f"{name}: {reason}" for name, reason in left_out)), left_out=left_out)
        order, reasons = self._order(fit, signals, why, plan, stay)
        return Decision(
            order[0].name,
            reasons,
            order=tuple(tier.name for tier in order),
            left_out=left_out,
            weight=sum(signal.weight for signal in signals),
            remote=not order[0].local,
            early=order[0].local or self._speculate,
        )

    def _any_up(self, now: float) -> bool:
        """Whether a larger model is there at all: else a skill's answer is the best one that there is."""
        return any(tier.level != "small" and tier.ready() and tier.breaker.allows(now) for tier in self.tiers)

    def _fit(
        self, text: str, context: Context, now: float, budget: Budget
    ) -> tuple[list[Tier], tuple[tuple[str, str], ...]]:
        """The tiers that can be asked, and why the others cannot."""
        fit, left_out = [], []
        tokens = _tokens(text, context)
        for tier in self.tiers:
            if not tier.ready():
                reason = "not loaded" if tier.local else "not ready"
            elif not tier.local and not self.policy.remote:
                reason = "the policy keeps to this process"
            elif not tier.breaker.allows(now):
                reason = "failed of late, is left alone for seconds"
            elif budget.spent and tier.price is not None and not tier.local:
                reason = "the budget is spent"
            elif budget.left_usd is not None and tier.price is None and tier.privacy == "cloud":
                reason = "its price is not known, and there is a budget"
            elif context.tools and not tier.tools:
                reason = "calls no tools"
            elif tier.languages and self._language != "auto" and self._language not in tier.languages:
                reason = f"does not speak {self._language!r}"
            elif tokens > tier.context_tokens and not tier.local:
                reason = f"about {tokens} tokens, it takes {tier.context_tokens}"
            else:
                fit.append(tier)
                continue
            left_out.append((tier.name, reason))
        return fit, tuple(left_out)

    def _order(
        self, fit: Sequence[Tier], signals: Sequence[Signal], why: str, plan: Plan | None, stay: str | None
    ) -> tuple[list[Tier], tuple[str, ...]]:
        """Whom to ask first, and who follows when that fails: at first higher levels, then lower ones."""
        weight = sum(signal.weight for signal in signals)
        told = tuple(f"{signal.reason} (+{signal.weight:g})" for signal in signals)
        if stay is not None and any(tier.name == stay for tier in fit):
            first = next(tier for tier in fit if tier.name == stay)
            return self._with_others(first, fit), (why,)
        level: Level = "small"
        if weight >= self.policy.escalate or plan is not None:
            level = "frontier" if weight >= self.policy.frontier or plan is not None else "mid"
        levels = {tier.level for tier in fit}
        if level not in levels:
            # The next larger one that is there, else the next smaller one.
            level = min(levels, key=lambda other: (_RANK[other] < _RANK[level], abs(_RANK[other] - _RANK[level])))
        first = min((tier for tier in fit if tier.level == level), key=self._preferred)
        return self._with_others(first, fit), (why, *told)

    def _with_others(self, first: Tier, fit: Sequence[Tier]) -> list[Tier]:
        rank = _RANK[first.level]
        rest = [tier for tier in fit if tier is not first]
        # Of the same level, then down: what is smaller is there sooner. Larger ones come last, as the dearest.
        rest.sort(key=lambda tier: (_RANK[tier.level] > rank, abs(_RANK[tier.level] - rank), *self._preferred(tier)))
        return [first, *rest]

    def _preferred(self, tier: Tier) -> tuple[float, int]:
        position = self.tiers.index(tier)
        if self.policy.sort == "price":
            price = 0.0 if tier.local else float("inf") if tier.price is None else tier.price.completion
            return price, position
        if self.policy.sort == "latency":
            return tier.latency.quantile_s(0.5) or 0.0, position
        return 0.0, position


def _reflex_reasons(understanding: Understanding, confidence: str) -> tuple[str, ...]:
    reasons = [f"in scope: {confidence}"]
    if understanding.missing:
        reasons.append(f"asks for {understanding.missing[0]}")
    if understanding.amends:
        reasons.append("amends the last request")
    return tuple(reasons)


def _tokens(text: str, context: Context) -> int:
    chars = len(text) + len(context.instructions) + sum(len(message.content) for message in context.history)
    chars += sum(len(output) for _, output in context.exchange)
    return chars // _CHARS_PER_TOKEN + _REPLY_TOKENS
