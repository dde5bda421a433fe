"""Keys that live for minutes: a web page gets one from its own server, and calls with it.

As OpenAI's, a key may open several sessions until it expires; sessions that it has opened go on. The key knows the
configuration that its sessions start with.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["PREFIX", "Ephemeral", "EphemeralKeys"]

_Owner = TypeVar("_Owner")

PREFIX = "ek_"
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Ephemeral(Generic[_Owner]):
    """A key: whose it is, until when (Unix seconds), and what its sessions start with."""

    owner: _Owner
    expires_at: int
    session: dict[str, Any]


class EphemeralKeys(Generic[_Owner]):
    """Those keys that have not expired; the oldest go when there are too many.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._keys: OrderedDict[str, Ephemeral[_Owner]] = OrderedDict()

    def create(self, owner: _Owner, seconds: int, session: dict[str, Any]) -> tuple[str, Ephemeral[_Owner]]:
        """A new key and what is known of it."""
        now = self._clock()
        for token in [token for token, key in self._keys.items() if key.expires_at <= now]:
            del self._keys[token]
        while len(self._keys) >= _MOST:
            self._keys.popitem(last=False)
        token = PREFIX + secrets.token_urlsafe(32)
        key = self._keys[token] = Ephemeral(owner, int(now) + seconds, session)
        return token, key

    def find(self, token: str) -> Ephemeral[_Owner] | None:
        """The key, if it is one and has not expired."""
        key = self._keys.get(token)
        return key if key is not None and key.expires_at > self._clock() else None
