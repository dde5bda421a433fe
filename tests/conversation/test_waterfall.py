from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conversation.call import Call
from voicebox.conversation import events as e
from voicebox.conversation.waterfall import Marks, moments, stages

_TIMES = st.none() | st.floats(0.0, 5.0)


@given(st.floats(0.0, 2.0), st.floats(0.0, 2.0), _TIMES, _TIMES, _TIMES, _TIMES, _TIMES)
def test_stages_add_up_and_none_is_negative(
    last: float,
    wait: float,
    text: float | None,
    decided: float | None,
    first: float | None,
    ready: float | None,
    sent: float | None,
) -> None:
    marks = Marks(last, last + wait, None, text, decided, first, ready, sent)
    found = stages(marks)
    total = found.pop("total_ms")
    assert all(ms >= 0 for ms in found.values())
    assert sum(found.values()) == pytest.approx(total, abs=1.0)
    reached = max(at for at in (last + wait, text, decided, first, ready, sent) if at is not None)
    assert total == pytest.approx(1000 * (reached - last), abs=1.0)


def test_what_was_ready_before_the_end_of_the_turn_costs_nothing() -> None:
    marks = Marks(1.0, 1.25, 1.03, 1.18, 1.19, 1.19, 1.22, 1.252, 1.252)
    assert stages(marks) == {
        "endpoint_ms": 250.0,
        "stt_ms": 0.0,
        "decision_ms": 0.0,
        "first_text_ms": 0.0,
        "tts_first_ms": 0.0,
        "send_ms": 2.0,
        "total_ms": 252.0,
    }
    assert moments(marks) == {
        "decode_ms": 30.0,
        "text_ms": 180.0,
        "decided_ms": 190.0,
        "first_text_ms": 190.0,
        "ready_ms": 220.0,
        "closed_ms": 250.0,
        "sent_ms": 252.0,
        "heard_ms": 252.0,
    }


def test_what_did_not_happen_is_left_out() -> None:
    assert moments(Marks(1.0, 1.5)) == {"closed_ms": 500.0}


async def test_every_answered_turn_has_a_record_that_says_why_it_ended() -> None:
    call = Call()
    await call.speak("turn on the light")
    await call.wait(0.4)
    await call.speak("turn it off again")
    await call.wait(2.0)
    first, second = call.seen(e.TurnRecord)
    assert (first.turn, second.turn) == ("turn_1", "turn_2")
    assert first.endpoint == second.endpoint == "complete"
    assert first.speculated
    assert first.guesses >= 1
    assert first.guesses - first.wasted == second.guesses - second.wasted == 1
    assert first.moments["decode_ms"] < first.moments["closed_ms"] <= first.moments["sent_ms"]
    assert first.moments["heard_ms"] == first.moments["sent_ms"]
    assert first.cost == 0
    await call.session.close()
