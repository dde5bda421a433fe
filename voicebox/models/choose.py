"""Which recogniser `auto` takes on this machine, and how many callers it may carry. Pure functions of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voicebox.errors import ModelError

__all__ = ["PAUSE_LIMIT_MS", "Capacity", "Choice", "Measured", "capacity", "choose_stt"]

PAUSE_LIMIT_MS = 170.0
"""What decoding 3 s of speech may take at one thread: the shortest wait at the end of a turn (200 ms), less the frame
by which the pause is noticed. A decode that takes longer keeps every caller waiting."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A recogniser that is installed, and what decoding 3 s of speech takes here at one thread."""

    name: str
    partial_ms: float
    languages: tuple[str, ...] = ("en",)

    def speaks(self, language: str) -> bool:
        """Whether it knows a language; "auto" wants one that knows several."""
        return "multilingual" in self.languages or language in self.languages


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that was chosen, and why, in words."""

    name: str
    reason: str


def choose_stt(candidates: Sequence[Measured], *, cores: int, language: str = "en") -> Choice:
    """The best recogniser whose words are there before a short pause is over; if none is so fast, the fastest.

    Args:
        candidates: what is installed, the most accurate first.
        cores: cores that this process may use. With one core only the fastest is taken, because the
            recogniser shares it with the language model and the voice.
        language: what the callers speak.

    Raises:
        ModelError: no candidate knows the language.
    """
    fit = [c for c in candidates if c.speaks(language)]
    if not fit:
        raise ModelError(
            f"No recogniser for {language!r} is installed", cure="`voicebox models list` shows those there are."
        )
    fastest = min(fit, key=lambda c: c.partial_ms)
    if len(fit) == 1:
        return Choice(fastest.name, "the only one that is installed")
    if cores < 2:
        return Choice(fastest.name, "the fastest: the recogniser shares the only core")
    for candidate in fit:
        if candidate.partial_ms <= PAUSE_LIMIT_MS:
            return Choice(
                candidate.name,
                f"the best that decodes 3 s of speech within {PAUSE_LIMIT_MS:.0f} ms ({candidate.partial_ms:.0f} ms)",
            )
    return Choice(
        fastest.name, f"the fastest ({fastest.partial_ms:.0f} ms for 3 s of speech): none is within the limit"
    )


@dataclass(frozen=True, slots=True)
class Capacity:
    """An estimate from single measurements, not a load test; `limited_by` names what is busy first."""

    sessions: int
    limited_by: str


def capacity(
    partial_ms: float, *, interval_ms: float, voice_ms_per_s: float, cores: int, speaking_share: float = 0.4
) -> Capacity:
    """How many conversations at once keep their partials and their voice in time, at 70 % of what is there.

    Args:
        partial_ms: one decode of 3 s of speech, which stands for the mean partial.
        interval_ms: time between two partials of a caller.
        voice_ms_per_s: CPU-milliseconds of the voice per second of speech.
        cores: cores that this process may use; recogniser and voice have one thread each.
        speaking_share: share of the time in which the caller speaks, and the same for the assistant.
    """
    use = {
        "recogniser": speaking_share * partial_ms / interval_ms,
        "voice": speaking_share * voice_ms_per_s / 1000,
    }
    # What the threads share, they also share out: together they cannot use more than the cores.
    limits = {name: 0.7 / share for name, share in use.items() if share > 0}
    limits["cores"] = 0.7 * cores / max(sum(use.values()), 1e-9)
    name = min(limits, key=limits.__getitem__)
    return Capacity(max(1, int(limits[name])), name)
