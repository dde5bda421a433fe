"""What is said while a larger model thinks: short, varied, seldom, and only if the wait would be noticed."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["FillerRules", "FillerTurn", "Fillers"]

_REMEMBERED = 3
_MAX_SESSIONS = 1024


@dataclass(frozen=True, slots=True)
class _Phrases:
    """One language's: at first, later, and at first where a skill or a tool looks something up."""

    opening: tuple[str, ...]
    progress: tuple[str, ...]
    lookup: tuple[str, ...] = ()
    domains: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.opening, *self.progress, *self.lookup, *self.domains.values())


_PHRASES: Mapping[str, _Phrases] = {
    "en": _Phrases(
        ("Let me think.", "One moment.", "Let me see.", "Okay, let me think about that.", "Hmm, one second."),
        ("I'm still thinking.", "Just a moment longer.", "Bear with me.", "It is taking a little longer."),
        ("Let me check.", "One moment, I'll look.", "Let me find out."),
        {
            "calendar": "Let me look at your calendar.",
            "weather": "Let me look at the weather.",
            "home": "Let me check the house.",
            "lists": "Let me look at your lists.",
            "coffee": "Let me check your order.",
        },
    ),
    "de": _Phrases(
        ("Moment, ich überlege.", "Einen Moment.", "Mal sehen.", "Da muss ich kurz nachdenken."),
        ("Ich denke noch nach.", "Einen Moment noch.", "Es dauert noch ein wenig."),
        ("Ich sehe kurz nach.", "Moment, ich schaue nach."),
    ),
    "es": _Phrases(
        ("Déjame pensar.", "Un momento.", "A ver.", "Déjame pensarlo un segundo."),
        ("Sigo pensando.", "Un momento más.", "Está tardando un poco."),
        ("Déjame comprobarlo.", "Un momento, lo miro."),
    ),
    "fr": _Phrases(
        ("Je réfléchis.", "Un instant.", "Voyons voir.", "Laissez-moi réfléchir."),
        ("Je réfléchis encore.", "Encore un instant.", "Cela prend un peu plus de temps."),
        ("Je vérifie.", "Un instant, je regarde."),
    ),
}


@dataclass(frozen=True, slots=True)
class FillerRules:
    """When fillers are said.

    Attributes:
        first_ms: after the end of a turn, nothing is said before: an answer in that time needs no filler.
        latest_ms: when the answer's first words are there by then but not yet its sound, or it is likely to come at
            any moment, the filler waits for it until here.
        progress_ms: silence after a filler until the next phrase.
        gap_s: least time between the first fillers of two turns.
        enabled: whether there are any.
    """

    first_ms: int = 500
    latest_ms: int = 650
    progress_ms: int = 2800
    gap_s: float = 0.0
    enabled: bool = True


@dataclass(slots=True)
class FillerTurn:
    """The fillers of one answer: when the next is due, on a clock that the caller reads (seconds).

    `first` is its first phrase, empty if there is to be none; `later` are those that follow, round and round.
    """

    first: str
    later: tuple[str, ...]
    rules: FillerRules
    began_s: float
    said: list[str] = field(default_factory=list)
    _silent_since_s: float = 0.0

    def due_s(self, now: float, *, words_there: bool, wait_s: float | None) -> float | None:
        """When to say the next; None for never.

        Args:
            now: the time.
            words_there: whether the answer's first words are there, and only their sound is missing.
            wait_s: how much longer the answer will probably take, from now on; None if that is not known.
        """
        if not self.first:
            return None
        if self.said:
            return self._silent_since_s + self.rules.progress_ms / 1000
        first_s = self.began_s + self.rules.first_ms / 1000
        latest_s = self.began_s + self.rules.latest_ms / 1000
        if now < first_s:
            return first_s  # How it looks is judged then, not before.
        soon = words_there or (wait_s is not None and now + wait_s <= latest_s)
        return latest_s if soon else first_s

    def take(self) -> str:
        """The phrase that is due."""
        phrase = self.later[(len(self.said) - 1) % len(self.later)] if self.said else self.first
        self.said.append(phrase)
        return phrase

    def sounds_until(self, ends_s: float) -> None:
        """The phrase that was taken is heard until then."""
        self._silent_since_s = ends_s


class Fillers:
    """Chooses them: not the ones that a session heard of late.

    Args:
        rules: when they are said.
        language: which of the languages here, if it is one of them; else there are no fillers.
    """

    def __init__(self, rules: FillerRules | None = None, language: str = "en") -> None:
        self.rules = rules or FillerRules()
        self._phrases = _PHRASES.get(language.lower().split("-")[0])
        self._heard: OrderedDict[str, deque[str]] = OrderedDict()
        self._last_s: OrderedDict[str, float] = OrderedDict()

    def warm_phrases(self) -> tuple[str, ...]:
        """All of them, to be synthesized before they are needed: the first ones first."""
        return self._phrases.all if self._phrases is not None and self.rules.enabled else ()

    def turn(self, session: str, now: float, *, domain: str = "", looks_up: bool = False) -> FillerTurn:
        """The fillers of an answer that begins to be made.

        Args:
            session: who hears them.
            now: the time in seconds.
            domain: the skill that the request belongs to, if one does.
            looks_up: whether something is looked up, rather than thought about.
        """
        recent = self._last_s.get(session)
        too_soon = recent is not None and now - recent < self.rules.gap_s
        if self._phrases is None or not self.rules.enabled or too_soon:
            return FillerTurn("", (), self.rules, now)
        own = self._phrases.domains.get(domain) if looks_up else None
        openings = self._phrases.lookup if looks_up and self._phrases.lookup else self._phrases.opening
        heard = self._heard.get(session, deque())
        first = own if own is not None and own not in heard else _fresh(openings, heard)
        return FillerTurn(first, self._phrases.progress, self.rules, now)

    def looking_up(self, session: str) -> str:
        """A phrase for the moment in which a tool is called."""
        phrases = self._phrases or _PHRASES["en"]
        return _fresh(phrases.lookup or phrases.opening, self._heard.get(session, deque()))

    def said(self, session: str, turn: FillerTurn, now: float) -> None:
        """A session has begun to hear the phrase that was taken last."""
        heard = self._heard.setdefault(session, deque(maxlen=_REMEMBERED))
        heard.append(turn.said[-1])
        self._last_s[session] = now
        for memory in (self._heard, self._last_s):
            memory.move_to_end(session)
            while len(memory) > _MAX_SESSIONS:
                memory.popitem(last=False)

    def release(self, session: str) -> None:
        """The session is over."""
        self._heard.pop(session, None)
        self._last_s.pop(session, None)


def _fresh(phrases: tuple[str, ...], heard: deque[str]) -> str:
    """The one that was heard longest ago, or never."""
    return min(phrases, key=lambda phrase: _age(phrase, heard))


def _age(phrase: str, heard: deque[str]) -> int:
    return max((place + 1 for place, old in enumerate(heard) if old == phrase), default=0)
