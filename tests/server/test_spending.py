"""Dollars of a key: over calls, and over chat."""

from __future__ import annotations

import pytest

from voicebox.conversation.events import SessionEvent, TierAsked
from voicebox.conversation.ports import Emit, SessionOptions
from voicebox.routing.attempt import Attempt
from voicebox.routing.ledger import Ledger
from voicebox.server.keys import Limits
from voicebox.server.quotas import Quotas
from voicebox.server.spending import account, on_account

ASKED = TierAsked("turn_1", "big", "m", "answered", "", 1.0, 2.0, 10, 0, 5, 0.6, False, False)
TRY = Attempt("big", "m", False, "answered", "", 1.0, 2.0, None, 0.6, heard=True)


class Session:
    def __init__(self, id: str, emit: Emit) -> None:
        self.id, self.emit = id, emit


def test_what_one_session_spends_another_of_the_key_cannot() -> None:
    day = 86_400.0 * 20_000
    clock = [day]
    quotas = Quotas(Limits(usd_per_day=1.0), today=lambda: clock[0])
    ledger, seen, made = Ledger(), list[SessionEvent](), list[Session]()

    def sessions(emit: Emit, options: SessionOptions) -> Session:
        session = Session(f"s{len(made)}", emit)
        made.append(session)
        ledger.open(session.id)
        return session

    factory = on_account(sessions, ledger.limit)  # type: ignore[arg-type]
    account.set(quotas)
    for _ in range(2):
        factory(seen.append, SessionOptions())
    assert [ledger.budget(session.id).left_usd for session in made] == [1.0, 1.0]
    made[0].emit(ASKED)
    assert seen == [ASKED]
    assert [ledger.budget(session.id).left_usd for session in made] == [pytest.approx(0.4)] * 2
    made[1].emit(ASKED)
    assert all(ledger.budget(session.id).spent for session in made)
    clock[0] += 86_400
    assert ledger.budget("s0").left_usd == 1.0, "another day"


def test_a_key_without_a_limit_is_not_watched() -> None:
    account.set(Quotas(Limits()))
    emit = [].append
    ledger = Ledger(session_usd=2.0)

    def sessions(given: Emit, options: SessionOptions) -> Session:
        assert given == emit
        return Session("s", given)

    on_account(sessions, ledger.limit)(emit, SessionOptions())  # type: ignore[arg-type]
    account.set(None)


def test_the_tighter_of_two_bounds_holds() -> None:
    ledger = Ledger(session_usd=0.5)
    ledger.open("s")
    ledger.limit("s", lambda: 2.0)
    ledger.limit("nobody", lambda: 0.0)
    assert ledger.budget("s").left_usd == 0.5
    ledger.limit("s", lambda: 0.1)
    assert ledger.budget("s").left_usd == 0.1
