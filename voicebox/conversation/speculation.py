"""The account of guesses: every speculation is either used or wasted, and both are counted."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Guess", "SpeculationAccount"]


@dataclass(slots=True)
class Guess:
    """Work begun on words that may not be the last; `key` is all that it was made from, compared by value."""

    turn: str
    key: object
    aloud: bool


@dataclass(slots=True)
class SpeculationAccount:
    """Counts of one session (or of a process, when summed).

    At most one guess is open at a time: a newer one replaces it, which wastes the older. `wasted_tokens` and
    `wasted_voice_ms` are what the instruct model and the voice made for guesses that were thrown away. No guess costs
    money: only what runs here is asked on a guess.
    """

    made: int = 0
    used: int = 0
    wasted: int = 0
    missed: int = 0
    wasted_tokens: int = 0
    wasted_voice_ms: float = 0.0
    open: Guess | None = None

    def begin(self, turn: str, key: object, *, aloud: bool) -> bool:
        """Open a guess. False if the open one is from the same: then nothing begins (it may become aloud)."""
        if self.open is not None:
            if (self.open.turn, self.open.key) == (turn, key):
                self.open.aloud = self.open.aloud or aloud
                return False
            self.waste()
        self.open = Guess(turn, key, aloud)
        self.made += 1
        return True

    def settle(self, turn: str, key: object) -> bool:
        """The answer is to be made from this: whether the open guess was. It is closed either way."""
        guess, self.open = self.open, None
        if guess is not None and (guess.turn, guess.key) == (turn, key):
            self.used += 1
            return True
        if guess is not None:
            self.wasted += 1
        self.missed += 1
        return False

    def waste(self) -> None:
        """The open guess, if any, is void."""
        if self.open is not None:
            self.open = None
            self.wasted += 1
