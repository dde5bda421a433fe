"""What keys and addresses may use, by a clock of the test's own."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.server.ephemeral import EphemeralKeys
from voicebox.server.headroom import Headroom
from voicebox.server.http_errors import HttpError
from voicebox.server.keys import Limits
from voicebox.server.quotas import Quotas, Rate


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=60))
def test_no_minute_has_more_than_may_be(per_minute: int, steps: list[float]) -> None:
    clock = Clock(0.0)
    rate = Rate(per_minute, clock)
    taken: list[float] = []
    for step in steps:
        clock.now += step
        wait_s = rate.take("x")
        if not wait_s:
            taken.append(clock.now)
        else:
            assert 0 < wait_s < 60.001
            assert len([at for at in taken if at > clock.now - 60]) == per_minute
    assert all(len([at for at in taken if begin <= at < begin + 60]) <= per_minute for begin in taken)


def test_names_do_not_share_a_rate_and_nought_is_no_limit() -> None:
    rate = Rate(1, Clock())
    assert (rate.take("a"), rate.take("b")) == (0.0, 0.0)
    assert rate.take("a") == 60.0
    free = Rate(0, Clock())
    assert not any(free.take("a") for _ in range(100))


def test_requests_per_minute() -> None:
    clock = Clock()
    quotas = Quotas(Limits(requests_per_minute=2), clock=clock)
    quotas.request()
    clock.now += 10
    quotas.request()
    with pytest.raises(HttpError, match="2 requests a minute") as caught:
        quotas.request()
    assert (caught.value.status, caught.value.headers["retry-after"]) == (429, "50")
    clock.now += 50
    quotas.request()


def test_sessions_at_once() -> None:
    quotas = Quotas(Limits(sessions=1))
    with quotas.session(), pytest.raises(HttpError, match="1 sessions at once"), quotas.session():
        pass
    with quotas.session():
        pass


def test_minutes_start_anew_with_the_day() -> None:
    clock = Clock(86_400.0 * 3 + 1_000)
    quotas = Quotas(Limits(minutes_per_day=2), today=clock)
    assert quotas.left_s == 120
    quotas.spend(100)
    quotas.spend(100)
    with pytest.raises(HttpError, match="its 2 minutes of today") as caught:
        quotas.spend(1)
    assert int(caught.value.headers["retry-after"]) == 86_400 - 1_000 + 1
    with pytest.raises(HttpError), quotas.session():
        pass
    clock.now += 86_400
    quotas.spend(1)
    assert quotas.left_s == 119


def test_an_ephemeral_key_expires() -> None:
    clock = Clock()
    keys: EphemeralKeys[str] = EphemeralKeys(clock)
    token, key = keys.create("owner", 60, {"type": "realtime"})
    assert token.startswith("ek_")
    assert key.expires_at == clock.now + 60
    assert keys.find(token) == key
    clock.now += 60
    assert keys.find(token) is None


def test_lateness_is_remembered_for_some_seconds() -> None:
    clock, waiting = Clock(), 0.0
    room = Headroom(250, lambda: waiting, clock)
    assert not room.short
    room.sample(0.4)
    assert (room.short, room.lag_ms) == (True, 400)
    clock.now += 1
    room.sample(0.0)
    assert room.short
    clock.now += 1
    room.sample(0.0)
    assert not room.short
    waiting = 0.3
    room.sample(0.0)
    assert room.short
    assert not Headroom(0, lambda: 9.0, clock).short
    clock.now += 60
    assert room.lag_ms == 0
