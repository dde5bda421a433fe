"""What was asked of tiers, and what it cost: by session, and in all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from voicebox.routing.attempt import Attempt
from voicebox.routing.router import Budget
from voicebox.tools.box import ToolUse

__all__ = ["Account", "Entry", "Ledger", "Use"]

_MAX_CALLS = 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """A try, and whose it was."""

    session: str
    turn: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Use:
    """A call of one of the server's tools, and whose it was."""

    session: str
    turn: str
    use: ToolUse


@dataclass(slots=True)
class Account:
    """Sums of tries.

    `known_usd` is the sum of what is known; `unknown` counts tries whose price nobody knows, so that with any the sum
    is a lower bound. `wasted_usd` is of those of which nothing was heard.
    """

    tries: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    known_usd: float = 0.0
    wasted_usd: float = 0.0
    unknown: int = 0
    estimated: int = 0

    @property
    def cost_usd(self) -> float | None:
        """The sum; None where a part of it is not known."""
        return None if self.unknown else self.known_usd

    def add(self, attempt: Attempt) -> None:
        """Count one."""
        self.tries += 1
        self.failed += attempt.outcome in ("failed", "late", "stalled")
        if (usage := attempt.usage) is not None:
            self.prompt_tokens += usage.prompt_tokens
            self.cached_tokens += usage.cached_tokens
            self.completion_tokens += usage.completion_tokens
            self.estimated += usage.estimated
            if attempt.cost_usd is None:
                self.unknown += 1
            else:
                self.known_usd += attempt.cost_usd
                self.wasted_usd += 0.0 if attempt.heard else attempt.cost_usd


@dataclass(slots=True)
class _Session:
    account: Account = field(default_factory=Account)
    limit_usd: float | None = None
    left_usd: Callable[[], float | None] | None = None
    watch: Callable[[Entry | Use], None] | None = None


class Ledger:
    """One per process; used on the event loop.

    Args:
        session_usd: what one session may cost; None for any amount. Once it is spent, what costs money is not asked
            any more, and the session goes on with the rest.
    """

    def __init__(self, session_usd: float | None = None) -> None:
        self.total = Account()
        self.by_tier: dict[str, Account] = {}
        self._session_usd = session_usd
        self._sessions: dict[str, _Session] = {}
        self._callers: OrderedDict[str, str] = OrderedDict()

    def open(
        self, session: str, watch: Callable[[Entry | Use], None] | None = None, *, limit_usd: float | None = None
    ) -> None:
        """A session begins; `watch` is told of its tries, `limit_usd` bounds it below the ledger's own bound."""
        limits = [limit for limit in (limit_usd, self._session_usd) if limit is not None]
        self._sessions[session] = _Session(limit_usd=min(limits, default=None), watch=watch)

    def limit(self, session: str, left_usd: Callable[[], float | None]) -> None:
        """What a session may spend depends on others, too: on all of its key. A session that is not open is ignored."""
        if session in self._sessions:
            self._sessions[session].left_usd = left_usd

    def close(self, session: str) -> None:
        """A session is over; tries that end later still count in the sums."""
        self._sessions.pop(session, None)

    def add(self, session: str, turn: str, attempt: Attempt) -> None:
        """A try has ended."""
        self.total.add(attempt)
        self.by_tier.setdefault(attempt.tier, Account()).add(attempt)
        entry = self._sessions.get(session)
        if entry is not None:
            entry.account.add(attempt)
            if entry.watch is not None:
                entry.watch(Entry(session, turn, attempt))

    def used(self, session: str, turn: str, use: ToolUse) -> None:
        """A tool of the server was called."""
        entry = self._sessions.get(session)
        if entry is not None and entry.watch is not None:
            entry.watch(Use(session, turn, use))

    def account(self, session: str) -> Account:
        """What a session has cost so far."""
        entry = self._sessions.get(session)
        return Account() if entry is None else entry.account

    def budget(self, session: str) -> Budget:
        """What a session may still spend."""
        entry = self._sessions.get(session)
        if entry is None:
            return Budget(self._session_usd)
        own = None if entry.limit_usd is None else entry.limit_usd - entry.account.known_usd
        others = None if entry.left_usd is None else entry.left_usd()
        return Budget(min((left for left in (own, others) if left is not None), default=None))

    def calls(self, call: str, tier: str) -> None:
        """A tier wants a tool called; it is to see the result."""
        self._callers[call] = tier
        while len(self._callers) > _MAX_CALLS:
            self._callers.popitem(last=False)

    def called_by(self, call: str) -> str | None:
        """The tier that wanted a tool called, if that is still known."""
        return self._callers.get(call)
