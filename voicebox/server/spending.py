"""Sessions on the account of a key: what larger models cost counts against its dollars of the day."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from voicebox.conversation.events import SessionEvent, TierAsked
from voicebox.conversation.ports import Emit, SessionOptions, SessionPort
from voicebox.server.quotas import Quotas
from voicebox.transports.realtime.websocket import SessionFactory

__all__ = ["Limit", "account", "on_account"]

Limit = Callable[[str, Callable[[], float | None]], None]
"""Tells the engines that a session may spend no more than this, whenever they ask."""

account: ContextVar[Quotas | None] = ContextVar("account", default=None)
"""Whose call it is: set by the server before the transport makes the session, in the same task or its parent."""


def on_account(sessions: SessionFactory, limit: Limit) -> SessionFactory:
    """Sessions whose costs are paid by the account of their call, and that ask what is left of it.

    Once that is nothing, what costs money is not asked any more, and the session goes on with the rest.
    """

    def session(emit: Emit, options: SessionOptions) -> SessionPort:
        quotas = account.get()
        if quotas is None or quotas.limits.usd_per_day is None:
            return sessions(emit, options)

        def watched(event: SessionEvent) -> None:
            if isinstance(event, TierAsked):
                quotas.pay(event.cost_usd or 0.0)
            emit(event)

        made = sessions(watched, options)
        limit(made.id, lambda: quotas.left_usd)
        return made

    return session
