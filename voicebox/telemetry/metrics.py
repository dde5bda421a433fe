"""Prometheus metrics of one server."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics"]

_STAGE_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9, 1.2, 2.0, 5.0, 10.0)

_SPECULATIONS = {
    "made": "that were begun while the caller spoke",
    "used": "that fitted the final words",
    "wasted": "that were thrown away",
    "missed": "that a turn would have needed and that were not there",
}


class Metrics:
    """Counters and histograms, in a registry of their own so that servers in one process do not mix.

    Args:
        sessions: how many sessions there are now.
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, sessions: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        active = Gauge("voicebox_sessions", "Conversations now.", registry=self.registry)
        active.set_function(sessions)
        self._refused = Counter(
            "voicebox_sessions_refused", "Conversations refused, by reason.", ["reason"], registry=self.registry
        )
        self._turns = Counter(
            "voicebox_turns", "Answered turns, by tier and speculation.", ["tier", "speculated"], registry=self.registry
        )
        self._dropped = Counter(
            "voicebox_turns_dropped", "Turns that came to nothing.", ["reason"], registry=self.registry
        )
        self._interruptions = Counter("voicebox_interruptions", "Replies that were cut short.", registry=self.registry)
        self._errors = Counter("voicebox_errors", "Errors in sessions, by code.", ["code"], registry=self.registry)
        self._speculations = {
            outcome: Counter(f"voicebox_speculations_{outcome}", f"Guesses {text}.", registry=self.registry)
            for outcome, text in _SPECULATIONS.items()
        }
        self._wasted_tokens = Counter(
            "voicebox_speculation_wasted_tokens",
            "Tokens that the instruct model made for guesses that were thrown away.",
            registry=self.registry,
        )
        self._wasted_voice = Counter(
            "voicebox_speculation_wasted_voice_seconds",
            "Processor time of the voice for guesses that were thrown away.",
            registry=self.registry,
        )
        self._tiers = Counter(
            "voicebox_tier_requests",
            "Models that were asked, by what became of it.",
            ["tier", "outcome"],
            registry=self.registry,
        )
        self._tier_tokens = Counter(
            "voicebox_tier_tokens", "Tokens read and written, by tier.", ["tier", "kind"], registry=self.registry
        )
        self._tier_cost = Counter(
            "voicebox_tier_cost_usd", "US dollars, where the price is known.", ["tier"], registry=self.registry
        )
        self._tier_first = Histogram(
            "voicebox_tier_first_token_seconds",
            "Time to the first useful token.",
            ["tier"],
            buckets=_STAGE_BUCKETS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "voicebox_stage_seconds",
            "Where a turn's time went.",
            ["stage"],
            buckets=_STAGE_BUCKETS,
            registry=self.registry,
        )

    def turn(self, tier: str, *, speculated: bool, stages: Mapping[str, float]) -> None:
        """Count an answered turn; `stages` in ms by name ("endpoint_ms")."""
        self._turns.labels(tier, str(speculated).lower()).inc()
        for stage, ms in stages.items():
            self._stages.labels(stage.removesuffix("_ms")).observe(ms / 1000)

    def tier(
        self, tier: str, outcome: str, *, first_ms: float | None, tokens: Mapping[str, int], cost_usd: float | None
    ) -> None:
        """Count a model that was asked; `tokens` by kind, `cost_usd` None where the price is not known."""
        self._tiers.labels(tier, outcome).inc()
        for kind, count in tokens.items():
            self._tier_tokens.labels(tier, kind).inc(count)
        self._tier_cost.labels(tier).inc(cost_usd or 0.0)
        if first_ms is not None:
            self._tier_first.labels(tier).observe(first_ms / 1000)

    def turn_dropped(self, reason: str) -> None:
        """Count speech that came to nothing."""
        self._dropped.labels(reason).inc()

    def interrupted(self) -> None:
        """Count a reply that was cut short."""
        self._interruptions.inc()

    def error(self, code: str) -> None:
        """Count an error inside a session."""
        self._errors.labels(code).inc()

    def speculation(self, **counts: int) -> None:
        """Add a session's account: `made`, `used`, `wasted`, `missed`."""
        for outcome, count in counts.items():
            self._speculations[outcome].inc(count)

    def waste(self, *, tokens: int, voice_ms: float) -> None:
        """Add what a session's guesses cost that were thrown away."""
        self._wasted_tokens.inc(tokens)
        self._wasted_voice.inc(voice_ms / 1000)

    def refused(self, reason: str) -> None:
        """Count a conversation that was not begun."""
        self._refused.labels(reason).inc()

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)
