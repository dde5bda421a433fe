"""What an answer costs: counts of tokens, and a price list that may not be known."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Price", "Usage", "cost_of", "estimated"]

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one generation; `cached_tokens` of the `prompt_tokens` were cached by the provider.

    `cost_usd` is what the provider itself says that it costs. `estimated`: the counts are made from the texts, because
    the provider gave none, or was cut off before it could.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    cost_usd: float | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens; `cached` is for prompt tokens from the provider's cache (None: like others)."""

    prompt: float
    completion: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """What so many tokens cost, in US dollars."""
        cached = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt_tokens - usage.cached_tokens
        spent = fresh * self.prompt + usage.cached_tokens * cached + usage.completion_tokens * self.completion
        return spent / _MILLION


def cost_of(usage: Usage, price: Price | None) -> float | None:
    """What a generation costs in US dollars: what the provider says, else by the price list; None if nobody knows."""
    if not (usage.prompt_tokens or usage.completion_tokens):
        return usage.cost_usd or 0.0
    if usage.cost_usd is not None:
        return usage.cost_usd
    return None if price is None else price.of(usage)


def estimated(prompt_chars: int, completion_chars: int) -> Usage:
    """Counts from the length of texts, at four characters a token, as English has in common vocabularies."""
    return Usage(-(-prompt_chars // 4), -(-completion_chars // 4), estimated=True)
